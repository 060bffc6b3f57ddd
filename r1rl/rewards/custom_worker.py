"""The process that runs a user's reward function; custom.py starts it, sends it work and stops it.

In its own process a reward can be killed when it hangs, may use signals and random numbers, and cannot disturb the
run. It receives (pairs of rollout and problem, the trainer's state) and returns a number or None for each pair, and
what the function logged.
"""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from r1rl.rewards.custom_call import (
    BATCH_CONTRACT,
    CONTRACT,
    TIMEOUT,
    Failed,
    Log,
    Pairs,
    checked,
    columns_for,
    kind_of,
)
from r1rl.system.errors import UserError, unknown_name
from r1rl.system.subprocesses import open_connection, requests

PARENT_CHECK_SECONDS = 5
MODULE = "own_reward"  # the name that the user's file is imported under


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
    for pairs, state in requests(connection, pickled=True):
        log = Log()
        try:
            columns = columns_for(function, pairs, messages, state, log) if batch else None
            values = values_of(function, pairs, columns, loop, timeout)
            connection.send(("done", values, dict(log.extra), dict(log.metrics)))
        except Failed as error:
            connection.send(("failed", error.message, error.index))
        except (Exception, SystemExit) as error:
            connection.send(("raised", describe_error(error, file), 0 if len(pairs) == 1 else None))


def end_with_parent(parent: int) -> None:
    """Ends this process, even while it hangs, when the run has ended."""
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_SECONDS)
    os._exit(0)


def values_of(
    function: Callable[..., Any],
    pairs: Pairs,
    columns: dict[str, Any] | None,
    loop: asyncio.AbstractEventLoop,
    timeout: float,
) -> list[float | str | None]:
    """Returns a value for each pair. `columns`: the arguments of a function that takes lists, None for any other.

    Raises Failed for a wrong result, and whatever the function raises.
    """
    if columns is not None:
        values = function(**columns)
        if inspect.isawaitable(values):
            values = loop.run_until_complete(in_time(values, timeout))
            values = [TIMEOUT] * len(pairs) if values is TIMEOUT else values
        if isinstance(values, Iterable) and not isinstance(values, str | bytes | Mapping):
            values = list(values)  # of an array or a generator, too
        if not isinstance(values, list | tuple) or len(values) != len(pairs):
            count = f"{len(values)} values" if isinstance(values, list | tuple) else f"a {type(values).__name__}"
            raise Failed(f"returned {count} for {len(pairs)} completions: {BATCH_CONTRACT}", None)
    else:
        values = [function(*pair) for pair in pairs]
        if any(map(inspect.isawaitable, values)):
            values = loop.run_until_complete(all_in_time(values, timeout))
    contract = CONTRACT if columns is None else BATCH_CONTRACT
    return [checked(value, i, contract) for i, value in enumerate(values)]


async def all_in_time(calls: Sequence[Any], timeout: float) -> list[Any]:
    """Returns the results of concurrent calls, each with the deadline."""
    return await asyncio.gather(*(in_time(call, timeout) for call in calls))


async def in_time(call: Any, timeout: float) -> Any:
    """Returns the result of one call, or TIMEOUT."""
    try:
        return await asyncio.wait_for(call, timeout)
    except TimeoutError:
        return TIMEOUT


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
