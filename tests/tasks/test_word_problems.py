"""The word problems: right arithmetic, no leak between splits, the same problems for the same seed."""

from __future__ import annotations

import re

import pytest

from r1rl.config.flags import Config
from r1rl.tasks.registry import load_task
from r1rl.tasks.word_problems import LARGEST, WordProblems, generate, generate_worked

NOTE = re.compile(r"<<(\d+)([-+*/])(\d+)=(\d+)>>")
OPERATIONS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,  # not //: an inexact division must show
}
PROBLEMS = generate("train", 0, 2000)


def test_every_note_is_right_and_the_last_one_is_the_answer():
    for problem in PROBLEMS:
        notes = NOTE.findall(problem.solution)
        assert len(notes) == problem.level
        for left, operator, right, result in notes:
            assert OPERATIONS[operator](int(left), int(right)) == int(result), problem.solution
        *_, last = problem.solution.splitlines()
        assert last == f"#### {problem.answer}" == f"#### {notes[-1][3]}"


def test_each_operand_is_in_the_question_or_an_earlier_result_or_a_spoken_two():
    for problem in PROBLEMS:
        known = {*re.findall(r"\d+", problem.question)}
        if re.search("twice|half", problem.question):
            known.add("2")
        for left, _, right, result in NOTE.findall(problem.solution):
            assert {left, right} <= known, problem
            known.add(result)


def test_levels_and_operations_all_occur():
    assert {p.level for p in PROBLEMS} == {1, 2, 3, 4}
    assert {note[1] for p in PROBLEMS for note in NOTE.findall(p.solution)} == set("+-*/")


def test_numbers_and_texts_stay_small():
    for problem in PROBLEMS:
        assert problem.question.isascii() and problem.solution.isascii()
        assert len(problem.question) < 250 and len(problem.solution) < 300
        assert "{" not in problem.question + problem.solution
        assert all(0 <= int(n) <= LARGEST for n in re.findall(r"\d+", problem.question + problem.solution))
        assert problem.answer == str(int(problem.answer))


def test_splits_never_share_a_problem_whatever_the_seeds():
    def stories(split: str) -> set[str]:
        """Questions without names and things: the same numbers in the same story count as the same."""
        questions = [p.question for seed in range(12) for p in generate(split, seed, 300)]
        return {re.sub(r"[A-Z][a-z]+", "Name", re.sub(r"[a-z]+s\b", "things", q)) for q in questions}

    train, test = stories("train"), stories("test")
    assert len(train) > 2000 and len(test) > 500
    assert not train & test


def test_no_problem_comes_twice():
    assert len({p.question for p in PROBLEMS}) == len({p.id for p in PROBLEMS}) == len(PROBLEMS)


def test_same_seed_same_problems():
    assert generate("test", 7, 50) == generate("test", 7, 50)
    assert generate("test", 7, 20) == generate("test", 7, 50)[:20]
    assert generate("test", 7, 50) != generate("test", 8, 50)


def test_problems_do_not_change_between_versions():
    """Runs with a seed stay comparable: change this line only on purpose."""
    assert generate("train", 0, 1)[0].question == (
        "Grace has 20 books, which is 4 more than Ida has. How many books do they have together?"
    )


def test_steps_as_data_agree_with_the_solution():
    for worked in generate_worked("test", 3, 200):
        values = []
        for step in worked.steps:
            assert step.left_step is None or values[step.left_step] == step.left
            assert step.right_step is None or values[step.right_step] == step.right
            values.append(step.result)
        assert [note[3] for note in NOTE.findall(worked.problem.solution)] == [str(v) for v in values]


def test_the_task_loads_both_splits():
    task = WordProblems(seed=5, train_count=30, test_count=20)
    train, test = task.load("train"), task.load("test")
    assert [p.id for p in train] == [f"train/{i}" for i in range(30)]
    assert [p.id for p in test] == [f"test/{i}" for i in range(20)]
    assert {p.task for p in train + test} == {task.name}


def test_unknown_split():
    with pytest.raises(ValueError, match="'dev'"):
        generate("dev", 0, 1)


def test_an_evaluation_may_ask_for_more_problems_than_the_usual_test():
    """The first ones are the usual ones, so a run with fewer is not changed."""
    more = load_task(Config(dataset_name="word-problems", eval_count=300, seed=3)).load("test")
    usual = load_task(Config(dataset_name="word-problems", eval_count=50, seed=3)).load("test")
    assert (len(usual), len(more)) == (200, 300) and more[:200] == usual
    assert not {p.question for p in more} & {p.question for p in WordProblems(3).load("train")}
