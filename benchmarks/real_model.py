"""Runs every system of the mission on a real language model on this CPU, with each engine, and prints a table.

usage: python benchmarks/real_model.py --data DIR [--model smollm2-135m] [--only NAME ...] [-o benchmarks/real_model.json]

DIR has the folder gsm8k (train.jsonl, test.jsonl). Sizes are small: a row says whether a system runs from its first to its
last screen with a real vocabulary and chat template, not what it can learn. The pipeline gets sums of two numbers that are
written here, because its later stages need completions that are right, and SmolLM2-135M solves no problem of MATH. More than
an hour on 2 cores. Rows of engines that are not installed are refused by the program, and the table has its message.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from r1rl.runs.dump import EVALUATIONS, FINE_TUNING, METRICS, read_lines

ROOT = Path(__file__).parents[1]
LIMIT = 1800  # seconds for one program
SMALL = ("--eval-count", "16", "--eval-steps", "1000", "--max-prompt-length", "640", "--max-seq-length", "1024",
         "--max-completion-length", "64")  # fmt: skip
STEPS = ("--max-steps", "2", "--per-device-train-batch-size", "16", "--num-generations", "8")
# Flags of each system; {data} is the folder of --data, {sums} that of the problems made here.
SYSTEMS = {
    "default (GSM8K)": ("--is-chat", "--dataset-path", "{data}/gsm8k", *STEPS, *SMALL),
    "kk-curriculum": ("--recipe", "kk-curriculum", "--is-chat", "--stages", "2,3", "--steps-per-stage", "1",
                      "--per-device-train-batch-size", "16", *SMALL, "--eval-count", "14"),
    "gsm8k-sft-rl": ("--recipe", "gsm8k-sft-rl", "--dataset-path", "{data}/gsm8k", "--max-samples", "16",
                     "--num-epochs", "1", *SMALL),
    "cot-safety": ("--recipe", "cot-safety", "--dataset-name", "safety-queries", "--max-samples", "16",
                   "--num-epochs", "1", *SMALL),
    "r1 (eight stages)": ("--recipe", "r1", "--dataset-name", "gsm8k", "--dataset-path", "{sums}", "--general-data", "small-talk",
                          "--student-model", "{model}", "--max-samples", "16", *STEPS, *SMALL,
                          "--stage-settings", "{stages}"),
}  # fmt: skip
ENGINES = {
    "own decoder, float32": ("--engine", "transformers", "--no-unsloth", "--no-load-in-4bit"),
    "own decoder, 4 bit": ("--engine", "transformers", "--no-unsloth", "--load-in-4bit"),
    "vLLM, float32": ("--engine", "vllm", "--no-unsloth", "--no-load-in-4bit"),
    "Unsloth 4 bit, own decoder": ("--engine", "transformers", "--load-in-4bit"),
    "Unsloth 4 bit, vLLM": ("--engine", "vllm", "--load-in-4bit"),
}
# The sizes of the pipeline's stages.
STAGES = {
    "cold-start": {"max_samples": 24, "num_generations": 2, "max_prompt_length": 2048, "max_seq_length": 4096},
    "sft-1": {"num_epochs": 6, "batch_size": 4, "sft_learning_rate": 1e-3},
    "rejection": {"max_samples": 24, "num_generations": 4},
    "sft-2": {"num_epochs": 1, "batch_size": 4},
    "distill": {"num_epochs": 1, "batch_size": 4},
    "zero": {"max_steps": 1},
    "rl-reasoning": {"max_steps": 1},
    "rl-final": {"max_steps": 1},
}


@dataclass
class Row:
    """One system with one engine."""

    system: str
    engine: str
    exit_code: int
    steps: int  # of training, in all runs of the system
    seconds: float  # of the whole program
    step_seconds: float | None  # median
    memory_gib: float  # peak of the largest process
    result: str  # the last evaluation, or the message of the program


def main() -> None:
    """Runs the systems that --only selects and prints the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--only", nargs="*", default=[""], help="parts of the names of systems or engines")
    parser.add_argument("-o", type=Path, default=Path(__file__).with_name("real_model.json"))
    args = parser.parse_args()
    rows = []
    print("| system | engine | steps | s a step | whole program | peak memory | what came out |\n" + "| --- " * 7 + "|")
    for system, flags in SYSTEMS.items():
        for engine, chosen in ENGINES.items():
            if not any(part in f"{system}, {engine}" for part in args.only):
                continue
            with tempfile.TemporaryDirectory() as folder:
                rows.append(run(system, engine, (*flags, *chosen), args, Path(folder)))
            print(line(rows[-1]), flush=True)
            args.o.write_text(json.dumps([asdict(row) for row in rows], indent=1))


