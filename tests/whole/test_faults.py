"""Faults of a run's folder: damaged lines, damaged or missing files, a folder that cannot be written, a clock set back."""

from __future__ import annotations

import ast
import dataclasses
import json
import time

import pytest
from conftest import ROOT
from fake_checkpoint import whole_checkpoint
from fake_run import LINES, make_run, write_run_json

from r1rl.commands import eval
from r1rl.commands.dispatch import dispatch
from r1rl.config.flags import Config
from r1rl.config.recipes import overrides
from r1rl.config.rules import is_folder_name
from r1rl.records import Problem, Prompt, Rollout, Scored
from r1rl.reports.summary import numbers
from r1rl.runs import folder as runs_folder
from r1rl.runs.dump import EVALUATIONS, METRICS, ROLLOUTS, Dump, append_lines, completion_line, read_lines, write_json
from r1rl.runs.progress import Meter
from r1rl.runs.run_data import RunData
from r1rl.system.errors import UserError

DAMAGE = {
    "cut": lambda raw: raw[: len(raw) // 2] + b"\n",
    "zeros": lambda raw: b"\0" * (len(raw) - 1) + b"\n",
    "no UTF-8": lambda raw: b"\xff\xfe" + raw,
    "empty": lambda raw: b"\n",
    "a list": lambda raw: b"[1, 2]\n",
    "no step": lambda raw: b'{"schema_version": 1}\n',
    "a step in words": lambda raw: b'{"step": "three"}\n',
    "deep": lambda raw: b'{"step": ' + b"[" * 100_000 + b"\n",
    "other keys": lambda raw: b'{"step": 2, "price": 5}\n',
    "a key of another kind": lambda raw: raw.replace(b'"seconds": ', b'"seconds": "long", "was": '),
    "a huge number": lambda raw: b'{"step": ' + b"9" * 10_000 + b"}\n",
    "two in one": lambda raw: raw.rstrip(b"\n") + raw,
}


def damage_line(path, number, how):
    lines = path.read_bytes().splitlines(keepends=True)
    lines[number] = DAMAGE[how](lines[number])
    path.write_bytes(b"".join(lines))


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("name", [ROLLOUTS, METRICS, EVALUATIONS])
def test_a_damaged_line_in_the_middle_is_dropped_and_named_on_resume(tmp_path, capsys, how, name):
    for file in (ROLLOUTS, METRICS, EVALUATIONS):
        append_lines(tmp_path / file, [LINES[file] | {"step": s} for s in (1, 2, 3, 4, 5)])
    whole_checkpoint(tmp_path / "checkpoints", 4)
    damage_line(tmp_path / name, 1, how)
    dump = Dump(tmp_path)
    assert runs_folder.continue_from(dump).name == "checkpoint-4"
    for file in (ROLLOUTS, METRICS, EVALUATIONS):
        kept = [1, 3, 4] if file == name else [1, 2, 3, 4]
        assert [line["step"] for line in read_lines(tmp_path / file)] == kept
    assert f"{name}:2" in capsys.readouterr().out
    assert runs_folder.continue_from(Dump(tmp_path)) and "repaired" not in capsys.readouterr().out  # once


@pytest.mark.parametrize("how", [*DAMAGE, "torn"])
def test_a_damaged_last_line_is_dropped_on_resume(tmp_path, how):
    append_lines(tmp_path / METRICS, [LINES[METRICS] | {"step": s, "seconds": 10.0 * s} for s in (1, 2, 3)])
    if how == "torn":
        with (tmp_path / METRICS).open("ab") as file:
            file.write(b'{"step": 4, "sec')
    else:
        damage_line(tmp_path / METRICS, 2, how)
    dump = Dump(tmp_path)
    assert dump.cut_after(5) == ([] if how == "torn" else [f"{METRICS}:3"])
    last = 3 if how == "torn" else 2
    assert runs_folder.last_line(dump) == LINES[METRICS] | {"step": last, "seconds": 10.0 * last}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_line_of_an_evaluation_is_dropped_and_named_on_resume(tmp_path, how):
    lines = [LINES[ROLLOUTS] | {"step": 2, "group": group} for group in range(3)]
    Dump(tmp_path).evaluation(2, lines, LINES[EVALUATIONS] | {"step": 2})
    damage_line(tmp_path / "eval" / "step_2.jsonl", 1, how)
    assert Dump(tmp_path).cut_after(2) == ["step_2.jsonl:2"]
    assert [line["group"] for line in read_lines(tmp_path / "eval" / "step_2.jsonl")] == [0, 2]
    assert Dump(tmp_path).cut_after(2) == []


def test_other_files_among_the_evaluations_are_left_alone(tmp_path):
    (tmp_path / "eval").mkdir()
    for name in ("step_2.jsonl", "step_9.jsonl", "step_9 (copy).jsonl", "step_.jsonl"):
        (tmp_path / "eval" / name).write_text("")
    Dump(tmp_path).cut_after(2)
    names = {p.name for p in (tmp_path / "eval").iterdir()}
    assert names == {"step_2.jsonl", "step_9 (copy).jsonl", "step_.jsonl"}


@pytest.mark.parametrize("name", [ROLLOUTS, METRICS, EVALUATIONS, "eval/step_2.jsonl"])
def test_a_dump_with_a_file_missing_can_be_resumed_and_looked_at(tmp_path, name):
    folder = make_run(tmp_path / "a", steps=4, eval_steps=2, problems=8)
    (folder / name).unlink()
    dump = Dump(folder)
    assert dump.cut_after(4) == []
    runs_folder.last_line(dump)
    numbers(RunData(folder))
    assert dispatch(["inspect", str(folder)], None) == 0
    assert dispatch(["report", str(folder)], None) == 0


@pytest.mark.parametrize("how", ["cut", "zeros", "no UTF-8", "empty", "a list", "deep"])
@pytest.mark.parametrize("name", [ROLLOUTS, METRICS, EVALUATIONS, "eval/step_2.jsonl"])
def test_a_dump_with_a_damaged_line_can_be_looked_at(tmp_path, capsys, how, name):
    folder = make_run(tmp_path / "a", steps=4, eval_steps=2, problems=8)
    damage_line(folder / name, 1, how)
    assert dispatch(["inspect", str(folder)], None) == 0
    assert dispatch(["report", str(folder)], None) == 0
    if name in (ROLLOUTS, "eval/step_2.jsonl"):
        assert f"{name.removeprefix('eval/')}:2" in capsys.readouterr().out


BROKEN = {
    "empty": "",
    "cut": '{"schema_version": 1, "config": {"seed',
    "a list": "[1]",
    "no config": '{"schema_version": 1}',
    "config is a text": '{"config": "tiny"}',
    "no UTF-8": "\udcff\udcfe",
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_damaged_run_json_is_reported(tmp_path, how):
    config = write_run_json(tmp_path / "dumps" / "a")
    path = tmp_path / "dumps" / "a" / "run.json"
    path.write_text(BROKEN[how], encoding="utf-8", errors="surrogateescape")
    before = path.read_bytes()
    adapter = path.parent / "checkpoints" / "best"
    adapter.mkdir(parents=True)
    (adapter / "adapter_model.safetensors").write_bytes(b"")
    asked = [
        lambda: runs_folder.check_folder(config),
        lambda: runs_folder.check_folder(dataclasses.replace(config, resume=True)),
        lambda: RunData(path.parent).run,
        lambda: eval.resolve(adapter, None, {}),
        lambda: dispatch(["inspect", str(path.parent)], None),
        lambda: dispatch(["report", str(path.parent)], None),
    ]
    for ask in asked:
        with pytest.raises(UserError, match=r"run\.json.*(copy|another)"):
            ask()
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "part"),
    [({"seed": "many"}, "seed is 'many'"), ({"model_name": 5}, "model_name is 5"), ({"top_p": []}, "top_p is")],
)
def test_a_setting_of_the_wrong_kind_in_run_json_is_reported(tmp_path, changes, part):
    adapter = tmp_path / "a" / "checkpoints" / "best"
    adapter.mkdir(parents=True)
    (adapter / "adapter_model.safetensors").write_bytes(b"")
    config = {**overrides("tiny"), "flag_of_a_later_version": 1, "learning_rate": 1}
    write_json(tmp_path / "a" / "run.json", {"config": config})
    assert eval.resolve(adapter, None, {}).model_name == "tiny"
    write_json(tmp_path / "a" / "run.json", {"config": config | changes})
    with pytest.raises(UserError, match=part):
        eval.resolve(adapter, None, {})


