"""The protocol of engines and the settings of a sampling call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from r1rl.records import Prompt, Rollout


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to sample: `n` completions per prompt; temperature 0 is greedy."""

    n: int
    max_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    batch_size: int | None = None  # most completions at once; engines with a scheduler ignore it
    first: int = 0  # the position of these prompts among the `of` that all processes sample
    of: int | None = None  # None: these are all
    prune: bool = False  # end completions that only repeat themselves; the transformers engine alone can do so


class Engine(Protocol):
    """Samples from the policy. An engine may also have `restart()`, which --guard engine=fix calls.

    It may have a `note`, which the first screen shows.
    """

    name: str

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Rollout]:
        """Returns `sampling.n` rollouts per prompt, prompt by prompt: (len(prompts) * n,)."""
        ...

    def sync(self) -> None:
        """Copies the policy's current weights; called after each optimizer step."""
        ...

    def close(self) -> None:
        """Frees memory and processes."""
        ...
