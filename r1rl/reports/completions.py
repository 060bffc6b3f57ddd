"""The completions of a run as a stream, the filters of the command line, and one problem's history."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1rl.reports.selfcheck import OUTCOMES, Check, find_check
from r1rl.runs.dump import ROLLOUTS, Fields, has_needed, numbered_lines
from r1rl.system.errors import UserError

# The fields that readers of completions rely on; a line without one of them counts as damaged.
FIELDS: Fields = {
    "step": (int,), "group": (int,), "sample": (int,), "tokens": (int,), "problem_id": (str,), "prompt": (str,),
    "completion": (str,), "finish": (str,), "answer": (str,), "correct": (bool,), "extracted": (str, type(None)),
    "reward": (int, float, type(None)),
}  # fmt: skip
MOST_WORDS = 1500  # of a text that `differences` compares; a longer one is shown without marks
WORDS = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Completion:
    """One line of a dump with its file and its line number, which counts from 1."""

    file: Path
    number: int
    line: dict[str, Any]

    @property
    def split(self) -> str:
        """ "train" or "eval"."""
        return "train" if self.file.name == ROLLOUTS else "eval"

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.file.parents[self.split == "eval"]

    @property
    def place(self) -> str:
        """For example "rollouts.jsonl:117"; `sed -n 117p` prints it."""
        return f"{self.file.relative_to(self.folder)}:{self.number}"

    @property
    def check(self) -> Check | None:
        """The completion's check of its own result; None without one."""
        return find_check(self.line["completion"], self.line["extracted"], self.line["correct"], self.line["answer"])

    @property
    def verdict(self) -> str:
        """ "correct" or "wrong"."""
        return "correct" if self.line["correct"] else "wrong"

    @property
    def question(self) -> str:
        """The prompt without the instructions before the question."""
        return self.line["prompt"].rpartition("Question: ")[2].strip()


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions on a completion; an empty filter accepts all."""

    first_step: float = 0
    last_step: float = float("inf")
    split: str | None = None
    correct: bool | None = None
    contains: str | None = None
    problem: str | None = None
    level: int | None = None
    selfcheck: str | None = None  # one of OUTCOMES, "any" or "none"

    def fits(self, completion: Completion) -> bool:
        """Returns whether a completion passes; the most expensive condition is tested last."""
        line = completion.line
        return (
            self.first_step <= line["step"] <= self.last_step
            and self.correct in (None, line["correct"])
            and self.problem in (None, line["problem_id"])
            and self.level in (None, line.get("level"))
            and (self.contains is None or self.contains.lower() in line["completion"].lower())
            and (self.selfcheck is None or self.fits_check(completion.check))
        )

    def fits_check(self, check: Check | None) -> bool:
        """Returns whether the check, or its absence, passes."""
        if check is None:
            return self.selfcheck == "none"
        return self.selfcheck in ("any", check.outcome)


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Adds the filters as arguments."""
    parser.add_argument("--step", metavar="N|A:B", help="completions of this step, or of steps A to B")
    parser.add_argument("--split", choices=("train", "eval"), help="training or evaluation (default: both)")
    verdict = parser.add_mutually_exclusive_group()
    verdict.add_argument("--correct", action="store_true", help="only correct completions")
    verdict.add_argument("--wrong", action="store_true", help="only wrong completions")
    parser.add_argument("--contains", metavar="TEXT", help="with this text in the completion (any case)")
    parser.add_argument("--level", type=int, metavar="N", help="of problems of this difficulty")
    outcomes = (*OUTCOMES, "any", "none")
    parser.add_argument("--selfcheck", metavar="OUTCOME", choices=outcomes, help="|".join(outcomes))


def filter_of(args: argparse.Namespace) -> Filter:
    """Returns the filter that the arguments ask for. Raises UserError for an invalid --step."""
    first, last = step_range(args.step)
    verdict = True if args.correct else False if args.wrong else None
    return Filter(first, last, args.split, verdict, args.contains, None, args.level, args.selfcheck)


def step_range(text: str | None) -> tuple[float, float]:
    """Returns (first, last): "7" -> (7, 7), "100:200" -> (100, 200); a missing end is open. Raises UserError."""
    if text is None:
        return 0, float("inf")
    first, colon, last = text.partition(":")
    try:
        low = int(first) if first else 0
        high = (int(last) if last else float("inf")) if colon else low
    except ValueError:
        raise UserError(f"--step {text!r} is neither a step nor a range such as 120, 100:200 or 100:") from None
    if not 0 <= low <= high or text == ":":
        raise UserError(
            f"--step {text!r} names no step: a step is at least 0, and a range goes from the smaller to the larger."
        )
    return low, high


def read_completions(folder: Path, wanted: Filter = Filter(), damaged: list[str] | None = None) -> Iterator[Completion]:
    """Yields the completions of a run that pass a filter: evaluations by step, then training.

    The places of lines that cannot be read are appended to `damaged`.
    """
    for path in files(folder, wanted.split):
        for number, line in numbered_lines(path, damaged):
            completion = Completion(path, number, line)
            if not has_needed(line, FIELDS):
                if damaged is not None:
                    damaged.append(completion.place)
            elif wanted.fits(completion):
                yield completion


def files(folder: Path, split: str | None = None) -> list[Path]:
    """Returns the files that hold the completions of a split, or all."""
    evaluations = [] if split == "train" else evaluation_files(folder)
    return evaluations if split == "eval" else [*evaluations, folder / ROLLOUTS]


def evaluation_files(folder: Path) -> list[Path]:
    """Returns the files of the evaluations, by step."""
    found = [p for p in folder.glob("eval/step_*.jsonl") if p.stem.removeprefix("step_").isdecimal()]
    return sorted(found, key=lambda p: int(p.stem.removeprefix("step_")))


def differences(before: str, after: str) -> Iterator[tuple[str, str]]:
    """Yields (kind, text) for the words of both texts in order; kind is "same", "gone" or "new"."""
    old, new = WORDS.findall(before), WORDS.findall(after)
    if max(len(old), len(new)) > MOST_WORDS:
        yield "new", after
        return
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield "same", "".join(new[c:d])
            continue
        if b > a:
            yield "gone", "".join(old[a:b])
        if d > c:
            yield "new", "".join(new[c:d])
