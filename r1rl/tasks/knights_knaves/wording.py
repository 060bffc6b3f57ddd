"""The wording of a Knights and Knaves puzzle: names, opening, claims in English, and the final question."""

from __future__ import annotations

import random
from collections.abc import Sequence

from r1rl.rewards.grading.roles import KNIGHT_KNAVE, ROLE_PAIRS, RolePair, with_article
from r1rl.tasks.knights_knaves.logic import CONNECTIVES, LIES, NOT, TELLS_TRUTH, Claim

NAMES = (  # none of them is also a word of a puzzle
    *("Ada", "Anna", "Boris", "Carla", "Clara", "Dora", "Elsa", "Emil", "Felix", "Frida", "Gino", "Greta"),
    *("Helga", "Hugo", "Igor", "Ines", "Jonas", "Judith", "Karin", "Kofi", "Lars", "Leila", "Marek", "Mona"),
    *("Nadia", "Nils", "Oskar", "Otto", "Petra", "Rita", "Simon", "Stefan", "Tessa", "Tomas", "Ursula"),
    *("Viktor", "Wanda", "Yara", "Zelda", "Zoltan"),
)

KNIGHT_SHARE = 0.5  # of the puzzles; the rest use one of the other pairs of words
OPENINGS = (
    "Everybody in this town is either {a_truth} or {a_lie}: {truths} only say what is true, {lies} "
    "only say what is false. You talk to {people}.",
    "At a party each guest is {a_truth} or {a_lie}. No {truth} ever says anything false, and no {lie} ever "
    "says anything true. You meet {people}.",
    "On a remote island live {truths}, whose words are always true, and {lies}, whose words are always "
    "false. You come across {people}.",
)
SPEECHES = (
    '{name} says: "{claim}."',
    '{name} tells you: "{claim}."',
    '"{claim}," says {name}.',
    '"{claim}," {name} insists.',
    '{name} declares: "{claim}."',
    '{name} whispers: "{claim}."',
)
QUESTIONS = ("Who is what?", "What is each of them?", "Find out what each of them is.")


def draw_names(people: int, rng: random.Random) -> tuple[str, ...]:
    """Draws different names."""
    return tuple(rng.sample(NAMES, people))


def draw_pair(rng: random.Random) -> RolePair:
    """Draws words for the two roles."""
    return KNIGHT_KNAVE if rng.random() < KNIGHT_SHARE else rng.choice(ROLE_PAIRS[1:])


def puzzle_text(claims: Sequence[Claim], names: Sequence[str], pair: RolePair, rng: random.Random) -> str:
    """Returns the puzzle as text."""
    truth, lie = pair
    opening = rng.choice(OPENINGS).format(
        truth=truth, lie=lie, truths=plural(truth), lies=plural(lie),
        a_truth=with_article(truth), a_lie=with_article(lie), people=listing(names),
    )  # fmt: skip
    speeches = [
        rng.choice(SPEECHES).format(name=name, claim=capitalised(say(claim, names, pair, speaker=i)))
        for i, (name, claim) in enumerate(zip(names, claims))
    ]
    return " ".join([opening, *speeches, rng.choice(QUESTIONS)])


def say(claim: Claim, names: Sequence[str], pair: RolePair, speaker: int | None = None) -> str:
    """Returns a claim in English, spoken by `speaker` ("I"), or by no one in particular."""
    kind, *operands = claim
    if kind in (TELLS_TRUTH, LIES):
        return f"{subject(operands[0], names, speaker)} {role_word(kind == TELLS_TRUTH, pair)}"
    if kind == NOT and operands[0][0] in (TELLS_TRUTH, LIES):
        inner, person = operands[0]
        return f"{subject(person, names, speaker)} not {role_word(inner == TELLS_TRUTH, pair)}"
    spoken = [(operand[0], say(operand, names, pair, speaker)) for operand in operands]
    left, *others = [f"({text})" if inner in (NOT, *CONNECTIVES) else text for inner, text in spoken]
    if kind == NOT:
        return f"it is not true that {left}"
    (right,) = others
    if kind == "->":
        return f"if {left} then {right}"
    return f"{left} {'if and only if' if kind == '<=>' else kind} {right}"


def subject(person: int, names: Sequence[str], speaker: int | None) -> str:
    """Returns "I am" or "Zoey is"."""
    return "I am" if person == speaker else f"{names[person]} is"


def role_word(truthful: bool, pair: RolePair) -> str:
    """Returns "a knight"."""
    return with_article(pair.truth if truthful else pair.lie)


def plural(word: str) -> str:
    """Returns "knights", "heroes"."""
    return f"{word}es" if word.endswith("o") else f"{word}s"


def listing(names: Sequence[str]) -> str:
    """Returns "Ada, Boris and Clara"."""
    return f"{', '.join(names[:-1])} and {names[-1]}"


def capitalised(text: str) -> str:
    """Returns the text with a capital first letter, also after a bracket."""
    return text.replace(text.lstrip("(")[0], text.lstrip("(")[0].upper(), 1)
