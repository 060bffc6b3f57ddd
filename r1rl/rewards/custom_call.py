"""How a user's reward is called: with (rollout, problem) or, by its signature, with lists by name as TRL does.

TRL's call is in `GRPOTrainer._calculate_rewards` (trl/trainer/grpo_trainer.py, version 1.0 and later).
"""

from __future__ import annotations

import functools
import inspect
import math
import numbers
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from r1rl.records import Problem, Rollout

CONTRACT = "a reward takes (rollout, problem) and returns a finite number, or None where it does not apply"
BATCH_CONTRACT = (
    "a reward with a parameter `completions` takes lists by name (prompts, completions and columns; texts, and with "
    "--is-chat lists of messages) and returns a list with a finite number or None for each completion"
)
TIMEOUT = "no answer in time"  # in place of a value
TRL_NAMES = {"prompts", "completions", "completion_ids"}  # parameters of TRL's rewards, and of no other

Pairs = Sequence[tuple[Rollout, Problem]]


class Failed(Exception):
    """A result that violates the contract: the message, and the index of the pair, None for all of them."""

    def __init__(self, message: str, index: int | None):
        super().__init__(message, index)
        self.message, self.index = message, index


class Log:
    """What a reward passes to TRL's `log_extra` and `log_metric` during one call."""

    def __init__(self):
        self.extra: dict[str, list[Any]] = defaultdict(list)
        self.metrics: dict[str, list[float]] = defaultdict(list)

    def log_extra(self, column: str, values: Sequence[Any]) -> None:
        """Adds a column of rollouts.jsonl, with a value for each completion."""
        self.extra[str(column)] += [without_array(v) for v in values]

    def log_metric(self, name: str, value: float) -> None:
        """Adds a value to a metric of the step. Raises TypeError if it is not a number."""
        self.metrics[str(name)].append(float(value))


def without_array(value: Any) -> Any:
    """Returns a scalar of numpy or torch as Python's; of other values those that JSON has, else their text."""
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def kind_of(function: Callable[..., Any]) -> tuple[bool, bool]:
    """Returns (takes lists as TRL's rewards do, is async) from the function's signature."""
    called = function if inspect.isfunction(function) else getattr(function, "__call__", function)  # noqa: B004
    return takes_lists(function), any(inspect.iscoroutinefunction(f) for f in (function, called))


def takes_lists(function: Callable[..., Any]) -> bool:
    """Returns whether a function has TRL's signature, which is called by name.

    It has one of TRL's parameters, or takes everything by name only. A decorator without functools.wraps shows
    `*args, **kwargs`: then the functions that it holds decide.
    """
    waiting, seen = [function], set()
    while waiting:
        function = waiting.pop()
        if id(function) in seen:
            continue
        seen.add(id(function))
        try:
            parameters = inspect.signature(function).parameters
        except (TypeError, ValueError):  # written in C
            continue
        kinds = {p.kind for p in parameters.values()}
        if TRL_NAMES & parameters.keys() or kinds == {inspect.Parameter.VAR_KEYWORD}:
            return True
        if kinds == {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}:
            waiting += held_by(function)
    return False


def held_by(function: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """Yields the functions in the closure or in the attributes of a function, of a partial or of an instance."""
    if isinstance(function, functools.partial):
        yield function.func
    cells = getattr(function, "__closure__", None) or ()
    values = [cell.cell_contents for cell in cells] + list(getattr(function, "__dict__", {}).values())
    yield from (value for value in values if callable(value))


def columns_for(
    function: Callable[..., Any], pairs: Pairs, messages: bool, state: Mapping[str, Any], log: Log
) -> dict[str, Any]:
    """Returns the arguments of a function that takes lists by name, those that it has parameters for. Raises Failed.

    `state`: the fields of TRL's `trainer_state`.
    """
    columns = all_columns(pairs, messages) | {
        "trainer_state": SimpleNamespace(**state),
        "log_extra": log.log_extra,
        "log_metric": log.log_metric,
    }
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return columns
    wanted = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    missing = [p.name for p in wanted if p.default is p.empty and p.name not in columns]
    if missing:
        raise Failed(f"needs {', '.join(missing)}; the columns are {', '.join(columns)}: {BATCH_CONTRACT}", None)
    return {p.name: columns[p.name] for p in wanted if p.name in columns}


def all_columns(pairs: Pairs, messages: bool) -> dict[str, list[Any]]:
    """Returns prompts, completions, the problems' fields, and the columns of custom data, which replace fields."""
    rollouts, problems = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    fields = ("question", "answer", "solution", "task", "level")
    custom = dict.fromkeys(name for p in problems for name in p.columns)
    prompts, completions = [r.prompt for r in rollouts], [r.completion for r in rollouts]
    if messages:
        prompts = [[{"role": "user", "content": p.question}] for p in problems]
        completions = [[{"role": "assistant", "content": c}] for c in completions]
    return {
        **{name: [getattr(p, name) for p in problems] for name in fields},
        "problem_id": [p.id for p in problems],
        **{name: [p.columns.get(name) for p in problems] for name in custom},
        "prompts": prompts,
        "completions": completions,
        "completion_ids": [list(r.completion_ids) for r in rollouts],
    }


def checked(result: object, index: int, contract: str) -> float | str | None:
    """Returns a result as a float, None or TIMEOUT. Raises Failed for anything else."""
    if result is None or result is TIMEOUT:
        return result
    result = without_array(result) if hasattr(result, "item") else result
    if not isinstance(result, numbers.Real) or not math.isfinite(result):
        raise Failed(f"returned {result!r} ({type(result).__name__}): {contract}", index)
    return float(result)
