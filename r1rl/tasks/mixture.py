"""Several tasks in one run: --dataset-name word-problems=2,reasoning-gym:gcd, by name and weight.

Each problem keeps its task, so prompt, grading and dump are those of a run with that task alone.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import ClassVar

from r1rl.config.data_rules import is_hub_name
from r1rl.config.flags import Config, split_weight
from r1rl.config.names import TASKS, family_of, is_task, load_task_class
from r1rl.records import VERDICT, Problem
from r1rl.system.errors import UserError, unknown_name
from r1rl.tasks.base import Task, in_turn, task_class


class Mixture(Task):
    """Tasks with weights; `mixture_named` makes the class of one mixture."""

    weights: ClassVar[dict[str, float]]  # by --dataset-name

    @classmethod
    def check_flags(cls, config: Config) -> None:
        """Checks the flags of a mixture, and then those of the run with each task alone. Raises UserError."""
        if config.dataset_path is not None:
            raise UserError(
                f"--dataset-path {config.dataset_path!r}: --dataset-name {cls.name} mixes tasks that generate their problems. "
                "Leave one of them out."
            )
        if config.stages is not None:
            raise UserError(
                f"--stages {config.stages} are levels of one task, and --dataset-name {cls.name} mixes several: name one task, "
                "or leave --stages out."
            )
        if config.pipeline or config.stage is not None:
            raise UserError(
                f"--dataset-name {cls.name} mixes tasks, and the examples of the pipeline's cold start are of one task: name "
                "one task, or leave --pipeline out."
            )
        if 0 < config.eval_count < len(cls.weights):
            raise UserError(
                f"--eval-count {config.eval_count} is less than the {len(cls.weights)} tasks of --dataset-name {cls.name}, and "
                f"an evaluation has problems of each: use --eval-count {len(cls.weights)} or more."
            )
        cls.configs(config)

    @classmethod
    def configs(cls, config: Config) -> list[Config]:
        """Returns the flags of the run with each task alone, which are checked by that. Raises UserError."""
        options = options_by_task(config.dataset_options, list(cls.weights))
        return [
            dataclasses.replace(config, dataset_name=name, dataset_options=options.get(name)) for name in cls.weights
        ]

    @classmethod
    def from_config(cls, config: Config) -> Mixture:
        """Returns the mixture with the run's seed and options. Raises UserError."""
        return cls([task_class(c.dataset_name).from_config(c) for c in cls.configs(config)])

    def __init__(self, tasks: Sequence[Task]):
        self.tasks = tasks
        parts = []
        for task in tasks:
            options = getattr(task, "options", None)
            parts.append(f"{task.name} (weight {self.weights[task.name]:g}{f', {options}' if options else ''})")
        self.source = f"a mixture of {', '.join(parts)}, from the seed"

    def load(self, split: str) -> list[Problem]:
        """Returns the training problems, as many of each task as its weight says, or all of "test". Raises UserError."""
        parts = [task.load(split) for task in self.tasks]
        if split == "train":
            counts = in_proportion(list(map(len, parts)), list(self.weights.values()))
            parts = [part[:count] for part, count in zip(parts, counts)]
        return in_turn(map(with_task_in_id, part) for part in parts)


def in_proportion(sizes: Sequence[int], weights: Sequence[float]) -> list[int]:
    """Returns how many items of each group are taken: the most that are in proportion to the weights, at least one.

    >>> in_proportion([4000, 4000, 300], [2, 1, 0.25])
    [2400, 1200, 300]
    """
    unit = min(size / weight for size, weight in zip(sizes, weights))
    return [max(1, min(size, round(unit * weight))) for size, weight in zip(sizes, weights)]


def with_task_in_id(problem: Problem) -> Problem:
    """Returns the problem with an id that no other task's problem has: train/chain_sum/7 instead of train/7."""
    split, _, place = problem.id.partition("/")
    return dataclasses.replace(problem, id=f"{split}/{short_name(problem.task)}/{place}")


