"""Suites: what a file of one's own means, and the mistakes in it."""

from __future__ import annotations

import json

import pytest

from r1rl.config.suites import SUITES, read_suite
from r1rl.system.errors import UserError

FILE = """
eval_count: 50
answer_tolerance: 0.5
tasks:
  chain-sum:
  sums: {dataset_path: sums.csv, question-column: aufgabe, eval_count: 7}
  puzzles: {dataset_name: knights_knaves, levels: [2, 3], answer_tolerance: 0}
  countdown: {dataset_path: games.jsonl}
"""


def written(tmp_path, text, name="mine.yaml"):
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def test_a_file_of_ones_own(tmp_path):
    sums, own, puzzles, games = read_suite(written(tmp_path, FILE))
    assert (sums.name, sums.settings) == (
        "chain-sum",
        {"eval_count": 50, "answer_tolerance": 0.5, "dataset_name": "chain-sum"},
    )
    assert own.settings["dataset_path"] == "sums.csv" and "dataset_name" not in own.settings
    assert (own.settings["eval_count"], own.settings["question_column"]) == (7, "aufgabe")
    assert (puzzles.levels, puzzles.settings["answer_tolerance"]) == ((2, 3), 0.0) and sums.levels == ()
    assert games.settings["dataset_name"] == "countdown"  # the file has games, not questions


def test_the_same_in_json(tmp_path):
    text = json.dumps({"tasks": {"knights": {"dataset_name": "knights_knaves", "levels": "4, 5"}}})
    (task,) = read_suite(written(tmp_path, text, "mine.json"))
    assert task.levels == (4, 5) and task.settings == {"dataset_name": "knights_knaves"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("eval_count: 3", "must have tasks by name"),
        ("tasks: [gsm8k]", "must have tasks by name"),
        ("tasks: {gsm8k: 3}", "must have tasks by name"),
        ("tasks: {mine: {}}", "mine has neither dataset_name nor dataset_path"),
        ("tasks: {../up: {dataset_name: gsm8k}}", "'../up' becomes the name of a folder"),
        ("tasks: {gsm8k: {eval_cuont: 3}}", "did you mean 'eval_count'"),
        ("tasks: {gsm8k: {model_name: tiny}}", "--model-name is one for the whole evaluation"),
        ("seed: 3\ntasks: {gsm8k: {}}", "--seed is one for the whole evaluation"),
        ("tasks: {knights_knaves: {levels: few}}", "levels of knights_knaves is 'few' and must be whole numbers"),
        ("tasks: {gsm8k: {eval_count: many}}", "eval_count is 'many' and must be a whole number"),
        ("- gsm8k", "holds a list"),
    ],
)
def test_mistakes(tmp_path, text, words):
    with pytest.raises(UserError) as error:
        read_suite(written(tmp_path, text))
    assert words in str(error.value)


def test_an_unknown_name_and_a_missing_file():
    with pytest.raises(UserError, match="unknown --suite 'generatd': did you mean 'generated'"):
        read_suite("generatd")
    with pytest.raises(UserError, match=r"--suite 'no\.yaml' cannot be read"):
        read_suite("no.yaml")


def test_the_suite_without_hub_and_files():
    assert list(SUITES["generated"]) == ["word-problems", "chain-sum", "countdown", "knights-2", "knights-3"]
    assert [task.levels for task in read_suite("knights")] == [(n,) for n in range(2, 9)]
