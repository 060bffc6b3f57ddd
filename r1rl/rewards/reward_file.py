"""A file with a reward of the user's own: its function, and where in it something went wrong."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from r1rl.system.errors import UserError, unknown_name

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
