"""Every guard, provoked for real: short runs on the embedded model that do what the guard is there for."""

from __future__ import annotations

import threading
import time

import pytest
import torch
from small_run import SMALL, make_trainer, unequal, without_times

from r1rl.config.flags import Config
from r1rl.records import Rollout
from r1rl.reports import run_end
from r1rl.runs import folder as runs_folder
from r1rl.runs.dump import EVALUATIONS, GUARDS, METRICS, ROLLOUTS, read_lines

REWARDS = """
def brief(rollout, problem):
    return -len(rollout.completion_ids) / 48

def sure(rollout, problem):
    return sum(rollout.sampler_logprobs) / len(rollout.sampler_logprobs)

def surprising(rollout, problem):
    return -sum(rollout.sampler_logprobs) / len(rollout.sampler_logprobs)
"""
QUIET = {"eval_steps": 99, "save_steps": 99, "max_completion_length": 24}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """--reward of a file with rewards that pay for something else than right answers."""
    file = tmp_path_factory.mktemp("rewards") / "rewards.py"
    file.write_text(REWARDS)
    return lambda name: f"{file}:{name}"


def lines(tmp_path, name=METRICS, folder="run"):
    return list(read_lines(tmp_path / folder / name))


def fired(tmp_path, folder="run"):
    """(step, guard, action) of each finding."""
    return [(x["step"], x["guard"], x["action"]) for x in lines(tmp_path, GUARDS, folder)]


def resumed(tmp_path, rewards, **settings):
    """The run's continuation, and the checkpoint it begins with."""
    config = Config(**{**SMALL, "dumps": str(tmp_path), "exp_name": "run", **settings, "resume": True})
    checkpoint = runs_folder.continue_from(runs_folder.open_run(config, "test", {"gpu": None}))
    return make_trainer(tmp_path, "run", rewards, **settings, resume=True), checkpoint


# ---- found in the numbers


@pytest.mark.slow
def test_an_engine_that_takes_no_weights_is_found(tmp_path, own, capsys):
    settings = {**QUIET, "max_completion_length": 40}  # most completions end before that, so their lengths differ
    trainer = make_trainer(tmp_path, **settings, reward=own("brief"), max_steps=12, learning_rate=3e-3)
    trainer.engine.engine.sync = lambda: None
    trainer.fit(None, [])
    (stop,) = [x for x in fired(tmp_path) if x[1] == "sync"]
    step = stop[0]
    assert stop[2] == "stop" and step < 12
    metrics = lines(tmp_path)
    assert metrics[-1]["step"] == step and "sync" in metrics[-1]["guards"]
    assert all(m["sampler_gap"] > 0.1 for m in metrics[-3:]) and metrics[0]["sampler_gap"] < 0.01
    assert (tmp_path / "run" / "checkpoints" / f"checkpoint-{step}" / "trainer_state.json").exists()
    assert lines(tmp_path, EVALUATIONS)[-1]["step"] == step  # what was learned is measured
    code = run_end.finish(trainer.dump, trainer.run, trainer.interrupt, None, trainer.guarding.why_stopped)
    shown = capsys.readouterr().out
    assert code == 3
    assert f"step {step:>4}  guard sync: the engine's logprobs are" in shown and "; the run stops" in shown
    assert f"stopped  at step {step} by guard sync" in shown
    assert f"checkpoint-{step} is saved" in shown
    assert not (tmp_path / "run" / "summary.json").exists()


