"""The task of a run, and its problems for training and evaluation."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Sequence

from r1rl.config.data_rules import is_custom
from r1rl.config.flags import Config
from r1rl.config.names import GENERAL_TASK, SAFETY_TASK, is_task, parts_of
from r1rl.records import NO_GOLD, NUMBER, VERDICT, Problem, by_task
from r1rl.system.errors import UserError
from r1rl.tasks.base import Task, in_turn, owner, task_class
from r1rl.tasks.conversations import general_problems, share_of
from r1rl.tasks.custom import CustomData
from r1rl.tasks.custom.answers import TASKS as CUSTOM_TASKS
from r1rl.tasks.gsm8k import Gsm8k

# Answer type of each Problem.task that is not a --dataset-name.
OTHER_NAMES = {GENERAL_TASK: NO_GOLD, SAFETY_TASK: VERDICT, **{task: kind for kind, task in CUSTOM_TASKS.items()}}


def load_task(config: Config) -> Task:
    """Returns the task of `--dataset-path` or `--dataset-name`. Raises UserError."""
    if is_custom(config):
        return CustomData(config)
    task = task_class(config.dataset_name)
    if config.dataset_path is not None and task.replaceable:
        task = Gsm8k  # a folder with train.jsonl and test.jsonl in its format
    return task.from_config(config)


def answer_type_of(task: str) -> str:
    """Returns the answer type of problems with this Problem.task."""
    if is_task(task):
        return task_class(task).answer_type
    return OTHER_NAMES.get(task, NUMBER)


def answer_type_in(config: Config) -> str:
    """Returns the answer type of a run's problems."""
    return config.answer_type if is_custom(config) else task_class(config.dataset_name).answer_type


def asked_problem(question: str, config: Config) -> Problem:
    """Returns a user's question as a problem of the run's task (the first one of a mixture), without a gold answer."""
    task = CUSTOM_TASKS[config.answer_type] if is_custom(config) else parts_of(config.dataset_name)[0]
    return Problem("", question, "", task=task, answer_type=answer_type_in(config))


def training_subset(problems: list[Problem], config: Config) -> list[Problem]:
    """Returns at most --max-samples of the problems, drawn with the seed; of a mixture the same share of each task."""
    if config.max_samples is None or config.max_samples >= len(problems):
        return problems
    rng, tasks = random.Random(config.seed), list(by_task(problems).values())
    ends = [round(n * config.max_samples / len(problems)) for n in itertools.accumulate(map(len, tasks))]
    return in_turn(rng.sample(part, end - start) for part, start, end in zip(tasks, [0, *ends], ends))


def check_sample(drawn: list[Problem], problems: list[Problem], config: Config) -> None:
    """Raises UserError if --max-samples drew no problem of a task of a mixture, or of a level of --stages."""
    left = by_task(drawn)
    if missing := next((task for task in by_task(problems) if task not in left), None):
        raise UserError(
            f"--max-samples {config.max_samples} leaves no training problem of {missing}: use more, or leave this task out of "
            "--dataset-name."
        )
    if config.stages and (levels := {p.level for p in problems} - {p.level for p in drawn}):
        raise UserError(
            f"--max-samples {config.max_samples} leaves no training problem of level {min(levels)}: use more, or leave this "
            "level out of --stages."
        )


def training_problems(task: Task, config: Config) -> list[Problem]:
    """Returns at most --max-samples training problems, and --general-data's share of prompts without a gold answer."""
    whole = task.load("train")
    problems = training_subset(whole, config)
    check_sample(problems, whole, config)
    if config.general_data is None:
        return problems
    return problems + general_problems(config, count=share_of(config.mix_ratio, len(problems)))


def evaluation_problems(task: Task, config: Config) -> list[Problem]:
    """Returns the problems of every evaluation of a run, in a fixed order."""
    return evaluation_subset(task.load("test"), config.eval_count, config.seed, task.even_levels)


def evaluation_subset(problems: list[Problem], count: int, seed: int, even_levels: bool | None = None) -> list[Problem]:
    """Returns the `count` problems (0: all) that every evaluation with this seed uses, in a fixed order.

    Of a mixture equally many of each task. `even_levels`: equally many of each level; None: as the task wants it.
    """
    if count == 0 or count >= len(problems):
        return problems
    tasks = list(by_task(problems).values())
    if len(tasks) > 1:
        counts = equal_counts([len(part) for part in tasks], count)
        return [p for part, n in zip(tasks, counts) if n for p in evaluation_subset(part, n, seed)]
    if owner(problems[0].task).even_levels if even_levels is None else even_levels:
        return even_subset(problems, count, seed)
    return random.Random(seed).sample(problems, count)


def equal_counts(sizes: Sequence[int], count: int) -> list[int]:
    """Returns how many items of each group are taken: `count` in all, equally many, as far as a group has them.

    >>> equal_counts([400, 400, 10], 80)
    [35, 35, 10]
    """
    rounds = (i for row in itertools.count() for i, size in enumerate(sizes) if row < size)
    taken = Counter(itertools.islice(rounds, count))
    return [taken[i] for i in range(len(sizes))]


def even_subset(problems: list[Problem], count: int, seed: int) -> list[Problem]:
    """Returns `count` problems, equally many of each level, one more of the first levels if need be."""
    rng = random.Random(seed)
    by_level: dict[int | None, list[Problem]] = {}
    for problem in rng.sample(problems, len(problems)):
        by_level.setdefault(problem.level, []).append(problem)
    chosen = in_turn(by_level[level] for level in sorted(by_level))[:count]
    return sorted(chosen, key=lambda problem: problem.level)
