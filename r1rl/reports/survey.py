"""One pass over all completions of a run: how many were right, checked themselves, and what came of it."""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from r1rl.config.names import GENERAL_TASK
from r1rl.reports.completions import Completion, files, is_whole
from r1rl.reports.selfcheck import Check
from r1rl.runs.dump import parsed, raw_lines
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


LARGE = 100 * 2**20  # bytes of a dump for which starting processes pays

CHUNK = 300  # lines handed over at once

MOST_PROCESSES = 8  # more than the reader keeps busy

Chunk = tuple[Path, list[tuple[int, bytes]]]

Examined = tuple[list[tuple[Completion, Check | None]], list[str]]


def read_checked(folder: Path, damaged: list[str]) -> Iterator[tuple[Completion, Check | None]]:
    """Each completion and its check, in the order of the files; lines that cannot be read are named."""
    size = sum(path.stat().st_size for path in files(folder, None) if path.exists())
    workers = min(MOST_PROCESSES, os.cpu_count() or 1) if size >= LARGE else 1
    results = in_parallel(folder, workers) if workers > 1 else map(examine, chunks(folder))
    for found, unreadable in results:
        damaged.extend(unreadable)
        yield from found


def in_parallel(folder: Path, workers: int) -> Iterator[Examined]:
    """The chunks' results in order; only a few chunks are on their way, so that memory stays small.

    Processes are spawned, not forked: the caller may be a training run with threads and a GPU.
    """
    waiting: deque = deque()
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for chunk in chunks(folder):
            waiting.append(pool.apply_async(examine, (chunk,)))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().get()
        while waiting:
            yield waiting.popleft().get()


def chunks(folder: Path) -> Iterator[Chunk]:
    """The lines of all files, some at a time."""
    for path in files(folder, None):
        lines = raw_lines(path)
        while part := list(islice(lines, CHUNK)):
            yield path, part


def examine(chunk: Chunk) -> Examined:
    """The completions of a chunk with their checks, and the places of lines that hold none."""
    path, lines = chunk
    found, unreadable = [], []
    for number, raw in lines:
        completion = Completion(path, number, parsed(raw) or {})
        if is_whole(completion.line):
            found.append((completion, completion.check))
        else:
            unreadable.append(completion.place)
    return found, unreadable
