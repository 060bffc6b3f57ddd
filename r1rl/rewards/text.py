"""The words of a text. Chinese and Japanese have no spaces: each of their characters counts as a word."""

from __future__ import annotations

import re

# Kana, the unified ideographs with their extension A and the compatibility ones.
UNSPACED = "\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"

WORD = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")

FENCE = "```"


def words(text: str) -> list[str]:
    """The words in small letters, with their punctuation; for text with spaces the same as text.lower().split().

    >>> words("The sum is 7. 所以")
    ['the', 'sum', 'is', '7.', '所', '以']
    """
    return WORD.findall(text.lower())


def trigrams(text: str) -> list[tuple[str, str, str]]:
    """All three words that follow each other, n - 2 of n words."""
    found = words(text)
    return list(zip(found, found[1:], found[2:]))


def repetition(text: str) -> float:
    """Share of the word 3-grams that occurred before: 0 where none does, near 1 where a loop runs on."""
    grams = trigrams(text)
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def without_code(text: str) -> str:
    """The text without its closed ``` blocks. An open one stays: it would hide all that follows."""
    parts = text.split(FENCE)
    closed = len(parts) // 2 * 2 - (len(parts) % 2 == 0)  # parts up to the last closing fence
    return "\n".join(part for i, part in enumerate(parts) if i % 2 == 0 or i >= closed)
