"""The logprob of every sampled token, in the folder tokens/ of a run: its lines, and how they are read again.

A line belongs to the completion of the same step, group and sample. Numbers are float16 and lengths are bytes, both in
base64: 4 bytes of the file per token. They are not part of rollouts.jsonl, whose lines stay readable. `gaps` are stored as
differences: those of two rounded logprobs would be rounding.
"""

from __future__ import annotations

import base64
import re
import struct
from bisect import bisect_left
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from r1rl.config.flags import Config
from r1rl.records import Prompt, Rollout
from r1rl.runs.dump import GAPS, TOKENS, evaluation_tokens, parsed

LARGEST = 65504.0  # of float16
LONGEST = 255  # characters of a token whose length fits into a byte
NO_CHARACTER = "\ufffd"  # what a tokenizer returns for a part of a character
HEAD = re.compile(rb'\{\s*"step":\s*(\d+),\s*"group":\s*(\d+),\s*"sample":\s*(\d+),')  # of each line

Key = tuple[int, int]  # (group, sample)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of one completion."""

    logprobs: tuple[float, ...]  # the sampler's, in nats
    lengths: tuple[int, ...] | None  # in characters; None: the tokens do not add up to the text
    gaps: tuple[float, ...] | None = None  # trainer's logprob minus sampler's; None: the trainer computed none

    def start(self, size: int) -> int:
        """Returns where the first token begins in a completion of `size` characters: after the reasoning prefix."""
        return size - sum(self.lengths or ())


# ---- writing


class TokenTexts:
    """Finds the length of each token's text in a completion, without tokenizing the text again.

    A token is decoded once, after another token, as some tokenizers leave out the space before the first word.
    """

    def __init__(self, tokenizer: Any):
        self.tokenizer = tokenizer
        self.before = tuple(tokenizer.encode("a", add_special_tokens=False)[-1:])
        self.skipped = len(self.decode(self.before))
        self.texts: dict[tuple[int, bool], str] = {}  # (token, whether it is the first) -> its text

    @classmethod
    def of(cls, config: Config, tokenizer: Any) -> TokenTexts | None:
        """Returns it for the tokenizer; None with --no-token-logprobs."""
        return cls(tokenizer) if config.token_logprobs else None

    def decode(self, ids: Sequence[int], first: bool = True) -> str:
        """Returns the text of tokens at the begin of a completion, or further on."""
        if first:
            return self.tokenizer.decode(list(ids), skip_special_tokens=True)
        return self.tokenizer.decode([*self.before, *ids], skip_special_tokens=True)[self.skipped :]

    def lengths(self, ids: Sequence[int], text: str) -> list[int] | None:
        """Returns the length of each token in `text`, which may end within the tokens; None if they do not fit it."""
        pieces = self.pieces(ids, True)
        if not "".join(pieces).startswith(text):
            pieces = self.pieces(ids, False)  # vLLM decodes a completion as the continuation of its prompt
            if not "".join(pieces).startswith(text):
                return None
        left, lengths = len(text), []
        for piece in pieces:
            lengths.append(min(len(piece), left))
            left -= lengths[-1]
        return lengths

    def pieces(self, ids: Sequence[int], begins: bool) -> list[str]:
        """Returns the text of each token; `begins`: nothing is before them."""
        pieces: list[str] = []
        parts: list[int] = []  # tokens that share characters
        for place, token in enumerate(ids):
            piece = self.text(token, begins and not place)
            if NO_CHARACTER in piece:
                parts.append(token)
                continue
            pieces += self.shared(parts, begins and len(parts) == place)
            pieces.append(piece)
            parts = []
        return pieces + self.shared(parts, begins and len(parts) == len(ids))

    def text(self, token: int, first: bool) -> str:
        """Returns the text of one token."""
        if (token, first) not in self.texts:
            self.texts[token, first] = self.decode([token], first)
        return self.texts[token, first]

    def shared(self, ids: Sequence[int], first: bool) -> list[str]:
        """Returns the text of tokens that share characters: a character belongs to the token that completes it."""
        texts, done = [], 0
        for end in range(1, len(ids) + 1):
            text = self.decode(ids[:end], first)
            if end < len(ids):
                text = text.rstrip(NO_CHARACTER)
            texts.append(text[done:])
            done = max(done, len(text))
        return texts


