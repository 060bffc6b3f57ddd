"""Task aegis: NVIDIA's prompts labelled safe or unsafe, from the hub or from files with its columns."""

from __future__ import annotations

import random
from pathlib import Path

from r1rl.config.data_rules import SUFFIXES
from r1rl.config.flags import Config
from r1rl.config.names import SAFETY_TASK
from r1rl.records import VERDICT, Problem
from r1rl.system.console import console
from r1rl.system.errors import UserError
from r1rl.system.files import rows_from_file
from r1rl.tasks.base import Task, check_solutions, hub_rows
from r1rl.tasks.custom.layouts import splits_in
from r1rl.tasks.custom.rows import read_files

HUB_NAME = "nvidia/Aegis-AI-Content-Safety-Dataset-2.0"  # Ghosh et al. 2025, arXiv:2501.09004
COLUMNS = ("prompt", "prompt_label")
LABELS = ("safe", "unsafe")
REDACTED = "REDACTED"  # in place of a prompt that another dataset's licence withholds
TEST_SHARE, MOST_TEST = (5, 1000)  # of a single file one prompt in TEST_SHARE is for the test, at most MOST_TEST


class SafetyTask(Task):
    """Queries with a verdict, safe or unsafe. They have their own prompt, which asks for reasoning in free text."""

    answer_type = VERDICT
    reads_path = True

    @classmethod
    def check_flags(cls, config: Config) -> None:
        """Checks the flags that do not apply to verdicts. Raises UserError."""
        if config.answer_format != "tag":
            raise UserError(
                f"--answer-format {config.answer_format} finds numbers, and the answer to a query of {cls.name} is a "
                "verdict, safe or unsafe: leave it out."
            )
        if config.answer_tolerance:
            raise UserError(f"--answer-tolerance {config.answer_tolerance} does not apply to a verdict: leave it out.")
        if config.add_reasoning_prefix:
            raise UserError(
                f"--add-reasoning-prefix: the prompt of {cls.name} asks for reasoning in free text, where a tag would "
                "not be closed: leave it out."
            )
        if config.system_prompt_file is not None or config.prompt_template is not None:
            raise UserError(
                f"--system-prompt-file and --prompt-template: queries of {cls.name} have their own prompt. Leave them out."
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
        """Returns the task with the prompts of --dataset-path or of the hub."""
        return cls(config.dataset_path, config.seed)

    def __init__(self, path: str | None = None, seed: int = 0):
        self.path, self.seed = None if path is None else Path(path), seed
        self.source = f"{HUB_NAME} from the Hugging Face hub" if path is None else str(path)
        if self.path is not None and not self.path.exists():
            raise UserError(
                f"--dataset-path {path!r} does not exist: for aegis it must be a JSONL file (an object a line, with "
                '"prompt" and "prompt_label"), or a folder with such files named train.jsonl and test.jsonl.'
            )

    def load(self, split: str) -> list[Problem]:
        """Returns all problems of "train" or "test". Raises UserError for missing, empty or unreadable data."""
        rows = self.rows(split)
        for where, row in rows:
            check_row(row, where)
        kept = [(i, row) for i, (_, row) in enumerate(rows) if row["prompt"].strip() != REDACTED]
        if not kept:
            raise UserError(f"{self.source}: all {len(rows)} prompts are {REDACTED}; none can be used.")
        single = self.path is not None and self.path.is_file()
        if len(kept) < len(rows) and not (single and split == "test"):  # already reported for train
            console.print(f"left out {len(rows) - len(kept)} of {len(rows)} {REDACTED} prompts of {self.source}")
        if single:
            kept = part_of(kept, split, self.seed, self.path)
        return [
            Problem(f"{split}/{i}", row["prompt"], row["prompt_label"], task=SAFETY_TASK, answer_type=VERDICT)
            for i, row in kept
        ]

    def rows(self, split: str) -> list[tuple[str, dict]]:
        """Returns (place, row) for each row of a split, or of the file that holds both splits."""
        if self.path is None:
            return hub_rows(HUB_NAME, split)
        if self.path.is_file():
            files = [self.path]
        else:
            files = splits_in(self.path).get(split, [self.path / f"{split}.jsonl"])
        if files[0].suffix not in SUFFIXES or files[0].suffix == ".jsonl":
            return [row for file in files for row in rows_from_file(file)]
        rows = read_files(files)
        if rows.bad:
            raise UserError("{} is {}.".format(*rows.bad[0]))
        return rows.good


def check_row(row: dict, where: str) -> None:
    """Checks that a row has a prompt and a known label. Raises UserError."""
    for column in COLUMNS:
        if not isinstance(row.get(column), str) or not row[column].strip():
            raise UserError(
                f'{where} has no text in column "{column}": aegis needs {" and ".join(COLUMNS)}; it has '
                f"{', '.join(map(str, row)) or 'no columns'}."
            )
    if row["prompt_label"] not in LABELS:
        raise UserError(
            f"{where}: prompt_label {row['prompt_label']!r} must be {' or '.join(LABELS)}, because completions' "
            "verdicts are compared with it. Correct the row or leave it out."
        )


def part_of(rows: list[tuple[int, dict]], split: str, seed: int, path: Path) -> list[tuple[int, dict]]:
    """Returns a split's rows of a single file; a repeated prompt is in one split only, and in the test once."""
    first: dict[str, int] = {}
    for i, row in rows:
        first.setdefault(prompt_key(row), i)
    if len(first) < 2:
        raise UserError(
            f"{path} has only one prompt, and training and test must not share one: add others, or give a folder with "
            "train.jsonl and test.jsonl."
        )
    count = min(MOST_TEST, max(1, len(first) // TEST_SHARE))
    test = set(random.Random(f"aegis/{seed}").sample(list(first), count))
    if split == "train":
        return [(i, row) for i, row in rows if prompt_key(row) not in test]
    return [(i, row) for i, row in rows if prompt_key(row) in test and first[prompt_key(row)] == i]


def prompt_key(row: dict) -> str:
    """Returns a prompt without capitals and extra spaces: equal keys mean the same prompt."""
    return " ".join(row["prompt"].lower().split())
