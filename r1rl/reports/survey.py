"""One pass over all completions of a run: how many were right, checked themselves, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from r1rl.config.run_rules import GENERAL_TASK
from r1rl.reports.checked import read_checked
from r1rl.reports.completions import Completion
from r1rl.reports.selfcheck import Check
from r1rl.runs.stats import format_share, wilson_clustered

PHASES = ("early", "middle", "late")


@dataclass(slots=True)
class Group:
    """The completions of one problem at one step."""

    step: int
    n: int = 0
    correct: int = 0
    checked: int = 0
    checked_correct: int = 0
    tokens: int = 0
    truncated: int = 0
    reward: float = 0.0
    rewarded: int = 0  # completions that a reward applied to

    def add(self, completion: Completion, check: Check | None) -> None:
        """Counts one completion."""
        line = completion.line
        self.n += 1
        self.correct += line["correct"]
        self.tokens += line["tokens"]
        self.truncated += line["finish"] == "length"
        if line["reward"] is not None:
            self.reward += line["reward"]
            self.rewarded += 1
        if check is not None:
            self.checked += 1
            self.checked_correct += line["correct"]


@dataclass
class Survey:
    """What one pass counted, by split: groups in order, and outcomes of checks by step."""

    groups: dict[str, dict[tuple[int, int], Group]] = field(default_factory=lambda: {"train": {}, "eval": {}})
    outcomes: dict[str, dict[int, Counter]] = field(default_factory=lambda: {"train": {}, "eval": {}})
    damaged: list[str] = field(default_factory=list)

    def steps(self, split: str) -> list[int]:
        """The steps with completions, in order."""
        return sorted({step for step, _ in self.groups[split]})

    def within(self, split: str, first: int, last: int) -> list[Group]:
        """The groups of steps first to last."""
        return [g for g in self.groups[split].values() if first <= g.step <= last]

    def outcomes_within(self, split: str, first: int, last: int) -> Counter:
        """How often each outcome came in steps first to last."""
        return sum((c for s, c in self.outcomes[split].items() if first <= s <= last), Counter())


def survey(folder: Path, visit: Callable[[Completion, Check | None], None] | None = None) -> Survey:
    """Reads a run once. `visit` sees each completion with its check, so that one reading serves all."""
    found = Survey()
    for completion, check in read_checked(folder, found.damaged):
        line = completion.line
        if line.get("task") == GENERAL_TASK:  # has no right answer
            continue
        split = "eval" if completion.file.parent.name == "eval" else "train"
        key = line["step"], line["group"]
        group = found.groups[split].get(key)
        if group is None:
            group = found.groups[split][key] = Group(line["step"])
        group.add(completion, check)
        if check is not None:
            found.outcomes[split].setdefault(line["step"], Counter())[check.outcome] += 1
        if visit is not None:
            visit(completion, check)
    return found


def phases(steps: list[int]) -> list[tuple[str, int, int]]:
    """(name, first step, last step): the steps in three equal parts, or one where they are few."""
    if len(steps) < len(PHASES):
        return [("all", steps[0], steps[-1])] if steps else []
    cuts = [round(i * len(steps) / len(PHASES)) for i in range(len(PHASES) + 1)]
    return [(name, steps[a], steps[b - 1]) for name, a, b in zip(PHASES, cuts, cuts[1:])]


@dataclass(frozen=True, slots=True)
class Share:
    """A share with what it rests on."""

    hits: int
    n: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share itself."""
        return self.hits / self.n

    def __str__(self) -> str:
        return format_share(self.hits, self.n, self.low, self.high)


def share(pairs: Iterable[tuple[int, int]]) -> Share | None:
    """The share over groups of (hits, n), with an interval that allows for the groups; None without any."""
    known = [(hits, n) for hits, n in pairs if n]
    if not known:
        return None
    return Share(sum(h for h, _ in known), sum(n for _, n in known), *wilson_clustered(known))


def right(groups: Iterable[Group]) -> Share | None:
    """Share of right completions."""
    return share((g.correct, g.n) for g in groups)


def checking(groups: Iterable[Group]) -> Share | None:
    """Share of completions with a check."""
    return share((g.checked, g.n) for g in groups)


def right_with_check(groups: Iterable[Group]) -> Share | None:
    """Share of right ones among completions with a check."""
    return share((g.checked_correct, g.checked) for g in groups)


def right_without_check(groups: Iterable[Group]) -> Share | None:
    """Share of right ones among completions without a check."""
    return share((g.correct - g.checked_correct, g.n - g.checked) for g in groups)
