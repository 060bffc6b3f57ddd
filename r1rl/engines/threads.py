"""Work in several threads of one torch thread each, none of which can keep the program from ending."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from r1rl.deadline import TooLong

S, T = TypeVar("S"), TypeVar("T")


def in_threads(work: Callable[[S], T], parts: Sequence[S], count: int, stopped: threading.Event) -> list[T]:
    """work(part) for each part, in `count` threads; raises what the first part that failed has raised.

    `stopped` is set when nobody waits for the results any more: work is to look at it, and return soon.

    Unlike concurrent.futures' threads, which the interpreter waits for at its end, one that hangs is left behind.
    """
    left = list(enumerate(parts))[::-1]
    results: list[T | None] = [None] * len(parts)
    errors: dict[int, BaseException] = {}

    def run() -> None:
        torch.set_num_threads(1)  # of this thread alone
        while not errors and left:
            try:
                place, part = left.pop()
            except IndexError:  # another thread was faster
                return
            try:
                results[place] = work(part)
            except BaseException as error:  # it is raised below
                errors[place] = error

    threads = [threading.Thread(target=run, daemon=True) for _ in range(count)]
    try:
        for thread in threads:
            thread.start()
        wait(threads)
    except BaseException as error:
        left.clear()
        stopped.set()
        if not isinstance(error, TooLong):  # Ctrl-C: a thread inside torch must not outlive the interpreter
            wait(threads)
        raise
    if errors:
        raise errors[min(errors)]
    return results


def wait(threads: Sequence[threading.Thread]) -> None:
    """Until all have ended."""
    for thread in threads:
        if thread.ident is not None:  # it was started
            thread.join()
