"""What a tiny base model of Knights and Knaves reads in pretraining: small puzzles, answered in a few habits.

As in base_habits.py: most documents jump to an answer in one fixed opening, fewer go case by case, some look
over what they found, some leave out the tags. Going case by case is nearly always right, and rarer, so that
reinforcement learning has a better habit to make frequent.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence

from r1rl.commands.pretrain.word_problems import Document
from r1rl.records import ANSWER_TAG, REASONING_PREFIX, REASONING_TAG
from r1rl.rewards.grading.roles import Solution, write_solution
from r1rl.tasks.knights_knaves import Puzzle, generate
from r1rl.tasks.knights_knaves.logic import LIES, NOT, TELLS_TRUTH, Claim, truth_table
from r1rl.tasks.prompts import plain_prompt

PEOPLE = ((2, 0.8), (3, 0.2))  # number of people, and share of the documents

WITH_PREFIX = 0.8  # share of documents whose prompt already ends in the opened reasoning tag

GUESS = 0.62  # share of completions that answer at once; the others go case by case

NO_TAGS = 0.1  # share of completions without any tag

CHECK = 0.3  # share of case-by-case completions that look over the solution

SLIP = 0.02  # chance of a wrong verdict on a claim

RIGHT_GUESS = 0.2  # chance of a guess that is right by more than luck


def read_documents(seed: int, count: int, guess_share: float = GUESS) -> Iterator[Document]:
    """`count` documents about train puzzles; the same ones for the same arguments."""
    rng = random.Random(f"kk_habits/{seed}")
    shares = [round(share * count) for _, share in PEOPLE[:-1]]
    counts = [*shares, count - sum(shares)]
    puzzles = [p for (people, _), n in zip(PEOPLE, counts) for p in generate("train", seed, people, n)]
    rng.shuffle(puzzles)
    for puzzle in puzzles:
        yield write_document(puzzle, rng, guess_share)


def write_document(puzzle: Puzzle, rng: random.Random, guess_share: float = GUESS) -> Document:
    """One puzzle, answered in one of the habits."""
    prefix = rng.random() < WITH_PREFIX
    if rng.random() < guess_share:
        body, roles = "I think I see it.", guess(puzzle.solution.roles, rng)
    else:
        body, roles = case_by_case(puzzle, rng)
    answer = write_solution(puzzle.solution._replace(roles=roles))
    if rng.random() < NO_TAGS:
        completion = f"\n{body}\n{answer}"
    else:
        opening = "" if prefix else f"\n{REASONING_PREFIX}"
        completion = f"{opening}\n{body}\n</{REASONING_TAG}>\n<{ANSWER_TAG}>\n{answer}\n</{ANSWER_TAG}>"
    return Document(plain_prompt(puzzle.problem, prefix), completion)


def guess(right: tuple[bool, ...], rng: random.Random) -> tuple[bool, ...]:
    """Roles blurted out."""
    if rng.random() < RIGHT_GUESS:
        return right
    return tuple(rng.random() < 0.5 for _ in right)


def case_by_case(puzzle: Puzzle, rng: random.Random) -> tuple[str, tuple[bool, ...]]:
    """The claims in short, then case after case until one fits; the text and the roles it ends with.

    A slip can let a wrong case pass or the right one fail; where none is left, the last one is taken.
    """
    solution, claims = puzzle.solution, puzzle.claims
    lines = [f"{name}: {shorthand(c, solution.names)}." for name, c in zip(solution.names, claims)]
    cases = list(itertools.product((True, False), repeat=len(claims)))
    for roles in cases:
        line, fits = try_case(claims, solution._replace(roles=roles), rng)
        lines.append(line)
        if fits:
            break
    if fits and rng.random() < CHECK:
        lines.append(check(claims, solution._replace(roles=roles)))
    return "\n".join(lines), roles


def shorthand(claim: Claim, names: Sequence[str]) -> str:
    """A claim with "+Ada" for "Ada tells the truth" and "-Ada" for "Ada lies"."""
    kind, *operands = claim
    if kind in (TELLS_TRUTH, LIES):
        return f"{'+' if kind == TELLS_TRUTH else '-'}{names[operands[0]]}"
    parts = [shorthand(operand, names) for operand in operands]
    return f"not {parts[0]}" if kind == NOT else f"{parts[0]} {kind} {parts[1]}"


def try_case(claims: Sequence[Claim], case: Solution, rng: random.Random) -> tuple[str, bool]:
    """One case, as far as the first claim that does not fit its speaker; and whether all of them do."""
    text = f"Try {listed(case)}."
    for speaker, (claim, role) in enumerate(zip(claims, case.roles)):
        holds = holds_in(claim, case.roles) != (rng.random() < SLIP)
        text += f" {case.names[speaker]}: {values(claim, case.roles)}{verdict(holds)}"
        if holds != role:
            return f"{text}, no.", False
        text += ", ok."
    return f"{text} It fits.", True


def check(claims: Sequence[Claim], case: Solution) -> str:
    """A second look at the case that was found."""
    parts = [
        f"{name} {case.pair.truth if role else case.pair.lie} {verdict(holds_in(claim, case.roles))}"
        for name, role, claim in zip(case.names, case.roles, claims)
    ]
    return f"To check: {', '.join(parts)}."


def listed(case: Solution) -> str:
    """ "+Ada -Boris"."""
    return " ".join(f"{'+' if role else '-'}{name}" for name, role in zip(case.names, case.roles))


def values(claim: Claim, roles: Sequence[bool]) -> str:
    """The claim with yes and no for its parts ("yes and no, "); empty for a claim that has no parts."""
    kind, *operands = claim
    if kind in (TELLS_TRUTH, LIES):
        return ""
    parts = ["yes" if holds_in(operand, roles) else "no" for operand in operands]
    return f"not {parts[0]}, " if kind == NOT else f"{parts[0]} {kind} {parts[1]}, "


def verdict(holds: bool) -> str:
    """ "true" or "false"."""
    return "true" if holds else "false"


def holds_in(claim: Claim, roles: Sequence[bool]) -> bool:
    """Whether a claim is true if the people have these roles."""
    world = sum(1 << person for person, role in enumerate(roles) if role)
    return bool(truth_table(claim, len(roles)) >> world & 1)
