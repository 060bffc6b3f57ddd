"""The terminal: ours to write on, while the libraries' chatter goes to the run's log."""

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

console = Console(highlight=False, soft_wrap=True)

LOG_SECONDS = 2  # that the end of a run waits for its log


def divert(log: Path) -> None:
    """Sends whatever libraries and child processes print from now on to `log`; `console` keeps the terminal.

    Descriptors are moved, not Python's objects: compiled libraries print past those. On the way a process of its own
    masks secrets: a thread of this one could not read while a library that prints holds Python's lock.
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
            start_new_session=True,  # what is meant for the run's processes, such as Ctrl-C, must not cut its log
        )
    os.dup2(masker.stdin.fileno(), 1)
    os.dup2(masker.stdin.fileno(), 2)
    masker.stdin.close()
    atexit.register(finish_log, masker)


def finish_log(masker: subprocess.Popen[bytes]) -> None:
    """Waits until all that was printed stands in the log."""
    sys.stdout.flush()
    sys.stderr.flush()
    with open(os.devnull, "wb") as nothing:  # noqa: PTH123 - no path
        os.dup2(nothing.fileno(), 1)
        os.dup2(nothing.fileno(), 2)
    with contextlib.suppress(subprocess.TimeoutExpired):  # a child of a library still has it open
        masker.wait(timeout=LOG_SECONDS)


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


def printable(text: str) -> str:
    """Control characters but line breaks and tabs made visible, so that no text commands the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else escape(c) for c in text)


def escape(character: str) -> str:
    """The character's code, as in a Python string."""
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def duration(seconds: float) -> str:
    """Hours and minutes, or minutes and seconds.

    >>> duration(95), duration(7260)
    ('1 min 35 s', '2 h 01 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
