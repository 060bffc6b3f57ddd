r"""Task math: competition problems with LaTeX answers, as in MATH (Hendrycks et al. 2021, arXiv:2103.03874).

From the hub: NuminaMath-TIR for training, MATH-500 (Lightman et al. 2023, arXiv:2305.20050) for the test. From files:
train and test, each .jsonl or .parquet, whose rows have a problem and its gold answer in one of the usual forms.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from r1rl.config.flags import Config
from r1rl.records import LATEX, Problem
from r1rl.rewards.grading.answer import gold_boxes
from r1rl.system.console import console
from r1rl.system.errors import UserError
from r1rl.system.files import parquet_rows, rows_from_file
from r1rl.tasks.base import Task, first_names, hub_rows

HUB = {"train": ("AI-MO/NuminaMath-TIR", "train"), "test": ("HuggingFaceH4/MATH-500", "test")}
FILES = (".jsonl", ".parquet")
LAYOUT = "train and test files (.jsonl or .parquet), with a problem and its solution or answer in each row"
# verl's files append this to each problem; the prompt here has its own instruction.
INSTRUCTION = "Let's think step by step and output the final answer within \\boxed{}."
BARE_BOX = re.compile(r"\\fbox\s*\{([^{}]*)\}|\\boxed\s+(\w+)")  # \fbox{3} and \boxed 3, as some rows have


class Math(Task):
    """Problems from the hub, or from `path`: a folder, or one of its two files."""

    name = "math"
    answer_type = LATEX
    reads_path = True
    hub = tuple(name for name, _ in HUB.values())
    local = "--dataset-path DIR with train and test files"

    @classmethod
    def from_config(cls, config: Config) -> Math:
        """Returns the task with the problems of --dataset-path or of the hub."""
        return cls(config.dataset_path)

    def __init__(self, path: str | None = None):
        self.source = path or " and ".join(f"{hub} ({split})" for split, (hub, _) in HUB.items())
        self.folder = None if path is None else find_folder(Path(path))

    def load(self, split: str) -> list[Problem]:
        """Returns all problems of "train" or "test" with a gold answer, "train" without those of the test.

        Raises UserError for missing or unreadable data. Prints the number and names of the problems left out.
        """
        problems, without_gold = self.read(split)
        tested = {question_key(p) for p in self.test_problems()} if split == "train" else set()
        kept = [p for p in problems if question_key(p) not in tested]
        report_left_out(split, "without a gold answer", without_gold)
        report_left_out(split, "that are in the test", [p.id for p in problems if question_key(p) in tested])
        if not kept:
            raise UserError(f"{self.source}: no problem of {split} is left to use. It must have {LAYOUT}.")
        return kept

    def read(self, split: str) -> tuple[list[Problem], list[str]]:
        """Returns the problems of a split, and the ids of the rows without a gold answer."""
        rows = hub_rows(*HUB[split]) if self.folder is None else rows_from_folder(self.folder, split)
        problems = [problem_from_row(row, f"{split}/{i}", where) for i, (where, row) in enumerate(rows)]
        return [p for p in problems if p.answer], [p.id for p in problems if not p.answer]

    def test_problems(self) -> list[Problem]:
        """Returns the problems of the test; none if the folder has only training data."""
        if self.folder is not None and find_file(self.folder, "test") is None:
            return []
        return self.read("test")[0]


def report_left_out(split: str, reason: str, ids: list[str]) -> None:
    """Prints one line about problems that were left out, if any."""
    if ids:
        console.print(f"left out {len(ids)} {split} problems {reason}: {first_names(ids)}")


def question_key(problem: Problem) -> str:
    """Returns a question without its spaces: sources differ in line breaks."""
    return "".join(problem.question.split())


def find_folder(path: Path) -> Path:
    """Returns the folder that holds the files. Raises UserError."""
    if path.is_dir():
        return path
    if path.is_file() and path.stem in HUB and path.suffix in FILES:
        return path.parent
    if path.is_file():
        raise UserError(
            f"--dataset-path {str(path)!r}: a file must be named train or test, .jsonl or .parquet, so that it is "
            "clear what is trained on. Rename it, or give a folder."
        )
    raise UserError(f"--dataset-path {str(path)!r} does not exist: for math it must be a folder with {LAYOUT}.")


def find_file(folder: Path, split: str) -> Path | None:
    """Returns the file of a split, or None."""
    return next((p for p in (folder / f"{split}{suffix}" for suffix in FILES) if p.is_file()), None)


def rows_from_folder(folder: Path, split: str) -> list[tuple[str, dict[str, Any]]]:
    """Returns (place, row) for each row of a split's file. Raises UserError."""
    path = find_file(folder, split)
    if path is None:
        has = ", ".join(sorted(p.name for p in folder.iterdir() if p.suffix in FILES)) or "none of them"
        raise UserError(f"{folder / split}.jsonl is missing: {folder} must hold {LAYOUT}; it has {has}.")
    if path.suffix == ".jsonl":
        return rows_from_file(path)
    return [(f"{path}, row {i}", row) for i, row in enumerate(parquet_rows(path))]


def problem_from_row(row: dict[str, Any], problem_id: str, where: str) -> Problem:
    """Returns one row as a Problem, its answer empty if no gold answer is found. Raises UserError without a question."""
    question = question_of(row)
    if not question:
        raise UserError(
            f'{where} has no problem: math needs a text column "problem" or "question", or a list "prompt" of '
            f"messages; it has {', '.join(map(str, row)) or 'no columns'}."
        )
    solution = row.get("solution")
    solution = solution if isinstance(solution, str) else ""
    level = level_of(row.get("level"))
    return Problem(problem_id, question, gold_of(row) or "", solution, task=Math.name, level=level, answer_type=LATEX)


def question_of(row: dict[str, Any]) -> str | None:
    """Returns the problem's text, or None."""
    for column in ("problem", "question"):
        if isinstance(row.get(column), str):
            return row[column].strip()
    messages = row.get("prompt")
    if isinstance(messages, list) and messages and isinstance(messages[-1], dict):
        text = messages[-1].get("content")
        return text.strip().removesuffix(INSTRUCTION).strip() if isinstance(text, str) else None
    return None


def gold_of(row: dict[str, Any]) -> str | None:
    r"""Returns the gold answer: the column "answer", verl's reward_model.ground_truth, or all boxes of the solution."""
    checked = row.get("reward_model")
    for answer in (row.get("answer"), checked.get("ground_truth") if isinstance(checked, dict) else None):
        if isinstance(answer, str) and answer.strip():
            return (gold_boxes(answer) or answer).strip()
    solution = row.get("solution")
    if not isinstance(solution, str):
        return None
    return gold_boxes(solution) or last_bare_box(solution)


def last_bare_box(solution: str) -> str | None:
    r"""Returns the content of the last \fbox{3} or \boxed 3, or None."""
    contents = [first or second for first, second in BARE_BOX.findall(solution)]
    return contents[-1].strip() or None if contents else None


def level_of(level: object) -> int | None:
    """Returns 5 for "Level 5" or 5, None for any other value."""
    match = re.fullmatch(r"(?:Level )?([1-5])", str(level))
    return int(match[1]) if match else None
