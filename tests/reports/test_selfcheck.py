"""The finder of self-checks against labelled texts, ours and a real model's, the base model's wordings, and hostile text."""

from __future__ import annotations

import json
import random
import time
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1rl.commands.pretrain.stories import draw_problem
from r1rl.commands.pretrain.word_problems import EMPTY_TALK, WRONG_CHECKED, check_text, in_one_go
from r1rl.reports.arithmetic import find_equations
from r1rl.reports.selfcheck import OUTCOMES, find_check
from r1rl.tasks.word_problems import generate_worked

TABLE = [json.loads(line) for line in (Path(__file__).parent / "selfcheck_table.jsonl").read_text().splitlines()]

# Completions of SmolLM2-135M-Instruct; the first line says how they were sampled and labelled.
REAL = [json.loads(line) for line in (Path(__file__).parent / "selfcheck_smollm2.jsonl").read_text().splitlines()[1:]]


def found(row):
    return find_check(row["text"], row["answer"], row["correct"])


def test_the_table_is_large_and_half_of_it_are_traps():
    traps = [row for row in TABLE if row["label"] == "none"]
    assert len(TABLE) >= 300 and len({row["text"] for row in TABLE}) == len(TABLE)
    assert 0.45 < len(traps) / len(TABLE) < 0.55
    assert sum(row["split"] == "held-out" for row in TABLE) >= 150


@pytest.mark.parametrize("split", ["dev", "held-out"])
def test_precision_and_recall(split):
    """The held-out rows were written before the rules and were not read while the rules were tuned."""
    rows = [row for row in TABLE if row["split"] == split]
    hits = [row["label"] != "none" for row in rows if found(row)]
    checks = sum(row["label"] != "none" for row in rows)
    assert sum(hits) / len(hits) >= 0.95  # precision
    assert sum(hits) / checks >= 0.85  # recall


def test_the_real_models_completions_are_many_and_different():
    assert len(REAL) >= 600 and len({row["text"] for row in REAL}) == len(REAL)
    assert sum(row["label"] != "none" for row in REAL) >= 250


@pytest.mark.parametrize(
    ("splits", "precision", "recall"),
    [
        (["dev", "dev 2", "dev 2, at first held out", "dev 3"], 0.97, 0.93),
        (["held-out", "fresh", "held-out 2"], 0.95, 0.85),
    ],
)
def test_precision_and_recall_on_a_real_model(splits, precision, recall):
    """The goals on held-out rows; their misses were not looked at. The rules were written with the dev rows."""
    rows = [row for row in REAL if row["split"] in splits]
    hits = [row["label"] != "none" for row in rows if found(row)]
    checks = sum(row["label"] != "none" for row in rows)
    assert sum(hits) / len(hits) >= precision
    assert sum(hits) / checks >= recall


@pytest.mark.parametrize(
    ("text", "is_check"),
    [
        ("5 * 8 = 40. Now verify your answer: 40 / 8 = 5.", True),
        ("5 * 8 = 40. Verify your answer.", False),  # an instruction to the reader
        ("5 * 8 = 40. Does this result hold?", True),
        ("5 * 8 = 40. Does this shop hold a sale?", False),
        ("5 * 8 = 40. Looking back at the problem, there are 3 more.", False),
        ("5 * 8 = 40. Another way to do it is 4 * 10 = 40.", True),
        ("5 * 8 = 40. Another way to do it is to think about percentages.", False),  # nothing is calculated
        ("2 + 5 = 7, 2 + 5 = 7, 2 + 6 = 8, 2 + 5 = 9", False),  # the text repeats itself
        ("5 * 8 = 40. Let's think of other ways to solve it. It is 10 times 4.", True),
        ("5 * 8 = 40, which matches our first answer.", True),
        ("5 * 8 = 40. Is that 40?", True),
        ("5 * 8 = 40. Is this possible?", True),
        ("5 * 8 = 40. Let's do it backwards.", True),
        ("5 * 8 = 40. Wait, that's not it.", True),
        ("5 * 8 = 40. I checked your answer.", True),
        ("5 * 8 = 40. Check if the answer is correct: 40 / 5 is 8.", True),
        ("5 * 8 = 40. A simple proof of this: 40 / 5 is 8.", True),
        ("5 * 8 = 40. Yes, the result is right: 40 / 8 is 5.", True),
        ("5 * 8 = 40. Yes, the result is right.", False),  # an assertion
        ("5 * 8 = 40. Verify the answer: it is 40 / 5.", True),  # an instruction that the text follows
        ("2 + 3 = 5. 5 + 6 = 40. 2 + 3 + 6 = 11.", True),  # the whole in one line
        ("2 + 3 = 5. 5 + 35 = 40. So 2 + 3 + 35 = 40.", False),  # a summary
        ("2 + 3 = 5. 5 + 35 = 40. The answer is 40. 2 + 3 = 6. 5 + 35 = 40.", True),  # done again after the answer
        ("2 * 4 = 8 * 5 = 40 * 4 = 2 * 4 = 9 * 5 = 40", False),  # sums that run on
        ("5 * 8 = 40. Hmm, I was wrong.", True),
    ],
)
def test_wordings_of_real_models(text, is_check):
    assert (find_check(text, "40", True) is not None) == is_check


