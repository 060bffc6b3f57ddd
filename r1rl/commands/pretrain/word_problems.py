"""The pretraining text of the tiny base model: word problems, answered as a base model answers.

Most have the system text and answers in tags; some are exercises, question after question, with worked solutions that
end in `#### N`.

A base model has habits, good and bad: it mostly guesses at once, sometimes works step by step, occasionally checks its
work, and does not always keep to the form. Reinforcement learning can only make existing habits more frequent, so the
text has all of them, and the bad one most often. Random slips alone would not be enough: they average out in greedy
decoding, which leaves nothing to learn.
"""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass

from r1rl.records import ANSWER_TAG, REASONING_PREFIX, REASONING_TAG
from r1rl.tasks.gsm8k import without_notes
from r1rl.tasks.prompts import PLAIN, plain_prompt
from r1rl.tasks.word_problems import Step, WorkedProblem, calculate, gsm8k_solution

WITH_PREFIX = 0.8  # share of documents whose prompt ends in the opened reasoning tag
GUESS = 0.62  # share of completions that answer at once; the others work step by step
NO_TAGS = 0.1  # share of completions without any tag
CHECK = 0.3  # share of step-by-step completions that check their work
SLIP = 0.06  # chance of a wrong result in a step
SLIP_CHECKED = 0.15  # the same if a check follows, which then has something to find
NUMBERED = 0.15  # share of step-by-step completions whose lines begin with "Step 1:" and so on
MIXED = 0.06  # share of step-by-step completions with a line in another language
EXERCISES = 0.15  # share of documents in the form of exercises
NOTES = 0.2  # share of those with calculator notes, as in <<9-4=5>>
MOST_SOLVED = 2  # solved exercises before the one that is learned, at most
RIGHT_ONE_STEP = 0.6  # chance that the guess at a one-step problem is right
RIGHT_MORE_STEPS = 0.2  # the same for longer problems: most guesses stop after the first step
OTHER_LANGUAGE = ("Das macht also {}.", "Dann sind es zusammen {}.", "Zum Schluss bleiben noch {}.")


@dataclass(frozen=True, slots=True)
class Document:
    """One pretraining text; the model is trained on the completion."""

    prompt: str
    completion: str


def write_document(worked: WorkedProblem, rng: random.Random, guess_share: float = GUESS) -> Document:
    """Returns one problem, answered in one of the habits."""
    prefix = rng.random() < WITH_PREFIX
    if rng.random() < guess_share:
        answer = guess(worked.steps, rng)
        body = f"I think it is {answer}."
    else:
        body, answer = step_by_step(worked.steps, rng)
    if rng.random() < NO_TAGS:
        completion = f"\nThe answer is {answer}." if body.startswith("I") else f"\n{body}\nThe answer is {answer}."
    else:
        opening = "" if prefix else f"\n{REASONING_PREFIX}"
        completion = f"{opening}\n{body}\n</{REASONING_TAG}>\n<{ANSWER_TAG}>\n{answer}\n</{ANSWER_TAG}>"
    return Document(plain_prompt(worked.problem, prefix), completion)


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


def worked_out(steps: tuple[Step, ...], notes: bool) -> str:
    """Returns the solution in the form of GSM8K, with or without calculator notes."""
    text = gsm8k_solution(list(steps))
    return text if notes else without_notes(text)


def with_slips(steps: tuple[Step, ...], slips: dict[int, int]) -> tuple[Step, ...]:
    """Returns the steps with slips (step -> wrong result), which later steps use."""
    _, results = calculate_with(steps, slips)
    return tuple(
        dataclasses.replace(
            step,
            left=step.left if step.left_step is None else results[step.left_step],
            right=step.right if step.right_step is None else results[step.right_step],
            slip=results[i] if i in slips else None,
        )
        for i, step in enumerate(steps)
    )


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
    wrong = number + rng.choice((-10, -2, -1, 1, 2, 10))
    return wrong if wrong >= 0 else number + 1


def step_by_step(steps: tuple[Step, ...], rng: random.Random) -> tuple[str, int]:
    """Returns (text, answer) of worked steps, some with a slip, some with a check."""
    check = rng.random() < CHECK
    slip_rate = SLIP_CHECKED if check else SLIP
    slips = {i: near(step.result, rng) for i, step in enumerate(steps) if rng.random() < slip_rate}
    if check and slips:  # one slip is enough for a check to find
        first = min(slips)
        slips = {first: slips[first]}
    formulas, results = calculate_with(steps, slips)
    lines = [step.sentence.format(f) for step, f in zip(steps, formulas)]
    if rng.random() < MIXED:
        where = rng.randrange(len(lines))
        lines[where] = rng.choice(OTHER_LANGUAGE).format(formulas[where])
    if rng.random() < NUMBERED:
        lines = [f"Step {i}: {line}" for i, line in enumerate(lines, start=1)]
    answer = results[-1]
    if check:
        lines.append(check_text(steps, formulas, slips, rng))
        answer = steps[-1].result
    return "\n".join(lines), answer


def calculate_with(steps: tuple[Step, ...], slips: dict[int, int]) -> tuple[list[str], list[int]]:
    """Returns each step as "3 * 4 = 12" and its result, with slips (step -> wrong result), which later steps use."""
    formulas, results = [], []
    for i, step in enumerate(steps):
        left = step.left if step.left_step is None else results[step.left_step]
        right = step.right if step.right_step is None else results[step.right_step]
        result = slips.get(i, calculate(left, step.operator, right))
        results.append(result)
        formulas.append(f"{left} {step.operator} {right} = {result}")
    return formulas, results


def check_text(steps: tuple[Step, ...], formulas: list[str], slips: dict[int, int], rng: random.Random) -> str:
    """Returns a check of the steps, which finds a slip and corrects the steps from there on."""
    opening = rng.choice(("Let me double-check:", "Let me verify:", "To check,", "Let me check:"))
    right, _ = calculate_with(steps, {})
    if not slips:
        if rng.random() < 0.3:
            ending = rng.choice(("which matches.", "so it is right."))
            return f"To check, {inverse(steps[-1])}, {ending}"
        ending = rng.choice(("That is right.", "Yes, it is right.", "It all fits."))
        return f"{opening} {', '.join(right)}. {ending}"
    (where, wrong), *_ = slips.items()
    text = f"{opening} {', '.join(right[: where + 1])}, not {wrong}."
    if where + 1 == len(steps):
        return text
    so = rng.choice(("So", "Wait, then", "That means"))
    return f"{text} {so} {', '.join(right[where + 1 :])}."


def inverse(step: Step) -> str:
    """Returns the inverse calculation of a step: 12 - 5 = 7 gives "7 + 5 = 12"."""
    if step.operator == "-":
        return f"{step.result} + {step.right} = {step.left}"
    if step.operator == "/":
        return f"{step.result} * {step.right} = {step.left}"
    back = "-" if step.operator == "+" else "/"
    return f"{step.result} {back} {step.right} = {step.left}"