def run(system: str, engine: str, flags: tuple[str, ...], args: argparse.Namespace, folder: Path) -> Row:
    """Runs one system to its end and reads what it left."""
    stages = folder / "stages.json"
    stages.write_text(json.dumps(STAGES))
    sums = write_sums(folder)
    filled = [f.format(data=args.data, sums=sums, model=args.model, stages=stages) for f in flags]
    command = [
        sys.executable,
        str(ROOT / "main.py"),
        *filled,
        "--model-name",
        args.model,
        "--dumps",
        str(folder / "dumps"),
    ]
    start = time.monotonic()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "HF_HUB_OFFLINE": "1"}
    with (folder / "screen.txt").open("wb") as screen:
        process = subprocess.Popen(
            ["/usr/bin/env", "timeout", str(LIMIT), *command], stdout=screen, stderr=screen, env=environment
        )
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    code = os.waitstatus_to_exitcode(status)
    times, steps = [], 0
    for name in (METRICS, FINE_TUNING):
        for path in (folder / "dumps").rglob(name):
            lines = list(read_lines(path))
            steps += len(lines)
            times += [x["step_seconds"] for x in lines if "step_seconds" in x]
    text = (folder / "screen.txt").read_text(errors="replace")
    step = median(times) if times else None
    return Row(system, engine, code, steps, seconds, step, usage.ru_maxrss / 2**20, outcome(folder, text, code))


def write_sums(folder: Path) -> Path:
    """Writes train.jsonl and test.jsonl in the format of GSM8K. Returns their folder."""
    sums = folder / "sums"
    sums.mkdir()
    pairs = [(a, b) for a in range(2, 12) for b in range(2, 12)]
    random.Random(0).shuffle(pairs)
    for name, part in (("train", pairs[:80]), ("test", pairs[80:])):
        rows = ({"question": f"What is {a} + {b}?", "answer": f"{a} + {b} = {a + b}.\n#### {a + b}"} for a, b in part)
        (sums / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return sums


def outcome(folder: Path, text: str, code: int) -> str:
    """Returns the last evaluation, or the last line of the screen if the program failed."""
    lines = [re.sub(r"\s+", " ", x).strip() for x in text.splitlines() if x.strip()]
    if code:
        return lines[-1][:200] if lines else "no output"
    found = sorted((folder / "dumps").rglob(EVALUATIONS), key=lambda path: path.stat().st_mtime)
    if not found:
        return lines[-1][:200]
    last = list(read_lines(found[-1]))[-1]
    return f"{last['correct']} / {last['problems']} correct, {last['mean_tokens']:.0f} tokens"


def line(row: Row) -> str:
    """Returns a row of the table."""
    step = "" if row.step_seconds is None else f"{row.step_seconds:.1f} s"
    result = row.result if row.exit_code == 0 else f"exit {row.exit_code}: {row.result}"
    whole = f"{row.seconds / 60:.1f} min"
    return f"| {row.system} | {row.engine} | {row.steps} | {step} | {whole} | {row.memory_gib:.1f} GiB | {result} |"


if __name__ == "__main__":
    main()
