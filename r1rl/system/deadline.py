"""Interrupts the main thread in a call that takes too long."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

ATTEMPTS = 60  # signals, one a second, after which a call counts as one that never returns to Python


class TooLong(BaseException):
    """Raised in the main thread. Not an Exception, so that no library handles it as an error of its own."""


@contextlib.contextmanager
def deadline(seconds: float, overdue: Callable[[], bool], stuck: Callable[[], None]) -> Iterator[None]:
    """Raises TooLong inside the block after `seconds` if `overdue()` is true; calls `stuck()` if that has no effect.

    A thread waits and then sends SIGALRM. Python runs the handler in the main thread between two instructions, or while
    it waits for a lock, for sleep or for input. A call into compiled code that never returns cannot be interrupted: after
    ATTEMPTS seconds `stuck` is called in the waiting thread. Outside the main thread nothing is watched.
    """
    main = threading.main_thread()
    if threading.current_thread() is not main:
        yield
        return
    inside, due, done = True, False, threading.Event()
    before = signal.getsignal(signal.SIGALRM)

    def on_alarm(number, frame):
        if inside and due:
            raise TooLong
        if callable(before):  # somebody else's alarm
            before(number, frame)

    def wait():
        nonlocal due
        if done.wait(seconds) or not overdue():
            return
        due = True
        for _ in range(ATTEMPTS):
            signal.pthread_kill(main.ident, signal.SIGALRM)
            if done.wait(1.0):
                return
        stuck()

    signal.signal(signal.SIGALRM, on_alarm)
    threading.Thread(target=wait, daemon=True, name="deadline").start()
    try:
        yield
    finally:
        inside = False
        done.set()
        signal.signal(signal.SIGALRM, before)
