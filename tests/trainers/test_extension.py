"""A finished run is extended: it goes on from its last checkpoint, with a constant rate as if it had been planned longer."""

from __future__ import annotations

import json

import pytest
from small_run import make_trainer, without_times
from transformers import TrainerCallback

from r1rl.runs import folder
from r1rl.runs.dump import METRICS, ROLLOUTS, read_lines, read_run


class SeenRates(TrainerCallback):
    """The learning rates with which the optimizer moves the weights."""

    def __init__(self):
        self.rates = []

    def on_pre_optimizer_step(self, args, state, control, optimizer=None, **kwargs):
        self.rates.append(optimizer.param_groups[0]["lr"])


def extended(tmp_path, name, *callbacks, **changes):
    """The same run with more steps, trained from its last checkpoint to the end."""
    trainer = make_trainer(tmp_path, name, resume=True, **changes)
    for callback in callbacks:
        trainer.add_callback(callback)
    trainer.fit(folder.continue_from(trainer.dump), [])
    return trainer


def rates(dump):
    return [line["learning_rate"] for line in read_lines(dump.folder / METRICS)]


@pytest.mark.slow
def test_a_constant_rate_is_as_if_planned_longer(tmp_path):
    whole = make_trainer(tmp_path, "whole", max_steps=3, save_steps=1)
    whole.fit(None, [])
    make_trainer(tmp_path, "short", max_steps=2, eval_steps=2).fit(None, [])
    trainer = extended(tmp_path, "short", max_steps=3, save_steps=1, eval_steps=10)
    for name in (ROLLOUTS, METRICS):
        assert without_times(trainer.dump.folder / name) == without_times(whole.dump.folder / name)
    assert read_run(trainer.dump.folder)["history"][0]["settings"]["max_steps"] == [2, 3]
    assert trainer.state.eval_steps == 10 and trainer.state.save_steps == 1  # not those of the checkpoint


@pytest.mark.parametrize("kind", ["linear", "cosine"])
def test_a_falling_rate_gets_a_new_tail(tmp_path, kind, capsys):
    first = make_trainer(tmp_path, "run", lr_scheduler=kind, learning_rate=1e-3)
    first.fit(None, [])
    before = rates(first.dump)
    assert before == pytest.approx([1e-3, 5e-4])
    seen = SeenRates()
    trainer = extended(tmp_path, "run", seen, lr_scheduler=kind, learning_rate=1e-3, max_steps=4)
    assert seen.rates == pytest.approx([5e-4, 2.5e-4])
    assert rates(trainer.dump) == pytest.approx([1e-3, 5e-4, 5e-4, 2.5e-4])
    shown = capsys.readouterr().out
    assert f"schedule {kind}: a new tail from 0.0005, the learning rate of step 2, to 0 at step 4" in shown
    state = trainer.dump.folder / "checkpoints" / "checkpoint-4" / "trainer_state.json"
    assert json.loads(state.read_text())["max_steps"] == 4
