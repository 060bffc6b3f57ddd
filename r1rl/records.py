"""The frozen records that flow through a run: Problem, Prompt, Rollout, Scored; and the tags that a completion has.

No field is ever overwritten with something else; a later stage makes a new record instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

REASONING_TAG = "reasoning"

ANSWER_TAG = "answer"

REASONING_PREFIX = f"<{REASONING_TAG}>"

STOP_TEXT = f"</{ANSWER_TAG}>"  # sampling ends here: whatever follows a closed answer is not read

# Answer types: what an answer is, how a prompt asks for one, how one is graded.
NUMBER, LATEX, TEXT, CHOICE = ANSWER_TYPES = "number", "latex", "text", "choice"  # --answer-type

COUNTDOWN = "countdown"  # a calculation that uses the given numbers

KNIGHTS_KNAVES = "knights_knaves"  # everybody's role

VERDICT = "verdict"  # safe or unsafe

NO_GOLD = "none"  # a general prompt: nothing counts as right


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of a task, with its gold answer."""

    id: str  # "train/4711": split and position in the source, stable for a given source and seed
    question: str
    answer: str  # the gold answer as the source gives it, e.g. "1,080"; checked at load time
    solution: str = ""  # the source's worked solution, empty where it has none
    task: str = ""
    level: int | None = None  # difficulty where the task knows one (steps, people, MATH level)
    answer_type: str = (
        NUMBER  # what an answer is: it decides how the problem asks for one and how one is graded
    )
    # The row that the problem comes from, where it is the user's own; for rewards.
    columns: dict[str, Any] = field(default_factory=dict, hash=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Rollout:
    """One sampled completion."""

    prompt: str
    completion: str  # what a reader sees: begins with the reasoning prefix if the prompt ended in it
    prompt_ids: tuple[int, ...]
    completion_ids: tuple[int, ...]  # what was sampled, the prefix not included
    sampler_logprobs: tuple[float, ...]  # the engine's, one a completion token, after temperature
    finish: str  # "stop": end token or closing tag; "length": cut at max_completion_length


@dataclass(frozen=True, slots=True)
class Scored:
    """A rollout with its grade, its rewards by name, and their weighted sum."""

    rollout: Rollout
    problem: Problem
    extracted: str | None  # the answer found in the completion, normalised; None if there is none
    correct: bool
    rewards: dict[str, float | None]  # None: this reward does not apply to this problem
    reward: float | None  # None: no reward applied; left out of its group
    reason: str = ""  # why the answer is right or not, in short: "right", "wrong", "two numbers", "unknown word: minus"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A problem as the model reads it."""

    problem: Problem
    text: str
    ids: tuple[int, ...]
    prefix: str = ""  # the end of `text` that a reader counts as the completion's beginning


def visible_text(prompt: Prompt, text: str) -> str:
    """The completion as a reader sees it: the prompt's prefix first, nothing after the closed answer."""
    head, stop, _ = text.partition(STOP_TEXT)
    return prompt.prefix + head + stop


def reasoning_text(completion: str, tag: str = REASONING_TAG) -> str:
    """What stands before the end of the reasoning, or without tags before the answer; else the whole text."""
    before = re.split(f"</{tag}>|<{ANSWER_TAG}>", completion, maxsplit=1)[0]
    return before.rpartition(f"<{tag}>")[2]
