"""Two heuristic rewards for the style of a chain of thought. They use no gold answer, so style alone can earn them."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from r1rl.config.flags import Config
from r1rl.records import Problem, Rollout
from r1rl.system.errors import UserError

SHIPPED_WORDS = Path(__file__).parent / "cot_words.json"
LISTS = ("markers", "safety")  # of a word file; the shipped one rewards no verdict: "safe" is not in it

MARKER, MOST_FOR_MARKERS = 0.5, 3.0
ENOUGH_SENTENCES, SENTENCES = 3, 1.5
KEYWORD, MOST_FOR_KEYWORDS = 0.3, 2.0
LEAST_UNIQUE, REPETITION = 0.5, -2.0

WORD = re.compile(r"\w+(?:['’-]\w+)*")
SENTENCE_END = re.compile(r"(?<![.!?])[.!?]++[\"'”’)\]*]*+(?!\S)")  # the point in 3.5 ends no sentence
LETTER = re.compile(r"[^\W\d_]")


class LengthRule(NamedTuple):
    """The score of a completion of `fewest` to `most` words."""

    score: float
    fewest: int
    most: int


HEURISTICS = LengthRule(2.0, 30, 300)
CONCISE = LengthRule(3.0, 20, 100)


class Words(NamedTuple):
    """Words and phrases that earn a reward."""

    markers: tuple[str, ...]  # of reasoning
    safety: tuple[str, ...]  # of harm and risk


def cot_parts(text: str, words: Words, length_rule: LengthRule) -> dict[str, float]:
    """Returns the five terms of the reward by name; the reward is their sum.

    A marker or keyword counts once however often it occurs, as a whole word, in upper or lower case.
    """
    all_words = [word.lower() for word in WORD.findall(text)]
    fits = length_rule.fewest <= len(all_words) <= length_rule.most
    repeats = len(set(all_words)) < LEAST_UNIQUE * len(all_words)
    return {
        "markers": min(MOST_FOR_MARKERS, MARKER * occurring(words.markers, text)),
        "length": length_rule.score if fits else 0.0,
        "sentences": SENTENCES if count_sentences(text) >= ENOUGH_SENTENCES else 0.0,
        "keywords": min(MOST_FOR_KEYWORDS, KEYWORD * occurring(words.safety, text)),
        "repetition": REPETITION if repeats else 0.0,
    }


def count_sentences(text: str) -> int:
    """Returns the number of finished sentences; a list item's number ("1.") is not a sentence."""
    *finished, _ = SENTENCE_END.split(text)
    return sum(LETTER.search(piece) is not None for piece in finished)


def occurring(phrases: tuple[str, ...], text: str) -> int:
    """Returns how many of the phrases occur in the text."""
    spaced = " ".join(text.lower().split())
    return sum(re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", spaced) is not None for phrase in phrases)


def cot_heuristics_reward(config: Config) -> Callable[[Rollout, Problem], float]:
    """Returns a reward that is the sum of five terms, from -2 to 8.5.

    Markers of reasoning earn 0.5 each, at most 3; 30 to 300 words earn 2; three finished sentences 1.5; safety
    keywords 0.3 each, at most 2. If fewer than half of the words are different, 2 is subtracted.
    Source of the numbers: a public Colab notebook on chain of thought with Qwen3-0.6B-Base.
    """
    return sum_of_parts(config, HEURISTICS)


def cot_concise_reward(config: Config) -> Callable[[Rollout, Problem], float]:
    """Returns the same reward with 3 for 20 to 100 words, from -2 to 9.5."""
    return sum_of_parts(config, CONCISE)


def sum_of_parts(config: Config, length_rule: LengthRule) -> Callable[[Rollout, Problem], float]:
    """Returns the reward with this length rule and the words of --reward-words."""
    words = load_words(config.reward_words)

    def cot(rollout: Rollout, problem: Problem) -> float:
        return sum(cot_parts(rollout.completion, words, length_rule).values())

    return cot


def load_words(path: str | None) -> Words:
    """Returns the word lists of --reward-words, or the shipped ones. Raises UserError."""
    file = SHIPPED_WORDS if path is None else Path(path)
    name = f"--reward-words {file}"
    if not file.is_file():
        raise UserError(f"{name}: the file does not exist. It must hold JSON with the lists {' and '.join(LISTS)}.")
    try:
        lists = json.loads(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise UserError(f"{name} is not a text file in UTF-8: save it as one.") from None
    except json.JSONDecodeError as error:
        raise UserError(f"{name} is not JSON: {error.msg}, line {error.lineno}. Correct that line.") from None
    if not isinstance(lists, dict):
        raise UserError(f"{name} holds a {type(lists).__name__}: it must be an object with {' and '.join(LISTS)}.")
    return Words(*(read_list(lists, key, name) for key in LISTS))


def read_list(lists: dict, key: str, name: str) -> tuple[str, ...]:
    """Returns one list of words in lower case, without duplicates. Raises UserError."""
    if key not in lists:
        near = difflib.get_close_matches(key, lists, n=1)
        hint = f"rename {near[0]!r}" if near else f"it has {', '.join(lists) or 'no key'}; add the list"
        raise UserError(f"{name} has no list {key!r}; it needs both {' and '.join(LISTS)}: {hint}.")
    words = lists[key]
    if not isinstance(words, list) or not words:
        raise UserError(f"{name}: {key!r} is {words!r}; it must be a list of at least one word or phrase.")
    for word in words:
        if not isinstance(word, str) or not word.strip():
            raise UserError(f'{name}: {key!r} holds {word!r}; it must hold words and phrases, as in "so".')
    return tuple(dict.fromkeys(" ".join(word.lower().split()) for word in words))
