"""Loads a reward function of the user's own, and tries it before anything slow is loaded."""

from __future__ import annotations

import importlib.util
import inspect
import itertools
import math
import numbers
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from r1rl.errors import UserError, unknown_name
from r1rl.records import Problem, Rollout

Reward = Callable[[Rollout, Problem], float | None]

MODULE = "own_reward"  # the name that the user's file is imported under
TRIED = 5  # made-up rollouts
CONTRACT = "a reward takes (rollout, problem) and gives a finite number, or None where it does not apply"


def load_own(file: Path, name: str) -> Reward:
    """The function of the file, with every result checked. Raises UserError."""
    module = import_file(file)
    function = getattr(module, name, None)
    if not callable(function):
        functions = [n for n, _ in inspect.getmembers(module, inspect.isfunction) if not n.startswith("_")]
        if not functions:
            raise UserError(f"--reward {file}:{name}: the file defines no function. Add {name}: {CONTRACT}.")
        raise unknown_name(f"--reward: function of {file}", name, functions)

    def own(rollout: Rollout, problem: Problem) -> float | None:
        try:
            result = function(rollout, problem)
        except Exception as error:
            raise UserError(
                f"--reward {file}:{name} failed on problem {problem.id}: {words_of(error, file)}. Note that {CONTRACT}."
            ) from error
        return checked(result, f"--reward {file}:{name} on problem {problem.id}")

    return own


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


def checked(result: object, where: str) -> float | None:
    """A reward's result as a float, or None. Raises UserError for anything else."""
    if result is None:
        return None
    if not isinstance(result, numbers.Real) or not math.isfinite(result):
        raise UserError(f"{where} gave {result!r} ({type(result).__name__}): {CONTRACT}.")
    return float(result)


def try_own(function: Reward, problems: Sequence[Problem]) -> None:
    """Calls the function on five made-up rollouts: worked solutions, or questions where there are none.

    Raises UserError, so that a mistake in the function is told before a model is loaded.
    """
    for problem in itertools.islice(itertools.cycle(problems), TRIED):
        completion = problem.solution or problem.question
        function(Rollout(problem.question, completion, (), (), (), "stop"), problem)
