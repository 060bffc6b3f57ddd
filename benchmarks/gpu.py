"""Measures all that waits for a GPU, the most valuable first, in a given time.

usage: python benchmarks/gpu.py [--minutes 9] [--quick] [--out FOLDER] [--only NAME ...] [--rehearse]
Each check is a process with a deadline and writes its rows at once, so that a kill loses only the row in progress. Checks
that are done in FOLDER are not repeated: a second call continues with the rest. At the end FOLDER has table.md and results.json.
The model has random weights of Qwen2.5-3B's shape, and half of the completions, by chance, are rewarded; if Qwen2.5-3B and
GSM8K are in the hub's cache, the runs use those. --quick: the first checks, with fewer steps, in 3 minutes. --rehearse: tiny
shapes, and no run stops when its proof is refuted, for a simulated GPU, whose samples have nothing to do with the model.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from schedule import DONE, FAILED, Check, Outcome, run_all, why  # noqa: E402

from r1rl.models.source import cached  # noqa: E402
from r1rl.runs.folder import commit  # noqa: E402
from r1rl.system.redact import redact  # noqa: E402

CHECKS = Path(__file__).with_name("gpu_checks.py")
REAL_MODEL, REAL_DATA = "Qwen/Qwen2.5-3B", "openai/gsm8k"
# The checks that fail on a simulated GPU: why, and a part of their last line then.
EXPECTED = {
    "trl": ("TRL's loss is a Triton kernel, which needs a GPU", "launcher_cls"),
    "engine-sleep": ("vLLM maps the memory of a sleeping cache by the driver", "CUDA driver version is insufficient"),
    "suffix-decoding": ("the simulated stack has no arctic-inference", "arctic-inference"),
}
QUICK = ("environment", "model", "default", "plan", "completions-64", "completions-128")
# Unsloth's switches: (what, variables of its release 2026.10.9, flags).
SWITCHES = {
    "no-packing": ("without Unsloth's sequence packing", {"UNSLOTH_GRPO_SEQ_PACKING": "0"}, ()),
    "folded": ("bfloat16, the adapter folded into the engine's weights", {}, ("--no-load-in-4bit",)),
    "not-folded": ("bfloat16, the adapter next to them", {"UNSLOTH_VLLM_MERGED_ROLLOUT": "0"}, ("--no-load-in-4bit",)),
    "engine-sleep": ("the engine's cache freed during the update", {}, ("--engine-sleep",)),
    "suffix-decoding": ("tokens guessed from earlier completions", {}, ("--suffix-decoding",)),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Sizes of all checks."""

    shape: str = "3B"
    tokens: int = 512
    steps: int = 20  # of the default run
    few: int = 3  # of the others
    many: tuple[int, ...] = (64, 128)  # completions a step
    rows: int = 16  # completions of a pass, in the rows of benchmarks/step.py
    patience: float = 1.0  # factor of each check's deadline


# A CPU is slow. And from 2 MiB on, Unsloth moves a layer's input of a pass to main memory, by the index of its GPU, which a
# tensor of a simulated GPU does not have.
REHEARSED = Sizes(shape="2M", tokens=48, steps=3, few=2, rows=4, patience=5.0)


def checks(folder: Path, sizes: Sizes, rehearse: bool, real: bool) -> list[Check]:
    """Returns all checks, the most valuable first."""
    models, runs = str(folder / "models"), str(folder / "runs")
    name = REAL_MODEL if real else f"{models}/shape-{sizes.shape}"
    made = None if real else "model"

    def check(name: str, what: str, *arguments: object, seconds: float, **more: Any) -> Check:
        command = (sys.executable, str(CHECKS), *map(str, arguments))
        return Check(name, what, command, sizes.patience * seconds, expected=EXPECTED.get(name), **more)

    def run(name: str, what: str, *flags: str, kind: str = "train", seconds: float = 120, steps: int = sizes.few,
            least: float = 40, flags_of=lambda *given: run_flags(*given), **more: Any) -> Check:  # fmt: skip
        whole = flags_of(model_of_runs, sizes, steps, rehearse, real) + list(flags)
        return check(name, what, kind, runs, name, *whole, seconds=seconds, least=least, **{"after": made, **more})

    def row(name: str, what: str, role: str, completions: int, **more: Any) -> Check:
        arguments = ("row", runs, name, role, model_of_runs, completions, sizes.tokens, sizes.few, sizes.rows)
        return check(name, what, *arguments, seconds=150, least=40, after=made, **more)

    model_of_runs = name
    default = run("default", f"the default recipe, {sizes.steps} steps", seconds=240, steps=sizes.steps, least=60)
    many = sizes.many[0]
    return [
        check("environment", "the card, matrix products, copies", "environment", seconds=60),
        *([] if real else [check("model", f"a random {sizes.shape} model", "model", sizes.shape, models, seconds=90)]),
        default,
        dataclasses.replace(
            default, name="plan", what="the plan of this run against what it measured", least=5,
            after="default", command=tuple("plan" if part == "train" else part for part in default.command),
        ),
        *(row(f"completions-{n}", f"{n} completions a step, 4 bit", "ours 4 bit", n) for n in sizes.many),
        row("bf16", f"{many} completions a step, bfloat16", "ours bf16", many),
        row("bare-engine", f"vLLM alone, {many} completions", "bare engine", many),
        row("bare-update", f"forward, backward and AdamW alone, {many} completions", "bare update", many),
        row("completions-16", "16 completions a step, 4 bit", "ours 4 bit", 16),
        row("published", "R1RL's configuration as published", "published", 16),
        row("trl", f"TRL + vLLM colocate in bfloat16, {many} completions", "trl", many),
        run("fast", "the recipe fast: 64 completions, 16 learned", flags_of=fast_flags),
        run("stop", "a stop while sampling, and resume", kind="stop", seconds=240, steps=4, least=100),
        run("ppo", "PPO", *PPO, seconds=150),
        run("sft", "fine-tuning", flags_of=sft_flags),
        run("correction", "--importance-correction and --beta", "--importance-correction", "--beta", "0.01"),
        *(run(name, what, *flags, environment=given) for name, (what, given, flags) in SWITCHES.items()),
        *([run("evaluation", "GSM8K, 200 problems", "--eval-count", "200", steps=1, seconds=240)] if real else []),
    ]  # fmt: skip


