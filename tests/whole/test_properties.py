"""Whatever a model or a file says: no crash, no hang, and no right answer in a text that does not have it."""

from __future__ import annotations

import contextlib
import json
import re
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from r1rl.commands import grade
from r1rl.config.flags import ANSWER_FORMATS, Config
from r1rl.records import Problem
from r1rl.reports import arithmetic
from r1rl.reports.completions import Filter, read_completions
from r1rl.reports.selfcheck import find_check
from r1rl.reports.survey import survey
from r1rl.rewards.grading import grade_number, grade_roles, grade_verdict, math_answer
from r1rl.rewards.grading.latex import MathGrader
from r1rl.rewards.grading.roles import ROLE_PAIRS, Solution, final_statement, parse_solution, read_roles, write_solution
from r1rl.rewards.grading.verdict import find_verdict
from r1rl.runs.dump import ROLLOUTS, Dump, append_lines, keep_lines, numbered_lines, read_lines, repair
from r1rl.runs.run_data import RunData
from r1rl.system import files
from r1rl.system.errors import UserError
from r1rl.tasks.conversations import conversation, our_tags
from r1rl.tasks.knights_knaves.logic import parse_claims, solve
from r1rl.tasks.math import problem_from_row

MANY = settings(max_examples=300, deadline=None)
FILES = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

# What models write when they write badly: pieces of every form that is looked for, in any order, among any text.
PIECES = st.sampled_from(
    ["<answer>", "</answer>", "<reasoning>", "</reasoning>", "<think>", "####", "\\boxed{", "\\frac{", "}", "{", "$",
     "\\text{", "^{", "\\\\", "answer", "is", "the", "=", "so", "check", "Wait,", "half of", "\n", "\n\n", " ", ", ", ".",
     "%", "x", "\x00", "\udc80", "\u202e", "²", "½", "٣", "一", "safe", "unsafe", "not", "if", "knight", "knave",
     "Zoey", "Ann", "and", "are both", "(1)", "the rest", "either", "a liar", "-", "−", "e", "∞", "nan"]
)  # fmt: skip
WORDS = st.lists(PIECES | st.text(max_size=4), max_size=40).map(" ".join)
NUMBERS = st.sampled_from(["3", "12", "1,000", "7.5", "1/2", "08", "4e3", "-6"])
MIXED = st.lists(PIECES | NUMBERS | st.text(max_size=3), max_size=50).map("".join)
CONFIGS = [
    Config(model_name="tiny", answer_format=f, not_remove_comma=c) for f in ANSWER_FORMATS for c in (True, False)
]


def number_problem(answer):
    return Problem("test/0", "?", answer, task="word-problems")


@MANY
@given(WORDS, st.sampled_from(CONFIGS))
def test_no_number_is_right_in_a_text_without_its_digits(text, config):
    found = "".join(str(int(c)) if c.isdecimal() else c for c in text)  # in other scripts, too
    for gold in ("41", "-7", "3.25", "5/8", "60000"):
        if not set(re.findall(r"\d", gold)) & set(found):
            assert not grade_number(text, number_problem(gold), config).correct, (text, gold)


@MANY
@given(MIXED, st.sampled_from(CONFIGS))
def test_a_right_answer_is_in_the_text(text, config):
    gold = "731"
    result = grade_number(text, number_problem(gold), config)
    if result.correct:
        assert gold in text.replace(",", "")
    grade_number(text + "<answer>731</answer>", number_problem(gold), config)


PUZZLE = Solution(("Zoey", "Ann"), (True, False), ROLE_PAIRS[0])
ROLES = Problem("test/0", "?", write_solution(PUZZLE), task="knights_knaves", answer_type="knights_knaves", level=2)


