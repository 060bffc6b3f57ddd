"""Claims about who tells the truth: their form, their truth tables, and a solver for whole puzzles.

A claim is a nested tuple, as in the column `statements` of the public puzzles (K-and-K/knights-and-knaves):
("telling-truth", person), ("lying", person), ("not", claim), and (connective, claim, claim) with "and", "or",
"->" or "<=>". A person is an index from 0. A puzzle is one claim per person, true if that person tells the truth
and false otherwise.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Sequence
from functools import cache

MOST_PEOPLE = 16  # a truth table has 2 ** people bits
MOST_CHARACTERS = 20_000  # of a puzzle's claims as text
TELLS_TRUTH, LIES, NOT = "telling-truth", "lying", "not"
CONNECTIVES: dict[str, Callable[[int, int, int], int]] = {
    # (left, right, all worlds) -> the worlds in which the compound claim holds
    "and": lambda left, right, worlds: left & right,
    "or": lambda left, right, worlds: left | right,
    "->": lambda left, right, worlds: (worlds ^ left) | right,
    "<=>": lambda left, right, worlds: worlds ^ left ^ right,
}

Claim = tuple


def solve(claims: Sequence[Claim]) -> list[tuple[bool, ...]]:
    """Returns every assignment of roles (True: tells the truth) that fits all claims, by exhaustive search.

    >>> solve([("lying", 1), ("and", ("lying", 0), ("lying", 1))])
    [(True, False)]
    """
    people = len(claims)
    fitting = all_worlds(people)
    for person, claim in enumerate(claims):
        fitting &= consistent(person, claim, people)
    worlds = (world for world in range(2**people) if fitting >> world & 1)
    return [tuple(bool(world >> person & 1) for person in range(people)) for world in worlds]


def truth_table(claim: Claim, people: int) -> int:
    """Returns a table whose bit w says whether the claim holds in world w; bit i of w: person i tells the truth."""
    kind, *operands = claim
    if kind == TELLS_TRUTH:
        return truthful_worlds(operands[0], people)
    if kind == LIES:
        return all_worlds(people) ^ truthful_worlds(operands[0], people)
    tables = [truth_table(operand, people) for operand in operands]
    if kind == NOT:
        return all_worlds(people) ^ tables[0]
    return CONNECTIVES[kind](*tables, all_worlds(people))


def consistent(speaker: int, claim: Claim, people: int) -> int:
    """Returns the worlds in which the speaker can make the claim: both are truthful, or neither is."""
    return all_worlds(people) ^ truthful_worlds(speaker, people) ^ truth_table(claim, people)


@cache
def all_worlds(people: int) -> int:
    """Returns a table with every bit set."""
    return (1 << 2**people) - 1


@cache
def truthful_worlds(person: int, people: int) -> int:
    """Returns the table of "person tells the truth"."""
    return sum(1 << world for world in range(2**people) if world >> person & 1)


def parse_claims(text: str) -> tuple[Claim, ...]:
    """Reads the claims of a puzzle from a Python literal, without running it.

    Raises ValueError unless there is one well-formed claim for each person.
    """
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"the claims have {len(text)} characters: the limit is {MOST_CHARACTERS}")
    try:
        claims = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise ValueError("the claims are not a Python literal of tuples, texts and numbers") from None
    if not isinstance(claims, tuple) or not 1 <= len(claims) <= MOST_PEOPLE:
        raise ValueError(f"the claims must be a tuple with one claim for each of 1 to {MOST_PEOPLE} people")
    for claim in claims:
        check_claim(claim, len(claims))
    return claims


def check_claim(claim: object, people: int) -> None:
    """Raises ValueError for a malformed claim."""
    if not isinstance(claim, tuple) or not claim or not isinstance(claim[0], str):
        raise ValueError(f"{claim!r} is not a claim: it must be a tuple that begins with its kind")
    kind, *operands = claim
    if kind in (TELLS_TRUTH, LIES):
        if len(operands) != 1 or type(operands[0]) is not int or not 0 <= operands[0] < people:
            raise ValueError(f"{claim!r} must name one person from 0 to {people - 1}")
        return
    wanted = 1 if kind == NOT else 2 if kind in CONNECTIVES else None
    if wanted is None:
        known = ", ".join((TELLS_TRUTH, LIES, NOT, *CONNECTIVES))
        raise ValueError(f"{kind!r} is not a kind of claim; the kinds are {known}")
    if len(operands) != wanted:
        raise ValueError(f"{kind!r} joins {len(operands)} claims instead of {wanted}")
    for operand in operands:
        check_claim(operand, people)


def fingerprint(claims: Sequence[Claim]) -> int:
    """Returns a number that does not depend on the people's names and order.

    Colour refinement (Weisfeiler and Leman 1968): a person's colour is the form of that person's claim, with people
    replaced by their colours of the previous round. Equal puzzles always share the number; different ones may, which
    does no harm to a split.
    """
    colours = [""] * len(claims)
    for _ in range(3):
        colours = [digest(form(claim, speaker, colours)) for speaker, claim in enumerate(claims)]
    return int(digest("|".join(sorted(colours))), 16)


def form(claim: Claim, speaker: int, colours: Sequence[str]) -> str:
    """Returns a claim as text without names: "not lying" is "telling-truth", and "a and b" is "b and a"."""
    kind, *operands = claim
    if kind == NOT and operands[0][0] in (TELLS_TRUTH, LIES):
        kind, operands = (LIES if operands[0][0] == TELLS_TRUTH else TELLS_TRUTH), operands[0][1:]
    if kind in (TELLS_TRUTH, LIES):
        person = operands[0]
        return f"{kind}:{'self' if person == speaker else colours[person]}"
    forms = [form(operand, speaker, colours) for operand in operands]
    return f"{kind}({','.join(forms if kind == '->' else sorted(forms))})"


def digest(text: str) -> str:
    """Returns a hash that is the same on every machine and in every process."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
