"""Reads --reward: one name, or several with weights, as in accuracy=1,format=0.5; and checks the flags that go with it."""

from __future__ import annotations

from pathlib import Path

from r1rl.config.flags import Config, reward_weights
from r1rl.config.names import HEURISTIC_REWARDS, REWARDS, custom_function, shown_name
from r1rl.system.errors import UserError, unknown_name


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
    own = custom_function(name)
    if own is None:
        if name.endswith(".py"):
            raise UserError(f"--reward {name}: which function of the file? Write {name}:function.")
        if name not in REWARDS:
            raise unknown_name("--reward", name, REWARDS)
    elif not own[0].is_file():
        raise UserError(f"--reward {name}: there is no file {str(own[0])!r}.")
