"""Task aegis: NVIDIA's prompts labelled safe or unsafe, from the hub or from JSONL files with its columns."""

from __future__ import annotations

import random
from pathlib import Path

from r1rl.config.flags import Config
from r1rl.config.names import SAFETY_TASK
from r1rl.records import VERDICT, Problem
from r1rl.system.console import console
from r1rl.system.errors import UserError
from r1rl.system.files import rows_from_file
from r1rl.tasks.base import Task, check_solutions

HUB_NAME = "nvidia/Aegis-AI-Content-Safety-Dataset-2.0"  # Ghosh et al. 2025, arXiv:2501.09004

COLUMNS = ("prompt", "prompt_label")

LABELS = ("safe", "unsafe")

REDACTED = "REDACTED"  # stands where another dataset's licence keeps the prompt

TEST_SHARE, MOST_TEST = 5, 1000  # of a single file: one prompt in so many is for the test, and never more

Rows = list[tuple[str, dict]]  # (place, row)


class SafetyTask(Task):
    """Queries with a verdict, safe or unsafe. Their prompt is their own, and asks for reasoning in free text."""

    answer_type = VERDICT

    @classmethod
    def check_flags(cls, config: Config) -> None:
        """Checks the flags that do not apply to verdicts. Raises UserError."""
        if config.answer_format != "tag":
            raise UserError(
                f"--answer-format {config.answer_format} finds numbers, and the answer to a query of "
                f"{cls.name} is a verdict, safe or unsafe: leave it out."
            )
        if config.answer_tolerance:
            raise UserError(
                f"--answer-tolerance {config.answer_tolerance}: a verdict has no tolerance: leave it out."
            )
        if config.add_reasoning_prefix:
            raise UserError(
                f"--add-reasoning-prefix: the prompt of {cls.name} asks for reasoning in free text, and a tag "
                "would have no end there: leave it out."
            )
        if config.system_prompt_file is not None or config.prompt_template is not None:
            raise UserError(
                f"--system-prompt-file and --prompt-template: queries of {cls.name} have a prompt of their own. "
                "Leave them out."
            )
        check_solutions(cls, config)


class Aegis(SafetyTask):
    """Prompts of people to a chat model, each with a verdict: is it safe to answer?"""

    name = "aegis"
    hub = (HUB_NAME,)
    local = (
        "--dataset-path FILE, JSON lines with prompt and prompt_label, or --dataset-name safety-queries, which is made "
        "up here"
    )

    @classmethod
    def from_config(cls, config: Config) -> Aegis:
        """From --dataset-path or the hub."""
        return cls(config.dataset_path, config.seed)

    def __init__(self, path: str | None = None, seed: int = 0):
        self.path, self.seed = None if path is None else Path(path), seed
        self.source = f"{HUB_NAME} from the Hugging Face hub" if path is None else str(path)
        if self.path is not None and not self.path.exists():
            raise UserError(
                f"--dataset-path {path!r} is not there: for aegis it must be a JSONL file (an object a line, with "
                '"prompt" and "prompt_label"), or a folder with such files named train.jsonl and test.jsonl.'
            )

    def load(self, split: str) -> list[Problem]:
        """All problems of "train" or "test". Raises UserError for missing, empty or unreadable data."""
        rows = self.rows(split)
        for where, row in rows:
            check_row(row, where)
        told = [(i, row) for i, (_, row) in enumerate(rows) if row["prompt"].strip() != REDACTED]
        if not told:
            raise UserError(
                f"{self.source}: all {len(rows)} prompts are {REDACTED}, and none is left to use."
            )
        single = self.path is not None and self.path.is_file()
        if len(told) < len(rows) and not (single and split == "test"):  # the same rows as for train
            console.print(
                f"left out {len(rows) - len(told)} of {len(rows)} {REDACTED} prompts of {self.source}"
            )
        if single:
            told = part_of(told, split, self.seed, self.path)
        return [
            Problem(f"{split}/{i}", row["prompt"], row["prompt_label"], task=SAFETY_TASK, answer_type=VERDICT)
            for i, row in told
        ]

    def rows(self, split: str) -> Rows:
        """The rows of a split, or of the one file that holds both."""
        if self.path is None:
            return rows_from_hub(split)
        return rows_from_file(self.path / f"{split}.jsonl" if self.path.is_dir() else self.path)


def rows_from_hub(split: str) -> Rows:
    """(place, row) for each row of the hub's dataset, or of its copy in the local cache."""
    import datasets

    datasets.disable_progress_bars()
    rows = datasets.load_dataset(HUB_NAME, split=split)
    return [(f"{HUB_NAME} {split}, row {i}", row) for i, row in enumerate(rows)]


def check_row(row: dict, where: str) -> None:
    """A row has a prompt and a label that is known. Raises UserError."""
    for column in COLUMNS:
        if not isinstance(row.get(column), str) or not row[column].strip():
            raise UserError(
                f'{where} has no text in column "{column}": aegis needs {" and ".join(COLUMNS)}; it has '
                f"{', '.join(map(str, row)) or 'no columns'}."
            )
    if row["prompt_label"] not in LABELS:
        raise UserError(
            f"{where}: prompt_label {row['prompt_label']!r} must be {' or '.join(LABELS)}, because a completion's "
            "verdict is compared with it. Correct the row or leave it out."
        )


def part_of(rows: list[tuple[int, dict]], split: str, seed: int, path: Path) -> list[tuple[int, dict]]:
    """A single file's rows of a split; a prompt that stands there twice is on one side only, in the test once."""
    first = {}
    for i, row in rows:
        first.setdefault(same_prompt(row), i)
    if len(first) < 2:
        raise UserError(
            f"{path} has only one prompt, and the test must not see what is trained on: add others, or give a folder "
            "with train.jsonl and test.jsonl."
        )
    count = min(MOST_TEST, max(1, len(first) // TEST_SHARE))
    test = set(random.Random(f"aegis/{seed}").sample(list(first), count))
    if split == "train":
        return [(i, row) for i, row in rows if same_prompt(row) not in test]
    return [(i, row) for i, row in rows if same_prompt(row) in test and first[same_prompt(row)] == i]


def same_prompt(row: dict) -> str:
    """A prompt without what makes no other one of it: capitals and spaces."""
    return " ".join(row["prompt"].lower().split())
