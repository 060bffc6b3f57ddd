"""One dataclass of flags with a line of help each, its parser, and the checks that need no import."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
from typing import Any, get_type_hints

from r1rl.config.flags import REPEATABLE, Config
from r1rl.system.errors import UserError


class Parser(argparse.ArgumentParser):
    """argparse, with a hint for mistyped flags and the project's form of errors."""

    def error(self, message: str):
        raise UserError(f"{message}. `python main.py --help` lists all flags.")

    def parse_args(self, args=None, namespace=None):
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            known = [option for action in self._actions for option in action.option_strings]
            near = difflib.get_close_matches(unknown[0].split("=")[0], known, n=1)
            hint = f"did you mean {near[0]}?" if near else "`python main.py --help` lists all flags."
            raise UserError(f"unknown argument {unknown[0]!r}: {hint}")
        return parsed


def add_flags(parser: argparse.ArgumentParser, only: tuple[str, ...] = ()) -> None:
    """Adds a command-line option for each field of Config; an option not given leaves no trace."""
    types = get_type_hints(Config)
    groups: dict[str, Any] = {}
    for f in dataclasses.fields(Config):
        if only and f.name not in only:
            continue
        meta = f.metadata
        group = groups.setdefault(meta["group"], parser.add_argument_group(meta["group"]))
        default = "" if f.default is None else f" (default: {f.default})"
        options: dict[str, Any] = {"help": meta["help"] + default, "default": argparse.SUPPRESS}
        if types[f.name] is bool:
            options["action"] = argparse.BooleanOptionalAction
        else:
            options["type"] = value_type(types[f.name])
            options |= {"action": Joined} if f.name in REPEATABLE else {}
            options["metavar"] = "|".join(meta["choices"]) or options["type"].__name__.upper()
        group.add_argument(f"--{f.name.replace('_', '-')}", *meta["short"], **options)


class Joined(argparse.Action):
    """A flag that may be given several times: its values are joined by commas."""

    def __call__(self, parser, namespace, values, option_string=None):
        before = getattr(namespace, self.dest, None)
        setattr(namespace, self.dest, f"{before},{values}" if before else values)


def as_arguments(config: Config, only: tuple[str, ...] = ()) -> list[str]:
    """The command line that gives this config: every flag that is set."""
    arguments = []
    for f in dataclasses.fields(Config):
        value, name = getattr(config, f.name), f.name.replace("_", "-")
        if value is None or (only and f.name not in only):
            continue
        if isinstance(value, bool):
            arguments.append(f"--{name}" if value else f"--no-{name}")
        else:
            arguments += [f"--{name}", str(value)]
    return arguments


def value_type(annotation: Any) -> type:
    """The type behind `T | None`."""
    return next(
        (t for t in getattr(annotation, "__args__", (annotation,)) if t is not type(None)), annotation
    )
