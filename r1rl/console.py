"""The terminal: ours to write on, while the libraries' chatter goes to the run's log."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

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


class Waiting:
    """A spinner with words, for what takes a while before the first step. Leaves stdout to `divert`, unlike rich's own."""

    def __init__(self, words: str):
        self.bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            console=console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task(words)

    def __enter__(self) -> Waiting:
        self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def update(self, words: str) -> None:
        """What goes on now."""
        self.bar.update(self.task, description=words)

    def stop(self) -> None:
        """Takes the spinner away."""
        self.bar.stop()