def test_no_signal_and_truncation_also_across_a_resume(tmp_path):
    settings = {**QUIET, "max_completion_length": 20, "guard_steps": 2, "max_steps": 5}
    nothing = {"nothing": lambda rollout, problem: 0.0}
    stopped = make_trainer(tmp_path, "run", nothing, **settings, guard="truncated=stop")
    stopped.fit(None, [])
    assert fired(tmp_path) == [(2, "no-signal", "warn"), (2, "truncated", "stop")]
    (words,) = [x["words"] for x in lines(tmp_path, GUARDS) if x["guard"] == "truncated"]
    assert "of 32 completions of 2 steps were cut off" in words
    assert "try --max-completion-length 40" in words
    trainer, checkpoint = resumed(tmp_path, nothing, **settings, guard="truncated=warn,no-signal=off")
    assert checkpoint.name == "checkpoint-2"
    trainer.fit(checkpoint, [])
    assert trainer.guarding.why_stopped is None
    assert fired(tmp_path)[2:] == [(4, "truncated", "warn")]  # it went on counting
    assert [m["guards"] for m in lines(tmp_path)] == [[], ["no-signal", "truncated"], [], ["truncated"], []]
    assert {m["reward_spread"] for m in lines(tmp_path)} == {0.0}


@pytest.mark.slow
def test_a_policy_that_runs_away_is_found(tmp_path, own):
    settings = {**QUIET, "max_completion_length": 40, "reward": own("brief"), "beta": 0.01, "learning_rate": 0.1}
    make_trainer(tmp_path, **settings, max_steps=6, guard="kl=stop").fit(None, [])
    (stop,) = [x for x in fired(tmp_path) if x[1] == "kl"]
    assert stop[2] == "stop" and stop[0] == lines(tmp_path)[-1]["step"] < 6
    assert [m["kl"] > 1 for m in lines(tmp_path)][-3:] == [True] * 3


@pytest.mark.slow
def test_a_model_that_is_sure_of_everything_is_found(tmp_path, own):
    settings = {**QUIET, "max_completion_length": 16, "reward": own("sure"), "learning_rate": 1e-2}
    make_trainer(tmp_path, **settings, max_steps=25, guard_steps=3, guard="entropy=stop,truncated=off").fit(None, [])
    (stop,) = [x for x in fired(tmp_path) if x[1] == "entropy"]
    metrics = lines(tmp_path)
    assert stop[2] == "stop" and stop[0] == metrics[-1]["step"] < 25
    assert all(m["sampler_entropy"] < 0.1 * metrics[0]["sampler_entropy"] for m in metrics[-3:])


@pytest.mark.slow
def test_a_model_that_loses_its_language_is_found(tmp_path, own):
    """The public case: entropy rises above 2 nats per token, and correct answers become rare."""
    settings = {**QUIET, "max_completion_length": 16, "reward": own("surprising"), "learning_rate": 1e-2}
    make_trainer(tmp_path, **settings, max_steps=25, guard_steps=3, guard="entropy=stop,truncated=off").fit(None, [])
    (stop,) = [x for x in fired(tmp_path) if x[1] == "entropy"]
    metrics = lines(tmp_path)
    assert stop[2] == "stop" and stop[0] == metrics[-1]["step"] < 25
    assert all(m["sampler_entropy"] > max(2.0, 2 * metrics[0]["sampler_entropy"]) for m in metrics[-3:])
    assert metrics[-1]["accuracy"] <= metrics[0]["accuracy"]


@pytest.mark.slow
def test_a_reward_that_pays_for_something_else_is_found(tmp_path, own):
    settings = {"max_steps": 30, "eval_steps": 30, "eval_count": 40, "eval_on_start": True}
    settings |= {"max_completion_length": 64, "learning_rate": 3e-3, "save_steps": 99}
    trainer = make_trainer(tmp_path, **settings, reward=own("brief"), guard="reward-hacking=stop")
    trainer.fit(None, [])
    assert (30, "reward-hacking", "stop") in fired(tmp_path)
    before, after = lines(tmp_path, EVALUATIONS)
    assert before["accuracy"] > after["accuracy"]
    assert "guard reward-hacking" in trainer.guarding.why_stopped


# ---- skipped: losses and gradients that are not finite


def spoil(trainer, steps, factor=float("inf")):
    """Makes the gradient of one weight infinite in these steps."""
    weight = next(p for n, p in trainer.model.named_parameters() if "lora_B" in n)
    weight.register_hook(lambda g: g * factor if trainer.state.global_step + 1 in steps else g)


