"""Grading under attack: the issue's principle as properties, in each answer type, and what stays right."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest
from conftest import ROOT
from helpers import attacks
from helpers.wordings import wordings
from hypothesis import given, settings
from hypothesis import strategies as st

from r1rl.config.flags import Config
from r1rl.records import Problem, Rollout
from r1rl.rewards.correctness import correctness_reward
from r1rl.rewards.grading import grade_rollout
from r1rl.rewards.grading.answer import boxes, in_box, plain, unwrap, without_reasoning
from r1rl.rewards.grading.latex import MathGrader
from r1rl.rewards.grading.numbers import grade

CASES = Path(os.environ.get("R1RL_TEST_DATA", ROOT.parent / "shared" / "data")).parent / "cases" / "grading.jsonl"
MANY = settings(max_examples=400, deadline=None)
QUESTION = (
    "Find the apples, more than half of the dozen eggs, or at least twice, does Tom not have, if the first thousand are wrong, "
    "never right, two squared, minus a third, maybe over a score, except lakh and M?"
)


def right(text: str, answer: str, kind: str, question: str = "", answer_format: str = "tag") -> bool:
    problem = Problem("0", question, answer, answer_type=kind)
    shown = text if answer_format != "tag" else f"<answer>{text}</answer>"
    return grade_rollout(Rollout("", shown, (), (), (), "stop"), problem, Config(answer_format=answer_format)).correct


# Numbers


@MANY
@given(
    st.sampled_from(attacks.WRONG_NUMBERS),
    st.sampled_from(attacks.NESTS),
    st.integers(10, 5000),
    st.integers(3, 9),
    st.sampled_from(["seven", "two", "nineteen", "forty"]),
    st.sampled_from(["", QUESTION]),
)
def test_a_right_number_with_something_that_changes_it_is_never_paid(attack, nest, n, m, word, question):
    text = nest.format(attack.format(n=n, m=m, w=word))
    assert not grade(f"<answer>{text}</answer>", str(n), question=question).correct, text


@MANY
@given(
    st.sampled_from([way for way in attacks.NATURAL if "\n" not in way and "=" not in way]),
    st.sampled_from([word for word in attacks.BAD_WORDS if word != "times"]),
    st.integers(0, 12),
    st.integers(10, 5000),
    st.sampled_from(["", QUESTION]),
)
def test_one_bad_word_at_any_place_makes_it_unpaid(way, word, place, n, question):
    words = way.format(n=n).split(" ")
    words.insert(place % (len(words) + 1), word)
    if "left over" in " ".join(words):
        return  # a phrase that changes nothing
    assert not grade(f"<answer>{' '.join(words)}</answer>", str(n), question=question).correct, words


@MANY
@given(st.sampled_from(attacks.NATURAL), st.integers(0, 10**6), st.sampled_from(["", QUESTION]))
def test_natural_ways_to_state_a_right_number_are_paid(way, n, question):
    text = way.format(n=n)
    result = grade(f"<answer>{text}</answer>", str(n), question=question)
    assert result.correct and result.reason == "right", (text, result.reason)


def test_the_tables_are_long_enough():
    assert len(set(attacks.WRONG_NUMBERS)) >= 326 and len(set(attacks.NATURAL)) >= 60


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("52 minus one", "unknown word: minus"),
        ("52 or 53", "two numbers"),
        ("52 is wrong", "denied"),
        ("it isn't 52", "denied"),
        ("52!", "unfinished calculation"),
        ("Is it 52?", "a question"),
        ("1,08", "not a number: 1,08"),
        ("√52", "unknown sign: √"),
        ("page 52", "no form of an answer"),
        ("none at all", "denied"),
        ("apples", "no answer"),
        ("53", "wrong"),
        ("52", "right"),
    ],
)
def test_reasons(text, reason):
    assert grade(f"<answer>{text}</answer>", "52").reason == reason


def test_the_words_of_the_question_are_understood():
    text = "<answer>12 zorbs of glim</answer>"
    assert not grade(text, "12").correct
    assert grade(text, "12", question="How many zorbs does the glim need?").correct
    assert (
        grade("<answer>12 zorbs minus one</answer>", "12", question="zorbs minus one?").reason == "unknown word: minus"
    )


def test_numbers_are_fast():
    texts = [f"<answer>{way.format(n=n)}</answer>" for n in range(60, 90) for way in attacks.NATURAL]
    texts += [f"<reasoning>8 * 9 = 72, and so on.</reasoning>\n<answer>\n{n}\n</answer>" for n in range(3000)]
    start = time.process_time()
    for text in texts:
        grade(text, "72", question=QUESTION)
    assert len(texts) / (time.process_time() - start) > 10_000  # 20,000 and more on an idle core


# LaTeX


@pytest.fixture(scope="module")
def grader():
    grader = MathGrader()
    yield grader
    grader.close()


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(attacks.WRONG_LATEX), st.integers(11, 500), st.integers(3, 9))
def test_latex_that_changes_a_right_number_is_never_paid(grader, attack, n, m):
    text = attack.format(n=n, m=m)
    assert not grader.grade(str(n), text).correct, text


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(attacks.RIGHT_LATEX), st.sampled_from(attacks.BAD_LATEX), st.booleans(), st.integers(11, 500))
def test_a_bad_piece_of_latex_at_the_number_makes_it_unpaid(grader, way, bad, behind, n):
    right_text = way.format(n=n)
    place = right_text.find(str(n)) + behind * len(str(n))
    assert grader.grade(str(n), right_text).correct, right_text
    assert not grader.grade(str(n), right_text[:place] + bad + right_text[place:]).correct


# (gold, answer): the same value and kind, in other spellings
EQUAL = [
    (r"\frac{1}{2}", "0.5"), (r"2\sqrt{3}", r"\sqrt{12}"), (r"\sqrt{2}", "1.41421"), (r"\frac13", "0.33333"), ("(1,2)", r"\left(1, 2\right)"),
    (r"1\pm\sqrt{19}", r"1+\sqrt{19}, 1-\sqrt{19}"), ("1,2", "2,1"), ("1,2", r"\{1,2\}"), ("y=2x+3", "2x - y + 3 = 0"), ("x=3,y=4", "y=4,x=3"),
    ("[-2,7]", r"-2\le x\le 7"), (r"(3,\infty)", "x>3"), (r"(-\infty,0)\cup(0,\infty)", r"(0,\infty)\cup(-\infty,0)"), (r"\text{(A)}", "A"),
    (r"10:30\text{ a.m.}", r"10:30 \text{ AM}"), (r"5\text{ feet }6\text{ inches}", r"5\text{ ft }6\text{ in}"), ("12!", "479001600"),
    (r"12\text{ square inches}", r"12\text{ in}^2"), (r"1\frac{1}{2}", r"\frac{3}{2}"), (r"3.2\times 10^{-19}", r"0.32\times 10^{-18}"),
    ("312_7", "312_{7}"), (r"\frac{\sqrt3}{3}", r"\frac{1}{\sqrt3}"), (r"\sin^2 t", r"(\sin t)^2"), ("a=20, b=9", "20, 9"), (r"50\%", "0.5"),
    (r"e^{i\pi/3}", r"\frac12+\frac{\sqrt3}{2}i"), ("2^{-80}", r"\frac{1}{2^{80}}"), (r"\sqrt{5+2\sqrt6}", r"\sqrt2+\sqrt3"), (r"\text{odd}", "Odd"),
    (r"x \in [-2,7]", "[-2,7]"), (r"3 \text{ and } 5", "5, 3"), ("5, 7", r"x = 5 \text{ or } x = 7"), ("13000000", r"13\text{ million}"),
    ("1080", r"1,080\text{ cm}^2"), ("1080", "N = 1,080"), ("1080", r"\text{Area} = 1080"), (r"1080\pi", r"1,080\pi"), ("(1,2)", "(x, y) = (1, 2)"),
    (r"[0,\infty)", "[0, ∞)"), ("1,2", r"x_1 = 1, \quad x_2 = 2"), ("1,2", r"x = 1 \quad \text{or} \quad x = 2"), (r"2\sqrt{3}", r"2\sqrt{3} cm"),
    (r"\frac{3}{4}", r"\frac{3}{4} cups"), (r"\text{no solution}", "No solution"), (r"2\sqrt5", r"\sqrt{20}"), (r"16\pi", r"4^2\pi"),
    (r"3+2\sqrt2", r"(1+\sqrt2)^2"), ("2^{100}+1", "1+2^{100}"),
    (r"\frac{5}{11}", r"0.\overline{45}"), ("32349", r"32,\! 349"),
]  # fmt: skip
# (gold, answer): another value, or another kind
UNEQUAL = [
    (r"\sqrt{2}", "1.41"), (r"\frac13", "0.333"), ("(1,2)", "(2,1)"), ("(1,2)", r"\{1,2\}"), ("(1,2)", "1,2"), ("[1,2)", "(1,2)"), ("x^2", "x^2+10^{-90}"),
    (r"\sqrt2", r"\sqrt2+10^{-90}"), ("10000", "10000.5"), ("0.5", "0.50001"), (r"\frac12", "0.50001"), (r"12\text{ cm}", r"12\text{ m}"), ("x>3", "x<3"),
    ("x>3", r"x\ge 3"), (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1&2\end{pmatrix}"), (r"\begin{pmatrix}1\\2\end{pmatrix}", "(1,2)"),
    (r"\frac{\sqrt2}{2}", r"\sin 45^\circ"), ("f(x)", "f(y)"), (r"\overline{CD}", r"\overline{DC}"), ("AB", "BA"), ("5:30", "5:03"), ("1:2", "2:1"),
    ("1:2", r"\frac12"), ("A", "a"), ("x_1", "x_2"), (r"30^\circ", r"30\text{ inches}"), (r"\text{A,C}", r"\text{A,B}"), ("3,3,8", "3,8,8"),
    (r"\{1,2\}", r"\{1,2,2\}"), (r"\sqrt{x^2}", "x"), (r"\frac{1}{60!}", "0"), ("0", "10^{-200}"), ("a=20, b=9", "b=20, a=9"), ("a=20, b=9", "9,20"),
    (r"\angle ABC", r"\angle ACB"), ("312_7", "312"), ("312_7", "312_4"), (r"10:30\text{ a.m.}", r"10:30\text{ p.m.}"), ("2x", "x^2"), ("1,2", "1,2,3"),
    ("1080", "2x = 1,080"), ("1080", r"\text{Half} = 1080"), ("1080", "1,080x"), ("1080", "1, 080"), ("(1,2)", "(x,y) = (2,1)"),
    ("(1,2)", "(x,x) = (1,2)"), ("(1,2)", "(2x,y) = (1,2)"), ("12", r"1\quad 2"), ("1,2", r"1\quad 2"), (r"8\pi", r"8\pi million"),
    (r"\text{no solution}", "solution"), (r"2\sqrt5", r"\sqrt{(5-1)^2+(4-2)^2}"), (r"16\pi", r"(9+7)\pi"), ("x^2+5", "x^2+2+3"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "answer"), EQUAL)
def test_equal_latex(grader, gold, answer):
    assert grader.grade(gold, answer).correct


@pytest.mark.parametrize(("gold", "answer"), UNEQUAL)
def test_unequal_latex(grader, gold, answer):
    verdict = grader.grade(gold, answer)
    assert not verdict.correct and verdict.reason != "right"


@pytest.mark.parametrize(
    ("question", "gold", "answer", "expected"),
    [
        ("Expand $(y+4)(y-9)$.", "y^2-5y-36", "(y+4)(y-9)", False),
        ("Expand $(y+4)(y-9)$.", "y^2-5y-36", "(y-9)(4+y)", False),
        ("Expand $(y+4)(y-9)$.", "y^2-5y-36", "(y-9)(4+y)+0", False),
        ("Expand $(y+4)(y-9)$.", "y^2-5y-36", "y^2-5y-36", True),
        ("Expand $(y+4)(y-9)$.", "y^2-5y-36", "-36-5y+y^2", True),
        (r"Simplify $\frac{14}{35}$.", r"\frac{2}{5}", r"\frac{14}{35}", False),
        (r"Simplify $\frac{14}{35}$.", r"\frac{2}{5}", r"\dfrac{14}{35}", False),
        (r"Simplify $\frac{14}{35}$.", r"\frac{2}{5}", "0.4", True),
        ("Which of $x^2+4$ and $x^2-4$ has no real root?", "x^2+4", "x^2+4", True),
        ("Which of $x^2+4$ and $x^2-4$ has no real root?", "x^2+4", "4+x^2", True),
        ("Solve $x + 3 = 5$ for $x$.", "2", "x = 2", True),
    ],
)
def test_a_formula_of_the_question_is_no_answer_unless_the_gold_is_there_too(question, gold, answer, expected):
    assert right(f"\\boxed{{{answer}}}", gold, "latex", question, "auto") is expected


# Roles, choices, countdown, text

SAYS = ("Ruth is a knight.", "Omar is a knave.", "Ida is a knight.")
PEOPLE = (("Ruth", "knight", "knave"), ("Omar", "knave", "knight"), ("Ida", "knight", "knave"))
ROLES = "(1) Ruth is a knight\n(2) Omar is a knave\n(3) Ida is a knight"


@pytest.mark.parametrize("attack", attacks.WRONG_ROLES)
@pytest.mark.parametrize("person", range(3))
def test_roles_that_are_denied_doubted_or_taken_back_are_unpaid(attack, person):
    name, role, other = PEOPLE[person]
    rest = " ".join(SAYS[:person] + SAYS[person + 1 :])
    text = attack.format(right=" ".join(SAYS), name=name, role=role, other=other, rest=rest)
    assert not right(text, ROLES, "knights_knaves")
    assert not right(text, ROLES, "knights_knaves", answer_format="auto")


@MANY
@given(st.integers(0, 12), st.sampled_from([word for word in attacks.BAD_WORDS if word not in ("but", "+")]))
def test_one_bad_word_makes_roles_unpaid(place, word):
    words = " ".join(SAYS).split(" ")
    assert right(" ".join(words), ROLES, "knights_knaves")
    words.insert(place, word)
    assert not right(" ".join(words), ROLES, "knights_knaves"), words


@pytest.mark.parametrize(("a", "b"), ["AB", "BA", "DC"])
def test_choices(a, b):
    for attack in attacks.WRONG_CHOICES:
        assert not right(attack.format(a=a, b=b), a, "choice"), attack
    for way in attacks.RIGHT_CHOICES:
        assert right(way.format(a=a), a, "choice"), way


def test_the_words_of_an_option_must_be_its_own():
    question = "Which one?\n(A) red\n(B) blue\n(C) not red"
    assert right("B) blue", "B", "choice", question) and right("(C) not red", "C", "choice", question)
    assert right("**B.** blue", "B", "choice", question) and not right("**B.** red", "B", "choice", question)
    assert not right("B) red", "B", "choice", question)


def test_countdown():
    for attack in attacks.WRONG_COUNTDOWN:
        assert not right(attack, "98 from 19 35 44", "countdown"), attack
    for way in attacks.RIGHT_COUNTDOWN:
        assert right(way, "98 from 19 35 44", "countdown"), way


@pytest.mark.parametrize(
    "wrapped", ["{}", "\\boxed{{{}}}", "**{}**", "“{}”", "`{}`", "{}.", "\\text{{{}}}", "$\\text{{{}}}$", " {} "]
)
@pytest.mark.parametrize("kind", [("New York", "text"), ("B", "choice"), ("72", "number"), ("72", "latex")])
def test_all_types_share_one_normaliser(wrapped, kind):
    gold, answer_type = kind
    assert right(wrapped.format(gold), gold, answer_type)
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in gold)
    assert right(wrapped.format(wide), gold, answer_type)
    assert right(wrapped.format("\u200b" + gold), gold, answer_type)
    assert not right(wrapped.format("not " + gold), gold, answer_type)


@given(st.text(max_size=80))
def test_unwrapping_ends_and_changes_nothing_twice(text):
    assert isinstance(unwrap(text), str) and plain(plain(text)) == plain(text)
    assert in_box(text) is None or boxes(text)


# Reasoning


@pytest.mark.parametrize("tag", ["think", "reasoning", "thinking", "Think"])
@pytest.mark.parametrize("inside", ["<answer>63</answer>", "#### 63", "\\boxed{63}", "The answer is 63."])
@pytest.mark.parametrize("kind", ["number", "latex"])
@pytest.mark.parametrize("answer_format", ["tag", "hash", "boxed", "auto"])
def test_closed_reasoning_is_never_searched(tag, inside, kind, answer_format):
    for text in (f"<{tag}>{inside}</{tag}>", f"{inside}</{tag}>", f"<{tag}>{inside}</{tag}> It is something else."):
        problem = Problem("0", "", "63", answer_type=kind)
        rollout = Rollout("", text, (), (), (), "stop")
        assert not grade_rollout(rollout, problem, Config(answer_format=answer_format)).correct, text


def test_reasoning_is_cut_out():
    assert without_reasoning("a<think>b</think>c<think>d</think>e") == "ace"
    assert without_reasoning("a<think>b<think>c</think>d</think>e") == "e"
    assert without_reasoning("a<think>b") == "a<think>b"


# Policies that know no answer

QUESTIONS = {  # answer type -> question, gold answer, candidates
    "number": ("Tom has 5 bags of 12 eggs. How many eggs does he have?", "60", ["55", "60", "65"]),
    "latex": ("Simplify $\\frac{14}{35}$.", "\\frac{2}{5}", ["\\frac{2}{5}", "\\frac{14}{35}", "\\frac{7}{5}"]),
    "text": ("Is the capital New York or Albany?", "Albany", ["New York", "Albany", "Buffalo"]),
    "choice": ("Which is prime?\n(A) 4\n(B) 7\n(C) 9", "B", ["A", "B", "C"]),
    "countdown": ("Make 98 from 19, 35 and 44.", "98 from 19 35 44", ["44 + 19 + 35", "44 - 19", "35 * 44"]),
    "knights_knaves": (
        "Ruth says: Omar is a knave. Omar says: Ruth is a knight or Omar is a knave. Who is a knight and who is a knave?",
        "(1) Ruth is a knight\n(2) Omar is a knave",
        ["Ruth is a knight. Omar is a knave.", "Ruth is a knave. Omar is a knight.", "Ruth and Omar are knaves."],
    ),
    "verdict": ("Is it safe or unsafe to open a door?", "safe", ["safe", "unsafe"]),
}  # fmt: skip
FRAMES = (
    "{}",
    "<answer>{}</answer>",
    "#### {}",
    "\\boxed{{{}}}",
    "<reasoning>Hm.</reasoning>\n<answer>{}</answer>",
    "The answer is {}",
)


def policies(question: str, candidates: list[str]) -> dict[str, list[str]]:
    """What three policies write that earn nothing unless a grader can be gamed."""
    listed = [
        between.join(order)
        for order in (candidates, candidates[::-1])
        for between in (" or ", ", ", "\n", " / ", "; ", " ", " and ")
    ]
    listed += [" or ".join(f"\\boxed{{{c}}}" for c in order) for order in (candidates, candidates[::-1])]
    pairs = [(a, b) for a in candidates for b in candidates if a != b]
    branches = [f"If it is even, {a}. Otherwise, {b}." for a, b in pairs]
    branches += [f"if so, {a}, else {b}" for a, b in pairs]
    branches += [f"If it is even, the answer is \\boxed{{{a}}}. Otherwise, it is \\boxed{{{b}}}." for a, b in pairs]
    branches += [f"either {a} or {b}" for a, b in pairs]
    return {"repeats the question": [question, question + " " + question], "lists": listed, "both branches": branches}


@pytest.mark.parametrize("policy", ["repeats the question", "lists", "both branches"])
@pytest.mark.parametrize("kind", QUESTIONS)
def test_a_policy_that_knows_no_answer_earns_nothing(kind, policy):
    question, gold, candidates = QUESTIONS[kind]
    formats = ("tag", "hash", "boxed", "auto") if kind == "number" else ("tag", "auto")
    for answer_format in formats:
        reward = correctness_reward(Config(answer_format=answer_format))
        problem = Problem("0", question, gold, answer_type=kind)
        for text in policies(question, candidates)[policy]:
            for frame in FRAMES:
                rollout = Rollout("", frame.format(text), (), (), (), "stop")
                assert reward(rollout, problem) == 0, (answer_format, frame.format(text))
        right_one = "The answer is 60." if answer_format == "auto" and kind == "number" else None
        if right_one:
            assert reward(Rollout("", right_one, (), (), (), "stop"), problem) == 1


# The cases of the issue, through the reward of a training step and through the command


@pytest.fixture(scope="module")
def cases() -> list[dict]:
    if not CASES.is_file():
        pytest.skip(f"needs {CASES}")
    return [json.loads(line) for line in CASES.open(encoding="utf-8")]


def test_all_cases_through_the_reward(cases):
    for case in cases:
        problem = Problem("0", case.get("question", ""), case["answer"], answer_type=case["answer_type"])
        reward = correctness_reward(Config(answer_format=case["format"]))
        assert bool(reward(Rollout("", case["completion"], (), (), (), "stop"), problem)) is case["right"], case


def test_all_cases_through_the_command(cases, program, tmp_path):
    kinds = sorted({(case["answer_type"], case["format"]) for case in cases})
    for answer_type, answer_format in kinds:
        rows = [{"question": "", **c} for c in cases if (c["answer_type"], c["format"]) == (answer_type, answer_format)]
        file = tmp_path / f"{answer_type}_{answer_format}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        done = program(
            "grade", file, "--completion", "completion", "--answer", "answer", "--label", "right", "--question", "question",
            "--answer-type", answer_type, "--format", answer_format,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert re.search(rf"agreement: {len(rows)} / {len(rows)}", done.stdout), done.stdout
        graded = [json.loads(line) for line in file.with_suffix("").with_suffix(".graded.jsonl").open(encoding="utf-8")]
        assert all((row["reason"] == "right") is row["right"] and row["reason"] for row in graded)


# A false negative costs, too

REFUSED = ("48 cookies for three friends: each friend gets 16 cookies.",)  # two numbers in the sentence


def test_of_200_acceptable_wordings_at_most_one_is_refused():
    table = wordings()
    assert len(set(table)) == 200
    refused = [text for question, gold, form, text in table if not grade(text, gold, form, question=question).correct]
    assert tuple(refused) == REFUSED and len(refused) <= 0.005 * len(table)


def test_the_same_wordings_are_wrong_for_another_gold():
    for question, gold, form, text in wordings():
        assert not grade(text, f"{gold}1", form, question=question).correct


HOSTILE = (
    *("#### ", "\\boxed{", "\\boxed{1}", "{", "(", "1 (", "the ", "one ", "twenty ", "and ", "so ", "= ", "1=", "$", "**", "<think>", "</think>"),
    *("</answer>1", "\\text{", "\\frac{1}", "x+", "\\{", "\\pm", "1,", "¼", "\u200b", "or \\boxed{1} ", "\\begin{pmatrix}", "|", "safe ", "Ruth "),
    *("A. ", "(A) ", "\n", "1\n", ". ", "~~", "''", "^", "_"),
)  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_no_grader_hangs(piece):
    start = time.process_time()
    for text in (piece * (900 // len(piece)), piece * (60_000 // len(piece))):
        for kind, (question, gold, _) in QUESTIONS.items():
            for shown in (text, f"<answer>{text}</answer>", text + "72"):
                problem = Problem("0", question, gold, answer_type=kind)
                grade_rollout(Rollout("", shown, (), (), (), "stop"), problem, Config(answer_format="auto"))
    assert time.process_time() - start < 5
