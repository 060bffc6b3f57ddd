"""The roles of a Knights and Knaves puzzle: their words, and the gold answer as one line a person."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple


class RolePair(NamedTuple):
    """The words for the two roles of a puzzle, in the singular."""

    truth: str  # always tells the truth
    lie: str  # always lies


KNIGHT_KNAVE = RolePair("knight", "knave")

GENERAL = RolePair("truth-teller", "liar")  # understood in every puzzle, whatever its own words are

ROLE_PAIRS = (
    KNIGHT_KNAVE,
    GENERAL,
    # those of the public puzzles' variants: AlphaPav/mem-kk-logic, data_prep
    RolePair("pioneer", "laggard"),
    RolePair("saint", "sinner"),
    RolePair("hero", "villain"),
    RolePair("angel", "devil"),
    RolePair("altruist", "egoist"),
    RolePair("sage", "fool"),
)


class Solution(NamedTuple):
    """Everybody's role: True for the one that tells the truth."""

    names: tuple[str, ...]
    roles: tuple[bool, ...]
    pair: RolePair


def with_article(word: str) -> str:
    """ "a knight", "an angel"."""
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def write_solution(solution: Solution) -> str:
    """One numbered line a person: "(1) Zoey is a knight"."""
    words = [solution.pair.truth if role else solution.pair.lie for role in solution.roles]
    lines = [f"({i}) {n} is {with_article(w)}" for i, (n, w) in enumerate(zip(solution.names, words), 1)]
    return "\n".join(lines)


@lru_cache(maxsize=1024)
def parse_solution(text: str) -> Solution:
    """The inverse of `write_solution`, for gold answers. Raises ValueError."""
    lines = [re.fullmatch(r"\(\d+\) (.+) is an? (.+)", line) for line in text.splitlines()]
    words = {line[2] for line in lines if line}
    pair = next((p for p in ROLE_PAIRS if words <= set(p)), None)
    if not lines or None in lines or pair is None:
        raise ValueError(f"the gold answer {text[:80]!r} must be lines such as '(1) Zoey is a knight'")
    return Solution(tuple(line[1] for line in lines), tuple(line[2] == pair.truth for line in lines), pair)


MOST_CHARACTERS = 2000  # eight people take a few hundred; a longer text is an essay

# Each token of a sentence is of one kind; what is none of them is a word that says nothing.
DOUBTS = (
    *("if", "or", "either", "whether", "unless", "otherwise", "maybe", "perhaps", "might", "may", "could"),
    *("would", "should", "probably", r"possib\w+", "impossible", "unknown", "unclear", r"assum\w+", "let"),
    *(r"suppos\w+", r"imagin\w+", r"hypothe\w+", "let's", "lets", "then", "case", "scenario", "option"),
    *("try", "trying", "says?", "saying", "said", "claim(?:s|ed|ing)?", "stat(?:es|ed|ements?)", "told"),
    *("tells(?! the truth)", r"accus\w+", "wait", "actually", "instead", "false", "wrong", "incorrect"),
    *(r"contradict\w*", "opposite", "except", "excluding", "besides", "apart", "other than", "all but"),
    *("every(?:one|body) but", "not", "cannot", "never"),
)

NEGATION = r"(?:(?<!\w)(?:not|no|never|cannot)|n't) (?:be )?(?:(?:a|an|the) )?"

THE_REST = (
    r"(?:all )?(?:the )?others|the rest|every(?:one|body) else"
    r"|the (?:other|remaining)(?: (?:one|two|three|four|five|six|seven|person|people)){0,2}(?= (?:is|are)\b)"
)

VERBS = (r"\b(?:(?:tells?|telling) the truth|truthful|honest)", r"\b(?:lies|lying|lie|dishonest)")

SENTENCE_END = re.compile(r"[.;!\n]|(?<=\?)")

REST = "\0rest"  # stands for the people who are not named anywhere

Item = list[str] | bool  # people, or a role


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text says about a puzzle's people."""

    roles: dict[str, bool] | None  # everybody's role; None where the text does not give each exactly one
    anything: bool  # whether at least one person and one role are named


