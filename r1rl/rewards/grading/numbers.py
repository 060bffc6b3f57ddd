r"""Reads the one number of an answer by a grammar, and compares it with the gold answer, as exact numbers.

An answer is one number with an optional sign, currency, scale word, unit or counted noun, in at most a few plain
sentences: "72", "$72.0", "The answer is 72 clips.", "x = 72", "72 (seventy-two)". Every word must be of the vocabulary
(`vocabulary`) or of the question, and at a place where the grammar allows it. Everything else is no answer: training
finds, and rewards, whatever a lenient grader lets by.

- Two different numbers are no answer ("72 or 73", "3 + 4 = 7"). The same number twice is one where the text between
  restates it: "72 (72.0)", "1/2 = 0.5", but not "5, 5", "5 - 5" or "5 x 5".
- A word that could change the number is refused: "not 72", "at least 72", "72 minus one", "72 squared", "72 lakh".
- A comma is read only as a thousands separator in its place: "1,080" is 1080. "1,08", "1,2" and "0,500" are no numbers:
  they may be a decimal comma, a list or a slip. A space is read like a comma.
- "3 million" is 3000000 and "3 dozen" is 36; "3k" and "3M" are no answer; percent signs, currencies and units are not
  compared.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from r1rl.records import Problem
from r1rl.rewards.grading import vocabulary
from r1rl.rewards.grading.answer import (
    DENIED,
    FORMATS,
    MAX_ANSWER_CHARS,
    NO_ANSWER,
    TOO_LONG,
    Found,
    Grade,
    Rules,
    locate,
    plain,
    unwrap,
    verdict,
    without_reasoning,
)
from r1rl.rewards.grading.vocabulary import SCALES, kind_of, number_in_words, reason_for, stem, words_of

__all__ = ("FORMATS", "Grade", "extract", "grade", "grade_number", "normalise", "parse_gold", "parse_number")
MAX_NUMBER_CHARS = 100  # 1e999999999 would fill the memory
TWO_NUMBERS = "two numbers"


def grade_number(completion: str, problem: Problem, config: Rules) -> Grade:
    """A number, found where --answer-format says."""
    return grade(
        completion,
        problem.answer,
        answer_format=config.answer_format,
        remove_comma=not config.not_remove_comma,
        tolerance=config.answer_tolerance,
        question=problem.question,
    )


def grade(
    text: str,
    gold: str,
    answer_format: str = "tag",
    remove_comma: bool = True,
    tolerance: float = 0.0,
    question: str = "",
) -> Grade:
    """Extracts the answer of a completion and compares it with the gold answer.

    With a `tolerance` numbers that differ by no more than it are right, too. The words of the question are understood in
    the answer. Raises ValueError for an unknown format.
    """
    found = locate(text, answer_format)
    if found is None and answer_format == "auto":
        found = last_number(without_reasoning(text))
    if found is None:
        return verdict(None, None, False)
    if found.trouble:
        return verdict(found.text, None, False, found.trouble)
    reading = read_number(found.sentence or found.text, question, remove_comma)
    if reading.value is None and found.after is not None and not is_changed(found):
        reading = read_number(found.text, question, remove_comma)
    correct = reading.value is not None and reading.value == _gold_value(gold, remove_comma)
    if tolerance and not correct and reading.value is not None:
        correct = is_near(reading.value, gold, tolerance, remove_comma)
    return verdict(found.text, reading.value, correct, reading.reason)


_TAKES_BACK = (vocabulary.DENIALS | vocabulary.HEDGES | vocabulary.ALTERNATIVES) - {"however", "although", "though"}
_CHANGES = {
    word
    for words in (vocabulary.OPERATIONS, vocabulary.OTHER_SCALES, SCALES, vocabulary.SMALL, vocabulary.TENS)
    for word in words
    if (len(word) > 1 or not word.isascii()) and word not in vocabulary.ORDINALS | {"also"}
}
_ASIDE = re.compile(
    r"\$[^$\n]*[a-z=<>\\][^$\n]*\$|\\pmod\s?(?:\d|\{\d+\})"
    r"|\b(?:in|for|of|from|with|at|on|after|every|per|than|over)\s+(?:(?:the|his|her|their|its|these|those|all|each|first|last|next"
    rf"|past|other)\s+)*\\?[$€£]?(?:\d[\d.,]*|(?:{vocabulary.NUMBER_WORDS})\b)"
)
_SHORT_SCALE = re.compile(r"[\s$\\]*(?:text\s?\{)?\s*[MBTG]\b")
_BOUND = re.compile(
    r"\A[\s$]*(?:-ish\b|and (?:up|above|over|change|then some)\b)|\bat (?:the )?(?:very )?(?:least|most)\b"
)
# The word before a box, and the word after it, change the number more often than words further away.
_BEFORE = re.compile(r"(?:\bused to be|([^\W\d_]+)(?: (?:of|to|from|than|the|an?))*)[\s:$]*\Z")
_CHANGES_BEFORE = (vocabulary.NEVER | {"square", "different"}) - {
    "maximum",
    "minimum",
    "however",
    *vocabulary.QUESTIONS,
}
_CHANGES_AFTER = (
    vocabulary.NEVER - vocabulary.ORDINALS - vocabulary.QUESTIONS - {"more", "fewer", "less", "however", "m", "g", "t"}
)


def is_changed(box: Found) -> bool:
    """Whether a box's sentence, which is no form of an answer, may change the number in the box or take it back.

    It may have any words but those that deny, doubt or offer another answer. After the box, it may have no word that
    calculates, and another number only with a preposition ("in 6 hours") or in a formula.

    >>> is_changed(Found("72", "", "We obtain 72 in 6 hours", " in 6 hours")), is_changed(Found("72", "", "I obtain 72 and 73", " and 73"))
    (False, True)
    """
    after = box.after or ""
    before = box.sentence.removesuffix(after).removesuffix(box.text).lower()
    words = re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)?", box.sentence.lower())
    if "?" in box.sentence or any(word in _TAKES_BACK or word.endswith(("n't", "n’t")) for word in words):
        return True
    last = _BEFORE.search(before)
    if last and (last[1] is None or last[1] in _CHANGES_BEFORE):
        return True
    rest = _ASIDE.sub(" ", after.lstrip(" .,").removeprefix("$").lower())
    first = re.match(r"[\s$]*([^\W\d_]+)", after.lower())
    if (first and first[1] in _CHANGES_AFTER) or not _CHANGES.isdisjoint(re.findall(r"[^\W\d_]+", rest)):
        return True
    if has_digit(rest) or re.search(r"[<>≤≥≠¬^√‰∞]", before + rest):
        return True
    return _SHORT_SCALE.match(after) is not None or _BOUND.search(after.lower()) is not None


@lru_cache(maxsize=4096)
def _gold_value(gold: str, remove_comma: bool) -> str | None:
    return normalise(gold, remove_comma)


def is_near(extracted: str, gold: str, tolerance: float, remove_comma: bool = True) -> bool:
    """Whether both are one number, and differ by no more than `tolerance`, read as the decimal it is written as."""
    numbers = parse_number(extracted, remove_comma), parse_number(gold, remove_comma)
    if None in numbers:
        return False
    return abs(numbers[0] - numbers[1]) <= Fraction(str(tolerance))


def is_correct(extracted: str | None, gold: str | None, remove_comma: bool = True) -> bool:
    """Whether both are one number, and the same. What is missing or unreadable equals nothing."""
    if extracted is None or gold is None:
        return False
    value = normalise(extracted, remove_comma)
    return value is not None and value == normalise(gold, remove_comma)


def parse_gold(raw: object, remove_comma: bool = True) -> str:
    r"""The gold answer as written ("1,080"), from a solution with `#### N` or `\boxed{N}`, or from N alone.

    Raises ValueError where it is missing or not one number: no completion could ever be right.
    """
    text = "" if raw is None else str(raw).strip()
    if "####" in text:
        gold = extract(text, "hash")
    elif "\\boxed" in text:
        gold = extract(text, "boxed")
    else:
        gold = text
    if gold and normalise(gold, remove_comma) is not None:
        return gold
    shown = repr(text if len(text) <= 60 else f"...{text[-57:]}") if text else "missing"
    raise ValueError(
        f"the gold answer is {shown}: it must be one number, alone, after '####' or in \\boxed{{}}, "
        "because nothing else can be compared; correct the row or leave it out."
    )


def extract(text: str, answer_format: str = "tag") -> str | None:
    """The answer text of a completion, as `answer.locate` finds it; with `auto` else the last number in the text."""
    found = locate(text, answer_format)
    if found is None and answer_format == "auto":
        found = last_number(without_reasoning(text))
    return None if found is None else found.text


# Reading: characters and LaTeX are brought to plain ones, numbers are found, and what is around them must fit.

_PLAIN_LATEX = [  # in this order
    (re.compile(r"\\[,:;]"), "\u2009"),
    (re.compile(r",\s?\\!\s?(?=\d{3})"), ","),
    (re.compile(r"\\!|\\(?:left|right)(?![a-zA-Z])"), ""),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\([$%#&])"), r"\1"),
    (re.compile(r"\^\s?\{?\s?\\circ(?![a-zA-Z])\s?\}?"), "°"),
    (re.compile(r"(?<=\d)(?=\\[dt]?frac)"), " "),
    (re.compile(r"\\[dt]?frac\s?(?:\{\s?([-+]?[\d,]+)\s?\}\s?\{\s?([\d,]+)\s?\}|(\d)\s?(\d))"), r"\1\3/\2\4 "),
    (re.compile(r"\\(?:times|cdot)(?![a-zA-Z])"), "×"),
    (re.compile(r"\\approx(?![a-zA-Z])"), "≈"),
    (re.compile(r"\\(?:[tmfh]?box|boxed|text[a-z]*|math[a-z]*|operatorname|q?quad)(?![a-zA-Z])"), " "),
    (re.compile(r"\\[()\[\]\s\\]|[{}]|(?<!~)~(?!~)|\*\*|\.{2,}"), " "),
    (re.compile(r"\*\*|\.{2,}|\A#{1,6}\s"), " "),
]
_FRACTION_CHARACTER = re.compile(r"(\d?)([¼-¾⅐-⅞])")
_THIN_SPACE = "\u2009"
_SPACED_THOUSANDS = re.compile(
    rf"(?<![\d.,])(?<!\d )[1-9]\d{{0,2}}(?:(?:{_THIN_SPACE}\d{{3}})+|(?: \d{{3}})+)(?![\d/])(?! \d)"
)
_AREA_OR_VOLUME = re.compile(
    r"(?i)(?<![a-z])((?:[mcdk]?m|in|ft|yd|mi|feet|inches|met(?:er|re)s?|units?) ?)\^ ?\{?[23]\}?(?!\d)"
)
_SHORT = (  # an abbreviation whose point ends no sentence, or a phrase with a word that is refused elsewhere
    (re.compile(r"\b(Rs|approx|ans)\.", re.IGNORECASE), r"\1 "),
    (re.compile(r"\b(?:add(?:s|ed|ing)?) up to\b", re.IGNORECASE), "comes to"),
    (re.compile(r"\b(left|leftover|remaining) over\b", re.IGNORECASE), r"\1"),
    (
        re.compile(r"\b(fill|make|end|use|pick|wake|grow|sign|set|give|save)(s|ing|ed)? up\b(?! to\b)", re.IGNORECASE),
        r"\1\2",
    ),
    (re.compile(r"\bdifference between\b", re.IGNORECASE), "difference of"),
    (re.compile(r"\b(it|that|there|here|this|he|she)'s\b", re.IGNORECASE), r"\1 is"),
    (re.compile(r"°\s?[CF]\b"), "° "),
    (re.compile(r"\bper second\b", re.IGNORECASE), "per hour"),
    (
        re.compile(
            r"(?<=\d) times(?=\s*(?:[.,;]?\s*$|(?:a|per|each|every) (?:day|week|month|year|hour|minute)|in (?:total|all)))",
            re.IGNORECASE,
        ),
        " items",
    ),
)
_MAY_BE_SHORT = re.compile(r"\b(?:rs|approx|ans)\.| over| up\b|between|°|second|times|'s\b", re.IGNORECASE)
_STRAY_DOLLAR = re.compile(r"\$(?!\s?-?\.?\d)")  # of math, or behind the number
_TAGS = re.compile(r"</?answer>|<\|\w{1,20}\|>|</s>")
_MARKUP = str.maketrans(dict.fromkeys('`"', " "))


def _plain(text: str) -> str:
    """The text with LaTeX, Unicode digits, signs and spaces brought to plain characters."""
    if not text.isascii():
        text = _FRACTION_CHARACTER.sub(_spelled_fraction, text)
        text = plain(text)
    if "<" in text:
        text = _TAGS.sub(" ", text)
    for pattern, replacement in _PLAIN_LATEX if "\\" in text or "{" in text or "}" in text else _PLAIN_LATEX[-1:]:
        text = pattern.sub(replacement, text)
    text = _SPACED_THOUSANDS.sub(lambda m: m[0].replace(_THIN_SPACE, "").replace(" ", ""), text)
    if "^" in text:
        text = _AREA_OR_VOLUME.sub(lambda m: "meters" if m[1].strip() == "m" else m[1], text)
    if _MAY_BE_SHORT.search(text):
        for pattern, replacement in _SHORT:
            text = pattern.sub(replacement, text)
    if "$" in text:
        text = _STRAY_DOLLAR.sub(" ", text)
    return text.translate(_MARKUP)


def _spelled_fraction(match: re.Match) -> str:
    """ "½" as "1/2", "1½" as "1 1/2"."""
    fraction = unicodedata.normalize("NFKC", match[2]).replace("⁄", "/")
    return f"{match[1]} {fraction} " if match[1] else f"{fraction} "


_NUMBER = re.compile(
    rf"""
    (?P<sign>(?<![\w)\]+-])[-+])?                       # the minus of "5-3" or "--5" is no sign
    (?:(?:US)?[$€£¥₹]\ ?)?(?P<late>(?:(?<=[$€£¥₹])|(?<=[$€£¥₹]\ ))[-+])?
    (?:
        (?:(?P<whole>\d[\d,]*)\ {{1,2}})?(?P<top>\d[\d,]*)/(?P<bottom>\d+)  # 1 1/2 or 1/2
      | (?P<decimal>\d+(?:[.,]+\d+)*|(?<![\w.])\.\d+)   # 1,080.50 or .5; _decimal checks commas and points
        (?:e(?P<e>[-+]?\d{{1,3}})(?!\d)|\ ?[×x*·]\ ?10\ ?\^\ ?(?P<power>[-+]?\d{{1,3}})(?!\d))?
    )
    (?:\ ?(?P<scale>{"|".join(SCALES)})(?![a-z])(?:\ (?P<more>thousand|million|billion|trillion)(?![a-z]))?)?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_DECIMAL = re.compile(r"(?:\d+|[1-9]\d{0,2}(?:,\d{3})+)?(?:\.\d+)?")