@pytest.mark.parametrize("content", ["", "{}", '{"base_model_name_or_path": 5, "r": 8}', "[]"])
def test_a_damaged_adapter_without_a_run_is_reported(tmp_path, content):
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    (tmp_path / "adapter_config.json").write_text(content)
    with pytest.raises(UserError, match=r"adapter_config\.json.*whole copy of the adapter"):
        eval.resolve(tmp_path, None, {})


def test_a_run_older_than_a_flag_can_be_resumed(tmp_path):
    config = write_run_json(tmp_path / "dumps" / "a")
    path = tmp_path / "dumps" / "a" / "run.json"
    written = json.loads(path.read_text())
    del written["config"]["trust_remote_code"]
    write_json(path, written)
    runs_folder.check_folder(dataclasses.replace(config, resume=True))
    with pytest.raises(UserError, match="--trust-remote-code was False and is True"):
        runs_folder.check_folder(dataclasses.replace(config, resume=True, trust_remote_code=True))


def test_changed_settings_are_named_and_nothing_is_changed(tmp_path):
    config = write_run_json(tmp_path / "dumps" / "a")
    before = (tmp_path / "dumps" / "a" / "run.json").read_bytes()
    for changed in (dataclasses.replace(config, seed=1), dataclasses.replace(config, seed=1, resume=True)):
        with pytest.raises(UserError, match="--seed was 3407 and is 1"):
            runs_folder.check_folder(changed)
    assert [p.name for p in (tmp_path / "dumps" / "a").iterdir()] == ["run.json"]
    assert (tmp_path / "dumps" / "a" / "run.json").read_bytes() == before


