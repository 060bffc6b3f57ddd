"""Checkpoints: each is complete or absent, and holds the end of a step, whenever it is written."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy
import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback, TrainerState

from r1rl.runs import checkpoints
from r1rl.runs.checkpoints import GENERATION, KEPT_BEST, PREFIX, check_room, full, is_full
from r1rl.runs.inputs import model_record, write_base
from r1rl.system import distributed
from r1rl.system.console import console
from r1rl.system.files import SAVING
from r1rl.trainers.batches import Batch

OTHER_FILES = 16 * 2**20  # bytes; tokenizer and settings, before the first checkpoint shows their size
TENSORS = "generation.safetensors"
REFERENCE = "ref"  # TRL's name for its copy of the initial adapter, with --beta


class WholeCheckpoints:
    """Precedes a transformers Trainer among the base classes: writes to a temporary name, checks, marks, renames.

    The trainer must have `dump`, `policy` and `interrupt`, and StepEnds as its first callback.
    """

    _saving: Path | None = None  # replaces output_dir while a checkpoint is written
    random_states: dict[str, Any] | None = None  # at the end of the latest step

    @property
    def checkpoints(self) -> Path:
        """The run's folder of checkpoints."""
        return self.dump.folder / "checkpoints"

    def _get_output_dir(self, trial: Any) -> str:
        return super()._get_output_dir(trial) if self._saving is None else str(self._saving)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        if not distributed.is_first():  # all processes have the same weights and optimizer
            return
        step = self.state.global_step
        folder, name = self.checkpoints, f"{PREFIX}{step}"
        check_room(self.dump.folder, self.checkpoint_size(), f"the checkpoint of step {step}")
        self._saving = folder / f"{SAVING}{step}"
        shutil.rmtree(self._saving, ignore_errors=True)
        try:
            super()._save_checkpoint(model, trial)
            self.save_extras(self._saving / name)
            self.dump.flush()
            checkpoints.publish(self._saving / name, folder / name)
        except Exception as error:
            if is_full(error, self.dump.folder):  # asked before the space is freed
                raise full(self.dump.folder) from error
            raise
        finally:
            shutil.rmtree(self._saving, ignore_errors=True)
            self._saving = None
        checkpoints.rotate(folder, self.args.save_total_limit)

    def _save_rng_state(self, output_dir: str) -> None:
        """Saves the random states of the step's end: a step that is given up may have drawn since then."""
        with kept_random_states(self.random_states):
            super()._save_rng_state(output_dir)

    def save_extras(self, written: Path) -> None:
        """Adds to transformers' files what a resume needs, the best adapter, and the record of the base model."""
        checkpoints.keep_best(self.checkpoints, written)
        write_base(written, self.base_record)

    @cached_property
    def base_record(self) -> dict[str, Any]:
        """The record of the base model, which is on this machine once it is loaded."""
        return model_record(self.run.model_name)

    def checkpoint_size(self) -> int:
        """Returns the bytes of a checkpoint: those of the last one, or an estimate from what is in memory."""
        last = checkpoints.all_checkpoints(self.checkpoints)[-1:]
        if last:
            return sum(p.stat().st_size for p in last[0].iterdir() if not p.name.startswith(KEPT_BEST))
        weights = [p for p in self.model.parameters() if p.requires_grad]
        states = [x for state in self.optimizer.state.values() for x in state.values()]
        tensors = [x for x in (*weights, *states) if isinstance(x, torch.Tensor)]
        return sum(x.numel() * x.element_size() for x in tensors) + OTHER_FILES

    def save_adapter(self, name: str) -> None:
        """Saves the adapter alone under checkpoints/<name>; an older one stays until the new one is complete."""
        if not distributed.is_first():
            return
        written = self.checkpoints / f"{SAVING}{name}"
        shutil.rmtree(written, ignore_errors=True)
        # The trained adapter, not TRL's copy for the KL divergence.
        adapter = {"selected_adapters": ["default"]} if self.run.lora_rank else {}
        self.model.save_pretrained(str(written), **adapter)
        self.policy.tokenizer.save_pretrained(str(written))
        write_base(written, self.base_record)
        checkpoints.put_in_place(written, self.checkpoints / name)

    # ---- stop and resume

    def train_from(self, checkpoint: Path | None) -> None:
        """Trains from the checkpoint to the end. After the last step transformers would make one more: not here."""
        if checkpoint is None or checkpoints.step_of(checkpoint) < self.args.max_steps:
            self.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
            return
        self._load_from_checkpoint(str(checkpoint))
        self.state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Loads the weights. Where TRL's reference adapter is in a subfolder, transformers loads that one alone."""
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        if (Path(resume_from_checkpoint) / REFERENCE).is_dir():
            model = self.model if model is None else model
            model.load_adapter(resume_from_checkpoint, "default", is_trainable=True)

    def save_stopped(self) -> None:
        """Saves the last complete step after a stop, unless it is saved already."""
        if not distributed.is_first():
            return
        step = self.state.global_step
        if step == 0:
            console.print("stopped  before the first step was complete: nothing to save")
            return
        checkpoint = self.checkpoints / f"{PREFIX}{step}"
        is_new = checkpoints.trouble(checkpoint) is not None
        if is_new:
            self.roll_back_step()
            self._save_checkpoint(self.model, None)
        console.print(
            f"stopped  after step {step} of {self.state.max_steps}, {'now' if is_new else 'already'} saved in {checkpoint}"
        )

    def step_ended(self) -> None:
        """Called when a step is complete, before it is logged, evaluated and saved."""
        self.random_states = random_states()

    def roll_back_step(self) -> None:
        """Restores what an incomplete step has changed and a checkpoint holds; for most trainers nothing."""


