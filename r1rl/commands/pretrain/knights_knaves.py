"""The pretraining text of the tiny base model of Knights and Knaves: small puzzles, answered in a few habits.

As in word_problems.py: most documents guess after a fixed opening, fewer go case by case, some check the solution, some
have no tags. Going case by case is nearly always right but rarer: a better habit for reinforcement learning to reinforce.
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
WITH_PREFIX = 0.8  # share of documents whose prompt ends in the opened reasoning tag
GUESS = 0.62  # share of completions that answer at once; the others go case by case
NO_TAGS = 0.1  # share of completions without any tag
CHECK = 0.3  # share of case-by-case completions that check the solution
SLIP = 0.02  # chance of a wrong verdict on a claim
RIGHT_GUESS = 0.2  # chance that a guess is the solution; other guesses are random


def read_documents(seed: int, count: int, guess_share: float = GUESS) -> Iterator[Document]:
    """Yields `count` documents about train puzzles, the same for the same arguments."""
    rng = random.Random(f"kk_habits/{seed}")
    shares = [round(share * count) for _, share in PEOPLE[:-1]]
    counts = [*shares, count - sum(shares)]
    puzzles = [p for (people, _), n in zip(PEOPLE, counts) for p in generate("train", seed, people, n)]
    rng.shuffle(puzzles)
    for puzzle in puzzles:
        yield write_document(puzzle, rng, guess_share)


def write_document(puzzle: Puzzle, rng: random.Random, guess_share: float = GUESS) -> Document:
    """Returns one puzzle, answered in one of the habits."""
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
    """Returns guessed roles."""
    if rng.random() < RIGHT_GUESS:
        return right
    return tuple(rng.random() < 0.5 for _ in right)


def case_by_case(puzzle: Puzzle, rng: random.Random) -> tuple[str, tuple[bool, ...]]:
    """Returns (text, roles): the claims in short, then case after case until one fits.

    A slip can accept a wrong case or reject the right one; if no case fits, the last one is the answer.
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
    """Returns a claim with "+Ada" for "Ada tells the truth" and "-Ada" for "Ada lies"."""
    kind, *operands = claim
    if kind in (TELLS_TRUTH, LIES):
        return f"{'+' if kind == TELLS_TRUTH else '-'}{names[operands[0]]}"
    parts = [shorthand(operand, names) for operand in operands]
    return f"not {parts[0]}" if kind == NOT else f"{parts[0]} {kind} {parts[1]}"


def try_case(claims: Sequence[Claim], case: Solution, rng: random.Random) -> tuple[str, bool]:
    """Returns the text of one case, up to the first claim that contradicts its speaker, and whether all claims fit."""
    text = f"Try {listed(case)}."
    for speaker, (claim, role) in enumerate(zip(claims, case.roles)):
        holds = holds_in(claim, case.roles) != (rng.random() < SLIP)
        text += f" {case.names[speaker]}: {values(claim, case.roles)}{verdict(holds)}"
        if holds != role:
            return f"{text}, no.", False
        text += ", ok."
    return f"{text} It fits.", True


def check(claims: Sequence[Claim], case: Solution) -> str:
    """Returns a check of the solution."""
    parts = [
        f"{name} {case.pair.truth if role else case.pair.lie} {verdict(holds_in(claim, case.roles))}"
        for name, role, claim in zip(case.names, case.roles, claims)
    ]
    return f"To check: {', '.join(parts)}."


def listed(case: Solution) -> str:
    """Returns the roles as "+Ada -Boris"."""
    return " ".join(f"{'+' if role else '-'}{name}" for name, role in zip(case.names, case.roles))


def values(claim: Claim, roles: Sequence[bool]) -> str:
    """Returns the claim with yes and no for its parts ("yes and no, "); empty for a claim without parts."""
    kind, *operands = claim
    if kind in (TELLS_TRUTH, LIES):
        return ""
    parts = ["yes" if holds_in(operand, roles) else "no" for operand in operands]
    return f"not {parts[0]}, " if kind == NOT else f"{parts[0]} {kind} {parts[1]}, "


def verdict(holds: bool) -> str:
    """Returns "true" or "false"."""
    return "true" if holds else "false"


def holds_in(claim: Claim, roles: Sequence[bool]) -> bool:
    """Returns whether a claim is true if the people have these roles."""
    world = sum(1 << person for person, role in enumerate(roles) if role)
    return bool(truth_table(claim, len(roles)) >> world & 1)
