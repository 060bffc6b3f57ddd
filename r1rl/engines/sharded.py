"""An engine of several processes: each samples its share of the prompts, and all get all rollouts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from r1rl.engines.base import Engine, Sampling
from r1rl.records import Rollout
from r1rl.system import distributed
from r1rl.system.interrupt import Interrupt
from r1rl.tasks.prompts import Prompt


class ShardedEngine:
    """Stands before this process's own engine, with its guard. A stop that was asked for meanwhile is heard here."""

    def __init__(self, engine: Engine, interrupt: Interrupt):
        self.engine, self.interrupt = engine, interrupt
        self.name = engine.name

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Rollout]:
        """See Engine. Each completion gets the random numbers that it has with one process."""
        own = distributed.share(len(prompts))
        part = dataclasses.replace(sampling, first=own.start, of=len(prompts))

        def sample() -> tuple[list[Rollout], int | None]:
            rollouts = self.engine.generate(prompts[own], part) if own.stop > own.start else []
            return rollouts, self.interrupt.heard

        found = distributed.together(sample)
        self.interrupt.agree([heard for _, heard in found])
        return [rollout for rollouts, _ in found for rollout in rollouts]

    def sync(self) -> None:
        """See Engine; a process whose engine fails here is missed at the next call of `generate`."""
        self.engine.sync()

    def close(self) -> None:
        """See Engine."""
        self.engine.close()