@MANY
@given(MIXED)
def test_roles_are_read_from_any_text_and_never_without_the_names(text):
    config = CONFIGS[0]
    for answer in (text, f"<answer>{text}</answer>"):
        result = grade_roles(answer, ROLES, config)
        if result.correct:
            assert "zoey" in text.lower() or "ann" in text.lower(), text
    final_statement(text, PUZZLE.names, PUZZLE.pair)
    for pair in ROLE_PAIRS:
        read_roles(text, PUZZLE.names, pair)


@MANY
@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=8, unique=True), MIXED)
def test_people_may_be_called_anything(names, text):
    read_roles(text, tuple(names), ROLE_PAIRS[0])


@MANY
@given(MIXED)
def test_solutions_and_claims_are_read_or_refused(text):
    for read in (parse_solution, parse_claims):
        for source in (text, f"(1) {text} is a knight", f"(({text}),)"):
            try:
                read(source)
            except ValueError:
                continue


CLAIM = st.recursive(
    st.tuples(st.sampled_from(["telling-truth", "lying", "other"]), st.integers(-1, 3) | st.text(max_size=2)),
    lambda inner: (
        st.tuples(st.just("not"), inner) | st.tuples(st.sampled_from(["and", "or", "->", "<=>"]), inner, inner)
    ),
    max_leaves=6,
)


@MANY
@given(st.lists(CLAIM, max_size=4).map(tuple))
def test_claims_are_solved_or_refused(claims):
    try:
        read = parse_claims(repr(claims))
    except ValueError:
        return
    assert read == claims
    for world in solve(read):
        assert len(world) == len(claims)


@MANY
@given(MIXED)
def test_a_verdict_is_a_word_of_the_text(text):
    verdict = find_verdict(text)
    assert verdict is None or "safe" in re.sub(r"[*_`\"“”]", "", text.lower())
    problem = Problem("test/0", "?", "unsafe", task="cot-safety", answer_type="verdict")
    if grade_verdict(text, problem, CONFIGS[0]).correct:
        assert "safe" in text.lower()


@MANY
@given(MIXED, st.none() | NUMBERS, st.booleans())
def test_checks_and_equations_of_any_text(text, answer, correct):
    check = find_check(text, answer, correct)
    assert check is None or 0 <= check.start <= check.end <= len(text)
    arithmetic.find_equations(text)


@pytest.fixture(scope="module")
def grader():
    grader = MathGrader(deadline=2.0)
    yield grader
    grader.close()


LATEX = st.lists(
    st.sampled_from(["\\frac", "\\sqrt", "\\text", "\\pi", "\\left", "\\right", "\\sum", "\\int", "\\binom", "\\begin",
                     "{", "}", "(", ")", "[", "]", "^", "_", "!", "+", "-", "=", ",", ";", "x", "y", " ", "&", "\\\\",
                     "\\in", "\\cup", "<", "\\le", "%", "\\%", "^\\circ", "'", "__import__", "lambda", "exec", ".real"]),
    max_size=14,
).map("".join)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(LATEX)
def test_latex_without_the_number_is_not_the_number(grader, text):
    for gold in ("4711", r"\sqrt{4711}"):
        assert not grader.grade(gold, math_answer(f"<answer>{text}</answer>")).correct


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("step", "split", "problem_id", "completion", "tokens", "correct", "extracted", "answer", "group", "sample",
          "reward", "rewards", "advantage", "level", "finish", "prompt", "task")  # fmt: skip
LINE = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=len(FIELDS)).map(lambda d: json.dumps(d).encode())
RAW = st.binary(max_size=40) | LINE | st.sampled_from([b"", b"[" * 60_000, b"9" * 5000, b"NaN", b'{"step": 1e999}'])
CONTENT = st.lists(RAW, max_size=8).map(b"\n".join)


@FILES
@given(CONTENT, st.integers(0, 3))
def test_a_dump_of_any_bytes_is_read_repaired_and_cut(tmp_path, content, step):
    path = tmp_path / ROLLOUTS
    path.write_bytes(content)
    damaged: list[str] = []
    numbered = list(numbered_lines(path, damaged))
    assert len(numbered) + len(damaged) == content.count(b"\n")
    repair(path)
    assert path.read_bytes() == content[: content.rfind(b"\n") + 1]
    dropped: list[str] = []
    keep_lines(path, step, {"step": (int,)}, dropped)
    kept = list(read_lines(path, damaged := []))
    assert not damaged and all(line["step"] <= step for line in kept)
    assert len(kept) + len(dropped) <= content.count(b"\n")


