"""Reads --reward: one name, or several with weights, as in accuracy=1,format=0.5; and checks the flags that go with it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from r1rl.system.errors import UserError

if TYPE_CHECKING:
    from r1rl.config.flags import Config


R1_REWARDS = (
    "accuracy",
    "format",
    "reasoning_steps",
    "cosine",
    "repetition_penalty",
    "language",
    "rules",
    "reward-model",
)


def reward_weights(text: str) -> dict[str, float]:
    """The weight of each reward that --reward names, in the order given. Raises UserError.

    >>> reward_weights("accuracy, format=0.5")
    {'accuracy': 1.0, 'format': 0.5}
    """
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, weight = named_weight(part.strip(), text)
        if name in weights:
            raise UserError(f"--reward {text!r} names {name!r} twice: give it once, with the weights' sum.")
        weights[name] = weight
    if not any(weights.values()):
        raise UserError(
            f"--reward {text!r} has no weight but 0: nothing would be learned from. Give one another."
        )
    return weights


def named_weight(part: str, text: str) -> tuple[str, float]:
    """("format", 0.5) of "format=0.5". Raises UserError."""
    name, _, weight = part.rpartition("=") if "=" in part else (part, "", "1")
    if not name.strip():
        raise UserError(
            f"--reward {text!r} has a part without a name: write names with commas between them, as in "
            "accuracy=1,format=0.5."
        )
    try:
        value = float(weight)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(
            f"--reward {text!r}: the weight of {name.strip()!r} is {weight.strip()!r} and must be a number, because "
            "rewards are added up with their weights: for example accuracy=1,format=0.5."
        )
    return name.strip(), value


def check_r1_rewards(config: Config) -> None:
    """The rule file and the reward model go with the rewards that read them. Raises UserError."""
    names = reward_weights(config.reward)
    names |= reward_weights(config.general_reward) if config.general_reward else {}
    if "reward-model" in names and config.reward_model is None:
        raise UserError(
            "--reward reward-model: which model? Add --reward-model DIR with a sequence classifier, or a hub name."
        )
    for name, reward in (("reward_model", "reward-model"), ("reward_rules", "rules")):
        value = getattr(config, name)
        if value is not None and reward not in names:
            raise UserError(
                f"--{name.replace('_', '-')} {value}: --reward {config.reward} does not use it. Leave it out, or use "
                f"--reward {config.reward},{reward}."
            )
    if config.reward_rules is not None and not Path(config.reward_rules).is_file():
        raise UserError(f"--reward-rules {config.reward_rules!r}: there is no such file.")


def check_math(config: Config) -> None:
    """LaTeX has one place and no tolerance. Raises UserError."""
    if config.dataset_name != "math":
        return
    if config.answer_format != "tag":
        raise UserError(
            f"--answer-format {config.answer_format}: math looks in the answer tag, and in \\boxed{{}} in or without "
            "it: leave it out."
        )
    if config.answer_tolerance or config.not_remove_comma:
        raise UserError(
            "--answer-tolerance and --not-remove-comma compare numbers, and the answers of math are expressions: "
            "leave them out."
        )
