"""Which prompts a step samples, other than those of TRL's sampler: --skip-solved, --refill, --difficulty-pool, --stages."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from heapq import nsmallest
from statistics import fmean
from typing import Any

from r1rl.config.flags import Config, read_stages
from r1rl.records import Prompt
from r1rl.system.errors import UserError

SKIPPED = 0.75  # probability that a prompt is skipped whose last group had equal rewards


class Draw:
    """Remembers which prompts had no signal when last sampled; draws depend on these, the seed and the step alone."""

    def __init__(self, prompts: Sequence[Prompt], seed: int):
        self.ids = [p.problem.id for p in prompts]
        self.seed = seed
        self.idle: set[str] = set()  # ids of problems whose last group had equal rewards

    def record(self, problem_id: str, rewards: Collection[float | None]) -> None:
        """Records one group."""
        if len({r for r in rewards if r is not None}) > 1:
            self.idle.discard(problem_id)
        else:
            self.idle.add(problem_id)

    def replay(self, lines: Iterable[dict]) -> None:
        """Records the groups of a dump, so that a resumed run draws as an uninterrupted one."""
        groups: dict[tuple, list] = {}
        for line in lines:
            key = (line["step"], line["group"], line["problem_id"])
            groups.setdefault(key, []).append(line["reward"])
        for (_, _, problem_id), rewards in groups.items():
            self.record(problem_id, rewards)

    def replace_idle(self, drawn: Sequence[int], step: int) -> list[int]:
        """Returns the drawn prompts with most idle ones replaced by others that are not idle."""
        chance = random.Random(f"{self.seed}/{step}/idle")
        skipped = {i for i in drawn if self.ids[i] in self.idle and chance.random() < SKIPPED}
        fresh = iter(self.fresh(len(skipped), step, "exchange", drawn, skip_idle=True))
        return [next(fresh, i) if i in skipped else i for i in drawn]

    def fresh(self, count: int, step: int, why: str, but: Collection[int], skip_idle: bool = False) -> list[int]:
        """Returns at most `count` positions of prompts other than `but`; `why` makes the draw its own."""
        taken = set(but)
        left = [i for i in range(len(self.ids)) if i not in taken and not (skip_idle and self.ids[i] in self.idle)]
        return random.Random(f"{self.seed}/{step}/{why}").sample(left, min(count, len(left)))


class Pool:
    """The latest visits of each training prompt, and the draw by its pass rate p in them (--difficulty-pool).

    A visit is a group of completions. A prompt rests that was always or never solved in its latest `visits` visits, until
    as many groups have been sampled since the last one as there are prompts: one pass. All others are drawn with the
    weight E[p (1 - p)], where p has a uniform prior: 1/6 unseen, below 1/4 always. Sources: sampling for learnability
    (arXiv:2502.12272) for p (1 - p); DAPO (arXiv:2503.14476, section 3.2), which drops the groups that are avoided here.

    It depends on the complete steps and the seed alone, so a resumed run draws as an uninterrupted one.
    """

    def __init__(self, ids: Sequence[str], group_size: int, visits: int, seed: int):
        self.ids, self.group_size, self.visits, self.seed = ids, group_size, visits, seed
        self.groups = 0  # counted so far
        # Problem id -> (`groups` after its latest visit, correct completions of each of its latest visits).
        self.seen: dict[str, tuple[int, tuple[int, ...]]] = {}
        self.sampled: Sequence[tuple[str, int]] = ()  # problem id and correct completions of the current step's groups

    def step_ended(self) -> None:
        """Counts the groups of the current step, which is complete: until then it may be interrupted and sampled again."""
        for name, correct in self.sampled:
            self.groups += 1
            _, earlier = self.seen.get(name, (0, ()))
            self.seen[name] = (self.groups, (*earlier, correct)[-self.visits :])
        self.sampled = ()

    def draw(self, count: int) -> list[int]:
        """Returns the positions of the next step's prompts. If too few do not rest: also those that rested longest."""
        drawn = self.draw_more(count, ())
        resting = [i for i, name in enumerate(self.ids) if self.rests(name)]
        return drawn + nsmallest(count - len(drawn), resting, key=lambda i: self.seen[self.ids[i]][0])

    def draw_more(self, count: int, but: Collection[int]) -> list[int]:
        """Returns at most `count` positions other than `but`, drawn by weight without replacement.

        The smallest of exponential times with the weights as rates are such a draw: Efraimidis and Spirakis 2006
        (https://doi.org/10.1016/j.ipl.2005.11.003), algorithm A, in logarithms.
        """
        chance, taken = random.Random(f"{self.seed}/{self.groups}/{len(but)}/pool"), set(but)
        left = [i for i, name in enumerate(self.ids) if i not in taken and not self.rests(name)]
        times = {i: chance.expovariate(self.weight(self.ids[i])) for i in left}
        return nsmallest(count, times, key=times.__getitem__)

    def rests(self, name: str) -> bool:
        """Returns whether a prompt is left out at present."""
        last, correct = self.seen.get(name, (0, ()))
        unanimous = sum(correct) in (0, len(correct) * self.group_size)
        return len(correct) == self.visits and unanimous and self.groups - last < len(self.ids)

    def weight(self, name: str) -> float:
        """Returns E[p (1 - p)] for the Beta distribution of p after k of n correct completions: (k+1)(n-k+1)/((n+2)(n+3))."""
        _, correct = self.seen.get(name, (0, ()))
        right, n = sum(correct), len(correct) * self.group_size
        return (right + 1) * (n - right + 1) / ((n + 2) * (n + 3))

    def shares(self) -> dict[str, float]:
        """Returns the shares of the prompts for metrics.jsonl: by their latest visits, and those that rest."""
        counts = dict.fromkeys(("pool_solved", "pool_unsolved", "pool_between", "pool_unseen", "pool_resting"), 0)
        for name in self.ids:
            _, correct = self.seen.get(name, (0, ()))
            right, n = sum(correct), len(correct) * self.group_size
            kind = "unseen" if n == 0 else "unsolved" if right == 0 else "solved" if right == n else "between"
            counts[f"pool_{kind}"] += 1
            counts["pool_resting"] += self.rests(name)
        return {name: count / len(self.ids) for name, count in counts.items()}

    def to_dict(self) -> dict[str, Any]:
        """Returns the state of the complete steps, for JSON."""
        return {"groups": self.groups, "seen": {name: [last, *correct] for name, (last, correct) in self.seen.items()}}

    def restore(self, saved: dict[str, Any]) -> None:
        """The inverse of `to_dict`."""
        self.groups = saved["groups"]
        self.seen = {name: (last, tuple(correct)) for name, (last, *correct) in saved["seen"].items()}


