"""The names that flags take, and how a list of them is read."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# --dataset-name: module and class of each task. A new task is one line here and one file in r1rl/tasks.
TASKS = {
    "gsm8k": "r1rl.tasks.gsm8k:Gsm8k",
    "word-problems": "r1rl.tasks.word_problems:WordProblems",
    "knights_knaves": "r1rl.tasks.knights_knaves:KnightsKnaves",
    "aegis": "r1rl.tasks.safety.aegis:Aegis",
    "safety-queries": "r1rl.tasks.safety.generated:SafetyQueries",
    "math": "r1rl.tasks.math:Math",
    "countdown": "r1rl.tasks.countdown:Countdown",
    "chain-sum": "r1rl.tasks.chain_sum:ChainSum",
}

DATASETS = tuple(TASKS)


def load_entry(entry: str) -> Any:
    """Returns what a table names as "module:attribute"."""
    module, _, attribute = entry.partition(":")
    return getattr(importlib.import_module(module), attribute)


SERVER = "vllm-server"

TRACKERS = ("none", "tensorboard", "trackio", "wandb")


def trackers(text: str) -> list[str]:
    """The names in --report-to, each once, without "none".

    >>> trackers("wandb, tensorboard,wandb")
    ['wandb', 'tensorboard']
    """
    names = [name.strip() for name in text.split(",")]
    return list(dict.fromkeys(name for name in names if name != "none"))


STAGES = ("zero", "cold-start", "sft-1", "rl-reasoning", "rejection", "sft-2", "rl-final", "distill")

GENERAL_TASK = "general"  # Problem.task of prompts without a gold answer

SMALL_TALK = "small-talk"  # the --general-data that ships in the package


ROLE_REWARDS = ("logic-rl", "strict", "answer-only")  # of knights_knaves alone

FEWEST_PEOPLE, MOST_PEOPLE = 2, 8

DEFAULT_PEOPLE = "3"


HEURISTIC_REWARDS = ("cot-heuristics", "cot-concise")

SAFETY_TASK = "cot-safety"  # Problem.task of aegis and safety-queries: they share prompt and grader


def custom_function(reward: str) -> tuple[Path, str] | None:
    """(file, function) of a reward given as path/to/file.py:function; None for a shipped one."""
    file, colon, function = reward.rpartition(":")
    return (Path(file), function) if colon and file.endswith(".py") else None


def shown_name(reward: str) -> str:
    """What a reward is called in dumps and logs: a function of the user's own by its own name."""
    own = custom_function(reward)
    return reward if own is None else own[1]


# --reward: module and function of each shipped reward. A new one is one line here and one function in r1rl/rewards.
REWARDS = {
    "correctness": "r1rl.rewards.correctness:correctness_reward",
    "logic-rl": "r1rl.rewards.knights_knaves:logic_rl_reward",
    "strict": "r1rl.rewards.knights_knaves:strict_reward",
    "answer-only": "r1rl.rewards.knights_knaves:answer_only_reward",
    "cot-heuristics": "r1rl.rewards.cot:cot_heuristics_reward",
    "cot-concise": "r1rl.rewards.cot:cot_concise_reward",
    "accuracy": "r1rl.rewards.r1:accuracy_reward",
    "format": "r1rl.rewards.r1:format_reward",
    "reasoning_steps": "r1rl.rewards.r1:reasoning_steps_reward",
    "cosine": "r1rl.rewards.r1:cosine_reward",
    "repetition_penalty": "r1rl.rewards.r1:repetition_penalty_reward",
    "language": "r1rl.rewards.r1:language_reward",
    "rules": "r1rl.rewards.no_gold:rules_reward",
    "reward-model": "r1rl.rewards.no_gold:reward_model_reward",
}


ACTIONS = ("fix", "warn", "stop", "off")


@dataclass(frozen=True, slots=True)
class Guard:
    """What is looked for, what happens by default, and what else may."""

    name: str
    default: str
    actions: tuple[str, ...]
    help: str


WATCHED = ("warn", "stop", "off")  # for what nobody but the user can mend

GUARDS = {
    guard.name: guard
    for guard in (
        Guard("sync", "stop", WATCHED, "the engine samples from other weights than the trained ones"),
        Guard("no-signal", "warn", WATCHED, "no group had two different rewards"),
        Guard("truncated", "warn", WATCHED, "more than half of the completions were cut off"),
        Guard("non-finite", "fix", ("fix", "stop", "off"), "NaN or infinity in the loss or its gradient"),
        Guard("kl", "warn", WATCHED, "the policy has run away: KL divergence or importance ratios"),
        Guard("reward-hacking", "warn", WATCHED, "the reward rises while the evaluation falls"),
        Guard("collapse", "warn", WATCHED, "the reasoning becomes short while the reward rises"),
        Guard("entropy", "warn", WATCHED, "the model has become sure of every token"),
        Guard("memory", "fix", ("fix", "stop", "off"), "out of memory while learning or sampling"),
        Guard("engine", "fix", ("fix", "warn", "stop", "off"), "the engine hangs"),
    )
}

HELP = "what a guard does, as in truncated=stop; repeatable, or with commas. " + ", ".join(
    f"{g.name}={'|'.join(g.actions)}" for g in GUARDS.values()
)

# Accuracy says all that these say.
FOLLOW_THE_GRADE = {"correctness", "logic-rl", "strict", "answer-only", "accuracy"}