PPO = ("--algorithm", "ppo", "--num-generations", "4", "--update-chunk", "4", "--learning-rate", "1e-5")


def data_flags(model: str, rehearse: bool, real: bool) -> list[str]:
    """Returns model and data of a run: real ones from the hub's cache, else what this machine has."""
    data = [] if real else ["--dataset-name", "word-problems"]
    data += ["--guard", "sync=warn"] if rehearse else []
    return ["--model-name", model, *data, "--save-steps", "1000", "--eval-count", "32", "--no-eval-on-start"]


def run_flags(model: str, sizes: Sizes, steps: int, rehearse: bool, real: bool) -> list[str]:
    """Returns the flags of a run with reinforcement learning."""
    flags = [*data_flags(model, rehearse, real), "--max-steps", str(steps), "--add-reasoning-prefix"]
    flags += ["--max-completion-length", str(sizes.tokens)]
    return flags + ([] if real else ["--reward", f"{CHECKS.with_name('coin.py')}:coin"])


def fast_flags(model: str, sizes: Sizes, steps: int, rehearse: bool, real: bool) -> list[str]:
    """Returns the flags of a run of the recipe `fast`."""
    return ["--recipe", "fast", *run_flags(model, sizes, steps, rehearse, real)]


def sft_flags(model: str, sizes: Sizes, steps: int, rehearse: bool, real: bool) -> list[str]:
    """Returns the flags of a fine-tuning; its steps have 4 solutions each."""
    return [*data_flags(model, rehearse, real), "--mode", "sft", "--max-samples", str(4 * steps)]


# ---- the table


def measured(outcome: Outcome) -> str:
    """Returns the numbers of a check in one line."""
    parts = []
    for row in outcome.rows:
        match row["kind"]:
            case "environment":
                parts.append(f"{row['gpu']}, {row['gib']} GiB, CUDA {row['cuda']}")
            case "peak" if "tflops" in row:
                parts.append(f"{row['tflops']:.4g} TFLOP/s")
            case "peak":
                parts.append(f"{row['gb_s']:.4g} GB/s")
            case "model":
                parts.append(f"{row['gib']} GiB in {row['seconds']} s")
            case "plan" if row["planned"] is not None:
                ratio = row["measured"] / row["planned"]
                parts.append(f"{row['what']}: {row['planned']} by plan, {row['measured']} measured ({ratio:.2f})")
            case "stop":
                parts.append(f"ended {row['seconds']} s after the interrupt with {row['exit_code']}")
            case "start":
                parts.append(f"started in {row['seconds']} s")
            case "evaluation":
                parts.append(f"{row['correct']} of {row['problems']} right in {row['evaluation_seconds']} s")
    verdicts = [row["verdict"] for row in outcome.rows if row["kind"] == "proof"]
    if verdicts:
        counts = {verdict: verdicts.count(verdict) for verdict in dict.fromkeys(verdicts)}
        parts.append("proof: " + ", ".join(f"{n} {verdict}" for verdict, n in counts.items()))
    works: dict[str, list[dict[str, Any]]] = {}
    for row in outcome.rows:
        if row["kind"] == "step":
            works.setdefault(row.get("work", ""), []).append(row)
    return "; ".join([*parts, *(step_words(work, rows) for work, rows in works.items())])


