"""Task countdown: reach a target with given numbers and + - * /, after the television game; made up from the seed.

Source of the task as reinforcement learning: Jiayi-Pan/TinyZero (2025), with 3 or 4 numbers up to 99 and targets up to 99.
Each game is made by playing it, so it can be solved, and a solver that tries everything has the last word. The split
depends on numbers and target alone, so no train game of any seed is a test game of any other.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import combinations

from r1rl.records import COUNTDOWN, Problem
from r1rl.rewards.grading.equations import Game, calculated
from r1rl.tasks.base import GeneratedTask, check_split, split_of

SIZES = (3, 4)  # how many numbers a game has

LARGEST = 99  # number, target

TEST_SHARE = 5  # one game in so many is for the test

CLOSE = 1e-6  # how far a float may be from the target that it stands for


class Countdown(GeneratedTask):
    """The task."""

    name = "countdown"
    source = "countdown games made up by r1rl, from the seed"
    answer_type = COUNTDOWN
    train_count, test_count = 4000, 400

    def load(self, split: str) -> list[Problem]:
        """Returns all problems of "train" or "test"."""
        return generate(split, self.seed, self.counts[split])


def generate(split: str, seed: int, count: int) -> list[Problem]:
    """`count` different games of a split; the same ones for the same arguments."""
    check_split(split, Countdown.name)
    rng = random.Random(f"countdown/{split}/{seed}")
    made: dict[Game, Problem] = {}
    while len(made) < count:
        game = play(rng)
        if game is not None and split_of(str(game), TEST_SHARE) == split and game not in made:
            made[game] = tell(game, f"{split}/{len(made)}")
    return list(made.values())


def play(rng: random.Random) -> Game | None:
    """A game that comes about by calculating with random numbers; None where that led nowhere."""
    numbers = [rng.randint(1, LARGEST) for _ in range(rng.choice(SIZES))]
    left = list(numbers)
    while len(left) > 1:
        one, other = (left.pop(rng.randrange(len(left))) for _ in range(2))
        left.append(rng.choice(easy_results(one, other)))
    if not 1 <= left[0] <= LARGEST or left[0] in numbers:
        return None
    return Game(tuple(sorted(numbers)), left[0])


def easy_results(one: int, other: int) -> list[int]:
    """What two numbers make where that is whole and not negative, so that people can play it in their heads."""
    differences = [one - other] if one >= other else []
    quotients = [one // other] if other and one % other == 0 else []
    return [one + other, one * other, *differences, *quotients]


def tell(game: Game, problem_id: str) -> Problem:
    """A game as a problem, with one of its solutions."""
    numbers = ", ".join(map(str, game.numbers))
    question = (
        f"Use the numbers {numbers} to make {game.target}. You may add, subtract, multiply and divide, and use each "
        "number once at most."
    )
    solution = solve(game.numbers, game.target)
    return Problem(
        problem_id,
        question,
        str(game),
        f"{solution} = {game.target}",
        Countdown.name,
        len(game.numbers),
        answer_type=COUNTDOWN,
    )


def solve(numbers: Sequence[int], target: int) -> str | None:
    """A calculation that makes the target of some of the numbers, each once at most; None where there is none."""
    return search([(float(n), str(n)) for n in numbers], numbers, target)


def search(left: list[tuple[float, str]], numbers: Sequence[int], target: int) -> str | None:
    """Joins every two of what is left by every sign, until the target is among it.

    With floats it is five times as fast; what looks like the target is worked out again exactly.
    """
    for value, written in left:
        if abs(value - target) < CLOSE:
            bare = written[1:-1] if written.startswith("(") else written
            if calculated(bare, numbers) == target:
                return bare
    for i, j in combinations(range(len(left)), 2):
        rest = [left[k] for k in range(len(left)) if k not in (i, j)]
        for joined in joins(*left[i], *left[j]):
            if (found := search([*rest, joined], numbers, target)) is not None:
                return found
    return None


def joins(a: float, said_a: str, b: float, said_b: str) -> list[tuple[float, str]]:
    """What two values make with every sign, in both orders where that differs."""
    made = [(a + b, f"({said_a} + {said_b})"), (a * b, f"({said_a} * {said_b})")]
    made += [(a - b, f"({said_a} - {said_b})"), (b - a, f"({said_b} - {said_a})")]
    made += [(a / b, f"({said_a} / {said_b})")] if b else []
    made += [(b / a, f"({said_b} / {said_a})")] if a else []
    return made
