"""Words, repetition and language of a text. Each Chinese or Japanese character counts as a word."""

from __future__ import annotations

import functools
import re
import unicodedata

# Kana, the unified ideographs with their extension A and the compatibility ones.
UNSPACED = "\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
WORD = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")
FENCE = "```"
SHORTEST = 8  # words of a text that are judged at once; fewer are often taken for a related language
SHORTEST_QUESTION = 5  # a question of fewer words has a script, but no language that can be detected
# py3langid knows 97 languages and takes short English for Afrikaans or Latin; among these it rarely errs.
LANGUAGES = ("ar", "cs", "de", "en", "es", "fr", "hi", "id", "it", "ja",
             "ko", "nl", "pl", "pt", "ru", "sv", "tr", "uk", "vi", "zh")  # fmt: skip
NO_WORD = re.compile(r"[\d\\_^{}=<>$|/+*&#@~\[\]]")
SENTENCE_ENDS = re.compile(r"(?<=[.!?])\s+|[\n。！？]+")
TAG = re.compile(r"</?\w{1,20}>")


def words(text: str) -> list[str]:
    """Returns the words in lower case with their punctuation: text.lower().split() for text with spaces.

    >>> words("The sum is 7. 所以")
    ['the', 'sum', 'is', '7.', '所', '以']
    """
    return WORD.findall(text.lower())


def trigrams(text: str) -> list[tuple[str, str, str]]:
    """Returns the word 3-grams, n - 2 for n words."""
    all_words = words(text)
    return list(zip(all_words, all_words[1:], all_words[2:]))


def repetition(text: str) -> float:
    """Returns the share of the word 3-grams that occurred before: 0 without repetition, near 1 in a loop."""
    grams = trigrams(text)
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def without_code(text: str) -> str:
    """Returns the text without its closed ``` blocks. An open one stays: it would hide all that follows."""
    parts = text.split(FENCE)
    closed = len(parts) // 2 * 2 - (len(parts) % 2 == 0)  # parts up to the last closing fence
    return "\n".join(part for i, part in enumerate(parts) if i % 2 == 0 or i >= closed)


def share_in_language_of(question: str, text: str) -> float | None:
    """Returns the share of a text's words that are in the question's language, from 0 to 1.

    None if the question has no words; 0.0 if the text has none. A sentence in the right script with fewer than
    SHORTEST words is judged together with the next ones, and counts as right at the end of the text. Measured on
    English solutions written by people: mean 0.999 on 700 of GSM8K's test, 0.985 on MATH-500, where 2 % fall below
    0.9, most of them formulas with few words.
    """
    expected = language_words(question)
    if not expected:
        return None
    script = most_common([script_of(word) for word in expected])
    language = detect(" ".join(expected)) if script == "CJK" or len(expected) >= SHORTEST_QUESTION else None
    right = total = 0
    pending: list[str] = []
    for sentence in SENTENCE_ENDS.split(TAG.sub(" ", without_code(text))):
        spoken = language_words(sentence)
        total += len(spoken)
        pending += [word for word in spoken if script_of(word) == script]
        if len(pending) >= SHORTEST:
            right += len(pending) * (language is None or detect(" ".join(pending)) == language)
            pending = []
    return (right + len(pending)) / total if total else 0.0


def language_words(text: str) -> list[str]:
    """Returns the words that have a language: at least two letters and no digits, or one CJK character."""
    stripped = [word.strip(".,;:!?()\"'“”‘’«»…*-–—，、；：！？（）「」`") for word in WORD.findall(text)]
    return [word for word in stripped if is_word(word)]


def is_word(word: str) -> bool:
    """Returns whether a text is a word, not a number, formula, variable or punctuation."""
    if NO_WORD.search(word) or not any(c.isalpha() for c in word):
        return False
    return len(word) > 1 or script_of(word) == "CJK"


def script_of(word: str) -> str:
    """Returns the script of a word's first letter: LATIN, CYRILLIC, ...; CJK for Chinese and Japanese."""
    return script_of_letter(next(c for c in word if c.isalpha()))


@functools.lru_cache(10_000)
def script_of_letter(letter: str) -> str:
    """Returns the first word of the letter's Unicode name, which is its script."""
    return "CJK" if re.match(f"[{UNSPACED}]", letter) else unicodedata.name(letter, "?").split()[0]


def most_common(names: list[str]) -> str:
    """Returns the most frequent name, the first of equals."""
    return max(names, key=names.count)


def detect(text: str) -> str:
    """Returns the ISO 639-1 code of a text's language, one of LANGUAGES."""
    return identifier().classify(text.encode("utf-8", "replace"))[0]


@functools.cache
def identifier():
    """Returns py3langid's model (4 MB), loaded once in 0.7 s; classifying a text then takes 20 microseconds."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    model = LanguageIdentifier.from_model_file(MODEL_FILE)
    model.set_languages(LANGUAGES)
    return model
