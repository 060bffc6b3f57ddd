"""Choices and short texts: the letter of an option, and an answer that is compared as text."""

from __future__ import annotations

import re
from functools import lru_cache

from r1rl.records import Problem
from r1rl.rewards.grading import vocabulary
from r1rl.rewards.grading.answer import (
    MAX_ANSWER_CHARS,
    TOO_LONG,
    TWO_ANSWERS,
    Found,
    Grade,
    Rules,
    in_box,
    locate,
    unwrap,
    verdict,
    without_lead,
    without_reasoning,
)

LETTER = re.compile(
    r"(?:option |choice |answer )?[\s(\[]*(?P<letter>[A-Za-z])[\s)\]]*"
    r"(?:\bis (?:the )?(?:correct|right)(?: (?:answer|option|choice))?|(?:(?<=[)\]])\s*|[.:)]\s*|[-–—]\s+)(?P<words>.+)|[.:)]*)",
    re.DOTALL | re.IGNORECASE,
)
# "**B.** blue", "**Answer:** B": a letter or what leads to it, emphasised alone
_EMPHASISED = re.compile(
    r"(?<!\w)(\*{1,3}|__?|`)(?=[^\s*_`])((?:(?:correct |final )?(?:option|choice|answer)\s?:?\s*)?[(\[]?[A-Za-z]?[)\]]?[.:)]?)\1",
    re.IGNORECASE,
)
OPTION = re.compile(r"(?<![\w(])\(?([A-Z])[).:]\s*([^\n]*?)(?=[\s,;]+\(?[A-Z][).:]\s|\n|$)")
_OTHER_LETTER = re.compile(r"(?<![\w'])(?:[B-HJ-Z](?![\w'])|[AI](?=[).:,]|\s*$)|\([A-Za-z]\))")
_REFUSED = vocabulary.DENIALS | vocabulary.HEDGES | vocabulary.ALTERNATIVES | vocabulary.QUESTIONS


def grade_choice(completion: str, problem: Problem, config: Rules) -> Grade:
    """The letter of an option, alone or before the option's words."""
    found = text_answer(completion, config)
    if found is None or found.trouble:
        return verdict(found and found.text, None, False, found.trouble if found else "")
    letter, reason = read_choice(found.text, problem.question)
    return verdict(found.text, letter, letter == problem.answer, reason)


def grade_text(completion: str, problem: Problem, config: Rules) -> Grade:
    """A short text: right where it is the gold one but for capitals, spaces, wrapping and a final point."""
    found = text_answer(completion, config)
    if found is None or found.trouble:
        return verdict(found and found.text, None, False, found.trouble if found else "")
    if len(found.text) > MAX_ANSWER_CHARS:
        return verdict(found.text, None, False, TOO_LONG)
    value = plain_text(found.text)
    gold = plain_text(problem.answer)
    if value is not None and value != gold and plain_text(without_lead(value)) == gold:
        value = gold
    return verdict(found.text, value, value is not None and value == gold)


def text_answer(completion: str, config: Rules) -> Found | None:
    """The answer where --answer-format says; with auto in the tag, or else in the box. None where there is none."""
    if config.answer_format != "auto":
        return locate(completion, config.answer_format)
    return locate(completion, "tag") or in_box(without_reasoning(completion))


def plain_text(text: str) -> str | None:
    """A text without capitals, doubled spaces and wrapping; None if nothing is left."""
    return " ".join(unwrap(text).casefold().split()) or None


def choice_of(text: str) -> str | None:
    """The letter of the option that a text names; None where it names none, or more than one.

    >>> choice_of("(b)"), choice_of("B. blue"), choice_of("A or B"), choice_of("Blue")
    ('B', 'B', None, None)
    """
    return read_choice(text)[0]


def read_choice(text: str, question: str = "") -> tuple[str | None, str]:
    """The letter that a text names, or None and the reason. The words after it must be those of the option.

    Where the question lists no options, the words may be any that name no other letter and take nothing back.
    """
    if len(text) > MAX_ANSWER_CHARS:
        return None, TOO_LONG
    text = unwrap(without_lead(_EMPHASISED.sub(r"\2", unwrap(text))))
    match = LETTER.fullmatch(text)
    if match is None:
        words = re.findall(r"[^\W\d_]+", text)
        letters = {w for w in words if len(w) == 1 and w.isupper()}
        return None, TWO_ANSWERS if len(letters) > 1 else _refused_word(text) or "no letter of an option"
    letter, words = match["letter"].upper(), (match["words"] or "").strip()
    offered = options(question)
    if words and letter in offered:
        return (letter, "") if plain_text(words) == offered[letter] else (None, "not the words of the option")
    if _OTHER_LETTER.search(words):
        return None, TWO_ANSWERS
    reason = _refused_word(words)
    return (None, reason) if reason else (letter, "")


def _refused_word(text: str) -> str:
    """The reason why a word takes an answer back; "" where none does."""
    if "?" in text:
        return "a question"
    words = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", text.lower())
    bad = next((word for word in words if word in _REFUSED or word.endswith("n't")), None)
    return vocabulary.reason_for(bad) if bad else ""


@lru_cache(maxsize=1024)
def options(question: str) -> dict[str, str | None]:
    """The options that a question lists, by letter; none where it lists fewer than two.

    >>> options("Which? (A) red (B) blue")
    {'A': 'red', 'B': 'blue'}
    """
    found = {letter: plain_text(words.rstrip(",; ")) for letter, words in OPTION.findall(question)}
    return found if len(found) > 1 and all(found.values()) else {}
