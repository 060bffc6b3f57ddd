"""A finished run's model: its settings, its checkpoints, and the policy with an engine, ready to answer."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

from r1rl.commands.eval import settings_of
from r1rl.commands.inspect import check_run
from r1rl.config.flags import Config
from r1rl.models.weights import check_weights, is_checkpoint
from r1rl.runs import checkpoints
from r1rl.runs.checkpoints import PREFIX
from r1rl.runs.dump import EVALUATIONS, read_lines
from r1rl.runs.evaluation_words import score_of
from r1rl.system.console import divert
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


def load(config: Config, checkpoint: Path, has_gpu: bool) -> tuple[Any, Any]:
    """(policy, engine) of a checkpoint, as it was trained; the engine is transformers', which runs everywhere."""
    from r1rl.engines.transformers import TransformersEngine
    from r1rl.models import policy as models_policy

    policy = models_policy.load_policy(config, has_gpu, shared_engine=False, adapter=str(checkpoint))
    engine = TransformersEngine(policy)
    return policy, engine


def surroundings(config: Config, folder: Path) -> Any:
    """Looks at the machine and checks all that can go wrong before anything slow is loaded. Raises UserError.

    From then on what libraries print goes into the run's log.
    """
    from r1rl.preflight import checks
    from r1rl.system import machine

    here = machine.look()
    checks.check_surroundings(dataclasses.replace(config, report_to="none"), here)
    with contextlib.suppress(OSError):  # a run that may only be read: then they print here
        (folder / "logs").mkdir(exist_ok=True)
        divert(folder / "logs" / "libraries.log")
    return here
