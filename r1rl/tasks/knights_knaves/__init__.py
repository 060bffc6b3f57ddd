"""Task knights_knaves: who tells the truth and who lies? Generated from the seed, or read from a folder.

A puzzle's split depends on its claims alone, not on the people's names, so no train puzzle of any seed is a test
puzzle of another.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1rl.config.data_rules import people_in_training
from r1rl.config.flags import Config
from r1rl.records import KNIGHTS_KNAVES, Problem
from r1rl.rewards.grading.roles import ROLE_PAIRS, RolePair, Solution, write_solution
from r1rl.system.errors import UserError
from r1rl.system.files import parquet_rows
from r1rl.tasks.base import Task, check_solutions, check_split
from r1rl.tasks.knights_knaves.logic import (
    CONNECTIVES,
    LIES,
    NOT,
    TELLS_TRUTH,
    Claim,
    all_worlds,
    consistent,
    fingerprint,
    parse_claims,
    solve,
    truth_table,
)
from r1rl.tasks.knights_knaves.wording import draw_names, draw_pair, puzzle_text, role_word, say

LEVELS = (2, 3, 4, 5, 6, 7, 8)  # people in a puzzle
TEST_SHARE = 4  # one puzzle in TEST_SHARE is for the test: with two people there are only about a hundred
COLUMNS = ("quiz", "names", "knight_knave", "solution", "statements")
LAYOUT = "it must hold folders named 3ppl, 4ppl, ... with train.parquet and test.parquet"


@dataclass(frozen=True, slots=True)
class Puzzle:
    """A problem with its claims and solution as data, so that it can be solved in several ways."""

    problem: Problem
    claims: tuple[Claim, ...]
    solution: Solution


class KnightsKnaves(Task):
    """The task: training puzzles with the given numbers of people, test puzzles with each of 2 to 8."""

    name = "knights_knaves"
    source = "puzzles made up by r1rl, from the seed"
    answer_type = KNIGHTS_KNAVES
    reads_path = True
    level_name = stage_name = "people"
    even_levels = True  # its last table is accuracy by level

    @classmethod
    def check_flags(cls, config: Config) -> None:
        """Checks the flags that do not apply to roles, and --people. Raises UserError."""
        if config.answer_format not in ("tag", "auto"):
            raise UserError(
                f"--answer-format {config.answer_format} finds numbers, and the answer to a puzzle of knights_knaves is "
                "the role of each person: leave it out."
            )
        check_solutions(cls, config)
        if config.prompt_style != "tags":
            raise UserError(
                f"--prompt-style {config.prompt_style} removes the text that describes the form of a puzzle's answer: "
                "leave it out with knights_knaves."
            )
        people_in_training(config)

    @classmethod
    def from_config(cls, config: Config) -> Task:
        """Returns the puzzles of --dataset-path, or those of the run's seed."""
        people = people_in_training(config)
        if config.dataset_path is not None:
            return KnightsKnavesFolder(config.dataset_path, people)
        return cls(config.seed, people, config.claim_depth)

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
        """Returns all problems of "train" or "test", those with fewer people first."""
        return [
            puzzle.problem
            for people in self.people[split]
            for puzzle in generate(split, self.seed, people, self.counts[split], self.claim_depth)
        ]


def generate(split: str, seed: int, people: int, count: int, depth: int = 1) -> list[Puzzle]:
    """Returns `count` different puzzles of one size; the same ones for the same arguments.

    A claim of depth 0 is about one person, one of depth 1 joins such claims with one connective (not, and, or,
    if-then, if-and-only-if), and so on; `depth` is the maximum.
    """
    check_split(split, KnightsKnaves.name)
    if depth < 1:  # inverting all roles of a solution would give another one
        raise ValueError(f"depth is {depth}: no puzzle of claims about one person has exactly one solution")
    rng = random.Random(f"knights_knaves/{split}/{seed}/{people}/{depth}")
    made: dict[str, Puzzle] = {}  # by question: no puzzle occurs twice
    while len(made) < count:
        claims = tuple(draw_statement(speaker, people, depth, rng) for speaker in range(people))
        solutions = solve(claims)
        if len(solutions) != 1 or split_of(claims) != split:
            continue
        puzzle = write_puzzle(claims, solutions[0], f"{split}/{people}ppl/{len(made)}", rng)
        made.setdefault(puzzle.problem.question, puzzle)
    return list(made.values())


def draw_statement(speaker: int, people: int, depth: int, rng: random.Random) -> Claim:
    """Draws a claim that the speaker can make and that carries information."""
    while True:
        claim = draw_claim(people, depth, rng)
        if consistent(speaker, claim, people) not in (0, all_worlds(people)):
            return claim


def draw_claim(people: int, depth: int, rng: random.Random) -> Claim:
    """Draws a claim at most `depth` deep; the sides of a connective are neither equal nor opposite."""
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
    """Returns a puzzle's split, which does not depend on the people's names and order."""
    return "test" if fingerprint(claims) % TEST_SHARE == 0 else "train"


