"""Trackers: the names and numbers of the dump, whatever the tracker; each name with its meaning in one place."""

from __future__ import annotations

import html
import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT
from small_run import make_trainer
from small_sft import make_fine_tuner
from transformers import TrainerCallback

from r1rl.config.flags import Config
from r1rl.config.names import trackers
from r1rl.preflight.checks import wandb_knows_key
from r1rl.reports import curves
from r1rl.runs import metric_names
from r1rl.runs.dump import EVALUATIONS, FINE_TUNING, METRICS, read_lines
from r1rl.system.errors import UserError
from r1rl.trainers import callbacks as module

README = (ROOT / "dumps" / "README.md").read_text(encoding="utf-8")
SECRET = "hf_" + "a1B2" * 8


class Recorder(TrainerCallback):
    """Replaces a tracker callback and keeps its arguments."""

    made: list[Recorder] = []  # noqa: RUF012 - each test empties it

    def __init__(self):
        self.logs, self.texts, self.logging_dir, self.calls = [], [], None, []
        self.tb_writer = self
        Recorder.made.append(self)

    def on_train_begin(self, args, state, control, **kwargs):
        self.calls.append("begin")

    def on_log(self, args, state, control, logs=None, **kwargs):
        self.logs.append((state.global_step, logs))

    def on_train_end(self, args, state, control, **kwargs):
        self.calls.append("end")

    def add_text(self, tag, text, step):
        self.texts.append((tag, text, step))

    def flush(self):
        pass


@pytest.fixture
def recorder(monkeypatch):
    Recorder.made.clear()
    monkeypatch.setattr(module, "get_reporting_integration_callbacks", lambda names: [Recorder])


def test_a_tracker_gets_the_dumps_names_and_numbers(tmp_path, recorder):
    trainer = make_trainer(tmp_path, "run", report_to="tensorboard", eval_on_start=True)
    trainer.fit(None, [])
    (seen,) = Recorder.made
    folder = trainer.dump.folder
    steps = [(step, logs) for step, logs in seen.logs if not any(k.startswith("eval_") for k in logs)]
    assert steps == [(line["step"], dict(metric_names.numbers(line))) for line in read_lines(folder / METRICS)]
    evaluations = [(step, logs) for step, logs in seen.logs if any(k.startswith("eval_") for k in logs)]
    lines = list(read_lines(folder / EVALUATIONS))
    assert [step for step, _ in evaluations] == [0, 2] == [line["step"] for line in lines]
    for (_, logs), line in zip(evaluations, lines):
        assert {k: v for k, v in logs.items() if k != "eval_seconds"} == {
            f"eval_{k}": v for k, v in metric_names.numbers(line) if k != "seconds"
        }
    assert [(tag, step) for tag, _, step in seen.texts] == [("completions", 0), ("completions", 2)]
    first = next(read_lines(folder / "eval" / "step_2.jsonl"))
    assert html.escape(first["completion"]).replace("\n", "&#10;") in seen.texts[1][1]
    assert seen.calls == ["begin", "end"]
    assert seen.logging_dir == str(folder / "logs" / "tensorboard")


@pytest.mark.slow
def test_every_key_of_a_run_has_its_meaning(tmp_path, recorder):
    for changes in ({"skip_solved": True}, {"algorithm": "ppo", "beta": 0.05, "num_generations": 2}):
        trainer = make_trainer(tmp_path, f"run{len(changes)}", max_steps=1, **changes)
        trainer.fit(None, [])
        for name, names in ((METRICS, metric_names.STEP), (EVALUATIONS, metric_names.EVALUATION)):
            keys = {k for line in read_lines(trainer.dump.folder / name) for k in line} - {"schema_version"}
            assert keys and [k for k in keys if not metric_names.known(k, names)] == []
    tuner = make_fine_tuner(tmp_path, "sft", max_samples=8)
    tuner.fit(None)
    keys = {k for line in read_lines(tmp_path / "sft" / FINE_TUNING) for k in line} - {"schema_version"}
    assert [k for k in keys if not metric_names.known(k, metric_names.STEP)] == []


