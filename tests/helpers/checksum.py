"""A reward for tests that need unequal rewards whatever a model samples; also as --reward of a run in its own process."""

from __future__ import annotations

import zlib


def pays_checksum(rollout, problem) -> float:
    """Reward in [0, 1) that differs between any two texts, so that each step whose groups are not all equal learns."""
    return zlib.crc32(rollout.completion.encode()) / 2**32
