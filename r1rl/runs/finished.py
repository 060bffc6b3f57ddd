"""A finished run: its settings and its checkpoints."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from r1rl.config.file import TYPES
from r1rl.config.flags import Config
from r1rl.config.parser import value_type
from r1rl.models.weights import check_weights, current_base, is_checkpoint
from r1rl.runs import checkpoints
from r1rl.runs.checkpoints import PREFIX
from r1rl.runs.dump import read_json, read_run
from r1rl.runs.run_data import RunData
from r1rl.runs.scores import score_of
from r1rl.system.errors import UserError

# Of --model-name in the commands that take a run's model.
BASE_HELP = (
    "the base model, if it has another place than in training; it must have the same content (default: the run's)"
)


# Flags of a run that say nothing about sampling from its model, and need others that do not either.
ABOUT_TRAINING = ("exp_name", "mode", "sft_output", "rl_output", "sft_samples", "sft_epochs", "teacher_model")


def base_given(model_name: str | None) -> dict[str, str]:
    """Returns the change of a run's flags for --model-name, if it is given."""
    return {} if model_name is None else {"model_name": model_name}


def check_run(folder: Path) -> None:
    """Raises UserError for a folder that is not a run, with the runs next to it."""
    if (folder / "run.json").is_file():
        return
    if folder.is_file():
        raise UserError(f"{folder} is a file, and a run is a folder with a run.json: name the folder.")
    runs = sorted(p.parent.name for p in folder.parent.glob("*/run.json"))
    hint = f"runs in {folder.parent}: {', '.join(runs)}" if runs else f"{folder.parent} holds no runs"
    raise UserError(f"{folder} is not a run, because it has no run.json; {hint}.")


def settings_of(folder: Path) -> dict[str, Any]:
    """Returns the flags of a run, without --notify and those that this version does not have. Raises UserError."""
    settings = {k: value for k, value in read_run(folder)["config"].items() if k in TYPES and k != "notify"}
    for name, value in settings.items():
        wanted = value_type(TYPES[name])
        if value is not None and not isinstance(value, (wanted, int) if wanted is float else wanted):
            raise UserError(
                f"{folder / 'run.json'}: {name} is {value!r} and must be a {wanted.__name__}. Restore a copy of the file, or "
                "move the adapter out of the run and give its settings as flags."
            )
    return settings


def config_of(folder: Path, **changes: Any) -> Config:
    """Returns the flags of a run for sampling from its model: greedy, one completion per problem. Raises UserError."""
    check_run(folder)
    sampling = {"resume": False, "trust_remote_code": False, "eval_samples": 1, "eval_temperature": 0.0}
    settings = settings_of(folder) | sampling | dict.fromkeys(ABOUT_TRAINING)
    return Config(**{**settings, **changes})


def adapter_settings(adapter: Path) -> dict[str, Any]:
    """Returns the flags that an adapter without its run describes: base model and rank. Raises UserError."""
    path = adapter / "adapter_config.json"
    content = read_json(path, "it names the base model of the adapter. Get a whole copy of the adapter.")
    base, rank = content.get("base_model_name_or_path"), content.get("r")
    if not isinstance(base, str) or not isinstance(rank, int):
        raise UserError(
            f"{path} must name base_model_name_or_path and r, and has {base!r} and {rank!r}: get a whole copy of the "
            "adapter."
        )
    return dataclasses.asdict(Config(model_name=current_base(base), lora_rank=rank))


def checkpoint_of(folder: Path, which: str) -> Path:
    """Returns the folder of checkpoint `best`, `last`, or a step's number. Raises UserError with the existing ones."""
    usable = {p.name: p for p in (folder / "checkpoints").glob("*") if is_checkpoint(p)}
    steps = [checkpoints.step_of(p) for p in checkpoints.all_checkpoints(folder / "checkpoints") if p.name in usable]
    name = f"{PREFIX}{steps[-1]}" if which == "last" and steps else which
    chosen = usable.get(name) or usable.get(f"{PREFIX}{name}")
    if chosen is not None:
        return chosen
    pickled = folder / "checkpoints" / name
    if pickled.is_dir():
        check_weights(pickled, "--checkpoint")
    names = ", ".join([*(n for n in usable if not n.startswith(PREFIX)), *map(str, steps)])
    hint = f"use one of: {names}" if names else "the run has saved none yet; wait for one, or --resume the run"
    raise UserError(f"--checkpoint {which!r}: {folder} has no such checkpoint; {hint}.")


def default_checkpoint(folder: Path) -> str:
    """Returns "best" if the run has one, else "last": a fine-tuning run keeps its last state only."""
    return "best" if is_checkpoint(folder / "checkpoints" / "best") else "last"


def step_of(checkpoint: Path, folder: Path) -> int | None:
    """Returns the optimizer step of a checkpoint; None if it is not known."""
    if checkpoint.name.startswith(PREFIX):
        return checkpoints.step_of(checkpoint)
    lines = RunData(folder).evaluations
    scores = [score_of(line) for line in lines]
    return lines[scores.index(max(scores))]["step"] if lines and checkpoint.name == "best" else None
