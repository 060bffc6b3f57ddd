"""Checks of the flags of one's own data: which data is meant, what its answers are, what goes with it and what does not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from r1rl.config.safety_flags import SAFETY_DATASETS
from r1rl.system.errors import UserError

if TYPE_CHECKING:
    from r1rl.config.flags import Config


NUMBER, LATEX, TEXT, CHOICE = "number", "latex", "text", "choice"

ANSWER_TYPES = (NUMBER, LATEX, TEXT, CHOICE)

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")

# Flags that say how rows become problems, with their defaults.
OWN_FLAGS = {
    "dataset_config": None, "train_split": None, "eval_split": None, "question_column": None, "answer_column": None,
    "answer_type": NUMBER,
}  # fmt: skip

MAPPED = ("gsm8k", "word-problems")  # the tasks that --dataset-path takes the place of


def is_hub_name(dataset_name: str) -> bool:
    """Whether a --dataset-name is one of the hub's: openai/gsm8k."""
    return "/" in dataset_name


def is_own(config: Config) -> bool:
    """Whether the problems are rows of the user's own data; a folder in GSM8K's format needs nothing of it."""
    if is_hub_name(config.dataset_name):
        return True
    if config.dataset_path is None or config.dataset_name not in MAPPED:
        return False
    path = Path(config.dataset_path)
    if given_flags(config) or path.is_file() or path.suffix.lower() in SUFFIXES:
        return True
    both = all((path / f"{split}.jsonl").is_file() for split in ("train", "test"))
    return not both and path.is_dir() and any(p.suffix.lower() in SUFFIXES for p in path.rglob("*"))


def given_flags(config: Config) -> list[str]:
    """Which flags of one's own data are set."""
    return [name for name, default in OWN_FLAGS.items() if getattr(config, name) != default]


def data_label(config: Config) -> str:
    """What the data is called in the name of a run."""
    if is_own(config) and config.dataset_path is not None:
        return Path(config.dataset_path).stem or "data"
    return config.dataset_name.rpartition("/")[2]


def check_data(config: Config) -> None:
    """Column flags need data of one's own; each type of answer has its own way to compare. Raises UserError."""
    if is_hub_name(config.dataset_name) and not all(config.dataset_name.split("/")):
        raise UserError(
            f"--dataset-name {config.dataset_name!r} is no name of the hub: those look like openai/gsm8k."
        )
    given = given_flags(config)
    if given and not is_own(config):
        flag = f"--{given[0].replace('_', '-')} {getattr(config, given[0])}"
        raise UserError(
            f"{flag} is for data of your own, and --dataset-name {config.dataset_name} has its own form: add "
            "--dataset-path FILE (without --dataset-name), or --dataset-name OWNER/NAME, or leave it out."
        )
    if config.answer_type != NUMBER:
        check_answers(config, f"--answer-type {config.answer_type}", config.answer_type == LATEX)
    if config.dataset_name == "countdown":
        check_answers(config, "--dataset-name countdown", latex=False)
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


def check_wording(config: Config) -> None:
    """The user's own system text and template. Raises UserError."""
    if config.system_prompt_file is None and config.prompt_template is None:
        return
    if config.dataset_name in SAFETY_DATASETS:
        raise UserError(
            f"--system-prompt-file and --prompt-template: queries of {config.dataset_name} have a prompt of their own. "
            "Leave them out."
        )
