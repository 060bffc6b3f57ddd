"""Curriculum and alarm in a real trainer: levels by stage, resume in the middle of one, a collapse that is earned."""

from __future__ import annotations

import json
import re

import pytest

pytest.importorskip("trl")

from safetensors.torch import load_file
from small_run import CHECKSUM, AskToStop, trainer_on, without_times

from r1rl.config.flags import Config
from r1rl.config.recipes import overrides
from r1rl.reports.summary import collapse_lines
from r1rl.reports.tables import level_table, stage_table
from r1rl.rewards.grading.numbers import Grade
from r1rl.runs import evaluation, folder
from r1rl.runs.dump import METRICS, ROLLOUTS, read_lines
from r1rl.runs.run_data import RunData
from r1rl.system.console import console
from r1rl.system.errors import UserError
from r1rl.tasks.registry import evaluation_subset, load_task
from r1rl.trainers.prompt_order import check_levels, load_plan

SMALL = {**overrides("kk-tiny"), "unsloth": False, "add_reasoning_prefix": True, "max_completion_length": 32,
         "per_device_train_batch_size": 16, "gradient_accumulation_steps": 1, "steps_per_stage": 2, "learning_rate": 1e-3, "eval_count": 14,
         "eval_on_start": False, "eval_steps": 4, "save_steps": 3}  # fmt: skip


class PaysLengthThenBrevity:
    """The more is written, the better, for some completions; then what a reward for form alone comes to."""

    def __init__(self, first: int):
        self.left = first

    def __call__(self, rollout, problem) -> float:
        self.left -= 1
        share = len(rollout.completion_ids) / 100
        return share if self.left >= 0 else 1 - share


def make_trainer(tmp_path, name="run", rewards=None, **changes):
    """A trainer on puzzles with 2 and 3 people."""
    config = Config(**{**SMALL, "dumps": str(tmp_path), "exp_name": name, **changes})
    task = load_task(config)
    evaluated = evaluation_subset(task.load("test"), config.eval_count, config.seed)
    return trainer_on(config, task.load("train")[::50], evaluated, rewards)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run through both stages."""
    dumps = tmp_path_factory.mktemp("dumps")
    make_trainer(dumps, "whole", CHECKSUM).fit(None, [])
    return dumps / "whole"


def test_each_step_has_the_puzzles_of_its_stage(whole):
    lines = list(read_lines(whole / ROLLOUTS))
    assert [line["step"] for line in lines] == [s for s in (1, 2, 3, 4) for _ in range(16)]
    for line in lines:
        people = 2 if line["step"] <= 2 else 3
        assert line["level"] == people
        assert line["problem_id"].startswith(f"train/{people}ppl/")
        assert line["answer"].count("(") == people
    problems = [line["problem_id"] for line in lines[::8]]
    assert len(set(problems)) == len(problems)  # none comes twice before all came once
    assert [m["level"] for m in read_lines(whole / METRICS)] == [2, 2, 3, 3]


def test_each_stage_leaves_its_adapter(whole):
    weights = [load_file(whole / "checkpoints" / f"stage_{n}" / "adapter_model.safetensors") for n in (2, 3)]
    assert any((weights[0][name] != weights[1][name]).any() for name in weights[0])


def test_the_checkpoint_holds_the_stage_and_its_pass_rates(whole):
    saved = json.loads((whole / "checkpoints" / "checkpoint-3" / "trainer_state.json").read_text())
    state = saved["stateful_callbacks"]["Stages"]["attributes"]
    right = [line["correct"] for line in read_lines(whole / ROLLOUTS) if line["step"] == 3]
    assert state == {"stage": 1, "steps": 1, "recent": [sum(right[:8]) / 8, sum(right[8:]) / 8]}


@pytest.mark.parametrize("after", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_a_run_resumed_in_a_stage_equals_the_unbroken_one(whole, tmp_path, after):
    stopped = make_trainer(tmp_path, "parts", CHECKSUM)
    stopped.add_callback(AskToStop(stopped.interrupt, after=after))
    stopped.fit(None, [])
    config = Config(**{**SMALL, "dumps": str(tmp_path), "exp_name": "parts", "resume": True})
    checkpoint = folder.continue_from(folder.open_run(config, "test", {"gpu": None}))
    assert checkpoint.name == f"checkpoint-{after}"
    make_trainer(tmp_path, "parts", CHECKSUM, resume=True).fit(checkpoint, [])
    for name in (ROLLOUTS, METRICS, "evaluations.jsonl", "eval/step_4.jsonl"):
        assert without_times(tmp_path / "parts" / name) == without_times(whole / name)


@pytest.mark.slow
def test_a_pass_rate_ends_a_stage_by_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation, "grade_rollout", lambda rollout, problem, config: Grade("", "", True))
    by_rate = {"steps_per_stage": None, "advance_at": 1.0, "advance_window": 4, "max_steps": 3, "eval_steps": 9}
    make_trainer(tmp_path, **by_rate).fit(None, [])
    levels = [m["level"] for m in read_lines(tmp_path / "run" / METRICS)]
    assert levels == [2, 2, 3]  # two groups a step: the window is full after the second


def test_the_tables_by_level(whole):
    def shown(table) -> str:
        with console.capture() as capture:
            console.print(table)
        return capture.get()

    stages = shown(stage_table(RunData(whole))).splitlines()
    assert [re.split(r" {2,}", line.strip())[:2] for line in stages[1:]] == [["2", "1-2"], ["3", "3-4"]]
    people = shown(level_table(RunData(whole))).splitlines()
    assert "people" in people[0] and "step 4" in people[0]
    assert [line.split()[0] for line in people[1:]] == list("2345678")
    for line in people[1:]:
        assert re.search(r" / 2, \d+% \(\d+% to \d+%\)", line)
    assert collapse_lines(RunData(whole)) == []


def test_stages_without_prompts_are_refused():
    plan = load_plan(Config(**SMALL))
    check_levels(plan, {2, 3})
    with pytest.raises(UserError, match="no prompt of level 3 is left"):
        check_levels(plan, {2})


@pytest.mark.slow
def test_a_run_that_is_paid_for_brevity_raises_the_alarm(tmp_path, capsys):
    settings = {"stages": "2", "steps_per_stage": 55, "max_completion_length": 64, "learning_rate": 2e-3,
                "eval_steps": 99, "save_steps": 99}  # fmt: skip
    make_trainer(tmp_path, "brief", {"short": PaysLengthThenBrevity(160)}, **settings).fit(None, [])
    metrics = list(read_lines(tmp_path / "brief" / METRICS))
    alarms = [m["step"] for m in metrics if m["collapse"]]
    lengths = [m["reasoning_tokens"] for m in metrics]
    assert len(alarms) == 1, lengths
    assert [m["step"] for m in metrics if "collapse" in m["guards"]] == alarms
    assert sum(lengths[alarms[0] - 10 : alarms[0]]) < 0.5 * sum(lengths[:10])
    assert "the reasoning collapses" in capsys.readouterr().out
    (line,) = collapse_lines(RunData(tmp_path / "brief"))
    assert line.startswith(f"collapse level 2, step {alarms[0]}: the reasoning collapses")
