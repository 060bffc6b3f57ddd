"""Compares the memory plan and the time plan with runs of a real language model on this CPU, and prints a table.

usage: python benchmarks/plan_real.py [--model smollm2-135m] [--only TEXT ...] [-o benchmarks/plan_real.json]

Three precisions, three numbers of completions a step, two lengths: one run of three steps for each, with the trial. Rewards are given
by chance, so that every group has a signal and the update learns from all completions, as the plan assumes. The measured
memory is the peak of the process, the measured time the mean step without the first, which warms up. The time plan is asked for the
mean length that was sampled, as a plan cannot know it, and the trial is what the run said before step 1. 40 minutes on 2 idle cores.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from gpu_checks import planned  # noqa: E402

from r1rl.preflight.memory_parts import GIB  # noqa: E402
from r1rl.preflight.time_plan import speed_of, step_seconds  # noqa: E402
from r1rl.runs.dump import METRICS, read_lines  # noqa: E402

PRECISIONS = {
    "float32": ("--no-load-in-4bit", "--sampler-dtype", "float32"),
    "bfloat16 sampler": ("--no-load-in-4bit", "--sampler-dtype", "bfloat16"),
    "4 bit": ("--load-in-4bit",),
}
COMPLETIONS, TOKENS = (16, 32, 64), (64, 128)
STEPS, FIRST = 3, 1
COMMON = (
    "--dataset-name", "word-problems", "--lora-rank", "32", "--num-generations", "8", "--no-unsloth", "--engine", "transformers",
    "--no-eval-on-start", "--eval-count", "8", "--max-steps", str(STEPS), "--save-steps", "1000", "--eval-steps", "1000",
    "--reward", f"{Path(__file__).with_name('coin.py')}:coin",
)  # fmt: skip


@dataclass
class Row:
    """What was planned and measured of one run; memory in GiB, times in seconds a step."""

    precision: str
    completions: int
    tokens: int
    mean_tokens: float
    memory_plan: float
    memory: float
    time_plan: float
    trial: float
    time: float
    parts: dict[str, float]  # of the mean step


def main() -> None:
    """Runs the points that --only selects and prints the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--only", nargs="*", default=[""], help="parts of the names, as 'float32, 16 x 64'")
    parser.add_argument("-o", type=Path, default=Path(__file__).with_name("plan_real.json"))
    args = parser.parse_args()
    rows = []
    print("| precision | completions x tokens (mean) | memory: plan, measured, GiB | step: plan, trial, measured, s |")
    print("| --- " * 4 + "|")
    for precision, flags in PRECISIONS.items():
        for tokens in TOKENS:
            for completions in COMPLETIONS:
                name = f"{precision}, {completions} x {tokens}"
                if any(part in name for part in args.only):
                    rows.append(measure(precision, completions, tokens, (*COMMON, *flags, "--model-name", args.model)))
                    print(line(rows[-1]), flush=True)
                    args.o.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


def measure(precision: str, completions: int, tokens: int, flags: tuple[str, ...]) -> Row:
    """Runs one point. Raises RuntimeError, with the end of the screen, if the run fails."""
    flags = (*flags, "--per-device-train-batch-size", str(completions), "--max-completion-length", str(tokens))
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "main.py"), *flags, "--dumps", folder, "--exp-name", "point"]
        with Path(folder, "screen.txt").open("wb") as screen:
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "300"}
            process = subprocess.Popen(command, stdout=screen, stderr=screen, env=environment)
            _, status, usage = os.wait4(process.pid, 0)
        text = Path(folder, "screen.txt").read_text(errors="replace")
        trial = re.search(r"so about ([\d.]+) s a step", text)
        if status or trial is None:
            raise RuntimeError(f"{precision}, {completions} x {tokens} failed:\n{text[-1500:]}")
        lines = list(read_lines(Path(folder, "point", METRICS)))
    config, shape, place, memory = planned(flags)
    lines = lines[FIRST:]
    mean = fmean(x["mean_tokens"] for x in lines)
    return Row(
        precision, completions, tokens, mean,
        memory_plan=memory.needed / GIB, memory=usage.ru_maxrss / 2**20,
        time_plan=step_seconds(config, memory, speed_of(config, shape, place), mean / tokens),
        trial=float(trial[1]), time=fmean(x["step_seconds"] for x in lines),
        parts={name: fmean(x["parts"].get(name, 0.0) for x in lines) for name in lines[-1]["parts"]},
    )  # fmt: skip


def line(row: Row) -> str:
    """Returns a row of the table; in brackets the plan divided by what was measured."""
    memory = f"{row.memory_plan:.1f}, {row.memory:.1f} ({row.memory_plan / row.memory:.2f})"
    time = f"{row.time_plan:.1f} ({row.time_plan / row.time:.2f}), {row.trial:.1f} ({row.trial / row.time:.2f}), {row.time:.1f}"
    return f"| {row.precision} | {row.completions} x {row.tokens} ({row.mean_tokens:.0f}) | {memory} | {time} |"


if __name__ == "__main__":
    main()
