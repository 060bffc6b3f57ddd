"""`python main.py report RUN...`: one self-contained page that needs no network, and pictures for papers."""

from __future__ import annotations

import argparse

from r1rl.config.parser import user_path
from r1rl.reports.page.build import write_report
from r1rl.runs.finished import check_run
from r1rl.system.console import console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("runs", nargs="+", type=user_path, metavar="RUN", help="folder of a run; several are compared")
    parser.add_argument("-o", "--output", type=user_path, help="the page (default: report.html in the first run)")
    parser.add_argument("--plots", type=user_path, metavar="DIR", help="also write the charts as PNG pictures")


def run(args: argparse.Namespace) -> int:
    """Writes the page; returns the exit code. Raises UserError for a folder that is no run or cannot be written."""
    for folder in args.runs:
        check_run(folder)
    target = args.output or args.runs[0] / "report.html"
    with console.status("reading the dump"):
        drawn = write_report(args.runs, target)
    console.print(f"report   {target} ({target.stat().st_size / 1e6:.1f} MB)")
    if args.plots:
        from r1rl.reports.charts import write_plots

        for path in write_plots(drawn, args.plots):
            console.print(f"picture  {path}")
    return 0
