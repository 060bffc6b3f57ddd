"""The process that runs a reward function of the user's own; `rewards/own.py` starts it, feeds it, and ends it.

In a process of its own a reward can be ended when it hangs, may use signals and random numbers as it likes, and cannot
disturb the run. It gets lists of (rollout, problem) and gives back a number, or None, for each.
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

BATCH_CONTRACT = (
    "a reward with a parameter `completions` takes lists by name (prompts, completions and columns; texts, and with "
    "--is-chat lists of messages) and gives a list with a finite number or None for each completion"
)

TIMEOUT = "no answer in time"  # in place of a value

SECONDS_BETWEEN_LOOKS = 5  # for a parent that is gone

Pairs = Sequence[tuple[Rollout, Problem]]


class Failed(Exception):
    """What went wrong, in words, and at which of the pairs; None: at no single one."""

    def __init__(self, words: str, index: int | None):
        super().__init__(words, index)
        self.words, self.index = words, index


def main(descriptor: int, memory: int, file: Path, name: str, timeout: float, messages: bool) -> None:
    """Answers lists of pairs until the connection is closed. `messages`: lists are in TRL's form of conversations."""
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
            connection.send(("failed", error.words, error.index))
        except (Exception, SystemExit) as error:
            connection.send(("raised", words_of(error, file), 0 if len(pairs) == 1 else None))


def end_with_parent(parent: int) -> None:
    """Ends this process, hung or not, when the run that it works for is gone."""
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os._exit(0)


def kind_of(function: Callable[..., Any]) -> tuple[bool, bool]:
    """(takes lists as TRL's rewards do, is async), both told by its signature."""
    called = function if inspect.isfunction(function) else getattr(function, "__call__", function)  # noqa: B004
    try:
        names = inspect.signature(function).parameters
    except (TypeError, ValueError):  # of C
        names = {}
    return "completions" in names, inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        called
    )


def values_of(
    function: Callable[..., Any],
    pairs: Pairs,
    columns: dict[str, list[Any]] | None,
    is_async: bool,
    loop: asyncio.AbstractEventLoop,
    timeout: float,
) -> list[float | str | None]:
    """A value for each pair; `columns` are the arguments of a function that takes lists, None for any other.

    Raises Failed for what is no value, and whatever the function raises.
    """
    if columns is not None:
        found = function(**columns)
        if is_async:
            found = loop.run_until_complete(in_time(found, timeout))
            found = [TIMEOUT] * len(pairs) if found is TIMEOUT else found
        if not isinstance(found, Sequence) or isinstance(found, str):
            found = getattr(found, "tolist", lambda: found)()  # an array
        if not isinstance(found, list | tuple) or len(found) != len(pairs):
            count = f"{len(found)} values" if isinstance(found, list | tuple) else f"a {type(found).__name__}"
            raise Failed(f"gave {count} for {len(pairs)} completions: {BATCH_CONTRACT}", None)
    elif is_async:
        found = loop.run_until_complete(all_in_time([function(*pair) for pair in pairs], timeout))
    else:
        found = [function(*pair) for pair in pairs]
    contract = CONTRACT if columns is None else BATCH_CONTRACT
    return [checked(value, i, contract) for i, value in enumerate(found)]


def columns_for(function: Callable[..., Any], pairs: Pairs, messages: bool) -> dict[str, list[Any]]:
    """The arguments of a function in TRL's manner: lists by name, as many of them as it takes. Raises Failed."""
    every = all_columns(pairs, messages)
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return every
    wanted = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    missing = [
        p.name for p in parameters if p.name in wanted and p.default is p.empty and p.name not in every
    ]
    if missing:
        raise Failed(
            f"wants {', '.join(missing)}, and there are {', '.join(every)}: {BATCH_CONTRACT}",
            None,
        )
    return {name: every[name] for name in wanted if name in every}


def all_columns(pairs: Pairs, messages: bool) -> dict[str, list[Any]]:
    """Prompts, completions, the problems' fields, and over those the columns that the user's data has."""
    rollouts, problems = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    fields = ("question", "answer", "solution", "task", "level")
    own = dict.fromkeys(name for p in problems for name in p.columns)
    prompts, completions = [r.prompt for r in rollouts], [r.completion for r in rollouts]
    if messages:
        prompts = [[{"role": "user", "content": p.question}] for p in problems]
        completions = [[{"role": "assistant", "content": c}] for c in completions]
    return {
        **{name: [getattr(p, name) for p in problems] for name in fields},
        "problem_id": [p.id for p in problems],
        **{name: [p.columns.get(name) for p in problems] for name in own},
        "prompts": prompts,
        "completions": completions,
        "completion_ids": [list(r.completion_ids) for r in rollouts],
    }


async def all_in_time(calls: Sequence[Any], timeout: float) -> list[Any]:
    """All of them at once, each with the deadline."""
    return await asyncio.gather(*(in_time(call, timeout) for call in calls))


async def in_time(call: Any, timeout: float) -> Any:
    """The result of one call, or TIMEOUT."""
    try:
        return await asyncio.wait_for(call, timeout)
    except TimeoutError:
        return TIMEOUT


def checked(result: object, index: int, contract: str) -> float | str | None:
    """A result as a float, None or TIMEOUT. Raises Failed for anything else."""
    if result is None or result is TIMEOUT:
        return result
    if not isinstance(result, numbers.Real) or not math.isfinite(result):
        raise Failed(f"gave {result!r} ({type(result).__name__}): {contract}", index)
    return float(result)


MODULE = "own_reward"  # the name that the user's file is imported under

CONTRACT = "a reward takes (rollout, problem) and gives a finite number, or None where it does not apply"


def find_function(file: Path, name: str) -> Callable[..., Any]:
    """The function of the file. Raises UserError."""
    module = import_file(file)
    function = getattr(module, name, None)
    if not callable(function):
        functions = [n for n, _ in inspect.getmembers(module, inspect.isfunction) if not n.startswith("_")]
        if not functions:
            raise UserError(f"--reward {file}:{name}: the file defines no function. Add {name}: {CONTRACT}.")
        raise unknown_name(f"--reward: function of {file}", name, functions)
    return function


def import_file(file: Path) -> ModuleType:
    """The user's file as a module. Raises UserError with the line that failed."""
    spec = importlib.util.spec_from_file_location(MODULE, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE] = module  # dataclasses look their module up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise UserError(f"--reward {file} cannot be imported: {words_of(error, file)}.") from error
    return module


def words_of(error: BaseException, file: Path) -> str:
    """ "line 3 of reward.py raised NameError: name 'x' is not defined"."""
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if is_same(frame.filename, file)
    ]
    if isinstance(error, SyntaxError) and error.filename and is_same(error.filename, file):
        lines = [error.lineno]
    where = f"line {lines[-1]} of {file} raised " if lines else ""
    message = " ".join(str(error).split())
    return f"{where}{type(error).__name__}: {message}" if message else f"{where}{type(error).__name__}"


def is_same(filename: str, file: Path) -> bool:
    """Whether a traceback's file is the user's."""
    return Path(filename).resolve() == file.resolve()


if __name__ == "__main__":
    fd, memory, file, name, timeout, form = sys.argv[1:]
    main(int(fd), int(memory), Path(file), name, float(timeout), form == "messages")
