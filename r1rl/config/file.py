"""--config and --save-config: the flags of a run as a YAML or JSON file, or as the run.json of an earlier run."""

from __future__ import annotations

import argparse
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from r1rl.config.flags import DEFAULTS, Config, reward_weights
from r1rl.config.methods import COMMON
from r1rl.config.names import custom_function, option
from r1rl.config.parser import user_path, value_type
from r1rl.config.recipes import RECIPES, overrides, resolve
from r1rl.config.scope import check_given
from r1rl.system.errors import UserError, unknown_name
from r1rl.system.redact import MASK

SUFFIXES = (".yaml", ".yml", ".json")
FORM = "flags and their values, as in `learning_rate: 1e-3`, and the recipe that they override"
TYPES = get_type_hints(Config)
TYPE_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
BOOLS = dict.fromkeys(("true", "yes", "on"), True) | dict.fromkeys(("false", "no", "off"), False)
KEPT_TAGS = ("tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")
# A repeated run gets a new folder, and whoever repeats it decides what code to trust.
NOT_REPEATED = ("exp_name", "resume", "accept_changed", "sft_output", "rl_output", "trust_remote_code", "notify")
# A flag, and the one that it sets.
DERIVED = {"num_epochs": "max_steps", "steps_per_stage": "max_steps", "batch_size": "per_device_train_batch_size"}


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The content of a config file."""

    path: Path
    recipe: str | None
    settings: dict[str, Any]
    masked: tuple[str, ...] = ()  # flags whose value was a secret, so that it is not in the file
    is_run: bool = False
    trusted: bool = False  # the run was made with --trust-remote-code


def add_recipe(parser: argparse.ArgumentParser) -> None:
    """Adds --recipe and --config, which the flags override."""
    names = "|".join(RECIPES)
    parser.add_argument("--recipe", default=None, metavar=names, help="named settings (default: default)")
    parser.add_argument(
        "--config",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="YAML or JSON file with flags, or the run.json of a run to repeat; it overrides the recipe, flags override it",
    )


def resolve_given(given: dict[str, Any]) -> tuple[Config, str, dict[str, Any]]:
    """Returns (config, recipe, settings) of parsed arguments: flags override --config, which overrides the recipe.

    `settings` are those of file and flags together. Removes entries that are not flags from `given`. Raises UserError, also for a flag
    that has no effect on the run.
    """
    recipe, path, resolved = given.pop("recipe", None), given.pop("config", None), given.pop("resolved", False)
    if path is None:
        recipe = recipe or "default"
        config = resolve(recipe, given)
        if not resolved:
            check_given(config, given)
        return config, recipe, given
    file = read_config(user_path(path))
    check_masked(file, given)
    if file.is_run:
        check_trust(file, given)
    recipe = recipe or file.recipe or "default"
    if file.is_run and given.get("method"):  # a run.json has all flags, and none of them would be the method's
        file = dataclasses.replace(file, settings={k: v for k, v in file.settings.items() if k not in COMMON})
    settings = {**file.settings, **given}
    config = resolve(recipe, given, file.settings)
    check_given(config, given if file.is_run else settings)  # a run's settings are not all its user's
    return config, recipe, settings


# ---- reading


def read_config(path: Path) -> ConfigFile:
    """Returns the settings in a file, each of them a known flag with a value of its type. Raises UserError."""
    content = parse_file(path)
    if isinstance(content.get("config"), dict) and "schema_version" in content:
        return read_run_config(path, content)
    recipe = content.pop("recipe", None)
    if recipe is not None and recipe not in RECIPES:
        raise unknown_name(f"recipe in {path}:", str(recipe), RECIPES)
    return ConfigFile(path, recipe, settings_in(path, content))


def read_run_config(path: Path, content: dict[str, Any]) -> ConfigFile:
    """Returns all settings of a run.json, so that new defaults of a later version change nothing. Raises UserError.

    For a pipeline only those that differ from its recipe: the others would override the settings of its stages.
    """
    if content.get("recipe") == "eval":
        raise UserError(
            f"--config {path} describes an evaluation, not a training run, so there is no run to repeat: give the run.json "
            "of a training run."
        )
    recipe = content.get("recipe") if content.get("recipe") in RECIPES else None
    settings = DEFAULTS | settings_in(path, content["config"]) | {"notify": None}
    trusted = bool(settings["trust_remote_code"])
    masked = tuple(name for name, value in settings.items() if isinstance(value, str) and MASK in value)
    if settings["mode"] == "rl":  # its model is already the fine-tuned one
        settings |= {"mode": None, "sft_samples": None, "sft_epochs": None}
    settings |= {derived: DEFAULTS[derived] for flag, derived in DERIVED.items() if settings[flag] is not None}
    if settings["pipeline"] and settings["stage"] is None and recipe is not None:
        settings = changes(Config(**settings), recipe)
    kept = {k: v for k, v in settings.items() if k not in NOT_REPEATED}
    return ConfigFile(path, recipe, kept, masked, True, trusted)


def changes(config: Config, recipe: str) -> dict[str, Any]:
    """Returns the flags that differ from the recipe, without those that another flag sets."""
    base = Config(**overrides(recipe))
    differing = {f: getattr(config, f) for f in TYPES if getattr(config, f) != getattr(base, f)}
    derived = {name for flag, name in DERIVED.items() if getattr(config, flag) is not None}
    return {name: value for name, value in differing.items() if name not in derived}


def parse_file(path: Path, what: str = "--config") -> dict[str, Any]:
    """Returns the mapping in a YAML or JSON file; `what` names it in errors. Raises UserError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = json.loads(text, object_pairs_hook=pairs_once) if path.suffix == ".json" else read_yaml(text)
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise UserError(
            f"{what} {str(path)!r} cannot be read ({reason}): it must be a YAML or JSON file with {FORM}."
        ) from None
    if not isinstance(content, dict) or not content:
        kind = f"a {type(content).__name__}" if content else "nothing"
        raise UserError(f"{what} {str(path)!r} holds {kind}: it must hold {FORM}.")
    return content


