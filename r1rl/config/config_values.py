"""Reads a config file: YAML or JSON, names that are flags, values of their flags' types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_type_hints

from r1rl.config.flags import Config, value_type
from r1rl.system.errors import UserError, unknown_name

TYPES = get_type_hints(Config)

FORM = "flags and their values, as in `learning_rate: 1e-3`, and the recipe that they change"

WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def parse_file(path: Path) -> dict[str, Any]:
    """The mapping in a YAML or JSON file. Raises UserError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = json.loads(text) if path.suffix == ".json" else read_yaml(text)
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise UserError(
            f"--config {str(path)!r} cannot be read ({reason}): it must be a YAML or JSON file with {FORM}."
        ) from None
    if not isinstance(content, dict) or not content:
        is_there = f"a {type(content).__name__}" if content else "nothing"
        raise UserError(f"--config {str(path)!r} holds {is_there}: it must hold {FORM}.")
    return content


def read_yaml(text: str) -> Any:
    """The data in a YAML text, and never an object of Python's. Raises ValueError with the line."""
    import yaml

    class Loader(yaml.SafeLoader):
        """PyYAML's safe loader, for which a key that stands there twice is a mistake."""

        def construct_mapping(self, node, deep=False):
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            if twice := next((key for i, key in enumerate(keys) if key in keys[:i]), None):
                raise ValueError(f"line {node.start_mark.line + 1}: {twice!r} stands there twice")
            return super().construct_mapping(node, deep)

    try:
        return Loader(text).get_single_data()
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise ValueError(f"{where}{problem or error}") from None


def settings_in(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    """The flags in a mapping, with - or _ in their names. Raises UserError."""
    settings = {}
    for key, value in content.items():
        name = str(key).removeprefix("--").replace("-", "_")
        if name not in TYPES:
            raise unknown_name(f"flag in {path}:", str(key), [*TYPES, "recipe"])
        settings[name] = value_in(path, name, value)
    return settings


def value_in(path: Path, name: str, value: Any) -> Any:
    """A value as its flag's type; a list or a mapping where the flag takes several with commas. Raises UserError."""
    wanted = value_type(TYPES[name])
    if value is None and wanted is not TYPES[name]:
        return None
    if wanted is str and isinstance(value, dict):  # reward: {accuracy: 1, format: 0.5}
        value = [f"{key}={weight}" for key, weight in value.items()]
    if wanted is str and isinstance(value, list):
        value = ",".join(map(str, value))
    if type(value) is wanted:
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool) and wanted in (str, float):
        return wanted(value)
    if wanted is float and isinstance(value, str):  # YAML 1.1 reads 1e-5 as text
        try:
            return float(value)
        except ValueError:
            pass
    raise UserError(f"{path}: {name} is {value!r} and must be {WORDS[wanted]}.")
