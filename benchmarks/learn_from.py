"""Measures accuracy against time with --learn-from: rules and numbers of completions against plain GRPO, in three seeds.

usage: python benchmarks/learn_from.py [--recipes tiny laptop] [--only NAME ...] [--seeds 3] [--steps N] [--dumps DIR]
Each run is a process; a finished run in --dumps is not run again, so the benchmark can be continued. A recipe with a warm
start fine-tunes once, and all its runs begin there. --steps: those of plain GRPO; the others get half as many more. Time is
that of training steps, without start and evaluations. Writes learn_from.json next to this file and prints tables as
Markdown. --only: arms, as in `plain` or `max-variance 32`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

from scipy.stats import t

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from r1rl.config.flags import LEARN_RULES, Config  # noqa: E402
from r1rl.config.recipes import overrides  # noqa: E402
from r1rl.pipeline.sft import is_done  # noqa: E402
from r1rl.runs.dump import EVALUATIONS, METRICS, read_lines  # noqa: E402

FIRST_SEED = 3407
# Runs that learn from less take less time per step, so they get more steps: about the time of plain GRPO.
MORE_STEPS = 1.5
EVERY = {"tiny": 5, "laptop": 2}  # steps between evaluations
FLAGS = {"tiny": ("--add-reasoning-prefix",), "laptop": ()}


@dataclass(frozen=True)
class Arm:
    """One way to learn: a rule and the completions that a step learns from; None: all."""

    rule: str | None = None
    count: int | None = None

    @property
    def name(self) -> str:
        """As --only has it, and in the tables."""
        return "plain" if self.rule is None else f"{self.rule} {self.count}"

    def flags(self) -> list[str]:
        """Returns the flags of main.py."""
        return [] if self.rule is None else ["--learn-from", str(self.count), "--learn-rule", self.rule]


@dataclass(frozen=True)
class Curve:
    """Accuracy of one run at its evaluations, by the seconds of the training steps before them."""

    seconds: list[float]
    accuracies: list[float]

    def time_to(self, accuracy: float) -> float | None:
        """Returns the seconds at which the line through the evaluations first reaches an accuracy; None: never."""
        before = None
        for point in zip(self.seconds, self.accuracies):
            if point[1] >= accuracy:
                if before is None:
                    return point[0]
                share = (accuracy - before[1]) / (point[1] - before[1])
                return before[0] + share * (point[0] - before[0])
            before = point
        return None


def main() -> None:
    """Runs what is missing, writes the JSON and prints a table per recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipes", nargs="+", choices=tuple(EVERY), default=list(EVERY))
    parser.add_argument("--only", nargs="+", metavar="NAME", help="arms to run; default: all")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="optimizer steps of plain GRPO; default: the recipe's")
    parser.add_argument("--dumps", type=Path, default=Path("dumps/learn_from"))
    parser.add_argument("-o", type=Path, default=Path(__file__).with_name("learn_from.json"))
    args = parser.parse_args()
    results = {}
    for recipe in args.recipes:
        arms = [a for a in arms_of(recipe) if args.only is None or a.name in args.only]
        if not arms:
            parser.error(f"--only {' '.join(args.only)}: {recipe} has {', '.join(a.name for a in arms_of(recipe))}")
        curves: dict[str, list[Curve]] = {a.name: [] for a in arms}
        for seed in range(FIRST_SEED, FIRST_SEED + args.seeds):  # arms take turns, as a machine's speed changes
            for arm in arms:
                curves[arm.name].append(curve_of(run(recipe, arm, seed, args.steps, args.dumps)))
            results[recipe] = {name: [vars(c) for c in found] for name, found in curves.items()}
            args.o.write_text(json.dumps(results, indent=1) + "\n")
        print(table(recipe, curves), flush=True)


