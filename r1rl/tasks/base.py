"""Task: a source of problems that owns everything particular to it; and helpers that several tasks share."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from r1rl.config.data_rules import check_answers
from r1rl.config.flags import Config
from r1rl.config.names import DATASETS, TASKS, is_task, load_task_class
from r1rl.records import LATEX, NUMBER, Problem, by_task
from r1rl.system.errors import UserError, unknown_name


class Task:
    """A source of problems with gold answers. A subclass loads them and sets the attributes in which it differs."""

    name: ClassVar[str]  # --dataset-name
    answer_type: ClassVar[str] = NUMBER  # how a prompt asks for an answer and how one is graded
    system_text: ClassVar[str | None] = None  # the prompt's; None: that of the answer type (see prompts.py)
    reward: ClassVar[str] = "correctness"  # --reward, unless a recipe, config file or flag sets it
    level_name: ClassVar[str] = "level"  # what Problem.level counts
    stage_name: ClassVar[str] = "level"  # the same in a run with --stages
    even_levels: ClassVar[bool] = False  # whether an evaluation has equally many problems of each level
    has_solutions: ClassVar[bool] = False  # whether problems have worked solutions, which --mode sft trains on
    replaceable: ClassVar[bool] = False  # whether --dataset-path may name custom data instead
    reads_path: ClassVar[bool] = False  # whether it reads --dataset-path, or custom data takes its place
    hub: ClassVar[tuple[str, ...]] = ()  # datasets of the hub that it reads without --dataset-path
    local: ClassVar[str] = ""  # how to do without the hub

    source: str  # where the problems come from, for people

    @classmethod
    def check_flags(cls, config: Config) -> None:
        """Checks the flags that depend on the task; every Config of the task is checked by it. Raises UserError."""
        if cls.answer_type != NUMBER:
            check_answers(config, f"--dataset-name {cls.name}", cls.answer_type == LATEX)
        check_solutions(cls, config)

    @classmethod
    def from_config(cls, config: Config) -> Task:
        """Returns the task with the settings of a run. Raises UserError for data that is missing."""
        raise NotImplementedError

    def load(self, split: str) -> list[Problem]:
        """Returns all problems of "train" or "test". Raises UserError for unreadable data."""
        raise NotImplementedError


class GeneratedTask(Task):
    """`train_count` and `test_count` problems generated from a seed; the same seed gives the same problems."""

    source = "made up by r1rl, from the seed"
    train_count: ClassVar[int]
    test_count: ClassVar[int]

    @classmethod
    def from_config(cls, config: Config) -> Task:
        """Returns the task with the run's seed, and with as many test problems as --eval-count asks for."""
        return cls(config.seed, test_count=max(cls.test_count, config.eval_count))

    def __init__(self, seed: int, train_count: int | None = None, test_count: int | None = None):
        self.seed = seed
        self.counts = {
            "train": self.train_count if train_count is None else train_count,
            "test": self.test_count if test_count is None else test_count,
        }


def check_solutions(task: type[Task], config: Config) -> None:
    """Checks that there are solutions if a mode trains on them. Raises UserError."""
    if config.mode in ("sft", "both") and not task.has_solutions:
        solved = [name for name in TASKS if task_class(name).has_solutions]
        raise UserError(
            f"--mode {config.mode} learns from worked solutions, and --dataset-name {task.name} has none: "
            f"use {' or '.join(solved)}, or leave --mode out."
        )


def split_of(key: str, test_share: int) -> str:
    """Returns the split of a generated problem, "test" for one in `test_share`, from a hash of its content.

    No train problem of any seed is then a test problem of another.
    """
    digest = hashlib.sha256(key.encode()).digest()
    return "test" if int.from_bytes(digest[:4], "big") % test_share == 0 else "train"


def check_split(split: str, task: str) -> None:
    """Raises ValueError unless the split is "train" or "test"."""
    if split not in ("train", "test"):
        raise ValueError(f"split is {split!r}; {task} has 'train' and 'test'")


def hub_rows(name: str, split: str, *config: str) -> list[tuple[str, dict[str, Any]]]:
    """Returns (place, row) for each row of a dataset of the hub, or of its copy in the local cache."""
    import datasets

    datasets.disable_progress_bars()
    rows = datasets.load_dataset(name, *config, split=split)
    return [(f"{name} {split}, row {i}", row) for i, row in enumerate(rows)]


def first_names(names: Sequence[str], count: int = 5) -> str:
    """Returns the first names of a list, for a message.

    >>> first_names(["train/0", "train/7"], 1)
    'train/0, ...'
    """
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "")


def task_class(name: str) -> type[Task]:
    """Returns the class of a --dataset-name. Raises UserError."""
    if not is_task(name):
        raise unknown_name("--dataset-name", name, DATASETS)
    return load_task_class(name)


def owner(problem_task: str) -> type[Task]:
    """Returns the class of a Problem.task; Task itself where that is not a --dataset-name, as in custom data."""
    return task_class(problem_task) if is_task(problem_task) else Task


def level_name(problem_task: str, in_stages: bool = False) -> str:
    """Returns what the level of problems with this Problem.task counts, in a run with --stages or without."""
    return owner(problem_task).stage_name if in_stages else owner(problem_task).level_name


def in_turn(parts: Iterable[Iterable[Problem]]) -> list[Problem]:
    """Returns the first problem of each part, then the second of each, so that the first ones are of all tasks."""
    return [p for row in itertools.zip_longest(*parts) for p in row if p is not None]


def task_counts(problems: Sequence[Problem]) -> str:
    """Returns the number of problems of each task in brackets, to follow that of all; nothing for a single task."""
    counts = [f"{len(part)} of {task}" for task, part in by_task(problems).items()]
    return f" ({', '.join(counts)})" if len(counts) > 1 else ""
