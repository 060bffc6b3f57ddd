"""Gold answers in custom data: numbers, LaTeX, texts and letters, one reader each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from r1rl.records import CHOICE, LATEX, NUMBER, TEXT
from r1rl.rewards.grading.answer import is_readable
from r1rl.rewards.grading.choices import choice_of
from r1rl.rewards.grading.numbers import extract, parse_gold

TASKS = {NUMBER: "own", LATEX: "math", TEXT: "text", CHOICE: "choice"}  # Problem.task by answer type


def answer_text(value: Any, column: str) -> str:
    """Returns an answer as text. Raises ValueError."""
    if value is None or value != value or (isinstance(value, str) and not value.strip()):
        raise ValueError(f"nothing in column {column!r}")
    if isinstance(value, list | dict):
        raise ValueError(f"a {type(value).__name__} instead of text in column {column!r}")
    return str(value).strip()


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
