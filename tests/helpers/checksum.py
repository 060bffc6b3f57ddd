"""A reward for tests that need unequal rewards whatever a model samples; also as --reward of a run in its own process."""

from __future__ import annotations

import zlib


def pays_checksum(rollout, problem) -> float:
    """Reward in [0, 1) that differs between any two texts: a group teaches unless its texts are all the same.

    Of 100 word problems 5 had one text in a group of 8, and 11 in a group of 4; at a temperature of 1.5 none and 1.
    """
    return zlib.crc32(rollout.completion.encode()) / 2**32