class StepEnds(TrainerCallback):
    """Calls the trainer's `step_ended`; the first callback, so that no other has drawn random numbers before."""

    def __init__(self, trainer: WholeCheckpoints):
        self.trainer = trainer

    def on_train_begin(self, args, state, control, **kwargs):
        """Called by transformers, which has just set --eval-steps and --save-steps to those of the checkpoint."""
        state.compute_steps(args, state.max_steps)

    def on_step_end(self, args, state, control, **kwargs):
        """Called by transformers after each optimizer step, before it logs, evaluates and saves."""
        self.trainer.step_ended()


def random_states() -> dict[str, Any]:
    """Returns the states of the global random generators."""
    states = {"python": random.getstate(), "numpy": numpy.random.get_state(), "cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def set_random_states(states: dict[str, Any]) -> None:
    """Restores the states."""
    random.setstate(states["python"])
    numpy.random.set_state(states["numpy"])
    torch.set_rng_state(states["cpu"])
    if "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"])


@contextlib.contextmanager
def kept_random_states(inside: dict[str, Any] | None = None) -> Iterator[None]:
    """Sets all random states to `inside`, if given, and restores them on exit."""
    before = random_states()
    if inside is not None:
        set_random_states(inside)
    try:
        yield
    finally:
        set_random_states(before)


def save_generation(folder: Path, batch: Batch, lines: list[dict[str, Any]], until: int) -> None:
    """Writes the batch of a generation and its metrics lines, {} for the steps that are done. `until`: its last step."""
    tensors = {k: v for k, v in batch.items() if isinstance(v, torch.Tensor)}
    others = {k: v for k, v in batch.items() if k not in tensors}
    tensors = {k: v.cpu().clone(memory_format=torch.contiguous_format) for k, v in tensors.items()}
    save_file(tensors, folder / TENSORS)
    content = {"schema_version": 1, "until": until, "numbers": lines, "others": others}
    (folder / GENERATION).write_text(json.dumps(content) + "\n", encoding="utf-8")


def load_generation(folder: Path, device: torch.device) -> tuple[Batch, list[dict[str, Any]]] | None:
    """Returns (batch, metrics lines) if the checkpoint lies within a generation, None if between two."""
    if not (folder / GENERATION).is_file():
        return None
    content = json.loads((folder / GENERATION).read_text(encoding="utf-8"))
    tensors = {k: v.to(device) for k, v in load_file(folder / TENSORS).items()}
    return tensors | content["others"], content["numbers"]
