"""GSM8K (Cobbe et al. 2021, arXiv:2110.14168), from the hub or from a folder of JSONL files in its format."""

from __future__ import annotations

import re
from pathlib import Path

from r1rl.config.flags import Config
from r1rl.records import Problem
from r1rl.rewards.grading.numbers import parse_gold
from r1rl.system.errors import UserError
from r1rl.system.files import rows_from_file
from r1rl.tasks.base import Task, hub_rows

COLUMNS = ("question", "answer")
HUB_NAME, HUB_CONFIG = "openai/gsm8k", "main"
CALCULATOR_NOTE = re.compile(r"<<[^<>\n]*>>")


class Gsm8k(Task):
    """Grade-school problems whose worked solutions end in `#### N`."""

    name = "gsm8k"
    has_solutions = replaceable = reads_path = True
    hub = (HUB_NAME,)
    local = "--dataset-path DIR with train.jsonl and test.jsonl"

    @classmethod
    def from_config(cls, config: Config) -> Gsm8k:
        """Returns the task with the problems of --dataset-path or of the hub."""
        return cls(config.dataset_path)

    def __init__(self, path: str | None = None):
        self.path = None if path is None else Path(path)
        self.source = f"{HUB_NAME} from the Hugging Face hub" if path is None else str(path)
        if self.path is not None and not self.path.is_dir():
            raise UserError(
                f"--dataset-path {str(path)!r} is not a folder: it must hold train.jsonl and test.jsonl in GSM8K's "
                'format (a JSON object a line, with "question" and "answer"), or be a .jsonl, .json, .csv or .parquet file.'
            )

    def load(self, split: str) -> list[Problem]:
        """Returns all problems of "train" or "test". Raises UserError for missing, empty or unreadable data."""
        if self.path is None:
            rows = hub_rows(HUB_NAME, split, HUB_CONFIG)
        else:
            rows = rows_from_file(self.path / f"{split}.jsonl")
        return [problem_from_row(row, split, i, where) for i, (where, row) in enumerate(rows)]


def without_notes(solution: str) -> str:
    """Returns a worked solution without its calculator notes.

    >>> without_notes("48/2 = <<48/2=24>>24 clips.")
    '48/2 = 24 clips.'
    """
    return CALCULATOR_NOTE.sub("", solution)


def problem_from_row(row: dict, split: str, index: int, where: str) -> Problem:
    """Returns one row as a Problem. Raises UserError for a missing column or an answer that is not one number."""
    for column in COLUMNS:
        if not isinstance(row.get(column), str):
            raise UserError(
                f'{where} has no text column "{column}": GSM8K\'s format needs {" and ".join(COLUMNS)}; '
                f"it has {', '.join(map(str, row)) or 'no columns'}."
            )
    try:
        gold = parse_gold(row["answer"])
    except ValueError as error:
        raise UserError(f"{where}: {error}") from None
    return Problem(f"{split}/{index}", row["question"], gold, row["answer"], task=Gsm8k.name)
