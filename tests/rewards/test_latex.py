"""Grading of LaTeX answers: worked pairs, what must not be right, bombs, and the worker's life."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from r1rl.rewards.grading.answer import is_readable
from r1rl.rewards.grading.latex import MathGrader, Verdict, exact, grading_words, trim
from r1rl.system.errors import UserError


@pytest.fixture(scope="module")
def grader():
    grader = MathGrader()
    yield grader
    grader.close()


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("3", "3"),
        ("3", " $3$. "),
        ("1,080", "1080"),
        (r"\frac{1}{2}", "0.5"),
        (r"\dfrac12", r"\frac{1}{2}"),
        ("0.5", r"50\%"),
        (r"\frac{1}{29,\!322}", r"\frac{1}{29322}"),
        ("a + b + c", "c+b+a"),
        (r"\sin^2 t", r"(\sin t)^2"),
        (r"12 \text{ cm}", "12"),
        (r"12 \text{ cm}", "12 cm"),
        ("5", r"\$5"),
        ("3", "x = 3"),
        ("3", r"3\text{ cm}"),
        (r"30^\circ", "30"),
        ("x^2-1", "(x-1)(x+1)"),
        (r"\frac{\sqrt{3}}{2}", r"\sqrt{3}/2"),
        (r"\left( 3, \frac{\pi}{2} \right)", r"(3, \pi/2)"),
        (r"\text{Evelyn}", "evelyn"),
        (r"\text{(A)}", "A"),
        (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}"),
    ],
)
def test_right_answers(grader, gold, answer):
    verdict = grader.grade(gold, answer)
    assert verdict.correct and verdict.gold_readable
    assert verdict.value == grader.grade(gold, gold).value  # one vote, however it is written


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("3", "4"),
        ("3", "3 or 4"),
        ("3", "3, 4"),
        ("3", r"3} \boxed{4"),
        ("3", "4 = 3"),
        ("1517", r"37 \times 41"),  # the sum that the question asked for
        ("3", r"\sqrt{9}"),
        ("3", "1 + 2 = 3"),
        ("3a", "3"),
        ("3t", "3"),
        ("x + t", "x"),
        ("4 + 3m", "7"),
        (r"\text{Evelyn}", "nylevE"),
        ("(1,2)", "(2,1)"),
        ("3", None),
        ("3", ""),
        ("", ""),
    ],
)
def test_wrong_answers(grader, gold, answer):
    assert not grader.grade(gold, answer).correct


def test_an_unreadable_gold_is_distinguished_from_an_unreadable_answer(grader):
    assert grader.grade(r"\sqrt{2}", r"\sqrt{") == Verdict(False, None, True)
    assert grader.grade(r"\sqrt{", r"\sqrt{2}") == Verdict(False, None, False)
    assert grader.grade("7", None) == Verdict(False, None, True)


BOMBS = [
    "9^{9^{9^9}}",
    "10^{10^{10}}",
    "100000000!",
    r"\binom{1000000000}{500000000}",
    "{" * 400 + "3 + x" + "}" * 400,
    r"\sqrt{" * 150 + "2" + "}" * 150,
    "1" * 100_000,
    "\\frac{" * 20_000,
    "\0",
    "\ud800\\pi",
    "(" * 900,
    r"\int_0^1 x^{x^x} dx",
]


@pytest.mark.slow
def test_bombs_come_back_in_time_and_leave_the_grader_usable():
    grader = MathGrader(deadline=1.0)
    grader.grade("x", "x + 1")  # the start is no part of the deadline
    for bomb in BOMBS:
        start = time.monotonic()
        assert not grader.grade(r"\sqrt{2}", bomb).correct
        assert time.monotonic() - start < 15, bomb[:20]  # a deadline, a start, and the gold alone
        assert grader.grade("x^2-1", "(x-1)(x+1)").correct
    assert grader.counts["hung"] >= 1
    grader.close()


@pytest.mark.parametrize(
    "code",
    ["__import__('os').system('touch {}')", "open('{}', 'w')", "().__class__.__base__.__subclasses__()", "exec('x')"],
)
def test_no_answer_is_run_as_python(grader, tmp_path, code):
    code = code.format(tmp_path / "ran")
    forms = (
        "{}",
        r"\operatorname{{{}}}",
        r"\text{{{}}}",
        r"\mathrm{{{}}}",
        "{}\\%",
        "x = {}",
        r"\frac{{{}}}{{2}}",
        "'{}'",
    )
    for form in forms:
        assert not grader.grade(r"\sqrt{2}", form.format(code)).correct
        assert not grader.grade("41", form.format(code)).correct
    assert not (tmp_path / "ran").exists()


def test_the_worker_has_limits_of_memory_time_and_files():
    grader = MathGrader(deadline=2.0)
    grader.grade("x", "x + 1")
    told = Path(f"/proc/{grader._worker.process.pid}/limits").read_text().splitlines()[1:]
    limits = {line[:25].strip(): line[25:].split()[0] for line in told}
    assert int(limits["Max address space"]) == grader.memory
    assert 0 < int(limits["Max cpu time"]) < 60
    assert int(limits["Max file size"]) == int(limits["Max core file size"]) == 0
    grader.close()


def test_a_bomb_as_gold_answer():
    grader = MathGrader(deadline=1.0)
    assert not grader.grade("9^{9^{9^9}}", r"\sqrt{2}").correct
    assert grader.grade("9^{9^{9^9}}", "9^{9^{9^9}}").correct  # the same text
    grader.close()


def test_a_killed_worker_is_started_again(grader):
    assert grader.grade("x^2-4", "(x-2)(x+2)").correct
    grader._worker.process.kill()
    grader._worker.process.wait()
    before = grader.counts["crashed"]
    assert not grader.grade("x^2-4", "(x+2)(x-2)").correct  # asked while it was dead
    assert grader.counts["crashed"] == before + 1
    assert grader.grade("x^2-4", "(2+x)(x-2)").correct


@pytest.mark.slow
def test_the_memory_limit_ends_the_worker_not_the_run():
    grader = MathGrader(memory=400 * 2**20, deadline=5.0)
    assert not grader.grade("x", r"\binom{100000000}{50000000}").correct
    assert grader.grade("x^2-1", "(x-1)(x+1)").correct
    grader.close()


def test_a_worker_that_cannot_start_is_an_error_and_no_wrong_answer():
    with pytest.raises(UserError, match="pip install math-verify"):
        MathGrader(memory=2**20).grade("x", "y")


def test_plain_answers_need_no_process():
    grader = MathGrader()
    assert grader.grade("1,080", "1080").correct and grader.grade(r"\pi", r"$\pi$").correct
    assert not grader.grade(r"\text{odd}", "even").correct
    assert grader._worker.process is None and grader.start_seconds is None


def test_the_worker_ends_with_its_parent():
    code = (
        "from r1rl.rewards.grading.latex import MathGrader; import os\n"
        "g = MathGrader(); g.grade('x', 'x+1'); print(g._worker.process.pid, flush=True); os._exit(0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True, timeout=120
    )
    until = time.monotonic() + 20
    while is_alive(int(done.stdout)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_alive(int(done.stdout))


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_the_worker_is_light():
    code = "import sys, r1rl.rewards.grading.latex_worker, sympy; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "False"


@given(st.text(max_size=60), st.text(max_size=60))
def test_the_exact_path_never_fails(gold, answer):
    verdict = exact(gold, answer)
    assert verdict is None or verdict.gold_readable or not verdict.correct
    assert not (is_readable(gold) and trim(gold)) or exact(gold, gold).correct


LATEX = st.text(alphabet="0123x+-^_{}()[]\\=,.$% <!\0", max_size=30)


@settings(max_examples=60, deadline=None)
@given(LATEX, LATEX)
def test_no_text_breaks_the_grader(grader, gold, answer):
    assert isinstance(grader.grade(gold, answer), Verdict)
    assert grader.grade("x^2-1", "(x-1)(x+1)").correct


def test_what_could_not_be_graded_is_reported(monkeypatch):
    grader = MathGrader()
    monkeypatch.setattr("r1rl.rewards.grading.latex.shared_grader", lambda: grader)
    assert grading_words() is None
    grader.grade("72", "72")
    grader.grade("72", "no idea")
    assert grading_words() is None  # an answer that is no answer is the model's affair
    grader.grade("\\frac{1}{", "1")
    assert grading_words() == "unreadable gold: 1"
    grader.close()
