"""`python main.py inspect RUN...`: a run in one screen, its completions by filters, one problem's history."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import heapq
import itertools
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.rule import Rule
from rich.text import Text

from r1rl.pipeline.table import RESULT, show_pipeline
from r1rl.reports.completions import (
    Completion,
    Filter,
    add_filters,
    differences,
    filter_of,
    history,
    read_completions,
)
from r1rl.reports.highlights import Picker
from r1rl.reports.screen import comparison, damage, screen
from r1rl.reports.selfcheck import Check
from r1rl.reports.survey import survey
from r1rl.runs.dump import EVALUATIONS, METRICS, read_lines
from r1rl.runs.finished import check_run
from r1rl.system.console import console, printable
from r1rl.system.errors import UserError

# How words are marked: by style, and in brackets where there are no colours.
MARKS = {"same": ("", "", ""), "gone": ("strike red", "[-", "-]"), "new": ("bold green", "{+", "+}")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN", help="folder of a run, such as dumps/RUN"
    )
    parser.add_argument("--show", action="store_true", help="show completions; any filter does so too")
    add_filters(parser)
    parser.add_argument("--longest", action="store_true", help="the longest ones first")
    parser.add_argument("-n", type=int, default=5, help="completions to show (default: 5)")
    parser.add_argument("--problem", metavar="ID", help="one problem, such as test/17, at each evaluation")
    parser.add_argument("--cherry-pick", action="store_true", help="the ten most instructive completions")
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--csv", action="store_true", help="print CSV: completions, or without filters the steps"
    )
    form.add_argument("--json", action="store_true", help="print JSON lines: the same, and evaluations")


def run(args: argparse.Namespace) -> int:
    """Prints what is asked for. Raises UserError for a folder that is no run."""
    for folder in args.runs:
        check_run(folder)
    if args.n < 0:
        raise UserError(f"-n {args.n} must be at least 0: it is how many completions are shown.")
    wanted = filter_of(args)
    if args.csv or args.json:
        export(args, wanted)
    elif args.problem:
        for folder in args.runs:
            show_history(folder, args.problem)
    elif args.cherry_pick:
        for folder in args.runs:
            show_picked(folder)
    elif args.show or args.longest or wanted != Filter():
        show_filtered(args, wanted)
    else:
        pipelines = [folder for folder in args.runs if (folder / RESULT).is_file()]
        for folder in pipelines:
            show_pipeline(folder)
        if others := [folder for folder in args.runs if folder not in pipelines]:
            show_runs(others)
    return 0


def show_runs(folders: list[Path]) -> None:
    """Each run in one screen; several also side by side."""
    for folder in folders:
        console.print(screen(folder, survey(folder)))
        console.print()
    if len(folders) > 1:
        console.print(comparison(folders))
    console.print(
        "completions: --show --step A:B --split --correct --wrong --contains --selfcheck --level --longest -n"
    )
    console.print(
        "one problem: --problem ID     the ten most instructive: --cherry-pick     for programs: --csv --json"
    )


def chosen(args: argparse.Namespace, wanted: Filter, damaged: list[str]) -> Iterable[Completion]:
    """The completions of all runs that pass the filter."""
    return itertools.chain.from_iterable(read_completions(f, wanted, damaged) for f in args.runs)


def show_filtered(args: argparse.Namespace, wanted: Filter) -> None:
    """The first or the longest completions that fit, and how many there are."""
    damaged: list[str] = []
    counted = itertools.count()
    stream = (c for c, _ in zip(chosen(args, wanted, damaged), counted))
    if args.longest:
        first = heapq.nlargest(args.n, stream, key=lambda c: c.line["tokens"])
    else:
        first = list(itertools.islice(stream, args.n))
    found = len(first) if not args.longest else next(counted)
    for completion in first:
        show(completion, completion.check)
    if not args.longest:
        found += sum(1 for _ in stream)
    console.print(Rule())
    console.print(f"{len(first)} of {found} completions that fit")
    for line in damage(damaged):
        console.print(Text(line))


def show_picked(folder: Path) -> None:
    """The ten most instructive completions, each with its criterion and its place in the dump."""
    picker = Picker()
    survey(folder, picker)
    for title, completion, check in picker.picked():
        console.print(Text(f"\n{title}", style="bold magenta"))
        show(completion, check)


def show(completion: Completion, check: Check | None) -> None:
    """One completion. Text of a model is printed as text: no markup, no terminal escapes."""
    line = completion.line
    verdict = "right" if line["correct"] else "wrong"
    words = [
        f"step {line['step']}", printable(line["problem_id"]),
        f"{verdict}: {printable(str(line['extracted']))} for {printable(line['answer'])}",
        f"{line['tokens']} tokens, {printable(line['finish'])}", completion.place,
    ]  # fmt: skip
    if line.get("reason") not in (None, "", verdict):
        words.append(f"reason: {printable(str(line['reason']))}")
    words += [f"{check.kind} check: {check.outcome}"] if check else []
    console.print(Rule(Text(" · ".join(words)), align="left"))
    console.print(Text(printable(question(line)), style="cyan"))
    text = line["completion"]
    if check is None:
        console.print(Text(printable(text)))
        return
    shown = Text(printable(text[: check.start]))
    shown.append(printable(text[check.start : check.end]), style="bold yellow")
    console.print(shown.append(printable(text[check.end :])))


def question(line: dict[str, Any]) -> str:
    """The prompt without what stands before the question."""
    return line["prompt"].rpartition("Question: ")[2].strip()


def show_history(folder: Path, problem: str) -> None:
    """One problem's answer at each evaluation, what changed since the one before marked."""
    completions = history(folder, problem)
    if not completions:
        known = sorted({c.line["problem_id"] for c in read_completions(folder, Filter(split="eval"))})
        raise UserError(
            f"no evaluation of {folder.name} asks {problem!r}; there are: {', '.join(known[:8])}, ..."
        )
    console.print(Text(f"{folder.name}, {problem}: {printable(question(completions[0].line))}", style="cyan"))
    before = None
    for completion in completions:
        line = completion.line
        verdict = "right" if line["correct"] else "wrong"
        console.print(
            Rule(Text(f"step {line['step']}: {printable(str(line['extracted']))}, {verdict}"), align="left")
        )
        text = Text()
        for kind, words in differences(before or line["completion"], line["completion"]):
            style, opening, closing = MARKS[kind]
            plain = console.color_system is None and kind != "same"
            text.append(opening + printable(words) + closing if plain else printable(words), style=style)
        console.print(text)
        before = line["completion"]


