"""The one reward of R1-Zero-like training: is the final answer right?"""

from __future__ import annotations

from collections.abc import Callable

from r1rl.config import Config
from r1rl.grading import grade_rollout
from r1rl.records import Problem, Rollout


def correctness_reward(config: Config) -> Callable[[Rollout, Problem], float]:
    """`env_reward_scale` for a right answer, 0 for a wrong or missing one.

    Source: dhh1995/R1RL @ 36c196c, gsm8k.py; after Open-Reasoner-Zero (arXiv:2503.24290), which found that a reward
    for the format is not needed.
    """

    def correctness(rollout: Rollout, problem: Problem) -> float:
        return config.env_reward_scale if grade_rollout(rollout, problem, config).correct else 0.0

    return correctness
