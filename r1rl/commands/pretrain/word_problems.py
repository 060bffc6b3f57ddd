"""The pretraining text of the tiny base model: word problems, answered as a base model answers.

Most have the system text and answers in tags; some are exercises, question after question, with worked solutions that
end in `#### N`.

A base model has habits, good and bad. This one calculates the whole answer in one go, which a model of its size often
gets wrong. Rarely it checks: it calculates again step by step, which it does reliably, and corrects what it finds. Or it
only says that it checked. Reinforcement learning can only make existing habits more frequent, so the text has all of
them, and the useful one seldom. Random slips alone would not be enough: they average out in greedy decoding, which
leaves nothing to learn.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from dataclasses import dataclass

from r1rl.records import ANSWER_TAG, REASONING_PREFIX, REASONING_TAG, Problem
from r1rl.tasks.gsm8k import without_notes
from r1rl.tasks.prompts import PLAIN, plain_prompt
from r1rl.tasks.word_problems import LARGEST, Step, WorkedProblem, calculate, gsm8k_solution

WITH_PREFIX = 0.8  # share of documents whose prompt ends in the opened reasoning tag
UNCHECKED = 0.92  # share of completions whose result is not checked
EMPTY = 0.06  # share of these that only say that they checked
NO_TAGS = 0.1  # share of completions without any tag
MIXED = 0.03  # share of completions with a line in another language
WRONG = (0.0, 0.4)  # chance of a wrong result of one step, and of several steps, in one go
WRONG_CHECKED = (0.1, 0.5)  # the same if a check follows, which then has something to find
LEFT_WRONG = 0.1  # share of wrong results that a check finds and does not correct
STORIES = 0.65  # share of the problems in other wordings than the task's
EXERCISES = 0.2  # share of documents in the form of exercises
DRILLS = 0.4  # share of these that are single calculations, without a story
GUESS = 0.62  # share of exercises that are answered by a guess
NOTES = 0.2  # share of exercises with calculator notes, as in <<9-4=5>>
MOST_SOLVED = 2  # solved exercises before the one that is learned, at most
SLIP = 0.06  # chance of a wrong result in a step of an exercise
RIGHT_ONE_STEP = 0.6  # chance that the guess at a one-step exercise is right
RIGHT_MORE_STEPS = 0.2  # the same for longer ones: most guesses stop after the first step
OTHER_LANGUAGE = ("Das macht also {}.", "Dann sind es zusammen {}.", "Zum Schluss bleiben noch {}.")
ANNOUNCED = ("Let me double-check:", "Let me verify:", "To check,", "Let me check:", "To verify,")
AGREES = ("That is right.", "Yes, it is right.", "It fits.")
EMPTY_TALK = ("Let me verify. Yes, it is right.", "Let me check. That is right.", "I have checked it. It fits.")


@dataclass(frozen=True, slots=True)
class Document:
    """One pretraining text; the model is trained on the completion."""

    prompt: str
    completion: str


def write_document(
    worked: WorkedProblem, rng: random.Random, unchecked: float = UNCHECKED, repeats: bool = False
) -> Document:
    """Returns one problem, answered in one of the habits.

    `repeats`: a check does the same calculation again, in one go, and finds nothing that the first did not know. This is
    the control: a model that has read such a text has the habit of checking and nothing to gain from it.
    """
    prefix = rng.random() < WITH_PREFIX
    if rng.random() < unchecked:
        answer, body = in_one_go(worked.steps, WRONG, rng)
        if rng.random() < EMPTY:
            body = f"{body}\n{rng.choice(EMPTY_TALK)}"
    else:
        stated, body = in_one_go(worked.steps, WRONG_CHECKED, rng)
        answer, check = (repeated if repeats else check_text)(worked.steps, stated, rng)
        body = f"{body}\n{check}"
    if rng.random() < NO_TAGS:
        completion = f"\n{body}\nThe answer is {answer}."
    else:
        opening = "" if prefix else f"\n{REASONING_PREFIX}"
        completion = f"{opening}\n{body}\n</{REASONING_TAG}>\n<{ANSWER_TAG}>\n{answer}\n</{ANSWER_TAG}>"
    return Document(plain_prompt(worked.problem, prefix), completion)


def in_one_go(steps: tuple[Step, ...], wrong: tuple[float, float], rng: random.Random) -> tuple[int, str]:
    """Returns the stated result, which is wrong with a chance for one step or several, and the calculation as text."""
    result = steps[-1].result
    if rng.random() < wrong[len(steps) > 1]:
        result = near(result, rng)
    formula = f"{expression(steps)} = {result}"
    if rng.random() < MIXED:
        return result, rng.choice(OTHER_LANGUAGE).format(formula)
    return result, f"{formula}."


def expression(steps: tuple[Step, ...]) -> str:
    """Returns all steps as one expression: 4 * 8 = 32, 32 - 5 = 27 gives "4 * 8 - 5"."""

    def operand(number: int, step: int | None, outer: str, on_right: bool) -> str:
        if step is None:
            return str(number)
        inner = steps[step]
        low = inner.operator in "+-"
        needs = (low and (outer in "*/" or (outer == "-" and on_right))) or (outer == "/" and on_right)
        return f"({text(inner)})" if needs else text(inner)

    def text(step: Step) -> str:
        left = operand(step.left, step.left_step, step.operator, False)
        return f"{left} {step.operator} {operand(step.right, step.right_step, step.operator, True)}"

    return text(steps[-1])


def check_text(steps: tuple[Step, ...], stated: int, rng: random.Random) -> tuple[int, str]:
    """Returns (answer, check): one step is undone, several are calculated one by one, and a wrong result is corrected."""
    opening, right = rng.choice(ANNOUNCED), steps[-1].result
    if len(steps) == 1:
        found, expected, formula = undone(steps[0], stated)
        agrees, comparison = found == expected, f"not {expected}"
    else:
        formula = one_by_one(steps)
        agrees, comparison = right == stated, f"not {stated}"
    if agrees:
        return right, f"{opening} {formula}. {rng.choice(AGREES)}"
    if rng.random() < LEFT_WRONG:
        return stated, f"{opening} {formula}, {comparison}."
    if len(steps) == 1:
        comparison = f"{comparison}. {one_by_one(steps)}"
    return right, f"{opening} {formula}, {comparison}. {rng.choice(('So it is', 'Wait, then it is'))} {right}."


def one_by_one(steps: Sequence[Step]) -> str:
    """Returns each step as a calculation of its own: "4 * 8 = 32, 32 - 5 = 27"."""
    return ", ".join(f"{s.left} {s.operator} {s.right} = {s.result}" for s in steps)


def repeated(steps: tuple[Step, ...], stated: int, rng: random.Random) -> tuple[int, str]:
    """Returns (answer, check) of the control: the whole is calculated in one go again, as unreliably as before."""
    again, text = in_one_go(steps, WRONG_CHECKED, rng)
    opening = rng.choice(ANNOUNCED)
    if again == stated:
        return stated, f"{opening} {text} {rng.choice(AGREES)}"
    return again, f"{opening} {text.rstrip('.')}, not {stated}. {rng.choice(('So it is', 'Wait, then it is'))} {again}."


def undone(step: Step, stated: int) -> tuple[int, int, str]:
    """Returns (what the inverse of a step gives for a stated result, what it should give, the calculation)."""
    back = {"-": "+", "+": "-", "*": "/", "/": "*"}[step.operator]
    found = calculate(stated, back, step.right)
    if back == "/" and stated % step.right:  # no whole number: the product is calculated again
        return step.result, stated, f"{step.right} * {step.left} = {step.result}"
    return found, step.left, f"{stated} {back} {step.right} = {found}"


def write_exercise(
    worked: WorkedProblem, solved: tuple[WorkedProblem, ...], rng: random.Random, guess_share: float = GUESS
) -> Document:
    """Returns one problem after some solved ones; its solution is worked, with occasional slips, or a guess."""
    notes = rng.random() < NOTES
    before = [f"{plain_prompt(w.problem, False, PLAIN)} {worked_out(w.steps, notes)}\n\n" for w in solved]
    if rng.random() < guess_share:
        completion = f" I think it is {(answer := guess(worked.steps, rng))}.\n#### {answer}"
    else:
        slips = {i: near(s.result, rng) for i, s in enumerate(worked.steps) if rng.random() < SLIP}
        completion = f" {worked_out(with_slips(worked.steps, slips), notes)}"
    return Document("".join(before) + plain_prompt(worked.problem, False, PLAIN), completion)


def write_drill(rng: random.Random) -> Document:
    """Returns some calculations without a story, for which a model otherwise reads a long text each."""
    steps = [draw_calculation(rng) for _ in range(rng.randint(2, 6))]
    asked = [f"{s.left} {s.operator} {s.right}" for s in steps]
    question = f"Calculate {', '.join(asked[:-1])} and {asked[-1]}."
    answer = str(steps[-1].result)
    problem = Problem("drill", question, answer, None, "drill")
    return Document(plain_prompt(problem, False, PLAIN), f" {one_by_one(steps)}.\n#### {answer}")


def draw_calculation(rng: random.Random) -> Step:
    """Draws a calculation with a result from 1 to LARGEST; the difficult kinds are more frequent."""
    operator = rng.choice("-----///**+++")
    if operator == "-":
        left = rng.randint(2, LARGEST)
        return Step("", operator, left, rng.randint(1, left - 1))
    if operator == "+":
        left = rng.randint(1, LARGEST - 1)
        return Step("", operator, left, rng.randint(1, LARGEST - left))
    small = rng.randint(2, 12)
    other = rng.randint(1, LARGEST // small)
    if operator == "/":
        return Step("", operator, small * other, small)
    return Step("", operator, *rng.sample((small, other), 2))


def worked_out(steps: tuple[Step, ...], notes: bool) -> str:
    """Returns the solution in the form of GSM8K, with or without calculator notes."""
    text = gsm8k_solution(list(steps))
    return text if notes else without_notes(text)


def with_slips(steps: tuple[Step, ...], slips: dict[int, int]) -> tuple[Step, ...]:
    """Returns the steps with slips (step -> wrong result), which later steps use."""
    changed: list[Step] = []
    for i, step in enumerate(steps):
        left = step.left if step.left_step is None else changed[step.left_step].result
        right = step.right if step.right_step is None else changed[step.right_step].result
        changed.append(dataclasses.replace(step, left=left, right=right, slip=slips.get(i)))
    return tuple(changed)


def guess(steps: tuple[Step, ...], rng: random.Random) -> int:
    """Returns a guess: sometimes right, else the result of the first step or a number near a result."""
    right = RIGHT_ONE_STEP if len(steps) == 1 else RIGHT_MORE_STEPS
    if rng.random() < right:
        return steps[-1].result
    if len(steps) > 1 and rng.random() < 0.6:
        return steps[0].result
    return near(rng.choice(steps).result, rng)


def near(number: int, rng: random.Random) -> int:
    """Returns a wrong number close to the right one, never negative."""
    wrong = number + rng.choice((-20, -10, -5, -3, -2, -1, 1, 2, 3, 5, 10, 20))
    return wrong if wrong >= 0 else number + 1
