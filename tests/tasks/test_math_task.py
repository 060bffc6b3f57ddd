"""Task math: rows of every usual shape, golds that are not there, leaks from the test, and the grading of completions."""

from __future__ import annotations

import json

import pyarrow
import pyarrow.parquet
import pytest

from r1rl.config.flags import Config
from r1rl.preflight.checks import check_hub
from r1rl.records import Problem, Rollout
from r1rl.rewards.grading import grade_rollout, math_answer
from r1rl.system.errors import UserError
from r1rl.tasks.math import HUB, INSTRUCTION, Math, gold_of, level_of
from r1rl.tasks.prompts import plain_prompt
from r1rl.tasks.registry import load_task

SOLVED = {"problem": "What is 1+1?", "solution": r"It is $\boxed{2}$.", "level": "Level 1"}
ANSWERED = {"problem": "What is half of 1?", "answer": r"\frac{1}{2}", "solution": "Halve it.", "level": 5}
VERL = {
    "prompt": [{"role": "user", "content": f"What is 2+2? {INSTRUCTION}"}],
    "reward_model": {"ground_truth": "4", "style": "rule"},
    "level": "Level ?",
}
NO_GOLD = {"problem": "What is 3+3?", "solution": "Nobody knows."}


def write(folder, train=(), test=()):
    for name, rows in (("train", train), ("test", test)):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        if rows:
            (folder / f"{name}.jsonl").write_text(text)
    return str(folder)


def test_every_shape_of_row(tmp_path):
    problems = Math(write(tmp_path, test=[SOLVED, ANSWERED, VERL])).load("test")
    assert [(p.id, p.question, p.answer, p.level) for p in problems] == [
        ("test/0", "What is 1+1?", "2", 1),
        ("test/1", "What is half of 1?", r"\frac{1}{2}", 5),
        ("test/2", "What is 2+2?", "4", None),
    ]
    assert {p.task for p in problems} == {"math"}


def test_parquet_and_a_file_by_its_name(tmp_path):
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([VERL]), tmp_path / "train.parquet")
    write(tmp_path, test=[SOLVED])
    task = load_task(Config(dataset_name="math", dataset_path=str(tmp_path / "test.jsonl")))
    assert [task.load(s)[0].answer for s in ("train", "test")] == ["4", "2"]


@pytest.mark.parametrize(
    ("solution", "gold"),
    [
        (r"so \boxed{1} or \boxed{\frac{1}{2}}", r"1, \frac{1}{2}"),  # several boxes are all the gold
        (r"\boxed{2}, and again \boxed{2}", "2"),
        (r"so \boxed 5 it is", "5"),
        (r"so \fbox{7}", "7"),
        (r"so \boxed{}", None),
        (r"so \boxed{3 of", None),
        ("", None),
        (None, None),
    ],
)
def test_gold_answers(solution, gold):
    assert gold_of({"solution": solution}) == gold


def test_levels():
    assert [level_of(x) for x in ("Level 3", 4, "5", "Level ?", None, 9)] == [3, 4, 5, None, None, None]


def test_a_row_without_gold_is_counted_and_named(tmp_path, capsys):
    problems = Math(write(tmp_path, train=[NO_GOLD, SOLVED])).load("train")
    assert [p.id for p in problems] == ["train/1"]
    assert "left out 1 train problems without a gold answer: train/0" in capsys.readouterr().out


def test_test_problems_are_not_trained_on(tmp_path, capsys):
    spaced = SOLVED | {"problem": "What  is\n1+1?"}
    folder = write(tmp_path, train=[spaced, ANSWERED], test=[SOLVED])
    assert [p.id for p in Math(folder).load("train")] == ["train/1"]
    assert "left out 1 train problems that are in the test: train/0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"text": "x"}], r'test.jsonl, line 1 has no problem: math needs a text column "problem"'),
        ([NO_GOLD], "no problem of test is left to use"),
        ([], r"test.jsonl is missing: .* it has none of them"),
    ],
)
def test_wrong_files(tmp_path, rows, message):
    with pytest.raises(UserError, match=message):
        Math(write(tmp_path, test=rows)).load("test")


def test_wrong_paths(tmp_path):
    (tmp_path / "problems.jsonl").write_text("{}")
    (tmp_path / "test.parquet").write_text("no")
    with pytest.raises(UserError, match="must be named train or test"):
        Math(str(tmp_path / "problems.jsonl"))
    with pytest.raises(UserError, match="does not exist"):
        Math(str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="is not a parquet file"):
        Math(str(tmp_path)).load("test")


def test_the_hub_must_be_within_reach(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(UserError) as error:
        check_hub(Config(dataset_name="math", model_name="tiny"))
    assert all(name in str(error.value) for name, _ in HUB.values())


PROBLEM = Problem("test/0", "?", r"\frac{1}{2}", task="math", answer_type="latex")


@pytest.mark.parametrize(
    ("completion", "answer", "correct"),
    [
        ("<reasoning>a</reasoning><answer>1/2</answer>", "1/2", True),
        (r"<answer>It is \boxed{0.5}.</answer>", "0.5", True),
        (r"So \boxed{\dfrac{1}{2}}.", r"\dfrac{1}{2}", True),
        (r"\boxed{1/2} <answer>3</answer>", "3", False),
        (r"<answer>1/2 \boxed{3}</answer>", "3", False),
        ("<answer></answer>", None, False),
        ("", None, False),
    ],
)
def test_where_the_answer_is(completion, answer, correct):
    assert math_answer(completion) == answer
    grade = grade_rollout(Rollout("?", completion, (), (), (), "stop"), PROBLEM, Config(dataset_name="math"))
    assert (grade.extracted, grade.correct) == (answer, correct)


def test_the_prompt_asks_for_latex_and_for_the_wanted_tag():
    assert "LaTeX" in plain_prompt(PROBLEM, False)
    thinking = plain_prompt(PROBLEM, True, tag="think")
    assert thinking.endswith("\n<think>") and "</think>\n<answer>" in thinking and "<reasoning" not in thinking
    assert plain_prompt(PROBLEM, True, tag="reasoning") == plain_prompt(PROBLEM, True)
