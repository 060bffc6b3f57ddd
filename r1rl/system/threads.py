"""Parallel work in daemon threads, each with one thread of torch's; a thread that hangs does not block the program's exit."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from r1rl.system.deadline import TooLong

START_TIMEOUT = 1.0  # seconds in which a thread must start
S, T = TypeVar("S"), TypeVar("T")


def in_threads(work: Callable[[S], T], parts: Sequence[S], count: int, stopped: threading.Event) -> list[T]:
    """Returns work(part) of each part, from `count` threads. Raises the error of the first part that failed.

    `stopped` is set when the results are not needed any more: `work` must check it and return soon. The interpreter
    waits at its end for threads of concurrent.futures, but not for these.
    """
    waiting = list(enumerate(parts))[::-1]
    results: list[T | None] = [None] * len(parts)
    errors: dict[int, BaseException] = {}

    def run(ended: threading.Event) -> None:
        if (torch := sys.modules.get("torch")) is not None:
            torch.set_num_threads(1)  # of this thread alone
        try:
            while not errors and waiting:
                place, part = waiting.pop()
                try:
                    results[place] = work(part)
                except BaseException as error:  # raised below
                    errors[place] = error
        except IndexError:  # another thread was faster
            pass
        finally:
            ended.set()

    threads: dict[threading.Thread, threading.Event] = {}  # and whether they have ended
    try:
        for _ in range(count):
            ended = threading.Event()
            thread = threading.Thread(target=run, args=[ended], daemon=True)
            threads[thread] = ended
            thread.start()
        wait(threads)
    except BaseException as error:
        waiting.clear()
        stopped.set()
        if not isinstance(error, TooLong):  # Ctrl-C: a thread inside torch must not outlive the interpreter
            wait(threads)
        raise
    if errors:
        raise errors[min(errors)]
    return results


def wait(threads: Mapping[threading.Thread, threading.Event]) -> None:
    """Waits until all threads have ended.

    Not with join(): before Python 3.13 a join that a signal interrupts takes its thread for ended ever after (CPython's
    threading.py, _wait_for_tstate_lock). A signal may also have interrupted start(), before the thread has an `ident`.
    """
    deadline = time.monotonic() + START_TIMEOUT
    for thread, ended in threads.items():
        while thread.ident is None and time.monotonic() < deadline:
            time.sleep(0.001)
        if thread.ident is not None:
            ended.wait()
