"""The trainer with a value head: its numbers, its gradients, learning, stop and resume."""

from __future__ import annotations

import json
from statistics import fmean

import pytest
import torch
from small_run import (
    CHECKSUM,
    SMALL,
    AskToStop,
    check_gaps,
    make_trainer,
    sampled_batch,
    tokens_and_lines,
    without_times,
)

from r1rl.config.flags import Config
from r1rl.models.logprobs import completion_logprobs
from r1rl.runs import folder as runs_folder
from r1rl.runs.dump import METRICS, ROLLOUTS, read_lines
from r1rl.runs.evaluation import score
from r1rl.system.errors import UserError
from r1rl.trainers.ppo import FILE, start_adapter

PPO = {"algorithm": "ppo", "ppo_epochs": 2, "minibatches": 2, "num_generations": 4, "learning_rate": 1e-3}


def in_full_precision(trainer, monkeypatch):
    """Without bfloat16, so that equal arithmetic gives equal numbers."""
    monkeypatch.setattr(trainer.policy, "mixed", False)


@pytest.fixture
def sampled(tmp_path, monkeypatch):
    """A trainer that has sampled and graded one step's rollouts."""
    trainer = make_trainer(tmp_path, **PPO)
    in_full_precision(trainer, monkeypatch)
    torch.nn.init.normal_(trainer.head.weight, std=0.05)  # values that are not all 0
    sampled_batch(trainer)
    return trainer


def test_logprobs_are_the_models_own(sampled):
    expected = completion_logprobs(sampled.policy, sampled.step.rollouts, sampled.run.temperature)
    for row, logprobs in zip(sampled.step.experience.logprobs, expected):
        assert row.tolist() == pytest.approx(logprobs, abs=2e-4)


def test_values_are_the_heads_of_the_state_before_each_token(sampled):
    rollout, values = sampled.step.experience.rollouts[3], sampled.step.experience.values[3]
    ids = torch.tensor([rollout.prompt_ids + rollout.completion_ids])
    with torch.no_grad():
        out = sampled.policy.model(input_ids=ids, output_hidden_states=True)
        states = out.hidden_states[-1][0, len(rollout.prompt_ids) - 1 : -1]
        expected = sampled.head(states)
    torch.testing.assert_close(values, expected, rtol=1e-4, atol=1e-4)


def gradients(trainer) -> dict[str, torch.Tensor]:
    found = {n: p.grad.clone() for n, p in trainer.model.named_parameters() if p.grad is not None}
    trainer.model.zero_grad()
    return found


def test_the_first_gradient_is_the_policy_gradient(sampled, monkeypatch):
    """At ratio 1 the surrogate's gradient is that of -A log pi, the value loss's that of half the squared error."""
    rows = list(range(len(sampled.step.experience.rollouts)))
    sampled.model.train()
    sampled.backward_minibatch(sampled.step, rows)
    got = gradients(sampled)

    logprobs, values, _ = sampled.evaluate_pass(sampled.step.experience.rollouts)
    logprobs, values = torch.cat(logprobs), torch.cat(values)
    advantages, returns = (torch.cat(sampled.step.experience.advantages), torch.cat(sampled.step.experience.returns))
    loss = -(advantages * logprobs).mean() + sampled.run.value_coef * 0.5 * ((values - returns) ** 2).mean()
    loss.backward()
    expected = gradients(sampled)
    assert got.keys() == expected.keys()
    for name in got:
        torch.testing.assert_close(got[name], expected[name], rtol=1e-3, atol=1e-6)
    assert any(g.abs().max() > 0 for g in got.values())


def test_chunks_change_no_gradient(sampled, monkeypatch):
    rows = list(range(len(sampled.step.experience.rollouts)))
    sampled.model.train()
    whole_loss = sampled.backward_minibatch(sampled.step, rows)
    whole = gradients(sampled)
    monkeypatch.setattr(sampled, "run", Config(**{**vars_of(sampled.run), "update_chunk": 3}))
    chunked_loss = sampled.backward_minibatch(sampled.step, rows)
    chunked = gradients(sampled)
    assert chunked_loss == pytest.approx(whole_loss, rel=1e-4, abs=1e-6)
    for name in whole:
        torch.testing.assert_close(chunked[name], whole[name], rtol=1e-3, atol=1e-6)


def vars_of(config: Config) -> dict:
    return {name: getattr(config, name) for name in config.__dataclass_fields__}