_SIMPLE = re.compile(r"\s*\$?(-?)(\d{1,40})(?:\.0{1,9})?\.?\s*", re.ASCII)


class Reading(NamedTuple):
    """The number of a text, or why there is none."""

    value: str | None
    reason: str = ""


def normalise(text: str, remove_comma: bool = True) -> str | None:
    """The one number in an answer text as "1080" or "1/2"; None where there is not exactly one.

    With `remove_comma=False` a number with commas stays as written ("1,080"), and equals only itself.
    """
    return read_number(text, "", remove_comma).value


def parse_number(text: str, remove_comma: bool = True) -> Fraction | None:
    """The one number in an answer text, exactly; None where there is not one, or its commas are kept."""
    number = normalise(text, remove_comma)
    return None if number is None or "," in number else Fraction(number)


def read_number(text: str, question: str = "", remove_comma: bool = True) -> Reading:
    """The one number of an answer text, or the reason why it is none.

    >>> read_number("The answer is 72 clips."), read_number("52 minus one")
    (Reading(value='72', reason=''), Reading(value=None, reason='unknown word: minus'))
    """
    simple = _SIMPLE.fullmatch(text)
    if simple:
        number = str(int(simple[2]))
        return Reading(f"-{number}" if simple[1] and number != "0" else number)
    if len(text) > MAX_ANSWER_CHARS:
        return Reading(None, TOO_LONG)
    try:
        return _Reader(words_of(question) if question else frozenset(), remove_comma).read(text)
    except _NoAnswer as reason:
        return Reading(None, str(reason))