def arms_of(recipe: str) -> list[Arm]:
    """Returns plain GRPO, and each rule with a half and a quarter of the recipe's completions."""
    whole = Config(**overrides(recipe)).generation_batch_size
    return [Arm(), *(Arm(rule, whole // part) for part in (2, 4) for rule in LEARN_RULES)]


def run(recipe: str, arm: Arm, seed: int, steps: int | None, dumps: Path) -> Path:
    """Runs one training unless its folder is complete. Returns the folder. Raises SystemExit if it fails."""
    settings = overrides(recipe)
    wanted = round((1 if arm.rule is None else MORE_STEPS) * (steps or settings["max_steps"]))
    name = f"{recipe}-{arm.name.replace(' ', '-')}-{seed}"
    folder = dumps / name
    done = list(read_lines(folder / EVALUATIONS))
    if done and done[-1]["step"] == wanted:
        return folder
    common = ["--recipe", recipe, *FLAGS[recipe]]
    place = ["--dumps", str(dumps), "--exp-name", name]
    if settings.get("mode") == "both":
        warm = dumps / f"{recipe}-warm"
        if not is_done(warm):
            main_program([*common, "--mode", "sft", "--sft-output", str(warm), *resuming(warm)], warm)
        place = ["--mode", "rl", "--sft-output", str(warm), "--rl-output", str(folder)]
    length = ["--max-steps", str(wanted), "--eval-steps", str(EVERY[recipe]), "--eval-on-start"]
    main_program([*common, "--seed", str(seed), *place, *length, *arm.flags(), *resuming(folder)], folder)
    return folder


def resuming(folder: Path) -> list[str]:
    """Returns --resume for a run that was begun."""
    return ["--resume"] if (folder / "run.json").is_file() else []


def main_program(arguments: Sequence[str], folder: Path) -> None:
    """Runs main.py; its screen goes to a file next to the run's folder. Raises SystemExit if it fails."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    screen = folder.with_name(f"{folder.name}.txt")
    print(f"main.py {' '.join(arguments)}", file=sys.stderr, flush=True)
    with screen.open("ab") as out:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        code = subprocess.run(
            [sys.executable, str(ROOT / "main.py"), *arguments], stdout=out, stderr=out, env=environment
        ).returncode
    if code:
        raise SystemExit(f"{folder.name} ended with {code}: {screen.read_text(errors='replace')[-2000:]}")


def curve_of(folder: Path) -> Curve:
    """Returns the curve of a finished run."""
    spent, at = 0.0, {0: 0.0}
    for line in read_lines(folder / METRICS):
        spent += line["step_seconds"]
        at[line["step"]] = spent
    evaluated = list(read_lines(folder / EVALUATIONS))
    return Curve([at[e["step"]] for e in evaluated], [e["accuracy"] for e in evaluated])


# ---- the table


def table(recipe: str, curves: dict[str, list[Curve]]) -> str:
    """Returns seconds, final accuracy, and the time to plain GRPO's final accuracy as a share of plain GRPO's own.

    The goal of a seed is the accuracy with which plain GRPO ends in that seed.
    """
    lines = [
        f"\n{recipe}: mean over seeds, with its 95 % t interval",
        "\n| learns from | seconds of training | final accuracy, % | time to plain GRPO's final accuracy, share of its own | seeds that reached it |",
        "| --- | --- | --- | --- | --- |",
    ]
    plain = curves.get("plain", [])
    for name, found in curves.items():
        shares = []
        for own, base in zip(found, plain):
            goal = base.accuracies[-1]
            if (time := own.time_to(goal)) is not None and (whole := base.time_to(goal)):
                shares.append(time / whole)
        lines.append(
            f"| {name} | {with_interval([c.seconds[-1] for c in found], 0)} | "
            f"{with_interval([100 * c.accuracies[-1] for c in found], 1)} | "
            f"{with_interval(shares, 2) if shares else 'none'} | {len(shares)} of {len(found)} |"
        )
    return "\n".join(lines)


def with_interval(values: Sequence[float], digits: int) -> str:
    """Returns the mean with its 95 % t interval; without one for a single value.

    >>> with_interval([1.0, 2.0, 3.0], 1)
    '2.0 (-0.5 to 4.5)'
    """
    mean = fmean(values)
    if len(values) < 2:
        return f"{mean:.{digits}f}"
    half = t.ppf(0.975, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return f"{mean:.{digits}f} ({mean - half:.{digits}f} to {mean + half:.{digits}f})"


if __name__ == "__main__":
    main()
