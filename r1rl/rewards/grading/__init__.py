"""Grades completions by the rule of their answer type: what is answered, is it the gold answer, and if not, why?

Each answer type is one file with one function (completion, problem, config) -> Grade, and one line in GRADERS. `answer`
holds what they share: the place of an answer in a completion, and the normaliser for its characters and wrapping.
docs/grading.md describes the grammars. May import records and system. Read `answer` first, then `numbers`.
"""

from __future__ import annotations

from collections.abc import Callable

from r1rl.records import CHOICE, COUNTDOWN, KNIGHTS_KNAVES, LATEX, NO_GOLD, NUMBER, TEXT, VERDICT, Problem, Rollout
from r1rl.rewards.grading.answer import Grade, Rules
from r1rl.rewards.grading.choices import choice_of, grade_choice, grade_text
from r1rl.rewards.grading.equations import grade_equation
from r1rl.rewards.grading.latex import grade_math, math_answer
from r1rl.rewards.grading.numbers import grade_number
from r1rl.rewards.grading.roles import grade_roles
from r1rl.rewards.grading.verdict import grade_verdict

__all__ = (
    "GRADERS",
    "Grade",
    "choice_of",
    "grade_number",
    "grade_roles",
    "grade_rollout",
    "grade_verdict",
    "math_answer",
)


def grade_nothing(completion: str, problem: Problem, config: Rules) -> Grade:
    """A general prompt has no gold answer, so nothing counts as right."""
    return Grade(None, None, False, "no gold answer")


GRADERS: dict[str, Callable[[str, Problem, Rules], Grade]] = {  # by Problem.answer_type
    NUMBER: grade_number,
    LATEX: grade_math,
    TEXT: grade_text,
    CHOICE: grade_choice,
    COUNTDOWN: grade_equation,
    KNIGHTS_KNAVES: grade_roles,
    VERDICT: grade_verdict,
    NO_GOLD: grade_nothing,
}


def grade_rollout(rollout: Rollout, problem: Problem, config: Rules) -> Grade:
    """The one grade of a rollout; rewards and evaluation use the same."""
    return GRADERS[problem.answer_type](rollout.completion, problem, config)
