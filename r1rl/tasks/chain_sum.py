"""Task chain-sum: sums and differences of 3 to 5 integers, generated from the seed. The shortest example of a task.

A problem's split depends on its expression, so no train problem of any seed is a test problem of another.
"""

from __future__ import annotations

import random
from itertools import accumulate

from r1rl.records import Problem
from r1rl.tasks.base import GeneratedTask, check_split, split_of

SIZES = (3, 4, 5)  # integers in an expression
LARGEST = 99  # integer
TEST_SHARE = 8  # one expression in TEST_SHARE is for the test


class ChainSum(GeneratedTask):
    """The task."""

    name = "chain-sum"
    level_name = "integers"
    has_solutions = replaceable = reads_path = True
    train_count, test_count = 4000, 200

    def load(self, split: str) -> list[Problem]:
        """Returns all problems of "train" or "test"."""
        return generate(split, self.seed, self.counts[split])


def generate(split: str, seed: int, count: int) -> list[Problem]:
    """Returns `count` different problems of a split; the same ones for the same arguments."""
    check_split(split, ChainSum.name)
    rng = random.Random(f"chain-sum/{split}/{seed}")
    made: dict[str, Problem] = {}  # by expression: no problem occurs twice
    while len(made) < count:
        terms = draw_terms(rng)
        expression = str(terms[0]) + "".join(map(signed, terms[1:]))
        if split_of(expression, TEST_SHARE) == split and expression not in made:
            question, answer = f"What is {expression}?", str(sum(terms))
            made[expression] = Problem(
                f"{split}/{len(made)}", question, answer, solution_of(terms), ChainSum.name, len(terms)
            )
    return list(made.values())


def draw_terms(rng: random.Random) -> list[int]:
    """Draws integers, negative ones to be subtracted, until no partial sum is negative."""
    while True:
        terms = [rng.randint(1, LARGEST) * rng.choice((1, -1)) for _ in range(rng.choice(SIZES))]
        if min(accumulate(terms)) >= 0:
            return terms


def signed(term: int) -> str:
    """Returns " + 7" or " - 7"."""
    return f" {'-' if term < 0 else '+'} {abs(term)}"


def solution_of(terms: list[int]) -> str:
    """Returns one line per partial sum and the answer in GSM8K's form.

    >>> solution_of([7, -3, 5])
    '7 - 3 = 4\\n4 + 5 = 9\\n#### 9'
    """
    sums = list(accumulate(terms))
    lines = [f"{left}{signed(term)} = {right}" for left, term, right in zip(sums, terms[1:], sums[1:])]
    return "\n".join([*lines, f"#### {sums[-1]}"])
