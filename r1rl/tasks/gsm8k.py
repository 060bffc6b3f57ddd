"""GSM8K (Cobbe et al. 2021, arXiv:2110.14168), from the hub or from a folder of JSONL files in its format."""

from __future__ import annotations

import re
from pathlib import Path

from r1rl.config.flags import Config
from r1rl.records import Problem
from r1rl.rewards.grading.numbers import parse_gold
from r1rl.system.errors import UserError
from r1rl.system.files import rows_from_file
from r1rl.tasks.base import Task

COLUMNS = ("question", "answer")
HUB_NAME, HUB_CONFIG = "openai/gsm8k", "main"
CALCULATOR_NOTE = re.compile(r"<<[^<>\n]*>>")


class Gsm8k(Task):
    """Grade-school problems whose worked solutions end in `#### N`."""

    name = "gsm8k"
    has_solutions = replaceable = True
    hub = (HUB_NAME,)
    local = "--dataset-path DIR with train.jsonl and test.jsonl"

    @classmethod
    def from_config(cls, config: Config) -> Gsm8k:
        """From --dataset-path or the hub."""
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
        """All problems of "train" or "test". Raises UserError for missing, empty or unreadable data."""
        rows = rows_from_hub(split) if self.path is None else rows_from_file(self.path / f"{split}.jsonl")
        return [problem_from_row(row, split, i, where) for i, (where, row) in enumerate(rows)]


def rows_from_hub(split: str) -> list[tuple[str, dict]]:
    """(place, row) for each row of the hub's dataset, or of its copy in the local cache."""
    import datasets

    datasets.disable_progress_bars()
    rows = datasets.load_dataset(HUB_NAME, HUB_CONFIG, split=split)
    return [(f"{HUB_NAME} {split}, row {i}", row) for i, row in enumerate(rows)]


def without_notes(solution: str) -> str:
    """A worked solution without its calculator notes.

    >>> without_notes("48/2 = <<48/2=24>>24 clips.")
    '48/2 = 24 clips.'
    """
    return CALCULATOR_NOTE.sub("", solution)


def problem_from_row(row: dict, split: str, index: int, where: str) -> Problem:
    """One row as a Problem. Raises UserError for a missing column or an answer that is not one number."""
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
