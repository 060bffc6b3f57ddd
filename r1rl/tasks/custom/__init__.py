"""Custom data: turns rows of the user's data into problems, and separates problems for evaluation."""

from __future__ import annotations

import difflib
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from r1rl.config.flags import Config
from r1rl.records import CHOICE, Problem
from r1rl.system.console import console
from r1rl.system.errors import UserError
from r1rl.tasks.base import Task, first_names
from r1rl.tasks.custom.answers import (
    GOLDS,
    TASKS,
    answer_text,
    as_letter,
    first_number,
    is_placeholder,
    kind_of,
    worked_solution,
)
from r1rl.tasks.custom.layouts import files_of
from r1rl.tasks.custom.rows import Rows, cell, read_files, read_hub

QUESTION, ANSWER = "question", "answer"  # the default columns
MOST_BAD = 0.1  # share of rows that may be left out
EVAL_SHARE, MOST_EVAL = (10, 1000)  # without a split for evaluation one question in EVAL_SHARE, at most MOST_EVAL
NAMED = 5  # rows in a message


@dataclass(slots=True)
class Part:
    """One split: its problems, and the rows that are left out, as (place, reason).

    Rows with a placeholder such as "proof" for an answer are left out, too, but are not a mistake in the flags.
    """

    problems: list[Problem] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    unreadable_golds: int = 0  # of the rows left out
    placeholders: Counter[str] = field(default_factory=Counter)
    total: int = 0  # rows


class CustomData(Task):
    """Rows of --dataset-path or of --dataset-name OWNER/NAME."""

    name = "own"

    def __init__(self, config: Config):
        self.config = config
        self.source = config.dataset_path or f"{config.dataset_name} from the Hugging Face hub"
        self.cut = False  # whether the evaluation is a part of the training split
        self.overlap: list[Problem] = []  # training problems that are also in the evaluation
        self.before_cut: list[Problem] = []  # the training split, before anything is cut off or left out
        self._parts: dict[str, Part] | None = None

    def load(self, split: str) -> list[Problem]:
        """Returns all problems of "train" or "test"; prints which rows were left out. Raises UserError."""
        part = self.parts()[split]
        check_share(part, self.source)
        if part.left_out:  # no markup: a row may have any text
            console.print(f"left out {len(part.left_out)} {split} rows: {named(part.left_out)}", markup=False)
        if part.placeholders:
            console.print(f"left out {placeholder_words(part, split)}", markup=False)
        if split == "train" and self.overlap:
            names = first_names([p.id for p in self.overlap], NAMED)
            console.print(f"left out {len(self.overlap)} train problems that are in the evaluation: {names}")
        return part.problems

    def parts(self) -> dict[str, Part]:
        """Returns both splits, "train" and "test", which share no question. Raises UserError."""
        if self._parts is None:
            self._parts = self._read()
        return self._parts

    def _read(self) -> dict[str, Part]:
        rows, eval_rows = self._rows()
        first = first_option((rows, eval_rows), self.config)
        train = part_of(rows, "train", self.config, first)
        self.before_cut = train.problems
        if eval_rows is None:
            self.cut = True
            return cut_off(train, self.config.seed, self.source)
        test = part_of(eval_rows, "test", self.config, first)
        tested = {key_of(p.question) for p in test.problems}
        self.overlap = [p for p in train.problems if key_of(p.question) in tested]
        train.problems = [p for p in train.problems if key_of(p.question) not in tested]
        if test.problems and self.overlap and not train.problems:
            raise UserError(f"{self.source}: every training problem is also in the evaluation.")
        return {"train": train, "test": test}

    def _rows(self) -> tuple[Rows, Rows | None]:
        c = self.config
        if c.dataset_path is None:
            return read_hub(c.dataset_name, c.dataset_config, c.train_split, c.eval_split)
        train, evaluation = files_of(Path(c.dataset_path), c.train_split, c.eval_split, c.dataset_config)
        return read_files(train), read_files(evaluation) if evaluation else None


def first_option(splits: Sequence[Rows | None], config: Config) -> int:
    """Returns the number of the first option where answers are options' numbers: the same in all splits."""
    column = config.answer_column or ANSWER
    return first_number(cell(row, column) for rows in splits if rows is not None for _, row in rows.good)