def refuse(*arguments, **more):
    raise PermissionError(13, "Permission denied")


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    config = Config(**{**overrides("tiny"), "dumps": str(tmp_path / "dumps"), "exp_name": "a"})
    write_run_json(tmp_path / "dumps" / "a")
    monkeypatch.setattr("pathlib.Path.write_bytes", refuse)  # whoever tests as root may write everywhere
    for resume in (False, True):
        with pytest.raises(UserError, match=r"cannot be written \(Permission denied\)"):
            runs_folder.check_folder(dataclasses.replace(config, resume=resume))
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        runs_folder.check_folder(dataclasses.replace(config, dumps=str(tmp_path / "file")))


NAMES = ["..", ".", "", "../a", "/tmp/a", "a/../../b", "a/b", "a/", "a\0b"]


@pytest.mark.parametrize("name", NAMES)
def test_a_run_stays_inside_its_folder(name):
    assert not is_folder_name(name)
    with pytest.raises(UserError, match="--exp-name"):
        Config(**{**overrides("tiny"), "exp_name": name})


@pytest.mark.parametrize("name", [*NAMES[:5], "../../x", "\0", "x" * 5000, "\udc80", "C:\\x", "con", "\n"])
def test_names_in_the_data_make_no_paths(tmp_path, name):
    folder = make_run(tmp_path / "dumps" / "a", steps=2, eval_steps=1, problems=6)
    before = {p.relative_to(tmp_path) for p in tmp_path.rglob("*")}
    problem = Problem(name, "Who?", "3", task=name, level=None)
    rollout = Rollout("Who?", "3", (1,), (2,), (-0.1,), "stop")
    scored = Scored(rollout, problem, "3", True, {name: 1.0}, 1.0)
    line = completion_line(2, "train", 0, 0, Prompt(problem, "Who?", (1,), ""), scored, None, 1.0)
    dump = Dump(folder)
    dump.append(ROLLOUTS, [line])
    dump.evaluation(3, [line | {"step": 3, "split": "eval"}], next(read_lines(folder / EVALUATIONS)) | {"step": 3})
    for command in (["inspect", str(folder)], ["inspect", str(folder), "--show", "--json"], ["report", str(folder)]):
        assert dispatch(command, None) == 0
    assert dispatch(["inspect", str(folder), "--cherry-pick"], None) == 0
    assert dispatch(["dump", "excerpt", str(folder), "-o", str(tmp_path / "dumps" / "b")], None) == 0
    assert dispatch(["dump", "to-parquet", str(folder)], None) == 0
    for path in {p.relative_to(tmp_path) for p in tmp_path.rglob("*")} - before:
        assert path.parts[:2] in {("dumps", "a"), ("dumps", "b")}


def test_seconds_never_go_back_over_a_resume_or_a_clock_that_does(monkeypatch):
    config = Config(**overrides("tiny"))
    backwards = iter(range(10**9, 0, -1000))
    monkeypatch.setattr(time, "time", lambda: next(backwards))
    line = {"step": 1, "tokens": 5, "reward": 1.0, "completions": 1, "mean_tokens": 5.0}
    last, seen = {}, []
    for _ in range(3):  # begun, and resumed twice
        meter = Meter(config, 1.0, last)
        for _ in range(3):
            last = line | meter.step_done(line)
            seen.append((last["seconds"], last["dollars"]))
    assert seen == sorted(seen) and seen[0][0] >= 0
    assert Meter(config, None, {"step": 5, "seconds": 100.0}).seconds() >= 100


def test_no_duration_is_measured_with_the_clock_on_the_wall():
    """Only names of runs and the time of their start are of the calendar."""
    for path in (ROOT / "r1rl").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in (
                    "time.time", "time.time_ns", "datetime.now", "datetime.datetime.now"
                ), f"{path}:{node.lineno}"  # fmt: skip
