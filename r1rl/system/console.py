"""The terminal, which stays ours while the output of libraries goes to the run's log; and text for display."""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from r1rl.system import redact

LOG_SECONDS = 2  # how long the end of a run waits for its log


class Terminal(Console):
    """A console that goes on without output when nobody reads it any longer, as after `| head`: rich's own would exit."""

    def on_broken_pipe(self) -> None:
        """Sends the rest of the output to nowhere, so that a run or a file that is being written is completed."""
        with open(os.devnull, "wb") as nothing:  # noqa: PTH123 - no path
            os.dup2(nothing.fileno(), self.file.fileno())


console = Terminal(highlight=False, soft_wrap=True)


def divert(log: Path) -> None:
    """Sends the output of libraries and child processes to `log`; `console` keeps the terminal.

    Descriptors are moved, because compiled libraries bypass Python's sys.stdout. The output passes through a separate
    process that masks secrets: a thread of this process could not read while a library that prints holds the GIL.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    console.file = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace", buffering=1)
    with log.open("ab") as target:
        masker = subprocess.Popen(
            [sys.executable, "-I", "-S", redact.__file__],
            stdin=subprocess.PIPE,
            stdout=target,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C to the run's process group must not end its log
        )
    os.dup2(masker.stdin.fileno(), 1)
    os.dup2(masker.stdin.fileno(), 2)
    masker.stdin.close()
    atexit.register(finish_log, masker)


def finish_log(masker: subprocess.Popen[bytes]) -> None:
    """Waits until all output is in the log."""
    sys.stdout.flush()
    sys.stderr.flush()
    with open(os.devnull, "wb") as nothing:  # noqa: PTH123 - no path
        os.dup2(nothing.fileno(), 1)
        os.dup2(nothing.fileno(), 2)
    with contextlib.suppress(subprocess.TimeoutExpired):  # a library's child process still has it open
        masker.wait(timeout=LOG_SECONDS)


def diverted() -> bool:
    """Returns whether `divert` was called."""
    return console.file is not sys.stdout


class Waiting:
    """A spinner with a text, shown while something slow is loaded. Leaves stdout alone, unlike rich's own spinner."""

    def __init__(self, text: str):
        self.bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            console=console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task(text)

    def __enter__(self) -> Waiting:
        self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def update(self, text: str) -> None:
        """Replaces the text."""
        self.bar.update(self.task, description=text)

    def stop(self) -> None:
        """Removes the spinner."""
        self.bar.stop()


def printable(text: str) -> str:
    """Returns the text with control characters escaped, except line breaks and tabs, so that none controls the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else escape(c) for c in text)


def escape(character: str) -> str:
    """Returns the character's code, as in a Python string."""
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def duration(seconds: float) -> str:
    """Returns hours and minutes, or minutes and seconds.

    >>> duration(95), duration(7260)
    ('1 min 35 s', '2 h 01 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