@dataclass(frozen=True, slots=True)
class Plan:
    """The stages of a curriculum, and what ends one: a number of steps, a pass rate, or whichever comes first."""

    levels: tuple[int, ...]  # one per stage, in order; the last stage lasts until the run ends
    steps_per_stage: int | None = None  # None: only the pass rate ends a stage
    advance_at: float | None = None  # mean pass rate of the last `window` groups that ends a stage
    window: int = 32

    def __post_init__(self):
        if not self.levels:
            raise ValueError("a curriculum needs at least one stage, and there is none")
        if len(self.levels) > 1 and self.steps_per_stage is None and self.advance_at is None:
            raise ValueError("nothing ends the first stage: set steps_per_stage or advance_at")


@dataclass(frozen=True, slots=True)
class State:
    """A run's position in its plan; saved with every checkpoint."""

    stage: int = 0  # position in Plan.levels
    steps: int = 0  # done in this stage
    recent: tuple[float, ...] = ()  # pass rates of this stage's latest groups, at most Plan.window

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields for JSON."""
        return asdict(self) | {"recent": list(self.recent)}

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> State:
        """The inverse of `to_dict`."""
        return cls(saved["stage"], saved["steps"], tuple(saved["recent"]))


def load_plan(config: Config) -> Plan | None:
    """Returns the plan of --stages, None without the flag."""
    if config.stages is None:
        return None
    return Plan(read_stages(config), config.steps_per_stage, config.advance_at, config.advance_window)


def check_levels(plan: Plan, available: set[int | None]) -> None:
    """Raises UserError if a stage has no problems."""
    missing = [str(level) for level in plan.levels if level not in available]
    if missing:
        raise UserError(
            f"--stages: no prompt of level {missing[0]} is left to train on: all are longer than --max-prompt-length. "
            "Increase it, or leave this stage out."
        )


def level(plan: Plan, state: State) -> int:
    """Returns the level of the next step's problems."""
    return plan.levels[state.stage]


def after_step(plan: Plan, state: State, pass_rates: Sequence[float]) -> State:
    """Returns the state after a step whose groups had these shares of correct completions.

    >>> plan = Plan((2, 3), steps_per_stage=2)
    >>> after_step(plan, State(stage=0, steps=1), [0.5])
    State(stage=1, steps=0, recent=())
    """
    steps = state.steps + 1
    recent = (*state.recent, *pass_rates)[-plan.window :]
    if state.stage + 1 < len(plan.levels) and is_over(plan, steps, recent):
        return State(state.stage + 1)
    return State(state.stage, steps, recent)


def is_over(plan: Plan, steps: int, recent: Sequence[float]) -> bool:
    """Whether a stage has had its steps, or a full window of groups with the wanted pass rate."""
    if plan.steps_per_stage is not None and steps >= plan.steps_per_stage:
        return True
    return plan.advance_at is not None and len(recent) == plan.window and fmean(recent) >= plan.advance_at


def describe(plan: Plan) -> str:
    """Returns the plan in a few words, for the first screen."""
    if len(plan.levels) == 1:
        return f"level {plan.levels[0]} alone"
    ends = [] if plan.steps_per_stage is None else [f"after {plan.steps_per_stage} steps"]
    if plan.advance_at is not None:
        ends.append(f"when the last {plan.window} groups pass {plan.advance_at:.0%}")
    return f"levels {', '.join(map(str, plan.levels))}, each ending {' or '.join(ends)}"


def draw(items: Sequence[int], count: int, steps: int, seed: str) -> list[int]:
    """Returns the `count` items of the step after `steps` steps: all items in one random order, then in another.

    The draw depends on nothing else, so a resumed run draws as an uninterrupted one.
    """
    passes = range(steps * count // len(items), ((steps + 1) * count - 1) // len(items) + 1)
    drawn = [x for i in passes for x in random.Random(f"{seed}/{i}").sample(list(items), len(items))]
    start = steps * count - passes[0] * len(items)
    return drawn[start : start + count]
