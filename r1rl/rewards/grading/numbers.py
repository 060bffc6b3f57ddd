r"""Finds the answer in a text and compares it with the gold answer, as exact numbers.

An answer is one number, with a unit and words around it if need be: "72", "$72.0", "about 72 clips". What
could be read in two ways is no answer: training finds, and rewards, whatever a lenient grader lets by.

- Two different numbers are no answer ("72 or 73", "3 + 4 = 7"). The same number twice is one where the text
  between restates it: "72 (72.0)", "1/2 = 0.5", but not "5, 5", "5 - 5" or "5 x 5".
- An operation left to do is no answer ("x72", "72^2", "-(72)", "more than 72"); a fraction is ("72/2" is 36).
- A comma is read only as a thousands separator in its place: "1,080" is 1080. "1,08", "1,2" and "0,500" are
  no numbers: they may be a decimal comma, a list or a slip. A thin or no-break space is read like a comma.
- "3 million" is 3000000, "3k" is no answer; percent signs, currencies and units (dozens too) are not read.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

FORMATS = ("tag", "hash", "boxed", "auto")

MAX_ANSWER_CHARS = 1000  # a longer text between the tags is an essay, not an answer

MAX_NUMBER_CHARS = 100  # 1e999999999 would fill the memory


@dataclass(frozen=True, slots=True)
class Grade:
    """What a completion answers, and whether that is right."""

    extracted: str | None  # the answer as written; None if there is none
    value: str | None  # the number in it, normalised ("1080", "1/2"); None if there is not exactly one
    correct: bool


def grade(
    text: str, gold: str, answer_format: str = "tag", remove_comma: bool = True, tolerance: float = 0.0
) -> Grade:
    """Extracts the answer of a completion and compares it with the gold answer.

    With a `tolerance` numbers that differ by no more than it are right, too. Raises ValueError for an unknown format.
    """
    extracted = extract(text, answer_format)
    value = None if extracted is None else normalise(extracted, remove_comma)
    correct = is_correct(extracted, gold, remove_comma)
    if tolerance and not correct and extracted is not None:
        correct = is_near(extracted, gold, tolerance, remove_comma)
    return Grade(extracted, value, correct)


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
        gold = _after_hashes(text)
    elif "\\boxed" in text:
        gold = _last_boxed(text)
    else:
        gold = text
    if gold and normalise(gold, remove_comma) is not None:
        return gold
    shown = repr(text if len(text) <= 60 else f"...{text[-57:]}") if text else "missing"
    raise ValueError(
        f"the gold answer is {shown}: it must be one number, alone, after '####' or in \\boxed{{}}, "
        "because nothing else can be compared; correct the row or leave it out."
    )


# Extraction: each function is one pass over the text, whatever is in it.


def extract(text: str, answer_format: str = "tag") -> str | None:
    r"""The answer text of a completion, stripped; None where there is none or it is empty.

    - `tag`: the inside of the last complete `<answer>...</answer>`;
    - `hash`: the first `#### N`, because a base model runs on into a next question;
    - `boxed`: the inside of the last complete `\boxed{...}`;
    - `auto`: the first of these that is there, else the last number in the text.

    Raises ValueError for an unknown format.
    """
    if answer_format == "tag":
        return _last_tagged(text)
    if answer_format == "hash":
        return _after_hashes(text)
    if answer_format == "boxed":
        return _last_boxed(text)
    if answer_format == "auto":
        return _last_tagged(text) or _after_hashes(text) or _last_boxed(text) or _last_number(text)
    raise ValueError(f"unknown answer format {answer_format!r}: it must be one of {', '.join(FORMATS)}.")


def _last_tagged(text: str) -> str | None:
    answer, start = None, None
    for tag in re.finditer(r"<(/?)answer>", text):
        if not tag[1]:
            start = tag.end()  # an inner tag wins: the outer one was quoted or never closed
        elif start is not None:
            answer, start = text[start : tag.start()].strip(), None
    return answer or None


_HASHES = re.compile(r"(?<!#)####(?!#)([^\n#<]*)")

_BEGINS_WITH_NUMBER = re.compile(r"[\s({*$€£+\-−–\\]{0,12}(?:\.?\d|[dt]?frac|boxed)")

_NUMBERED_HEADING = re.compile(r"\s*\d{1,3}[.)]\s+\S")  # "#### 1. Find the price" is Markdown


def _after_hashes(text: str) -> str | None:
    for match in _HASHES.finditer(text):
        if _BEGINS_WITH_NUMBER.match(match[1]) and not _NUMBERED_HEADING.match(match[1]):
            return match[1].strip()
    return None


def _last_boxed(text: str) -> str | None:
    answer, open_braces = None, []  # of each open brace: where its inside begins, None for any but \boxed's
    for token in re.finditer(r"\\boxed\s*\{|\\.|[{}]", text):
        if token[0].startswith("\\boxed"):
            open_braces.append(token.end())
        elif token[0] == "{":
            open_braces.append(None)
        elif token[0] == "}" and open_braces:
            start = open_braces.pop()
            if start is not None:
                answer = text[start : token.start()].strip()
    return answer or None


def _last_number(text: str) -> str | None:
    numbers = [match[0].strip() for match in _NUMBER.finditer(_plain(text))]
    return numbers[-1] if numbers else None


# Reading one number: bring the text to plain characters, find the numbers, look at what stands around them.

_FULL_WIDTH = dict(zip(range(0xFF01, 0xFF5F), map(chr, range(0x21, 0x7F))))

_PLAIN_CHARACTERS = str.maketrans(
    {**_FULL_WIDTH, "\0": " ", "⁄": "/", "∕": "/", "…": " ", "`": " "} | dict.fromkeys("−﹣‐‑‒–", "-")
)

_THIN_SPACES = "\u00a0\u2009\u202f"

_PLAIN_LATEX = [  # in this order
    (re.compile(r"\\[,:;]"), "\u2009"),
    (re.compile(r"\\!|\\(?:left|right)(?![a-zA-Z])"), ""),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\([$%#&])"), r"\1"),
    (re.compile(r"\^\s?\{?\s?\\circ(?![a-zA-Z])\s?\}?"), "°"),
    (re.compile(r"(?<=\d)(?=\\[dt]?frac)"), " "),
    (
        re.compile(r"\\[dt]?frac\s?(?:\{\s?([-+]?[\d,]+)\s?\}\s?\{\s?([\d,]+)\s?\}|(\d)\s?(\d))"),
        r"\1\3/\2\4 ",
    ),
    (re.compile(r"\\(?:times|cdot)(?![a-zA-Z])"), "×"),
    (re.compile(r"\\(?:approx|[tmf]?box|boxed|text[a-z]*|math[a-z]*|operatorname|q?quad)(?![a-zA-Z])"), " "),
    (re.compile(r"\\[()\[\]\s\\]|[{}]|\*\*|\.{2,}"), " "),
]

_FRACTION_CHARACTER = re.compile(r"(\d?)([¼-¾⅐-⅞])")

_SPACED_THOUSANDS = re.compile(rf"(?<![\d.,])[1-9]\d{{0,2}}(?:[{_THIN_SPACES}]\d{{3}})+(?!\d)")

_AREA_OR_VOLUME = re.compile(
    r"(?i)(?<![a-z])((?:[mcdk]?m|in|ft|yd|mi|feet|inches|met(?:er|re)s?|units?) ?)(?:\^ ?[23](?!\d)|[²³])"
)


def _plain(text: str) -> str:
    """The text with LaTeX, Unicode digits, signs and spaces brought to plain characters."""
    text = text.translate(_PLAIN_CHARACTERS)
    if not text.isascii():
        text = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)
        text = _FRACTION_CHARACTER.sub(_spelled_fraction, text)
    for pattern, plain in _PLAIN_LATEX if "\\" in text or "{" in text else _PLAIN_LATEX[-1:]:
        text = pattern.sub(plain, text)
    text = _SPACED_THOUSANDS.sub(lambda m: re.sub(r"\s", "", m[0]), text)
    return _AREA_OR_VOLUME.sub(r"\1", text)


def _spelled_fraction(match: re.Match) -> str:
    """ "½" as "1/2", "1½" as "1 1/2"."""
    fraction = unicodedata.normalize("NFKC", match[2]).replace("⁄", "/")
    return f"{match[1]} {fraction} " if match[1] else f"{fraction} "


_SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}

_NUMBER = re.compile(
    rf"""
    (?P<sign>(?<![\w)\]+-])[-+])?                       # the minus of "5-3" or "--5" is no sign
    (?:(?:US)?[$€£¥₹]\ ?)?
    (?:
        (?:(?P<whole>\d[\d,]*)\ {{1,2}})?(?P<top>\d[\d,]*)/(?P<bottom>\d+)  # 1 1/2 or 1/2
      | (?P<decimal>\d+(?:[.,]+\d+)*|(?<![\w.])\.\d+)   # 1,080.50 or .5; _decimal checks commas and points
        (?:e(?P<e>[-+]?\d{{1,3}})(?!\d)|\ ?[×x*·]\ ?10\ ?\^\ ?(?P<power>[-+]?\d{{1,3}})(?!\d))?
    )
    (?:\ ?(?P<scale>{"|".join(_SCALES)})(?![a-z]))?
    """,
    re.VERBOSE | re.IGNORECASE,
)

_DECIMAL = re.compile(r"(?:\d+|[1-9]\d{0,2}(?:,\d{3})+)?(?:\.\d+)?")

# What follows is searched in the text with "\0" in place of each number.
_UNFINISHED = re.compile(
    r"""
    [\^√±∓<>≤≥≠+×÷∞π|\\百千万萬亿億兆]                    # an operation, or a factor in Chinese characters
  | [-*/·]\s*[$€£¥₹(\[]*\0 | -\s*[(\[]                   # - 72, x/72, -(72)
  | [a-z_]\0                                            # x72, H2O
  | \0\s?[-*·]?\s?[kxyzn](?![a-z]) | \0[ei](?![a-z])     # 3k, 3x, 72 * x, 3i
  | \0\s?[/*·](?!\s?[a-z]{2})                           # 72 / x, not $5/hour
  | \0\s?-?\s?(?:squared|cubed|pi|half|(?:tenth|hundred|thousand)\w*|\w*illions?)\b
  | \0\s+and\s+(?:a|one)\s+(?:half|third|quarter)
  | \b(?:minus|negative|plus|times|over|under|than|not|half|twice|double|triple|root)\s(?:of\s)?[^\w\0]{0,5}\0
    """,
    re.VERBOSE | re.IGNORECASE,
)

_RESTATED = re.compile(r"[=≈]|\s\(|\b(?:or|is|are|equals?|so|therefore)\b", re.IGNORECASE)


def normalise(text: str, remove_comma: bool = True) -> str | None:
    """The one number in an answer text as "1080" or "1/2"; None where there is not exactly one.

    With `remove_comma=False` a number with commas stays as written ("1,080"), and equals only itself.
    """
    if len(text) > MAX_ANSWER_CHARS:
        return None
    text = _plain(text.strip("*_ \t\n"))  # of Markdown's *72*
    matches = list(_NUMBER.finditer(text))
    if not matches or _UNFINISHED.search(_NUMBER.sub("\0", text)) or _has_other_numerals(text):
        return None
    numbers = {_canonical(match, remove_comma) for match in matches}
    gaps = [text[a.end() : b.start()] for a, b in pairwise(matches)]
    return numbers.pop() if len(numbers) == 1 and all(map(_RESTATED.search, gaps)) else None


def parse_number(text: str, remove_comma: bool = True) -> Fraction | None:
    """The one number in an answer text, exactly; None where there is not one, or its commas are kept."""
    number = normalise(text, remove_comma)
    return None if number is None or "," in number else Fraction(number)


def _has_other_numerals(text: str) -> bool:
    """Superscripts, circled and Roman numerals: 7² is not 72, and not 7 either."""
    return not text.isascii() and any(unicodedata.category(c) in ("No", "Nl") for c in text)


def _canonical(match: re.Match, remove_comma: bool) -> str | None:
    """The number of a match as exact text; None where a comma or point is out of place, or it is too long."""
    if len(match[0]) > MAX_NUMBER_CHARS:
        return None
    value = _unsigned(match)
    if value is None:
        return None
    if "," in match[0] and not remove_comma:
        text = match["decimal"] if value == _decimal(match["decimal"]) else None
    else:
        text = str(value)
    if text is None or len(text) > MAX_NUMBER_CHARS:
        return None
    return f"-{text}" if match["sign"] == "-" and value else text


def _unsigned(match: re.Match) -> Fraction | None:
    scale = _SCALES[match["scale"].lower()] if match["scale"] else 1
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
