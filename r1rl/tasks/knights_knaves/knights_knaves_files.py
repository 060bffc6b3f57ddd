"""Task knights_knaves from a folder of the public puzzles: {n}ppl/train.parquet and {n}ppl/test.parquet."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from r1rl.records import Problem
from r1rl.rewards.grading.roles import ROLE_PAIRS, RolePair, Solution
from r1rl.system.errors import UserError
from r1rl.tasks.knights_knaves import KnightsKnaves, finish
from r1rl.tasks.knights_knaves.logic import parse_claims, solve

COLUMNS = ("quiz", "names", "knight_knave", "solution", "statements")

LAYOUT = "it must hold folders named 3ppl, 4ppl, ... with train.parquet and test.parquet"


class KnightsKnavesFolder:
    """Puzzles with the given numbers of people for training; for the test, all that the folder has.

    Every puzzle is solved anew on loading, and must have the solution that the file gives, and no other.
    """

    name = KnightsKnaves.name

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
