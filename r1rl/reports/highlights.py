"""The ten most instructive completions of a run, by stated criteria."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from r1rl.reports.completions import Completion, Filter, read_completions
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


LONGEST = 6_000  # characters of a completion on the page

BUDGET = 2_600_000  # characters of all runs' completions together

RANDOM = 600  # completions drawn by chance

PROBLEMS, HISTORY = 30, 600  # problems shown at every evaluation, and completions that may take

RULE = (
    f"the ten most instructive completions; up to {PROBLEMS} evaluation problems at every evaluation, "
    f"those whose verdict changed most often first; and {RANDOM} others drawn by chance, fewer "
    "where the page would grow over its limit. Everything else is in the dump."
)


class Sampler:
    """Sees the completions of one run one by one and keeps those for its report."""

    def __init__(self, seed: int = 0):
        self.picker = Picker()
        self.rng = random.Random(seed)
        self.drawn: list[tuple[Completion, Check | None]] = []
        self.seen = 0
        self.verdicts: dict[str, list[bool]] = {}  # of evaluation problems, evaluation by evaluation

    def __call__(self, completion: Completion, check: Check | None) -> None:
        """Looks at one more completion. Drawing by chance: Vitter's algorithm R (ACM TOMS 11, 1985)."""
        self.picker(completion, check)
        line = completion.line
        if completion.file.parent.name == "eval" and line["sample"] == 0:
            self.verdicts.setdefault(line["problem_id"], []).append(line["correct"])
        self.seen += 1
        if len(self.drawn) < RANDOM:
            self.drawn.append((completion, check))
        elif (place := self.rng.randrange(self.seen)) < RANDOM:
            self.drawn[place] = (completion, check)

    def problems(self) -> set[str]:
        """The evaluation problems to show through training."""
        most = max((len(v) for v in self.verdicts.values()), default=1)
        turns = {p: sum(a != b for a, b in pairwise(v)) for p, v in self.verdicts.items()}
        wanted = min(PROBLEMS, max(3, HISTORY // most))
        return set(sorted(turns, key=lambda p: -turns[p])[:wanted])

    def chosen(self, folder: Path, budget: int) -> list[dict[str, Any]]:
        """The page's rows, the most instructive first; those drawn by chance are dropped first."""
        rows: dict[str, dict[str, Any]] = {}
        for title, completion, check in self.picker.picked():
            rows[completion.place] = row(completion, check) | {"why": title}
        problems = self.problems()
        for completion in read_completions(folder, Filter(split="eval")):
            if completion.line["problem_id"] in problems and completion.line["sample"] == 0:
                rows.setdefault(completion.place, row(completion, completion.check))
        for completion, check in self.drawn:
            rows.setdefault(completion.place, row(completion, check))
        return within(list(rows.values()), budget)


def row(completion: Completion, check: Check | None) -> dict[str, Any]:
    """One completion as the page gets it; a long text is cut, and says so."""
    line = completion.line
    text = line["completion"]
    shown = {
        "place": completion.place, "step": line["step"], "id": short(line["problem_id"]),
        "level": line.get("level"),
        "split": "eval" if completion.file.parent.name == "eval" else "train", "sample": line["sample"],
        "question": line["prompt"].rpartition("Question: ")[2].strip()[:LONGEST], "text": text[:LONGEST],
        "cut": max(0, len(text) - LONGEST), "tokens": line["tokens"], "finish": short(line["finish"]),
        "extracted": short(line["extracted"]), "answer": short(line["answer"]), "right": line["correct"],
    }  # fmt: skip
    if check is not None:
        shown["check"] = [check.start, check.end, check.kind, check.outcome]
    return shown


def short(text: str | None) -> str | None:
    """A name or an answer, cut where it is none."""
    return text if text is None or len(text) <= 60 else f"{text[:60]}..."


def within(rows: list[dict[str, Any]], budget: int) -> list[dict[str, Any]]:
    """The first rows whose texts fit into the budget; a hostile text counts as what its escapes take."""
    kept, spent = [], 0
    for shown in rows:
        spent += 300 + len(ascii(shown["text"])) + len(ascii(shown["question"]))
        if spent > budget:
            break
        kept.append(shown)
    return kept
