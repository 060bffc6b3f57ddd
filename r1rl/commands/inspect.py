"""`python main.py inspect RUN...`: a run in one screen, its completions by filters, one problem's history."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import heapq
import itertools
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rich.rule import Rule
from rich.text import Text

from r1rl.config.parser import user_path
from r1rl.pipeline.suite_results import SUITE, show_suite
from r1rl.pipeline.sweep import SWEEP, expanded, show_sweep
from r1rl.pipeline.table import RESULT, show_pipeline
from r1rl.reports.completions import Completion, Filter, add_filters, differences, filter_of, read_completions
from r1rl.reports.highlights import Picker
from r1rl.reports.screen import comparison, screen
from r1rl.reports.selfcheck import Check
from r1rl.reports.summary import damage
from r1rl.reports.survey import survey
from r1rl.runs.dump import EVALUATIONS, METRICS, read_lines
from r1rl.runs.finished import check_run
from r1rl.runs.run_data import RunData
from r1rl.system.console import console, printable
from r1rl.system.errors import UserError

# Style, opening and closing mark of changed words; the marks are for output without colours.
MARKS = {"same": ("", "", ""), "gone": ("strike red", "[-", "-]"), "new": ("bold green", "{+", "+}")}
SHOWN = 5  # completions, unless -n is given
HINTS = """\
completions: --show --step A:B --split --correct --wrong --contains --selfcheck --level --longest -n
one problem: --problem ID     the ten most instructive: --cherry-pick     for programs: --csv --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("runs", nargs="+", type=user_path, metavar="RUN", help="folder of a run, a sweep or a suite")
    parser.add_argument("--show", action="store_true", help="show completions; any filter implies it")
    add_filters(parser)
    parser.add_argument("--longest", action="store_true", help="the longest completions first")
    parser.add_argument("-n", type=int, help=f"completions to show (default: {SHOWN}); implies --show")
    parser.add_argument("--problem", metavar="ID", help="one problem, such as test/17, at each evaluation")
    parser.add_argument("--cherry-pick", action="store_true", help="the ten most instructive completions")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="CSV: the completions, or without filters the steps")
    form.add_argument("--json", action="store_true", help="JSON lines: the same, and the evaluations")


def run(args: argparse.Namespace) -> int:
    """Prints the screen or the completions; returns the exit code. Raises UserError for a folder that is not a run."""
    sweeps = [folder for folder in args.runs if (folder / SWEEP).is_file()]
    suites = [folder for folder in args.runs if (folder / SUITE).is_file()]
    alone = [folder for folder in args.runs if folder not in (*sweeps, *suites)]
    args.runs = expanded(args.runs)
    for folder in args.runs:
        check_run(folder)
    wanted = filter_of(args)
    check_flags(args, wanted)
    if args.csv or args.json:
        export(args, wanted)
    elif args.problem:
        for folder in args.runs:
            show_history(folder, args.problem)
    elif args.cherry_pick:
        for folder in args.runs:
            show_picked(folder)
    elif args.show or args.longest or args.n is not None or wanted != Filter():
        show_filtered(args, wanted)
    else:
        for folder in sweeps:
            show_sweep(folder)
        for folder in suites:
            show_suite(folder)
        pipelines = [folder for folder in alone if (folder / RESULT).is_file()]
        for folder in pipelines:
            show_pipeline(folder)
        if others := [folder for folder in alone if folder not in pipelines]:
            show_runs([RunData(folder) for folder in others])
    return 0


def check_flags(args: argparse.Namespace, wanted: Filter) -> None:
    """Checks -n, and that no flag is given that the chosen output does not read. Raises UserError."""
    if args.n is not None and not 0 <= args.n <= sys.maxsize:
        raise UserError(f"-n {args.n} must be from 0 to {sys.maxsize}: it is the number of completions to show.")
    chosen = {"--longest": args.longest, "-n": args.n is not None, "a filter": wanted != Filter()}
    given = [name for name, is_given in chosen.items() if is_given]
    if args.cherry_pick and (given := [*(["--problem"] if args.problem else []), *given]):
        raise UserError(f"{given[0]} with --cherry-pick would have no effect: the ten are chosen from all completions.")
    if args.problem and not (args.csv or args.json) and given:
        raise UserError(
            f"{given[0]} with --problem would have no effect: it shows one completion of each evaluation. Add --json or --csv "
            "for all completions of the problem that pass, or leave one of the two out."
        )


def show_runs(runs: list[RunData]) -> None:
    """Prints each run in one screen; several runs also in comparison."""
    for data in runs:
        console.print(screen(data, survey(data)))
        console.print()
    if len(runs) > 1:
        console.print(comparison(runs))
    console.print(HINTS)


# ---- completions


def matching(args: argparse.Namespace, wanted: Filter, damaged: list[str]) -> Iterable[Completion]:
    """Returns the completions of all runs that pass the filter, as a stream."""
    return itertools.chain.from_iterable(read_completions(f, wanted, damaged) for f in args.runs)


def longest(completions: Iterable[Completion], count: int) -> list[Completion]:
    """Returns the `count` longest completions."""
    return heapq.nlargest(count, completions, key=lambda c: c.line["tokens"])


def picked(folder: Path) -> list[tuple[str, Completion, Check | None]]:
    """Returns the ten most instructive completions of a run."""
    picker = Picker()
    survey(RunData(folder), picker)
    return picker.picked()


