"""The learning rate over the steps of a run, also of one that was extended: warm-up, schedule, and a new tail for each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

Rate = Callable[[int], float]  # steps that are done -> share of the peak learning rate for the next one
# Shapes from 1 at 0 to their end at 1. Source: transformers, optimization.py, get_{linear,cosine}_schedule_with_warmup.
SHAPES: dict[str, Rate] = {
    "constant": lambda share: 1.0,
    "linear": lambda share: max(0.0, 1.0 - share),
    "cosine": lambda share: max(0.0, 0.5 * (1.0 + math.cos(math.pi * min(1.0, share)))),
}


def rate_of(kind: str, warmup_ratio: float, steps: int, extensions: Sequence[tuple[int, int]] = ()) -> Rate:
    """Returns the rate of a run that was planned for `steps` steps and then extended.

    `extensions`: (step from which it went on, new number of steps) of each. An extension keeps the warm-up of the start
    and begins a tail of the same shape at the rate of the last step; a constant rate stays what it is.
    """
    warmup, shape = round(warmup_ratio * steps), SHAPES[kind]
    rate = planned(shape, warmup, steps)
    for start, end in extensions:
        rate = extended(shape, rate, max(start, warmup), end)
    return rate


def planned(shape: Rate, warmup: int, steps: int) -> Rate:
    """Returns a linear warm-up and the shape after it."""
    return lambda done: done / warmup if done < warmup else shape((done - warmup) / max(1, steps - warmup))


def extended(shape: Rate, before: Rate, start: int, end: int) -> Rate:
    """Returns the rate `before` up to step `start`, then a tail from the rate of that step to step `end`."""
    present = before(max(0, start - 1))
    return lambda done: before(done) if done < start else present * shape((done - start) / max(1, end - start))
