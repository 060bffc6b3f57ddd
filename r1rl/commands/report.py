"""`python main.py report RUN...`: one self-contained page that needs no network, and pictures for papers."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from r1rl.config.parser import user_path
from r1rl.pipeline.sweep import expanded
from r1rl.reports.charts import Chart
from r1rl.reports.page.build import write_report
from r1rl.runs.dump import BY_STEP
from r1rl.runs.finished import check_run
from r1rl.runs.run_data import RunData
from r1rl.system.console import console
from r1rl.system.errors import UserError

EVERY = 15.0  # seconds
LARGEST_SHARE = 5  # at most one part in this many of the time is spent on reading and writing: the run needs the rest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "runs",
        nargs="+",
        type=user_path,
        metavar="RUN",
        help="folder of a run, a sweep or a suite; several are compared",
    )
    parser.add_argument("-o", "--output", type=user_path, help="the page (default: report.html in the first run)")
    parser.add_argument("--plots", type=user_path, metavar="DIR", help="also write the charts as PNG pictures")
    parser.add_argument(
        "--watch", action="store_true", help="rewrite the page until the runs are complete; Ctrl-C ends it"
    )
    parser.add_argument("--every", type=float, metavar="SECONDS", help=f"with --watch (default: {EVERY:g})")


def run(args: argparse.Namespace) -> int:
    """Writes the page; returns the exit code. Raises UserError for a folder that is not a run or cannot be written."""
    target = args.output or args.runs[0] / "report.html"
    args.runs = expanded(args.runs)
    for folder in args.runs:
        check_run(folder)
    check_every(args)
    check_page(target)
    if args.watch:
        drawn = watch(args.runs, target, args.every or EVERY)
    else:
        with console.status("reading the dump"):
            drawn = write_report(args.runs, target)
    console.print(f"report   {target} ({target.stat().st_size / 1e6:.1f} MB)")
    if args.plots:
        from r1rl.reports.charts import write_plots

        for path in write_plots(drawn, args.plots):
            console.print(f"picture  {path}")
    return 0


def check_page(target: Path) -> None:
    """Checks that the page replaces nothing but an earlier page. Raises UserError."""
    if target.is_dir():
        raise UserError(f"-o {target} is a folder, and the page is a file: choose another file with -o.")
    if (
        target.is_file()
        and (content := target.read_bytes()[:100])
        and not content.lower().startswith(b"<!doctype html")
    ):
        raise UserError(f"-o {target} exists and is no page, so it is not overwritten: choose another file with -o.")


def check_every(args: argparse.Namespace) -> None:
    """Checks --every. Raises UserError."""
    if args.every is None:
        return
    if not args.watch:
        raise UserError(
            f"--every {args.every:g} would have no effect, because it applies only with --watch: leave it out."
        )
    if not 1 <= args.every < float("inf"):
        raise UserError(f"--every {args.every:g} must be at least 1: the page is rewritten after this many seconds.")


def watch(folders: list[Path], target: Path, every: float) -> list[Chart]:
    """Rewrites the page when a run has written something, until all are complete or Ctrl-C; returns its charts.

    The last page no longer loads itself again.
    """
    seen: dict[Path, int] = {}
    console.print(
        f"watching {target}: open it in a browser; it loads itself again. Ctrl-C ends this program, not the run"
    )
    try:
        while not all(RunData(folder).is_complete for folder in folders):
            began = time.monotonic()
            if (now := sizes(folders)) != seen or not target.exists():
                seen = now
                write_report(folders, target, every)
            time.sleep(max(every, (LARGEST_SHARE - 1) * (time.monotonic() - began)))
    except KeyboardInterrupt:
        console.print()
    return write_report(folders, target)


def sizes(folders: list[Path]) -> dict[Path, int]:
    """Returns the size of each file that a run appends to."""
    paths = [folder / name for folder in folders for name in BY_STEP]
    return {path: path.stat().st_size for path in paths if path.exists()}
