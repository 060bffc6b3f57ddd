"""Rewards: (rollout, problem) -> float, or None where the reward does not apply. One file a family."""

from __future__ import annotations

from collections.abc import Callable

from r1rl.config import Config
from r1rl.errors import unknown_name
from r1rl.records import Problem, Rollout
from r1rl.rewards.correctness import correctness_reward
from r1rl.rewards.knights_knaves import answer_only_reward, logic_rl_reward, strict_reward

FOLLOW_THE_GRADE = {
    "correctness",
    "logic-rl",
    "strict",
    "answer-only",
}  # accuracy says it all, up to the scale
Reward = Callable[[Rollout, Problem], float | None]


def load_rewards(config: Config) -> dict[str, Reward]:
    """The rewards that `--reward` names, by name."""
    known = {
        "correctness": correctness_reward,
        "logic-rl": logic_rl_reward,
        "strict": strict_reward,
        "answer-only": answer_only_reward,
    }
    if config.reward not in known:
        raise unknown_name("--reward", config.reward, known)
    return {config.reward: known[config.reward](config)}
