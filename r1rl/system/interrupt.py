"""Ctrl-C, SIGTERM and a closed terminal: heard at once where nothing is half done, remembered where something is."""

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

INTERRUPTED = 130  # the exit code after Ctrl-C: 128 and the number of the signal, as shells have it

ECHO = (
    0.5  # seconds; a signal to a whole process group also comes by way of the parent, and is no second wish
)

LATE_ECHO = 5.0  # where the parent is a launcher, which first looks how its processes are


class Stopped(KeyboardInterrupt):
    """A stop was asked for. Not an Exception: no library takes it for a failure that it could get over."""

    def __init__(self, exit_code: int = INTERRUPTED):
        super().__init__()
        self.exit_code = exit_code


class Interrupt:
    """While entered, SIGINT, SIGTERM and SIGHUP raise Stopped; once `deferred` is set, only inside `interruptible()`.

    Outside, the stop is remembered until the next `interruptible()` is entered or left: an optimizer step, a line of the
    dump and a checkpoint come to their end. A second signal stops at once, wherever that is.

    Of several processes none may stop alone while others wait for it: what one has heard counts once all know of it.
    """

    def __init__(self, grace: float | None = None):
        """`grace`: seconds after a SIGTERM until the process ends itself; None: it does not."""
        self.asked = False
        self.heard: int | None = None  # the signal that this process has heard, where there are several
        self.deferred = False  # True while there is something that must not be left half done
        self.signal = signal.SIGINT  # the one that came
        self.grace = grace
        self.came = -math.inf  # when, by time.monotonic
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
        """What the process is to end with after a stop."""
        return 128 + self.signal

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """What may be left at any moment, as it will be done anew. Raises Stopped, also for a stop asked for before."""
        before, self._open = self._open, True
        try:
            self.check()
            yield
        finally:
            self._open = before
        self.check()

    @contextlib.contextmanager
    def uninterruptible(self) -> Iterator[None]:
        """Inside `interruptible()`: what must come to its end all the same. Raises Stopped afterwards."""
        before, self._open = self._open, False
        try:
            yield
        finally:
            self._open = before
        if before:
            self.check()

    def check(self) -> None:
        """Raises Stopped if a stop was asked for: an exception out of a signal may have been swallowed by a library."""
        if self.asked:
            raise Stopped(self.exit_code)

    def sync_signal(self, heard: Iterable[int | None]) -> None:
        """Told what each process has heard, all at the same place. Raises Stopped inside `interruptible()`."""
        first = next((number for number in heard if number is not None), None)
        if first is None or self.asked:
            return
        self.asked, self.signal = True, signal.Signals(first)
        if self.heard is None:
            self.came = time.monotonic()
        if self._open:
            self.check()

    def left(self) -> float:
        """Seconds until the process will end itself; infinite without a deadline."""
        ends = self.asked and self.grace is not None and self.signal == signal.SIGTERM
        return self.came + self.grace - time.monotonic() if ends else math.inf

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            leave_terminal()
        now = time.monotonic()
        again, alone = self.asked or self.heard is not None, distributed.size() == 1
        if again and now - self.came < (ECHO if alone else LATE_ECHO):
            return
        if again and not alone and self.deferred:  # the others are in the middle of something else
            os._exit(self.exit_code)
        self.heard = number
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
    """Those that ask for a stop. SIGHUP comes with a dropped connection, unless `nohup` has it ignored."""
    hangs_up = signal.getsignal(signal.SIGHUP) != signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hangs_up else [])]


def leave_terminal() -> None:
    """What is written to a terminal from now on goes nowhere: it is gone, and writing to it would be an error."""
    console = sys.modules.get("r1rl.system.console")
    own = console.console.file if console else sys.stdout
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for file in (own, sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(OSError, ValueError):  # closed
            if stat.S_ISCHR(os.fstat(file.fileno()).st_mode):  # not a file that it was redirected to
                os.dup2(nowhere, file.fileno())
    os.close(nowhere)


def give_up(exit_code: int) -> None:
    """Ends the process, before whoever sent the SIGTERM kills it: what is half written has no name yet."""
    console = sys.modules.get("r1rl.system.console")
    with contextlib.suppress(Exception):
        terminal = console.console.file if console else sys.stderr
        words = "\n--grace-seconds are over: what was not yet saved is left; --resume goes on from the newest checkpoint\n"
        os.write(terminal.fileno(), words.encode())
    os._exit(exit_code)
