"""What a task is: a source of problems that owns all that is particular to it."""

from __future__ import annotations

from typing import ClassVar

from r1rl.config.flags import Config
from r1rl.records import NUMBER, Problem


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
