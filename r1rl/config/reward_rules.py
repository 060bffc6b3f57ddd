"""Rules of --reward and the flags that go with it."""

from __future__ import annotations

from pathlib import Path

from r1rl.config.flags import Config, reward_weights
from r1rl.config.names import HEURISTIC_REWARDS, REWARDS, custom_function, option, shown_name
from r1rl.system.errors import UserError, unknown_name
from r1rl.system.webhook import fault

JUDGE_FLAGS = ("judge_url", "judge_model", "judge_rubric", "judge_requests", "judge_price_in", "judge_price_out")


def check_reward(config: Config) -> None:
    """Checks that each reward is a shipped one or a function in an existing file. Raises UserError."""
    names = reward_weights(config.reward)
    for name in all_rewards(config):
        check_name(name)
    if len({shown_name(name) for name in names}) < len(names):
        raise UserError(
            f"--reward {config.reward}: two rewards have the same name, by which the dump lists them: rename one function."
        )
    if config.reward_words is not None and not names.keys() & set(HEURISTIC_REWARDS):
        raise UserError(
            f"--reward-words {config.reward_words}: --reward {config.reward} does not look for words. Leave it out, or use "
            f"--reward {HEURISTIC_REWARDS[0]}."
        )


def check_name(name: str) -> None:
    """Checks one reward of --reward. Raises UserError."""
    custom = custom_function(name)
    if custom is None:
        if name.endswith(".py"):
            raise UserError(f"--reward {name} does not say which function of the file to use: write {name}:function.")
        if name not in REWARDS:
            raise unknown_name("--reward", name, REWARDS)
    elif not custom[0].is_file():
        raise UserError(f"--reward {name}: there is no file {str(custom[0])!r}. Check the path.")


def check_reward_files(config: Config) -> None:
    """Checks that --reward-rules and --reward-model come with the rewards that read them. Raises UserError."""
    names = all_rewards(config)
    if "reward-model" in names and config.reward_model is None:
        raise UserError(
            "--reward reward-model needs a model: add --reward-model with a sequence classifier, a folder or a hub name."
        )
    for name, reward in (("reward_model", "reward-model"), ("reward_rules", "rules")):
        value = getattr(config, name)
        if value is not None and reward not in names:
            raise UserError(
                f"{option(name)} {value}: --reward {config.reward} does not use it. Leave it out, or use "
                f"--reward {config.reward},{reward}."
            )
    if config.reward_rules is not None and not Path(config.reward_rules).is_file():
        raise UserError(f"--reward-rules {config.reward_rules!r}: there is no such file. Check the path.")


def check_judge(config: Config) -> None:
    """Checks address, model and rubric of --reward judge; a wrong address is not shown: it may hold a key. Raises UserError."""
    if "judge" not in all_rewards(config):
        return
    if config.judge_url is None or config.judge_model is None:
        missing = " and ".join(option(name) for name in JUDGE_FLAGS[:2] if getattr(config, name) is None)
        raise UserError(
            f"--reward judge needs {missing}: add the address of a server with OpenAI's protocol, as in --judge-url "
            "http://127.0.0.1:8000/v1, and the name of its model."
        )
    why = fault(config.judge_url)
    if why is None and ("?" in config.judge_url or "#" in config.judge_url):
        why = "has a ? or #: a key is not part of an address, which is written down, but comes from JUDGE_API_KEY"
    if why is not None:
        raise UserError(
            f"--judge-url takes an address such as https://api.openai.com/v1 or http://127.0.0.1:8000/v1, and this one {why}. "
            "Correct it."
        )
    if config.judge_rubric is not None and not Path(config.judge_rubric).is_file():
        raise UserError(f"--judge-rubric {config.judge_rubric!r}: there is no such file. Check the path.")


def all_rewards(config: Config) -> dict[str, float]:
    """Returns the rewards of --reward and --general-reward with their weights. Raises UserError."""
    return reward_weights(config.reward) | (reward_weights(config.general_reward) if config.general_reward else {})


RULES = (check_reward, check_reward_files, check_judge)
