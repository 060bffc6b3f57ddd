"""Rewards -> advantages, as pure functions over lists."""

from __future__ import annotations

import math
from collections.abc import Sequence

EPSILON = 1e-4  # TRL's: keeps a group of nearly equal rewards from getting huge advantages


def group_advantages(
    rewards: Sequence[float | None], group_size: int, scale: str = "group"
) -> list[float]:  # (B*G,) -> (B*G,)
    """Each reward minus the mean of its group, divided by a standard deviation.

    Source: DeepSeekMath (arXiv:2402.03300) section 4.1.2 for scale="group"; Dr. GRPO (arXiv:2503.20783) section 3.2
    for scale="none". A reward of None is left out of its group's mean and gets the advantage 0.

    >>> [round(a, 3) for a in group_advantages([1.0, 0.0, 0.0, 0.0], 4)]
    [1.5, -0.5, -0.5, -0.5]
    """
    if len(rewards) % group_size:
        raise ValueError(f"{len(rewards)} rewards do not make whole groups of {group_size}")
    groups = [rewards[i : i + group_size] for i in range(0, len(rewards), group_size)]
    batch_std = deviation([r for r in rewards if r is not None])
    advantages = []
    for group in groups:
        known = [r for r in group if r is not None]
        mean = math.fsum(known) / len(known) if known else 0.0
        std = {"group": deviation(known), "batch": batch_std, "none": None}[scale]
        divisor = 1.0 if std is None else std + EPSILON
        advantages += [0.0 if r is None else (r - mean) / divisor for r in group]
    return advantages


def deviation(values: Sequence[float]) -> float:
    """Sample standard deviation (divisor n - 1), 0 for fewer than two values."""
    if len(values) < 2:
        return 0.0
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1))


def groups_without_signal(rewards: Sequence[float | None], group_size: int) -> int:
    """How many groups have only equal rewards: all their advantages are 0, they teach nothing."""
    groups = (rewards[i : i + group_size] for i in range(0, len(rewards), group_size))
    return sum(len({r for r in group if r is not None}) <= 1 for group in groups)
