"""Metrics of one step's completions, for its line in metrics.jsonl, and the watch for a collapse of the reasoning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, quantiles
from typing import Any

from r1rl.records import NO_GOLD, Rollout, Scored, reasoning_text
from r1rl.system import machine
from r1rl.trainers.advantages import groups_without_signal

WINDOW = 10  # steps per mean; single steps are too noisy
SHARE = 0.5  # of the length at the start


def step_metrics(rollouts: Sequence[Rollout], scored: Sequence[Scored], group_size: int) -> dict[str, Any]:
    """Returns the metrics that follow from the completions and their rewards alone."""
    rewards = [s.reward for s in scored]
    known = [r for r in rewards if r is not None]
    graded = [s for s in scored if s.problem.answer_type != NO_GOLD]
    lengths = [len(r.completion_ids) for r in rollouts]
    surprise = -sum(sum(r.sampler_logprobs) for r in rollouts)
    cuts = quantiles(lengths, n=10, method="inclusive")
    return {
        "completions": len(rollouts),
        "reward": fmean(known) if known else None,
        "reward_spread": max(known) - min(known) if known else None,
        "accuracy": fmean(s.correct for s in graded) if graded else None,
        "tokens": sum(lengths),
        "mean_tokens": fmean(lengths),
        "p10_tokens": cuts[0],
        "p50_tokens": cuts[4],
        "p90_tokens": cuts[8],
        "max_tokens": max(lengths),
        "truncated": fmean(r.finish != "stop" for r in rollouts),
        "completions_pruned": sum(r.finish == "repetition" for r in rollouts),
        "sampler_entropy": surprise / max(1, sum(lengths)),
        "rewards_left_out": sum(r is None for s in scored for r in s.rewards.values()),
        "groups": len(rollouts) // group_size,
        "groups_without_signal": groups_without_signal(rewards, group_size),
    }


def repeated(line: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the metrics of a step that learns from the same completions again (--num-iterations): none are new."""
    counts = ("completions", "tokens", "rewards_left_out", "groups", "groups_without_signal", "groups_refilled")
    return {**line, **dict.fromkeys(counts, 0), "collapse": None}


def reasoning_tokens(rollouts: Sequence[Rollout], tokenizer: Any, think_tag: str) -> float:
    """Returns the mean length of the completions' reasoning, in tokens."""
    texts = [reasoning_text(r.completion, think_tag) for r in rollouts]
    return fmean(len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"])


def peak_memory(on_gpu: bool) -> float:
    """Returns the largest memory of the run so far in GiB: the GPU's, without one the process's."""
    if on_gpu:
        import torch

    peak = torch.cuda.max_memory_allocated() if on_gpu else machine.peak_memory()
    return round(peak / 2**30, 3)


@dataclass(frozen=True, slots=True)
class Collapse:
    """A collapse of the reasoning: the means of the first and of the latest window."""

    step: int  # the latest, from 1
    start_length: float
    length: float
    start_reward: float
    reward: float

    def describe(self) -> str:
        """Returns one sentence for the progress bar and the report."""
        return (
            f"the reasoning collapses: {self.length:.0f} tokens on average in the latest steps, "
            f"{self.start_length:.0f} at the start, while the reward rose from {self.start_reward:.2f} to "
            f"{self.reward:.2f}"
        )


def find_collapse(
    lengths: Sequence[float], rewards: Sequence[float], window: int = WINDOW, share: float = SHARE
) -> Collapse | None:
    """Returns the first collapse, None if there is none.

    `lengths` and `rewards` are the means of each step; of a curriculum, those of one stage: harder puzzles have other
    lengths and rewards. The first window is the start; the latest must not overlap it.

    >>> find_collapse([100.0, 100.0, 40.0, 40.0], [0.0, 0.0, 1.0, 1.0], window=2).step
    4
    """
    if len(lengths) != len(rewards):
        raise ValueError(f"{len(lengths)} lengths and {len(rewards)} rewards: each step needs one of each")
    if len(lengths) < 2 * window:
        return None
    start_length, start_reward = fmean(lengths[:window]), fmean(rewards[:window])
    for end in range(2 * window, len(lengths) + 1):
        length, reward = fmean(lengths[end - window : end]), fmean(rewards[end - window : end])
        if length < share * start_length and reward > start_reward:
            return Collapse(end, start_length, length, start_reward, reward)
    return None


class Watch:
    """Looks for a collapse during a run, in each stage of a curriculum separately."""

    def __init__(self):
        self.level: int | None = None
        self.lengths: list[float] = []
        self.rewards: list[float] = []

    def add(self, level: int | None, length: float, reward: float | None) -> Collapse | None:
        """Adds one step. Returns the collapse in the first step that shows it, at most once per stage."""
        if level != self.level:
            self.level, self.lengths, self.rewards = level, [], []
        if reward is None:
            return None
        self.lengths.append(length)
        self.rewards.append(reward)
        collapse = find_collapse(self.lengths, self.rewards)
        return collapse if collapse is not None and collapse.step == len(self.lengths) else None
