"""Which prompts a step samples beside those of TRL's sampler: fresh ones for groups that taught nothing."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Sequence

from r1rl.tasks.prompts import Prompt

PASSED_OVER = (
    0.75  # probability that a prompt is passed over whose completions all earned the same the last time
)


class Draw:
    """Remembers which prompts taught nothing when they were last sampled; what it draws depends on seed and step alone."""

    def __init__(self, prompts: Sequence[Prompt], seed: int):
        self.ids = [p.problem.id for p in prompts]
        self.seed = seed
        self.idle: set[str] = set()  # ids of problems whose last group earned equal rewards

    def seen(self, problem_id: str, rewards: Collection[float | None]) -> None:
        """Takes in one group."""
        if len(set(rewards)) > 1:
            self.idle.discard(problem_id)
        else:
            self.idle.add(problem_id)

    def replay(self, lines: Iterable[dict]) -> None:
        """Takes in the groups of a dump, so that a resumed run knows what the unbroken one does."""
        groups: dict[tuple, list] = {}
        for line in lines:
            key = (line["step"], line["group"], line["problem_id"])
            groups.setdefault(key, []).append(line["reward"])
        for (_, _, problem_id), rewards in groups.items():
            self.seen(problem_id, rewards)

    def without_idle(self, drawn: Sequence[int], step: int) -> list[int]:
        """The drawn prompts, most of the idle ones among them exchanged for fresh ones that are not idle."""
        chance = random.Random(f"{self.seed}/{step}/idle")
        passed = {i for i in drawn if self.ids[i] in self.idle and chance.random() < PASSED_OVER}
        fresh = iter(self.fresh(len(passed), step, "exchange", drawn, but_idle=True))
        return [next(fresh, i) if i in passed else i for i in drawn]

    def fresh(
        self, count: int, step: int, why: str, but: Collection[int], but_idle: bool = False
    ) -> list[int]:
        """At most `count` positions of other prompts than `but`."""
        taken = set(but)
        left = [
            i for i in range(len(self.ids)) if i not in taken and not (but_idle and self.ids[i] in self.idle)
        ]
        return random.Random(f"{self.seed}/{step}/{why}").sample(left, min(count, len(left)))