def test_several_samples_have_their_names(tmp_path, recorder):
    trainer = make_trainer(tmp_path, "run", eval_samples=2, eval_temperature=1.0, report_to="tensorboard")
    trainer.evaluate()
    (line,) = read_lines(trainer.dump.folder / EVALUATIONS)
    assert all(metric_names.known(k, metric_names.EVALUATION) for k in line if k != "schema_version")
    ((_, logs),) = Recorder.made[0].logs
    assert logs["eval_pass@2/low"] == line["pass@2"]["low"]


@pytest.mark.parametrize("names", [metric_names.STEP, metric_names.EVALUATION])
def test_the_readme_of_the_dumps_has_these_tables(names):
    assert metric_names.table(names) in README
    assert all("\n" not in meaning and meaning for meaning in names.values())


def test_the_report_draws_by_these_names():
    fields = {field for _, _, _, drawn, _, _ in curves.PER_STEP for _, field in drawn}
    assert fields - {"equal_groups"} <= metric_names.STEP.keys()


def test_completions_in_a_tracker_are_masked_and_escaped(tmp_path, monkeypatch):
    trainer = make_trainer(tmp_path, "run")
    result = None

    def keep(_, found):
        nonlocal result
        result = found

    monkeypatch.setattr(trainer.trackers, "evaluated", keep)
    trainer.evaluate()
    object.__setattr__(result.scored[0].rollout, "completion", f"<script>\x1b[2J {SECRET}")
    (first, *others) = module.completion_rows(result)
    assert len(others) == 7 and first["completion"] == "<script>\\x1b[2J [masked]"
    assert "<script>" not in module.markdown([first]) and "&lt;script&gt;" in module.markdown([first])


# ---- the flag


def test_several_trackers(monkeypatch):
    from r1rl.commands.dispatch import train_parser

    def given(*arguments):
        return vars(train_parser().parse_args(arguments))["report_to"]

    assert trackers(given("--report-to", "wandb,tensorboard")) == ["wandb", "tensorboard"]
    assert trackers(given("--report-to", "wandb", "--report-to", "trackio")) == ["wandb", "trackio"]
    assert trackers(Config().report_to) == []
    with pytest.raises(UserError, match="did you mean 'wandb'"):
        Config(report_to="tensorboard,wandbb")
    with pytest.raises(UserError, match="none means no tracker"):
        Config(report_to="none,wandb")


def test_wandb_is_not_left_to_ask_for_a_key(tmp_path):
    nothing = {"NETRC": str(tmp_path / "netrc")}
    assert not wandb_knows_key(nothing)
    (tmp_path / "netrc").write_text("machine api.wandb.ai login user password word")
    assert wandb_knows_key(nothing) and not wandb_knows_key(nothing | {"WANDB_BASE_URL": "https://wandb.mine"})
    assert wandb_knows_key({"WANDB_MODE": "offline"}) and wandb_knows_key({"WANDB_API_KEY": "x"})


def test_missing_trackers_are_named_together():
    code = "import sys; sys.modules['wandb'] = sys.modules['trackio'] = None; "
    code += "from r1rl.preflight.checks import check_tracker; from r1rl.config.flags import Config; check_tracker(Config(report_to='wandb,trackio'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert "wandb and trackio are not installed. Run `pip install wandb trackio`" in done.stderr, done.stderr


# ---- real trackers, where they are installed


