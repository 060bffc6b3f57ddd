"""Wakes the main thread out of a call that takes too long."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

KNOCKS = 60  # seconds, and signals, until a call counts as one that never comes back to Python


class TooLong(BaseException):
    """Raised in the main thread; no Exception, so that no library takes it for one of its own."""


@dataclass
class Watched:
    """The call under watch, as the signal's handler sees it."""

    inside: bool = True
    due: bool = False


@contextlib.contextmanager
def deadline(seconds: float, overdue: Callable[[], bool], stuck: Callable[[], None]) -> Iterator[None]:
    """Raises TooLong inside after so many seconds, if `overdue()` says so; calls `stuck()` where that has no effect.

    A thread waits and sends SIGALRM, whose handler Python runs in the main thread as soon as that is between two
    instructions or waits for a lock, for sleep or for input. A call in compiled code that never returns cannot be woken:
    then, after KNOCKS seconds, `stuck` is called in the waiting thread. Outside of the main thread nothing is watched.
    """
    main = threading.main_thread()
    if threading.current_thread() is not main:
        yield
        return
    call, done = Watched(), threading.Event()
    before = signal.getsignal(signal.SIGALRM)

    def on_alarm(number, frame):
        if call.inside and call.due:
            raise TooLong
        if callable(before):  # another's alarm
            before(number, frame)

    def wait():
        if done.wait(seconds) or not overdue():
            return
        call.due = True
        for _ in range(KNOCKS):
            signal.pthread_kill(main.ident, signal.SIGALRM)
            if done.wait(1.0):
                return
        stuck()

    signal.signal(signal.SIGALRM, on_alarm)
    threading.Thread(target=wait, daemon=True, name="deadline").start()
    try:
        yield
    finally:
        call.inside = False
        done.set()
        signal.signal(signal.SIGALRM, before)