def write_puzzle(claims: tuple[Claim, ...], roles: tuple[bool, ...], problem_id: str, rng: random.Random) -> Puzzle:
    """Returns the puzzle of these claims, with random names and wording."""
    names, pair = draw_names(len(claims), rng), draw_pair(rng)
    return finish(problem_id, puzzle_text(claims, names, pair, rng), claims, Solution(names, roles, pair))


def finish(problem_id: str, question: str, claims: tuple[Claim, ...], solution: Solution) -> Puzzle:
    """Returns a puzzle with its gold answer and a short worked solution."""
    problem = Problem(
        id=problem_id,
        question=question,
        answer=write_solution(solution),
        solution=explain(claims, solution),
        task=KnightsKnaves.name,
        answer_type=KNIGHTS_KNAVES,
        level=len(claims),
    )
    return Puzzle(problem, claims, solution)


def explain(claims: Sequence[Claim], solution: Solution) -> str:
    """Returns why the solution fits, one line per person."""
    names, roles, pair = solution
    return "\n".join(
        f"{name} is {role_word(role, pair)}, and what {name} says is {'true' if role else 'false'}: "
        f"{say(claim, names, pair)}."
        for name, role, claim in zip(names, roles, claims)
    )


class KnightsKnavesFolder(KnightsKnaves):
    """Puzzles of a folder: training puzzles with the given numbers of people, all test puzzles.

    Every puzzle is solved on loading, and must have exactly the solution that the file gives.
    """

    def __init__(self, path: str, people: Sequence[int]):
        self.path, self.source = Path(path), path
        if not self.path.is_dir():
            raise UserError(f"--dataset-path {path!r} is not a folder: for knights_knaves {LAYOUT}.")
        matches = [re.fullmatch(r"(\d+)ppl", folder.name) for folder in self.path.iterdir()]
        sizes = tuple(sorted(int(match[1]) for match in matches if match))
        if missing := [n for n in people if n not in sizes]:
            has = ", ".join(f"{n}ppl" for n in sizes) or "no such folder"
            raise UserError(
                f"--dataset-path {path!r} has no folder {missing[0]}ppl: {LAYOUT}, one for every number of "
                f"people in training. It has {has}."
            )
        self.people = {"train": tuple(people), "test": sizes}

    def load(self, split: str) -> list[Problem]:
        """Returns all problems of "train" or "test". Raises UserError for missing or unreadable data."""
        problems = []
        for people in self.people[split]:
            path = self.path / f"{people}ppl" / f"{split}.parquet"
            for i, row in enumerate(read_rows(path)):
                problems.append(problem_from_row(row, people, f"{split}/{people}ppl/{i}", f"{path}, row {i}"))
        return problems


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Returns the rows of a parquet file. Raises UserError."""
    if not path.is_file():
        raise UserError(f"{path} is missing: each folder of puzzles needs train.parquet and test.parquet.")
    rows = parquet_rows(path)
    if not rows:
        raise UserError(f"{path} is empty: it must hold at least one puzzle.")
    if missing := [column for column in COLUMNS if column not in rows[0]]:
        raise UserError(
            f"{path} has no column {missing[0]!r}: the public puzzles have {', '.join(COLUMNS)}; "
            f"it has {', '.join(rows[0])}."
        )
    return rows


def problem_from_row(row: dict[str, Any], people: int, problem_id: str, where: str) -> Problem:
    """Returns one row as a Problem. Raises UserError unless it is a puzzle with exactly the given solution."""
    try:
        claims = parse_claims(row["statements"])
        names, roles = tuple(row["names"]), tuple(row["solution"])
        pair = find_pair(row["knight_knave"])
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{where}: {error}. Correct the row or leave it out.") from None
    if not len(claims) == len(names) == len(roles) == people or not are_names(names):
        raise UserError(f"{where} must have {people} people with different names, a claim and a role each.")
    solutions = solve(claims)
    if solutions != [roles]:
        raise UserError(
            f"{where}: the claims have {len(solutions)} solutions, and `solution` must be the only one. "
            "Correct the row or leave it out."
        )
    return finish(problem_id, row["quiz"], claims, Solution(names, roles, pair)).problem


def are_names(names: Sequence[str]) -> bool:
    """Returns whether all are words and differ in more than capital letters."""
    words = all(re.fullmatch(r"[^\W\d_][\w' -]*", name) for name in names)
    return words and len({name.lower() for name in names}) == len(names)


def find_pair(words: dict[str, str]) -> RolePair:
    """Returns the puzzle's words for the two roles. Raises ValueError for words that the grader does not know."""
    truth, lie = words["knight"].lower(), words["knave"].lower()
    if (truth, lie) not in ROLE_PAIRS:
        known = ", ".join("/".join(pair) for pair in ROLE_PAIRS)
        raise ValueError(f"the roles {truth!r} and {lie!r} are not among those that are graded ({known})")
    return RolePair(truth, lie)
