"""--dataset-options: reads "min_terms=2,max_terms=4" as the options of a reasoning-gym generator."""

from __future__ import annotations

import dataclasses
import importlib.util
from typing import Any

from r1rl.system.errors import UserError, unknown_name

PACKAGE, TESTED = "reasoning_gym", "reasoning-gym==0.1.25"
FLAG = "--dataset-options"
OURS = {"seed": "--seed sets it", "size": "the run sets it, and --max-samples limits the training problems"}
LIST_SEPARATOR = "|"
BOOLEANS = {"true": True, "false": False}


def is_installed() -> bool:
    """Returns whether reasoning-gym can be imported."""
    return importlib.util.find_spec(PACKAGE) is not None


def check_installed(dataset_name: str) -> None:
    """Raises UserError unless reasoning-gym is installed."""
    if not is_installed():
        raise UserError(
            f"--dataset-name {dataset_name} needs the package reasoning-gym, which is not installed: run "
            f"`pip install {TESTED}`."
        )


def given_options(text: str | None) -> dict[str, str]:
    """Returns the options as written. Raises UserError.

    >>> given_options("min_terms=2, max_terms=4")
    {'min_terms': '2', 'max_terms': '4'}
    """
    given: dict[str, str] = {}
    for part in [] if text is None else text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not name:
            raise UserError(
                f"{FLAG} {text!r}: {part.strip()!r} is not an option with its value: write for example "
                "min_terms=2,max_terms=4."
            )
        if name in OURS:
            raise UserError(f"{FLAG} {text!r}: {name} cannot be set here, because {OURS[name]}.")
        if name in given:
            raise UserError(f"{FLAG} {text!r} sets {name} twice: set it once.")
        given[name] = value
    return given


def make_dataset(generator: str, text: str | None, seed: int, size: int, level: int | None = None) -> Any:
    """Returns reasoning-gym's dataset with these options, and those of a level of its curriculum.

    Raises UserError for options and levels that it does not have or allow.
    """
    from reasoning_gym.factory import DATASETS, create_dataset

    if generator not in DATASETS:
        raise UserError(
            f"the installed version of reasoning-gym has no generator {generator!r}: run `pip install {TESTED}`."
        )
    of_level = {} if level is None else options_of_level(generator, level)
    defaults = settable(DATASETS[generator][1])
    values = {}
    for name, written in given_options(text).items():
        if name not in defaults:
            shown = ", ".join(f"{known}={as_written(value)}" for known, value in defaults.items())
            near = unknown_name("option", name, defaults) if defaults else f"{generator} takes none"
            raise UserError(f"{FLAG} {text!r}: {near} Options of {generator} and their defaults: {shown or 'none'}.")
        if name in of_level:
            raise UserError(f"{FLAG} {text!r}: --stages sets {name} of {generator}, by level. Leave it out.")
        values[name] = read_value(name, written, defaults[name], text)
    try:
        return create_dataset(generator, seed=seed, size=size, **values, **of_level)
    except Exception as error:  # whatever a generator raises for its options
        reason = reason_of(error)
        if level is not None:
            other = "" if text is None else f", or other values than {FLAG} {text}"
            raise UserError(
                f"--stages: level {level} is not possible for {generator}: {reason}. Use a lower one{other}."
            ) from None
        raise UserError(f"{FLAG} {text!r} is not possible for {generator}: {reason}.") from None


def options_of_level(generator: str, level: int) -> dict[str, Any]:
    """Returns the options that a level of the generator's curriculum sets. Raises UserError if it has no such level.

    A level is a place in the list of values of each attribute; of a shorter list it is the last place. Of the values up to
    the level only the last is used (or the last two, where a range needs two), so that problems are as hard as the level.
    """
    from reasoning_gym.coaching.base_curriculum import DefaultCurriculumContext, RangeAttributeMode
    from reasoning_gym.factory import create_curriculum, has_curriculum

    if not has_curriculum(generator):
        raise UserError(
            f"--stages: {generator} has no curriculum in reasoning-gym, so it has no levels. Leave --stages out, or set "
            f"its difficulty by {FLAG}."
        )
    curriculum = create_curriculum(generator)
    attributes = curriculum.attributes.values()
    highest = max(len(attribute.levels) for attribute in attributes) - 1
    if level > highest:
        raise UserError(
            f"--stages: {generator} has no level {level}, because its curriculum has levels 0 to {highest}."
        )
    curriculum.set_global_level(level)
    made = curriculum.generate_configuration(context=DefaultCurriculumContext(RangeAttributeMode.UPPER_BOUND))
    names = [
        getattr(attribute, field)
        for attribute in attributes
        for field in ("field_name", "lower_field_name", "upper_field_name")
        if hasattr(attribute, field)
    ]
    return {name: getattr(made, name) for name in names}


def reason_of(error: Exception) -> str:
    """Returns what an error of a generator says, on one line; its type if it says nothing."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def settable(config_class: type) -> dict[str, Any]:
    """Returns the defaults of the options that a text can set: numbers, texts, truth values and lists of them."""
    made = config_class()
    values = {f.name: getattr(made, f.name) for f in dataclasses.fields(config_class) if f.name not in OURS}
    return {name: value for name, value in values.items() if is_plain(value)}


def is_plain(value: Any) -> bool:
    """Returns whether a default is a number, a text, a truth value, or a list of numbers or texts."""
    items = value if isinstance(value, list | tuple) and value else [value]
    return all(isinstance(item, bool | int | float | str) for item in items)


def as_written(value: Any) -> str:
    """Returns a default as it is written in the flag."""
    if isinstance(value, list | tuple):
        return LIST_SEPARATOR.join(map(as_written, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def read_value(name: str, written: str, default: Any, text: str) -> Any:
    """Returns a value of the type of the option's default. Raises UserError."""
    if isinstance(default, list | tuple):
        return type(default)(read_value(name, part.strip(), default[0], text) for part in written.split(LIST_SEPARATOR))
    if isinstance(default, str):
        return written
    kind = (
        "true or false" if isinstance(default, bool) else "a number" if isinstance(default, float) else "a whole number"
    )
    try:
        return BOOLEANS[written.lower()] if isinstance(default, bool) else type(default)(written)
    except (KeyError, ValueError):
        raise UserError(
            f"{FLAG} {text!r}: {name} is {written!r} and must be {kind}, as its default {default}."
        ) from None