def short_name(name: str) -> str:
    """Returns a task's name without that of its family.

    >>> short_name("reasoning-gym:chain_sum"), short_name("chain-sum")
    ('chain_sum', 'chain-sum')
    """
    return name.rpartition(":")[2]


@functools.cache
def mixture_named(dataset_name: str) -> type[Mixture]:
    """Returns the class of a mixture, with the answer type of its first task. Raises UserError."""
    weights = task_weights(dataset_name)
    first = task_class(next(iter(weights)))
    return type(
        "Mixture",
        (Mixture,),
        {
            "name": dataset_name,
            "weights": weights,
            "answer_type": first.answer_type,
            "has_solutions": all(task_class(name).has_solutions for name in weights),
        },
    )


def task_weights(text: str) -> dict[str, float]:
    """Returns the weight of each task of a mixture, in the order given. Raises UserError.

    >>> task_weights("word-problems=2, chain-sum")
    {'word-problems': 2.0, 'chain-sum': 1.0}
    """
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, weight = split_weight(part)
        if not name:
            raise UserError(
                f"--dataset-name {text!r} has a part without a name: separate tasks by commas, as in "
                "word-problems=2,chain-sum."
            )
        if not 0 < weight < math.inf:
            raise UserError(
                f"--dataset-name {text!r}: the weight of {name!r} is {part.rpartition('=')[2].strip()!r} and must be a "
                "number above 0, because training problems are drawn in proportion to it: for example "
                "word-problems=2,chain-sum."
            )
        if name in weights:
            raise UserError(f"--dataset-name {text!r} names {name!r} twice: name it once, with the sum of the weights.")
        check_mixable(name, text)
        weights[name] = weight
    if len(weights) == 1:
        raise UserError(
            f"--dataset-name {text!r} gives its only task a weight, which would have no effect: name other tasks, too, or "
            "leave the weight out."
        )
    return weights


def check_mixable(name: str, text: str) -> None:
    """Raises UserError unless the task exists, generates its problems, and has prompts of the usual form."""
    mixable = "Mix tasks such as word-problems, chain-sum, countdown, knights_knaves and reasoning-gym:NAME."
    if is_hub_name(name):
        raise UserError(
            f"--dataset-name {text!r}: {name} is a dataset of the hub, and only generated tasks are mixed. {mixable}"
        )
    if not is_task(name):
        raise unknown_name(f"task in --dataset-name {text!r}:", name, [*TASKS, "reasoning-gym:NAME"])
    task = load_task_class(name)
    if task.hub:
        raise UserError(
            f"--dataset-name {text!r}: {name} reads its problems from the hub or from files, and only generated tasks are "
            f"mixed. {mixable}"
        )
    if task.answer_type == VERDICT:
        raise UserError(
            f"--dataset-name {text!r}: {name} has a fixed prompt that asks for no result, and a mixture's prompts have one "
            f"form. {mixable}"
        )


def options_by_task(text: str | None, names: Sequence[str]) -> dict[str, str]:
    """Returns the --dataset-options of each generator in a mixture, as it takes them alone. Raises UserError.

    >>> options_by_task("gcd.max_value=50,gcd.min_value=2", ["reasoning-gym:gcd", "countdown"])
    {'reasoning-gym:gcd': 'max_value=50,min_value=2'}
    """
    generators = {short_name(name): name for name in names if family_of(name) is not None}
    found: dict[str, list[str]] = {}
    for part in text.split(",") if text is not None and generators else ():
        generator, dot, option = part.strip().partition(".")
        if not dot or "=" in generator:
            raise UserError(
                f"--dataset-options {text!r}: {part.strip()!r} does not say which task it is for: write the generator before "
                f"a dot, as in {next(iter(generators))}.{part.strip()}."
            )
        if generator not in generators:
            raise unknown_name(f"generator in --dataset-options {text!r}:", generator, generators)
        found.setdefault(generators[generator], []).append(option)
    return {name: ",".join(options) for name, options in found.items()}