class _NoAnswer(Exception):
    """Why a text is no answer."""


_UNFINISHED = re.compile(r"[\d)\]] ?!|\d['(\[]|\d ?-(?:\s|$)")
_SPLIT = re.compile(r"[;\n]|[.!](?=\s|$)")
_RESTATES = re.compile(
    r"(=|≈|,? ?\b(?:or|which is|that is|i\.e\.|so|therefore|thus|hence|so that is)\b,? ?)", re.IGNORECASE
)
_BRACKET = re.compile(r"[()\[\]]")
_TOKEN = re.compile(r"(?P<word>[^\W\d_]+(?:'[^\W\d_]+)*)|\s+|(?P<sign>.)", re.DOTALL)
_NUMBER_WORD = vocabulary.SMALL.keys() | vocabulary.TENS.keys()

# The grammar, over one letter a token; # is the number. See `vocabulary` for the letters.
_LEAD = r"(?:[wvaotTrpncmPW&2x,:=]|q(?=[mn])|(?<=[nmwP])-(?=[nmwP]))*"
_CLAUSE = re.compile(
    rf"(?:{_LEAD}(?:[v=:]|vP|v,|^[ac&]|^p?[awT],|[vwtToax:=,&][ac]|T|[tTw]o|[v2]2|p)[ac]*)?"
    r"#(?:-(?=[nm]))?(?:[wvaotTrpncmPW2,]|q(?=[mn])|/(?=[mnw])|(?<=[nmwP])-(?=[nmwP])|(?<=[nmwvP2])&(?=[wnP])(?!w*m))*(?:=x)?:?"
)
_VERBLESS_PLACE = re.compile(r"[^vn]*pa*#.*")
_WORDS_ONLY = re.compile(r"(?!&)(?:[wvaotTrpncmP2&,:]|q(?=[mn])|(?<=[nmwP])-(?=[nmwP]))*")


