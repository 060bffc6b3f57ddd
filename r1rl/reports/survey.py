"""One pass over all completions of a run: counts of correct ones, of self-checks, and of the checks' outcomes."""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from r1rl.config.names import GENERAL_TASK
from r1rl.reports.completions import FIELDS, Completion, files
from r1rl.reports.selfcheck import Check
from r1rl.runs.dump import has_needed, parsed, raw_lines
from r1rl.runs.run_data import Graded, RunData
from r1rl.runs.stats import format_share, wilson_clustered

PHASES = ("early", "middle", "late")
LARGE = 100 * 2**20  # bytes of a dump; above, several processes look for checks
CHUNK = 300  # lines that a process gets at once
MOST_PROCESSES = 8  # one process reads the lines, and cannot keep more than this busy

Visit = Callable[[Completion, Check | None], None]
Chunk = tuple[Path, list[tuple[int, bytes]]]
Examined = tuple[list[tuple[Completion, Check | None]], list[str]]


@dataclass(slots=True)
class Group:
    """Counts over the completions of one problem at one step."""

    step: int
    n: int = 0
    correct: int = 0
    checked: int = 0
    checked_correct: int = 0
    calculated: int = 0  # checks that are more than empty talk
    reward: float = 0.0
    rewarded: int = 0  # completions that a reward applied to

    def add(self, completion: Completion, check: Check | None) -> None:
        """Counts one completion."""
        line = completion.line
        self.n += 1
        self.correct += line["correct"]
        if line["reward"] is not None:
            self.reward += line["reward"]
            self.rewarded += 1
        if check is not None:
            self.checked += 1
            self.checked_correct += line["correct"]
            self.calculated += check.outcome != "empty talk"


@dataclass
class Survey:
    """The counts of one pass, by split: groups in order, and outcomes of checks by step."""

    groups: dict[str, dict[tuple[int, int], Group]] = field(default_factory=lambda: {"train": {}, "eval": {}})
    outcomes: dict[str, dict[int, Counter]] = field(default_factory=lambda: {"train": {}, "eval": {}})
    damaged: list[str] = field(default_factory=list)  # places of lines that could not be read

    def steps(self, split: str) -> list[int]:
        """Returns the steps with completions, in order."""
        return sorted({step for step, _ in self.groups[split]})

    def within(self, split: str, first: int, last: int) -> list[Group]:
        """Returns the groups of steps first to last."""
        return [g for g in self.groups[split].values() if first <= g.step <= last]

    def outcomes_within(self, split: str, first: int, last: int) -> Counter:
        """Returns the number of checks with each outcome in steps first to last."""
        return sum((c for s, c in self.outcomes[split].items() if first <= s <= last), Counter())


def survey(data: RunData, visit: Visit | None = None) -> Survey:
    """Reads the completions of a run once and counts them.

    `visit` is called with each completion and its check, so that one pass serves all. The grades of the evaluations
    are kept in `data`.
    """
    found, graded = Survey(), {}
    for completion, check in read_checked(data.folder, found.damaged):
        line, split = completion.line, completion.split
        if line.get("task") == GENERAL_TASK:  # has no gold answer
            continue
        key = line["step"], line["group"]
        group = found.groups[split].get(key)
        if group is None:
            group = found.groups[split][key] = Group(line["step"])
        group.add(completion, check)
        if check is not None:
            found.outcomes[split].setdefault(line["step"], Counter())[check.outcome] += 1
        if split == "eval":
            graded.setdefault(line["step"], []).append(Graded.from_line(line))
        if visit is not None:
            visit(completion, check)
    data.graded.update(graded)
    return found


def phases(steps: list[int]) -> list[tuple[str, int, int]]:
    """Returns (name, first step, last step) of three equal parts of the steps; of one part if they are few."""
    if len(steps) < len(PHASES):
        return [("all", steps[0], steps[-1])] if steps else []
    cuts = [round(i * len(steps) / len(PHASES)) for i in range(len(PHASES) + 1)]
    return [(name, steps[a], steps[b - 1]) for name, a, b in zip(PHASES, cuts, cuts[1:])]


@dataclass(frozen=True, slots=True)
class Share:
    """A share hits / n with its 95 % interval."""

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
    """Returns the share over groups of (hits, n); its interval allows for the groups. None without completions."""
    known = [(hits, n) for hits, n in pairs if n]
    if not known:
        return None
    return Share(sum(h for h, _ in known), sum(n for _, n in known), *wilson_clustered(known))


def accuracy(groups: Iterable[Group]) -> Share | None:
    """Returns the share of correct completions."""
    return share((g.correct, g.n) for g in groups)


def check_rate(groups: Iterable[Group]) -> Share | None:
    """Returns the share of completions with a check."""
    return share((g.checked, g.n) for g in groups)


def calculated_rate(groups: Iterable[Group]) -> Share | None:
    """Returns the share of completions with a check that is more than empty talk."""
    return share((g.calculated, g.n) for g in groups)


def checked_accuracy(groups: Iterable[Group]) -> Share | None:
    """Returns the share of correct ones among completions with a check."""
    return share((g.checked_correct, g.checked) for g in groups)


def unchecked_accuracy(groups: Iterable[Group]) -> Share | None:
    """Returns the share of correct ones among completions without a check."""
    return share((g.correct - g.checked_correct, g.n - g.checked) for g in groups)


def read_checked(folder: Path, damaged: list[str]) -> Iterator[tuple[Completion, Check | None]]:
    """Yields each completion with its check, in the order of the files; damaged lines go to `damaged`."""
    size = sum(path.stat().st_size for path in files(folder) if path.exists())
    workers = min(MOST_PROCESSES, os.cpu_count() or 1) if size >= LARGE else 1
    results = in_parallel(folder, workers) if workers > 1 else map(examine, chunks(folder))
    for found, unreadable in results:
        damaged.extend(unreadable)
        yield from found


def in_parallel(folder: Path, workers: int) -> Iterator[Examined]:
    """Yields the results of the chunks in order; few chunks are in flight, so that memory stays small.

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
    """Yields the lines of all files, at most CHUNK at a time."""
    for path in files(folder):
        lines = raw_lines(path)
        while part := list(islice(lines, CHUNK)):
            yield path, part


def examine(chunk: Chunk) -> Examined:
    """Returns the completions of a chunk with their checks, and the places of damaged lines."""
    path, lines = chunk
    found, unreadable = [], []
    for number, raw in lines:
        completion = Completion(path, number, parsed(raw) or {})
        if has_needed(completion.line, FIELDS):
            found.append((completion, completion.check))
        else:
            unreadable.append(completion.place)
    return found, unreadable
