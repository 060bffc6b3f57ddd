"""Tasks reasoning-gym:NAME: problems of the generators of the package reasoning-gym (Stojanovski et al. 2025).

Source: arXiv:2505.24760, the package's version 0.1.25 (Apache-2.0). Answers are graded by r1rl as numbers or as texts. A
problem's split depends on its question, so no train problem of any seed is a test problem of another.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from importlib import metadata
from typing import Any, ClassVar

from r1rl.config.flags import Config, read_stages
from r1rl.records import NUMBER, Problem
from r1rl.rewards.grading.answer import MAX_ANSWER_CHARS
from r1rl.rewards.grading.numbers import parse_gold
from r1rl.system.console import console
from r1rl.system.errors import UserError
from r1rl.tasks.base import GeneratedTask, check_split, split_of
from r1rl.tasks.reasoning_gym.generators import FAMILY, Generator, generator_named
from r1rl.tasks.reasoning_gym.options import check_installed, given_options, is_installed, make_dataset, reason_of

TEST_SHARE = 10  # one question in TEST_SHARE is for the test
LEVEL_TRAIN, LEVEL_TEST = 1000, 100  # problems of each level of --stages
LAST_SEED = 2**32 - 1
# A generator has no more problems after this number of draws, of repeated questions in a row, or of bad answers.
MOST_DRAWN, MOST_REPEATED, GIVEN_UP = 20_000, 1000, 1000
MOST_BAD = 0.1  # share of the problems that may be left out because their answer cannot be graded


class ReasoningGym(GeneratedTask):
    """The problems of one generator; `task_named` makes its class."""

    train_count, test_count = 4000, 400
    generator: ClassVar[str]  # its name in the package
    entry: ClassVar[Generator]

    @classmethod
    def check_flags(cls, config: Config) -> None:
        """Checks the options, as far as that is possible without the package, and that no data replaces the problems."""
        super().check_flags(config)
        if config.dataset_path is not None:
            raise UserError(
                f"--dataset-path {config.dataset_path!r}: --dataset-name {cls.name} generates its problems. Leave one of "
                "them out."
            )
        levels = levels_of(config)
        if 0 < config.eval_count < len(levels) > 1:
            raise UserError(
                f"--eval-count {config.eval_count} is less than the {len(levels)} levels of --stages {config.stages}, and an "
                f"evaluation has problems of each: use --eval-count {len(levels)} or more."
            )
        if (given_options(config.dataset_options) or levels != (None,)) and is_installed():
            for level in levels:
                make_dataset(cls.generator, config.dataset_options, config.seed, size=1, level=level)

    @classmethod
    def from_config(cls, config: Config) -> ReasoningGym:
        """Returns the task with the run's seed, options and levels. Raises UserError if the package is not installed."""
        if config.stages is None:
            return cls(config.seed, options=config.dataset_options)
        return cls(config.seed, LEVEL_TRAIN, LEVEL_TEST, config.dataset_options, levels_of(config))

    def __init__(
        self,
        seed: int,
        train_count: int | None = None,
        test_count: int | None = None,
        options: str | None = None,
        levels: Sequence[int | None] = (None,),
    ):
        """`levels` of the generator's curriculum, with `train_count` and `test_count` problems each; None: no curriculum."""
        check_installed(self.name)
        super().__init__(seed, train_count, test_count)
        self.options, self.levels = options, levels
        self.even_levels = None not in levels
        with_options = f" with {options}" if options else ""
        with_levels = f", levels {', '.join(map(str, levels))}" if self.even_levels else ""
        self.source = f"{self.name} (version {metadata.version(FAMILY)}){with_options}{with_levels}, from the seed"
        self._problems: dict[str, list[Problem]] | None = None

    def load(self, split: str) -> list[Problem]:
        """Returns all problems of "train" or "test", which are generated at the first call. Raises UserError."""
        check_split(split, self.name)
        if self._problems is None:
            self._problems = {"train": [], "test": []}
            seen: set[str] = set()  # of two levels with the same question the lower one has it
            for level in sorted(self.levels):
                for name, problems in self.generate(level, seen).items():
                    self.report_count(name, level, len(problems))
                    self._problems[name] += problems
        return self._problems[split]

    def generate(self, level: int | None, seen: set[str]) -> dict[str, list[Problem]]:
        """Returns the first problems of a level, by split, whose questions are new to `seen`, which gets them.

        They are fewer where the generator repeats itself. Raises UserError if it fails or an answer cannot be graded.
        """
        dataset = make_dataset(self.generator, self.options, self.generator_seed(level), MOST_DRAWN, level)
        made: dict[str, list[Problem]] = {"train": [], "test": []}
        bad: list[str] = []
        repeated = 0
        for index in range(MOST_DRAWN):
            full = all(len(made[split]) >= count for split, count in self.counts.items())
            if full or repeated >= MOST_REPEATED or len(bad) >= GIVEN_UP:
                break
            item = self.item(dataset, index, level)
            question = item["question"].strip()
            repeated = repeated + 1 if question in seen else 0
            if repeated:
                continue
            seen.add(question)
            split = split_of(question, TEST_SHARE)
            if len(made[split]) >= self.counts[split]:
                continue
            place = f"{split}/{len(made[split])}" if level is None else f"{split}/level{level}/{len(made[split])}"
            try:
                made[split].append(self.problem(question, item, place, level))
            except ValueError as error:
                bad.append(f"{question[-100:]!r}: {error}")
        self.report_bad(bad, sum(map(len, made.values())), level)
        return made

    def generator_seed(self, level: int | None) -> int:
        """Returns the generator's seed: neighbouring seeds of the package share all but one of their problems."""
        key = f"{self.name}/{self.seed}" if level is None else f"{self.name}/{self.seed}/{level}"
        digest = hashlib.sha256(key.encode()).digest()
        return int.from_bytes(digest[:4], "big") % (LAST_SEED - MOST_DRAWN)

    def item(self, dataset: Any, index: int, level: int | None) -> dict[str, Any]:
        """Returns one item of the dataset. Raises UserError if the generator fails, as for options without a problem."""
        try:
            return dataset[index]
        except Exception as error:  # whatever a generator raises
            raise UserError(
                f"{self.name} with {self.settings(level)} fails at its problem {index}: {reason_of(error)}. Use other "
                f"{changeable(level)}."
            ) from None

    def settings(self, level: int | None) -> str:
        """Returns the options and the level of problems, for a message."""
        return f"--dataset-options {self.options}" + ("" if level is None else f" and level {level} of --stages")

    def problem(self, question: str, item: dict[str, Any], problem_id: str, level: int | None) -> Problem:
        """Returns an item as a problem of a level of --stages. Raises ValueError if its answer cannot be graded."""
        answer = str(item["answer"]).strip()
        if self.answer_type == NUMBER:
            parse_gold(answer)
        elif not 0 < len(answer) <= MAX_ANSWER_CHARS:
            raise ValueError(f"the gold answer has {len(answer)} characters; 1 to {MAX_ANSWER_CHARS} can be graded")
        if level is None and self.entry.level is not None:
            level = item["metadata"].get(self.entry.level)
        return Problem(
            problem_id,
            question,
            answer,
            worked_solution(item, answer) if self.has_solutions else "",
            self.name,
            level if type(level) is int else None,
            self.answer_type,
        )

    def report_bad(self, bad: list[str], good: int, level: int | None) -> None:
        """Prints how many problems are left out. Raises UserError if they are too many."""
        if len(bad) > MOST_BAD * (len(bad) + good):
            raise UserError(
                f"{self.name} with {self.settings(level)}: {len(bad)} of {len(bad) + good} problems cannot be graded, more "
                f"than {MOST_BAD:.0%}; question {bad[0]}. Use other {changeable(level)}."
            )
        if bad:
            text = f"left out {len(bad)} problems of {self.name}: question {bad[0]}"
            console.print(text, markup=False)

    def report_count(self, split: str, level: int | None, count: int) -> None:
        """Prints that there are fewer problems than wanted. Raises UserError if there is none."""
        if count == 0 and self.counts[split]:
            raise UserError(
                f"{self.name} with {self.settings(level)} has no {split} problem, because it has so few different "
                f"ones: use other {changeable(level)}."
            )
        if count < self.counts[split]:
            at = "" if level is None else f" at level {level}"
            console.print(f"{self.name} has only {count} different {split} problems{at}, not {self.counts[split]}")


def changeable(level: int | None) -> str:
    """Returns what the user can set to get other problems, for a message."""
    return "options" if level is None else "levels"


def levels_of(config: Config) -> tuple[int | None, ...]:
    """Returns the levels of --stages, (None,) without it. Raises UserError."""
    return (None,) if config.stages is None else read_stages(config)


def worked_solution(item: dict[str, Any], answer: str) -> str:
    """Returns the worked solution of gsm_symbolic with the answer as it is graded after the ####."""
    return f"{item['metadata']['answer_cot'].partition('####')[0].strip()}\n#### {answer}"


@functools.cache
def task_named(dataset_name: str) -> type[ReasoningGym]:
    """Returns the class of --dataset-name reasoning-gym:NAME. Raises UserError for an unknown or refused generator."""
    generator = dataset_name.removeprefix(f"{FAMILY}:")
    entry = generator_named(generator)
    attributes: dict[str, Any] = {
        "name": dataset_name,
        "generator": generator,
        "entry": entry,
        "answer_type": entry.answer_type,
        "has_solutions": entry.has_solutions,
    }
    if entry.level is not None:
        attributes["level_name"] = entry.level.removeprefix("num_").replace("_", " ")
    return type("ReasoningGym", (ReasoningGym,), attributes)
