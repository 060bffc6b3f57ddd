"""The process that runs a user's reward function; custom.py starts it, sends it work and stops it.

In its own process a reward can be killed when it hangs, may use signals and random numbers, and cannot disturb the
run. It receives lists of (rollout, problem) and returns a number or None for each.
"""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import math
import numbers
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from r1rl.records import Problem, Rollout
from r1rl.system.errors import UserError, unknown_name
from r1rl.system.subprocesses import open_connection, requests

CONTRACT = "a reward takes (rollout, problem) and returns a finite number, or None where it does not apply"
BATCH_CONTRACT = (
    "a reward with a parameter `completions` takes lists by name (prompts, completions and columns; texts, and with "
    "--is-chat lists of messages) and returns a list with a finite number or None for each completion"
)
TIMEOUT = "no answer in time"  # in place of a value
PARENT_CHECK_SECONDS = 5
MODULE = "own_reward"  # the name that the user's file is imported under

Pairs = Sequence[tuple[Rollout, Problem]]


class Failed(Exception):
    """A result that violates the contract: the message, and the index of the pair, None for all of them."""

    def __init__(self, message: str, index: int | None):
        super().__init__(message, index)
        self.message, self.index = message, index


def main(descriptor: int, memory: int, file: Path, name: str, timeout: float, messages: bool) -> None:
    """Answers lists of pairs until the connection is closed. `messages`: texts are lists of messages, as in TRL."""
    connection = open_connection(descriptor, memory)
    threading.Thread(target=end_with_parent, args=(os.getppid(),), daemon=True).start()
    sys.path.append(str(file.resolve().parent))  # the file's neighbours can be imported
    try:
        function = find_function(file, name)
    except UserError as error:
        connection.send(("refused", str(error)))
        return
    batch, is_async = kind_of(function)
    connection.send(("ready", batch or is_async))  # whether it takes all pairs at once
    loop = asyncio.new_event_loop()
    for pairs in requests(connection, pickled=True):
        try:
            columns = columns_for(function, pairs, messages) if batch else None
            connection.send(("done", values_of(function, pairs, columns, is_async, loop, timeout)))
        except Failed as error:
            connection.send(("failed", error.message, error.index))
        except (Exception, SystemExit) as error:
            connection.send(("raised", describe_error(error, file), 0 if len(pairs) == 1 else None))


def end_with_parent(parent: int) -> None:
    """Ends this process, even while it hangs, when the run has ended."""
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_SECONDS)
    os._exit(0)


def kind_of(function: Callable[..., Any]) -> tuple[bool, bool]:
    """Returns (takes lists as TRL's rewards do, is async) from the function's signature."""
    called = function if inspect.isfunction(function) else getattr(function, "__call__", function)  # noqa: B004
    try:
        names = inspect.signature(function).parameters
    except (TypeError, ValueError):  # written in C
        names = {}
    return "completions" in names, any(inspect.iscoroutinefunction(f) for f in (function, called))


def values_of(
    function: Callable[..., Any],
    pairs: Pairs,
    columns: dict[str, list[Any]] | None,
    is_async: bool,
    loop: asyncio.AbstractEventLoop,
    timeout: float,
) -> list[float | str | None]:
    """Returns a value for each pair. `columns`: the arguments of a function that takes lists, None for any other.

    Raises Failed for a wrong result, and whatever the function raises.
    """
    if columns is not None:
        values = function(**columns)
        if is_async:
            values = loop.run_until_complete(in_time(values, timeout))
            values = [TIMEOUT] * len(pairs) if values is TIMEOUT else values
        if not isinstance(values, Sequence) or isinstance(values, str):
            values = getattr(values, "tolist", lambda: values)()  # an array
        if not isinstance(values, list | tuple) or len(values) != len(pairs):
            count = f"{len(values)} values" if isinstance(values, list | tuple) else f"a {type(values).__name__}"
            raise Failed(f"returned {count} for {len(pairs)} completions: {BATCH_CONTRACT}", None)
    elif is_async:
        values = loop.run_until_complete(all_in_time([function(*pair) for pair in pairs], timeout))
    else:
        values = [function(*pair) for pair in pairs]
    contract = CONTRACT if columns is None else BATCH_CONTRACT
    return [checked(value, i, contract) for i, value in enumerate(values)]


def columns_for(function: Callable[..., Any], pairs: Pairs, messages: bool) -> dict[str, list[Any]]:
    """Returns the arguments of a function that takes lists by name, those that it has parameters for. Raises Failed."""
    columns = all_columns(pairs, messages)
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


async def all_in_time(calls: Sequence[Any], timeout: float) -> list[Any]:
    """Returns the results of concurrent calls, each with the deadline."""
    return await asyncio.gather(*(in_time(call, timeout) for call in calls))


async def in_time(call: Any, timeout: float) -> Any:
    """Returns the result of one call, or TIMEOUT."""
    try:
        return await asyncio.wait_for(call, timeout)
    except TimeoutError:
        return TIMEOUT


def checked(result: object, index: int, contract: str) -> float | str | None:
    """Returns a result as a float, None or TIMEOUT. Raises Failed for anything else."""
    if result is None or result is TIMEOUT:
        return result
    if not isinstance(result, numbers.Real) or not math.isfinite(result):
        raise Failed(f"returned {result!r} ({type(result).__name__}): {contract}", index)
    return float(result)


def find_function(file: Path, name: str) -> Callable[..., Any]:
    """Returns the function of the file. Raises UserError."""
    module = import_file(file)
    function = getattr(module, name, None)
    if not callable(function):
        functions = [n for n, _ in inspect.getmembers(module, inspect.isfunction) if not n.startswith("_")]
        if not functions:
            raise UserError(f"--reward {file}:{name}: the file defines no function. Add {name}: {CONTRACT}.")
        raise unknown_name(f"--reward: function of {file}", name, functions)
    return function


def import_file(file: Path) -> ModuleType:
    """Imports the user's file. Raises UserError with the line that failed."""
    spec = importlib.util.spec_from_file_location(MODULE, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE] = module  # dataclasses look up their module there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise UserError(f"--reward {file} cannot be imported: {describe_error(error, file)}.") from error
    return module


def describe_error(error: BaseException, file: Path) -> str:
    """Returns "line 3 of reward.py raised NameError: name 'x' is not defined"."""

    def is_file(name: str | None) -> bool:
        return name is not None and Path(name).resolve() == file.resolve()

    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if is_file(frame.filename)]
    if isinstance(error, SyntaxError) and is_file(error.filename):
        lines = [error.lineno]
    where = f"line {lines[-1]} of {file} raised " if lines else ""
    message = " ".join(str(error).split())
    return f"{where}{type(error).__name__}: {message}" if message else f"{where}{type(error).__name__}"


if __name__ == "__main__":
    fd, memory, file, name, timeout, form = sys.argv[1:]
    main(int(fd), int(memory), Path(file), name, float(timeout), form == "messages")