def show_filtered(args: argparse.Namespace, wanted: Filter) -> None:
    """Prints the first or the longest matching completions, and how many match."""
    damaged: list[str] = []
    counter = itertools.count()
    stream = (c for c, _ in zip(matching(args, wanted, damaged), counter))
    count = SHOWN if args.n is None else args.n
    first = longest(stream, count) if args.longest else list(itertools.islice(stream, count))
    for completion in first:
        show(completion, completion.check)
    for _ in stream:  # counts the rest
        pass
    console.print(Rule())
    console.print(f"{len(first)} of {next(counter)} matching completions")
    for line in damage(damaged):
        console.print(Text(line))


def show_picked(folder: Path) -> None:
    """Prints the ten most instructive completions, each with its criterion and its place in the dump."""
    for title, completion, check in picked(folder):
        console.print(Text(f"\n{title}", style="bold magenta"))
        show(completion, check)


def show(completion: Completion, check: Check | None) -> None:
    """Prints one completion. Text of a model is printed as text: no markup, no terminal escapes."""
    line = completion.line
    words = [
        f"step {line['step']}", printable(line["problem_id"]),
        f"{completion.verdict}: answer {printable(str(line['extracted']))}, gold {printable(line['answer'])}",
        f"{line['tokens']} tokens, {printable(line['finish'])}", completion.place,
    ]  # fmt: skip
    if line.get("reason") not in (None, "", "right", "wrong"):
        words.append(f"reason: {printable(str(line['reason']))}")
    words += [f"{check.kind} check: {check.outcome}"] if check else []
    console.print(headline(" · ".join(words)))
    console.print(Text(printable(completion.question), style="cyan"))
    text, start, end = line["completion"], *((check.start, check.end) if check else (0, 0))
    shown = Text(printable(text[:start]))
    shown.append(printable(text[start:end]), style="bold yellow")
    console.print(shown.append(printable(text[end:])))


def headline(words: str) -> Rule | Text:
    """Returns a rule that begins with the words, or the words alone where a rule would cut them off."""
    text = Text(words)
    return Rule(text, align="left") if text.cell_len + 2 <= console.width else text


def show_history(folder: Path, problem: str) -> None:
    """Prints one problem's completion at each evaluation, with the changes since the previous one marked."""
    found = read_completions(folder, Filter(split="eval", problem=problem))
    completions = [c for c in found if c.line["sample"] == 0]
    if not completions:
        known = sorted({c.line["problem_id"] for c in read_completions(folder, Filter(split="eval"))})
        raise UserError(
            f"--problem {problem!r}: no evaluation of {folder.name} has it; it has {', '.join(known[:8])}, ..."
        )
    console.print(Text(f"{folder.name}, {problem}: {printable(completions[0].question)}", style="cyan"))
    before = completions[0].line["completion"]
    for completion in completions:
        line = completion.line
        title = f"step {line['step']}: {printable(str(line['extracted']))}, {completion.verdict}"
        console.print(headline(title))
        text = Text()
        for kind, words in differences(before, line["completion"]):
            style, opening, closing = MARKS[kind]
            plain = console.color_system is None and kind != "same"
            text.append(opening + printable(words) + closing if plain else printable(words), style=style)
        console.print(text)
        before = line["completion"]


# ---- for programs


def export(args: argparse.Namespace, wanted: Filter) -> None:
    """Prints matching completions; without a filter the steps, as JSON also the evaluations."""
    if args.show or args.longest or args.cherry_pick or args.problem or args.n is not None or wanted != Filter():
        wanted = dataclasses.replace(wanted, problem=args.problem)
        rows = (exported(c) for c in exportable(args, wanted))
    else:
        names = (METRICS, EVALUATIONS) if args.json else (METRICS,)
        rows = ({"run": f.name, **line} for f in args.runs for name in names for line in read_lines(f / name))
    (write_csv if args.csv else write_json_lines)(rows)


def exportable(args: argparse.Namespace, wanted: Filter) -> Iterator[Completion]:
    """Yields the completions to export, in the order in which they would be shown."""
    if args.cherry_pick:
        for folder in args.runs:
            yield from (completion for _, completion, _ in picked(folder))
    elif args.longest:
        yield from longest(matching(args, wanted, []), SHOWN if args.n is None else args.n)
    else:
        yield from itertools.islice(matching(args, wanted, []), args.n)


def exported(completion: Completion) -> dict[str, Any]:
    """Returns the line of the dump with its run, its place and its check."""
    check = completion.check
    checks = {f"check_{f.name}": getattr(check, f.name, None) for f in dataclasses.fields(Check)}
    return {"run": completion.folder.name, "place": completion.place, **completion.line, **checks}


def write_json_lines(rows: Iterable[dict[str, Any]]) -> None:
    """Prints JSON lines, in ASCII, which any terminal and encoding can represent."""
    for row in rows:
        print(json.dumps(row))


def write_csv(rows: Iterable[dict[str, Any]]) -> None:
    """Prints CSV; the first row's names are the columns."""
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        return
    writer = csv.DictWriter(sys.stdout, list(first), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in itertools.chain([first], rows):
        writer.writerow({k: json.dumps(v) if isinstance(v, dict) else cell(v) for k, v in row.items()})


def cell(value: Any) -> Any:
    """Returns the value; a lone surrogate in a text, which UTF-8 cannot represent, becomes its escape."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
