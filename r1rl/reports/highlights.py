"""The completions that a report shows: the ten most instructive ones by stated criteria, histories, and random ones."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from r1rl.reports.completions import Completion
from r1rl.reports.selfcheck import Check

LONGEST = 6_000  # characters of a completion on the page
BUDGET = 2_600_000  # characters of all completions on the page, over all runs
RANDOM = 600  # random completions
PAIRS = 3  # problems shown with the answers of the first and the last evaluation side by side
PROBLEMS, HISTORY = 30, 600  # problems shown at every evaluation, and the most completions for them
RULE = (
    f"the ten most instructive completions; up to {PROBLEMS} evaluation problems at every evaluation, those whose "
    f"verdict changed most often first; and up to {RANDOM} random completions, fewer if the page would become too "
    "large. The dump has all completions."
)


@dataclass(frozen=True, slots=True)
class Criterion:
    """Of the completions that satisfy `fits`, the one with the largest `key` is taken; of equals the first."""

    title: str
    fits: Callable[[dict, Check | None], bool]
    key: Callable[[dict], float]


def outcome_is(name: str, correct: bool | None = None) -> Callable[[dict, Check | None], bool]:
    """Returns a condition: the check has this outcome, in a correct or wrong completion or in any."""
    verdicts = (True, False) if correct is None else (correct,)
    return lambda line, check: check is not None and check.outcome == name and line["correct"] in verdicts


def confidence(line: dict) -> float:
    """Returns the mean logprob per token as sampled; -inf for an empty completion or an old dump, so that it is last."""
    known = isinstance(line.get("logprob"), int | float) and line["tokens"]
    return line["logprob"] / line["tokens"] if known else float("-inf")


def step(line: dict) -> float:
    """Returns the step, so that the last completion is taken."""
    return line["step"]


CRITERIA = (
    Criterion("the first check that corrected the answer", outcome_is("corrected"), lambda line: -step(line)),
    Criterion("the last check that corrected the answer", outcome_is("corrected"), step),
    Criterion("the last check that confirmed a correct answer", outcome_is("confirmed", True), step),
    Criterion("the last check that confirmed a wrong answer", outcome_is("confirmed", False), step),
    Criterion("the last check that broke the answer", outcome_is("broke"), step),
    Criterion("the longest correct completion", lambda line, _: line["correct"], lambda line: line["tokens"]),
    Criterion("the longest wrong completion", lambda line, _: not line["correct"], lambda line: line["tokens"]),
    Criterion(
        "the correct completion with the largest advantage",
        lambda line, _: line["correct"] and line.get("advantage") is not None,
        lambda line: line["advantage"],
    ),
    Criterion("the most confident mistake", lambda line, _: not line["correct"], confidence),
    Criterion(
        "the least expected success",
        lambda line, _: line["correct"] and confidence(line) > float("-inf"),
        lambda line: -confidence(line),
    ),
)


class Picker:
    """Gets completions one by one and keeps the best for each criterion; none is picked twice."""

    def __init__(self):
        self.best: list[list[tuple[float, Completion, Check | None]]] = [[] for _ in CRITERIA]

    def __call__(self, completion: Completion, check: Check | None) -> None:
        """Considers one more completion."""
        for criterion, best in zip(CRITERIA, self.best):
            if criterion.fits(completion.line, check):
                key = criterion.key(completion.line)
                if len(best) < len(CRITERIA) or key > best[-1][0]:
                    best.append((key, completion, check))
                    best.sort(key=lambda entry: -entry[0])  # stable: the first of equals stays first
                    del best[len(CRITERIA) :]

    def picked(self) -> list[tuple[str, Completion, Check | None]]:
        """Returns (criterion, completion, its check) in the order of CRITERIA, without criteria that nothing meets."""
        taken: dict[str, tuple[str, Completion, Check | None]] = {}
        for criterion, best in zip(CRITERIA, self.best):
            fresh = next((b for b in best if b[1].place not in taken), None)
            if fresh is not None:
                taken[fresh[1].place] = (criterion.title, fresh[1], fresh[2])
        return list(taken.values())


class Sampler:
    """Gets the completions of one run one by one and keeps those for its page.

    Of the evaluations it holds one shortened completion per problem and evaluation, about 2 KB each: which problems
    the page shows depends on all evaluations.
    """

    def __init__(self, seed: int = 0):
        self.picker = Picker()
        self.rng = random.Random(seed)
        self.drawn: list[tuple[Completion, Check | None]] = []
        self.seen = 0
        self.evaluated: list[tuple[str, dict[str, Any]]] = []  # (problem, row) of the evaluations, in order

    def __call__(self, completion: Completion, check: Check | None) -> None:
        """Considers one more completion. The random ones: Vitter's algorithm R (ACM TOMS 11, 1985)."""
        self.picker(completion, check)
        line = completion.line
        if completion.split == "eval" and line["sample"] == 0:
            self.evaluated.append((line["problem_id"], row(completion, check)))
        self.seen += 1
        if len(self.drawn) < RANDOM:
            self.drawn.append((completion, check))
        elif (place := self.rng.randrange(self.seen)) < RANDOM:
            self.drawn[place] = (completion, check)

    def problems(self) -> set[str]:
        """Returns the evaluation problems to show: those whose verdict changed most often, of equals the first."""
        verdicts: dict[str, list[bool]] = {}
        for problem, shown in self.evaluated:
            verdicts.setdefault(problem, []).append(shown["right"])
        changes = {p: sum(a != b for a, b in pairwise(v)) for p, v in verdicts.items()}
        wanted = min(PROBLEMS, max(3, HISTORY // max(map(len, verdicts.values()), default=1)))
        return set(sorted(changes, key=lambda p: -changes[p])[:wanted])

    def pairs(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Returns (first, last) rows of a few evaluation problems, those that became correct before all others."""
        steps = [shown["step"] for _, shown in self.evaluated]
        if not steps or min(steps) == max(steps):
            return []
        first = {problem: shown for problem, shown in self.evaluated if shown["step"] == min(steps)}
        last = {problem: shown for problem, shown in self.evaluated if shown["step"] == max(steps)}
        both = [(first[problem], last[problem]) for problem in first if problem in last]
        return sorted(both, key=lambda pair: (pair[0]["right"] - pair[1]["right"], not pair[1]["right"]))[:PAIRS]

    def chosen(self, budget: int) -> list[dict[str, Any]]:
        """Returns the rows of the page, the most instructive first; over the budget the last ones are dropped."""
        rows: dict[str, dict[str, Any]] = {}
        for title, completion, check in self.picker.picked():
            rows[completion.place] = row(completion, check) | {"why": title}
        problems = self.problems()
        for problem, shown in self.evaluated:
            if problem in problems:
                rows.setdefault(shown["place"], shown)
        for completion, check in self.drawn:
            rows.setdefault(completion.place, row(completion, check))
        return within(list(rows.values()), budget)


def row(completion: Completion, check: Check | None) -> dict[str, Any]:
    """Returns one completion for the page; a long text is cut, and "cut" has the number of missing characters."""
    line, text = completion.line, completion.line["completion"]
    shown = {
        "place": completion.place, "step": line["step"], "id": short(line["problem_id"]),
        "level": line.get("level"), "split": completion.split, "group": line["group"], "sample": line["sample"],
        "question": completion.question[:LONGEST], "text": text[:LONGEST], "cut": max(0, len(text) - LONGEST),
        "tokens": line["tokens"], "finish": short(line["finish"]), "extracted": short(line["extracted"]),
        "answer": short(line["answer"]), "right": line["correct"],
    }  # fmt: skip
    if check is not None:
        shown["check"] = [check.start, check.end, check.kind, check.outcome]
    return shown


def short(text: str | None) -> str | None:
    """Returns a name or an answer, cut if it is too long to be one."""
    return text if text is None or len(text) <= 60 else f"{text[:60]}..."


def within(rows: list[dict[str, Any]], budget: int) -> list[dict[str, Any]]:
    """Returns the first rows whose texts fit into the budget; a character counts as its escape in JSON."""
    kept, spent = [], 0
    for shown in rows:
        spent += 300 + len(ascii(shown["text"])) + len(ascii(shown["question"]))
        if spent > budget:
            break
        kept.append(shown)
    return kept
