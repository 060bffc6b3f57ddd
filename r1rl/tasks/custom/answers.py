"""Gold answers in custom data: numbers, LaTeX, texts and letters, one reader each; and what is no answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from r1rl.records import CHOICE, LATEX, NUMBER, TEXT
from r1rl.rewards.grading.answer import is_readable
from r1rl.rewards.grading.choices import choice_of
from r1rl.rewards.grading.numbers import extract, parse_gold

PLACEHOLDERS = ("proof", "notfound", "not found", "n/a", "null")  # NuminaMath-1.5 has the first two
INTEGER = re.compile(r"(\d{1,2})(?:\.0)?")
TASKS = {NUMBER: "own", LATEX: "math", TEXT: "text", CHOICE: "choice"}  # Problem.task by answer type


def answer_text(value: Any, column: str) -> str:
    """Returns an answer as text; of a list with one element, that element. Raises ValueError."""
    if isinstance(value, list) and len(value) == 1:
        return answer_text(value[0], column)
    if value is None or value != value or (isinstance(value, str) and not value.strip()):
        raise ValueError(f"nothing in column {column!r}")
    if isinstance(value, list | dict | bytes):
        raise ValueError(f"{kind_of(value)} instead of text in column {column!r}")
    return str(value).strip()


def kind_of(value: Any) -> str:
    """Returns what a value is, for a message."""
    return "binary data" if isinstance(value, bytes) else f"a {type(value).__name__}"


def is_placeholder(raw: str, kind: str) -> bool:
    """Returns whether a text stands for a missing answer of this type: where numbers are wanted, "None" does, too."""
    return raw.casefold() in PLACEHOLDERS or (kind == NUMBER and raw.casefold() == "none")  # GSM-Plus


def first_number(answers: Iterable[Any]) -> int:
    """Returns the number of the first option, by all answers of multiple-choice data: 0 if one of them is 0, else 1."""
    return 0 if any(str(a).strip() in ("0", "0.0") for a in answers) else 1


def as_letter(raw: str, first: int) -> str:
    """Returns an option's number as its letter; any other text unchanged.

    >>> as_letter("2", first=0), as_letter("2", first=1)
    ('C', 'B')
    """
    found = INTEGER.fullmatch(raw)
    place = int(found[1]) - first if found else -1
    return chr(ord("A") + place) if 0 <= place < 26 else raw


def gold_number(raw: str) -> str:
    """Reads one number: alone, after '####' or in \\boxed{}. Raises ValueError."""
    try:
        return parse_gold(raw)
    except ValueError:
        raise ValueError(f"the answer {shortened(raw)} is not one number (see --answer-type)") from None


def gold_latex(raw: str) -> str:
    r"""Reads an expression: the content of the last \boxed{}, or all of it. Raises ValueError."""
    gold = extract(raw, "boxed") or raw
    if not is_readable(gold):
        raise ValueError(f"the answer {shortened(raw)} is not an expression")
    return gold


def gold_text(raw: str) -> str:
    """Reads the text after '####', or all of it. Raises ValueError."""
    gold = raw.rpartition("####")[2].strip()
    if not gold:
        raise ValueError(f"nothing after the #### of {shortened(raw)}")
    return gold


def gold_choice(raw: str) -> str:
    """Reads a letter: "B", "(B)" or "B) blue". Raises ValueError."""
    letter = choice_of(raw)
    if letter is None:
        raise ValueError(f"the answer {shortened(raw)} is not the letter of an option, such as B")
    return letter


GOLDS: dict[str, Callable[[str], str]] = {
    NUMBER: gold_number, LATEX: gold_latex, TEXT: gold_text, CHOICE: gold_choice,
}  # fmt: skip


def shortened(raw: str) -> str:
    """Returns the end of a long text, quoted."""
    return repr(raw if len(raw) <= 40 else f"...{raw[-37:]}")


def worked_solution(raw: str) -> str:
    r"""Returns an answer that shows its derivation, before '####' or around \boxed{}; empty for any other."""
    if "####" in raw:
        return raw if raw.partition("####")[0].strip() else ""
    return raw if "\\boxed" in raw and not raw.startswith("\\boxed") else ""
