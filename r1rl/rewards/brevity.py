"""A reward for short completions."""

from __future__ import annotations

from collections.abc import Callable

from r1rl.config.flags import Config
from r1rl.records import Problem, Rollout


def brevity_reward(config: Config) -> Callable[[Rollout, Problem], float]:
    """Returns a reward of 1 for an empty completion, falling linearly to 0 at --max-completion-length."""

    def brevity(rollout: Rollout, problem: Problem) -> float:
        return max(0.0, 1 - len(rollout.completion_ids) / config.max_completion_length)

    return brevity
