"""Rules of the flags of data: custom data and its answers, prompts, and the puzzle and safety tasks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from r1rl.config.flags import DEFAULTS, Config, read_people, stage_count
from r1rl.config.names import DEFAULT_PEOPLE, ROLE_REWARDS, family_of, is_mixture, load_task_class, option, parts_of
from r1rl.records import LATEX, NUMBER
from r1rl.system.errors import UserError

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
ARROW = ".arrow"  # the files in a folder of the datasets library's `save_to_disk`
EVAL_SPLITS = ("test", "validation", "valid", "val", "dev", "eval")  # the first one that exists is used
# The flags that describe how rows of custom data become problems.
DATA_FLAGS = ("dataset_config", "train_split", "eval_split", "question_column", "answer_column", "answer_type")
PUZZLES = "knights_knaves"  # the task of --people, --stages and the rewards for roles
STAGE_ENDS = ("steps_per_stage", "advance_at")


# ---- custom data


def is_hub_name(dataset_name: str) -> bool:
    """Returns whether a --dataset-name is one of the hub, as openai/gsm8k."""
    return "/" in dataset_name and family_of(dataset_name) is None and not is_mixture(dataset_name)


def has_generators(dataset_name: str) -> bool:
    """Returns whether a --dataset-name is a generator of reasoning-gym, or mixes such ones."""
    return any(map(family_of, parts_of(dataset_name)))


def has_levels(dataset_name: str) -> bool:
    """Returns whether a --dataset-name can be learned in stages."""
    return dataset_name == PUZZLES or family_of(dataset_name) is not None


def is_custom(config: Config) -> bool:
    """Returns whether the problems come from custom data; a folder in GSM8K's format does not count."""
    if is_hub_name(config.dataset_name):
        return True
    if config.dataset_path is None or not load_task_class(config.dataset_name).replaceable:
        return False
    path = Path(config.dataset_path)
    if given_flags(config) or path.is_file() or path.suffix.lower() in SUFFIXES:
        return True
    both = all((path / f"{split}.jsonl").is_file() for split in ("train", "test"))
    return not both and path.is_dir() and any(p.suffix.lower() in (*SUFFIXES, ARROW) for p in path.rglob("*"))


def eval_split_in(splits: Iterable[str], train: str) -> str | None:
    """Returns the first of EVAL_SPLITS that exists and is not the training split, or None."""
    return next((name for name in EVAL_SPLITS if name in splits and name != train), None)


def given_flags(config: Config) -> list[str]:
    """Returns the flags of custom data that are set."""
    return [name for name in DATA_FLAGS if getattr(config, name) != DEFAULTS[name]]


def data_label(config: Config) -> str:
    """Returns the name of the data as part of a run's name."""
    if is_custom(config) and config.dataset_path is not None:
        return Path(config.dataset_path).stem or "data"
    if is_mixture(config.dataset_name):
        first, *more = parts_of(config.dataset_name)
        return f"{first.rpartition(':')[2]}-and-{len(more)}-more"
    return config.dataset_name.rpartition("/")[2].replace(":", "-")  # some systems allow no colon


def check_data(config: Config) -> None:
    """Checks that column flags come with custom data and that answer type and splits are possible. Raises UserError."""
    if is_hub_name(config.dataset_name) and not all(config.dataset_name.split("/")):
        raise UserError(f"--dataset-name {config.dataset_name!r} is not a hub name: those look like openai/gsm8k.")
    given = given_flags(config)
    if given and not is_custom(config):
        raise UserError(
            f"{option(given[0])} {getattr(config, given[0])} is for custom data, and --dataset-name {config.dataset_name} "
            "has a fixed format: add --dataset-path FILE (without --dataset-name) or use --dataset-name OWNER/NAME, or "
            "leave the flag out."
        )
    if config.dataset_options is not None and not has_generators(config.dataset_name):
        raise UserError(
            f"--dataset-options {config.dataset_options} sets a generator of reasoning-gym, and --dataset-name "
            f"{config.dataset_name} takes no options: add --dataset-name reasoning-gym:NAME, or leave --dataset-options out."
        )
    if config.answer_type != NUMBER:
        check_answers(config, f"--answer-type {config.answer_type}", config.answer_type == LATEX)
    for name in ("train_split", "eval_split"):
        value = getattr(config, name)
        if value is not None and (not value or Path(value).name != value):
            raise UserError(
                f"{option(name)} {value!r} must be the name of a split inside the data, such as train or validation."
            )
    if config.train_split is not None and config.train_split == config.eval_split:
        raise UserError(
            f"--train-split and --eval-split are both {config.train_split!r}, but training and evaluation must not share "
            "problems: leave --eval-split out, and a part of the split is held out."
        )


