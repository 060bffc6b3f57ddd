"""The old module name of r1rl.rewards.standalone, imported by reward files that version 0.1 exported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from r1rl.rewards import standalone
from r1rl.rewards.standalone import completion_of
from r1rl.tasks.registry import answer_type_of

__all__ = ["OutsideReward", "completion_of"]


def OutsideReward(task: str, prefix: str, special: Sequence[str], settings: dict[str, Any]) -> standalone.OutsideReward:
    """Returns the reward for problems of this task; see standalone.OutsideReward. Old files pass the task's name."""
    return standalone.OutsideReward(answer_type_of(task), prefix, special, settings)
