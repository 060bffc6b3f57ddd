"""Grades completions by the rule of their task: what is answered, and is it the gold answer?"""

from __future__ import annotations

import re
from collections.abc import Callable

from r1rl.config.flags import Config
from r1rl.records import (
    ANSWER_TAG,
    CHOICE,
    COUNTDOWN,
    KNIGHTS_KNAVES,
    LATEX,
    NO_GOLD,
    NUMBER,
    TEXT,
    VERDICT,
    Problem,
    Rollout,
)
from r1rl.rewards.grading.equations import calculated, parse_game
from r1rl.rewards.grading.latex import shared_grader
from r1rl.rewards.grading.numbers import MAX_ANSWER_CHARS, Grade, extract, grade
from r1rl.rewards.grading.roles import Solution, final_statement, parse_solution, read_roles
from r1rl.rewards.grading.verdict import find_verdict


def grade_rollout(rollout: Rollout, problem: Problem, config: Config) -> Grade:
    """The one grade of a rollout; rewards and evaluation use the same."""
    return GRADERS[problem.answer_type](rollout.completion, problem, config)


def grade_number(completion: str, problem: Problem, config: Config) -> Grade:
    """A number, found where --answer-format says."""
    return grade(
        completion,
        problem.answer,
        answer_format=config.answer_format,
        remove_comma=not config.not_remove_comma,
        tolerance=config.answer_tolerance,
    )


def grade_roles(completion: str, problem: Problem, config: Config) -> Grade:
    """Everybody's role, in the last complete answer tag or, without one, in the last statement of the text.

    `Grade.value` is None where nobody has a role (unreadable). A person who is missing, contradicted or named
    twice makes the answer wrong.
    """
    gold = parse_solution(problem.answer)
    answer = role_answer(completion, gold, config.think_tag)
    if answer is None:
        return Grade(None, None, False)
    reading = read_roles(answer, gold.names, gold.pair)
    if reading.roles is None:
        return Grade(answer, answer if reading.anything else None, False)
    roles = tuple(reading.roles.values())
    words = [gold.pair.truth if role else gold.pair.lie for role in roles]
    value = ", ".join(f"{name}: {word}" for name, word in zip(gold.names, words))
    return Grade(answer, value, roles == gold.roles)


def role_answer(completion: str, gold: Solution, tag: str) -> str | None:
    """The part of a completion that is its answer; None where there is none."""
    tagged = extract(completion, "tag")
    if tagged is not None:
        return tagged
    *_, after_tags = re.split(f"</?(?:{tag}|{ANSWER_TAG})>", completion)
    return final_statement(after_tags, gold.names, gold.pair)


def grade_verdict(completion: str, problem: Problem, config: Config) -> Grade:
    """Safe or unsafe, whichever the completion states last."""
    verdict = find_verdict(completion)
    if verdict is None:
        return Grade(None, None, False)
    return Grade(verdict.written, verdict.value, verdict.value == problem.answer)


def grade_math(completion: str, problem: Problem, config: Config) -> Grade:
    """A LaTeX answer, in the last answer tag or the last \\boxed{} (in the tag, where there is both)."""
    answer = math_answer(completion)
    verdict = shared_grader().grade(problem.answer, answer)
    return Grade(answer, verdict.value, verdict.correct)


def math_answer(completion: str) -> str | None:
    """The part of a completion that is its LaTeX answer; None where there is none."""
    tagged = extract(completion, "tag")
    if tagged is None:
        return extract(completion, "boxed")
    return extract(tagged, "boxed") or tagged


def grade_text(completion: str, problem: Problem, config: Config) -> Grade:
    """A short text, in the answer tag or box: right where it is the gold one but for capitals, spaces and a final point."""
    answer = text_answer(completion, config)
    value = None if answer is None or len(answer) > MAX_ANSWER_CHARS else plain_text(answer)
    return Grade(answer, value, value is not None and value == plain_text(problem.answer))


def grade_choice(completion: str, problem: Problem, config: Config) -> Grade:
    """The letter of an option, alone or before its words."""
    answer = text_answer(completion, config)
    value = None if answer is None else choice_of(answer)
    return Grade(answer, value, value == problem.answer)


def text_answer(completion: str, config: Config) -> str | None:
    """The answer where --answer-format says; with auto in the tag, or else in the box. None where there is none."""
    if config.answer_format == "auto":
        return extract(completion, "tag") or extract(completion, "boxed")
    return extract(completion, config.answer_format)


def plain_text(text: str) -> str | None:
    """A text without capitals, doubled spaces, quotes around it and a final point; None if nothing is left."""
    return " ".join(text.casefold().split()).strip("\"'“”‘’*_").rstrip(".").strip() or None


def grade_equation(completion: str, problem: Problem, config: Config) -> Grade:
    """A calculation of countdown, in the answer tag or box: right where it takes the given numbers and hits the target."""
    answer = text_answer(completion, config)
    game = parse_game(problem.answer)
    value = None if answer is None else calculated(answer, game.numbers)
    return Grade(answer, None if value is None else str(value), value == game.target)


def grade_nothing(completion: str, problem: Problem, config: Config) -> Grade:
    """A general prompt has no gold answer, so nothing counts as right."""
    return Grade(None, None, False)


GRADERS: dict[str, Callable[[str, Problem, Config], Grade]] = {  # by Problem.answer_type
    NUMBER: grade_number,
    LATEX: grade_math,
    TEXT: grade_text,
    CHOICE: grade_choice,
    COUNTDOWN: grade_equation,
    KNIGHTS_KNAVES: grade_roles,
    VERDICT: grade_verdict,
    NO_GOLD: grade_nothing,
}

LETTER = re.compile(r"[\s(\[*]*([A-Z])[\s)\]*]*(?:[.:)].*)?", re.DOTALL)


def choice_of(text: str) -> str | None:
    """The letter of the option that a text names; None where it names none, or begins with another word.

    >>> choice_of("(b)"), choice_of("B. blue"), choice_of("A or B"), choice_of("Blue")
    ('B', 'B', None, None)
    """
    match = LETTER.fullmatch(text.strip().upper())
    return match[1] if match else None
