"""Calculations that a model wrote: read with Python's parser, worked out as exact fractions, and never run."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

MAX_CHARS = 200  # a calculation with six numbers has about 40

ALLOWED = re.compile(r"[\d\s()+*/-]*")  # of characters: whole numbers, four signs, brackets

SIGNS = str.maketrans({"×": "*", "⋅": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "[": "(", "]": ")"})

LATEX = ((r"\times", "*"), (r"\cdot", "*"), (r"\div", "/"), (r"\left", ""), (r"\right", ""), ("$", ""))


def calculated(text: str, numbers: Sequence[int]) -> Fraction | None:
    """The value of a calculation that takes each of the given numbers once at most; None for anything else.

    "= target" behind it is passed over: what counts is what the calculation gives.

    >>> calculated("(44 - 19) * 2 = 50", [19, 44, 2]), calculated("25 * 2", [19, 44, 2]), calculated("4 / 0", [4, 0])
    (Fraction(50, 1), None, None)
    """
    text = text.translate(SIGNS)
    for written, plain in LATEX:
        text = text.replace(written, plain)
    text = text.partition("=")[0].strip()
    if not text or len(text) > MAX_CHARS or not ALLOWED.fullmatch(text):
        return None
    try:
        tree = ast.parse(text, mode="eval").body
        found = value_of(tree)
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError):
        return None
    used = Counter(node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return found if used <= Counter(numbers) else None


def value_of(node: ast.AST) -> Fraction:
    """The value of +, -, * and / on whole numbers. Raises ValueError for anything else, and ZeroDivisionError."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return Fraction(node.value)
    if not isinstance(node, ast.BinOp):
        raise ValueError(f"no calculation: {type(node).__name__}")
    left, right = value_of(node.left), value_of(node.right)
    if isinstance(node.op, ast.Add):
        return left + right
    if isinstance(node.op, ast.Sub):
        return left - right
    if isinstance(node.op, ast.Mult):
        return left * right
    if isinstance(node.op, ast.Div):
        return left / right
    raise ValueError(f"no sign of the game: {type(node.op).__name__}")


@dataclass(frozen=True, slots=True)
class Game:
    """The numbers that may be used, each once, and what they must make."""

    numbers: tuple[int, ...]
    target: int

    def __str__(self) -> str:
        return f"{self.target} from {' '.join(map(str, self.numbers))}"


def parse_game(answer: str) -> Game:
    """The game of a problem's gold answer: "50 from 2 19 44"."""
    target, _, numbers = answer.partition(" from ")
    return Game(tuple(map(int, numbers.split())), int(target))
