"""The roles of a Knights and Knaves puzzle: their words, and the gold answer as one line a person."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple


class RolePair(NamedTuple):
    """The words for the two roles of a puzzle, in the singular."""

    truth: str  # always tells the truth
    lie: str  # always lies


KNIGHT_KNAVE = RolePair("knight", "knave")

GENERAL = RolePair("truth-teller", "liar")  # understood in every puzzle, whatever its own words are

ROLE_PAIRS = (
    KNIGHT_KNAVE,
    GENERAL,
    # those of the public puzzles' variants: AlphaPav/mem-kk-logic, data_prep
    RolePair("pioneer", "laggard"),
    RolePair("saint", "sinner"),
    RolePair("hero", "villain"),
    RolePair("angel", "devil"),
    RolePair("altruist", "egoist"),
    RolePair("sage", "fool"),
)


class Solution(NamedTuple):
    """Everybody's role: True for the one that tells the truth."""

    names: tuple[str, ...]
    roles: tuple[bool, ...]
    pair: RolePair


def with_article(word: str) -> str:
    """ "a knight", "an angel"."""
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def write_solution(solution: Solution) -> str:
    """One numbered line a person: "(1) Zoey is a knight"."""
    words = [solution.pair.truth if role else solution.pair.lie for role in solution.roles]
    lines = [f"({i}) {n} is {with_article(w)}" for i, (n, w) in enumerate(zip(solution.names, words), 1)]
    return "\n".join(lines)


@lru_cache(maxsize=1024)
def parse_solution(text: str) -> Solution:
    """The inverse of `write_solution`, for gold answers. Raises ValueError."""
    lines = [re.fullmatch(r"\(\d+\) (.+) is an? (.+)", line) for line in text.splitlines()]
    words = {line[2] for line in lines if line}
    pair = next((p for p in ROLE_PAIRS if words <= set(p)), None)
    if not lines or None in lines or pair is None:
        raise ValueError(f"the gold answer {text[:80]!r} must be lines such as '(1) Zoey is a knight'")
    return Solution(tuple(line[1] for line in lines), tuple(line[2] == pair.truth for line in lines), pair)