def check_answers(config: Config, kind: str, latex: bool) -> None:
    """Checks the flags of number comparison for answers that are not numbers. Raises UserError."""
    if config.answer_tolerance or config.not_remove_comma:
        raise UserError(
            f"--answer-tolerance and --not-remove-comma compare numbers, and {kind} has other answers: leave them out."
        )
    if latex and config.answer_format != "tag":
        raise UserError(
            f"--answer-format {config.answer_format}: {kind} looks in the answer tag, and for \\boxed{{}} inside or "
            "outside it: leave it out."
        )
    if config.answer_format == "hash":
        raise UserError(f"--answer-format hash finds numbers, and {kind} has other answers: use tag, boxed or auto.")


# ---- tasks


def check_puzzle_flags(config: Config) -> None:
    """Checks that the flags and rewards of puzzles come with puzzles. Raises UserError."""
    if config.dataset_name == PUZZLES:
        return
    role_reward = next((name for name in ROLE_REWARDS if name in config.reward_weights), None)
    if role_reward is not None:
        raise UserError(
            f"--reward {role_reward} grades roles, and --dataset-name {config.dataset_name} has none: add "
            "--dataset-name knights_knaves, or use --reward correctness."
        )
    if config.people is not None:
        raise UserError(
            f"--people {config.people} selects puzzles, and --dataset-name {config.dataset_name} has none: add "
            "--dataset-name knights_knaves, or leave --people out."
        )


def check_stages(config: Config) -> None:
    """Checks that stages have levels and an end, and --max-steps is their length, or there are none. Raises UserError."""
    if config.stages is not None and not has_levels(config.dataset_name):
        raise UserError(
            f"--stages {config.stages} selects levels, and --dataset-name {config.dataset_name} has none to choose from: "
            "add --dataset-name knights_knaves or reasoning-gym:NAME, or leave --stages out."
        )
    if config.stages is None:
        for name in STAGE_ENDS:
            if getattr(config, name) is not None:
                raise UserError(
                    f"{option(name)} {getattr(config, name)} ends a stage, and the run has no stages: add for example "
                    f"--stages 2,3,4, or leave {option(name)} out."
                )
        return
    if config.people is not None:
        raise UserError(
            f"--stages {config.stages} and --people {config.people} both select the puzzles to train on: leave one of "
            "them out."
        )
    if stage_count(config) > 1 and all(getattr(config, name) is None for name in STAGE_ENDS):
        raise UserError(
            f"--stages {config.stages}: nothing would end the first stage. Add --steps-per-stage 100, or --advance-at "
            "0.8 for a stage to end at this accuracy, or both."
        )
    whole = stage_count(config) * (config.steps_per_stage or 0)
    if config.steps_per_stage is not None and config.max_steps not in (whole, DEFAULTS["max_steps"]):
        raise UserError(
            f"--max-steps {config.max_steps} is not the length of --stages {config.stages} with --steps-per-stage "
            f"{config.steps_per_stage}, which is {whole}: leave --max-steps out, or change --steps-per-stage."
        )


def people_in_training(config: Config) -> tuple[int, ...]:
    """Returns the numbers of people in the training puzzles. Raises UserError."""
    if config.stages is not None:
        return read_people("--stages", config.stages)
    return read_people("--people", config.people or DEFAULT_PEOPLE)


RULES = (check_data, check_puzzle_flags, check_stages)