@FILES
@given(CONTENT)
def test_a_dump_of_any_bytes_is_looked_at(tmp_path, content):
    folder = tmp_path / "run"
    (folder / "eval").mkdir(parents=True, exist_ok=True)
    for path in (folder / ROLLOUTS, folder / "eval" / "step_1.jsonl"):
        path.write_bytes(content + b"\n")
    damaged: list[str] = []
    whole = list(read_completions(folder, Filter(), damaged))
    assert len(whole) + len(damaged) == 2 * (content.count(b"\n") + 1)
    survey(RunData(folder))


@FILES
@given(st.lists(st.dictionaries(st.text(max_size=6), st.text(max_size=30) | st.integers(), max_size=4), max_size=5))
def test_what_is_dumped_comes_back(tmp_path, lines):
    path = tmp_path / "a.jsonl"
    path.unlink(missing_ok=True)
    append_lines(path, lines)
    assert path.read_bytes().count(b"\n") == len(lines)
    whole = [json.loads(json.dumps(line, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
             for line in lines]  # fmt: skip
    assert list(read_lines(path)) == whole


@pytest.mark.parametrize("piece", ["\udc80", "\x00", "\ud83d", "\u2028", "\r\n", '"', "\\", "😀", "\x1b[2J"])
def test_a_million_hostile_characters_are_one_line(tmp_path, piece):
    dump = Dump(tmp_path)
    text = piece * (1_000_000 // len(piece))
    start = time.process_time()
    line = {"group": 0, "sample": 0, "problem_id": "a", "prompt": "?", "tokens": 1, "finish": "stop", "correct": True,
            "reward": 1.0, "seconds": 1.0}  # fmt: skip
    dump.append(ROLLOUTS, [line | {"step": 1, "completion": text}, line | {"step": 2, "completion": "end"}])
    assert time.process_time() - start < 20
    assert (tmp_path / ROLLOUTS).read_bytes().count(b"\n") == 2
    first, second = read_lines(tmp_path / ROLLOUTS)
    assert first["completion"] == re.sub("[\ud800-\udfff]", "\ufffd", text) and second["completion"] == "end"
    assert Dump(tmp_path).cut_after(1) == [] and len(list(read_lines(tmp_path / ROLLOUTS))) == 1


@FILES
@given(CONTENT, st.sampled_from([".jsonl", ".csv", ".parquet"]))
def test_files_to_grade_are_read_or_refused(tmp_path, content, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with contextlib.suppress(UserError):
        assert grade.read_rows(path)
    with contextlib.suppress(UserError):
        files.read_jsonl(path, errors="surrogateescape")


@pytest.mark.parametrize("turn", [None, 5, [], {"from": ["human"], "value": "x"}, {"from": "human", "value": 1}])
def test_a_conversation_with_a_turn_that_is_none_is_refused_whole(turn):
    turns = [{"from": "human", "value": "?"}, turn, {"from": "gpt", "value": "!"}]
    with pytest.raises(UserError, match="here is not a conversation"):
        conversation({"conversations": turns}, "here", "think")


@MANY
@given(JSON | st.dictionaries(st.sampled_from(["messages", "conversations", "prompt", "problem", "question", "answer",
                                               "solution", "level", "reward_model"]), JSON, max_size=5))  # fmt: skip
def test_rows_of_data_are_read_or_refused(row):
    with contextlib.suppress(UserError):
        conversation(row, "here", "think")
    if isinstance(row, dict):
        with contextlib.suppress(UserError):
            problem_from_row(row, "train/0", "here")
    our_tags(str(row), "think")
