"""Three rewards for Knights and Knaves: format plus answer, both together, and the answer alone."""

from __future__ import annotations

from collections.abc import Callable

from r1rl.config.flags import Config
from r1rl.records import Problem, Rollout
from r1rl.rewards.grading import grade_rollout
from r1rl.rewards.grading.numbers import Grade
from r1rl.rewards.r1 import is_formatted

FORMAT = 1.0  # with the tags; -1 otherwise
RIGHT, WRONG, UNREADABLE = 2.0, -1.5, -2.0
FULL, MINIMUM = RIGHT + FORMAT, UNREADABLE - FORMAT


def answer_score(grade: Grade) -> float:
    """Returns 2 for right roles, -1.5 for wrong ones, -2 where none can be read."""
    if grade.correct:
        return RIGHT
    return UNREADABLE if grade.value is None else WRONG


def logic_rl_reward(config: Config) -> Callable[[Rollout, Problem], float]:
    """Returns a reward of +1 or -1 for the format plus +2 right, -1.5 wrong, -2 unreadable or unformatted; -3 to 3.

    Source: Unakar/Logic-RL @ 9d2c457525ec14639e85afa12d49bb16efb053a4, verl/utils/reward_score/kk.py, where
    the tags have other names. Different here: text outside the tags breaks the format, and an answer that omits
    a person is wrong, not unreadable.
    """

    def logic_rl(rollout: Rollout, problem: Problem) -> float:
        if not is_formatted(rollout.completion, config.think_tag):
            return UNREADABLE - FORMAT
        return FORMAT + answer_score(grade_rollout(rollout, problem, config))

    return logic_rl


def strict_reward(config: Config) -> Callable[[Rollout, Problem], float]:
    """Returns a reward of 3 for right roles in the format and -3 for anything else: the format alone earns nothing."""

    def strict(rollout: Rollout, problem: Problem) -> float:
        formatted = is_formatted(rollout.completion, config.think_tag)
        return FULL if formatted and grade_rollout(rollout, problem, config).correct else MINIMUM

    return strict


def answer_only_reward(config: Config) -> Callable[[Rollout, Problem], float]:
    """Returns a reward of 2 for right roles, -1.5 for wrong ones, -2 where none can be read; tags are not required."""

    def answer_only(rollout: Rollout, problem: Problem) -> float:
        return answer_score(grade_rollout(rollout, problem, config))

    return answer_only
