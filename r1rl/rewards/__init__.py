"""Rewards: (rollout, problem) -> float, or None where the reward does not apply. One file a family."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from r1rl.config import Config
from r1rl.errors import unknown_name
from r1rl.records import Problem, Rollout
from r1rl.rewards.cot import cot_concise_reward, cot_heuristics_reward, load_words
from r1rl.rewards.knights_knaves import answer_only_reward, logic_rl_reward, strict_reward
from r1rl.rewards.own import load_own, try_own
from r1rl.safety_flags import HEURISTIC_REWARDS, own_function

# Accuracy says all that these say.
FOLLOW_THE_GRADE = {"correctness", "logic-rl", "strict", "answer-only"}
Reward = Callable[[Rollout, Problem], float | None]


def load_rewards(config: Config) -> dict[str, Reward]:
    """The rewards that `--reward` names, by name."""
    from r1rl.rewards.correctness import correctness_reward  # here: the module can also be run by itself

    own = own_function(config.reward)
    if own is not None:
        return {own[1]: load_own(*own)}
    known = {
        "correctness": correctness_reward,
        "logic-rl": logic_rl_reward,
        "strict": strict_reward,
        "answer-only": answer_only_reward,
        "cot-heuristics": cot_heuristics_reward,
        "cot-concise": cot_concise_reward,
    }
    if config.reward not in known:
        raise unknown_name("--reward", config.reward, known)
    return {config.reward: known[config.reward](config)}


def check_rewards(config: Config, problems: Sequence[Problem]) -> None:
    """Tries a function of the user's own, and reads word lists, before anything slow. Raises UserError."""
    own = own_function(config.reward)
    if own is not None:
        try_own(load_own(*own), problems)
    elif config.reward in HEURISTIC_REWARDS:
        load_words(config.reward_words)
