"""The names that flags take, and how a list of them is read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from r1rl.records import CHOICE, LATEX, NUMBER, TEXT
from r1rl.system.errors import UserError

# --dataset-name: module and class of each task. A new task is one line here and one file in r1rl/tasks.
TASKS = {
    "gsm8k": "r1rl.tasks.gsm8k:Gsm8k",
    "word-problems": "r1rl.tasks.word_problems:WordProblems",
    "knights_knaves": "r1rl.tasks.knights_knaves:KnightsKnaves",
    "aegis": "r1rl.tasks.safety.aegis:Aegis",
    "safety-queries": "r1rl.tasks.safety.generated:SafetyQueries",
    "math": "r1rl.tasks.math:Math",
    "countdown": "r1rl.tasks.countdown:Countdown",
}

DATASETS = tuple(TASKS)

ANSWER_TYPES = (NUMBER, LATEX, TEXT, CHOICE)

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


def read_people(option: str, text: str) -> tuple[int, ...]:
    """The numbers of people in "3" or "2,3,4", in the order given. Raises UserError."""
    parts = [part.strip() for part in text.split(",")]
    numbers = [int(part) for part in parts if part.isascii() and part.isdigit()]
    fits = len(numbers) == len(parts) == len(set(numbers))
    if not fits or not all(FEWEST_PEOPLE <= n <= MOST_PEOPLE for n in numbers):
        raise UserError(
            f"{option} {text!r} must be different numbers from {FEWEST_PEOPLE} to {MOST_PEOPLE} with commas between "
            "them, because there are puzzles for so many people: for example 3 or 2,3,4."
        )
    return tuple(numbers)


HEURISTIC_REWARDS = ("cot-heuristics", "cot-concise")

SAFETY_DATASETS = ("aegis", "safety-queries")  # their answer is a verdict, safe or unsafe

SAFETY_TASK = "cot-safety"  # Problem.task of both: they share prompt and grader


def own_function(reward: str) -> tuple[Path, str] | None:
    """(file, function) of a reward given as path/to/file.py:function; None for a shipped one."""
    file, colon, function = reward.rpartition(":")
    return (Path(file), function) if colon and file.endswith(".py") else None


def shown_name(reward: str) -> str:
    """What a reward is called in dumps and logs: a function of the user's own by its own name."""
    own = own_function(reward)
    return reward if own is None else own[1]


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

REWARDS = ("correctness", *ROLE_REWARDS, *HEURISTIC_REWARDS, *R1_REWARDS)


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
