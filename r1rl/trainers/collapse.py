"""Tells when the reasoning collapses: its length falls below half of what it was while the reward rises."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from r1rl.tasks.prompts import ANSWER_TAG, REASONING_TAG

WINDOW = 10  # steps whose mean is compared; single steps are too noisy

SHARE = 0.5  # of the length at the start


@dataclass(frozen=True, slots=True)
class Collapse:
    """What was found: the means of the first and of the latest window."""

    step: int  # the latest, from 1
    start_length: float
    length: float
    start_reward: float
    reward: float

    def words(self) -> str:
        """One sentence for the progress bar and the report."""
        return (
            f"the reasoning collapses: {self.length:.0f} tokens in the mean of the latest steps, "
            f"{self.start_length:.0f} at the start, while the reward rose from {self.start_reward:.2f} to "
            f"{self.reward:.2f}"
        )


def find_collapse(
    lengths: Sequence[float], rewards: Sequence[float], window: int = WINDOW, share: float = SHARE
) -> Collapse | None:
    """The first step at which the reasoning had collapsed, None where it has not.

    `lengths` and `rewards` are the means of each step, of one stage of a curriculum if there is one: harder
    puzzles have other lengths and rewards. The first window is the start, the latest must not overlap it.

    >>> find_collapse([100.0, 100.0, 40.0, 40.0], [0.0, 0.0, 1.0, 1.0], window=2).step
    4
    """
    if len(lengths) != len(rewards):
        raise ValueError(f"{len(lengths)} lengths and {len(rewards)} rewards: one of each a step is needed")
    if len(lengths) < 2 * window:
        return None
    start_length, start_reward = fmean(lengths[:window]), fmean(rewards[:window])
    for end in range(2 * window, len(lengths) + 1):
        length, reward = fmean(lengths[end - window : end]), fmean(rewards[end - window : end])
        if length < share * start_length and reward > start_reward:
            return Collapse(end, start_length, length, start_reward, reward)
    return None


class Watch:
    """Looks for a collapse while a run goes on, in each stage of a curriculum on its own."""

    def __init__(self):
        self.level: int | None = None
        self.lengths: list[float] = []
        self.rewards: list[float] = []

    def add(self, level: int | None, length: float, reward: float | None) -> Collapse | None:
        """Takes in one step. Returns the collapse in the step that shows it first, at most once a stage."""
        if level != self.level:
            self.level, self.lengths, self.rewards = level, [], []
        if reward is None:
            return None
        self.lengths.append(length)
        self.rewards.append(reward)
        found = find_collapse(self.lengths, self.rewards)
        return found if found is not None and found.step == len(self.lengths) else None


def reasoning_text(completion: str, tag: str = REASONING_TAG) -> str:
    """What stands before the end of the reasoning, or without tags before the answer; else the whole text."""
    before = re.split(f"</{tag}>|<{ANSWER_TAG}>", completion, maxsplit=1)[0]
    return before.rpartition(f"<{tag}>")[2]
