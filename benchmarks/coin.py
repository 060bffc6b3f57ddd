"""A reward for random weights, which solve nothing: groups with equal rewards would be left out of the update."""

from __future__ import annotations

import zlib

from r1rl.records import Problem, Rollout


def coin(rollout: Rollout, problem: Problem) -> float:
    """Returns 0 or 1 by the text, the same for the same text."""
    return float(zlib.crc32(rollout.completion.encode()) & 1)
