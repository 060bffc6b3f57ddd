"""What a step's completions were like, for its line in metrics.jsonl."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, quantiles
from typing import Any

import torch

from r1rl.config.run_rules import GENERAL_TASK
from r1rl.records import Rollout, Scored
from r1rl.system import machine
from r1rl.trainers.advantages import groups_without_signal


def step_numbers(rollouts: Sequence[Rollout], scored: Sequence[Scored], group_size: int) -> dict[str, Any]:
    """What a step's completions were like."""
    rewards = [s.reward for s in scored]
    known = [r for r in rewards if r is not None]
    graded = [s for s in scored if s.problem.task != GENERAL_TASK]
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
        "truncated": fmean(r.finish == "length" for r in rollouts),
        "sampler_entropy": surprise / max(1, sum(lengths)),
        "rewards_left_out": sum(r is None for s in scored for r in s.rewards.values()),
        "groups": len(rollouts) // group_size,
        "groups_without_signal": groups_without_signal(rewards, group_size),
    }


def peak_memory(on_gpu: bool) -> float:
    """The most memory that the run has had so far, in GiB: the GPU's, or without one the process's."""
    peak = torch.cuda.max_memory_allocated() if on_gpu else machine.peak_memory()
    return round(peak / 2**30, 3)