def token_lines(
    texts: TokenTexts | None, lines: Sequence[dict[str, Any]], prompts: Sequence[Prompt], rollouts: Sequence[Rollout]
) -> Iterator[dict[str, Any]]:
    """Yields the tokens' line for each completion's line; none with --no-token-logprobs, or without logprobs."""
    for line, prompt, rollout in zip(lines, prompts, rollouts) if texts is not None else ():
        if len(rollout.sampler_logprobs) == len(rollout.completion_ids):
            lengths = texts.lengths(rollout.completion_ids, rollout.completion[len(prompt.prefix) :])
            yield token_line(line["step"], (line["group"], line["sample"]), rollout.sampler_logprobs, lengths)


def token_line(step: int, key: Key, logprobs: Sequence[float], lengths: Sequence[int] | None) -> dict[str, Any]:
    """Returns the line of one completion in tokens/train.jsonl or tokens/eval_<n>.jsonl."""
    known = lengths is not None and max(lengths, default=0) <= LONGEST
    packed = base64.b64encode(bytes(lengths)).decode() if known else None
    return {"step": step, "group": key[0], "sample": key[1], "logprobs": packed_halves(logprobs), "lengths": packed}


def gap_lines(step: int, gaps: Mapping[int, Sequence[float]], group_size: int) -> Iterator[dict[str, Any]]:
    """Yields the lines of a step in tokens/gaps.jsonl; `gaps` are by the completion's position in the step."""
    for place in sorted(gaps):
        group, sample = divmod(place, group_size)
        yield {"step": step, "group": group, "sample": sample, "gaps": packed_halves(gaps[place])}


def packed_halves(values: Iterable[float]) -> str:
    """Returns numbers as float16, little-endian, in base64; one that is too large becomes the largest."""
    bounded = [max(-LARGEST, min(LARGEST, value)) for value in values]
    return base64.b64encode(struct.pack(f"<{len(bounded)}e", *bounded)).decode()


# ---- reading


def read_tokens(folder: Path, split: str, step: int, wanted: Container[Key]) -> dict[Key, Tokens]:
    """Returns the tokens of the wanted completions of a step; without those that are missing or damaged."""
    name = TOKENS if split == "train" else evaluation_tokens(step)
    found: dict[Key, Tokens] = {}
    for key, line in lines_of_step(folder / name, step, wanted):
        try:
            logprobs = halves(line["logprobs"])
            lengths = None if line["lengths"] is None else tuple(base64.b64decode(line["lengths"], validate=True))
        except (KeyError, TypeError, ValueError, struct.error):
            continue
        if lengths is None or len(lengths) == len(logprobs):
            found[key] = Tokens(logprobs, lengths)
    if split == "train":
        for key, gaps in read_gaps(folder, step, found):
            if len(gaps) == len(found[key].logprobs):
                found[key] = Tokens(found[key].logprobs, found[key].lengths, gaps)
    return found


def read_gaps(folder: Path, step: int, wanted: Container[Key]) -> Iterator[tuple[Key, tuple[float, ...]]]:
    """Yields the gaps of the wanted completions of a step."""
    for key, line in lines_of_step(folder / GAPS, step, wanted):
        try:
            yield key, halves(line["gaps"])
        except (KeyError, TypeError, ValueError, struct.error):
            continue


def lines_of_step(path: Path, step: int, wanted: Container[Key]) -> Iterator[tuple[Key, dict[str, Any]]]:
    """Yields the wanted lines of a step. It is looked up by bisection, as the lines of a file are in the order of steps."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        size = path.stat().st_size
        skip_part(file, bisect_left(range(size), step, key=lambda place: step_from(file, place)))
        for raw in file:
            head = HEAD.match(raw)
            if head is None:  # damaged
                continue
            if int(head[1]) > step:
                return
            key = int(head[2]), int(head[3])
            if int(head[1]) == step and key in wanted and (line := parsed(raw)) is not None:
                yield key, line


def step_from(file: BinaryIO, place: int) -> float:
    """Returns the step of the first whole line that begins at or after a place; infinity at the end of the file."""
    skip_part(file, place)
    for raw in file:
        if (head := HEAD.match(raw)) is not None:
            return int(head[1])
    return float("inf")


def skip_part(file: BinaryIO, place: int) -> None:
    """Goes to the first line that begins at or after a place."""
    file.seek(max(0, place - 1))
    if place:
        file.readline()


def halves(text: str) -> tuple[float, ...]:
    """Returns the numbers that `packed_halves` wrote. Raises ValueError or struct.error for another text."""
    raw = base64.b64decode(text, validate=True)
    return struct.unpack(f"<{len(raw) // 2}e", raw)
