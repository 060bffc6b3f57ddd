"""Tasks: where problems come from. One file a task; `load_task` finds one by its name."""

from __future__ import annotations

import itertools
import random
from typing import Protocol

from r1rl.config.data_rules import is_own
from r1rl.config.flags import DATASETS, Config
from r1rl.config.puzzle_flags import people_in_training
from r1rl.config.safety_flags import SAFETY_DATASETS
from r1rl.records import Problem
from r1rl.system.errors import unknown_name
from r1rl.tasks.conversations import general_problems, share_of
from r1rl.tasks.countdown import Countdown
from r1rl.tasks.custom import OwnData
from r1rl.tasks.gsm8k import Gsm8k
from r1rl.tasks.knights_knaves import KnightsKnaves
from r1rl.tasks.knights_knaves.knights_knaves_files import KnightsKnavesFolder
from r1rl.tasks.math import Math
from r1rl.tasks.safety.aegis import Aegis
from r1rl.tasks.safety.generated import SafetyQueries
from r1rl.tasks.word_problems import WordProblems

EVENLY_BY_LEVEL = {KnightsKnaves.name}  # its last table is accuracy by level


class Task(Protocol):
    """A source of problems with golden answers."""

    name: str
    source: str  # where the problems come from, in words

    def load(self, split: str) -> list[Problem]:
        """All problems of "train" or "test". Raises UserError for unreadable data."""
        ...


def load_task(config: Config) -> Task:
    """The task that `--dataset-path` or else `--dataset-name` asks for."""
    if is_own(config):
        return OwnData(config)
    if config.dataset_name == Countdown.name:
        return Countdown(config.seed)
    if config.dataset_name == KnightsKnaves.name:
        return load_knights_knaves(config)
    if config.dataset_name in SAFETY_DATASETS:
        return load_safety(config)
    if config.dataset_name == Math.name:
        return Math(config.dataset_path)
    if config.dataset_path is not None or config.dataset_name == Gsm8k.name:
        return Gsm8k(config.dataset_path)
    if config.dataset_name == WordProblems.name:
        return WordProblems(config.seed)
    raise unknown_name("--dataset-name", config.dataset_name, DATASETS)


def load_knights_knaves(config: Config) -> Task:
    """The puzzles of --dataset-path, or those that the seed makes."""
    people = people_in_training(config)
    if config.dataset_path is not None:
        return KnightsKnavesFolder(config.dataset_path, people)
    return KnightsKnaves(config.seed, people, config.claim_depth)


def training_subset(problems: list[Problem], config: Config) -> list[Problem]:
    """As many as --max-samples says, drawn with the seed."""
    if config.max_samples is None or config.max_samples >= len(problems):
        return problems
    return random.Random(config.seed).sample(problems, config.max_samples)


def training_problems(task: Task, config: Config) -> list[Problem]:
    """What --max-samples leaves of the training problems, and --general-data's share of prompts without a gold answer."""
    problems = training_subset(task.load("train"), config)
    if config.general_data is None:
        return problems
    return problems + general_problems(config, count=share_of(config.mix_ratio, len(problems)))


def load_safety(config: Config) -> Task:
    """The labelled queries of --dataset-path or of the hub, or those that the seed makes."""
    if config.dataset_path is None and config.dataset_name == SafetyQueries.name:
        return SafetyQueries(config.seed)
    return Aegis(config.dataset_path, config.seed)


def evaluation_subset(problems: list[Problem], count: int, seed: int) -> list[Problem]:
    """The `count` problems (0: all) that every evaluation of runs with this seed uses, in a fixed order."""
    if count == 0 or count >= len(problems):
        return problems
    if problems[0].task in EVENLY_BY_LEVEL:
        return even_subset(problems, count, seed)
    return random.Random(seed).sample(problems, count)


def even_subset(problems: list[Problem], count: int, seed: int) -> list[Problem]:
    """`count` problems with as many of each level as of any other, one more of the first ones where it must be."""
    rng = random.Random(seed)
    by_level: dict[int | None, list[Problem]] = {}
    for problem in rng.sample(problems, len(problems)):
        by_level.setdefault(problem.level, []).append(problem)
    rounds = itertools.zip_longest(*(by_level[level] for level in sorted(by_level)))
    chosen = itertools.islice((p for each in rounds for p in each if p is not None), count)
    return sorted(chosen, key=lambda problem: problem.level)
