"""Task knights_knaves: who tells the truth and who lies? Made up on the spot, or read from a folder.

A puzzle's split depends on its claims alone, whoever the people in it are, so no train puzzle of any seed is
a test puzzle of any other.
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
from r1rl.tasks.knights_knaves.wording import draw_names, draw_pair, role_word, say, tell_puzzle

LEVELS = (2, 3, 4, 5, 6, 7, 8)  # people in a puzzle

TEST_SHARE = 4  # one puzzle in so many is for the test: with two people there are little more than a hundred


@dataclass(frozen=True, slots=True)
class Puzzle:
    """A problem with its claims and solution as data, so that it can be worked out in more than one way."""

    problem: Problem
    claims: tuple[Claim, ...]
    solution: Solution


class KnightsKnaves(Task):
    """The task: puzzles with the given numbers of people for training, with each of 2 to 8 for the test."""

    name = "knights_knaves"
    source = "puzzles made up by r1rl, from the seed"
    answer_type = KNIGHTS_KNAVES
    level_name = "people"
    even_levels = True  # its last table is accuracy by level

    @classmethod
    def check_flags(cls, config: Config) -> None:
        """Checks the flags that do not apply to roles, and --people. Raises UserError."""
        if config.answer_format not in ("tag", "auto"):
            raise UserError(
                f"--answer-format {config.answer_format} finds numbers, and the answer to a puzzle of knights_knaves "
                "is everybody's role: leave it out."
            )
        if config.prompt_style != "tags":
            raise UserError(
                f"--prompt-style {config.prompt_style} leaves out the text that says what a puzzle's answer looks like: "
                "leave it out with knights_knaves."
            )
        people_in_training(config)
        check_solutions(cls, config)

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
    check_split(split, KnightsKnaves.name)
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
        answer_type=KNIGHTS_KNAVES,
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


COLUMNS = ("quiz", "names", "knight_knave", "solution", "statements")

LAYOUT = "it must hold folders named 3ppl, 4ppl, ... with train.parquet and test.parquet"


class KnightsKnavesFolder(Task):
    """Puzzles with the given numbers of people for training; for the test, all that the folder has.

    Every puzzle is solved anew on loading, and must have the solution that the file gives, and no other.
    """

    name, answer_type = KnightsKnaves.name, KNIGHTS_KNAVES
    level_name, even_levels = KnightsKnaves.level_name, True

    def __init__(self, path: str, people: Sequence[int]):
        self.path, self.source = Path(path), path
        if not self.path.is_dir():
            raise UserError(f"--dataset-path {path!r} is not a folder: for knights_knaves {LAYOUT}.")
        found = [re.fullmatch(r"(\d+)ppl", folder.name) for folder in self.path.iterdir()]
        there = tuple(sorted(int(match[1]) for match in found if match))
        missing = [n for n in people if n not in there]
        if missing:
            has = ", ".join(f"{n}ppl" for n in there) or "no such folder"
            raise UserError(
                f"--dataset-path {path!r} has no folder {missing[0]}ppl: {LAYOUT}, one for every number of "
                f"people that is trained on. It has {has}."
            )
        self.people = {"train": tuple(people), "test": there}

    def load(self, split: str) -> list[Problem]:
        """All problems of "train" or "test". Raises UserError for missing or unreadable data."""
        problems = []
        for people in self.people[split]:
            path = self.path / f"{people}ppl" / f"{split}.parquet"
            for i, row in enumerate(read_rows(path)):
                problems.append(problem_from_row(row, people, f"{split}/{people}ppl/{i}", f"{path}, row {i}"))
        return problems


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a parquet file. Raises UserError."""
    import pyarrow
    import pyarrow.parquet

    if not path.is_file():
        raise UserError(f"{path} is missing: each folder of puzzles needs train.parquet and test.parquet.")
    try:
        columns = pyarrow.parquet.read_schema(path).names
        missing = [column for column in COLUMNS if column not in columns]
        if missing:
            raise UserError(
                f"{path} has no column {missing[0]!r}: the public puzzles have {', '.join(COLUMNS)}; "
                f"it has {', '.join(columns)}."
            )
        rows = pyarrow.parquet.read_table(path, columns=list(COLUMNS)).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{path} is not a parquet file: {str(error).splitlines()[0]}") from None
    if not rows:
        raise UserError(f"{path} is empty: it must hold at least one puzzle.")
    return rows


def problem_from_row(row: dict[str, Any], people: int, problem_id: str, where: str) -> Problem:
    """One row as a Problem. Raises UserError for a row that is no puzzle or has not the solution it says."""
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
    """Whether all are different words, also for a reader who does not look at capital letters."""
    words = all(re.fullmatch(r"[^\W\d_][\w' -]*", name) for name in names)
    return words and len({name.lower() for name in names}) == len(names)


def find_pair(words: dict[str, str]) -> RolePair:
    """The puzzle's words for the two roles. Raises ValueError for words that the grader does not know."""
    truth, lie = words["knight"].lower(), words["knave"].lower()
    if (truth, lie) not in ROLE_PAIRS:
        known = ", ".join("/".join(pair) for pair in ROLE_PAIRS)
        raise ValueError(f"the roles {truth!r} and {lie!r} are not among those that are graded ({known})")
    return RolePair(truth, lie)
