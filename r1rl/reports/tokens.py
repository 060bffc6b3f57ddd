"""Colours of tokens, for `browse` and the page: by surprise, or by the gap between sampler and trainer."""

from __future__ import annotations

import base64
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1rl.reports.completions import Completion
from r1rl.runs.tokens import Tokens, packed_halves, read_tokens

SURPRISE, GAP = "surprise", "gap"
BUDGET = 1_300_000  # characters of all tokens' numbers on a page, over all runs


@dataclass(frozen=True, slots=True)
class Scale:
    """What a token is coloured by; a value gets level 0, which has no colour, to 5."""

    about: str
    bounds: tuple[float, ...]  # in nats, the smallest value of each level from 1 on
    labels: tuple[str, ...]

    def level(self, value: float) -> int:
        """Returns the level of a value."""
        return bisect_right(self.bounds, value)


SCALES = {
    SURPRISE: Scale(
        "probability with which the token was sampled",
        (0.1054, 0.6931, 1.609, 2.996, 4.605),  # -log of 90, 50, 20, 5 and 1 %
        ("above 90 %", "50 to 90 %", "20 to 50 %", "5 to 20 %", "1 to 5 %", "below 1 %"),
    ),
    GAP: Scale(
        "difference between the trainer's and the sampler's logprob, in nats",
        (0.001, 0.01, 0.05, 0.2, 1.0),
        ("below 0.001", "0.001 to 0.01", "0.01 to 0.05", "0.05 to 0.2", "0.2 to 1", "above 1"),
    ),
}


def token_values(tokens: Tokens, by: str) -> tuple[float, ...] | None:
    """Returns what the tokens are coloured by, in nats from 0 on; None if it is not known."""
    if by == SURPRISE:
        return tuple(-logprob for logprob in tokens.logprobs)
    return None if tokens.gaps is None else tuple(abs(gap) for gap in tokens.gaps)


def levels(tokens: Tokens, text: str, by: str) -> Iterator[tuple[str, int, float]]:
    """Yields (part, level, value) for the parts of a completion: its prefix, which has no value, and each token's text."""
    known = token_values(tokens, by)
    if known is None or tokens.lengths is None:
        yield text, 0, 0.0
        return
    place = tokens.start(len(text))
    if place:
        yield text[:place], 0, 0.0
    for length, value in zip(tokens.lengths, known):
        if length:
            yield text[place : place + length], SCALES[by].level(value), value
        place += length


def tokens_of(completion: Completion) -> Tokens | None:
    """Returns the tokens of a completion; None if they are not stored, or not those of this text."""
    line = completion.line
    key = line["group"], line["sample"]
    found = read_tokens(completion.folder, completion.split, line["step"], {key}).get(key)
    return found if found is not None and fit(found, len(line["completion"]), line["tokens"]) else None


def fit(tokens: Tokens, size: int, count: int) -> bool:
    """Returns whether these may be the tokens of a completion of `size` characters and `count` tokens."""
    return tokens.lengths is not None and len(tokens.logprobs) == count and tokens.start(size) >= 0


# ---- the page


def with_tokens(folder: Path, rows: list[dict[str, Any]], budget: int) -> list[dict[str, Any]]:
    """Returns the page's rows with the numbers of their tokens, the first rows first, up to a budget of characters."""
    numbers: dict[int, dict[str, Any]] = {}  # by the row's place; encoded at once, which takes a tenth of the memory
    places: dict[tuple[str, int], list[int]] = {}
    for place, row in enumerate(rows):
        places.setdefault((row["split"], row["step"]), []).append(place)
    for (split, step), members in places.items():
        keys = {place: (rows[place]["group"], rows[place]["sample"]) for place in members}
        found = read_tokens(folder, split, step, set(keys.values()))
        for place, key in keys.items():
            size = len(rows[place]["text"]) + rows[place]["cut"]
            if key in found and fit(found[key], size, rows[place]["tokens"]):
                numbers[place] = for_page(found[key], len(rows[place]["text"]), rows[place]["cut"])
    complete = []
    for place, row in enumerate(rows):
        if place in numbers and budget > 0:
            budget -= sum(len(text) for text in numbers[place].values() if isinstance(text, str))
            row = row | {"numbers": numbers[place]}
        complete.append(row)
    return complete


def for_page(tokens: Tokens, shown: int, cut: int) -> dict[str, Any]:
    """Returns the numbers of the tokens within the first `shown` characters of a text, as tokens.js reads them."""
    place = start = tokens.start(shown + cut)
    kept = 0
    while kept < len(tokens.lengths) and place < shown:
        place += tokens.lengths[kept]
        kept += 1
    return {
        "start": start,
        "lengths": base64.b64encode(bytes(tokens.lengths[:kept])).decode(),
        "logprobs": packed_halves(tokens.logprobs[:kept]),
        "gaps": None if tokens.gaps is None else packed_halves(tokens.gaps[:kept]),
    }
