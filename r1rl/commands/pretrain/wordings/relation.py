"""A relation between the numbers of a question, and the wordings that express it."""

from __future__ import annotations

import re
from dataclasses import dataclass

CHOICE = re.compile(r"\[([^\[\]]*)\]")  # "[a|b|]": one of the parts, which may be empty


@dataclass(frozen=True, slots=True)
class Relation:
    """Calculations on drawn numbers, and the questions whose answer they are.

    A wording has places for numbers ({a}, {b}, {d}, ...) and words ({n}, {ts}, ...; see `draw_words` of stories.py), and
    choices: "[buys|gets] {b} [more|]" has four forms.
    """

    calculations: tuple[str, ...]  # "a + b", then "#1 - d" with the first result; the last one gives the answer
    ranges: dict[str, tuple[int, int]]  # of each number: smallest, largest
    wordings: tuple[str, ...]


def lines(text: str) -> tuple[str, ...]:
    """Returns the lines of a text that are not empty."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())
