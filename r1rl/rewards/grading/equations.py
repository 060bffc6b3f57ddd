"""Calculations that a model wrote: read with Python's parser, worked out as exact fractions, and never run."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from r1rl.records import Problem
from r1rl.rewards.grading.answer import Grade, Rules, unwrap, verdict, without_lead
from r1rl.rewards.grading.choices import text_answer

MAX_CHARS = 200  # a calculation with six numbers has about 40
MAX_PARTS = 6  # of a chain of equations
ALLOWED = re.compile(r"[\d\s()+*/-]*")  # of characters: whole numbers, four signs, brackets
SIGNS = str.maketrans({"×": "*", "⋅": "*", "·": "*", "∙": "*", "÷": "/", "∕": "/", "[": "(", "]": ")"})
LATEX = (
    (re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}"), r"((\1)/(\2))"),
    (re.compile(r"\\(?:times|cdot|ast)(?![a-zA-Z])"), "*"),
    (re.compile(r"\\div(?![a-zA-Z])"), "/"),
    (re.compile(r"\\(?:left|right)(?![a-zA-Z])|\\[,;:! ]|\$"), " "),
    (re.compile(r"(?<=[\d)])\s*[xX]\s*(?=[\d(])"), "*"),
)


def grade_equation(completion: str, problem: Problem, config: Rules) -> Grade:
    """A calculation of countdown: right where it uses the given numbers and gives the target."""
    found = text_answer(completion, config)
    if found is None or found.trouble:
        return verdict(found and found.text, None, False, found.trouble if found else "")
    game = parse_game(problem.answer)
    value, reason = read_calculation(found.text, game.numbers)
    return verdict(found.text, None if value is None else str(value), value == game.target, reason)


def calculated(text: str, numbers: Sequence[int]) -> Fraction | None:
    """The value of a calculation that takes each of the given numbers once at most; None for anything else.

    >>> calculated("(44 - 19) * 2 = 50", [19, 44, 2]), calculated("25 * 2", [19, 44, 2]), calculated("4 / 0", [4, 0])
    (Fraction(50, 1), None, None)
    """
    return read_calculation(text, numbers)[0]


def read_calculation(text: str, numbers: Sequence[int]) -> tuple[Fraction | None, str]:
    """The value of a calculation, or None and the reason. What it claims to be ("= 50", "50 =") must be true."""
    if len(text) > 4 * MAX_CHARS:
        return None, "too long"
    text = unwrap(without_lead(unwrap(text))).translate(SIGNS)
    for pattern, plain in LATEX:
        text = pattern.sub(plain, text)
    parts = [part.strip() for part in text.split("=")]
    if len(parts) > MAX_PARTS or not all(map(readable, parts)):
        return None, "no calculation"
    try:
        trees = [ast.parse(part, mode="eval").body for part in parts]
        values = [value_of(tree) for tree in trees]
    except ZeroDivisionError:
        return None, "division by zero"
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None, "no calculation"
    if len(set(values)) > 1:
        return None, "false claim"
    calculations = [tree for tree in trees if isinstance(tree, ast.BinOp)] or trees[:1]
    given = Counter(numbers)
    if not any(used(tree) <= given for tree in calculations):
        return None, "other numbers than the given"
    return values[0], ""


def readable(part: str) -> bool:
    """Whether a part of an equation has the signs of a calculation only."""
    return bool(part) and len(part) <= MAX_CHARS and ALLOWED.fullmatch(part) is not None


def used(tree: ast.AST) -> Counter[int]:
    """How often a calculation uses each number."""
    return Counter(node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))


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
