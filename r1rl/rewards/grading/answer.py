r"""What all answer types share: the grade, where in a completion the answer is, and one normaliser for its wrapping.

A new answer type is one file with one function (completion, problem, config) -> Grade, and one line in `GRADERS`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Protocol

from r1rl.rewards.grading import vocabulary

FORMATS = ("tag", "hash", "boxed", "auto")
MAX_ANSWER_CHARS = 1000  # a longer text between the tags is an essay, not an answer

# Reasons of a verdict that several answer types use.
RIGHT, WRONG = "right", "wrong"
NO_ANSWER, TOO_LONG = "no answer", "too long"
TWO_ANSWERS, DENIED, COPIED = "two answers", "denied", "copied from the question"


@dataclass(frozen=True, slots=True)
class Grade:
    """What a completion answers, whether that is right, and why it is not."""

    extracted: str | None  # the answer as written; None if there is none
    value: str | None  # the answer, normalised ("1080", "1/2"); None if it cannot be read
    correct: bool
    reason: str = ""  # "right", "wrong", "no answer", "two numbers", "unknown word: minus", ...


class Rules(Protocol):
    """The flags that say where an answer is and how it is compared; a Config has them."""

    answer_format: str
    answer_tolerance: float
    not_remove_comma: bool
    think_tag: str


def verdict(extracted: str | None, value: str | None, correct: bool, reason: str = "") -> Grade:
    """A grade whose reason is "right", the given one, or the general one for its case."""
    if correct:
        return Grade(extracted, value, True, RIGHT)
    general = WRONG if value is not None else NO_ANSWER
    return Grade(extracted, value, False, reason or general)


# Where the answer is. Each function is one pass over the text.

_REASONING = re.compile(r"<\s*(/?)\s*(?:reasoning|think|thinking|thought|thoughts)\s*>", re.IGNORECASE)


def without_reasoning(text: str) -> str:
    """The text without its closed reasoning tags and what is inside them.

    A closing tag without an opening one ends a reasoning that the prompt began.

    >>> without_reasoning("<think>#### 63</think>#### 64"), without_reasoning("so 63</think>64")
    ('#### 64', '64')
    """
    if "<" not in text:
        return text
    kept, position, opened = [], 0, None
    for tag in _REASONING.finditer(text):
        if not tag[1]:
            opened = tag.start() if opened is None else opened
        elif opened is None:
            kept, position = [], tag.end()
        else:
            kept.append(text[position:opened])
            position, opened = tag.end(), None
    return "".join(kept) + text[position:]


@dataclass(frozen=True, slots=True)
class Found:
    """An answer text as written, with what the text around it does to it."""

    text: str
    trouble: str = ""  # the reason why this is no answer, whatever it says
    sentence: str = ""  # of a box: its sentence, from its beginning or after a formula
    after: str | None = None  # of a single box: the rest of its sentence


def locate(text: str, answer_format: str) -> Found | None:
    r"""The answer text of a completion; None where there is none or it is empty.

    - `tag`: the inside of the last complete `<answer>...</answer>`;
    - `hash`: the line after the first `####`, because a base model runs on into a next question;
    - `boxed`: the inside of the last complete `\boxed{...}`;
    - `auto`: the first of these that is there.

    Closed reasoning tags are not searched. Raises ValueError for an unknown format.
    """
    if answer_format not in FORMATS:
        raise ValueError(f"unknown answer format {answer_format!r}: it must be one of {', '.join(FORMATS)}.")
    text = without_reasoning(text)
    finders = {"tag": (_in_tag,), "hash": (_in_hash,), "boxed": (in_box,)}
    for find in finders.get(answer_format, (_in_tag, _in_hash, in_box)):
        if (found := find(text)) is not None:
            return found
    return None


def _in_tag(text: str) -> Found | None:
    if "</answer>" not in text:
        return None
    answer, start = None, None
    for tag in re.finditer(r"<(/?)answer>", text):
        if not tag[1]:
            start = tag.end()  # an inner tag wins: the outer one was quoted or never closed
        elif start is not None:
            answer, start = text[start : tag.start()].strip(), None
    return Found(answer) if answer else None


_HASHES = re.compile(r"(?<!#)####(?!#)[^\S\n]*(\n\s*)?([^\n]*)")
_HEADING = re.compile(r"\s*(?:step|part|case|method|solution|approach)\s+\d{1,3}\b[^=\d]*", re.IGNORECASE)


def _in_hash(text: str) -> Found | None:
    if "####" not in text:
        return None
    for match in _HASHES.finditer(text):
        line = match[2]
        head = line.partition("####")[0]
        if _has_digit(head) and not _HEADING.fullmatch(head):
            before = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
            return Found(line.strip(), DENIED if _BEFORE_BOX.search(before[-80:]) else "")  # never skipped
        if head != line and not _has_digit(head) and _has_digit(line):
            first = next(i for i, c in enumerate(line) if c.isnumeric())
            rest = line[line.rindex("####", 0, first + 1) + 4 :].strip() if "####" in line[:first] else ""
            return Found(rest) if rest else None  # "#### Solution #### 72"
    return None


def _has_digit(text: str) -> bool:
    return any(c.isnumeric() for c in text)


_BOX_TOKEN = re.compile(r"\\(?:f?boxed|fbox)\s*\{|\\.|[{}]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Box:
    """The inside of one `\\boxed{...}` and its place."""

    text: str
    start: int
    end: int


def boxes(text: str) -> list[Box]:
    r"""All complete `\boxed{...}` and `\fbox{...}` of a text, in the order in which they end; of nested ones the outer."""
    found: list[Box] = []
    open_braces: list[
        tuple[int, int] | None
    ] = []  # (start of the command, start of the inside); None for a plain brace
    for token in _BOX_TOKEN.finditer(text):
        if token[0].endswith("{") and token[0] != "{" and token[0] != "\\{":
            open_braces.append((token.start(), token.end()))
        elif token[0] == "{":
            open_braces.append(None)
        elif token[0] == "}" and open_braces:
            place = open_braces.pop()
            if place is not None:
                while found and found[-1].start > place[0]:
                    found.pop()
                found.append(Box(text[place[1] : token.start()].strip(), place[0], token.end()))
    return [box for box in found if box.text]


_SENTENCE_END = re.compile(r"[.!?](?=[\s$]|$)|\n")
_JOINS = re.compile(r"[,;&]|\b(?:and|or)\b|\\q?quad|\A[\s$]*\Z", re.IGNORECASE)
_DENIES = (
    r"(?:not|never|neither|nor|no|cannot|unlikely|impossible|wrong|incorrect|false|maybe|perhaps|possibly|might be|could be"
    r"|may be|at least|at most|(?:less|more|greater|fewer|larger|smaller) than|(?<!add )(?<!adds )(?<!round )(?<!comes )up to|instead of|rather than|other than|except"
    r"|unless|minus|half of|twice|[a-z]+n['’]t)"
)
_BEFORE_BOX = re.compile(
    rf"\b{_DENIES}(?:[\s:]+(?:be|is|equal|equals|to|the|an?|final|correct|right|answer|that|this|it))*[\s:=$}}]*\Z",
    re.IGNORECASE,
)
_AFTER_BOX = re.compile(
    r"[\s$]*(?:\\[)\]])?\s*(?:\^(?!\s?\{?\s?\\circ)|[_!+*/]|\\(?:cdot|times|pm|div)(?![a-z])|-\s*\d)"
    r"|[\s$,.]*(?:\\[)\]])?[\s,.]*(?:"
    r"(?:hundred|thousand|million|billion|dozen|minus|plus|times(?=[\s$\\]*(?:\d|[a-z]\b|\\))|divided|point|squared|cubed|unless|except|but not)\b"
    r"|or (?:more|less|fewer|maybe|perhaps|not|so|\$?\d)"
    r"|(?:that|this|it|which)?(?:'s|’s)? ?(?:is|was|are|would be|seems|looks|may be|might be|could be)?(?:n't|n’t| not\b|\b ?(?:wrong"
    r"|incorrect|false|too|never|impossible|unlikely|no answer))"
    r"|(?:cannot|can't|wait|on reflection|scratch that|correction|just kidding|actually|no\b[,.]))",
    re.IGNORECASE,
)
_FILLING = r"[\s$*`'\"(){}]|\\[()\[\],;! ]|\\text(?=\{)|\\q?quad"  # what may be between a box and its neighbours
_NEAR_BEFORE = re.compile(
    rf"(?:[<>]=?|[≤≥≠±∓√¬~½¼¾^!/+*|_-]|\d\s*(?:,|:|or|and)?|\\(?:n?eq?|le?q?|ge?q?|pm|mp|sqrt|neg)(?![a-z])|\b(?:sqrt|log|ln|sin|cos|tan|exp|f|un|non|half"
    rf"|twice|double|triple|negative|(?:opposite|inverse|reciprocal) of|root|least|most|than|over|under|above|below|almost|nearly|hardly|page|and a"
    rf"|{vocabulary.NUMBER_WORDS}))(?:{_FILLING})*\Z|(?<![a-z])[a-z_]\Z",
    re.IGNORECASE,
)
_NEAR_AFTER = re.compile(
    rf"(?:{_FILLING})*(?:E[+-]?\d|\.{{2,}}\s?\d|to [$\s]*\d|,?\s?and [$\s]*\d|[,:]\s?\d|less (?:{vocabulary.NUMBER_WORDS}|\d)|\\pi(?![a-z])|,? ?otherwise\b|[|=<>≤≥≠±∓√¬!?‰½⅓₀-₉²³⁴-⁹π❌✗\u0300-\u036f\u202a-\u202e\u2066-\u2069]|\.?\d|\\(?:n?eq?|le?q?|ge?q?|pm|mp|sqrt)(?![a-z])|(?:vs|versus|x|k|bn|mn|mil|ppm"
    rf"|lakh|crore|lac|cr|mio|mrd|tsd|{vocabulary.SCALE_WORDS}|squared|cubed|halves|halved|doubled|tripled|factorial|choose|point|mod"
    rf"|base|perhaps|maybe|possibly|than|otherwise|alternatively|respectively|increased|decreased|excluded|something|(?:st|nd|rd|th) root"
    rf"|pi|i|e\d|and (?:a|one|{vocabulary.NUMBER_WORDS})|{vocabulary.NUMBER_WORDS}|or|{vocabulary.FRACTION_WORDS})(?![\w-]))",
    re.IGNORECASE,
)
# Markdown's emphasis: opened before a box and not closed there; and closed
_EMPHASIS = re.compile(r"(?<![\w)\]}\\*])(\*{1,3}|__?)(?=\S|\Z)((?:(?!\1)[^\n])*)\Z")
_EMPHASISED = re.compile(r"(?<![\w)\]}\\*])(\*{1,3}|__?)(?=[^\s*_])([^\n]*?\S)\1(?![\w*])")
_TAG = re.compile(r"</?[a-z]{1,10}>|<\|\w{1,20}\|>", re.IGNORECASE)
_ARROW = re.compile(r"[=-]{1,2}>|\A\s*[>*]\s(?=[\s$]*(?:\\[(\[])?\s*\Z)")  # an arrow, a quotation or the star of a list
_NEXT_ITEM = re.compile(r"\n\s*(?:[*_]{1,3}(?=\S)|[*+-]\s(?!\s*\$?\d)|\d{1,3}[.)]\s+[a-z*])", re.IGNORECASE)
_CONDITION = re.compile(r"\b(?:if|case|when|suppose|assum\w+|otherwise|else)\b", re.IGNORECASE)


def in_box(text: str) -> Found | None:
    r"""The last `\boxed{...}`; with others in the same sentence, or on conditions, all of them as a list.

    >>> in_box(r"It is \boxed{2} and \boxed{3}.").text, in_box(r"If odd, \boxed{1}. Otherwise \boxed{2}.").text
    ('2, 3', '1, 2')
    """
    if "boxed" not in text and "fbox" not in text:
        return None
    found = boxes(text)
    if not found:
        return None
    first = len(found) - 1
    while first > 0 and _same_sentence(text[found[first - 1].end : found[first].start]):
        first -= 1
    together = found[first:]
    before, after = _neighbours(text[: together[0].start], text[together[-1].end :])
    if len({box.text for box in found}) > 1 and _CONDITION.search(before):
        together = found
    answer = ", ".join(dict.fromkeys(box.text for box in together))
    trouble = ""
    if _NEAR_BEFORE.search(before) or _NEAR_AFTER.match(after):
        trouble = "more is around the box"
    if _BEFORE_BOX.search(before[-80:]) or _AFTER_BOX.match(after):
        trouble = DENIED
    sentence, rest = "", None
    if len(together) == 1:
        plain_before = before if not re.search(r"[=\\]|\d", before.replace("\\(", "")) else ""
        end = _SENTENCE_END.search(after)
        rest = after[: end.start() + (end[0] == "?")] if end else after
        sentence = (plain_before.replace("$", "") if "$" in rest else plain_before) + together[0].text + rest
    return Found(answer, trouble, sentence, rest)


def _neighbours(before: str, after: str) -> tuple[str, str]:
    r"""The sentence before a box, and what follows it, without Markdown and HTML, which change nothing.

    >>> _neighbours("So **the sum is $", "$** apples."), _neighbours("<b>", "</b>\n- next")
    (('So  the sum is $', '$  apples.'), (' ', ' '))
    """
    before, after = _EMPHASISED.sub(r"\2", plain(before[-300:])), _NEXT_ITEM.split(plain(after[:300]), maxsplit=1)[0]
    opened = _EMPHASIS.search(before)
    closed = opened and re.match(rf"([^\n]*?\S)?{re.escape(opened[1])}(?![\w(\\*])", after)
    if closed:
        before = f"{before[: opened.start()]} {opened[2]}"
        after = f"{closed[1] or ''} {after[closed.end() :]}"
    before = _ARROW.sub(" ", _TAG.sub(" ", _SENTENCE_END.split(before)[-1]))
    return before, _TAG.sub(" ", after)


def _same_sentence(between: str) -> bool:
    """Whether two boxes are members of one list: "\\boxed{2} and $x = \\boxed{3}"."""
    return len(between) <= 40 and not _SENTENCE_END.search(between) and _JOINS.search(between) is not None


def gold_boxes(text: str) -> str | None:
    """All boxes of a gold solution as one list; None where it has none."""
    found = dict.fromkeys(box.text for box in boxes(text) if not box.text.startswith(r"\phantom"))
    return ", ".join(found) or None


# The normaliser: characters first, then what an answer is wrapped in.


class _Plain(dict):
    """The plain form of each character, worked out once."""

    def __missing__(self, code: int) -> str:
        self[code] = plain = _plain_character(chr(code))
        return plain


_BIDI = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}  # they would show digits in another order
_SIGNS = {
    **dict.fromkeys("−﹣‐‑‒–－", "-"), **dict.fromkeys("“”„«»‟", '"'), **dict.fromkeys("‘’‚", "'"),
    **dict.fromkeys("\u00a0\u2007\u2009\u202f", "\u2009"), "⁄": "/", "∕": "/", "…": "...", "。": ".", "≈": "≈", "√": "√",
}  # fmt: skip


def _plain_character(c: str) -> str:
    if c.isascii() or c in _SIGNS:
        return _SIGNS.get(c, c)
    if ord(c) in _BIDI:
        return c
    kind = unicodedata.category(c)
    if kind == "Cf" or c in "\ufe0e\ufe0f":
        return ""  # zero width
    if c.isdecimal():
        return str(unicodedata.decimal(c))
    plain = unicodedata.normalize("NFKC", c)
    tag = unicodedata.decomposition(c).partition(" ")[0]
    if tag == "<super>":
        return f"^{plain}"
    if tag == "<sub>":
        return f"_{plain}"
    if kind in ("No", "Nl"):
        return c  # circled and Roman numerals, and fractions, which `numbers` reads
    return " " if kind == "Zs" else plain


_CHARACTERS = _Plain()


def plain(text: str) -> str:
    """The text with full-width, zero-width and other special characters brought to plain ones (NFKC).

    A superscript stays one: "7²" is "7^2". A narrow space becomes U+2009, which may separate thousands.

    >>> plain("７２\u200b"), plain("7²"), plain("Ｂ")
    ('72', '7^2', 'B')
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text).translate(_CHARACTERS)


