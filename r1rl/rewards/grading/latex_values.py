r"""Reads LaTeX by a grammar of what an answer is, into values of a kind; anything else is no answer.

A value is a nested list, so that it can be sent to another process:

- ["expr", node, unit]: a number or formula; ["parts", [node, unit], ...]: 5 feet 6 inches
- ["list", value, ...], ["set", value, ...], ["tuple", "(", ")", value, ...]: points and intervals, ["union", value, ...]
- ["rel", [sign, ...], value, ...]: equations and inequalities; ["matrix", [node, ...], ...]
- ["time", hour, minute, "am"], ["ratio", node, ...], ["text", words]

A node is ["n", "1/2"] (exact), ["d", "0.50"] (a decimal as written), ["v", name], ["c", "pi"], ["+", node, ...], ["*", ...],
["/", a, b], ["^", a, b], ["f", name, node, ...] or ["base", digits, base]. Numbers side by side are refused, except for a mixed
number (1\frac{1}{2}) and a product with brackets or letters.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from r1rl.rewards.grading.vocabulary import AREA, FREE, NOUN, SCALES, UNIT, kind_of, reason_for

Node = list[Any]
Value = list[Any]
MAX_DEPTH = 60
FUNCTIONS = (
    *(
        "sin",
        "cos",
        "tan",
        "sec",
        "csc",
        "cot",
        "arcsin",
        "arccos",
        "arctan",
        "sinh",
        "cosh",
        "tanh",
        "log",
        "ln",
        "exp",
    ),
    *("gcd", "lcm", "min", "max", "det", "lg"),
)
GREEK = (
    *(
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "varepsilon",
        "zeta",
        "eta",
        "theta",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
    ),
    *(
        "rho",
        "sigma",
        "tau",
        "phi",
        "varphi",
        "chi",
        "psi",
        "omega",
        "Gamma",
        "Delta",
        "Theta",
        "Lambda",
        "Sigma",
        "Phi",
    ),
    *("Psi", "Omega", "ell"),
)
RELATIONS = {
    "=": "=", "<": "<", ">": ">", r"\le": "<=", r"\leq": "<=", r"\leqslant": "<=", r"\ge": ">=", r"\geq": ">=",
    r"\geqslant": ">=", r"\ne": "!=", r"\neq": "!=", r"\lt": "<", r"\gt": ">", "≤": "<=", "≥": ">=", r"\approx": "=",
    "≈": "=", "≠": "!=",
}  # fmt: skip
ATOMS = (r"\angle", r"\triangle", r"\overline", r"\overrightarrow", r"\vec", r"\widehat")
UNITS = {
    "centimeter": "cm", "centimetre": "cm", "meter": "m", "metre": "m", "kilometer": "km", "kilometre": "km", "foot": "ft",
    "feet": "ft", "inch": "in", "inche": "in", "mile": "mi", "yard": "yd", "hour": "h", "hr": "h", "minute": "min", "second": "s",
    "sec": "s", "gram": "g", "gm": "g", "kilogram": "kg", "pound": "lb", "ounce": "oz", "degree": "°", "dollar": "$", "usd": "$",
    "percent": "%", "liter": "l", "litre": "l", "sq": "square",
}  # fmt: skip
WORD_LISTS = re.compile(r"\s*,?\s*(?:and|or)\s*")


class NotRead(Exception):
    """Why a text is no value."""


# Cleaning: many spellings to one.

_CLEAN = [
    (re.compile(r"\\(?:left|right|displaystyle|textstyle|limits|big[lr]?|Big[lr]?|bigg[lr]?)(?![a-zA-Z])\.?"), ""),
    (re.compile(r",\s?\\!\s?(?=\d{3})|(?<=\d)\{,\}(?=\d{3})"), ""),
    (re.compile(r"\\!|\\phantom\s?\{[^{}]*\}"), ""),
    (re.compile(r"\\[dtc]frac(?![a-zA-Z])"), r"\\frac"),
    (re.compile(r"\\[dt]binom(?![a-zA-Z])"), r"\\binom"),
    (re.compile(r"\\(?:text(?:bf|it|rm|sf|tt|normal)|[mh]box|operatorname)(?![a-zA-Z])"), r"\\text"),
    (re.compile(r"\\(?:math(?:bf|rm|it|sf|tt|bb|cal)|boldsymbol|bm)(?![a-zA-Z])"), r"\\math"),
    (re.compile(r"\^\s?(?:\{\s?\\circ\s?\}|\\circ(?![a-zA-Z]))|\\degree(?![a-zA-Z])"), "°"),
    (re.compile(r"\\(?:lbrace)(?![a-zA-Z])"), r"\\{"),
    (re.compile(r"\\(?:rbrace)(?![a-zA-Z])"), r"\\}"),
    (re.compile(r"\\(?:cdot|times|ast)(?![a-zA-Z])|[×·⋅]"), "*"),
    (re.compile(r"\\div(?![a-zA-Z])"), "÷"),
    (re.compile(r"−"), "-"),
    (re.compile(r"\\%"), "%"),
    (re.compile(r"\\(?:l?vert|rvert)(?![a-zA-Z])"), "|"),
    (re.compile(r"(?<=[,;])\s*(?:\\q?quad\s*)+(?![a-zA-Z])"), " "),
    (re.compile(r"(?:\\q?quad\s*)*\\text\s?\{\s*(and|or)\s*\}(?:\s*\\q?quad(?![a-zA-Z]))*"), r"\\text{ \1 }"),
    (re.compile(r"\\q?quad(?![a-zA-Z])"), "¦"),  # any other gap: no product
    (re.compile(r"(?<!\\)\\[,;: ]|~"), " "),
    (re.compile(r"\\infin(?![a-z])|∞"), r"\\infty "),
]
_DOLLAR = re.compile(r"\\\$")
_MATH = re.compile(r"\\math\s?\{\s?([^{}]*?)\s?\}")
_NUMBER_TEXT = re.compile(r"\\text\s?\{\s?(-?[\d.,]*\d)\s?\}")


_THOUSANDS = re.compile(  # 1,080 alone, or as "N = 1,080" and "1,080\\text{ cm}^2"
    r"([^=,<>]{1,40}=\s?)?(-?)(?:\\?\$)?\s?(-?[1-9]\d{0,2}(?:,\d{3})+)((?:\.\d+)?\s?(?:%|°|\\text\s?\{[^{}\d]*\}(?:\^\{?[23]\}?)?|[a-z]{2,}|\\pi)?)"
)


def clean(text: str) -> str:
    """The text in one of its many spellings."""
    for pattern, plain in _CLEAN:
        text = pattern.sub(plain, text)
    text = _MATH.sub(lambda m: m[1] if re.fullmatch(r"[\d.,\s]*|[a-zA-Z]", m[1]) else rf"\text{{{m[1]}}}", text)
    text = _NUMBER_TEXT.sub(lambda m: m[1].replace(",", "") if "," in m[1] else m[1], text)
    return text.strip()


_TOKEN = re.compile(
    r"\\text\s?\{(?P<text>[^{}]*)\}|\\begin\s?\{(?P<begin>\w+)\}|\\end\s?\{(?P<end>\w+)\}|(?P<command>\\[a-zA-Z]+)|(?P<row>\\\\)"
    r"|(?P<brace>\\[{}|$])"
    r"|(?P<number>\d+(?:\.\d*)?\\(?:overline|bar)\s?\{\d+\}|\d+(?:\.\d+)?|\.\d+)|(?P<space>\s+)|(?P<sign>.)",
    re.DOTALL,
)


def tokenise(text: str) -> list[tuple[str, str, bool]]:
    """The tokens of a clean text: (kind, text, whether a space is before it)."""
    found, spaced = [], False
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "space":
            spaced = True
            continue
        found.append((kind, match[kind] if kind in ("text", "begin", "end") else match[0], spaced))
        spaced = False
    return found


# Whole values


def read_value(text: str, question: frozenset[str] | None = frozenset()) -> list[Value]:
    r"""The values of a text: one, or two where it has \pm. With question None (a gold answer) any unit is taken.

    Raises NotRead.
    """
    text = clean(text)
    if "±" in text or r"\pm" in text or r"\mp" in text:
        plus = re.sub(r"\\pm(?![a-zA-Z])|±", "+", re.sub(r"\\mp(?![a-zA-Z])", "-", text))
        minus = re.sub(r"\\pm(?![a-zA-Z])|±", "-", re.sub(r"\\mp(?![a-zA-Z])", "+", text))
        both = [_whole(tokenise(t), question, 0) for t in (plus, minus)]
        if any(v[0] not in ("expr", "rel") for v in both):
            raise NotRead("± in a list")
        return [["list", *both]]
    number = _THOUSANDS.fullmatch(text)
    if number:
        text = f"{number[1] or ''}{number[2]}{number[3].replace(',', '')}{number[4]}"
    words = re.fullmatch(r"\(?[a-zA-Z][a-zA-Z' -]{2,}\)?", text)
    if words and " " not in text.strip("() ") and not text.strip("()").isupper():
        return [["text", _words(text)]]
    return [_whole(tokenise(text), question, 0)]


def _words(text: str) -> str:
    text = " ".join(text.split()).strip(" .,")
    if len(text) > 2 and text[0] == "(" and text[-1] == ")":
        text = text[1:-1].strip()
    return text if len(text) == 1 or text.isupper() else text.casefold()


def _split(tokens: list, separators: set[str]) -> tuple[list[list], list[str]]:
    """The tokens between separators that are in no brackets; and the separators."""
    parts, found, depth = [[]], [], 0
    for token in tokens:
        kind, text, _ = token
        if text in ("(", "[", "{", r"\{") or kind == "begin":
            depth += 1
        elif text in (")", "]", "}", r"\}") or kind == "end":
            depth -= 1
        if depth == 0 and kind != "text" and text in separators:
            parts.append([])
            found.append(text)
        elif depth == 0 and kind == "text" and "," in separators and WORD_LISTS.fullmatch(f" {text.strip()} "):
            parts.append([])
            found.append(",")
        else:
            parts[-1].append(token)
    return parts, found


_CLOSERS = {"(": ")", "[": "]"}


def _whole(tokens: list, question: frozenset[str] | None, depth: int) -> Value:
    """One value. Raises NotRead."""
    if depth > MAX_DEPTH:
        raise NotRead("nested too deep")
    if not tokens:
        raise NotRead("no answer")
    if len(tokens) == 1 and tokens[0][0] == "text":
        return _text(tokens[0][1], question)
    if (
        len(tokens) == 3
        and (tokens[0][1], tokens[2][1]) == ("(", ")")
        and tokens[1][1].isalpha()
        and tokens[1][1].isupper()
    ):
        return ["text", tokens[1][1]]
    if all(kind == "sign" and text.isalpha() and text.isupper() for kind, text, _ in tokens) and len(tokens) > 1:
        if any(spaced for _, _, spaced in tokens[1:]):
            raise NotRead("letters side by side")
        return ["text", "".join(text for _, text, _ in tokens)]
    while len(tokens) > 2 and tokens[0][1] == "{" and _closes(tokens, 0) == len(tokens) - 1:
        tokens = tokens[1:-1]
    parts, _ = _split(tokens, {",", ";"})
    if len(parts) > 1:
        parts = [part for part in parts if part]
        if not parts:
            raise NotRead("no answer")
        values = [_whole(part, question, depth + 1) for part in parts]
        return ["list", *values] if len(values) > 1 else values[0]
    parts, signs = _split(tokens, {r"\in"})
    if signs:
        if len(parts) != 2 or len(parts[0]) != 1:
            raise NotRead("no form of an answer")
        return _whole(parts[1], question, depth + 1)
    parts, signs = _split(tokens, set(RELATIONS))
    if signs:
        if not parts[0] and len(parts) == 2 and RELATIONS[signs[0]] == "=":
            return _whole(parts[1], question, depth + 1)  # "= 5", "\approx 5"
        return ["rel", [RELATIONS[s] for s in signs], *(_whole(part, question, depth + 1) for part in parts)]
    parts, signs = _split(tokens, {r"\cup", r"\bigcup"})
    if signs:
        return ["union", *(_whole(part, question, depth + 1) for part in parts)]
    first, last = tokens[0][1], tokens[-1][1]
    if first in _CLOSERS and last in (")", "]") and _closes(tokens, 0) == len(tokens) - 1:
        inside, _ = _split(tokens[1:-1], {","})
        if len(inside) > 1:
            return ["tuple", first, last, *(_whole(part, question, depth + 1) for part in inside)]
        if first == "[" or last == "]":
            raise NotRead("one thing in square brackets")
    if first == r"\{" and last == r"\}" and _closes(tokens, 0) == len(tokens) - 1:
        inside, _ = _split(tokens[1:-1], {",", ";"})
        return ["set", *(_whole(part, question, depth + 1) for part in inside if part)]
    if tokens[0][0] == "begin" and tokens[-1][0] == "end" and tokens[0][1] == tokens[-1][1]:
        return _matrix(tokens, depth)
    parts, signs = _split(tokens, {":"})
    if signs:
        return _colon(parts, question, depth)
    return _quantity(tokens, question, depth)


def _closes(tokens: list, start: int) -> int:
    """Where the bracket of a token closes; -1 where it does not."""
    depth = 0
    for i in range(start, len(tokens)):
        kind, text, _ = tokens[i]
        depth += (text in ("(", "[", "{", r"\{") and kind != "text") - (
            text in (")", "]", "}", r"\}") and kind != "text"
        )
        if depth == 0:
            return i
    return -1


def _matrix(tokens: list, depth: int) -> Value:
    if tokens[0][1] not in ("pmatrix", "bmatrix"):
        raise NotRead(f"undone work: {tokens[0][1][:20]}")
    rows, _ = _split(tokens[1:-1], {"\\\\"})
    read = [[_node(cell, depth + 1) for cell in _split(row, {"&"})[0]] for row in rows if row]
    if not read or len({len(row) for row in read}) != 1:
        raise NotRead("no form of a matrix")
    return ["matrix", *read]


_HALF = re.compile(r"\s*([ap])\.?\s?m\.?\s*", re.IGNORECASE)


def _colon(parts: list[list], question: frozenset[str] | None, depth: int) -> Value:
    """A time of the day or a ratio."""
    half = ""
    if parts[-1] and parts[-1][-1][0] == "text":
        match = _HALF.fullmatch(parts[-1][-1][1])
        if match is None:
            raise NotRead("no form of a time")
        half, parts = f"{match[1].lower()}m", [*parts[:-1], parts[-1][:-1]]
    nodes = [_node(part, depth + 1) for part in parts]
    digits = [part[0][1] if len(part) == 1 else "" for part in parts]
    if len(parts) == 2 and digits[0].isdecimal() and digits[1].isdecimal() and len(digits[1]) == 2:
        return ["time", digits[0].lstrip("0"), digits[1], half]
    if half:
        raise NotRead("no form of a time")
    return ["ratio", *nodes]


def _text(text: str, question: frozenset[str] | None) -> Value:
    """A text alone: a time, letters in a list, or words."""
    time = re.fullmatch(r"\s*(\d{1,2}):(\d\d)\s*(?:([ap])\.?\s?m\.?)?\s*", text, re.IGNORECASE)
    if time:
        return ["time", time[1].lstrip("0"), time[2], f"{time[3].lower()}m" if time[3] else ""]
    pieces = [_words(piece) for piece in re.split(r",|\band\b", text)]
    if len(pieces) > 1 and all(pieces):
        return ["list", *(["text", piece] for piece in pieces)]
    words = _words(text)
    if not words:
        raise NotRead("no answer")
    if question is not None and any(c.isnumeric() for c in words) and not re.fullmatch(r"[A-Za-z]+ ?\d+", words):
        raise NotRead("words and numbers")
    return ["text", words]


def _quantity(tokens: list, question: frozenset[str] | None, depth: int) -> Value:
    """A formula with a unit behind it, or several (5 feet 6 inches)."""
    tokens = [t for t in tokens if t[1] not in (r"\$", "$")]
    if len(tokens) >= 2 and tokens[-1][0] == "text":
        half = _HALF.fullmatch(tokens[-1][1])
        if half and len(tokens) == 2 and tokens[0][1].isdecimal():
            return ["time", tokens[0][1].lstrip("0"), "00", f"{half[1].lower()}m"]
    parts, here, i = [], [], 0
    while i < len(tokens):
        kind, text, _ = tokens[i]
        if kind != "text":
            behind = here and (here[-1][0] == "number" or (tokens[i][2] and here[-1][1] in ("}", ")", r"\pi")))
            letters = _letter_unit(tokens, i) if behind else None
            if letters:
                parts.append([_node(here, depth + 1), _unit(letters[0], question)])
                here, i = [], letters[1]
                continue
            here.append(tokens[i])
            i += 1
            continue
        if not here:
            raise NotRead(f"no form of an answer: {text.strip()[:30]}")
        power = ""
        if i + 2 < len(tokens) and tokens[i + 1][1] == "^" and tokens[i + 2][1] in "23":
            power, i = tokens[i + 2][1], i + 2
        node = _node(here, depth + 1)
        words = text.strip().split()
        if words and words[0].lower() in SCALES:
            node, words = ["n", str(_exact(node) * SCALES[words[0].lower()])], words[1:]
        parts.append([node, _unit(" ".join(words) + power, question)])
        here, i = [], i + 1
    if here:
        if here == [("sign", ".", False)]:
            here = []
        else:
            parts.append([_node(here, depth + 1), ""])
    if len(parts) == 1:
        node, unit = parts[0]
        while node[0] == "unit":  # degrees and percent
            unit, node = unit or node[2], node[1]
        return ["expr", node, unit]
    if any(not unit for _, unit in parts):
        raise NotRead("numbers side by side")
    return ["parts", *parts]


def _exact(node: Node) -> Fraction:
    if node[0] in ("n", "d"):
        return Fraction(node[1])
    raise NotRead("no number before the scale word")


def _letter_unit(tokens: list, start: int) -> tuple[str, int] | None:
    """A unit in letters without \\text, such as "12 cm"; and where it ends."""
    end, word = start, ""
    while end < len(tokens) and tokens[end][0] == "sign" and tokens[end][1].isascii() and tokens[end][1].isalpha():
        if tokens[end][2] and word:
            break
        word += tokens[end][1]
        end += 1
    if len(word) < 2 or kind_of(word.lower()) not in (UNIT, NOUN):
        return None
    return word, end


def _unit(text: str, question: frozenset[str] | None) -> str:
    """A unit in one spelling: "square inches" and "in^2" are "in2". Raises NotRead for words that are none."""
    if question is not None and re.search(r"(?<![A-Za-z])(?:[MKBTGk](?![A-Za-z])|\d)", text):
        raise NotRead(f"no unit: {text[:30]}")
    words = re.findall(r"[^\W\d_]+|[%°$]|\d", text.lower().replace("a.m.", "am").replace("p.m.", "pm"))
    power, found = "", []
    for word in words:
        if word.isdecimal():
            power = word
            continue
        kind = kind_of(word, question or frozenset())
        short = UNITS.get(word, UNITS.get(word.removesuffix("s"), word.removesuffix("s")))
        if kind == AREA:
            power = "3" if word == "cubic" else "2"
            continue
        if question is not None and kind not in (UNIT, NOUN, FREE, "o", "p") and word != "m":
            raise NotRead(reason_for(word))
        if word == "in" and not found and not any(w.isalpha() for w in words[1:]):
            found.append(word)
            continue
        if word in ("and", "of", "per", "a", "an", "the", "in", "total", "all"):
            found += ["/"] if word == "per" else []
            continue
        found.append(short)
    if "am" in found or "pm" in found:
        raise NotRead("no form of a time")
    return " ".join(found) + power


# Formulas


def _node(tokens: list, depth: int) -> Node:
    """A formula that takes all tokens. Raises NotRead."""
    parser = _Parser(tokens, depth)
    node = parser.sum()
    if parser.at != len(parser.tokens):
        raise NotRead(f"no form of a formula, at: {parser.tokens[parser.at][1][:20]}")
    return node


class _Parser:
    """A recursive descent over the tokens of one formula."""

    def __init__(self, tokens: list, depth: int):
        self.tokens, self.depth, self.at = tokens, depth, 0
        self.bars = 0

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def next(self) -> tuple[str, str, bool]:
        if self.at >= len(self.tokens):
            raise NotRead("the formula ends too early")
        self.at += 1
        return self.tokens[self.at - 1]

    def need(self, text: str) -> None:
        if self.next()[1] != text:
            raise NotRead("brackets do not match")

    def sum(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NotRead("nested too deep")
        terms, sign = [], 1
        if self.peek() in ("+", "-") and self.kind() == "sign":
            sign = -1 if self.next()[1] == "-" else 1
        while True:
            term = self.product()
            terms.append(negative(term) if sign < 0 else term)
            if self.kind() == "sign" and self.peek() in ("+", "-"):
                sign = -1 if self.next()[1] == "-" else 1
                continue
            break
        self.depth -= 1
        return terms[0] if len(terms) == 1 else ["+", *terms]

    def product(self) -> Node:
        node, plain_number = self.factor()
        factors = [node]
        while self.at < len(self.tokens):
            kind, text, _ = self.tokens[self.at]
            if kind == "sign" and text in "*/÷":
                self.at += 1
                sign = 1
                if self.kind() == "sign" and self.peek() == "-" and text == "*":
                    raise NotRead("two signs side by side")
                other, plain_number = self.factor()
                if text == "*":
                    factors.append(other)
                elif text == "/":
                    factors = [["/", product_of(factors), other]]
                else:
                    factors = [["f", "div", product_of(factors), other]]
                factors = factors if sign > 0 else [negative(product_of(factors))]
                plain_number = False
                continue
            if not self.starts_factor(kind, text):
                break
            if kind == "number":
                raise NotRead("numbers side by side")
            start = self.at
            other, _ = self.factor()
            if plain_number and text == r"\frac" and is_mixed(factors[-1], other) and self.at > start:
                factors[-1] = ["n", str(Fraction(factors[-1][1]) + Fraction(other[1][1]) / Fraction(other[2][1]))]
            else:
                factors.append(other)
            plain_number = False
        return product_of(factors)

    def starts_factor(self, kind: str, text: str) -> bool:
        if kind in ("number", "text", "begin"):
            return kind == "number"
        if kind == "command":
            name = text[1:]
            return (
                text in (r"\frac", r"\sqrt", r"\binom", r"\pi", r"\infty", *ATOMS) or name in FUNCTIONS or name in GREEK
            )
        if text == "|":
            return self.bars == 0
        return kind == "sign" and (text in "({[" or (text.isalpha() and text.isascii()) or text in "πθ√")

    def factor(self) -> tuple[Node, bool]:
        """A factor with what is behind it; and whether it is a plain whole number."""
        start = self.at
        node = self.base()
        plain_number = self.tokens[start][0] == "number" and self.at == start + 1 and node[0] == "n"
        while self.at < len(self.tokens):
            text = self.peek()
            if self.kind() == "text":
                break
            if text == "^":
                self.at += 1
                node, plain_number = ["^", node, self.group(power=True)], False
            elif text == "_":
                self.at += 1
                node, plain_number = self.subscript(node, start), False
            elif text == "!":
                self.at += 1
                node, plain_number = ["f", "factorial", node], False
            elif text in ("°", "%"):
                self.at += 1
                node, plain_number = ["unit", node, text], False
            else:
                break
        return node, plain_number

    def subscript(self, node: Node, start: int) -> Node:
        text = self.next()[1]
        if text == "{":
            inside = []
            while self.peek() != "}":
                inside.append(self.next()[1])
            self.at += 1
            text = "".join(inside)
        if not re.fullmatch(r"[A-Za-z0-9 ]{1,12}", text):
            raise NotRead("a strange subscript")
        if node[0] == "v":
            return ["v", f"{node[1]}_{text.strip()}"]
        if node[0] == "n" and self.tokens[start][0] == "number":
            return ["base", self.tokens[start][1], text.strip()]
        if node == ["f", "log"]:
            return ["f", "log", ["n", text]]
        raise NotRead("a strange subscript")

    def group(self, power: bool = False) -> Node:
        """An argument: in braces, or one digit or letter."""
        if self.peek() == "{":
            self.at += 1
            node = self.sum()
            self.need("}")
            return node
        kind, text, _ = self.tokens[self.at] if self.at < len(self.tokens) else ("", "", False)
        if kind == "number" and text.isdecimal() and len(text) > 1:  # \frac12, x^12 is x^1 2
            if power:
                raise NotRead("a power without braces")
            first, rest = text[0], text[1:]
            self.tokens = [
                *self.tokens[: self.at],
                ("number", first, False),
                ("number", rest, False),
                *self.tokens[self.at + 1 :],
            ]
        if power and text == "-":
            self.at += 1
            return negative(self.base())
        return self.base()

    def base(self) -> Node:
        kind, text, _ = self.next()
        if kind == "number":
            return number_node(text)
        if kind == "command":
            return self.command(text)
        if kind == "sign":
            if text in ("(", "[", "{"):
                node = self.sum()
                self.need({"(": ")", "[": "]", "{": "}"}[text])
                return node
            if text == "|":
                self.bars += 1
                node = self.sum()
                self.need("|")
                self.bars -= 1
                return ["f", "abs", node]
            if text == "π":
                return ["c", "pi"]
            if text == "√":
                return ["^", self.group(), ["n", "1/2"]]
            if text in "fgh" and self.peek() == "(":
                return ["f", f"apply {text}", self.base()]
            if text in "ei":
                return ["c", text]
            if text.isalpha():
                return ["v", text]
        raise NotRead(f"no form of a formula, at: {text[:20]}")

    def command(self, text: str) -> Node:
        name = text[1:]
        if text == r"\frac":
            top = self.group()
            return ["/", top, self.group()]
        if text == r"\sqrt":
            root: Node = ["n", "2"]
            if self.peek() == "[":
                self.at += 1
                root = self.sum()
                self.need("]")
            return ["^", self.group(), ["/", ["n", "1"], root] if root != ["n", "2"] else ["n", "1/2"]]
        if text == r"\binom":
            top = self.group()
            return ["f", "binom", top, self.group()]
        if text == r"\pi":
            return ["c", "pi"]
        if text == r"\infty":
            return ["c", "oo"]
        if name in GREEK:
            return ["v", name]
        if text in ATOMS:
            return ["v", text + self.letters()]
        if name in FUNCTIONS:
            return self.function(name)
        raise NotRead(f"unknown sign: {text[:20]}")

    def letters(self) -> str:
        """The letters of \\angle ABC or \\overline{CD}."""
        braced = self.peek() == "{"
        self.at += braced
        found = ""
        while self.kind() == "sign" and self.peek().isalpha():
            found += self.next()[1]
        if braced:
            self.need("}")
        if not found:
            raise NotRead("a sign without its letters")
        return " " + found

    def function(self, name: str) -> Node:
        node: Node = ["f", name]
        power = None
        if name == "log" and self.peek() == "_":
            self.at += 1
            base = self.group()
            argument, _ = self.factor()
            return ["/", ["f", "ln", argument], ["f", "ln", base]]
        if self.peek() == "^":
            self.at += 1
            power = self.group(power=True)
        if self.peek() == "(":
            argument = self.base()
        else:
            argument, _ = self.factor()
            while self.at < len(self.tokens) and self.kind() == "sign" and self.peek().isalpha():
                other, _ = self.factor()
                argument = ["*", argument, other]
        node = ["f", name, argument]
        return node if power is None else ["^", node, power]


def number_node(text: str) -> Node:
    """The node of digits, exact; 0.\\overline{3} is 1/3."""
    repeated = re.fullmatch(r"(\d+)(?:\.(\d*))?\\(?:overline|bar)\s?\{(\d+)\}", text)
    if repeated:
        if "." not in text:
            raise NotRead("a bar over whole digits")
        whole, fixed, again = repeated[1], repeated[2] or "", repeated[3]
        shift, period = 10 ** len(fixed), 10 ** len(again) - 1
        return ["n", str(Fraction(int(whole + fixed)) / shift + Fraction(int(again), period * shift))]
    if len(text) > 400:
        raise NotRead("too long")
    return ["d", text] if "." in text else ["n", str(int(text))]


def negative(node: Node) -> Node:
    """Minus a node."""
    if node[0] in ("n", "d") and not node[1].startswith("-"):
        return [node[0], f"-{node[1]}"]
    if node[0] == "unit":
        return ["unit", negative(node[1]), node[2]]
    return ["*", ["n", "-1"], node]


def product_of(factors: list[Node]) -> Node:
    """The product of one node or more."""
    units = [f for f in factors if f[0] == "unit"]
    if units and len(factors) > 1:
        if len(units) > 1 or factors[-1][0] != "unit":
            raise NotRead("a unit inside a formula")
        inner = product_of([*factors[:-1], units[0][1]])
        return ["unit", inner, units[0][2]]
    return factors[0] if len(factors) == 1 else ["*", *factors]


def is_mixed(whole: Node, fraction: Node) -> bool:
    """Whether a whole number and a fraction behind it are a mixed number, such as 1\\frac{1}{2}."""
    if whole[0] != "n" or fraction[0] != "/" or fraction[1][0] != "n" or fraction[2][0] != "n":
        return False
    return 0 < int(fraction[1][1]) < int(fraction[2][1])


# What a node is


def is_finished(node: Node) -> bool:
    r"""Whether a node is one number as written: 3, -0.5, \frac{1}{2}, 1.6 \times 10^{-19}; nothing to work out."""
    if node[0] in ("n", "d", "base"):
        return True
    if node[0] == "/":
        return node[1][0] == "n" and node[2][0] == "n"
    if node[0] == "*":
        if node[1] == ["n", "-1"] and len(node) == 3:
            return node[2][0] not in ("n", "d", "*") and is_finished(node[2])
        power = node[-1]
        return (
            len(node) == 3
            and node[1][0] in ("n", "d")
            and power[0] == "^"
            and power[1] == ["n", "10"]
            and power[2][0] == "n"
        )
    return False


def has_sum_of_numbers(node: Any) -> bool:
    r"""Whether a node adds or subtracts numbers anywhere, which is left to work out: \sqrt{(5-1)^2+2^2}."""
    if not isinstance(node, list) or not node:
        return False
    numbers = sum(rational(part) is not None for part in node[1:]) if node[0] == "+" else 0
    return numbers > 1 or any(map(has_sum_of_numbers, node[1:]))


def operations(node: Any) -> set[str]:
    """The functions that a node or value has, without those that are part of a usual answer."""
    if not isinstance(node, list) or not node:
        return set()
    own = {str(node[1])} if node[0] == "f" and isinstance(node[1], str) else set()
    return own.union(*(operations(part) for part in node[1:])) if len(node) > 1 else own


def rational(node: Node) -> Fraction | None:
    """The exact value of a node without letters and roots; None for any other, and for one too large."""
    kind = node[0]
    if kind in ("n", "d"):
        return Fraction(node[1])
    if kind == "unit":
        return None
    if kind in ("+", "*"):
        values = [rational(part) for part in node[1:]]
        if None in values:
            return None
        result = Fraction(kind == "*")
        for value in values:
            result = result + value if kind == "+" else result * value
            if result.numerator.bit_length() + result.denominator.bit_length() > 100_000:
                return None
        return result
    if kind in ("/", "^"):
        left, right = rational(node[1]), rational(node[2])
        if left is None or right is None:
            return None
        if kind == "/":
            return left / right if right else None
        size = max(left.numerator.bit_length(), left.denominator.bit_length())
        if right.denominator != 1 or abs(right) > 20_000 or size * abs(right) > 100_000 or (not left and right <= 0):
            return None
        return left ** int(right)
    if kind == "f" and node[1] == "factorial":
        value = rational(node[2])
        if value is not None and value.denominator == 1 and 0 <= value <= 1000:
            product = Fraction(1)
            for i in range(2, int(value) + 1):
                product *= i
            return product
    return None
