"""Kills a small run of recipe r1-tiny in each of its eight stages, resumes it, and compares it with an uninterrupted one.

usage: python benchmarks/kill_stages.py [FOLDER]     (a few minutes; default: a new temporary folder)
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from r1rl.config.names import STAGES
from r1rl.runs.dump import read_lines
from r1rl.runs.metric_names import TIMES

ROOT = Path(__file__).parents[1]
SIZES = {"cold-start": {"max_samples": 24}, "rejection": {"max_samples": 48}}
FLAGS = ("--max-steps", "4", "--save-steps", "2", "--num-epochs", "1", "--eval-count", "20", "--num-generations", "4",
         "--per-device-train-batch-size", "16", "--no-unsloth", "--engine", "transformers")  # fmt: skip
# File whose appearance shows that a stage is running; the stage is then killed.
SIGNS = {"cold-start": "rollouts.jsonl", "rejection": "rollouts.jsonl"}


def command(folder: Path, name: str) -> list[str]:
    """Returns the command of one run of the pipeline."""
    settings = folder / "sizes.json"
    settings.write_text(json.dumps(SIZES))
    return [sys.executable, str(ROOT / "main.py"), "--recipe", "r1-tiny", "--dumps", str(folder), "--exp-name", name,
            "--stage-settings", str(settings), *FLAGS]  # fmt: skip


def start(arguments: list[str], log: Path) -> subprocess.Popen:
    """Starts the program in its own process group, so that a kill ends parent and stage."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    with log.open("ab") as file:
        return subprocess.Popen(arguments, stdout=file, stderr=file, env=environment, start_new_session=True)


def kill_in(stage: Path, sign: str, process: subprocess.Popen) -> int:
    """Sends SIGKILL as soon as the stage's file appears. Returns the number of lines in its dump."""
    while not any(stage.glob(sign)):
        if process.poll() is not None:
            raise SystemExit(f"the run ended with {process.returncode} before {stage.name} began")
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return sum(1 for path in stage.rglob("*.jsonl") for _ in read_lines(path))


def without_times(path: Path) -> list[dict]:
    """Returns the lines of a dump file without times and memory."""
    return [{k: v for k, v in line.items() if k not in TIMES} for line in read_lines(path)]


def main() -> int:
    """Prints a line for each stage. Returns 1 if the two runs differ."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp(prefix="r1rl-kills-"))
    folder.mkdir(parents=True, exist_ok=True)
    if start(command(folder, "whole"), folder / "whole.log").wait():
        raise SystemExit(f"the uninterrupted run failed: see {folder / 'whole.log'}")
    resume: list[str] = []
    for number, name in enumerate(STAGES, start=1):
        process = start(command(folder, "killed") + resume, folder / "killed.log")
        stage = folder / "killed" / f"{number}-{name}"
        lines = kill_in(stage, SIGNS.get(name, "checkpoints/checkpoint-2/trainer_state.json"), process)
        print(f"killed in {name}, with {lines} lines in its dump", flush=True)
        resume = ["--resume"]
    if start(command(folder, "killed") + resume, folder / "killed.log").wait():
        raise SystemExit(f"the resumed run failed: see {folder / 'killed.log'}")
    compared = different = 0
    for path in sorted((folder / "whole").rglob("*.jsonl")):
        relative = path.relative_to(folder / "whole")
        if relative.name in ("proofs.jsonl",) or "engine" in relative.parts:
            continue  # a resumed run proves its engine again
        compared += 1
        if without_times(path) != without_times(folder / "killed" / relative):
            different += 1
            print(f"different: {relative}")
    print(f"{compared} files of {len(STAGES)} stages compared line by line, {different} different")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
