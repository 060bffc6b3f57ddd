"""The dump: torn lines are repaired, lines beyond a checkpoint are cut, hostile text stays one line."""

from __future__ import annotations

import json

import pandas
import pytest
from fake_run import LINES

from r1rl.runs.dump import EVALUATIONS, METRICS, ROLLOUTS, Dump, append_lines, read_lines, repair, write_json

HOSTILE = [
    "\udc80 lone surrogate",
    "\x00 NUL",
    "line\nbreak\u2028and\x85more",
    "\x1b[31mred",
    "é € 你好",
    "x" * 1_000_000,
]


def test_hostile_text_comes_back(tmp_path):
    path = tmp_path / "a.jsonl"
    append_lines(path, [{"step": i, "completion": text} for i, text in enumerate(HOSTILE)])
    assert path.read_bytes().decode("utf-8").count("\n") == len(HOSTILE)
    expected = [text.replace("\udc80", "\ufffd") for text in HOSTILE]
    assert [line["completion"] for line in read_lines(path)] == expected


def test_pandas_reads_it(tmp_path):
    path = tmp_path / "a.jsonl"
    append_lines(path, [{"step": 1, "reward": 0.5, "level": None}, {"step": 2, "reward": 1.0, "level": 3}])
    assert pandas.read_json(path, lines=True).reward.tolist() == [0.5, 1.0]


@pytest.mark.parametrize("torn", ['{"step": 3, "re', '{"step": 3}', "x" * 200_000])
def test_a_torn_last_line_is_cut(tmp_path, torn):
    path = tmp_path / "a.jsonl"
    append_lines(path, [{"step": 1}, {"step": 2}])
    with path.open("a") as file:
        file.write(torn)
    repair(path)
    append_lines(path, [{"step": 3}])
    assert [line["step"] for line in read_lines(path)] == [1, 2, 3]


def test_a_file_that_is_one_torn_line(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"step"')
    repair(path)
    assert path.read_bytes() == b""


def test_lines_beyond_the_checkpoint_are_cut(tmp_path):
    dump = Dump(tmp_path)
    for name in (ROLLOUTS, METRICS):
        dump.append(name, [LINES[name] | {"step": s} for s in (1, 1, 2, 3)])
    for step in (0, 2, 4):
        dump.evaluation(step, [LINES[ROLLOUTS] | {"step": step}], LINES[EVALUATIONS] | {"step": step})
    assert dump.cut_after(2) == []
    assert [line["step"] for line in read_lines(tmp_path / ROLLOUTS)] == [1, 1, 2]
    assert [line["step"] for line in read_lines(tmp_path / EVALUATIONS)] == [0, 2]
    assert sorted(p.name for p in (tmp_path / "eval").iterdir()) == ["step_0.jsonl", "step_2.jsonl"]


def test_an_evaluation_that_was_cut_short_is_rewritten(tmp_path):
    dump = Dump(tmp_path)
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval" / "step_5.jsonl").write_text('{"step": 5, "old": true}\n')
    dump.evaluation(5, [{"step": 5, "old": False}], {"step": 5})
    assert [line["old"] for line in read_lines(tmp_path / "eval" / "step_5.jsonl")] == [False]


def test_json_is_whole_or_not_there(tmp_path):
    write_json(tmp_path / "run.json", {"a": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "run.json", {"a": object()})
    assert json.loads((tmp_path / "run.json").read_text()) == {"a": 1}


def test_numbers_that_are_not_finite_become_null(tmp_path):
    line = {"step": 1, "logprob": float("nan"), "rewards": {"own": float("inf"), "other": 1.0}, "x": [-1.0]}
    append_lines(tmp_path / "a.jsonl", [line])
    assert list(read_lines(tmp_path / "a.jsonl")) == [
        {"step": 1, "logprob": None, "rewards": {"own": None, "other": 1.0}, "x": [-1.0]}
    ]