def pairs_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Returns a JSON object as a dict. Raises ValueError for a key that occurs twice."""
    keys = [key for key, _ in pairs]
    if twice := next((key for i, key in enumerate(keys) if key in keys[:i]), None):
        raise ValueError(f"{twice!r} occurs twice")
    return dict(pairs)


def read_yaml(text: str) -> Any:
    """Returns the data in a YAML text, with null as None and every other plain value as text. Raises ValueError with the line.

    The flag's type decides what a value is, not YAML 1.1, by which off is false, 007 is 7 and 12:30 is 750.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        """PyYAML's safe loader, which knows no plain type but null and refuses duplicate keys."""

        def construct_mapping(self, node, deep=False):
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            if twice := next((key for i, key in enumerate(keys) if key in keys[:i]), None):
                raise ValueError(f"line {node.start_mark.line + 1}: {twice!r} occurs twice")
            return super().construct_mapping(node, deep)

    Loader.yaml_implicit_resolvers = {
        first: [(tag, form) for tag, form in known if tag in KEPT_TAGS]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    try:
        return Loader(text).get_single_data()
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise ValueError(f"{where}{problem or error}") from None


def settings_in(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    """Returns the flags in a mapping, whose names may have - or _. Raises UserError."""
    settings, spelled = {}, {}
    for key, value in content.items():
        name = str(key).removeprefix("--").replace("-", "_")
        if name not in TYPES:
            raise unknown_name(f"flag in {path}:", str(key), [*TYPES, "recipe"])
        if name in spelled:
            raise UserError(f"{path}: {spelled[name]} and {key} are the same flag: leave one of them out.")
        spelled[name] = key
        settings[name] = value_in(path, name, value)
    return settings


def value_in(path: Path, name: str, value: Any) -> Any:
    """Returns a value as its flag's type; lists and mappings are joined by commas where it is text. Raises UserError."""
    wanted = value_type(TYPES[name])
    if value is None and wanted is not TYPES[name]:
        return None
    if wanted is str and isinstance(value, dict):  # reward: {accuracy: 1, format: 0.5}
        value = [f"{key}={'|'.join(map(str, v)) if isinstance(v, list) else v}" for key, v in value.items()]
    if wanted is str and isinstance(value, list):
        value = ",".join(map(str, value))
    if type(value) is wanted:
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool) and wanted in (str, float):  # of JSON
        return wanted(value)
    if isinstance(value, str):
        try:
            return BOOLS[value.lower()] if wanted is bool else wanted(value)
        except (ValueError, KeyError):
            pass
    raise UserError(f"{path}: {name} is {value!r} and must be {TYPE_NAMES[wanted]}.")


# ---- secrets and code of a repeated run


def check_masked(file: ConfigFile, given: dict[str, Any]) -> None:
    """Checks that flags whose secret was masked are given again. Raises UserError."""
    if missing := [name for name in file.masked if name not in given]:
        flags = ", ".join(option(name) for name in missing)
        raise UserError(
            f"--config {file.path}: {flags} held a secret, which was masked when the run was written down. Give {flags} "
            "again."
        )


def check_trust(file: ConfigFile, given: dict[str, Any]) -> None:
    """Checks that code that came with a run or its model is trusted by the present command line. Raises UserError."""
    if not given.get("trust_remote_code"):
        check_reward_code({k: v for k, v in file.settings.items() if k not in given}, file.path)
    if file.trusted and "trust_remote_code" not in given:
        raise UserError(
            f"--config {file.path}: the run was made with --trust-remote-code, which runs Python code that comes with a "
            "model. Add --trust-remote-code to repeat it, or --no-trust-remote-code to run without that code."
        )


def check_reward_code(settings: dict[str, Any], described: Path | None) -> None:
    """Refuses a custom reward in the folder of the run.json `described`, as it came with the run. Raises UserError."""
    for text in (settings.get("reward"), settings.get("general_reward")):
        for name in reward_weights(text) if text else ():
            custom = custom_function(name)
            if custom is not None and custom[0].resolve().is_relative_to(described.resolve().parent):
                raise UserError(
                    f"{described} names the reward {name}, a program that came with the run and is not run by default. "
                    "Read it, then add --trust-remote-code."
                )


# ---- saving


def save_config(config: Config, recipe: str, path: Path) -> None:
    """Writes the flags that differ from the recipe. Raises UserError if a different file would be overwritten."""
    if path.suffix not in SUFFIXES:
        raise UserError(
            f"--save-config {str(path)!r} must end in {', '.join(SUFFIXES)}, because it becomes YAML or JSON."
        )
    settings = {
        k: v for k, v in changes(config, recipe).items() if k not in ("exp_name", "resume", "accept_changed", "notify")
    }
    text = as_text({"recipe": recipe, **settings}, path)
    try:
        if path.exists() and path.read_text(encoding="utf-8") != text:
            raise UserError(
                f"--save-config {str(path)!r} exists with different content, and nothing is overwritten: choose another "
                "name, or remove the file."
            )
        path.write_text(text, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it exists and is not text"
        raise UserError(f"--save-config {str(path)!r} cannot be written ({reason}): choose another name.") from None


def as_text(content: dict[str, Any], path: Path) -> str:
    """Returns the content as JSON or YAML, by the file's suffix."""
    if path.suffix == ".json":
        return json.dumps(content, indent=2) + "\n"
    import yaml

    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
