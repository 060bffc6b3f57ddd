"""Checks of the flags of knights_knaves: people, stages, and what ends a stage."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from r1rl.system.errors import UserError

if TYPE_CHECKING:
    from r1rl.config.flags import Config


ROLE_REWARDS = ("logic-rl", "strict", "answer-only")  # of knights_knaves alone

FEWEST_PEOPLE, MOST_PEOPLE = 2, 8

DEFAULT_PEOPLE = "3"

STAGE_ENDS = ("steps_per_stage", "advance_at")


def check_knights_knaves(config: Config) -> None:
    """Its flags and rewards go with its puzzles, and others do not. Raises UserError."""
    if config.dataset_name == "knights_knaves":
        if config.answer_format not in ("tag", "auto"):
            raise UserError(
                f"--answer-format {config.answer_format} finds numbers, and the answer to a puzzle of knights_knaves "
                "is everybody's role: leave it out."
            )
        if config.prompt_style != "tags":
            raise UserError(
                f"--prompt-style {config.prompt_style} leaves out the text that says what a puzzle's answer looks like: "
                "leave it out with knights_knaves."
            )
        people_in_training(config)
        return
    role_reward = next((name for name in ROLE_REWARDS if name in config.reward_weights), None)
    if role_reward is not None:
        raise UserError(
            f"--reward {role_reward} grades roles, and --dataset-name {config.dataset_name} has none: add "
            "--dataset-name knights_knaves, or use --reward correctness."
        )
    for name in ("people", "stages"):
        if getattr(config, name) is not None:
            raise UserError(
                f"--{name} {getattr(config, name)} means puzzles, and --dataset-name {config.dataset_name} has none: "
                "add --dataset-name knights_knaves, or leave it out."
            )


def check_stages(config: Config) -> None:
    """Stages need an end each, and what ends a stage needs stages. Raises UserError."""
    if config.stages is None:
        for name in STAGE_ENDS:
            if getattr(config, name) is not None:
                option = f"--{name.replace('_', '-')}"
                raise UserError(
                    f"{option} {getattr(config, name)} ends a stage, and there are no stages: add for example --stages "
                    f"2,3,4, or leave {option} out."
                )
        return
    if config.people is not None:
        raise UserError(
            f"--stages {config.stages} and --people {config.people} both say which puzzles are trained on: leave one "
            "of them out."
        )
    if stage_count(config) > 1 and all(getattr(config, name) is None for name in STAGE_ENDS):
        raise UserError(
            f"--stages {config.stages}: nothing would end the first stage. Add --steps-per-stage 100, or --advance-at "
            "0.8 to go on when so many completions are right, or both."
        )
    check_length(config)


def check_length(config: Config) -> None:
    """Stages of a set length make the length of the run; another one that was asked for is refused."""
    if config.steps_per_stage is None:
        return
    whole = stage_count(config) * config.steps_per_stage
    default = next(f.default for f in dataclasses.fields(config) if f.name == "max_steps")
    if config.max_steps not in (whole, default):
        raise UserError(
            f"--max-steps {config.max_steps} is not the length of --stages {config.stages} with --steps-per-stage "
            f"{config.steps_per_stage}, which is {whole}: leave --max-steps out, or change --steps-per-stage."
        )


def stage_count(config: Config) -> int:
    """How many stages --stages has."""
    return len(read_people("--stages", config.stages or DEFAULT_PEOPLE))


def people_in_training(config: Config) -> tuple[int, ...]:
    """The numbers of people in the puzzles that are trained on. Raises UserError."""
    if config.stages is not None:
        return read_people("--stages", config.stages)
    return read_people("--people", config.people or DEFAULT_PEOPLE)


def read_people(option: str, text: str) -> tuple[int, ...]:
    """The numbers of people in "3" or "2,3,4", in the order given. Raises UserError."""
    parts = [part.strip() for part in text.split(",")]
    numbers = [int(part) for part in parts if part.isascii() and part.isdigit()]
    fits = len(numbers) == len(parts) == len(set(numbers))
    if not fits or not all(FEWEST_PEOPLE <= n <= MOST_PEOPLE for n in numbers):
        raise UserError(
            f"{option} {text!r} must be different numbers from {FEWEST_PEOPLE} to {MOST_PEOPLE} with commas between "
            "them, because there are puzzles for so many people: for example 3 or 2,3,4."
        )
    return tuple(numbers)
