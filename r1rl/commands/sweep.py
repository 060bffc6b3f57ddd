"""`python main.py sweep FILE`: runs a grid or list of settings one after the other, and compares them."""

from __future__ import annotations

import argparse

from r1rl.config.parser import user_path
from r1rl.pipeline.sweep import checked_rows, read_sweep, run_sweep
from r1rl.system.console import console
from r1rl.system.redact import hide


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "file", type=user_path, metavar="FILE", help="YAML or JSON: flags of all runs, and grid or runs"
    )
    parser.add_argument("--dry-run", action="store_true", help="check the settings and list the runs")


def run(args: argparse.Namespace) -> int:
    """Runs the sweep; returns the exit code. Raises UserError before the first run if a setting of any is wrong."""
    sweep = read_sweep(args.file)
    for address in {row.config.notify for row in sweep.rows} - {None}:
        hide(address)
    if args.dry_run:
        checked_rows(sweep)
        for row in sweep.rows:
            console.print(sweep.folder / row.name, markup=False)
        return 0
    return run_sweep(sweep)
