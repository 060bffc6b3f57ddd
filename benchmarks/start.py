"""Times --help and the error messages for wrong input. usage: python benchmarks/start.py"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

MAIN = Path(__file__).parents[1] / "main.py"
COMMANDS = {
    "--help": ["--help"],
    "--recipe tiny --print-config": ["--recipe", "tiny", "--print-config"],
    "an unknown recipe": ["--recipe", "tiney"],
    "the default recipe without a GPU": ["--add-reasoning-prefix"],
    "a dataset folder that does not exist": ["--recipe", "tiny", "--dataset-path", "nowhere"],
    "a chat without a chat template": ["--recipe", "tiny", "--is-chat"],
    "inspect of a run that does not exist": ["inspect", "dumps/nowhere"],
}
REPEATS = 9


def main() -> None:
    """Prints a Markdown table of medians."""
    print("| command | median, s | slowest of", REPEATS, "|\n| --- | --- | --- |")
    for name, arguments in COMMANDS.items():
        times = [once(arguments) for _ in range(REPEATS)]
        print(f"| {name} | {statistics.median(times):.2f} | {max(times):.2f} |")


def once(arguments: list[str]) -> float:
    """Returns the seconds that one process takes."""
    start = time.perf_counter()
    subprocess.run([sys.executable, str(MAIN), *arguments], capture_output=True, check=False)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
