"""What a task is: a source of problems that owns all that is particular to it."""

from __future__ import annotations

import importlib
from typing import ClassVar

from r1rl.config.flags import Config
from r1rl.config.names import TASKS
from r1rl.records import NUMBER, Problem
from r1rl.system.errors import unknown_name


class Task:
    """A source of problems with gold answers. Subclasses load them; the class attributes say what differs."""

    name: ClassVar[str]  # --dataset-name
    answer_type: ClassVar[str] = NUMBER  # how a prompt asks for an answer and how one is graded
    level_name: ClassVar[str] = "level"  # what Problem.level counts
    even_levels: ClassVar[bool] = False  # whether an evaluation has equally many problems of each level
    hub: ClassVar[tuple[str, ...]] = ()  # datasets of the hub that it reads without --dataset-path
    local: ClassVar[str] = ""  # how to do without the hub

    source: str  # where the problems come from, for people

    @classmethod
    def from_config(cls, config: Config) -> Task:
        """The task with the settings of a run. Raises UserError for data that is not there."""
        raise NotImplementedError

    def load(self, split: str) -> list[Problem]:
        """All problems of "train" or "test". Raises UserError for unreadable data."""
        raise NotImplementedError


def task_class(name: str) -> type[Task]:
    """The class of a --dataset-name. Raises UserError."""
    if name not in TASKS:
        raise unknown_name("--dataset-name", name, TASKS)
    module, _, attribute = TASKS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def level_name(task: str) -> str:
    """What the level of problems with this Problem.task counts."""
    return task_class(task).level_name if task in TASKS else Task.level_name
