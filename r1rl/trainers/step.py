"""One training step as a value: the prompts drawn, what was sampled, what it earned, and what the update takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from r1rl.records import Prompt, Rollout, Scored
from r1rl.trainers.advantages import groups_without_signal


@dataclass
class Step:
    """The completions of one sampling call, group by group, and what becomes of them.

    B groups of G completions are learned from. With --refill more are sampled: S >= B * G in all. With
    --steps-per-generation several optimizer steps share one Step, each with its part of the completions.
    """

    drawn: list[int]  # (B,) places of the prompts in the training set
    group_size: int  # G
    prompts: list[Prompt] = field(default_factory=list)  # (S,)
    rollouts: list[Rollout] = field(default_factory=list)  # (S,)
    scored: list[Scored] = field(default_factory=list)  # (S,)
    taken: list[int] = field(default_factory=list)  # (B * G,) places of the completions that the update takes
    advantages: list[float] = field(default_factory=list)  # (B * G,)
    batch: dict[str, Any] = field(
        default_factory=dict
    )  # tensors of the base class, one row per taken completion
    lines: list[dict[str, Any]] = field(default_factory=list)  # for metrics.jsonl, one per optimizer step
    line: dict[str, Any] = field(default_factory=dict)  # the one of the present optimizer step

    # While the update runs:
    part: dict[str, Any] | None = None  # rows of `batch` that go through the model now
    gaps: list[Any] = field(default_factory=list)  # tensors (N,): |sampler logprob - trainer logprob|

    def add(self, prompts: Sequence[Prompt], rollouts: Sequence[Rollout], scored: Sequence[Scored]) -> None:
        """Adds sampled groups, G completions for each prompt."""
        self.prompts += prompts
        self.rollouts += rollouts
        self.scored += scored

    def group_rewards(self) -> list[list[float | None]]:
        """Returns the rewards of each group, (S / G, G)."""
        rewards = [s.reward for s in self.scored]
        return [rewards[i : i + self.group_size] for i in range(0, len(rewards), self.group_size)]

    def count_with_signal(self) -> int:
        """Returns the number of groups with different rewards."""
        groups = self.group_rewards()
        return len(groups) - sum(groups_without_signal(group, self.group_size) for group in groups)

    def take_groups(self) -> None:
        """Takes as many groups as prompts were drawn for the update, groups with different rewards first."""
        groups = self.group_rewards()
        order = sorted(range(len(groups)), key=lambda i: groups_without_signal(groups[i], self.group_size))
        chosen = sorted(order[: len(self.drawn)])
        self.taken = [i * self.group_size + k for i in chosen for k in range(self.group_size)]

    def parts(self, steps: int) -> list[list[int]]:
        """Returns the places of each optimizer step's completions; those that no step learns from go to the first."""
        size = len(self.taken) // steps
        parts = [self.taken[k * size : (k + 1) * size] for k in range(steps)]
        learned = set(self.taken)
        parts[0] = parts[0] + [i for i in range(len(self.scored)) if i not in learned]
        return parts