def weights(trainer):
    return {n: p.detach().clone() for n, p in trainer.model.named_parameters() if p.requires_grad}


LEARNS = {**QUIET, "learning_rate": 1e-3, "max_completion_length": 32}


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", [{}, {"algorithm": "ppo", "ppo_epochs": 2}])
def test_a_step_with_an_infinite_gradient_is_left_out(tmp_path, algorithm):
    settings = {**LEARNS, **algorithm}
    make_trainer(tmp_path, "two", unequal(), **settings, max_steps=2).fit(None, [])
    trainer = make_trainer(tmp_path, "run", unequal(), **settings, max_steps=3)
    spoil(trainer, {2})
    trainer.fit(None, [])
    assert fired(tmp_path) == [(2, "non-finite", "fix")]
    assert [m["skipped"] for m in lines(tmp_path)] == [None, "gradient", None]
    assert [m["steps_skipped"] for m in lines(tmp_path)] == [0, 1, 1]
    assert [m["loss"] is None for m in lines(tmp_path)] == [False, True, False]
    assert [m["grad_norm"] is None for m in lines(tmp_path)] == [False, True, False]
    assert all(torch.isfinite(w).all() for w in weights(trainer).values())
    # The first step is as ever, and so are the samples of the second; the third's come from the same weights.
    assert without_times(tmp_path / "run" / METRICS)[0] == without_times(tmp_path / "two" / METRICS)[0]


def test_nothing_moves_in_steps_that_are_left_out_and_three_in_a_row_stop_the_run(tmp_path):
    trainer = make_trainer(tmp_path, "run", unequal(), **LEARNS, max_steps=9, weight_decay=0.1)
    spoil(trainer, range(99), float("nan"))
    before = weights(trainer)
    trainer.fit(None, [])
    after = weights(trainer)
    assert all(torch.equal(before[n], after[n]) for n in before)
    assert [m["skipped"] for m in lines(tmp_path)] == ["gradient"] * 3
    assert [(s, a) for s, _, a in fired(tmp_path)] == [(1, "fix"), (2, "fix"), (3, "stop")]
    assert "3 in a row" in trainer.guarding.why_stopped


def test_broken_weights_stop_the_run_and_keep_the_last_good_checkpoint(tmp_path):
    settings = {**LEARNS, "max_steps": 8, "save_steps": 1, "save_total_limit": 2}
    trainer = make_trainer(tmp_path, "run", unequal(), **settings)
    ruined = next(p for n, p in trainer.model.named_parameters() if "lora_B" in n)
    learn = trainer.training_step

    def ruin(*args):
        if trainer.state.global_step == 2:
            ruined.data[0, 0] = float("nan")  # as a bit that flips in memory
        return learn(*args)

    trainer.training_step = ruin
    trainer.fit(None, [])
    assert fired(tmp_path) == [(3, "non-finite", "stop")]
    assert [m["skipped"] for m in lines(tmp_path)] == [None, None, "weights"]
    saved = sorted(p.name for p in (tmp_path / "run" / "checkpoints").glob("checkpoint-*"))
    assert saved == ["checkpoint-1", "checkpoint-2"]
    assert lines(tmp_path, EVALUATIONS) == []  # there is nothing to measure
    assert "trained weights are not finite" in trainer.guarding.why_stopped


def test_off_and_stop(tmp_path):
    trainer = make_trainer(tmp_path, "run", unequal(), **LEARNS, max_steps=3, guard="non-finite=stop")
    spoil(trainer, {1})
    trainer.fit(None, [])
    assert fired(tmp_path) == [(1, "non-finite", "stop")]
    assert len(lines(tmp_path)) == 1


# ---- an engine that hangs


