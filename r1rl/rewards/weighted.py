"""Loads the rewards that the flags name, and applies them to rollouts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from r1rl.config.flags import Config, reward_weights
from r1rl.config.names import HEURISTIC_REWARDS, REWARDS, custom_function, load_entry, shown_name
from r1rl.records import NO_GOLD, Problem, Rollout
from r1rl.rewards.cot import load_words
from r1rl.rewards.custom import begin_step, load_custom, take_metrics, take_notes, take_timeouts, try_custom
from r1rl.rewards.judge import check_judge, take_fees, take_judged
from r1rl.system.errors import unknown_name

__all__ = [
    "Reward",
    "begin_step",
    "check_rewards",
    "load_rewards",
    "rate",
    "take_counts",
    "take_fees",
    "take_metrics",
    "take_notes",
    "take_timeouts",
]

Reward = Callable[[Rollout, Problem], float | None]


def load_rewards(config: Config) -> dict[str, Reward]:
    """Returns the rewards of `--reward` and `--general-reward` by name; `config.reward_weights` has the weights.

    With general prompts each flag's rewards apply to its own source of problems, and give None for the other.
    """
    rewards = load_named(config.reward, config)
    if config.general_reward is None:
        return rewards
    general = load_named(config.general_reward, config)
    return {name: only_for(reward, general=False) for name, reward in rewards.items()} | {
        f"general {name}": only_for(reward, general=True) for name, reward in general.items()
    }


def load_named(text: str, config: Config) -> dict[str, Reward]:
    """Returns the rewards of a flag by name."""
    return {shown_name(name): load_reward(name, config) for name in reward_weights(text)}


def rate(reward: Reward, rollouts: Sequence[Rollout], problems: Sequence[Problem]) -> list[float | None]:
    """Returns a reward's value for each rollout; a reward with a method `many` is called once for all."""
    if hasattr(reward, "many"):
        return reward.many(rollouts, problems)
    return [reward(rollout, problem) for rollout, problem in zip(rollouts, problems)]


def only_for(reward: Reward, general: bool) -> Reward:
    """Returns the same reward, applied to general prompts only or to all others only."""

    @functools.wraps(reward)  # keeps the name for the logs, and the count of timeouts
    def for_source(rollout: Rollout, problem: Problem) -> float | None:
        return reward(rollout, problem) if (problem.answer_type == NO_GOLD) == general else None

    def many(rollouts: Sequence[Rollout], problems: Sequence[Problem]) -> list[float | None]:
        places = [i for i, problem in enumerate(problems) if (problem.answer_type == NO_GOLD) == general]
        values = dict(zip(places, rate(reward, [rollouts[i] for i in places], [problems[i] for i in places])))
        return [values.get(i) for i in range(len(problems))]

    for_source.many = many
    return for_source


def load_reward(name: str, config: Config) -> Reward:
    """Returns a shipped or a custom reward. Raises UserError."""
    if (custom := custom_function(name)) is not None:
        return load_custom(*custom, config)
    if name not in REWARDS:
        raise unknown_name("--reward", name, REWARDS)
    return load_entry(REWARDS[name])(config)


def take_counts(rewards: dict[str, Reward]) -> dict[str, int]:
    """Returns what custom rewards and judges counted since the last call, by its name in metrics.jsonl."""
    return take_timeouts(rewards) | take_judged(rewards)


def check_rewards(config: Config, problems: Sequence[Problem]) -> None:
    """Tries custom rewards and the judge, and reads word lists, before anything slow is loaded. Raises UserError."""
    tried = [(name, problems) for name in reward_weights(config.reward)]
    if config.general_reward and (general := [p for p in problems if p.answer_type == NO_GOLD]):
        tried += [(name, general) for name in reward_weights(config.general_reward)]
    for name, examples in tried:
        if (custom := custom_function(name)) is not None:
            try_custom(load_custom(*custom, config), examples)
        elif name in HEURISTIC_REWARDS:
            load_words(config.reward_words)
    check_judge(config, problems)