_PAIRS = (
    ("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("```", "```"), ("`", "`"), ("**", "**"), ("__", "__"),
    ("*", "*"), ("_", "_"), ('"', '"'), ("'", "'"), ("<b>", "</b>"), ("<answer>", "</answer>"),
)  # fmt: skip
_STYLE = re.compile(
    r"\\(?:f?boxed|fbox|text(?:bf|it|rm|sf|tt|normal)?|math(?:bf|rm|it|sf|tt)|[mh]box|emph|underline|bm|boldsymbol)\s*\{"
)
BOX = re.compile(r"\\(?:f?boxed|fbox)\s*\{")
_SPECIAL = re.compile(r"(?:</?answer>|</s>|<\|\w{1,20}\|>|<eos>)\s*\Z")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)


def unwrap(text: str, style: re.Pattern = _STYLE) -> str:
    r"""A plain text without what an answer is wrapped in: box, math, style, bold, quotes, tags, and a final point.

    >>> unwrap(r"**\boxed{\text{B}}**."), unwrap("$72$."), unwrap("“New York”")
    ('B', '72', 'New York')
    """
    text = plain(text).strip()
    for _ in range(12):  # deeper nesting is no answer
        before = text
        if text.endswith(">"):
            text = _SPECIAL.sub("", text).strip()
        text = text.rstrip(".").rstrip()
        if text[:1].isalnum() and not text.endswith(">"):
            break  # nothing wraps it
        for start, end in _PAIRS:
            if len(text) > len(start) + len(end) and text.startswith(start) and text.endswith(end):
                inside = text[len(start) : -len(end)]
                bare = inside.replace(r"\$", "")
                if start not in bare and end not in bare and not inside.endswith("\\"):
                    text = inside.strip()
        command = style.match(text)
        if command and text.endswith("}") and closing_brace(text, command.end()) == len(text) - 1:
            text = text[command.end() : -1].strip()
        if text == before:
            break
    return text