def test_a_run_moves_head_and_adapter_and_nothing_else(tmp_path):
    trainer = make_trainer(tmp_path, rewards=CHECKSUM, **PPO)
    before = {n: p.detach().clone() for n, p in trainer.model.named_parameters()}
    trainer.fit(None, [])
    moved = {n for n, p in trainer.model.named_parameters() if not torch.equal(p, before[n])}
    assert moved == {n for n in before if "lora_" in n or "value_head" in n}
    rates = [g["initial_lr"] for g in trainer.optimizer.param_groups if g["params"]]
    assert rates == [1e-3, trainer.run.value_learning_rate]
    line = list(read_lines(tmp_path / "run" / METRICS))[-1]
    assert 0 < line["sampler_gap"] < 0.05 and line["sampler_gap"] <= line["sampler_gap_max"]
    check_gaps(tmp_path / "run", tokens_and_lines(tmp_path / "run"))
    for name in ("policy_loss", "value_loss", "approx_kl", "clip_fraction", "entropy", "value", "peak_memory_gib"):
        assert isinstance(line[name], float), name
    assert line["approx_kl"] >= 0 and 0 <= line["clip_fraction"] <= 1


def test_a_step_is_one_batch_of_rollouts(tmp_path):
    """Whatever the passes and minibatches: metrics, rollouts and evaluations count alike."""
    make_trainer(tmp_path, **PPO, eval_on_start=True, eval_steps=2).fit(None, [])
    folder = tmp_path / "run"
    assert [m["step"] for m in read_lines(folder / METRICS)] == [1, 2]
    assert [x["step"] for x in read_lines(folder / ROLLOUTS)] == [1] * 16 + [2] * 16
    state = json.loads((folder / "checkpoints/checkpoint-2/trainer_state.json").read_text())
    assert state["global_step"] == 2


@pytest.mark.slow
def test_a_resumed_run_equals_the_unbroken_one(tmp_path):
    settings = {**PPO, "max_steps": 4, "eval_steps": 2, "save_steps": 2, "beta": 0.05, "target_kl": 1.0}
    whole = make_trainer(tmp_path, "whole", CHECKSUM, **settings)
    whole.fit(None, [])

    stopped = make_trainer(tmp_path, "parts", CHECKSUM, **settings)
    stopped.add_callback(AskToStop(stopped.interrupt, after=3))
    stopped.fit(None, [])
    head = stopped.head.weight.detach().clone()
    assert head.abs().max() > 0
    assert (tmp_path / "parts/checkpoints/checkpoint-3" / FILE).is_file()

    config = Config(**{**SMALL, "dumps": str(tmp_path), "exp_name": "parts", **settings, "resume": True})
    checkpoint = runs_folder.continue_from(runs_folder.open_run(config, "test", {"gpu": None}))
    resumed = make_trainer(tmp_path, "parts", CHECKSUM, **settings, resume=True)
    resumed._load_from_checkpoint(str(checkpoint))
    assert torch.equal(resumed.head.weight, head)
    resumed.fit(checkpoint, [])
    assert torch.equal(resumed.head.weight, whole.head.weight)
    assert resumed.kl_weight == whole.kl_weight != 0.05
    for name in (ROLLOUTS, METRICS, "evaluations.jsonl"):
        assert without_times(tmp_path / "parts" / name) == without_times(tmp_path / "whole" / name)


@pytest.mark.slow
def test_the_kl_to_the_start_is_in_the_rewards(tmp_path, monkeypatch):
    trainer = make_trainer(tmp_path, **PPO, beta=0.1, max_steps=3)
    monkeypatch.setattr(trainer, "rewards", {"length": lambda r, p: float(len(r.completion_ids))})
    trainer.fit(None, [])
    lines = list(read_lines(tmp_path / "run" / METRICS))
    assert lines[0]["kl"] == pytest.approx(0.0, abs=1e-6)  # the adapter begins at zero
    assert lines[-1]["kl"] != 0
    assert [x["beta"] for x in lines] == [0.1] * 3


def test_the_start_is_the_adapter_that_a_run_begins_with(tmp_path):
    first = make_trainer(tmp_path, "first", **PPO)
    for i, (name, weight) in enumerate(first.trained().items()):
        if "lora_B" in name:
            weight.data.normal_(std=0.05, generator=torch.Generator().manual_seed(i))
    first.save_adapter("start")
    start = tmp_path / "first" / "checkpoints" / "start"
    trainer = make_trainer(tmp_path, "second", **PPO, beta=0.1, max_steps=1, init_from=str(start))
    names = set(trainer.trained())
    trainer.fit(None, [])
    (line,) = read_lines(tmp_path / "second" / METRICS)
    assert line["kl"] == pytest.approx(0, abs=1e-3)
    assert names == set(trainer.trained()) == set(first.trained())


