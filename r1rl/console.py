"""The terminal: ours to write on, while the libraries' chatter goes to the run's log."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rich.console import Console

console = Console(highlight=False, soft_wrap=True)


def divert(log: Path) -> None:
    """Sends whatever libraries and child processes print from now on to `log`; `console` keeps the terminal.

    Descriptors are moved, not Python's objects: compiled libraries print past those.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    console.file = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace", buffering=1)
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)


def diverted() -> bool:
    """Whether `divert` was called."""
    return console.file is not sys.stdout
