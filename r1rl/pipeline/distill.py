"""Distillation: makes the student, which learns from kept completions and their probabilities, or from its own (on-policy)."""

from __future__ import annotations

import dataclasses
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

from r1rl.config.flags import Config
from r1rl.models.policy import import_backend
from r1rl.models.source import Teacher, teacher_of
from r1rl.models.weights import load_options, not_again, was_in_4bit
from r1rl.pipeline.sft import fine_tune
from r1rl.runs.folder import run_folder
from r1rl.system.console import console
from r1rl.system.errors import UserError


def distill(config: Config, recipe: str, train: Callable[[Config, str], int]) -> int:
    """Runs the pipeline's stage: makes the student if it does not exist, then trains it. Returns the exit code."""
    if config.teacher_model is None:
        raise UserError("distillation needs a teacher: add --teacher-model DIR, or run the whole pipeline.")
    if config.student_model is None and config.student_layers is None:
        raise UserError(
            "distillation needs a student: add --student-layers N for one with N of the teacher's layers, or "
            "--student-model with a hub name or folder."
        )
    if config.student_layers is None:
        config = dataclasses.replace(config, model_name=config.student_model)
    else:
        config = with_student(config)
    return train(config, recipe) if config.distills else fine_tune(config, recipe)


def with_student(config: Config) -> Config:
    """Returns the config with the student of --student-layers as the model, which is made unless its run has begun."""
    folder = Path(config.dumps) / f"{config.exp_name}-student"
    teacher = teacher_of(config)
    if config.load_in_4bit and not config.resume and was_in_4bit(Path(teacher.place)):
        raise not_again(teacher.place, "--teacher-model", "--load-in-4bit")
    if not (folder / "config.json").is_file() or not (run_folder(config) / "run.json").is_file():
        import_backend(config)
        make_student(teacher, config.student_layers, folder, config.trust_remote_code)
    console.print(f"student  {folder}: {config.student_layers} of the layers of {config.teacher_model}")
    layers = None if config.distills else config.student_layers  # the model has a name from here on
    return dataclasses.replace(config, model_name=str(folder), student_layers=layers)


def kept_layers(of: int, keep: int) -> list[int]:
    """Returns the layers to keep, evenly spaced, with the first and the last. Raises UserError.

    >>> kept_layers(24, 4)
    [0, 8, 15, 23]
    """
    if not 1 <= keep < of:
        raise UserError(f"--student-layers {keep} must be 1 to {of - 1}: the teacher has {of} layers.")
    return [0] if keep == 1 else [round(i * (of - 1) / (keep - 1)) for i in range(keep)]


def make_student(teacher: Teacher, keep: int, folder: Path, trusted: bool = False) -> None:
    """Saves a student with `keep` of the teacher's layers, all or nothing."""
    if (shape := teacher.shape) is not None:  # before anything slow
        kept_layers(shape.layers, keep)
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # which peft imports: it warns of its CPU kernels
    from peft import PeftModel
    from torch import nn
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    place = teacher.place
    dtype = "auto" if teacher.adapter is None else "float32"  # 16 bit would round what the adapter adds
    model = AutoModelForCausalLM.from_pretrained(place, dtype=dtype, **load_options(trusted))
    if teacher.adapter is not None:
        model = PeftModel.from_pretrained(model, str(teacher.adapter), **load_options(trusted)).merge_and_unload()
    layers = kept_layers(len(model.model.layers), keep)
    model.model.layers = nn.ModuleList(model.model.layers[i] for i in layers)
    model.config.num_hidden_layers = keep
    if getattr(model.config, "layer_types", None):
        model.config.layer_types = [model.config.layer_types[i] for i in layers]
    unfinished = folder.with_name(folder.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)  # left by a run that was killed here
    model.save_pretrained(unfinished)
    AutoTokenizer.from_pretrained(place, trust_remote_code=trusted).save_pretrained(unfinished)
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was removed
    unfinished.replace(folder)
