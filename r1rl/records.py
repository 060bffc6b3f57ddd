"""The three frozen records that flow through a run: Problem, Rollout, Scored.

No field is ever overwritten with something else; a later stage makes a new record instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of a task, with its gold answer."""

    id: str  # "train/4711": split and position in the source, stable for a given source and seed
    question: str
    answer: str  # the gold answer as the source gives it, e.g. "1,080"; checked at load time
    solution: str = ""  # the source's worked solution, empty where it has none
    task: str = ""
    level: int | None = None  # difficulty where the task knows one (steps, people, MATH level)
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