def test_with_top_p_the_reference_is_scored_over_all_tokens(tmp_path, monkeypatch):
    """The policy begins as the reference: what is between their logprobs is the mass of the policy's nucleus."""
    trainer = make_trainer(tmp_path, **PPO, beta=0.1, top_p=0.6)
    in_full_precision(trainer, monkeypatch)
    sampled_batch(trainer)
    rollouts = trainer.step.rollouts
    with torch.no_grad(), start_adapter(trainer.policy.model):
        reference, _, _ = trainer.evaluate_tokens(rollouts)
    expected = completion_logprobs(trainer.policy, rollouts, trainer.run.temperature)
    for row, logprobs in zip(reference, expected):
        assert row.tolist() == pytest.approx(logprobs, abs=2e-4)
    mass = torch.cat(reference) - torch.cat(trainer.step.experience.logprobs)
    assert mass.max() < 1e-3 and mass.min() < -0.1


def test_groups_of_one_and_rewards_that_do_not_apply(tmp_path, monkeypatch):
    """A completion without a reward takes no part in the update."""
    trainer = make_trainer(tmp_path, **{**PPO, "num_generations": 1, "minibatches": 1, "ppo_epochs": 1})
    left_out = trainer.train_prompts[0].problem.id

    def reward(rollout, problem):
        return None if problem.id == left_out else float(len(rollout.completion_ids))

    monkeypatch.setattr(trainer, "rewards", {"length": reward})
    trainer.sample_step(list(range(16)))
    assert len(trainer.step.experience.rollouts) == 15
    assert trainer.step.scored[0].reward is None
    returns = [r[-1].item() for r in trainer.step.experience.returns]
    assert returns == [len(r.completion_ids) for r in trainer.step.experience.rollouts]
    flat = torch.cat(trainer.step.experience.advantages)
    assert flat.mean().item() == pytest.approx(0, abs=1e-5)
    assert flat.std().item() == pytest.approx(1, abs=1e-4)


def test_a_step_without_rewards_changes_nothing(tmp_path, monkeypatch):
    """A judge that gives no verdict, for example."""
    trainer = make_trainer(tmp_path, **PPO, max_steps=1)
    monkeypatch.setattr(trainer, "rewards", {"none": lambda rollout, problem: None})
    before = {name: p.detach().clone() for name, p in trainer.trained().items()}
    trainer.fit(None, [])
    assert trainer.state.global_step == 1
    for name, parameter in trainer.trained().items():
        assert torch.equal(parameter, before[name]), name
    assert all(line["advantage"] == 0.0 and not line["learned"] for line in read_lines(tmp_path / "run" / ROLLOUTS))


@pytest.mark.slow
def test_reward_weighted_updates_raise_what_was_rewarded(tmp_path, monkeypatch):
    """Rewarding short completions makes them shorter, by the weighted likelihood alone."""
    trainer = make_trainer(
        tmp_path, algorithm="reward-weighted", ppo_epochs=1, gae_lambda=1.0, learning_rate=2e-3, max_steps=6,
        per_device_train_batch_size=64, max_completion_length=96,
    )  # fmt: skip
    monkeypatch.setattr(trainer, "rewards", {"brevity": lambda r, p: -len(r.completion_ids) / 20})
    trainer.fit(None, [])
    tokens = [m["mean_tokens"] for m in read_lines(tmp_path / "run" / METRICS)]
    assert fmean(tokens[-2:]) < fmean(tokens[:2]) - 2, tokens


@pytest.mark.slow
def test_ppo_learns_after_fine_tuning(program, tmp_path):
    done = program(
        "--recipe", "gsm8k-sft-rl-tiny", "--max-samples", 96, "--eval-count", 8, "--no-unsloth", "--engine", "transformers",
        "--dumps", tmp_path, "--sft-output", tmp_path / "sft", "--rl-output", tmp_path / "rl",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    rewards = [m["reward"] for m in read_lines(tmp_path / "rl" / METRICS)]
    first, last = fmean(rewards[:4]), fmean(rewards[-4:])
    error = ((first * (1 - first) + last * (1 - last)) / (4 * 64)) ** 0.5
    assert last - first > 3 * error, rewards


@pytest.mark.parametrize(
    "changes,words",
    [
        ({"gradient_accumulation_steps": 2}, "--update-chunk"),
        ({"minibatches": 3}, "must divide the 16"),
        ({"target_kl": 1.0}, "--beta 0.05"),
        ({"algorithm": "reward-weighted"}, "one pass"),
        ({"algorithm": "grpo", "num_generations": 1}, "at least 2"),
        ({"gae_lambda": 1.5}, "at most 1"),
        ({"algorithm": "pop"}, "did you mean 'ppo'"),
    ],
)
def test_wrong_flags(changes, words):
    with pytest.raises(UserError, match=words):
        Config(**{**SMALL, **PPO, **changes})


def test_score_is_what_the_trainer_used(sampled):
    """The rewards in the experience are those of the dump."""
    again = [score(r, p, sampled.rewards, sampled.run) for r, p in zip(sampled.step.rollouts, sampled.step.prompts)]
    assert [s.reward for s in again] == [s.reward for s in sampled.step.scored]
