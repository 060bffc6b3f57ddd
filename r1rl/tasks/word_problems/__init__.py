"""Task word-problems: grade-school word problems made up on the spot, in GSM8K's record shape.

The embedded default: no download, any number of problems from any seed. A problem's split depends on its
story and numbers alone, so no train problem of any seed is a test problem of any other.
"""

from __future__ import annotations

import random
import re
import string
from dataclasses import dataclass

from r1rl.records import Problem
from r1rl.tasks.base import GeneratedTask, check_split, split_of
from r1rl.tasks.word_problems.templates import MEDIUM, NAMES, TEMPLATES, THINGS, Template

LARGEST = 200  # no step gives more: a model of two million parameters shall be able to learn it all
TEST_SHARE = 8  # one in so many stories-with-numbers belongs to the test split

BRACKET = re.compile(r"\[(\S+) (\S) (\S+)\]")


@dataclass(frozen=True, slots=True)
class Step:
    """One sum of a solution, and the sentence around it (with `{}` where the sum stands)."""

    sentence: str
    operator: str  # one of + - * /
    left: int
    right: int
    left_step: int | None = None  # the earlier step (from 0) whose result is the left operand
    right_step: int | None = None
    slip: int | None = None  # a wrong result in place of the right one, where a text is to have it

    @property
    def result(self) -> int:
        """The right result, or the slip; divisions are exact by construction."""
        return calculate(self.left, self.operator, self.right) if self.slip is None else self.slip


@dataclass(frozen=True, slots=True)
class WorkedProblem:
    """A problem with its steps as data, so that its solution can be told in more than one way."""

    problem: Problem
    steps: tuple[Step, ...]


class WordProblems(GeneratedTask):
    """The task."""

    name = "word-problems"
    level_name = "steps"
    has_solutions = replaceable = True
    train_count, test_count = 4000, 200

    def load(self, split: str) -> list[Problem]:
        """Returns all problems of "train" or "test"."""
        return generate(split, self.seed, self.counts[split])


def generate(split: str, seed: int, count: int) -> list[Problem]:
    """`count` different problems of a split; the same ones for the same arguments."""
    return [worked.problem for worked in generate_worked(split, seed, count)]


def generate_worked(split: str, seed: int, count: int) -> list[WorkedProblem]:
    """Like `generate`, with the steps."""
    check_split(split, WordProblems.name)
    rng = random.Random(f"word-problems/{split}/{seed}")
    made: dict[str, WorkedProblem] = {}  # by question: no problem comes twice
    while len(made) < count:
        template = rng.choice(TEMPLATES)
        numbers = draw_numbers(template, rng)
        # the people and things in a story do not change its split
        if split_of(f"{template.question}|{sorted(numbers.items())}", TEST_SHARE) != split:
            continue
        worked = tell(template, numbers, draw_words(rng), f"{split}/{len(made)}")
        made.setdefault(worked.problem.question, worked)
    return list(made.values())


def calculate(left: int, operator: str, right: int) -> int:
    """left (+ - * /) right; the division rounds down where it is not exact."""
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right
    return left * right if operator == "*" else left // right


def draw_numbers(template: Template, rng: random.Random) -> dict[str, int]:
    """Numbers for the letters of a template, drawn until all its steps come out well."""
    letters = letters_of(template)
    while True:
        numbers = {letter: rng.randint(*template.ranges.get(letter, MEDIUM)) for letter in letters}
        if all(is_easy(step) for step in work_out(template, numbers)):
            return numbers


def is_easy(step: Step) -> bool:
    """Whether a step stays within 1 and LARGEST and divides without a rest."""
    exact = step.operator != "/" or step.left % step.right == 0
    return exact and 1 <= step.result <= LARGEST


def letters_of(template: Template) -> list[str]:
    """The number letters of a question, in the order they appear."""
    fields = [name for _, name, _, _ in string.Formatter().parse(template.question) if name]
    return [name for name in fields if len(name) == 1]


def draw_words(rng: random.Random) -> dict[str, str]:
    """Three different names and a thing."""
    name, other, third = rng.sample(NAMES, 3)
    return {"name": name, "other": other, "third": third, "thing": rng.choice(THINGS)}


def work_out(template: Template, numbers: dict[str, int]) -> list[Step]:
    """The steps of a template with its numbers filled in; names and things still stand in braces."""
    steps: list[Step] = []
    for sentence in template.steps:
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
    """The value of a letter, of an earlier step (`#1`) or of a plain number."""
    if text.startswith("#"):
        return steps[int(text[1:]) - 1].result
    return numbers[text] if text in numbers else int(text)


def tell(
    template: Template, numbers: dict[str, int], words: dict[str, str], problem_id: str
) -> WorkedProblem:
    """The finished problem: question, steps, and the worked solution as GSM8K writes it."""
    named = [
        Step(
            step.sentence.format("{}", **words),
            step.operator,
            step.left,
            step.right,
            step.left_step,
            step.right_step,
        )
        for step in work_out(template, numbers)
    ]
    answer = str(named[-1].result)
    problem = Problem(
        id=problem_id,
        question=template.question.format(**numbers, **words),
        answer=answer,
        solution=gsm8k_solution(named),
        task=WordProblems.name,
        level=len(named),
    )
    return WorkedProblem(problem, tuple(named))


def gsm8k_solution(steps: list[Step]) -> str:
    """Sentences with calculator notes, e.g. `There are 9-4=<<9-4=5>>5 pens left.`, then `#### 5`."""
    lines = []
    for step in steps:
        formula = f"{step.left}{step.operator}{step.right}"
        lines.append(step.sentence.format(f"{formula}=<<{formula}={step.result}>>{step.result}"))
    return "\n".join([*lines, f"#### {steps[-1].result}"])
