"""The names that flags take, and the tables of tasks, rewards, stages and guards."""

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
# --dataset-name FAMILY:NAME: module and function that returns the class of such a task.
FAMILIES = {"reasoning-gym": "r1rl.tasks.reasoning_gym:task_named"}
DATASETS = (*TASKS, *(f"{family}:NAME" for family in FAMILIES))
MIXTURE = "r1rl.tasks.mixture:mixture_named"  # returns the class of several tasks, as in countdown=2,chain-sum
SAFETY_TASK = "cot-safety"  # Problem.task of aegis and safety-queries: they share prompt and grader
FEWEST_PEOPLE, MOST_PEOPLE, DEFAULT_PEOPLE = 2, 8, "3"  # in the puzzles of knights_knaves

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
    "judge": "r1rl.rewards.judge:judge_reward",
}
ROLE_REWARDS = ("logic-rl", "strict", "answer-only")  # of knights_knaves alone
HEURISTIC_REWARDS = ("cot-heuristics", "cot-concise")
SAME_AS_ACCURACY = {"correctness", *ROLE_REWARDS, "accuracy"}  # rewards that follow from the grade

# The flags that name an input of a run, by kind: their files are recorded in run.json and compared by --resume.
INPUTS = {
    "data": ("dataset_name", "dataset_path", "sft_data", "general_data", "refine_run"),
    "reward": ("reward", "general_reward", "reward_words", "reward_rules", "reward_model", "judge_rubric"),
    "prompt": ("system_prompt_file", "prompt_template"),
    "model": ("model_name", "teacher_model", "student_model", "init_from"),
}

BEGIN_MERGED = ("rl-reasoning", "rejection", "rl-final")  # stages that begin with what another one merged
STAGES = ("zero", "cold-start", "sft-1", "rl-reasoning", "rejection", "sft-2", "rl-final", "distill")
GENERAL_TASK = "general"  # Problem.task of prompts without a gold answer
SMALL_TALK = "small-talk"  # the --general-data that ships in the package

SERVER = "vllm-server"  # of --engine
TRACKERS = ("none", "tensorboard", "trackio", "wandb")
ACTIONS = ("fix", "warn", "stop", "off")  # of guards


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard: its default action, its possible actions, and what it looks for."""

    name: str
    default: str
    actions: tuple[str, ...]
    help: str


USER_FIXES = ("warn", "stop", "off")  # actions of guards for faults that only the user can fix
GUARDS = {
    guard.name: guard
    for guard in (
        Guard("sync", "stop", USER_FIXES, "the engine does not sample from the trained weights"),
        Guard("no-signal", "warn", USER_FIXES, "no group had two different rewards"),
        Guard("truncated", "warn", USER_FIXES, "more than half of the completions were cut off"),
        Guard("non-finite", "fix", ("fix", "stop", "off"), "NaN or infinity in the loss or its gradient"),
        Guard("kl", "warn", USER_FIXES, "the policy has diverged: KL divergence or importance ratios"),
        Guard("reward-hacking", "warn", USER_FIXES, "the reward rises while the evaluation falls"),
        Guard("collapse", "warn", USER_FIXES, "the reasoning becomes short while the reward rises"),
        Guard(
            "entropy",
            "warn",
            USER_FIXES,
            "the entropy has collapsed (the model is sure of every token) or has risen (it loses its language)",
        ),
        Guard("memory", "fix", ("fix", "stop", "off"), "out of memory in the update or while sampling"),
        Guard("engine", "fix", ("fix", "warn", "stop", "off"), "the engine hangs"),
        Guard("judge", "stop", ("stop",), "the judge of --reward judge gives no verdicts"),
    )
}
GUARD_HELP = "action of a guard, as in truncated=stop; repeat the flag or separate by commas. " + ", ".join(
    f"{g.name}={'|'.join(g.actions)}" for g in GUARDS.values()
)


def option(name: str) -> str:
    """Returns a field of Config as it is written on the command line.

    >>> option("max_steps")
    '--max-steps'
    """
    return f"--{name.replace('_', '-')}"


def trackers(text: str) -> list[str]:
    """Returns the names in --report-to, each once, without "none".

    >>> trackers("wandb, tensorboard,wandb")
    ['wandb', 'tensorboard']
    """
    names = [name.strip() for name in text.split(",")]
    return list(dict.fromkeys(name for name in names if name != "none"))


def load_entry(entry: str) -> Any:
    """Returns what a table names as "module:attribute"."""
    module, _, attribute = entry.partition(":")
    return getattr(importlib.import_module(module), attribute)


def is_mixture(dataset_name: str) -> bool:
    """Returns whether a --dataset-name mixes tasks, as in countdown=2,chain-sum; the parts are not checked."""
    return "," in dataset_name or "=" in dataset_name


def parts_of(dataset_name: str) -> list[str]:
    """Returns the names in a --dataset-name: the tasks of a mixture without their weights, or the one name.

    >>> parts_of("countdown=2, chain-sum"), parts_of("openai/gsm8k")
    (['countdown', 'chain-sum'], ['openai/gsm8k'])
    """
    return [part.partition("=")[0].strip() for part in dataset_name.split(",")]


def family_of(dataset_name: str) -> str | None:
    """Returns the part of a --dataset-name before the colon if it is one of FAMILIES, else None; None for a mixture.

    >>> family_of("reasoning-gym:gcd"), family_of("gsm8k")
    ('reasoning-gym', None)
    """
    family, colon, _ = dataset_name.partition(":")
    return family if colon and family in FAMILIES and not is_mixture(dataset_name) else None


def is_task(dataset_name: str) -> bool:
    """Returns whether a --dataset-name is a task of r1rl or of a family, or a mixture; its parts are not checked."""
    return dataset_name in TASKS or family_of(dataset_name) is not None or is_mixture(dataset_name)


def load_task_class(dataset_name: str) -> type:
    """Returns the class of a task for which `is_task` holds. Raises UserError if a family or mixture cannot have it."""
    if is_mixture(dataset_name):
        return load_entry(MIXTURE)(dataset_name)
    family = family_of(dataset_name)
    return load_entry(TASKS[dataset_name]) if family is None else load_entry(FAMILIES[family])(dataset_name)


def custom_function(reward: str) -> tuple[Path, str] | None:
    """Returns (file, function) of a reward given as path/to/file.py:function; None for a shipped one."""
    file, colon, function = reward.rpartition(":")
    return (Path(file), function) if colon and file.endswith(".py") else None


def shown_name(reward: str) -> str:
    """Returns the name of a reward in dumps and logs: of a custom one the function's name alone."""
    custom = custom_function(reward)
    return reward if custom is None else custom[1]
