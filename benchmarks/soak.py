"""Watches memory, open files and threads during a long run of recipe tiny.

usage: python benchmarks/soak.py [--steps 2000] [-o benchmarks/soak.json]     (about 10 minutes on 2 cores)
Steps are smaller than the recipe's (8 completions), so that 2,000 of them take minutes; evaluations and checkpoints
are included.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scipy.stats import linregress

ROOT = Path(__file__).parents[1]
FLAGS = ("--recipe", "tiny", "--add-reasoning-prefix", "--per-device-train-batch-size", "8", "--num-generations", "4",
         "--eval-steps", "200", "--eval-count", "50", "--save-steps", "100", "--learning-rate", "1e-4")  # fmt: skip
SETTLED = 1000  # steps after which caches and heap are full; growth is measured from here


def main() -> None:
    """Runs, prints the table as Markdown and writes it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("-o", type=Path, default=Path(__file__).with_name("soak.json"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = watch(Path(folder), args.steps)
    rows = [max((r for r in rows if r["step"] <= step), key=lambda r: r["step"]) for step in marks(args.steps)]
    settled = [r for r in rows if r["step"] >= min(SETTLED, args.steps // 2)]
    fit = linregress([r["step"] for r in settled], [r["memory_mib"] for r in settled])
    args.o.write_text(json.dumps({"steps": args.steps, "rows": rows, "mib_per_1000_steps": fit.slope * 1000}, indent=1))
    print("| step | memory, MiB | open files | threads | seconds |\n| --- | --- | --- | --- | --- |")
    for r in rows:
        print(f"| {r['step']:,} | {r['memory_mib']:.0f} | {r['files']} | {r['threads']} | {r['seconds']:.0f} |")
    low, high = (1000 * (fit.slope + sign * 2 * fit.stderr) for sign in (-1, 1))
    print(
        f"\nfrom step {settled[0]['step']}: {1000 * fit.slope:+.1f} MiB in 1,000 steps (95 % interval {low:+.1f} to {high:+.1f})"
    )


def marks(steps: int) -> list[int]:
    """Returns the steps of the table's rows."""
    return [1, *range(max(1, steps // 20), steps + 1, max(1, steps // 20))]


def watch(folder: Path, steps: int) -> list[dict[str, float]]:
    """Returns the run's resident memory, open files and threads at the end of its steps. Raises SystemExit if it fails."""
    command = [sys.executable, str(ROOT / "main.py"), *FLAGS, "--max-steps", str(steps), "--dumps", str(folder),
               "--exp-name", "soak"]  # fmt: skip
    rows, begun, read = [], time.monotonic(), 0
    with (folder / "screen.txt").open("wb") as screen:
        process = subprocess.Popen(command, stdout=screen, stderr=screen, env={**os.environ, "PYTHONPATH": str(ROOT)})
        metrics = folder / "soak" / "metrics.jsonl"
        while process.poll() is None:
            time.sleep(0.5)
            size = metrics.stat().st_size if metrics.exists() else 0
            if size == read:
                continue
            read = size
            rows.append(
                {"step": metrics.read_bytes().count(b"\n"), "seconds": time.monotonic() - begun} | seen(process.pid)
            )
    if process.returncode:
        raise SystemExit(f"the run ended with {process.returncode}: {(folder / 'screen.txt').read_text()[-2000:]}")
    return [r for r in rows if r["memory_mib"]]


def seen(pid: int) -> dict[str, float]:
    """Returns memory, open files and threads of a process from /proc; zeros for a process that has just ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    except (OSError, IndexError):
        return {"memory_mib": 0.0, "files": 0, "threads": 0}
    return {"memory_mib": pages * os.sysconf("SC_PAGE_SIZE") / 2**20, "files": files, "threads": threads}


if __name__ == "__main__":
    main()