def test_outcomes_of_the_table():
    labelled = [row for row in TABLE if row["label"] in OUTCOMES]
    right = [found(row) is not None and found(row).outcome == row["label"] for row in labelled]
    assert len(right) >= 30 and sum(right) / len(right) >= 0.9


def test_hand_checked_examples_of_a_real_run():
    """Completions of a real tiny run, at least three of each outcome, labelled by reading them."""
    rows = [row for row in TABLE if row["split"] == "tiny run"]
    known = set(OUTCOMES) - {"missed"}  # the rows have no gold answer
    assert all(sum(row["label"] == outcome for row in rows) >= 3 for outcome in known)
    assert [found(row).outcome for row in rows] == [row["label"] for row in rows]


def test_the_tiny_base_models_wordings():
    """Every check in the pretraining text is found with its outcome, and nothing else."""
    rng = random.Random(0)
    problems = [*generate_worked("train", 1, 300), *(draw_problem(rng, i) for i in range(300))]
    for number, worked in enumerate(problems):
        steps, right = worked.steps, worked.steps[-1].result
        answer, body = in_one_go(steps, WRONG_CHECKED, rng)
        expected = None
        if number % 3 == 0:
            stated, (answer, check) = answer, check_text(steps, answer, rng)
            body = f"{body}\n{check}"
            expected = "confirmed" if stated == right else "corrected" if answer == right else "empty talk"
        elif number % 3 == 1:
            body, expected = f"{body}\n{rng.choice(EMPTY_TALK)}", "empty talk"
        found = find_check(f"{body}\n</reasoning>\n<answer>\n{answer}\n</answer>", str(answer), answer == right)
        assert (found and found.outcome) == expected


def test_place_and_agreement():
    text = "12 - 5 = 8. Let me check: 12 - 5 = 7, not 8."
    check = find_check(text, "7", True)
    assert text[check.start : check.end] == "Let me check: 12 - 5 = 7, not 8."
    assert check.where == 12 / len(text) and check.agrees is False and check.outcome == "corrected"


def test_a_wrong_answer_after_a_check_is_the_checks_fault_only_if_the_result_before_was_right():
    text = "4 * 8 - 5 = 25. Let me check: 4 * 8 = 31, 31 - 5 = 26, not 25. So it is 26."
    assert find_check(text, "26", False, "25").outcome == "broke"
    assert find_check(text, "26", False, "27").outcome == "missed"
    assert find_check(text, "26", False).outcome == "broke"  # unknown
    assert find_check(text, "26", True, "26").outcome == "corrected"


def test_a_disagreement_that_changes_nothing_is_empty_talk():
    assert find_check("50 - 10 = 41. Let me check: 50 - 10 = 40.", "41", False).outcome == "empty talk"


@pytest.mark.parametrize(
    ("text", "value", "holds"),
    [
        ("0.4 × 60 marbles = 24 marbles", 24, True),
        ("60% of 40 is 24", 24, True),
        ("$12/60 = $0.2", Fraction(1, 5), True),
        ("10 / 3 = 3.33", Fraction(10, 3), True),
        ("10 / 3 = 3", Fraction(10, 3), False),
        ("(3 + 4) * 2 = 14", 14, True),
        ("2 + 3 * 4 = 20", 14, False),
        ("48/2 = <<48/2=24>>24 clips", 24, True),
        ("360 * 3 = 1,080", 1080, True),
        ("11 \\times 5 = 55", 55, True),
        ("1 / 4 = 25%", Fraction(1, 4), True),
        ("-3 + 5 = 2", 2, True),
    ],
)
def test_calculations_are_evaluated_exactly(text, value, holds):
    (equation,) = find_equations(text)
    assert equation.value == value and equation.holds == holds


@pytest.mark.parametrize(
    "text", ["50 / 0 = 7", "2 ** 99999999 = 1", "__import__('os') = 1", "x = 5", "= = =", "3 + = 4"]
)
def test_what_is_no_sum(text):
    assert find_equations(text) == []


HOSTILE = [
    "=" * 100_000, "1" * 100_000, "1 + " * 30_000 + "= 3", "(" * 50_000 + "= 3", "Let me check " * 9_000,
    "1=1 " * 30_000, "= 3 + 4 " * 20_000, "<<" * 50_000 + "=1", "1,000" * 20_000, "substitute " * 10_000,
    "\n" * 100_000, " " * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_takes_no_time(text):
    start = time.process_time()
    find_check(text, "3", False)
    assert time.process_time() - start < 1


@given(st.text(alphabet="0123456789+-*/=(). ,%$\nxcheklvriy", max_size=300), st.booleans())
def test_any_text_is_read_without_an_error(text, correct):
    check = find_check("3 * 4 = 12. " + text, "12", correct)
    assert check is None or (check.outcome in OUTCOMES and 0 <= check.where <= 1 and check.start <= check.end)
