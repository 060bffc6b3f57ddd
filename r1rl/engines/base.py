"""Engines: prompts -> rollouts, all prompts of a step in one call. This file has the protocol and the choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from r1rl.records import Prompt, Rollout


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to sample: `n` completions a prompt; temperature 0 is greedy."""

    n: int
    max_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    batch_size: int | None = None  # most completions at once; engines that schedule for themselves ignore it
    first: int = 0  # the place of these prompts among `of` that several processes sample together
    of: int | None = None  # None: these are all


class Engine(Protocol):
    """What samples from the policy."""

    name: str

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Rollout]:
        """`sampling.n` rollouts for each prompt, prompt by prompt: (len(prompts) * n) in all."""
        ...

    def sync(self) -> None:
        """Takes over the policy's present weights; called after each optimizer step."""
        ...

    def close(self) -> None:
        """Gives memory and processes back."""
        ...