def scalars(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found, texts = {}, {}
    for path in folder.rglob("events.out.tfevents.*"):
        events = EventAccumulator(str(path), size_guidance={"tensors": 0}).Reload()
        for tag in events.Tags()["scalars"]:
            found.setdefault(tag, {}).update({e.step: e.value for e in events.Scalars(tag)})
        for tag in events.Tags()["tensors"]:
            texts.setdefault(tag, []).extend(e.step for e in events.Tensors(tag))
    return found, texts


def test_tensorboards_files_hold_the_dump(tmp_path):
    pytest.importorskip("tensorboard")
    trainer = make_trainer(tmp_path, "run", report_to="tensorboard")
    trainer.fit(None, [])
    found, texts = scalars(trainer.dump.folder / "logs" / "tensorboard")
    for line in read_lines(trainer.dump.folder / METRICS):
        for name, value in metric_names.numbers(line):
            assert found[f"train/{name}"][line["step"]] == pytest.approx(value, rel=1e-5)
    (line,) = read_lines(trainer.dump.folder / EVALUATIONS)
    assert found["eval/accuracy"] == {2: pytest.approx(line["accuracy"])}
    assert texts["completions/text_summary"] == [2]
    assert {tag.partition("/")[0] for tag in found} == {"train", "eval"}
    assert not any("completions/mean" in tag or "clip_ratio" in tag for tag in found)  # the base class's names


WANDB = """
import sys
sys.path.insert(0, "tests/helpers")
from small_run import make_trainer
from pathlib import Path
trainer = make_trainer(Path(sys.argv[1]), "run", report_to="wandb")
trainer.fit(None, [])
import wandb
wandb.finish()
"""


def wandb_records(path):
    """The records of an offline run's file: LevelDB's log format (blocks of 32 KiB) after a head of 7 bytes."""
    from wandb.proto import wandb_internal_pb2

    data, at, parts = path.read_bytes(), 7, []
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:  # no room for a head
            at += 32768 - at % 32768
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        parts.append(data[at + 7 : at + 7 + length])
        at += 7 + length
        if kind in (1, 4):  # whole, or its last part
            record = wandb_internal_pb2.Record()
            record.ParseFromString(b"".join(parts))
            parts = []
            yield record


def test_wandb_offline_keeps_the_dump(tmp_path):
    pytest.importorskip("wandb")
    environment = {**os.environ, "WANDB_MODE": "offline", "WANDB_DIR": str(tmp_path), "WANDB_PROJECT": "mine",
                   "WANDB_API_KEY": SECRET, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"}  # fmt: skip
    done = subprocess.run([sys.executable, "-c", WANDB, str(tmp_path)], cwd=ROOT, env=environment, capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    (file,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    records = list(wandb_records(file))
    items = [item for record in records for item in record.history.item]
    names = {item.key or "/".join(item.nested_key) for item in items}
    line = next(read_lines(tmp_path / "run" / METRICS))
    assert {f"train/{name}" for name, _ in metric_names.numbers(line)} <= names
    assert {"eval/accuracy", "train/global_step"} <= names and any(n.startswith("completions") for n in names)
    assert "mine" in {record.run.project for record in records}
    assert SECRET.encode() not in file.read_bytes()


TRACKIO = """
import json, sys
sys.path.insert(0, "tests/helpers")
from small_run import make_trainer
from pathlib import Path
trainer = make_trainer(Path(sys.argv[1]), "run", report_to="trackio", project_name="mine")
trainer.fit(None, [])
from trackio.sqlite_storage import SQLiteStorage
print("FOUND", json.dumps(SQLiteStorage.get_logs("mine", "run"), default=str))
"""


def test_trackio_keeps_the_dump(tmp_path):
    pytest.importorskip("trackio")
    environment = {**os.environ, "TRACKIO_DIR": str(tmp_path / "trackio"),
                   "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"}  # fmt: skip
    done = subprocess.run([sys.executable, "-c", TRACKIO, str(tmp_path)], cwd=ROOT, env=environment, capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    logs = json.loads(done.stdout.partition("FOUND ")[2].splitlines()[0])
    for line in read_lines(tmp_path / "run" / METRICS):
        expected = {f"train/{name}": value for name, value in metric_names.numbers(line)}
        assert any(expected.items() <= log.items() for log in logs), logs
    assert any("eval/accuracy" in log for log in logs) and any("completions" in log for log in logs)