def read_roles(text: str, names: Sequence[str], pair: RolePair) -> Reading:
    """Everybody's role as the text gives it, in time linear in the text."""
    text = plain(text)
    words = vocabulary(tuple(names), pair, verbs=not noun_pattern(pair).search(text))
    kinds = {token.lastgroup for token in words.finditer(text)}
    anything = "role" in kinds and bool(kinds & PEOPLE)
    if len(text) > MOST_CHARACTERS:
        return Reading(None, anything)
    sentences = [sentence_items(sentence, words, names) for sentence in SENTENCE_END.split(text)]
    if None in sentences:
        return Reading(None, anything)
    roles = complete(by_sentence(sentences), names) or complete(by_heading(sentences), names)
    return Reading(roles, anything)


def plain(text: str) -> str:
    """The text without Markdown, quotes and runs of spaces; underscores would hide the ends of words."""
    text = re.sub(r"[*_`~#|\"“”\\]", " ", text.replace("’", "'"))
    return re.sub(r"[^\S\n]+", " ", text)


def noun_pattern(pair: RolePair) -> re.Pattern:
    """The pair's own words and the general ones, in singular and plural."""
    return re.compile(nouns((*pair, *GENERAL)), re.IGNORECASE)


def nouns(words: Sequence[str]) -> str:
    """A pattern for some words; "truth-teller" may also be written as two words or one."""
    spelled = "|".join(re.escape(word).replace(r"\-", "[- ]?") for word in words)
    return rf"(?<!\w)(?:{spelled})(?:e?s)?(?!\w|'s)"


@lru_cache(maxsize=1024)
def vocabulary(names: tuple[str, ...], pair: RolePair, verbs: bool) -> re.Pattern:
    """The tokens of a puzzle. Verbs ("Zoey lies") count only in a text that has no noun for a role."""
    truth, lie = VERBS if verbs else (nouns((pair.truth, GENERAL.truth)), nouns((pair.lie, GENERAL.lie)))
    people = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.compile(
        rf"(?<!\w)(?P<name>{people})(?!\w)"
        rf"|(?P<negation>{NEGATION})?(?P<role>(?P<truth>{truth})|{lie})(?!\w)"
        rf"|\b(?P<rest>{THE_REST})\b"
        rf"|\b(?P<all>all|everyone|everybody|both)\b(?! but)"
        rf"|\b(?P<none>none|nobody|no one)\b|\b(?P<neither>neither)\b"
        rf"|(?P<doubt>\b(?:{'|'.join(DOUBTS)})\b|n't\b|\?)"
        rf"|\b(?P<pronoun>he|she|they|former|latter)\b",
        re.IGNORECASE,
    )


PEOPLE = {"name", "rest", "all", "none", "neither"}  # kinds of tokens that stand for people


def sentence_items(sentence: str, words: re.Pattern, names: Sequence[str]) -> list[Item] | None:
    """The people and roles of a sentence in their order; None for a role in doubt."""
    tokens = list(words.finditer(sentence))
    kinds = {token.lastgroup for token in tokens}
    if "role" not in kinds:
        return [[canonical(t, names) for t in tokens if t.lastgroup == "name"]] if "name" in kinds else []
    if "doubt" in kinds or ("pronoun" in kinds and not kinds & PEOPLE):
        return None
    items: list[Item] = []
    noun, flipped_at = "", None  # the latest role's word; where a "neither" stood
    for token in tokens:
        kind = token.lastgroup
        if kind == "role":
            if flipped_at == len(items):
                return None  # "neither a knight nor a knave"
            role = bool(token["truth"]) ^ bool(token["negation"]) ^ (flipped_at is not None)
            flipped_at = None
            glossed = (
                bool(items) and items[-1] is role and (token["negation"] or token["role"].lower() != noun)
            )
            noun = token["role"].lower()
            if not glossed:  # "a knight, not a knave", "a knave (liar)"
                items.append(role)
        elif kind == "none" and len(items) % 2 and not isinstance(items[-1], list):
            items.pop()  # "Knights: none"
        elif kind in PEOPLE:
            if kind in ("none", "neither"):
                flipped_at = len(items)
            add_people(items, people_of(token, kinds, names))
    return None if flipped_at is not None else items


