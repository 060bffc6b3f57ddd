"""Ten generators of reasoning-gym in a real trainer, a mixture of three, and a curriculum by the package's levels."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("trl")
pytest.importorskip("reasoning_gym")

from small_run import CHECKSUM, SMALL, AskToStop, trainer_on, without_times

from r1rl.commands.export.other_frameworks import read_run_export
from r1rl.config.flags import Config
from r1rl.records import NUMBER
from r1rl.reports.tables import level_table, task_table
from r1rl.rewards.grading.answer import Grade
from r1rl.runs import evaluation, folder
from r1rl.runs.dump import EVALUATIONS, METRICS, ROLLOUTS, read_lines
from r1rl.runs.run_data import RunData
from r1rl.system.console import console
from r1rl.tasks.reasoning_gym import ReasoningGym
from r1rl.tasks.registry import evaluation_problems, load_task, training_problems

pytestmark = pytest.mark.slow
TEN = (
    "chain_sum", "basic_arithmetic", "gcd", "products", "leg_counting", "decimal_chain_sum", "dice", "word_sorting",
    "caesar_cipher", "calendar_arithmetic",
)  # fmt: skip
MIXED = "reasoning-gym:chain_sum=2,reasoning-gym:gcd,word-problems"
# Text answers are asked for in tags.
FLAGS = {**SMALL, "answer_format": "tag", "prompt_style": "tags", "max_prompt_length": 400, "max_seq_length": 512,
         "max_completion_length": 24, "max_samples": 24, "eval_count": 6, "save_steps": 1}  # fmt: skip


@pytest.fixture(autouse=True)
def few_problems(monkeypatch):
    """A generator makes 60 problems, not thousands."""
    monkeypatch.setattr(ReasoningGym, "train_count", 60)
    monkeypatch.setattr(ReasoningGym, "test_count", 12)
    monkeypatch.setattr("r1rl.tasks.reasoning_gym.LEVEL_TRAIN", 20)
    monkeypatch.setattr("r1rl.tasks.reasoning_gym.LEVEL_TEST", 6)


def make_trainer(tmp_path, name="run", rewards=None, **changes):
    """A trainer on the problems that a run of these flags has, and the run's newest checkpoint."""
    config = Config(**{**FLAGS, "dumps": str(tmp_path), "exp_name": name, **changes})
    task = load_task(config)
    trainer = trainer_on(config, training_problems(task, config), evaluation_problems(task, config), rewards)
    return trainer, folder.continue_from(trainer.dump) if config.resume else None


def fit(tmp_path, *args, **changes):
    """Trains, and returns the run's folder."""
    trainer, checkpoint = make_trainer(tmp_path, *args, **changes)
    trainer.fit(checkpoint, [])
    return trainer.dump.folder


@pytest.mark.parametrize("generator", TEN)
def test_a_generator_trains(tmp_path, generator):
    name = f"reasoning-gym:{generator}"
    run = fit(tmp_path, "run", CHECKSUM, dataset_name=name, temperature=1.5)
    metrics, rollouts = list(read_lines(run / METRICS)), list(read_lines(run / ROLLOUTS))
    assert [m["step"] for m in metrics] == [1, 2] and all(math.isfinite(m["loss"]) for m in metrics)
    assert all(0 < m["grad_norm"] < math.inf for m in metrics)
    assert len(rollouts) == 32 and {line["task"] for line in rollouts} == {name}
    assert next(read_lines(run / EVALUATIONS))["problems"] == 6


def test_a_mixture_trains_and_resumes(tmp_path, capsys):
    whole = fit(tmp_path, "whole", CHECKSUM, dataset_name=MIXED)
    rollouts = list(read_lines(whole / ROLLOUTS))
    tasks = {"reasoning-gym:chain_sum", "reasoning-gym:gcd", "word-problems"}
    assert {line["task"] for line in rollouts} <= tasks and len({line["task"] for line in rollouts}) > 1
    for line in rollouts:
        assert line["problem_id"].startswith(f"train/{line['task'].rpartition(':')[2]}/")
    evaluated = RunData(whole).evaluation(2)
    assert sorted(graded.task for graded in evaluated) == sorted([*tasks, *tasks])
    shown = capsys.readouterr().out
    for task in tasks:
        assert f"{task}: 0 / 2" in shown or f"{task}: 1 / 2" in shown or f"{task}: 2 / 2" in shown
    with console.capture() as capture:
        console.print(task_table(RunData(whole)))
    assert [line.split()[0] for line in capture.get().splitlines()] == ["task", "chain_sum", "gcd", "word-problems"]

    exported = read_run_export(whole)  # a run elsewhere has the same problems, and one reward for all
    assert {p.problem.task for p in exported.train} == {p.problem.task for p in exported.test} == tasks
    assert exported.answer_type == NUMBER and exported.reward_settings()["dataset_name"] == MIXED

    stopped, _ = make_trainer(tmp_path, "parts", CHECKSUM, dataset_name=MIXED)
    stopped.add_callback(AskToStop(stopped.interrupt, after=1))
    stopped.fit(None, [])
    parts = fit(tmp_path, "parts", CHECKSUM, dataset_name=MIXED, resume=True)
    for name in (ROLLOUTS, METRICS, EVALUATIONS, "eval/step_2.jsonl"):
        assert without_times(parts / name) == without_times(whole / name)


def test_the_levels_of_a_generator_are_stages(tmp_path):
    run = fit(tmp_path, dataset_name="reasoning-gym:chain_sum", stages="1,0", steps_per_stage=1, max_samples=None)
    assert [m["level"] for m in read_lines(run / METRICS)] == [1, 0]
    for line in read_lines(run / ROLLOUTS):
        assert line["level"] == 2 - line["step"] and line["problem_id"].startswith(f"train/level{line['level']}/")
    assert (run / "checkpoints" / "stage_1").is_dir() and (run / "checkpoints" / "stage_0").is_dir()
    with console.capture() as capture:
        console.print(level_table(RunData(run)))
    head, *rows = capture.get().splitlines()
    assert head.split()[0] == "level" and [row.split()[0] for row in rows] == ["0", "1"]
    assert all(" / 3," in row for row in rows)


def test_a_pass_rate_ends_the_stage_of_a_level(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation, "grade_rollout", lambda rollout, problem, config: Grade("", "", True))
    by_rate = {"stages": "0,2", "advance_at": 1.0, "advance_window": 2, "max_steps": 2, "max_samples": None}
    run = fit(tmp_path, dataset_name="reasoning-gym:gcd", **by_rate)
    assert [m["level"] for m in read_lines(run / METRICS)] == [0, 2]  # two groups a step fill the window