def part_of(rows: Rows, split: str, config: Config, first: int = 1) -> Part:
    """Returns the problems of a split's rows. Raises UserError for a missing column.

    `first`: the number of the first option in multiple-choice data.
    """
    question_column = config.question_column or QUESTION
    answer_column = config.answer_column or ANSWER
    columns = rows.columns()
    for flag, column in (("--question-column", question_column), ("--answer-column", answer_column)):
        check_column(flag, column, columns, rows)
    part = Part(left_out=list(rows.bad), total=rows.total())
    read_gold = GOLDS[config.answer_type]
    for i, (place, row) in enumerate(rows.good):
        try:
            question = question_of(cell(row, question_column), question_column)
        except ValueError as error:
            part.left_out.append((place, str(error)))
            continue
        try:
            raw = answer_text(cell(row, answer_column), answer_column)
            if is_placeholder(raw, config.answer_type):
                part.placeholders[raw] += 1
                continue
            gold = read_gold(as_letter(raw, first) if config.answer_type == CHOICE else raw)
        except ValueError as error:
            part.left_out.append((place, str(error)))
            part.unreadable_golds += 1
            continue
        kind = config.answer_type
        part.problems.append(
            Problem(f"{split}/{i}", question, gold, worked_solution(raw), TASKS[kind], answer_type=kind, columns=row)
        )
    return part


def check_column(flag: str, column: str, columns: list[str], rows: Rows) -> None:
    """Raises UserError for a missing column, with the nearest existing one."""
    if column in columns:
        return
    where = rows.good[0][0].rpartition(",")[0] if rows.good else "the data"
    if not columns:
        place, reason = rows.bad[0] if rows.bad else (rows.good[0][0], "an object without columns")
        raise UserError(f"{where}: no row can be read; the first one, {place}, is {reason}.")
    near = difflib.get_close_matches(column, columns, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"give the right one with {flag}."
    raise UserError(f"{flag} {column!r} is not a column of {where}: it has {', '.join(columns)}; {hint}")


def question_of(value: Any, column: str) -> str:
    """Returns a question's text; of a list of messages, as in TRL, the user's last one. Raises ValueError."""
    if isinstance(value, list) and value and all(isinstance(m, dict) for m in value):
        contents = [m.get("content") for m in value if m.get("role") == "user"]
        value = contents[-1] if contents else None
    if value is None or (isinstance(value, str) and not value.strip()):
        raise ValueError(f"nothing in column {column!r}")
    if not isinstance(value, str):
        raise ValueError(f"{kind_of(value)} instead of text in column {column!r}")
    return value.strip()


def key_of(question: str) -> str:
    """Returns a question without capitals and spaces: equal keys mean the same question."""
    return "".join(question.split()).casefold()


def cut_off(part: Part, seed: int, source: str) -> dict[str, Part]:
    """Splits off a tenth of the questions for evaluation, independently of the rows' order. Raises UserError.

    A question that occurs several times is on one side only, and in the evaluation once.
    """
    keys = {key_of(p.question) for p in part.problems}
    if len(keys) < 2 and part.problems:
        raise UserError(f"{source} has only one question, and training and evaluation must not share one: add others.")
    count = min(MOST_EVAL, max(1, len(keys) // EVAL_SHARE))
    chosen = set(sorted(keys, key=lambda key: hashlib.sha256(f"{seed}/{key}".encode()).digest())[:count])
    first: dict[str, Problem] = {}
    for problem in part.problems:
        first.setdefault(key_of(problem.question), problem)
    train = [p for p in part.problems if key_of(p.question) not in chosen]
    test = [p for key, p in first.items() if key in chosen]
    kept = Part(train, part.left_out, part.unreadable_golds, part.placeholders, part.total)
    return {"train": kept, "test": Part(test, total=len(test))}


def check_share(part: Part, source: str) -> None:
    """Raises UserError if too many rows are left out: then a flag is probably wrong."""
    if part.problems and len(part.left_out) <= MOST_BAD * part.total:
        return
    raise UserError(
        f"{source}: {len(part.left_out) + part.placeholders.total()} of {part.total} rows cannot become problems, more than "
        f"{MOST_BAD:.0%}: {reasons(part)}. Correct them, or the flags that say how they are read."
    )


def reasons(part: Part) -> str:
    """Returns why rows of a split are left out."""
    placeholders = [placeholder_words(part, "")] if part.placeholders else []
    return "; ".join([*placeholders, *([named(part.left_out)] if part.left_out else [])])


def placeholder_words(part: Part, split: str) -> str:
    """Returns how many rows have which placeholders.

    >>> placeholder_words(Part(placeholders=Counter(proof=3)), "train")
    "3 train rows with 'proof' in place of an answer"
    """
    kinds = ", ".join(map(repr, sorted(part.placeholders)))
    return " ".join(f"{part.placeholders.total()} {split} rows with {kinds} in place of an answer".split())


def named(rows: list[tuple[str, str]]) -> str:
    """Returns the first of the rows with their reasons."""
    text = "; ".join(f"{place}: {reason}" for place, reason in rows[:NAMED])
    return text + ("; ..." if len(rows) > NAMED else "")