def people_of(token: re.Match, kinds: set[str | None], names: Sequence[str]) -> list[str]:
    """Whom a token stands for: "all" and "none" mean everybody only where nobody is named beside them."""
    if token.lastgroup == "name":
        return [canonical(token, names)]
    if token.lastgroup == "rest":
        return [REST]
    return [] if token.lastgroup == "neither" or kinds & {"name", "rest"} else list(names)


def canonical(token: re.Match, names: Sequence[str]) -> str:
    """The name as the puzzle writes it."""
    return next(name for name in names if re.fullmatch(re.escape(name), token["name"], re.IGNORECASE))


def add_people(items: list[Item], people: list[str]) -> None:
    """Adds people to the list that the sentence is at, or begins a new one."""
    if items and isinstance(items[-1], list):
        items[-1].extend(people)
    elif people:
        items.append(list(people))


# From items to roles


def by_sentence(sentences: Sequence[list[Item]]) -> list[tuple[str, bool | None]]:
    """(person, role) sentence by sentence; a sentence of people alone or roles alone gives none."""
    given: list[tuple[str, bool | None]] = []
    for items in sentences:
        told = {isinstance(item, list) for item in items}
        given += pair_off(items) if len(told) == 2 else [(n, None) for item in items for n in people_in(item)]
    return given


def by_heading(sentences: Sequence[list[Item]]) -> list[tuple[str, bool | None]]:
    """(person, role) of a text that has a role as a heading and people in the lines below."""
    joined: list[Item] = []
    for items in sentences:
        if [isinstance(item, list) for item in items] not in ([], [True], [False], [False, True]):
            return []
        for item in items:
            if isinstance(item, list):
                add_people(joined, item)
            else:
                joined.append(item)
    return pair_off(joined)


def people_in(item: Item) -> list[str]:
    """The people of an item, none for a role."""
    return item if isinstance(item, list) else []


def pair_off(items: Sequence[Item]) -> list[tuple[str, bool | None]]:
    """Neighbours in pairs, one of people and one role each; UNEVEN where that does not come out."""
    given: list[tuple[str, bool | None]] = []
    if len(items) % 2:
        return UNEVEN
    for first, second in zip(items[::2], items[1::2]):
        if isinstance(first, list) == isinstance(second, list):
            return UNEVEN
        people, role = (first, second) if isinstance(first, list) else (second, first)
        given += [(person, role) for person in people]
    return given


UNEVEN: list[tuple[str, bool | None]] = [("", True)]  # nobody's name: never complete


def complete(given: Sequence[tuple[str, bool | None]], names: Sequence[str]) -> dict[str, bool] | None:
    """Everybody's role, if each person has exactly one; (person, None) is a mention without a role."""
    mentioned = {person for person, _ in given}
    others = [name for name in names if name not in mentioned]
    if REST in mentioned and not others:
        return None  # "the others" are named as well
    roles: dict[str, bool] = {}
    for person, role in given:
        for name in others if person == REST else [person]:
            if role is not None and name in roles:
                return None
            if role is not None:
                roles[name] = role
    return {name: roles[name] for name in names} if roles.keys() == set(names) else None


# Where no tag says which part of a text is the answer


def final_statement(text: str, names: Sequence[str], pair: RolePair) -> str | None:
    """The shortest end of a text, in whole sentences, that gives everybody a role; None where there is none.

    Every sentence of it must name people or roles, without a doubt: an assumption tried on the way, or a
    remark after the roles ("which is a contradiction"), is no statement of the answer.
    """
    sentences = re.split(r"(?<=[.;!?\n])", text[-MOST_CHARACTERS:])
    sentences = [sentence for sentence in sentences if re.search(r"[^\W\d_]", sentence)]
    block = ""
    for sentence in reversed(sentences[-4 * len(names) :]):
        words = vocabulary(tuple(names), pair, verbs=not noun_pattern(pair).search(plain(sentence)))
        items = sentence_items(plain(sentence), words, names)
        if not items:
            return None
        block = sentence + block
        if read_roles(block, names, pair).roles is not None:
            return block.strip()
    return None
