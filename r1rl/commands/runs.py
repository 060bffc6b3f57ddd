"""`python main.py runs [FOLDER]`: the runs in a folder, newest first: what they are, how far, how good."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from rich.table import Table
from rich.text import Text

from r1rl.config.parser import user_path
from r1rl.reports.page.list import write_list
from r1rl.reports.screen import sparkline
from r1rl.reports.summary import state
from r1rl.runs.run_data import RunData
from r1rl.runs.scores import evaluation_cell
from r1rl.system.console import console, printable
from r1rl.system.errors import UserError

COLUMNS = ("run", "begun", "recipe", "state", "first evaluation", "last evaluation")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "folder", nargs="?", type=user_path, default=Path("dumps"), metavar="FOLDER", help="default: dumps"
    )
    parser.add_argument("--page", action="store_true", help="also write FOLDER/index.html, which links the runs' pages")


def run(args: argparse.Namespace) -> int:
    """Prints one line per run; returns the exit code. Raises UserError if the folder holds no run."""
    described = sorted(args.folder.glob("*/run.json"), key=lambda path: -path.stat().st_mtime)
    if not described:
        raise UserError(f"{args.folder} holds no run (a folder with a run.json): name the folder of --dumps.")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in COLUMNS:
        table.add_column(column, no_wrap=column in ("run", "begun", "recipe"))
    rows = [row(path.parent) for path in described]
    for cells in rows:
        table.add_row(*(Text(printable(cell)) for cell in cells))
    console.print(table)
    if args.page:
        target = args.folder / "index.html"
        curves = [curve(path.parent) for path in described]
        write_list(target, (*COLUMNS, "accuracy"), [(*cells, bars) for cells, bars in zip(rows, curves)])
        console.print(f"page     {target}")
    return 0


def curve(folder: Path) -> str:
    """Returns the accuracy of a run's evaluations as bars."""
    values = [line["accuracy"] for line in RunData(folder).evaluations if "accuracy" in line]
    return sparkline(values) if values else ""


def row(folder: Path) -> tuple[str, ...]:
    """Returns the cells of one run; a damaged run has its error as state."""
    data = RunData(folder)
    try:
        begun = time.strftime("%Y-%m-%d %H:%M", time.localtime((folder / "run.json").stat().st_mtime))
        scores = [evaluation_cell(line) for line in data.evaluations]
        first, last = (scores[0], scores[-1] if len(scores) > 1 else "") if scores else ("", "")
        return folder.name, begun, data.run["recipe"], state(data), first, last
    except UserError as error:
        return folder.name, "", "", f"damaged: {error}", "", ""
