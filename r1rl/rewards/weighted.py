"""Rewards: (rollout, problem) -> float, or None where the reward does not apply. One file a family."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from r1rl.config.flags import Config, reward_weights
from r1rl.config.names import HEURISTIC_REWARDS, REWARDS, custom_function, load_entry, shown_name
from r1rl.records import NO_GOLD, Problem, Rollout
from r1rl.rewards.cot import load_words
from r1rl.rewards.custom import load_custom, take_timeouts, try_custom
from r1rl.system.errors import unknown_name

__all__ = ["Reward", "check_rewards", "load_rewards", "rate", "take_timeouts"]

Reward = Callable[[Rollout, Problem], float | None]


def load_rewards(config: Config) -> dict[str, Reward]:
    """The rewards that `--reward` and `--general-reward` name; their weights are `config.reward_weights`.

    Each of the two is for its own source: the others' completions get None, which counts for nothing.
    """
    rewards = load_named(config.reward, config)
    if config.general_reward is None:
        return rewards
    general = load_named(config.general_reward, config)
    return {name: only_for(reward, general=False) for name, reward in rewards.items()} | {
        f"general {name}": only_for(reward, general=True) for name, reward in general.items()
    }


def load_named(text: str, config: Config) -> dict[str, Reward]:
    """The rewards of a flag, by name."""
    rewards = {}
    for name in reward_weights(text):
        own = custom_function(name)
        rewards[shown_name(name)] = load_reward(name, config) if own is None else load_custom(*own, config)
    return rewards


def rate(reward: Reward, rollouts: Sequence[Rollout], problems: Sequence[Problem]) -> list[float | None]:
    """A reward's value for each rollout; rewards with a method `many` are asked once for all."""
    if hasattr(reward, "many"):
        return reward.many(rollouts, problems)
    return [reward(rollout, problem) for rollout, problem in zip(rollouts, problems)]


def only_for(reward: Reward, general: bool) -> Reward:
    """The same reward for general prompts alone, or for all others."""

    @functools.wraps(reward)  # a reward's name is in the logs, and what it has lost is counted
    def for_source(rollout: Rollout, problem: Problem) -> float | None:
        return reward(rollout, problem) if (problem.answer_type == NO_GOLD) == general else None

    def many(rollouts: Sequence[Rollout], problems: Sequence[Problem]) -> list[float | None]:
        places = [i for i, problem in enumerate(problems) if (problem.answer_type == NO_GOLD) == general]
        found = rate(reward, [rollouts[i] for i in places], [problems[i] for i in places])
        values = dict(zip(places, found))
        return [values.get(i) for i in range(len(problems))]

    for_source.many = many
    return for_source


def load_reward(name: str, config: Config) -> Reward:
    """A shipped reward by its name."""
    if name not in REWARDS:
        raise unknown_name("--reward", name, REWARDS)
    return load_entry(REWARDS[name])(config)


def check_rewards(config: Config, problems: Sequence[Problem]) -> None:
    """Tries functions of the user's own, and reads word lists, before anything slow. Raises UserError."""
    for name in reward_weights(config.reward):
        own = custom_function(name)
        if own is not None:
            try_custom(load_custom(*own, config), problems)
        elif name in HEURISTIC_REWARDS:
            load_words(config.reward_words)
    general = [p for p in problems if p.answer_type == NO_GOLD]
    for name in reward_weights(config.general_reward) if config.general_reward and general else ():
        if (own := custom_function(name)) is not None:
            try_custom(load_custom(*own, config), general)
