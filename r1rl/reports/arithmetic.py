"""Finds calculations in a text ("0.4 × 60 marbles = 24") and evaluates them exactly; no text is run as code.

Each equals sign is read with a bounded part of the text on either side, so that the time is linear in the length of
any text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

LEFT, RIGHT = 70, 40  # characters read before and after an equals sign
MOST_TOKENS = 40  # of one side; keeps fractions small and parentheses shallow
MOST_EQUATIONS = 200  # of one text; a text with more is no solution
WORDS = (" is ", " are ", " equals ", " gives ", " make ", " makes ", " leaves ")  # before a number like "="
SIGNS = frozenset("-+*/\\−–×÷·")
SPELLED = (" x ", " of ", " plus ", " minus ", " times ", " divided ", " multiplied ")
OPERATORS = {
    "−": "-", "–": "-", "minus": "-", "plus": "+", "÷": "/", "\\div": "/", "divided": "/",
    "×": "*", "·": "*", "x": "*", "of": "*", "times": "*", "multiplied": "*",
    "\\times": "*", "\\cdot": "*",
}  # fmt: skip
DIGITS = r"\d{1,3}(?:,\d{3}){1,4}(?!\d)(?:\.\d{1,12})?|\d{1,15}(?:\.\d{1,12})?"
TOKEN = re.compile(
    rf"""(?P<space>[ \t$€£]+)
    |(?P<word>[^\W\d_]+)
    |(?P<number>{DIGITS})
    |(?P<operator>[-+−–*×÷/·]|\\(?:times|div|cdot)\b)
    |(?P<percent>\\?%)
    |(?P<bracket>[()])
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
NUMBER_AFTER = re.compile(
    rf"(?:\s?<<[^<>\n]{{0,80}}>>)?[\s$€£]{{0,4}}([-−]?)[$€£]?({DIGITS})(?!\d)(\s?\\?%)?"
    r"(?!\s{0,2}[+*×÷/·])(?!\s{1,2}[-−–]\s)"  # 6 * 8 = 40 + 8: a sum follows, not a result
)

Number = int | Fraction  # whole numbers are int, which is several times faster


@dataclass(frozen=True, slots=True)
class Equation:
    """A calculation and the result that the text states for it."""

    start: int
    end: int
    numbers: tuple[Number, ...]
    operators: tuple[str, ...]
    value: Number  # exact
    stated: Number  # in the text
    decimals: int  # of the stated result
    percent: bool  # a percent sign follows the stated result

    @property
    def holds(self) -> bool:
        """Whether the stated result is correct to its number of decimals."""
        slack = Fraction(1, 2 * 10**self.decimals) if self.decimals else 0
        scale = (1, 100) if self.percent else (1,)
        return any(abs(self.value * s - self.stated) <= slack for s in scale)

    @property
    def quantity(self) -> tuple:
        """A key that is equal for the same calculation in either order: 3 * 4 and 4 * 3."""
        if set(self.operators) in ({"+"}, {"*"}):
            return self.operators, tuple(sorted(self.numbers))
        return self.operators, self.numbers


def exact(digits: str) -> Number:
    """Returns the value of digits with thousands separators or a decimal point."""
    digits = digits.replace(",", "")
    return Fraction(digits) if "." in digits else int(digits)


def find_equations(text: str) -> list[Equation]:
    """Returns the calculations with a result in a text, in order; GSM8K's <<3*4=12>> notes are skipped."""
    found: list[Equation] = []
    previous_end = 0
    for left_end, right_start in equals_signs(text):
        if len(found) >= MOST_EQUATIONS:
            break
        start = max(previous_end, left_end - LEFT)
        if text.rfind("<<", start, left_end) < 0:
            equation = read_equation(text, start, left_end, right_start)
            if equation is not None:
                found.append(equation)
        previous_end = right_start
    return found


def equals_signs(text: str) -> list[tuple[int, int]]:
    """Returns (start, end) of each "=", "≈", and of each of WORDS before a number, in order."""
    found = []
    for sign in "=≈":
        at = text.find(sign)
        while at >= 0:
            found.append((at, at + 1))
            at = text.find(sign, at + 1)
    for word in WORDS:
        at = text.find(word)
        while at >= 0:
            end = at + len(word)
            if text[end : end + 2].lstrip("$€£")[:1].isdigit():
                found.append((at + 1, end))
            at = text.find(word, end - 1)
    return sorted(found)


