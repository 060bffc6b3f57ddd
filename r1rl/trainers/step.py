"""One training step as a value: prompts, rollouts, rewards, advantages, the batch of the update and the metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from r1rl.records import NO_GOLD, Prompt, Rollout, Scored
from r1rl.trainers.advantages import groups_without_signal


@dataclass
class Step:
    """The completions sampled from one state of the policy, group by group, and what becomes of them.

    B groups of G completions are taken. With --refill more are sampled: S >= B * G completions in all. With --learn-from
    only k < G completions of each group are learned from; else k = G. With --steps-per-generation K > 1 one Step serves
    K optimizer steps, each with its share of the B groups.
    """

    drawn: list[int]  # (B,) positions of the prompts in the training set
    group_size: int  # G
    calls: int = 0  # of the engine
    prompts: list[Prompt] = field(default_factory=list)  # (S,)
    rollouts: list[Rollout] = field(default_factory=list)  # (S,)
    scored: list[Scored] = field(default_factory=list)  # (S,)
    taken: list[int] = field(default_factory=list)  # (B * G,) positions of the completions of the groups taken
    learned: list[int] = field(default_factory=list)  # (B * k,) positions of those in the update's batch
    advantages: list[float] = field(default_factory=list)  # (B * k,)
    batch: dict[str, Any] = field(default_factory=dict)  # TRL's tensors, one row per completion learned from
    notes: dict[int, dict[str, Any]] = field(
        default_factory=dict
    )  # more fields of a completion's line, by its position
    lines: list[dict[str, Any]] = field(default_factory=list)  # (K,) for metrics.jsonl
    line: dict[str, Any] = field(default_factory=dict)  # the one of the current optimizer step
    # During an update:
    part: dict[str, Any] | None = None  # the rows of `batch` that are in the model
    gaps: list[Any] = field(default_factory=list)  # tensors (N,): |sampler logprob - trainer logprob|
    # Position in the share of this optimizer step -> (tokens,) trainer's logprob minus sampler's, for tokens/gaps.jsonl.
    token_gaps: dict[int, list[float]] = field(default_factory=dict)
    entropy_threshold: float | None = None  # nats: tokens below it are not learned (--top-entropy-share)

    def add(self, prompts: Sequence[Prompt], rollouts: Sequence[Rollout]) -> None:
        """Adds the groups of one call of the engine, G rollouts for each prompt; they have no rewards yet."""
        self.calls += 1
        self.prompts += [p for p in prompts for _ in range(self.group_size)]
        self.rollouts += rollouts

    def group_rewards(self) -> list[list[float | None]]:
        """Returns the rewards of each group: (S / G, G)."""
        rewards = [s.reward for s in self.scored]
        return [rewards[i : i + self.group_size] for i in range(0, len(rewards), self.group_size)]

    def correct_by_group(self) -> list[tuple[str, int]]:
        """Returns (problem id, number of correct completions) of each group; without those that have no gold answer."""
        groups = [self.scored[i : i + self.group_size] for i in range(0, len(self.scored), self.group_size)]
        graded = [group for group in groups if group[0].problem.answer_type != NO_GOLD]
        return [(group[0].problem.id, sum(s.correct for s in group)) for group in graded]

    def count_with_signal(self) -> int:
        """Returns the number of groups with different rewards."""
        return sum(not groups_without_signal(group, self.group_size) for group in self.group_rewards())

    def take_groups(self) -> None:
        """Takes as many groups as prompts were drawn, for the update; groups with different rewards first."""
        groups = self.group_rewards()
        order = sorted(range(len(groups)), key=lambda i: groups_without_signal(groups[i], self.group_size))
        chosen = sorted(order[: len(self.drawn)])
        self.taken = [i * self.group_size + k for i in chosen for k in range(self.group_size)]

    def shares(self, steps: int) -> list[list[int]]:
        """Returns the positions of each optimizer step's completions; the first gets those that are not taken, too."""
        size = len(self.taken) // steps
        shares = [self.taken[k * size : (k + 1) * size] for k in range(steps)]
        taken = set(self.taken)
        shares[0] = shares[0] + [i for i in range(len(self.scored)) if i not in taken]
        return shares
