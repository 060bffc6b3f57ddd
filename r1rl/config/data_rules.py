"""Checks of the flags of one's own data: which data is meant, what its answers are, what goes with it and what does not."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from r1rl.config.flags import Config, read_people, stage_count
from r1rl.config.names import DEFAULT_PEOPLE, ROLE_REWARDS, TASKS, load_entry
from r1rl.records import LATEX, NUMBER
from r1rl.system.errors import UserError

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")

# Flags that say how rows become problems, with their defaults.
DATA_FLAGS = {
    "dataset_config": None, "train_split": None, "eval_split": None, "question_column": None, "answer_column": None,
    "answer_type": NUMBER,
}  # fmt: skip


def is_hub_name(dataset_name: str) -> bool:
    """Whether a --dataset-name is one of the hub's: openai/gsm8k."""
    return "/" in dataset_name


def is_custom(config: Config) -> bool:
    """Whether the problems are rows of the user's own data; a folder in GSM8K's format needs nothing of it."""
    if is_hub_name(config.dataset_name):
        return True
    if config.dataset_path is None or not load_entry(TASKS[config.dataset_name]).replaceable:
        return False
    path = Path(config.dataset_path)
    if given_flags(config) or path.is_file() or path.suffix.lower() in SUFFIXES:
        return True
    both = all((path / f"{split}.jsonl").is_file() for split in ("train", "test"))
    return not both and path.is_dir() and any(p.suffix.lower() in SUFFIXES for p in path.rglob("*"))


def given_flags(config: Config) -> list[str]:
    """Which flags of one's own data are set."""
    return [name for name, default in DATA_FLAGS.items() if getattr(config, name) != default]


def data_label(config: Config) -> str:
    """What the data is called in the name of a run."""
    if is_custom(config) and config.dataset_path is not None:
        return Path(config.dataset_path).stem or "data"
    return config.dataset_name.rpartition("/")[2]


def check_data(config: Config) -> None:
    """Column flags need data of one's own; each type of answer has its own way to compare. Raises UserError."""
    if is_hub_name(config.dataset_name) and not all(config.dataset_name.split("/")):
        raise UserError(
            f"--dataset-name {config.dataset_name!r} is no name of the hub: those look like openai/gsm8k."
        )
    given = given_flags(config)
    if given and not is_custom(config):
        flag = f"--{given[0].replace('_', '-')} {getattr(config, given[0])}"
        raise UserError(
            f"{flag} is for data of your own, and --dataset-name {config.dataset_name} has its own form: add "
            "--dataset-path FILE (without --dataset-name), or --dataset-name OWNER/NAME, or leave it out."
        )
    if config.answer_type != NUMBER:
        check_answers(config, f"--answer-type {config.answer_type}", config.answer_type == LATEX)
    for name in ("train_split", "eval_split"):
        value = getattr(config, name)
        if value is not None and (not value or Path(value).name != value):
            raise UserError(
                f"--{name.replace('_', '-')} {value!r} must be the name of a split, as in train or validation: it is "
                "looked for inside the data and nowhere else."
            )
    if config.train_split is not None and config.train_split == config.eval_split:
        raise UserError(
            f"--train-split and --eval-split are both {config.train_split!r}, and nothing may be trained on that it is "
            "evaluated on: leave --eval-split out, and a part is cut off."
        )


def check_answers(config: Config, kind: str, latex: bool) -> None:
    """Texts, letters, calculations and LaTeX are not compared as numbers are. Raises UserError."""
    if config.answer_tolerance or config.not_remove_comma:
        raise UserError(
            f"--answer-tolerance and --not-remove-comma compare numbers, which {kind} is not about: leave them out."
        )
    if latex and config.answer_format != "tag":
        raise UserError(
            f"--answer-format {config.answer_format}: {kind} looks in the answer tag, and in \\boxed{{}} in or without it: "
            "leave it out."
        )
    if config.answer_format == "hash":
        raise UserError(
            f"--answer-format hash finds numbers, and {kind} needs others: use tag, boxed or auto."
        )


PUZZLES = "knights_knaves"  # the task of --people, --stages and the rewards for roles
STAGE_ENDS = ("steps_per_stage", "advance_at")


def check_puzzle_flags(config: Config) -> None:
    """The flags and rewards of puzzles need puzzles. Raises UserError."""
    if config.dataset_name == PUZZLES:
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


def people_in_training(config: Config) -> tuple[int, ...]:
    """The numbers of people in the puzzles that are trained on. Raises UserError."""
    if config.stages is not None:
        return read_people("--stages", config.stages)
    return read_people("--people", config.people or DEFAULT_PEOPLE)
