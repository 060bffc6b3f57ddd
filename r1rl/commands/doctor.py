"""`python main.py doctor`: what this machine can do and what prevents a run, made to be pasted into a bug report."""

from __future__ import annotations

import argparse
import platform
from pathlib import Path

from rich.text import Text

from r1rl import __version__
from r1rl.preflight.diagnosis import FAULT, IMPORTED, NOTE, diagnose
from r1rl.preflight.probes import gather
from r1rl.runs.folder import commit
from r1rl.system.console import Waiting, console, printable
from r1rl.system.redact import redact

STYLES = {FAULT: "red", NOTE: "yellow"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's argument."""
    parser.add_argument(
        "--imports", action="store_true", help="also import each library in its own process (a minute or two)"
    )


def run(args: argparse.Namespace) -> int:
    """Prints the diagnosis. Returns 0, or 2 if something prevents every run."""
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    show(f"r1rl {__version__}, commit {commit() or 'unknown'}, {system}")
    with Waiting("looking at this machine") as status:
        facts = gather(status.update, IMPORTED if args.imports else ())
    faults = 0
    for line in diagnose(facts):
        faults += line.level == FAULT
        show(f"{line.topic:<10} {line.level:<6} {line.text}", STYLES.get(line.level, ""))
    for name, value in facts.variables.items():
        show(f"{'variable':<10}        {name}={value}")
    show(f"{faults} fault{'s' * (faults != 1)}" if faults else "no faults")
    return 2 if faults else 0


def show(text: str, style: str = "") -> None:
    """Prints a line without secrets, control characters or the home folder's path."""
    home = str(Path.home())
    shown = redact(text)
    console.print(Text(printable(shown.replace(home, "~") if len(home) > 1 else shown), style))
