"""One problem through training: what was answered at each evaluation, and what changed in between."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

from r1rl.reports.completions import Completion, Filter, read_completions

MOST_WORDS = 1500  # compared; two texts longer than that are just shown

WORDS = re.compile(r"\s+|\w+|[^\w\s]")


def history(folder: Path, problem: str) -> list[Completion]:
    """The first completion of a problem at each evaluation, by step."""
    found = read_completions(folder, Filter(split="eval", problem=problem))
    return [c for c in found if c.line["sample"] == 0]


def differences(before: str, after: str) -> Iterator[tuple[str, str]]:
    """(kind, text) of the words of both texts in order: kind is "same", "gone" or "new"."""
    old, new = WORDS.findall(before), WORDS.findall(after)
    if max(len(old), len(new)) > MOST_WORDS:
        yield "new", after
        return
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield "same", "".join(new[c:d])
            continue
        if b > a:
            yield "gone", "".join(old[a:b])
        if d > c:
            yield "new", "".join(new[c:d])
