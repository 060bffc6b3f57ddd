"""Task knights_knaves: who tells the truth and who lies? Made up on the spot, or read from a folder.

A puzzle's split depends on its claims alone, whoever the people in it are, so no train puzzle of any seed is
a test puzzle of any other.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from r1rl.records import Problem
from r1rl.rewards.grading.roles import Solution, write_solution
from r1rl.tasks.knights_knaves.logic import (
    CONNECTIVES,
    LIES,
    NOT,
    TELLS_TRUTH,
    Claim,
    all_worlds,
    consistent,
    fingerprint,
    solve,
    truth_table,
)
from r1rl.tasks.knights_knaves.wording import draw_names, draw_pair, role_word, say, tell_puzzle

LEVELS = (2, 3, 4, 5, 6, 7, 8)  # people in a puzzle
TEST_SHARE = 4  # one puzzle in so many is for the test: with two people there are little more than a hundred


@dataclass(frozen=True, slots=True)
class Puzzle:
    """A problem with its claims and solution as data, so that it can be worked out in more than one way."""

    problem: Problem
    claims: tuple[Claim, ...]
    solution: Solution


class KnightsKnaves:
    """The task: puzzles with the given numbers of people for training, with each of 2 to 8 for the test."""

    name = "knights_knaves"
    source = "puzzles made up by r1rl, from the seed"

    def __init__(
        self,
        seed: int,
        people: Sequence[int] = (3,),
        claim_depth: int = 1,
        train_count: int = 1000,
        test_count: int = 60,
    ):
        self.seed, self.claim_depth = seed, claim_depth
        self.people = {"train": tuple(people), "test": LEVELS}
        self.counts = {"train": train_count, "test": test_count}  # for each number of people

    def load(self, split: str) -> list[Problem]:
        """All problems of a split ("train" or "test"), those with fewer people first."""
        return [
            puzzle.problem
            for people in self.people[split]
            for puzzle in generate(split, self.seed, people, self.counts[split], self.claim_depth)
        ]


def generate(split: str, seed: int, people: int, count: int, depth: int = 1) -> list[Puzzle]:
    """`count` different puzzles of one size; the same ones for the same arguments.

    A claim of depth 0 is about one person, of depth 1 joins such claims with one word (not, and, or, if-then,
    if-and-only-if), of depth 2 joins those, and so on; `depth` is the deepest that occurs.
    """
    if split not in ("train", "test"):
        raise ValueError(f"split is {split!r}; knights_knaves has 'train' and 'test'")
    if depth < 1:  # with everybody's role turned over, a solution would stay one
        raise ValueError(f"depth is {depth}: no puzzle of claims about one person has exactly one solution")
    rng = random.Random(f"knights_knaves/{split}/{seed}/{people}/{depth}")
    made: dict[str, Puzzle] = {}  # by question: no puzzle comes twice
    while len(made) < count:
        claims = tuple(draw_statement(speaker, people, depth, rng) for speaker in range(people))
        solutions = solve(claims)
        if len(solutions) != 1 or split_of(claims) != split:
            continue
        puzzle = tell(claims, solutions[0], f"{split}/{people}ppl/{len(made)}", rng)
        made.setdefault(puzzle.problem.question, puzzle)
    return list(made.values())


def draw_statement(speaker: int, people: int, depth: int, rng: random.Random) -> Claim:
    """A claim that the speaker can make and that says something."""
    while True:
        claim = draw_claim(people, depth, rng)
        if consistent(speaker, claim, people) not in (0, all_worlds(people)):
            return claim


def draw_claim(people: int, depth: int, rng: random.Random) -> Claim:
    """A claim at most `depth` deep; the sides of a connective are neither equal nor opposite."""
    kind = rng.choice(("about one", NOT, *CONNECTIVES)) if depth else "about one"
    if kind == "about one":
        return (rng.choice((TELLS_TRUTH, LIES)), rng.randrange(people))
    left = draw_claim(people, depth - 1, rng)
    if kind == NOT:
        return (NOT, left)
    while True:
        right = draw_claim(people, depth - 1, rng)
        if truth_table(left, people) ^ truth_table(right, people) not in (0, all_worlds(people)):
            return (kind, left, right)


def split_of(claims: Sequence[Claim]) -> str:
    """The split that a puzzle belongs to, whoever the people in it are and in whatever order."""
    return "test" if fingerprint(claims) % TEST_SHARE == 0 else "train"


def tell(claims: tuple[Claim, ...], roles: tuple[bool, ...], problem_id: str, rng: random.Random) -> Puzzle:
    """The finished puzzle, in words."""
    names, pair = draw_names(len(claims), rng), draw_pair(rng)
    solution = Solution(names, roles, pair)
    return finish(problem_id, tell_puzzle(claims, names, pair, rng), claims, solution)


def finish(problem_id: str, question: str, claims: tuple[Claim, ...], solution: Solution) -> Puzzle:
    """A puzzle with its gold answer and a short worked solution."""
    problem = Problem(
        id=problem_id,
        question=question,
        answer=write_solution(solution),
        solution=explain(claims, solution),
        task=KnightsKnaves.name,
        level=len(claims),
    )
    return Puzzle(problem, claims, solution)


def explain(claims: Sequence[Claim], solution: Solution) -> str:
    """Why the solution fits, one line a person."""
    names, roles, pair = solution
    return "\n".join(
        f"{name} is {role_word(role, pair)}, and what {name} says is {'true' if role else 'false'}: "
        f"{say(claim, names, pair)}."
        for name, role, claim in zip(names, roles, claims)
    )
