"""--config and --save-config: the flags of a run as a YAML or JSON file; a run's own run.json is one, too."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from r1rl.config.flags import DEFAULTS, Config, reward_weights
from r1rl.config.names import custom_function
from r1rl.config.parser import value_type
from r1rl.config.recipes import RECIPES, overrides, resolve
from r1rl.system.errors import UserError, unknown_name
from r1rl.system.redact import MASK

SUFFIXES = (".yaml", ".yml", ".json")

# A repeated run has a folder of its own; what it trusts is said by who repeats it, not by whoever made the run.
NOT_REPEATED = ("exp_name", "resume", "sft_output", "rl_output", "trust_remote_code")

# A flag, and the one that follows from it where it is given.
DERIVED = {
    "num_epochs": "max_steps",
    "steps_per_stage": "max_steps",
    "batch_size": "per_device_train_batch_size",
}


@dataclass(frozen=True, slots=True)
class Written:
    """What a config file says."""

    path: Path
    recipe: str | None
    settings: dict[str, Any]
    masked: tuple[str, ...] = ()  # flags whose value was a secret, and is not in the file
    is_run: bool = False
    trusted: bool = False  # the run was made with --trust-remote-code


def add_recipe(parser: argparse.ArgumentParser) -> None:
    """Adds --recipe and --config, which the flags are put over."""
    names = "|".join(RECIPES)
    parser.add_argument("--recipe", default=None, metavar=names, help="named settings (default: default)")
    parser.add_argument(
        "--config",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="flags from a YAML or JSON file, or from a run's run.json to repeat it; flags given beat it, it beats the recipe",
    )


def resolve_given(given: dict[str, Any]) -> tuple[Config, str, dict[str, Any]]:
    """(config, recipe, settings) of parsed arguments: flags beat --config beats the recipe. Raises UserError.

    `settings` are those of file and flags together. Takes "recipe" and "config" out of `given`.
    """
    recipe, path = given.pop("recipe", None), given.pop("config", None)
    if path is None:
        recipe = recipe or "default"
        return resolve(recipe, given), recipe, given
    written = read_config(Path(path))
    check_secrets_told(written, given)
    if written.is_run:
        check_trust(written, given)
    recipe = recipe or written.recipe or "default"
    return resolve(recipe, given, written.settings), recipe, {**written.settings, **given}


def read_config(path: Path) -> Written:
    """The settings in a file, each of them a known flag with a value of its type. Raises UserError."""
    content = parse_file(path)
    if isinstance(content.get("config"), dict) and "schema_version" in content:
        return of_run(path, content)
    recipe = content.pop("recipe", None)
    if recipe is not None and recipe not in RECIPES:
        raise unknown_name(f"recipe in {path}:", str(recipe), RECIPES)
    return Written(path, recipe, settings_in(path, content))


def of_run(path: Path, content: dict[str, Any]) -> Written:
    """The settings of a run, from its run.json: all of them, so that a later version's defaults change nothing.

    Of a pipeline only what differs from its recipe: all the rest would beat the sizes of its stages.
    """
    if content.get("recipe") == "eval":
        raise UserError(
            f"--config {path} describes an evaluation, not a training: there is no run to repeat."
        )
    said = content["config"]
    recipe = content.get("recipe") if content.get("recipe") in RECIPES else None
    settings = DEFAULTS | settings_in(path, said)
    trusted = bool(settings["trust_remote_code"])
    masked = tuple(name for name, value in settings.items() if isinstance(value, str) and MASK in value)
    if settings["mode"] == "rl":  # its model is the fine-tuned one already
        settings["mode"] = None
    settings |= {DERIVED[name]: DEFAULTS[DERIVED[name]] for name in DERIVED if settings[name] is not None}
    if settings["pipeline"] and settings["stage"] is None and recipe is not None:
        settings = changes(Config(**settings), recipe)
    kept = {k: v for k, v in settings.items() if k not in NOT_REPEATED}
    return Written(path, recipe, kept, masked, True, trusted)


def changes(config: Config, recipe: str) -> dict[str, Any]:
    """What a config has otherwise than its recipe; nothing that follows from another flag."""
    base = Config(**overrides(recipe))
    found = {f: getattr(config, f) for f in TYPES if getattr(config, f) != getattr(base, f)}
    derived = {DERIVED[name] for name in DERIVED if getattr(config, name) is not None}
    return {name: value for name, value in found.items() if name not in derived}


def check_secrets_told(written: Written, given: dict[str, Any]) -> None:
    """What was masked when it was written down must be given again. Raises UserError."""
    if missing := [name for name in written.masked if name not in given]:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in missing)
        raise UserError(
            f"--config {written.path}: {flags} held a secret, which was masked when the run was written down. Give "
            f"{flags} again."
        )


def check_trust(written: Written, given: dict[str, Any]) -> None:
    """Code that came with a run or its model is run when it is asked for now. Raises UserError."""
    if not given.get("trust_remote_code"):
        check_reward_code({k: v for k, v in written.settings.items() if k not in given}, written.path)
    if written.trusted and "trust_remote_code" not in given:
        raise UserError(
            f"--config {written.path}: the run was made with --trust-remote-code, which lets a model's own programs run. "
            "Add --trust-remote-code to repeat it, or --no-trust-remote-code to go without."
        )


def check_reward_code(settings: dict[str, Any], described: Path | None) -> None:
    """A reward that lies beside a run's description came with it, and is a program. Raises UserError."""
    for text in (settings.get("reward"), settings.get("general_reward")):
        for name in reward_weights(text) if text else ():
            own = custom_function(name)
            if own is not None and own[0].resolve().is_relative_to(described.resolve().parent):
                raise UserError(
                    f"{described} names the reward {name}, a program that came with the run: it is not run unless asked "
                    "for. Read it, then add --trust-remote-code."
                )


def save_config(config: Config, recipe: str, path: Path) -> None:
    """Writes what the config has otherwise than its recipe. Raises UserError where another file would be lost."""
    if path.suffix not in SUFFIXES:
        raise UserError(
            f"--save-config {str(path)!r} must end in {', '.join(SUFFIXES)}: it will be YAML or JSON."
        )
    settings = {k: v for k, v in changes(config, recipe).items() if k not in ("exp_name", "resume")}
    text = as_text({"recipe": recipe, **settings}, path)
    try:
        if path.exists() and path.read_text(encoding="utf-8") != text:
            raise UserError(
                f"--save-config {str(path)!r} exists with something else in it, and nothing is overwritten: choose another "
                "name, or remove it."
            )
        path.write_text(text, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is there, and no text"
        raise UserError(f"--save-config {str(path)!r} cannot be written: {reason}.") from None


def as_text(content: dict[str, Any], path: Path) -> str:
    """The content as its file's suffix says."""
    if path.suffix == ".json":
        return json.dumps(content, indent=2) + "\n"
    import yaml

    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


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
