"""Measures `inspect` and `report` on a dump of 200,000 completions (about 1 GB): time, memory, size of the page.

usage: python benchmarks/dump_scale.py [--completions N] [--folder DIR]
Fails if a command takes more than 60 s or 2 GB, or if the page is larger than 5 MB.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "helpers")]

from fake_run import completion, make_run  # noqa: E402

from r1rl.runs.dump import ROLLOUTS  # noqa: E402
from r1rl.tasks.word_problems import generate_worked  # noqa: E402

SECONDS, MEMORY, PAGE = 60, 2 * 10**9, 5 * 10**6
STEPS, GROUP = 500, 8


def main() -> int:
    """Makes the dump, runs both commands and prints time and memory. Returns 1 if a limit was exceeded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--completions", type=int, default=200_000)
    parser.add_argument("--folder", type=Path, help="where to put the dump (default: a temporary folder)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        run = make_run(Path(folder) / "large", steps=STEPS, eval_steps=100, problems=200)
        enlarge(run / ROLLOUTS, args.completions)
        size = (run / ROLLOUTS).stat().st_size
        print(f"{args.completions:,} completions, {size / 1e9:.2f} GB")
        held = [measure(command, run) for command in ("inspect", "report")]
        page = (run / "report.html").stat().st_size
        print(f"report.html: {page / 1e6:.1f} MB")
        held.append(page <= PAGE)
    return 0 if all(held) else 1


def enlarge(path: Path, completions: int) -> None:
    """Rewrites rollouts.jsonl with `completions` completions of about 5 KB, like those of a verbose model."""
    rng = random.Random(0)
    pool = [long_completion(w, rng) for w in generate_worked("train", 0, 400)]
    a_step = completions // STEPS
    with path.open("w", encoding="utf-8") as file:
        for i in range(completions):
            line = dict(pool[(i // GROUP * 7 + i) % len(pool)])
            step, group = i // a_step + 1, i % a_step // GROUP
            line |= {"step": min(step, STEPS), "group": group, "sample": i % GROUP, "problem_id": f"train/{i // GROUP}"}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def long_completion(worked, rng: random.Random) -> dict:
    """Returns a line with reasoning of about 3,500 characters."""
    line = completion(1, "train", 0, 0, worked, 1.0, rng, advantage=0.5)
    body, tail = line["completion"].split("\n</reasoning>")
    words = "\nNow we look at what is left, and write down what follows from the story for each of the others."
    return {
        **line,
        "completion": body[:60] + words * ((3900 - len(body)) // len(words)) + body[60:] + "\n</reasoning>" + tail,
    }


def measure(command: str, run: Path) -> bool:
    """Runs one command and prints time and peak memory. Returns whether it stayed within the limits."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, str(ROOT / "main.py"), command, str(run)], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds, memory = time.perf_counter() - start, used.ru_maxrss * 1024
    held = status == 0 and seconds <= SECONDS and memory <= MEMORY
    words = f"{command}: {seconds:.1f} s (limit {SECONDS}), {memory / 1e9:.2f} GB (limit {MEMORY / 1e9:.0f})"
    print(f"{words}; {used.ru_utime + used.ru_stime:.1f} s of CPU, load {os.getloadavg()[0]:.1f}", flush=True)
    return held


if __name__ == "__main__":
    sys.exit(main())