class _Reader:
    """Reads one answer text with the words of one question."""

    def __init__(self, question: frozenset[str], remove_comma: bool):
        self.question, self.remove_comma = question, remove_comma
        self.values: set[str] = set()
        self.digits = False  # whether a number is written in digits

    def read(self, text: str) -> Reading:
        """The number. Raises _NoAnswer."""
        text = _plain(unwrap(text))
        if "?" in text:
            raise _NoAnswer("a question")
        if _UNFINISHED.search(text):
            raise _NoAnswer("unfinished calculation")
        if "~~" in text or "used to" in text:
            raise _NoAnswer(DENIED)
        bare = 0
        for sentence in _SPLIT.split(text):
            bare += sentence.strip("$ ").replace(",", "").isdecimal()
            for clause in self.unbracketed(sentence):
                self.clause(clause)
        if bare > 1:
            raise _NoAnswer(TWO_NUMBERS)
        if not self.digits:
            raise _NoAnswer(NO_ANSWER)
        return Reading(self.values.pop())

    def unbracketed(self, text: str) -> list[str]:
        """The text without its brackets, and the inside of each."""
        first = _BRACKET.search(text)
        if first is None:
            return [text]
        before = text[: first.start()]
        labelled = before.strip() and not has_digit(before) and text[first.end() :].lstrip()[:1].isdecimal()
        if labelled and self.letters(before)[-1:] not in ("v", "T", ":", "=", "a", ",", "#", ""):
            raise _NoAnswer("no form of an answer")
        outside, insides, stack = "", [], []
        position = 0
        for bracket in _BRACKET.finditer(text):
            piece = text[position : bracket.start()]
            position = bracket.end()
            if stack:
                stack[-1] += piece
            else:
                outside += piece
            if bracket[0] in "([":
                stack.append("")
            elif not stack:
                raise _NoAnswer("brackets do not match")
            else:
                insides.append(stack.pop())
                outside += " " if not stack else ""
        if stack:
            raise _NoAnswer("brackets do not match")
        return [outside + text[position:], *insides]

    def clause(self, text: str) -> None:
        """Reads a clause and all restatements of its number. Raises _NoAnswer."""
        parts = _RESTATES.split(text)
        current = parts[0]
        for between, part in zip(parts[1::2], parts[2::2]):
            if has_digit(current) and has_digit(part):
                self.statement(current)
                current = part
            else:
                current += between + part
        self.statement(current)

    def statement(self, text: str) -> None:
        """Reads a text with one number, or words alone. Raises _NoAnswer."""
        if not text.strip():
            return
        letters = self.letters(text)
        if letters.count("#") > 1:
            raise _NoAnswer(TWO_NUMBERS)
        if "#" not in letters:
            fits = _WORDS_ONLY.fullmatch(letters)
        else:
            fits = _CLAUSE.fullmatch(letters) and not _VERBLESS_PLACE.fullmatch(letters)
        if not fits:
            raise _NoAnswer("no form of an answer")

    def letters(self, text: str) -> str:
        """One letter of the grammar for each token. Raises _NoAnswer for a word or sign that has none."""
        found, position = [], 0
        for match in _NUMBER.finditer(text):
            found += self.words(text[position : match.start()], text[match.start() :][:1], position > 0)
            position = match.end()
            before = text[match.start() - 1 : match.start()]
            if (before.isalpha() and (not found or found[-1] not in "aT")) or before == "_":
                raise _NoAnswer("a number in a word")
            value = _canonical(match, self.remove_comma)
            if value is None:
                raise _NoAnswer(f"not a number: {match[0].strip()[:30]}")
            self.digits = True
            found.append(self.number(value))
        return "".join(found + self.words(text[position:], "", position > 0))

    def number(self, value: str) -> str:
        self.values.add(value)
        if len(self.values) > 1:
            raise _NoAnswer(TWO_NUMBERS)
        return "#"

    def words(self, text: str, following: str, after_number: bool) -> list[str]:
        """The letters of a text without a number in digits. Raises _NoAnswer."""
        tokens = [(m["word"] or m["sign"], m.start()) for m in _TOKEN.finditer(text) if m.lastgroup]
        found, i, compared = [], 0, False
        while i < len(tokens):
            token, start = tokens[i]
            if token.lower() in _NUMBER_WORD:
                end = i + 1
                while end < len(tokens) and (
                    tokens[end][0].lower() in _NUMBER_WORD or tokens[end][0].lower() in (*SCALES, "and", "-")
                ):
                    end += 1
                while tokens[end - 1][0].lower() in ("and", "-"):
                    end -= 1
                placed = after_number and i and tokens[i - 1][0].lower() in ("in", "for", "on", "from", "after")
                if self.is_determiner(tokens, end, following or "." * placed, after_number and not placed):
                    found.append(vocabulary.NOUN)  # "the two friends have 72"
                    i = end
                    continue
                value = number_in_words([t.lower() for t, _ in tokens[i:end] if t != "-"])
                if value is None:
                    raise _NoAnswer(reason_for(token.lower()))
                found.append(self.number(str(value)))
                i = end
                continue
            next_token = tokens[i + 1][0] if i + 1 < len(tokens) else following
            if len(token) == 1 and token.isascii() and token.isalpha() and self.is_variable(tokens, i, next_token):
                found.append("x")
                i += 1
                continue
            ordinal = token.lower() in vocabulary.ORDINALS and not after_number and following
            if ordinal and next_token.isalpha() and kind_of(next_token.lower(), self.question) == vocabulary.NOUN:
                found.append(vocabulary.FREE)
                i += 1
                continue
            if token.lower() in vocabulary.MORE and after_number and "\0more" in self.question:
                compared = True
                found.append(vocabulary.FREE)
                i += 1
                continue
            if token.lower() == "than" and after_number and i and (compared or self.is_comparative(tokens[i - 1][0])):
                found.append(vocabulary.FREE)  # "72 more apples than Tom", "72 years older than Tom"
                i += 1
                continue
            letter = self.letter(token, next_token, i)
            if after_number and i == 0 and start == 0 and token.isalpha() and letter != vocabulary.UNIT:
                raise _NoAnswer(reason_for(token))
            subject = i > 0 and (tokens[i - 1][0][0].isupper() or tokens[i - 1][0].lower() in vocabulary.SUBJECTS)
            if letter == vocabulary.NOUN and subject and token.islower() and token not in vocabulary.NOUNS:
                letter = vocabulary.LINK  # "Laura expects 72 guests", where the question has "expect"
            found.append(letter)
            i += 1
        return found

    def is_determiner(self, tokens: list[tuple[str, int]], end: int, following: str, after_number: bool) -> bool:
        """Whether number words before the number in digits count something else: "two days", "one of them"."""
        if after_number or not following or end >= len(tokens):
            return False
        word = tokens[end][0].lower()
        if word == "of":
            return end + 1 < len(tokens) and tokens[end + 1][0].lower() in (
                "them",
                "the",
                "these",
                "his",
                "her",
                "their",
            )
        return tokens[end][0].islower() and kind_of(word, self.question) in (vocabulary.NOUN, vocabulary.UNIT)

    def is_comparative(self, word: str) -> bool:
        """Whether a word is "older" or the like, where the question has it."""
        return word.endswith("er") and len(word) > 4 and word not in vocabulary.NOUNS and stem(word) in self.question

    @staticmethod
    def is_variable(tokens: list[tuple[str, int]], i: int, following: str) -> bool:
        """Whether a single letter is a variable: "x = 72", "72 = x"."""
        before = tokens[i - 1][0] if i else ""
        return following in ("=", "≈") or (before == "=" and i == len(tokens) - 1)

    def letter(self, token: str, following: str, place: int) -> str:
        """The letter of a word or sign. Raises _NoAnswer."""
        if not token[0].isalpha():
            if token in ",:=-/#":
                return "," if token == "#" else token
            kind = kind_of(token)
            if kind is None and token not in "'✓✔✅":
                raise _NoAnswer(f"unknown sign: {token}")
            return kind or ","
        word = token.lower()
        if word.endswith("'s"):
            word = word[:-2]
        kind = None if token == "i" else kind_of(word, self.question)
        if word in vocabulary.ALSO_NAMES and token[0].isupper() and place > 0 and word in self.question:
            return vocabulary.PERSON
        name = token[0].isupper() and token[1:].islower() and word not in vocabulary.NEVER
        if kind == vocabulary.NOUN and name and place > 0 and word not in vocabulary.NOUNS:
            return vocabulary.PERSON
        if kind is not None:
            return kind
        verb = following.lower()
        if name and (verb in vocabulary.VERBS or (place > 0 and verb in ("is", "will")) or verb == "will"):
            return vocabulary.PERSON  # "Omar sold 72 clips"
        raise _NoAnswer(reason_for(word))