def is_readable(text: str) -> bool:
    """Whether a text can be LaTeX at all: neither empty nor an essay, every brace in its pair."""
    if not text.strip() or len(text) > MAX_ANSWER_CHARS:
        return False
    depth = 0
    for token in _BRACE.finditer(text):
        depth += (token[0] == "{") - (token[0] == "}")
        if depth < 0:  # "3} or \\boxed{4" would end the box that it is put in
            return False
    return depth == 0


def closing_brace(text: str, start: int) -> int:
    """Where the brace closes whose inside begins at `start`; -1 where it does not."""
    depth = 1
    for token in _BRACE.finditer(text, start):
        depth += (token[0] == "{") - (token[0] == "}")
        if depth == 0:
            return token.start()
    return -1


_LEAD = re.compile(
    r"(?:(?:so|thus|hence|therefore),? )?(?:(?:the|my) )?(?:(?:final|correct|right) )?(?:answer|solution|result|option|choice)"
    r"\s?(?:is|=|:)\s*:?\s*",
    re.IGNORECASE,
)


def without_lead(text: str) -> str:
    """A text without "The answer is", "Answer:" and the like before it.

    >>> without_lead("The final answer is: B"), without_lead("B")
    ('B', 'B')
    """
    lead = _LEAD.match(text)
    return text[lead.end() :] if lead and lead.end() < len(text) else text
