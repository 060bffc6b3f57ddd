"""Distillation: a smaller student learns from the texts that the teacher's training kept, and from its probabilities."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from r1rl.config.flags import Config
from r1rl.pipeline.sft import fine_tune
from r1rl.pipeline.student import make_student
from r1rl.system.console import console
from r1rl.system.errors import UserError


def distill(config: Config, recipe: str) -> int:
    """Makes the student if need be, then fine-tunes it. Returns the exit code."""
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
        make_student(config.teacher_model, config.student_layers, folder, config.trust_remote_code)
    console.print(f"student  {folder}: {config.student_layers} of the layers of {config.teacher_model}")
    return fine_tune(dataclasses.replace(config, model_name=str(folder)), recipe)