def read_equation(text: str, start: int, left_end: int, right_start: int) -> Equation | None:
    """Returns the equation around one equals sign; None if there is none."""
    right = read_number(text, right_start)
    if right is None:
        return None
    window = text[start:left_end]
    if SIGNS.isdisjoint(window) and not any(word in window for word in SPELLED):
        return None
    side, begin = expression_before(text, start, left_end)
    operators = tuple(t for t in side if isinstance(t, str) and t in "+-*/")
    if not operators or len(side) > MOST_TOKENS:
        return None
    value = evaluate(side)
    if value is None:
        return None
    stated, decimals, percent, end = right
    numbers = tuple(t for t in side if not isinstance(t, str))
    return Equation(begin, end, numbers, operators, value, stated, decimals, percent)


def read_number(text: str, start: int) -> tuple[Number, int, bool, int] | None:
    """Returns (value, decimals, whether percent, end) of a number after an equals sign; None before a calculation."""
    match = NUMBER_AFTER.match(text, start, start + RIGHT)
    if match is None:
        return None
    sign, digits, percent = match.groups()
    value = exact(digits) * (-1 if sign else 1)
    return value, len(digits.partition(".")[2]), percent is not None, match.end()


def expression_before(text: str, start: int, end: int) -> tuple[list[Number | str], int]:
    """Returns the longest run of numbers, operators and brackets that ends at `end`, and where it begins."""
    run: list[Number | str] = []
    begin = words = 0
    for token in TOKEN.finditer(text, start, end):
        kind, piece = token.lastgroup, token.group()
        if kind == "space":
            continue
        if kind == "word":
            if piece not in OPERATORS:
                words += piece != "by"  # divided by, multiplied by
                continue
            kind = "operator"
        two_numbers = kind == "number" and run and not isinstance(run[-1], str)
        if kind == "other" or two_numbers or (words and not continues(run, kind, piece, words)):
            run = []
        words = 0
        if kind == "percent" and run and not isinstance(run[-1], str):
            run[-1] = Fraction(run[-1], 100)
        elif kind in ("number", "operator", "bracket"):
            begin = begin if run else token.start()
            run.append(exact(piece) if kind == "number" else OPERATORS.get(piece, piece))
    unit = words <= 2 and run and not isinstance(run[-1], str)
    return (run if unit or not words else []), begin


def continues(run: list[Number | str], kind: str | None, piece: str, words: int) -> bool:
    """Returns whether words are allowed here: up to two, as a unit between a number and an operator or bracket."""
    return bool(run) and not isinstance(run[-1], str) and words <= 2 and (kind == "operator" or piece == ")")


def evaluate(tokens: list[Number | str]) -> Number | None:
    """Returns the exact value of numbers, + - * / and brackets; None if invalid, or for a division by zero.

    A recursive descent parser: its functions take tokens from the end of the reversed list.
    """
    rest = tokens[::-1]
    try:
        value = total(rest)
    except (IndexError, ZeroDivisionError, ValueError):
        return None
    return None if rest else value


def total(rest: list[Number | str]) -> Number:
    """Evaluates products, added and subtracted."""
    value = product(rest)
    while rest and rest[-1] in ("+", "-"):
        value = value + product(rest) if rest.pop() == "+" else value - product(rest)
    return value


def product(rest: list[Number | str]) -> Number:
    """Evaluates factors, multiplied and divided."""
    value = factor(rest)
    while rest and rest[-1] in ("*", "/"):
        value = value * factor(rest) if rest.pop() == "*" else Fraction(value) / factor(rest)
    return value


def factor(rest: list[Number | str]) -> Number:
    """Evaluates a number, a negated factor or a bracket. Raises ValueError, or IndexError at the end."""
    token = rest.pop()
    if not isinstance(token, str):
        return token
    if token == "-":
        return -factor(rest)
    if token == "(":
        value = total(rest)
        if rest.pop() == ")":
            return value
    raise ValueError(token)
