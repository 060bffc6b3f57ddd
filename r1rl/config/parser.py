"""The command-line parser made from Config, and the command line that gives a config."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
from pathlib import Path
from typing import Any, get_type_hints

from r1rl.config.flags import COMMON_FLAGS, DEFAULTS, REPEATABLE, Config, expanded
from r1rl.config.names import option
from r1rl.system.errors import UserError


class Parser(argparse.ArgumentParser):
    """argparse's parser with suggestions for mistyped flags; raises UserError instead of exiting."""

    def error(self, message: str):
        raise UserError(f"{message}. `python main.py --help-all` lists all flags.")

    def parse_args(self, args=None, namespace=None):
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            known = [name for action in self._actions for name in action.option_strings]
            near = difflib.get_close_matches(unknown[0].split("=")[0], known, n=1)
            hint = f"did you mean {near[0]}?" if near else "`python main.py --help-all` lists all flags."
            raise UserError(f"unknown argument {unknown[0]!r}: {hint}")
        return parsed


def add_flags(parser: argparse.ArgumentParser, only: tuple[str, ...] = ()) -> None:
    """Adds an option for each field of Config (or those in `only`); the result holds only the options that are given."""
    # Given by the program with all flags of a part, of which some do not apply to it (see scope.py).
    parser.add_argument("--resolved", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
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
        group.add_argument(option(f.name), *meta["short"], **options)


class Help(argparse.Action):
    """The action of --help, which prints the common flags, and of --help-all, which prints all."""

    def __init__(self, option_strings, dest, help):
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser, namespace, values, option_string=None):
        if option_string != "--help-all":
            for action in parser._actions:
                if action.dest in DEFAULTS and action.dest not in COMMON_FLAGS:
                    action.help = argparse.SUPPRESS
        parser.print_help()
        parser.exit()


class Joined(argparse.Action):
    """The action of a flag that may be repeated: joins its values by commas."""

    def __call__(self, parser, namespace, values, option_string=None):
        before = getattr(namespace, self.dest, None)
        setattr(namespace, self.dest, f"{before},{values}" if before else values)


def as_arguments(config: Config, only: tuple[str, ...] = ()) -> list[str]:
    """Returns the command line that gives this config: every flag that is set (or those in `only`)."""
    arguments = []
    for f in dataclasses.fields(Config):
        value = getattr(config, f.name)
        if value is None or (only and f.name not in only):
            continue
        if isinstance(value, bool):
            arguments.append(option(f.name) if value else option(f"no_{f.name}"))
        else:
            arguments += [option(f.name), str(value)]
    return arguments


def value_type(annotation: Any) -> type:
    """Returns the type T of the annotation `T` or `T | None`."""
    types = getattr(annotation, "__args__", (annotation,))
    return next((t for t in types if t is not type(None)), annotation)


def user_path(text: str) -> Path:
    """Returns an argument as a path, with ~ and $VARIABLES expanded: the shell leaves them in --flag=~/x. Raises UserError."""
    return Path(expanded(text, "the path"))
