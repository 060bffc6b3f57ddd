"""The trial before step 1: it needs what the longest step needs, changes nothing, and says what to do where it is too much."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest
import torch
from conftest import ROOT
from cost import slow_except
from small_run import make_trainer, without_times

from r1rl.records import Rollout
from r1rl.runs.budget import Cost
from r1rl.runs.dump import METRICS, ROLLOUTS, read_lines
from r1rl.system.console import duration
from r1rl.trainers import trial

GIB = 2**30


def test_the_batch_is_as_long_as_a_step_can_become(tmp_path):
    trainer = make_trainer(tmp_path)
    seen = []
    trial.Trial(trainer, lambda: trial.full_batch(trainer), lambda rollouts: seen.append(rollouts) or 1).on_train_begin(
        None, trainer.state, None
    )
    (batch,) = seen
    assert len(batch) == trainer.run.generation_batch_size
    assert {len(r.completion_ids) for r in batch} == {trainer.run.max_completion_length}
    assert {len(r.sampler_logprobs) for r in batch} == {trainer.run.max_completion_length}
    lengths = sorted((len(p.ids) for p in trainer.train_prompts), reverse=True)
    groups = len(batch) // trainer.num_generations
    assert sorted({r.prompt_ids for r in batch}, key=len)[-1] in {p.ids for p in trainer.train_prompts}
    assert sorted((len(r.prompt_ids) for r in batch[:: trainer.num_generations]), reverse=True) == lengths[:groups]


def test_a_completion_is_continued_with_its_own_tokens():
    read = Rollout("p", "c", (1, 2), (5, 6, 7), (-1.0, -2.0, -3.0), "stop")
    longer = trial.stretched(read, 7)
    assert longer.completion_ids == (5, 6, 7, 5, 6, 7, 5)
    assert longer.sampler_logprobs == (-1.0, -2.0, -3.0, -1.0, -2.0, -3.0, -1.0)
    assert trial.stretched(Rollout("p", "", (1, 2), (), (), "stop"), 3).completion_ids == (2, 2, 2)


def rollout(prompt: int, completion: int) -> Rollout:
    """Returns a rollout of so many tokens."""
    return Rollout("p", "c", (1,) * prompt, (5,) * completion, (-1.0,) * completion, "stop")


def test_it_corrects_the_time_plan_by_the_lengths_that_were_sampled(tmp_path, capsys):
    """4 s of sampling 12 of 48 tokens; 8 s of an update at the longest, whose tokens are (mean prompt + 12) of (p + 48)."""
    trainer = make_trainer(tmp_path, max_minutes=10.0, max_steps=100)
    longest = max(len(p.ids) for p in trainer.train_prompts)
    mean = sum(len(p.ids) for p in trainer.train_prompts) / len(trainer.train_prompts)
    watch, state = trial.Trial(trainer, None, None), trainer.state
    state.max_steps = 100
    watch.report(4.0, 8.0, [rollout(longest, 10), rollout(longest, 14)], state)
    expected = 4 + 8 * (mean + 12) / (longest + trainer.run.max_completion_length)
    shown = " ".join(capsys.readouterr().out.split())
    assert f"2 completions of 12 tokens 4 s, an update at the longest ({longest} + 48 tokens) 8 s" in shown
    assert f"so about {expected:.3g} s a step: 100 steps in about {duration(100 * expected)}, " in shown
    assert f"{duration(100 * (4 * 48 / 12 + 8))} at most" in shown
    assert f"100 steps do not fit into --max-minutes 10: at {expected:.3g} s a step" in shown
    budget = trainer.meter.budget
    assert budget.mean == budget.longest == Cost(expected, 24)
    budget.step(Cost(1.0, 7), 2)
    assert budget.mean == Cost(1.0, 7)


KINDS = {"grpo": {}, "kl": {"beta": 0.1}, "ppo": {"algorithm": "ppo"},
         "distill": {"algorithm": "distill", "teacher_model": "tiny"}}  # fmt: skip


@pytest.mark.parametrize("kind", slow_except(["grpo"], KINDS))
def test_a_run_with_the_trial_equals_one_without(tmp_path, kind):
    runs = []
    for name, tried in (("with", True), ("without", False)):
        trainer = make_trainer(tmp_path, name, trial=tried, eval_steps=2, **KINDS[kind])
        trainer.fit(None, [])
        runs.append(trainer)
    for file in (METRICS, ROLLOUTS):
        lines = without_times(runs[0].dump.folder / file)
        assert lines == without_times(runs[1].dump.folder / file)
        assert lines
    for (name, a), (_, b) in zip(*(r.model.named_parameters() for r in runs)):
        assert torch.equal(a, b), name


@pytest.mark.parametrize("changes", [{}, {"algorithm": "ppo"}], ids=["grpo", "ppo"])
def test_the_trial_keeps_the_step_of_a_resumed_run(tmp_path, changes):
    """A run that resumes within a generation has its step before training begins."""
    trainer = make_trainer(tmp_path, **changes)
    trainer.step = restored = trainer.new_step([0, 1])
    batch = [trial.stretched(r, trainer.run.max_completion_length) for r in trial.full_batch(trainer)]
    assert trainer.try_update(batch) >= 1
    assert trainer.step is restored and not restored.rollouts


def test_it_goes_through_the_model_with_the_longest_part_and_leaves_no_gradient(tmp_path, capsys):
    trainer = make_trainer(tmp_path, trial=True, max_steps=1, eval_count=1)
    seen = []

    def look(module, args, kwargs):
        if module.training and torch.is_grad_enabled():
            ids = kwargs.get("input_ids", args[0] if args else None)
            seen.append(0 if ids is None else ids.numel())

    hook = trainer.model.get_base_model().model.register_forward_pre_hook(look, with_kwargs=True)
    gradients = []
    try_update = trainer.try_update

    def tried(rollouts):
        count = try_update(rollouts)
        gradients.append(sum(p.grad is not None for p in trainer.model.parameters()))
        return count

    watch = next(c for c in trainer.callback_handler.callbacks if isinstance(c, trial.Trial))
    watch.update = tried
    begin = watch.on_train_begin

    def on_train_begin(*args, **kwargs):
        begin(*args, **kwargs)
        gradients.append(sum(p.grad is not None for p in trainer.model.parameters()))

    watch.on_train_begin = on_train_begin
    trainer.fit(None, [])
    hook.remove()
    assert gradients[0] > 0 and gradients[1] == 0
    assert seen[0] == max(seen) > 0
    assert "trial    16 completions" in capsys.readouterr().out


BOUNDED = ["--recipe", "tiny", "--no-unsloth", "--engine", "transformers", "--max-completion-length", "500",
           "--max-seq-length", "2304", "--eval-count", "4", "--max-steps", "1", "--exp-name", "a"]  # fmt: skip


def bounded(folder, *flags):
    """A run whose address space is bounded so that the model fits, and an update at the longest sample does not."""
    return subprocess.run(
        [sys.executable, str(ROOT / "main.py"), *BOUNDED, "--dumps", str(folder), *flags],
        env={**os.environ, "COLUMNS": "1000"},
        capture_output=True,
        text=True,
        timeout=300,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (4 * GIB, 4 * GIB)),
    )


@pytest.mark.slow
def test_too_little_memory_is_an_error_before_step_1_that_names_the_flag(tmp_path):
    done = bounded(tmp_path, "--guard", "memory=stop")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "memory ran out when the longest sample was tried before step 1" in done.stdout + done.stderr
    assert "Use --per-device-train-batch-size" in done.stdout + done.stderr
    assert not list(read_lines(tmp_path / "a" / METRICS))
    assert "Traceback" not in done.stdout + done.stderr
