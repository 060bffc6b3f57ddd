"""Custom data for an evaluation alone: all rows of a file, the evaluation split of a folder, and no row for training."""

from __future__ import annotations

import json

import pytest

from r1rl.config.flags import Config
from r1rl.system.errors import UserError
from r1rl.tasks.custom.evaluation import EvaluationData, evaluation_task
from r1rl.tasks.registry import load_task


def write(path, count, answer=str):
    rows = [{"question": f"How much is {n} + 1?", "answer": answer(n + 1)} for n in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def problems(path, **flags):
    return EvaluationData(Config(dataset_path=str(path), **flags)).load("test")


def test_all_rows_of_a_file_where_training_would_keep_nine_tenths(tmp_path):
    path = write(tmp_path / "mine.jsonl", 30)
    found = problems(path)
    assert len(found) == 30 and found[3].id == "test/3" and found[3].answer == "4"
    assert len(load_task(Config(dataset_path=str(path))).load("test")) == 3


def test_only_what_was_held_out_is_evaluated_of_the_data_that_the_model_was_trained_on(tmp_path):
    path, other = (write(tmp_path / name, 30) for name in ("mine.jsonl", "other.jsonl"))
    config = Config(dataset_path=str(path))
    assert len(evaluation_task(config, {"dataset_path": str(tmp_path / "." / "mine.jsonl")}).load("test")) == 3
    for trained in ({}, {"dataset_path": str(other)}, {"dataset_name": "gsm8k"}):
        assert len(evaluation_task(config, trained).load("test")) == 30
    assert len(evaluation_task(Config(dataset_name="word-problems"), {}).load("test")) == 200


@pytest.mark.parametrize(
    ("splits", "flags", "count"),
    [
        ({"test": 4}, {}, 4),
        ({"train": 9}, {}, 9),
        ({"train": 9, "validation": 5}, {"answer_type": "number", "question_column": "question"}, 5),
        ({"test": 4, "testmini": 2}, {}, 4),
        ({"test": 4, "testmini": 2}, {"eval_split": "testmini"}, 2),
    ],
)
def test_the_evaluation_split_of_a_folder(tmp_path, splits, flags, count):
    for name, size in splits.items():
        write(tmp_path / f"{name}.jsonl", size)
    assert len(problems(tmp_path, **flags)) == count


def test_mistakes(tmp_path):
    write(tmp_path / "one.jsonl", 3)
    write(tmp_path / "two.jsonl", 3)
    with pytest.raises(UserError, match="which of one, two is for the evaluation"):
        problems(tmp_path)
    with pytest.raises(UserError, match=r"unknown --eval-split of .*'thre'"):
        problems(tmp_path, eval_split="thre")
    with pytest.raises(UserError, match="does not exist: it must be a file"):
        problems(tmp_path / "no.jsonl")


def test_a_question_without_an_answer_is_left_out_where_numbers_are_wanted(tmp_path, capsys):
    """GSM-Plus has None where a question cannot be answered, in more rows than may be unreadable."""
    path = write(tmp_path / "plus.jsonl", 20, lambda n: "None" if n % 4 == 0 else str(n))
    assert len(problems(path)) == 15
    assert "left out 5 test rows with 'None' in place of an answer" in capsys.readouterr().out
    assert len(problems(path, answer_type="text")) == 20