def step_words(work: str, rows: Sequence[dict[str, Any]]) -> str:
    """Returns the median step with its parts; of a run without its first step, which warms up."""
    rows = rows[1:] if not work and len(rows) > 1 else rows
    seconds = [row.get("seconds", row.get("step_seconds")) for row in rows]
    words = f"{work + ' lengths: ' if work else ''}{len(rows)} steps, {median(seconds):.3g} s"
    if len(rows) > 1:
        words += f" ({min(seconds):.3g} to {max(seconds):.3g})"
    if "completions" in rows[0]:
        words += f", {sum(row['completions'] for row in rows) / sum(seconds):.3g} completions/s"
    parts = {name for row in rows for name in row.get("parts", {})}
    shares = {name: sum(row.get("parts", {}).get(name, 0.0) for row in rows) / sum(seconds) for name in parts}
    shown = sorted(shares, key=shares.get, reverse=True)[:3]
    words += "".join(f", {name} {shares[name]:.0%}" for name in shown)
    peaks = [peak for row in rows if (peak := row.get("gpu_gib", row.get("peak_memory_gib"))) is not None]
    return words + (f", peak {max(peaks):.1f} GiB" if peaks else "")


def table(outcomes: Sequence[Outcome]) -> str:
    """Returns the Markdown table, and below it a line for each check that is not done."""
    lines = ["| check | what | state | seconds | measured |", "| --- | --- | --- | --- | --- |"]
    for o in outcomes:
        cells = (o.name, o.what, o.state, f"{o.seconds:.0f}" if o.seconds else "", measured(o))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    lost = [f"- {o.name} {o.state}{why(o)}" for o in outcomes if o.state != DONE]
    return redact("\n".join([*lines, "", *lost]).rstrip())


def main() -> int:
    """Runs the checks, prints the table and writes it. Returns 1 if a check failed for a reason that is not expected."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, help="of all checks together (default: 9, with --quick 3)")
    parser.add_argument("--quick", action="store_true", help="the first checks, with fewer steps")
    parser.add_argument("--out", type=Path, default=Path("gpu-results"), help="folder for rows, logs and table")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="these checks alone, and what they need")
    parser.add_argument("--rehearse", action="store_true", help="tiny shapes, for a simulated GPU")
    args = parser.parse_args()
    minutes = args.minutes or (3.0 if args.quick else 9.0)
    if not (math.isfinite(minutes) and minutes > 0):
        parser.error(f"--minutes {minutes} must be above 0")
    began, folder = time.monotonic(), args.out.resolve()
    (folder / "models").mkdir(parents=True, exist_ok=True)
    sizes = REHEARSED if args.rehearse else Sizes()
    sizes = dataclasses.replace(sizes, steps=min(sizes.steps, 8), few=2) if args.quick else sizes
    real = not args.rehearse and any(cached(REAL_MODEL, "*.safetensors")) and any(cached(REAL_DATA, "*", "datasets"))
    chosen = choose(checks(folder, sizes, args.rehearse, real), args.only or (QUICK if args.quick else None))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the running check ends, too
    os.chdir(folder)  # Unsloth and TRL write into the current folder
    outcomes = run_all(chosen, folder, 60 * minutes, lambda text: print(redact(text), flush=True), args.rehearse)
    text = table(outcomes)
    about = {"date": time.strftime("%Y-%m-%d"), "commit": commit(), "seconds": round(time.monotonic() - began),
             "minutes": minutes, "quick": args.quick, "rehearsed": args.rehearse, "real_weights": real}  # fmt: skip
    result = {"about": about, "sizes": dataclasses.asdict(sizes), "checks": [dataclasses.asdict(o) for o in outcomes]}
    (folder / "results.json").write_text(redact(json.dumps(result)) + "\n", encoding="utf-8")
    (folder / "table.md").write_text(text + "\n", encoding="utf-8")
    print(f"\n{text}\n\n{about['seconds']} s in all; written to {folder}/table.md and results.json")
    return 1 if any(o.state == FAILED for o in outcomes) else 0


def choose(whole: Sequence[Check], names: Sequence[str] | None) -> list[Check]:
    """Returns the named checks and those that they need. Raises SystemExit for an unknown name."""
    if names is None:
        return list(whole)
    known = {check.name: check for check in whole}
    if unknown := sorted(set(names) - known.keys() - {"model"}):
        raise SystemExit(f"unknown check {', '.join(unknown)}: the checks are {', '.join(known)}")
    wanted = set(names)
    for _ in known:  # what they need, and what that needs
        wanted |= {known[name].after for name in wanted if name in known and known[name].after}
    return [check for check in whole if check.name in wanted]


if __name__ == "__main__":
    sys.exit(main())
