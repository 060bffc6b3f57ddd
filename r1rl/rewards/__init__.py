"""Rewards: (rollout, problem) -> float, or None where the reward does not apply. One file a family."""

from __future__ import annotations

from collections.abc import Callable

from r1rl.config import Config
from r1rl.errors import unknown_name
from r1rl.records import Problem, Rollout
from r1rl.rewards.correctness import correctness_reward
from r1rl.rewards.general import reward_model_reward, rules_reward
from r1rl.rewards.knights_knaves import answer_only_reward, logic_rl_reward, strict_reward
from r1rl.rewards.r1 import (
    accuracy_reward,
    cosine_reward,
    format_reward,
    language_reward,
    reasoning_steps_reward,
    repetition_penalty_reward,
)

Reward = Callable[[Rollout, Problem], float | None]


def load_rewards(config: Config) -> dict[str, Reward]:
    """The rewards that `--reward` names, by name; their weights are `config.reward_weights`."""
    return {name: load_reward(name, config) for name in config.reward_weights}


def load_reward(name: str, config: Config) -> Reward:
    """One reward by its name."""
    known = {
        "correctness": correctness_reward,
        "logic-rl": logic_rl_reward,
        "strict": strict_reward,
        "answer-only": answer_only_reward,
        "accuracy": accuracy_reward,
        "format": format_reward,
        "reasoning_steps": reasoning_steps_reward,
        "cosine": cosine_reward,
        "repetition_penalty": repetition_penalty_reward,
        "language": language_reward,
        "rules": rules_reward,
        "reward-model": reward_model_reward,
    }
    if name not in known:
        raise unknown_name("--reward", name, known)
    return known[name](config)