def has_digit(text: str) -> bool:
    """Whether a text has a digit, or a numeral such as ½."""
    return any(c.isnumeric() for c in text)


_SENTENCE = re.compile(r"[.!?;](?=\s|$)|\n|</?answer>|,(?= (?:so|therefore|thus|hence) )")


def last_number(text: str) -> Found | None:
    """The last number of a text, with its sentence and all that follows; None where there is none."""
    last = next((i for i in range(len(text) - 1, -1, -1) if text[i].isnumeric()), None)
    if last is None:
        return None
    start = max(text.rfind("\n", 0, last), last - 2 * MAX_ANSWER_CHARS) + 1
    plain_text = _plain(text[start : last + 2 * MAX_ANSWER_CHARS])
    numbers = list(_NUMBER.finditer(plain_text))
    if not numbers:
        return None
    start = 0
    for end in _SENTENCE.finditer(plain_text, 0, numbers[-1].start()):
        start = end.end()
    return Found(numbers[-1][0].strip(), "", plain_text[start:])


def _canonical(match: re.Match, remove_comma: bool) -> str | None:
    """The number of a match as exact text; None where a comma or point is out of place, or it is too long."""
    if len(match[0]) > MAX_NUMBER_CHARS:
        return None
    value = _unsigned(match)
    if value is None or (match["sign"] and match["late"]):
        return None
    if "," in match[0] and not remove_comma:
        text = match["decimal"] if value == _decimal(match["decimal"]) else None
    else:
        text = str(value)
    if text is None or len(text) > MAX_NUMBER_CHARS:
        return None
    return f"-{text}" if "-" in (match["sign"], match["late"]) and value else text


def _unsigned(match: re.Match) -> Fraction | None:
    scale = SCALES[match["scale"].lower()] if match["scale"] else 1
    scale *= SCALES[match["more"].lower()] if match["more"] else 1
    if match["decimal"]:
        value = _decimal(match["decimal"])
        exponent = int(match["e"] or match["power"] or 0)
        return None if value is None else value * Fraction(10) ** exponent * scale
    whole, top, bottom = _decimal(match["whole"] or "0"), _decimal(match["top"]), int(match["bottom"])
    if whole is None or top is None or bottom == 0 or (match["whole"] and top >= bottom):
        return None
    return (whole + top / bottom) * scale


def _decimal(numeral: str | None) -> Fraction | None:
    if numeral is None or not _DECIMAL.fullmatch(numeral):
        return None
    return Fraction(numeral.replace(",", ""))
