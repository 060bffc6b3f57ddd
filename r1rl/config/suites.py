"""The suites of `eval --suite`: named lists of tasks with their flags, or a list in a file of the user's own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1rl.config.data_rules import DATA_FLAGS
from r1rl.config.file import SUFFIXES, parse_file, settings_in
from r1rl.config.names import is_task, option
from r1rl.system.errors import UserError, unknown_name

# The flags that say what a task's problems are: each task of a suite has its own, whatever the model was trained on.
PROBLEM_FLAGS = ("dataset_name", "dataset_options", "dataset_path", *DATA_FLAGS, "claim_depth")
# The flags that a suite may set, for all its tasks or for one.
SUITE_FLAGS = (
    *PROBLEM_FLAGS, "system_prompt_file", "prompt_template", "prompt_style", "answer_format", "answer_tolerance",
    "not_remove_comma", "max_prompt_length", "max_completion_length", "eval_count", "eval_samples", "eval_temperature",
)  # fmt: skip
FOLDER = re.compile(r"\w[\w.-]*")  # a task's name
FORM = "tasks: {gsm8k: {}, sums: {dataset_path: sums.csv}}, and flags of all tasks, such as eval_count: 200"

# A run's own prompt may ask for numbers in a form of its own. Other answers are asked for in tags, as the prompt says.
TAGS: dict[str, Any] = {
    "prompt_style": "tags", "answer_format": "tag", "system_prompt_file": None, "prompt_template": None,
    "answer_tolerance": 0.0, "not_remove_comma": False,
}  # fmt: skip
LONG = {"max_prompt_length": 512, "max_completion_length": 1024}


def puzzles(people: int, prompt: int, completion: int) -> dict[str, Any]:
    """Returns a task of generated puzzles with this many people; `prompt`, `completion`: the longest, in tokens."""
    lengths = {"max_prompt_length": prompt, "max_completion_length": completion}
    return {"dataset_name": "knights_knaves", "levels": people, **lengths, **TAGS}


SUITES: dict[str, dict[str, dict[str, Any]]] = {
    # Needs no hub and no files.
    "generated": {
        "word-problems": {},
        "chain-sum": {},
        "countdown": {"max_prompt_length": 256, "max_completion_length": 256, **TAGS},
        **{f"knights-{people}": puzzles(people, 512, 256) for people in (2, 3)},
    },
    # Needs the hub or its cache.
    "math": {
        "gsm8k": {},
        "gsm-plus": {"dataset_name": "qintongli/GSM-Plus", "eval_split": "testmini", "max_prompt_length": 512},
        "svamp": {
            "dataset_name": "ChilleD/SVAMP", "question_column": "question_concat", "answer_column": "Answer",
        },
        "math-500": {
            "dataset_name": "HuggingFaceH4/MATH-500", "question_column": "problem", "answer_type": "latex",
            "max_prompt_length": 768, "max_completion_length": 2048, **TAGS,
        },
    },
    # Needs no hub: puzzles by the number of people.
    "knights": {f"knights-{people}": puzzles(people, 768, 1024) for people in range(2, 9)},
    # Needs the package reasoning-gym.
    "reasoning": {
        **{name: {"dataset_name": f"reasoning-gym:{name}", **LONG} for name in ("basic_arithmetic", "gcd", "letter_counting")},
        **{name: {"dataset_name": f"reasoning-gym:{name}", **LONG, **TAGS} for name in ("spell_backward", "syllogism", "word_sorting")},
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SuiteTask:
    """One row of a suite: its name, its flags, and the levels of its problems, all of them if none is named."""

    name: str
    settings: dict[str, Any]
    levels: tuple[int, ...] = ()


def read_suite(name: str) -> tuple[SuiteTask, ...]:
    """Returns the tasks of a shipped suite, or of a YAML or JSON file. Raises UserError."""
    if name in SUITES:
        content: dict[str, Any] = {"tasks": SUITES[name]}
    elif Path(name).suffix in SUFFIXES or Path(name).exists():
        content = parse_file(Path(name), "--suite")
    else:
        raise unknown_name("--suite", name, [*SUITES, "FILE.yaml"])
    tasks = content.pop("tasks", None)
    if not isinstance(tasks, dict) or not tasks or not all(isinstance(row, dict | None) for row in tasks.values()):
        raise UserError(f"--suite {name} must have tasks by name, each with its flags: {FORM}.")
    common = flags_in(name, content)
    return tuple(suite_task(name, str(task), dict(row or {}), common) for task, row in tasks.items())


def suite_task(suite: str, name: str, row: dict[str, Any], common: dict[str, Any]) -> SuiteTask:
    """Returns one task of a suite; its own flags override the `common` ones. Raises UserError."""
    if not FOLDER.fullmatch(name):
        raise UserError(
            f"--suite {suite}: the task {name!r} becomes the name of a folder: use letters, digits, - and _."
        )
    levels = row.pop("levels", ())
    own = flags_in(f"{suite}, {name}", row)
    if "dataset_name" not in own and is_task(name):
        own["dataset_name"] = name
    if not {"dataset_name", "dataset_path"} & own.keys():
        raise UserError(
            f"--suite {suite}: the task {name} has neither dataset_name nor dataset_path, so it has no problems. Add one."
        )
    return SuiteTask(name, common | own, levels_in(suite, name, levels))


def flags_in(place: str, content: dict[str, Any]) -> dict[str, Any]:
    """Returns the flags of a suite or of one of its tasks. Raises UserError for one that is of the model or the engine."""
    settings = settings_in(Path(place), content)
    for name in settings:
        if name not in SUITE_FLAGS:
            raise UserError(
                f"{place}: {option(name)} is one for the whole evaluation, in which all tasks share model and engine: give "
                "it on the command line."
            )
    return settings


def levels_in(suite: str, name: str, levels: Any) -> tuple[int, ...]:
    """Returns the levels of a task, given as a number, a list, or a text such as "2,3". Raises UserError."""
    parts = levels if isinstance(levels, list | tuple) else str(levels).split(",")
    if not all(str(part).strip().isdecimal() for part in parts):
        raise UserError(f"--suite {suite}: levels of {name} is {levels!r} and must be whole numbers, such as 2 or 2,3.")
    return tuple(int(part) for part in parts)
