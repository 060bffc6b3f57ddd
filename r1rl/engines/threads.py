"""Runs work in several threads with one torch thread each; none of them delays the program's exit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import torch

from r1rl.system.deadline import TooLong

TO_BEGIN = 1.0  # seconds for a thread to start
S, T = TypeVar("S"), TypeVar("T")


def in_threads(work: Callable[[S], T], parts: Sequence[S], count: int, stopped: threading.Event) -> list[T]:
    """Runs work(part) for each part in `count` threads; raises the first failed part's exception.

    `stopped` is set when nobody waits for the results any more: work is to look at it, and return soon.

    A hanging thread is abandoned, while the interpreter waits for threads of concurrent.futures at exit.
    """
    left = list(enumerate(parts))[::-1]
    results: list[T | None] = [None] * len(parts)
    errors: dict[int, BaseException] = {}

    def run(ended: threading.Event) -> None:
        torch.set_num_threads(1)  # of this thread only
        try:
            while not errors and left:
                place, part = left.pop()
                try:
                    results[place] = work(part)
                except BaseException as error:  # raised below
                    errors[place] = error
        except IndexError:  # another thread was faster
            pass
        finally:
            ended.set()

    threads: dict[threading.Thread, threading.Event] = {}  # started threads and the event of their end
    try:
        for _ in range(count):
            ended = threading.Event()
            thread = threading.Thread(target=run, args=[ended], daemon=True)
            threads[thread] = ended
            thread.start()
        wait(threads)
    except BaseException as error:
        left.clear()
        stopped.set()
        if not isinstance(error, TooLong):  # Ctrl-C: no thread inside torch may outlive the interpreter
            wait(threads)
        raise
    if errors:
        raise errors[min(errors)]
    return results


def wait(threads: Mapping[threading.Thread, threading.Event]) -> None:
    """Waits until all threads have ended.

    Not by join(): until Python 3.13 one that a signal has cut short takes its thread for ended ever after (CPython's
    threading.py, _wait_for_tstate_lock). And a signal may have left start() before the new thread could tell that it runs.
    """
    patience = time.monotonic() + TO_BEGIN
    for thread, ended in threads.items():
        while thread.ident is None and time.monotonic() < patience:
            time.sleep(0.001)
        if thread.ident is not None:
            ended.wait()
