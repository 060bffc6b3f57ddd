"""The records that flow through a run (Problem, Prompt, Rollout, Scored) and the tags of a completion.

Records are frozen: a later stage makes a new record instead of changing a field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

Item = TypeVar("Item")

REASONING_TAG = "reasoning"
ANSWER_TAG = "answer"
REASONING_PREFIX = f"<{REASONING_TAG}>"
STOP_TEXT = f"</{ANSWER_TAG}>"  # sampling ends here: text after a closed answer is not read

# Answer types. They decide how a prompt asks for the answer and how the answer is graded.
NUMBER, LATEX, TEXT, CHOICE = ANSWER_TYPES = "number", "latex", "text", "choice"  # --answer-type
COUNTDOWN = "countdown"  # an equation that uses the given numbers
KNIGHTS_KNAVES = "knights_knaves"  # the role of each person
VERDICT = "verdict"  # safe or unsafe
NO_GOLD = "none"  # a general prompt without a gold answer: no completion counts as correct


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of a task, with its gold answer."""

    id: str  # "train/4711": split and position in the source, stable for a given source and seed
    question: str
    answer: str  # the gold answer as the source gives it, e.g. "1,080"; checked at load time
    solution: str = ""  # the source's worked solution, empty where it has none
    task: str = ""
    level: int | None = None  # difficulty where the task defines one (steps, people, MATH level)
    answer_type: str = NUMBER
    # The row of the user's data that the problem was made from, for custom rewards.
    columns: dict[str, Any] = field(default_factory=dict, hash=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A problem as the model reads it."""

    problem: Problem
    text: str
    ids: tuple[int, ...]
    prefix: str = ""  # the end of `text` that is shown as the beginning of the completion


@dataclass(frozen=True, slots=True)
class Rollout:
    """One sampled completion."""

    prompt: str
    completion: str  # as shown: begins with the reasoning prefix if the prompt ended in it
    prompt_ids: tuple[int, ...]
    completion_ids: tuple[int, ...]  # the sampled tokens, without the prefix
    sampler_logprobs: tuple[float, ...]  # the engine's, one per completion token, after temperature
    # "stop": end token or closing tag; "length": cut at max_completion_length; "repetition": ended by --prune
    finish: str


@dataclass(frozen=True, slots=True)
class Scored:
    """A rollout with its grade, its rewards by name, and their weighted sum."""

    rollout: Rollout
    problem: Problem
    extracted: str | None  # the answer found in the completion, normalised; None if there is none
    correct: bool
    rewards: dict[str, float | None]  # None: this reward does not apply to this problem
    reward: float | None  # None: no reward applies; left out of its group
    reason: str = ""  # of the grade, in short: "right", "wrong", "two numbers", "unknown word: minus"
    notes: dict[str, Any] = field(default_factory=dict)  # columns that a custom reward adds, by TRL's log_extra


def by_task(
    items: Iterable[Item], problem_of: Callable[[Item], Problem] = lambda problem: problem
) -> dict[str, list[Item]]:
    """Returns the problems, or what has one, of each Problem.task, in the order in which they occur."""
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(problem_of(item).task, []).append(item)
    return found


def visible_text(prompt: Prompt, text: str) -> str:
    """Returns the completion as shown: the prompt's prefix first, nothing after the closed answer."""
    head, stop, _ = text.partition(STOP_TEXT)
    return prompt.prefix + head + stop


def reasoning_text(completion: str, tag: str = REASONING_TAG) -> str:
    """Returns the text before the closing reasoning tag, else before the answer tag, else the whole completion."""
    before = re.split(f"</{tag}>|<{ANSWER_TAG}>", completion, maxsplit=1)[0]
    return before.rpartition(f"<{tag}>")[2]