def hang(trainer, calls):
    """The engine's worker threads wait forever in these of its calls; the deadline is short."""
    engine, count = trainer.engine.engine, []
    trainer.engine.first = trainer.engine.floor = 3.0
    sample, generate = engine._generate_batch, engine.generate

    def blocked(*args) -> list[Rollout]:
        if len(count) in calls:
            threading.Event().wait()
        return sample(*args)

    def counted(*args) -> list[Rollout]:
        count.append(1)
        return generate(*args)

    engine._generate_batch, engine.generate = blocked, counted


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, own):
    """The dump of a run whose engine never hangs."""
    folder = tmp_path_factory.mktemp("unbroken")
    make_trainer(folder, **LEARNS, reward=own("brief"), max_steps=2).fit(None, [])
    return folder / "run"


@pytest.mark.slow
def test_an_engine_that_hangs_once_is_restarted(tmp_path, own, unbroken, capsys):
    trainer = make_trainer(tmp_path, **LEARNS, reward=own("brief"), max_steps=2)
    hang(trainer, {2})
    trainer.fit(None, [])
    assert [g for _, g, _ in fired(tmp_path)] == ["engine", "engine"]
    assert "it is restarted" in capsys.readouterr().out
    assert without_times(tmp_path / "run" / ROLLOUTS) == without_times(unbroken / ROLLOUTS)
    assert lines(tmp_path)[1]["guards"] == ["engine", "engine"]


@pytest.mark.slow
def test_an_engine_that_hangs_again_stops_the_run_with_what_was_learned(tmp_path, own):
    trainer = make_trainer(tmp_path, **LEARNS, reward=own("brief"), max_steps=4)
    hang(trainer, set(range(2, 99)))
    began = time.perf_counter()
    trainer.fit(None, [])
    assert time.perf_counter() - began < 60  # it would be forever
    assert "it hangs again" in trainer.guarding.why_stopped
    assert [m["step"] for m in lines(tmp_path)] == [1]
    assert (tmp_path / "run" / "checkpoints" / "checkpoint-1" / "trainer_state.json").exists()
    assert lines(tmp_path, EVALUATIONS) == []
    trainer.engine.close()


@pytest.mark.slow
def test_an_evaluation_that_hangs_stops_the_run_too(tmp_path, own):
    settings = {**LEARNS, "reward": own("brief"), "eval_steps": 1, "max_steps": 3}
    trainer = make_trainer(tmp_path, **settings, guard="engine=stop")
    hang(trainer, {2})
    trainer.fit(None, [])
    assert "guard engine: sampling has taken more than 3 s" in trainer.guarding.why_stopped
    assert [m["step"] for m in lines(tmp_path)] == [1]
    assert (tmp_path / "run" / "checkpoints" / "checkpoint-1" / "trainer_state.json").exists()


@pytest.mark.slow
def test_a_call_that_blocks_in_the_main_thread_is_woken_too(tmp_path, own, unbroken):
    trainer = make_trainer(tmp_path, **LEARNS, reward=own("brief"), max_steps=2)
    trainer.engine.first = trainer.engine.floor = 2.0
    generate, calls = trainer.engine.engine.generate, []

    def slow(*args):
        calls.append(1)
        if len(calls) == 1:
            time.sleep(1000)
        return generate(*args)

    trainer.engine.engine.generate = slow
    trainer.fit(None, [])
    assert without_times(tmp_path / "run" / ROLLOUTS) == without_times(unbroken / ROLLOUTS)


# ---- as a user sees it


@pytest.mark.slow
def test_the_program_ends_with_3_and_goes_on_with_another_action(program, tmp_path):
    flags = ["--recipe", "tiny", "--add-reasoning-prefix", "--no-unsloth", "--dumps", tmp_path, "--exp-name", "run", "-tbs", 16,
             "--max-steps", 3, "--eval-count", 8, "--no-eval-on-start", "-mclen", 16, "--guard-steps", 2]  # fmt: skip
    done = program(*flags, "--guard", "no-signal=off", "--guard", "truncated=stop")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "guard    truncated at step 2: " in done.stdout
    assert "stopped  at step 2 by guard truncated" in done.stdout
    done = program(*flags, "--guard", "truncated=warn", "--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [m["step"] for m in lines(tmp_path)] == [1, 2, 3]