def export(args: argparse.Namespace, wanted: Filter) -> None:
    """Completions that fit, or without a filter the steps (as JSON the evaluations too), for programs."""
    if args.show or args.longest or args.cherry_pick or args.problem or wanted != Filter():
        wanted = dataclasses.replace(wanted, problem=args.problem)
        rows = (exported(c) for c in exportable(args, wanted))
    else:
        names = (METRICS, EVALUATIONS) if args.json else (METRICS,)
        rows = ({"run": f.name, **line} for f in args.runs for name in names for line in read_lines(f / name))
    (write_csv if args.csv else write_json_lines)(rows)


def exportable(args: argparse.Namespace, wanted: Filter) -> Iterable[Completion]:
    """The completions to export, in the order they would be shown."""
    if args.cherry_pick:
        for folder in args.runs:
            picker = Picker()
            survey(folder, picker)
            yield from (completion for _, completion, _ in picker.picked())
    elif args.longest:
        yield from heapq.nlargest(args.n, chosen(args, wanted, []), key=lambda c: c.line["tokens"])
    else:
        yield from chosen(args, wanted, [])


def exported(completion: Completion) -> dict[str, Any]:
    """The dump's line with its place and its check."""
    check = completion.check
    folder = (
        completion.file.parent.parent if completion.file.parent.name == "eval" else completion.file.parent
    )
    found = {} if check is None else dataclasses.asdict(check)
    names = [f.name for f in dataclasses.fields(Check)]
    checks = {f"check_{name}": found.get(name) for name in names}
    return {"run": folder.name, "place": completion.place, **completion.line, **checks}


def write_json_lines(rows: Iterable[dict[str, Any]]) -> None:
    """JSON lines to standard output; ASCII, so that no terminal and no encoding stumbles."""
    for row in rows:
        print(json.dumps(row))


def write_csv(rows: Iterable[dict[str, Any]]) -> None:
    """CSV to standard output; the first row's names are the columns."""
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        return
    writer = csv.DictWriter(sys.stdout, list(first), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in itertools.chain([first], rows):
        writer.writerow({k: json.dumps(v) if isinstance(v, dict) else cell(v) for k, v in row.items()})


def cell(value: Any) -> Any:
    """A lone surrogate is not to be encoded: it becomes its escape."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
