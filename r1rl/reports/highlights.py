"""The ten most instructive completions of a run, by stated criteria."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from r1rl.reports.completions import Completion
from r1rl.reports.selfcheck import Check


@dataclass(frozen=True, slots=True)
class Criterion:
    """Which completions are asked (`fits`), and which is taken: the largest `key`, the first of equals."""

    title: str
    fits: Callable[[dict, Check | None], bool]
    key: Callable[[dict], float]


def outcome_is(name: str, correct: bool | None = None) -> Callable[[dict, Check | None], bool]:
    """Whether the check came to this outcome, in a right or wrong completion."""
    return lambda line, check: (
        check is not None and check.outcome == name and correct in (None, line["correct"])
    )


def confidence(line: dict) -> float:
    """Mean logprob of a token, as sampled; completions of no length or an older dump come last."""
    known = isinstance(line.get("logprob"), int | float) and line["tokens"]
    return line["logprob"] / line["tokens"] if known else float("-inf")


def step(line: dict) -> float:
    """The step, so that the last one is taken."""
    return line["step"]


CRITERIA = (
    Criterion("the first check that corrected the answer", outcome_is("corrected"), lambda line: -step(line)),
    Criterion("the last check that corrected the answer", outcome_is("corrected"), step),
    Criterion("the last check that confirmed a right answer", outcome_is("confirmed", True), step),
    Criterion("the last check that confirmed a wrong answer", outcome_is("confirmed", False), step),
    Criterion("the last check that broke the answer", outcome_is("broke"), step),
    Criterion("the longest right one", lambda line, check: line["correct"], lambda line: line["tokens"]),
    Criterion("the longest wrong one", lambda line, check: not line["correct"], lambda line: line["tokens"]),
    Criterion(
        "the right one that the update learned most from",
        lambda line, check: line["correct"] and line.get("advantage") is not None,
        lambda line: line["advantage"],
    ),
    Criterion("the most confident mistake", lambda line, check: not line["correct"], confidence),
    Criterion(
        "the least expected success",
        lambda line, check: line["correct"] and confidence(line) > float("-inf"),
        lambda line: -confidence(line),
    ),
)


class Picker:
    """Sees completions one by one and keeps the best for each criterion; none is taken twice."""

    def __init__(self):
        self.best: list[list[tuple[float, Completion, Check | None]]] = [[] for _ in CRITERIA]

    def __call__(self, completion: Completion, check: Check | None) -> None:
        """Looks at one more completion."""
        for criterion, best in zip(CRITERIA, self.best):
            if criterion.fits(completion.line, check):
                key = criterion.key(completion.line)
                if len(best) < len(CRITERIA) or key > best[-1][0]:
                    best.append((key, completion, check))
                    best.sort(key=lambda entry: -entry[0])  # stable: the first of equals stays first
                    del best[len(CRITERIA) :]

    def picked(self) -> list[tuple[str, Completion, Check | None]]:
        """(criterion, completion, its check) in the order of CRITERIA, without those that nothing meets."""
        taken: dict[str, tuple[str, Completion, Check | None]] = {}
        for criterion, best in zip(CRITERIA, self.best):
            fresh = next((b for b in best if b[1].place not in taken), None)
            if fresh is not None:
                taken[fresh[1].place] = (criterion.title, fresh[1], fresh[2])
        return list(taken.values())
