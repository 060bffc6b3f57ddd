"""Distillation: a smaller student learns from the completions that were kept, and from the teacher's probabilities."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

from r1rl.config.flags import Config
from r1rl.models.source import locate
from r1rl.models.weights import load_options
from r1rl.pipeline.sft import fine_tune
from r1rl.system.console import console
from r1rl.system.errors import UserError


def distill(config: Config, recipe: str) -> int:
    """Creates the student if it does not exist, then fine-tunes it. Returns the exit code."""
    if config.teacher_model is None:
        raise UserError("distillation needs a teacher: add --teacher-model DIR, or run the whole pipeline.")
    if config.student_model is None and config.student_layers is None:
        raise UserError(
            "distillation needs a student: add --student-layers N for one with N of the teacher's layers, or "
            "--student-model with a hub name or folder."
        )
    if config.student_layers is None:
        return fine_tune(dataclasses.replace(config, model_name=config.student_model), recipe)
    folder = Path(config.dumps) / f"{config.exp_name}-student"
    if not (folder / "config.json").is_file():
        make_student(
            locate(config.teacher_model, "--teacher-model"), config.student_layers, folder, config.trust_remote_code
        )
    console.print(f"student  {folder}: {config.student_layers} of the layers of {config.teacher_model}")
    return fine_tune(dataclasses.replace(config, model_name=str(folder)), recipe)


def kept_layers(of: int, keep: int) -> list[int]:
    """Returns the layers to keep, evenly spaced, with the first and the last. Raises UserError.

    >>> kept_layers(24, 4)
    [0, 8, 15, 23]
    """
    if not 1 <= keep < of:
        raise UserError(f"--student-layers {keep} must be 1 to {of - 1}: the teacher has {of} layers.")
    return [0] if keep == 1 else [round(i * (of - 1) / (keep - 1)) for i in range(keep)]


def make_student(teacher: str, keep: int, folder: Path, trusted: bool = False) -> None:
    """Saves a student with `keep` of the teacher's layers, all or nothing."""
    from torch import nn
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(teacher, dtype="auto", **load_options(trusted))
    layers = kept_layers(len(model.model.layers), keep)
    model.model.layers = nn.ModuleList(model.model.layers[i] for i in layers)
    model.config.num_hidden_layers = keep
    if getattr(model.config, "layer_types", None):
        model.config.layer_types = [model.config.layer_types[i] for i in layers]
    unfinished = folder.with_name(folder.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)  # left by a run that was killed here
    model.save_pretrained(unfinished)
    AutoTokenizer.from_pretrained(teacher, trust_remote_code=trusted).save_pretrained(unfinished)
    unfinished.replace(folder)
