"""A finished run's settings and checkpoints."""

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
from r1rl.runs.dump import EVALUATIONS, read_json, read_lines, read_run
from r1rl.runs.scores import score_of
from r1rl.system.errors import UserError


def config_of(folder: Path, **changes: Any) -> Config:
    """The run's flags, for asking its model: greedy, one completion a problem. Raises UserError for what is no run."""
    check_run(folder)
    asked = {"resume": False, "trust_remote_code": False, "eval_samples": 1, "eval_temperature": 0.0}
    settings = settings_of(folder) | asked | {"exp_name": None, "mode": None}
    return Config(**{**settings, **changes})


def checkpoint_of(folder: Path, which: str) -> Path:
    """The folder of checkpoint `best`, `last`, or a step's number. Raises UserError, naming those that are there."""
    found = {p.name: p for p in (folder / "checkpoints").glob("*") if is_checkpoint(p)}
    steps = [
        checkpoints.step_of(p) for p in checkpoints.all_checkpoints(folder / "checkpoints") if p.name in found
    ]
    name = f"{PREFIX}{steps[-1]}" if which == "last" and steps else which
    chosen = found.get(name) or found.get(f"{PREFIX}{name}")
    if chosen is not None:
        return chosen
    pickled = folder / "checkpoints" / name
    if pickled.is_dir():
        check_weights(pickled, "--checkpoint")
    there = ", ".join([*(n for n in found if not n.startswith(PREFIX)), *map(str, steps)])
    hint = f"there are: {there}" if there else "the run has saved none yet; let it go on, or --resume it"
    raise UserError(f"--checkpoint {which!r}: {folder} has no such checkpoint; {hint}.")


def default_checkpoint(folder: Path) -> str:
    """best, where the run has one: a fine-tuning keeps its last state alone."""
    return "best" if is_checkpoint(folder / "checkpoints" / "best") else "last"


def step_of(checkpoint: Path, folder: Path) -> int | None:
    """The optimizer step of a checkpoint; None where nothing tells it."""
    if checkpoint.name.startswith(PREFIX):
        return checkpoints.step_of(checkpoint)
    lines = list(read_lines(folder / EVALUATIONS))
    scores = [score_of(line) for line in lines]
    return lines[scores.index(max(scores))]["step"] if lines and checkpoint.name == "best" else None


def settings_of(folder: Path) -> dict[str, Any]:
    """The flags of a run, without those that this version does not have. Raises UserError."""
    known = {f.name for f in dataclasses.fields(Config)}
    settings = {name: value for name, value in read_run(folder)["config"].items() if name in known}
    for name, value in settings.items():
        wanted = value_type(TYPES[name])
        if value is not None and not isinstance(value, (wanted, int) if wanted is float else wanted):
            raise UserError(
                f"{folder / 'run.json'}: {name} is {value!r} and must be a {wanted.__name__}. Put back a copy of the file, "
                "or move the adapter out of the run and give its settings as flags."
            )
    return settings


def lone(adapter: Path) -> dict[str, Any]:
    """What an adapter without its run says of itself. Raises UserError."""
    path = adapter / "adapter_config.json"
    said = read_json(path, "it says which model the adapter belongs to. Get a whole copy of the adapter.")
    base, rank = said.get("base_model_name_or_path"), said.get("r")
    if not isinstance(base, str) or not isinstance(rank, int):
        raise UserError(
            f"{path} must name base_model_name_or_path and r, and has {base!r} and {rank!r}: get a whole copy of the "
            "adapter."
        )
    return dataclasses.asdict(Config(model_name=current_base(base), lora_rank=rank))


def check_run(folder: Path) -> None:
    """Raises UserError for a folder that is no run, naming the runs beside it."""
    if (folder / "run.json").is_file():
        return
    beside = sorted(p.parent.name for p in folder.parent.glob("*/run.json"))
    there = f"there are: {', '.join(beside)}" if beside else f"{folder.parent} holds no runs"
    raise UserError(f"{folder} is no run, it has no run.json; {there}.")
