"""`python main.py inspect RUN`: the run's table, and its completions by filters."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.rule import Rule
from rich.text import Text

from r1rl.console import console
from r1rl.dump import ROLLOUTS, read_lines
from r1rl.errors import UserError
from r1rl.summary import heading, learned, print_levels, run_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("run", type=Path, help="folder of a run, such as dumps/RUN")
    parser.add_argument("--step", metavar="N|A:B", help="completions of this step or of steps A to B")
    parser.add_argument(
        "--split", choices=("train", "eval"), help="training or evaluation completions (default: both)"
    )
    verdict = parser.add_mutually_exclusive_group()
    verdict.add_argument("--correct", action="store_true", help="right ones only")
    verdict.add_argument("--wrong", action="store_true", help="wrong ones only")
    parser.add_argument("--contains", metavar="TEXT", help="with this text in the completion (any case)")
    parser.add_argument("--problem", metavar="ID", help="of one problem, such as train/4711")
    parser.add_argument("-n", type=int, default=5, help="completions to show (default: 5)")


def run(args: argparse.Namespace) -> int:
    """Prints the table; with a filter, the completions instead."""
    if not (args.run / "run.json").is_file():
        beside = sorted(p.parent.name for p in args.run.parent.glob("*/run.json"))
        there = f"there are: {', '.join(beside)}" if beside else f"{args.run.parent} holds no runs"
        raise UserError(f"{args.run} is no run, it has no run.json; {there}.")
    filters = (args.step, args.split, args.correct, args.wrong, args.contains, args.problem)
    if not any(filters):
        console.print(heading(args.run))
        console.print(run_table(args.run))
        for line in learned(args.run):
            console.print(line)
        print_levels(args.run)
        console.print("\nsee completions with --step, --correct, --wrong, --contains, --problem, --split, -n")
        return 0
    shown = found = 0
    for line in completions(args):
        found += 1
        if shown < args.n:
            shown += 1
            show(line)
    console.print(Rule())
    console.print(f"{shown} of {found} completions that fit")
    return 0


def completions(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The lines of the dump that pass all filters, in the order of the steps."""
    low, high = step_range(args.step)
    files = [] if args.split == "train" else evaluation_files(args.run)
    if args.split != "eval":
        files.append(args.run / ROLLOUTS)
    for path in files:
        for line in read_lines(path):
            if not low <= line["step"] <= high:
                continue
            if (args.correct and not line["correct"]) or (args.wrong and line["correct"]):
                continue
            if args.contains and args.contains.lower() not in line["completion"].lower():
                continue
            if args.problem and line["problem_id"] != args.problem:
                continue
            yield line


def evaluation_files(folder: Path) -> list[Path]:
    """The evaluations' dumps by step."""
    return sorted(folder.glob("eval/step_*.jsonl"), key=lambda p: int(p.stem.removeprefix("step_")))


def step_range(text: str | None) -> tuple[float, float]:
    """ "7" -> (7, 7); "100:200" -> both ends included; an end left out is open. Raises UserError."""
    if text is None:
        return 0, float("inf")
    first, colon, last = text.partition(":")
    try:
        low = int(first) if first else 0
        high = (int(last) if last else float("inf")) if colon else low
    except ValueError:
        raise UserError(f"--step {text!r} is no step and no range: write 120, 100:200 or 100: .") from None
    return low, high


def show(line: dict[str, Any]) -> None:
    """One completion. Text of a model is printed as text: no markup, no terminal escapes."""
    verdict = "right" if line["correct"] else "wrong"
    console.print(
        Rule(
            f"step {line['step']} {line['split']} · {line['problem_id']} · {verdict}: {line['extracted']!r} for "
            f"{line['answer']!r} · {line['tokens']} tokens, {line['finish']}",
            align="left",
        )
    )
    question = line["prompt"].rpartition("Question: ")[2]
    console.print(Text(printable(question.strip()), style="cyan"))
    console.print(Text(printable(line["completion"])))


def printable(text: str) -> str:
    """Control characters but line breaks and tabs made visible."""
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)
