"""Task word-problems: generated grade-school word problems in GSM8K's form.

The embedded default: no download, any number of problems from any seed. A problem's split depends on its story and
numbers alone, not on people and things, so no train problem of any seed is a test problem of another.
"""

from __future__ import annotations

import random
import re
import string
from dataclasses import dataclass, replace

from r1rl.records import Problem
from r1rl.tasks.base import GeneratedTask, check_split, split_of
from r1rl.tasks.word_problems.templates import MEDIUM, NAMES, TEMPLATES, THINGS, Template

LARGEST = 200  # largest result of a step: a model of two million parameters can learn that
TEST_SHARE = 8  # one story with its numbers in TEST_SHARE is for the test
SENTENCES = re.compile(r"(?<=\.) ")
BRACKET = re.compile(r"\[(\S+) (\S) (\S+)\]")


@dataclass(frozen=True, slots=True)
class Step:
    """One calculation of a solution, and the sentence around it (with `{}` in its place)."""

    sentence: str
    operator: str  # one of + - * /
    left: int
    right: int
    left_step: int | None = None  # the earlier step (from 0) whose result is the left operand
    right_step: int | None = None
    slip: int | None = None  # a wrong result, for texts with mistakes

    @property
    def result(self) -> int:
        """Returns the right result, or the slip; divisions are exact by construction."""
        return calculate(self.left, self.operator, self.right) if self.slip is None else self.slip


@dataclass(frozen=True, slots=True)
class WorkedProblem:
    """A problem with its steps as data, so that its solution can be written in several ways."""

    problem: Problem
    steps: tuple[Step, ...]


class WordProblems(GeneratedTask):
    """The task."""

    name = "word-problems"
    level_name = "steps"
    has_solutions = replaceable = reads_path = True
    train_count, test_count = 4000, 200

    def load(self, split: str) -> list[Problem]:
        """Returns all problems of "train" or "test"."""
        return generate(split, self.seed, self.counts[split])


def generate(split: str, seed: int, count: int) -> list[Problem]:
    """Returns `count` different problems of a split; the same ones for the same arguments."""
    return [worked.problem for worked in generate_worked(split, seed, count)]


def generate_worked(split: str, seed: int, count: int) -> list[WorkedProblem]:
    """Returns the problems of `generate` with their steps."""
    check_split(split, WordProblems.name)
    rng = random.Random(f"word-problems/{split}/{seed}")
    made: dict[str, WorkedProblem] = {}  # by question: no problem occurs twice
    while len(made) < count:
        template = rng.choice(TEMPLATES)
        numbers = draw_numbers(template, rng)
        if split_of(f"{template.question}|{sorted(numbers.items())}", TEST_SHARE) != split:
            continue
        worked = write_problem(template, numbers, draw_words(rng), f"{split}/{len(made)}")
        made.setdefault(worked.problem.question, worked)
    return list(made.values())


def calculate(left: int, operator: str, right: int) -> int:
    """Returns left (+ - * /) right; an inexact division rounds down."""
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right
    return left * right if operator == "*" else left // right


def draw_numbers(template: Template, rng: random.Random) -> dict[str, int]:
    """Draws numbers for the letters of a template until all its steps are easy."""
    letters = letters_of(template)
    while True:
        numbers = {letter: rng.randint(*template.ranges.get(letter, MEDIUM)) for letter in letters}
        if all(is_easy(step) for step in work_out(template, numbers)):
            return numbers


def is_easy(step: Step) -> bool:
    """Returns whether a step's result is from 1 to LARGEST, and a division exact."""
    exact = step.operator != "/" or step.left % step.right == 0
    return exact and 1 <= step.result <= LARGEST


def letters_of(template: Template) -> list[str]:
    """Returns the letters for numbers in a question, in order."""
    fields = [name for _, name, _, _ in string.Formatter().parse(template.question) if name]
    return [name for name in fields if len(name) == 1]


def draw_words(rng: random.Random) -> dict[str, str]:
    """Draws three different names and a thing."""
    name, other, third = rng.sample(NAMES, 3)
    return {"name": name, "other": other, "third": third, "thing": rng.choice(THINGS)}


def work_out(template: Template, numbers: dict[str, int]) -> list[Step]:
    """Returns the steps of a template with its numbers filled in, not yet the names and things."""
    steps: list[Step] = []
    for sentence in SENTENCES.split(template.solution):
        left, operator, right = BRACKET.search(sentence).groups()
        steps.append(
            Step(
                sentence=BRACKET.sub("{}", sentence),
                operator=operator,
                left=operand(left, numbers, steps),
                right=operand(right, numbers, steps),
                left_step=int(left[1:]) - 1 if left.startswith("#") else None,
                right_step=int(right[1:]) - 1 if right.startswith("#") else None,
            )
        )
    return steps


def operand(text: str, numbers: dict[str, int], steps: list[Step]) -> int:
    """Returns the value of a letter, of an earlier step (`#1`) or of a plain number."""
    if text.startswith("#"):
        return steps[int(text[1:]) - 1].result
    return numbers[text] if text in numbers else int(text)


def write_problem(template: Template, numbers: dict[str, int], words: dict[str, str], problem_id: str) -> WorkedProblem:
    """Returns the finished problem: question, steps, and the worked solution in GSM8K's form."""
    steps = [replace(s, sentence=s.sentence.format("{}", **words)) for s in work_out(template, numbers)]
    question, answer = template.question.format(**numbers, **words), str(steps[-1].result)
    problem = Problem(problem_id, question, answer, gsm8k_solution(steps), WordProblems.name, len(steps))
    return WorkedProblem(problem, tuple(steps))


def gsm8k_solution(steps: list[Step]) -> str:
    """Returns sentences with calculator notes, e.g. `There are 9-4=<<9-4=5>>5 pens left.`, then `#### 5`."""
    lines = []
    for step in steps:
        formula = f"{step.left}{step.operator}{step.right}"
        lines.append(step.sentence.format(f"{formula}=<<{formula}={step.result}>>{step.result}"))
    return "\n".join([*lines, f"#### {steps[-1].result}"])
