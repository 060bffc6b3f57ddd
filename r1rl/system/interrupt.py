"""Ctrl-C, SIGTERM and a closed terminal: acted on at once between steps, deferred where work must be completed."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from types import FrameType

from r1rl.system import distributed

INTERRUPTED = 130  # exit code after Ctrl-C: 128 plus the signal's number, as in shells
ECHO = 0.5  # seconds in which the same signal may arrive again, through the parent of the process group
LATE_ECHO = 5.0  # the same if the parent is a launcher, which checks its processes first


class Stopped(KeyboardInterrupt):
    """A stop was requested. Not an Exception, so that no library handles it as a failure."""

    def __init__(self, exit_code: int = INTERRUPTED):
        super().__init__()
        self.exit_code = exit_code


class Interrupt:
    """While entered, SIGINT, SIGTERM and SIGHUP raise Stopped; once `deferred` is set, only inside `interruptible()`.

    Outside it the stop is deferred until the next `interruptible()` is entered or left, so that an optimizer step, a line
    of the dump and a checkpoint are completed. A second signal stops at once.

    With several processes none may stop alone while the others wait for it: a signal counts once `sync_signal` has
    shared it.
    """

    def __init__(self, grace: float | None = None):
        """`grace`: seconds after a SIGTERM until the process ends itself; None: never."""
        self.asked = False
        self.signal_received: int | None = None  # by this process; the others may not know of it yet
        self.deferred = False  # True while there is work that must be completed
        self.signal = signal.SIGINT  # the signal that stops the run
        self.grace = grace
        self.came = -math.inf  # when it came, by time.monotonic
        self._open = False
        self._last_resort: threading.Timer | None = None

    def __enter__(self) -> Interrupt:
        self._before = {s: signal.signal(s, self._on_signal) for s in handled_signals()}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._last_resort is not None:
            self._last_resort.cancel()

    @property
    def exit_code(self) -> int:
        """The exit code after a stop."""
        return 128 + self.signal

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """Marks work that may be interrupted at any point because it will be redone. Raises Stopped, also if deferred."""
        before, self._open = self._open, True
        try:
            self.check()
            yield
        finally:
            self._open = before
        self.check()

    @contextlib.contextmanager
    def uninterruptible(self) -> Iterator[None]:
        """Marks work inside `interruptible()` that must be completed. Raises Stopped afterwards."""
        before, self._open = self._open, False
        try:
            yield
        finally:
            self._open = before
        if before:
            self.check()

    def check(self) -> None:
        """Raises Stopped if a stop was requested; needed where a library may have swallowed the handler's exception."""
        if self.asked:
            raise Stopped(self.exit_code)

    def sync_signal(self, received: Iterable[int | None]) -> None:
        """Requests the stop if any process received a signal; all call it at the same point with the same values.

        Raises Stopped inside `interruptible()`.
        """
        first = next((number for number in received if number is not None), None)
        if first is None or self.asked:
            return
        self.asked, self.signal = True, signal.Signals(first)
        if self.signal_received is None:
            self.came = time.monotonic()
        if self._open:
            self.check()

    def left(self) -> float:
        """Returns the seconds until the process ends itself; infinite without a deadline."""
        ends = self.asked and self.grace is not None and self.signal == signal.SIGTERM
        return self.came + self.grace - time.monotonic() if ends else math.inf

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            leave_terminal()
        now = time.monotonic()
        again, alone = self.asked or self.signal_received is not None, distributed.size() == 1
        if again and now - self.came < (ECHO if alone else LATE_ECHO):
            return
        if again and not alone and self.deferred:  # the others cannot be waited for
            os._exit(self.exit_code)
        self.signal_received = number
        self.asked = self.asked or alone or not self.deferred
        if not again:
            self.signal, self.came = signal.Signals(number), now
            if self.grace is not None and number == signal.SIGTERM:
                self._last_resort = threading.Timer(self.grace, give_up, [self.exit_code])
                self._last_resort.daemon = True
                self._last_resort.start()
        if again or (self._open and alone) or not self.deferred:
            raise Stopped(self.exit_code)


def handled_signals() -> list[signal.Signals]:
    """Returns the signals that stop a run. SIGHUP (a dropped connection) is one unless `nohup` set it to be ignored."""
    hangs_up = signal.getsignal(signal.SIGHUP) != signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hangs_up else [])]


def leave_terminal() -> None:
    """Discards all further output to the closed terminal, where writing would be an error."""
    console = sys.modules.get("r1rl.system.console")
    shown = console.console.file if console else sys.stdout
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for file in (shown, sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(OSError, ValueError):  # closed
            if stat.S_ISCHR(os.fstat(file.fileno()).st_mode):  # not redirected to a file
                os.dup2(nowhere, file.fileno())
    os.close(nowhere)


def give_up(exit_code: int) -> None:
    """Ends the process before the sender of the SIGTERM kills it. Unfinished files do not have their final name yet."""
    console = sys.modules.get("r1rl.system.console")
    with contextlib.suppress(Exception):
        terminal = console.console.file if console else sys.stderr
        message = "\n--grace-seconds are over: unsaved work is lost; --resume continues from the newest checkpoint\n"
        os.write(terminal.fileno(), message.encode())
    os._exit(exit_code)
