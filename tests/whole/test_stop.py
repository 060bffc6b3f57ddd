"""A real signal in each part of a step: the last complete step is saved, and the resumed run equals the unbroken one."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time

import pytest
import torch
from cost import slow_except
from safetensors.torch import load_file
from small_disk import small_disk_at
from small_run import SMALL, AskToStop, make_trainer, without_times
from small_sft import make_fine_tuner

from r1rl.config.flags import Config
from r1rl.engines.base import Sampling
from r1rl.runs import checkpoints
from r1rl.runs import folder as runs_folder
from r1rl.runs.dump import EVALUATIONS, FINE_TUNING, GAPS, METRICS, ROLLOUTS, TOKENS
from r1rl.system.errors import UserError
from r1rl.system.interrupt import Stopped
from r1rl.trainers import saving

RUN = {"max_steps": 4, "eval_steps": 2, "save_steps": 4, "learning_rate": 1e-3, "eval_on_start": True,
       "max_completion_length": 32}  # fmt: skip
PPO = {"algorithm": "ppo", "ppo_epochs": 2, "beta": 0.05, "target_kl": 1.0, "learning_rate": 1e-3, "max_steps": 3,
       "max_completion_length": 24, "eval_steps": 3}  # fmt: skip


def before_call(owner, name, number, monkeypatch):
    """SIGTERM comes when `owner.name` is called for the `number`-th time, and it goes on."""
    real, calls = getattr(owner, name), []

    def called(*args, **kwargs):
        calls.append(name)
        if len(calls) == number:
            os.kill(os.getpid(), signal.SIGTERM)
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, called)


def stopped_run(trainer, *more):
    """Runs it until the signal."""
    with trainer.interrupt:
        trainer.fit(None, *more)
    assert trainer.interrupt.asked and trainer.interrupt.exit_code == 143


def resumed(tmp_path, name, settings):
    """Goes on with the run to its end."""
    config = Config(**{**SMALL, "dumps": str(tmp_path), "exp_name": name, **settings, "resume": True})
    checkpoint = runs_folder.continue_from(runs_folder.open_run(config, "test", {"gpu": None}))
    trainer = make_trainer(tmp_path, name, **settings, resume=True)
    trainer.fit(checkpoint, [])
    return checkpoint


def assert_same(one, other):
    """Dumps, evaluations and adapters are equal but for times."""
    names = [ROLLOUTS, METRICS, EVALUATIONS, TOKENS, GAPS, *(f"eval/{p.name}" for p in (other / "eval").iterdir())]
    for name in names:
        assert without_times(one / name) == without_times(other / name), name
    last = checkpoints.newest(other / "checkpoints")[0].name
    for folder in ("best", last):
        weights = [load_file(x / "checkpoints" / folder / "adapter_model.safetensors") for x in (one, other)]
        assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[1]), folder
    assert {p.name for p in (one / "eval").iterdir()} == {p.name for p in (other / "eval").iterdir()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dumps")
    make_trainer(folder, "whole", **RUN).fit(None, [])
    return folder / "whole"


# In what the signal comes, at which call, and what is the last complete step then.
PLACES = {
    "first evaluation": ("engine.generate", 1, 0),
    "first step": ("engine.generate", 2, 0),
    "generation": ("engine.generate", 5, 2),
    "update": ("record_gap", 3, 2),
    "evaluation": ("engine.generate", 4, 2),
    "last evaluation": ("evaluate", 3, 4),
    "optimizer step": ("optimizer_step", 3, 3),
    "checkpoint": ("save_extras", 1, 4),
}


@pytest.mark.parametrize("place", slow_except(["update"], PLACES))
def test_a_run_stopped_anywhere_equals_the_unbroken_one(whole, tmp_path, monkeypatch, place):
    name, number, step = PLACES[place]
    trainer = make_trainer(tmp_path, "parts", **RUN)
    owner = trainer
    if name == "optimizer_step":
        name, owner = "step", torch.optim.AdamW
    elif name.startswith("engine."):
        name, owner = "generate", trainer.engine
    before_call(owner, name, number, monkeypatch)
    stopped_run(trainer, [])
    monkeypatch.undo()
    assert trainer.state.global_step == step
    found = checkpoints.newest(tmp_path / "parts" / "checkpoints")
    assert found == ((tmp_path / "parts" / "checkpoints" / f"checkpoint-{step}") if step else None, [])
    checkpoint = resumed(tmp_path, "parts", RUN)
    assert (0 if checkpoint is None else checkpoints.step_of(checkpoint)) == step
    assert_same(tmp_path / "parts", whole)


@pytest.mark.slow
def test_a_stop_between_the_steps_of_one_generation(tmp_path):
    settings = {**RUN, "steps_per_generation": 2, "save_steps": 2, "importance_correction": True, "skip_solved": True}
    make_trainer(tmp_path, "whole", **settings).fit(None, [])
    trainer = make_trainer(tmp_path, "parts", **settings)
    trainer.add_callback(AskToStop(trainer.interrupt, after=3))
    trainer.fit(None, [])
    assert (tmp_path / "parts" / "checkpoints" / "checkpoint-3" / checkpoints.GENERATION).is_file()
    assert checkpoints.step_of(resumed(tmp_path, "parts", settings)) == 3
    assert_same(tmp_path / "parts", tmp_path / "whole")


@pytest.mark.slow
def test_a_stop_between_ppos_optimizer_steps_takes_them_back(tmp_path, monkeypatch):
    make_trainer(tmp_path, "whole", **PPO).fit(None, [])
    trainer = make_trainer(tmp_path, "parts", **PPO)
    before_call(trainer, "backward_minibatch", 4, monkeypatch)  # the second pass of step 2
    stopped_run(trainer, [])
    assert checkpoints.step_of(resumed(tmp_path, "parts", PPO)) == 1
    assert_same(tmp_path / "parts", tmp_path / "whole")
    heads = [load_file(tmp_path / x / "checkpoints/checkpoint-3/value_head.safetensors") for x in ("parts", "whole")]
    assert all(torch.equal(heads[0][name], heads[1][name]) for name in heads[1])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "number", "step"), [("compute_loss", 3, 2), ("measure", 2, 5)])
def test_a_stopped_fine_tuning_goes_on_as_the_unbroken_one(tmp_path, monkeypatch, name, number, step):
    make_fine_tuner(tmp_path, "whole", num_epochs=1).fit(None)
    tuner = make_fine_tuner(tmp_path, "parts", num_epochs=1)
    before_call(tuner, name, number, monkeypatch)
    stopped_run(tuner)
    checkpoint = runs_folder.continue_from(runs_folder.open_run(tuner.run, "test", {"gpu": None}))
    assert checkpoints.step_of(checkpoint) == step
    make_fine_tuner(tmp_path, "parts", num_epochs=1, resume=True).fit(checkpoint)
    for file in (FINE_TUNING, EVALUATIONS, "eval/step_0.jsonl", "eval/step_5.jsonl"):
        assert without_times(tmp_path / "parts" / file) == without_times(tmp_path / "whole" / file)


def test_no_thread_goes_on_sampling(whole, tmp_path, monkeypatch):
    trainer = make_trainer(tmp_path, max_completion_length=400, max_seq_length=1024)
    trainer.interrupt.deferred = True
    engine, looked = trainer.engine.engine, []  # the one that is under guard
    finished = engine._is_finished

    def look(ids):  # called for each row and token, in the threads that sample
        looked.append(len(ids))
        if len(looked) == 20:
            os.kill(os.getpid(), signal.SIGINT)
        return finished(ids) and False  # no completion ends by itself

    monkeypatch.setattr(engine, "_is_finished", look)
    before = threading.enumerate()
    with trainer.interrupt, pytest.raises(Stopped), trainer.interrupt.interruptible():
        engine.generate(trainer.train_prompts[:4], Sampling(n=2, max_tokens=400))
    count = len(looked)
    time.sleep(0.2)
    assert len(looked) == count  # nobody looks any more
    assert [t.name for t in threading.enumerate() if t not in before and t.name != "deadline"] == []
    assert max(looked) < 100  # of 400 tokens


@pytest.mark.slow
def test_a_disk_that_fills_up_stops_the_run_and_keeps_what_was_saved(whole, tmp_path, monkeypatch):
    with small_disk_at(tmp_path / "small", "256m") as folder:
        settings = {**RUN, "save_steps": 1}
        trainer = make_trainer(folder, "parts", **settings)
        real = saving.WholeCheckpoints.checkpoint_size

        def fill(self):
            if self.state.global_step == 3:  # the whole disk but what is looked for, and then that, too
                (folder / "ballast").write_bytes(b"x" * (shutil.disk_usage(folder).free - 5 * 2**20))
            return 1 if fill.blind else real(self)

        monkeypatch.setattr(saving.WholeCheckpoints, "checkpoint_size", fill)
        for fill.blind in (False, True):  # seen ahead; and found out in the middle of writing
            with pytest.raises(UserError, match="is full" if fill.blind else "checkpoint of step 3 takes"):
                trainer.fit(checkpoints.newest(folder / "parts" / "checkpoints")[0], [])
            (folder / "ballast").unlink()
            names = sorted(p.name for p in (folder / "parts" / "checkpoints").iterdir())
            assert names == ["best", "checkpoint-1", "checkpoint-2"]
            checkpoint = runs_folder.continue_from(runs_folder.open_run(trainer.run, "test", {"gpu": None}))
            assert checkpoint.name == "checkpoint-2"
            trainer = make_trainer(folder, "parts", **settings, resume=True)
        monkeypatch.undo()
        trainer.fit(checkpoint, [])
        assert_same(folder / "parts", whole)
