"""Checks of the flags of rewards that need no gold answer: names, word lists, functions of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from r1rl.config.puzzle_flags import ROLE_REWARDS
from r1rl.config.reward_rules import R1_REWARDS, reward_weights
from r1rl.system.errors import UserError, unknown_name

if TYPE_CHECKING:
    from r1rl.config.flags import Config


HEURISTIC_REWARDS = ("cot-heuristics", "cot-concise")

SAFETY_DATASETS = ("aegis", "safety-queries")  # their answer is a verdict, safe or unsafe

SAFETY_TASK = "cot-safety"  # Problem.task of both: they share prompt and grader

REWARDS = ("correctness", *ROLE_REWARDS, *HEURISTIC_REWARDS, *R1_REWARDS)


def own_function(reward: str) -> tuple[Path, str] | None:
    """(file, function) of a reward given as path/to/file.py:function; None for a shipped one."""
    file, colon, function = reward.rpartition(":")
    return (Path(file), function) if colon and file.endswith(".py") else None


def shown_name(reward: str) -> str:
    """What a reward is called in dumps and logs: a function of the user's own by its own name."""
    own = own_function(reward)
    return reward if own is None else own[1]


def check_reward(config: Config) -> None:
    """Each reward is a known name, or a function in a file that is there. Raises UserError."""
    names = reward_weights(config.reward)
    for name in [*names, *(reward_weights(config.general_reward) if config.general_reward else ())]:
        check_name(name)
    if len({shown_name(name) for name in names}) < len(names):
        raise UserError(
            f"--reward {config.reward}: two rewards have the same name: rename one of the functions."
        )
    if config.reward_words is not None and not names.keys() & set(HEURISTIC_REWARDS):
        raise UserError(
            f"--reward-words {config.reward_words}: --reward {config.reward} looks for no words. Leave it out, or use "
            f"--reward {HEURISTIC_REWARDS[0]}."
        )


def check_name(name: str) -> None:
    """One of the rewards of --reward. Raises UserError."""
    own = own_function(name)
    if own is None:
        if name.endswith(".py"):
            raise UserError(f"--reward {name}: which function of the file? Write {name}:function.")
        if name not in REWARDS:
            raise unknown_name("--reward", name, REWARDS)
    elif not own[0].is_file():
        raise UserError(f"--reward {name}: there is no file {str(own[0])!r}.")


def check_safety(config: Config) -> None:
    """A verdict is no number. Raises UserError."""
    if config.dataset_name not in SAFETY_DATASETS:
        return
    if config.answer_format != "tag":
        raise UserError(
            f"--answer-format {config.answer_format} finds numbers, and the answer to a query of "
            f"{config.dataset_name} is a verdict, safe or unsafe: leave it out."
        )
    if config.answer_tolerance:
        raise UserError(
            f"--answer-tolerance {config.answer_tolerance}: a verdict has no tolerance: leave it out."
        )
    if config.add_reasoning_prefix:
        raise UserError(
            f"--add-reasoning-prefix: the prompt of {config.dataset_name} asks for reasoning in free text, and a tag "
            "would have no end there: leave it out."
        )
