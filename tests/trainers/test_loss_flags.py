"""The settings of the loss: each flag on a worked batch, and the whole update against TRL's loss of the same batch."""

from __future__ import annotations

import dataclasses
import math
from types import SimpleNamespace

import pytest
import torch
from cost import slow_except
from small_run import make_trainer
from worked_batch import (
    FLAGS,
    check_bounds,
    check_equal,
    check_flag,
    distance,
    gradients,
    off_policy_trainer,
    ours,
    trls,
    use,
    worked_batch,
)

from r1rl.config.flags import IMPORTANCE_MODES, Config
from r1rl.models.logprobs import nucleus, output_logits, token_logprobs
from r1rl.preflight import checks
from r1rl.runs.dump import METRICS, ROLLOUTS, read_lines
from r1rl.system.errors import UserError
from r1rl.trainers.advantages import decoupled_advantages, group_advantages
from r1rl.trainers.guards.rules import Guards
from r1rl.trainers.step_metrics import repeated
from r1rl.trainers.update import correction


@pytest.fixture(scope="module")
def trainer(tmp_path_factory):
    return off_policy_trainer(tmp_path_factory.mktemp("dumps"))


@pytest.fixture(scope="module")
def sampled(trainer):
    return worked_batch(trainer)


@pytest.fixture
def batch(sampled):
    """A copy: an update adds the weights of the correction to its parts."""
    return dict(sampled)


QUICK = ["delta", "importance-level", "entropy-bonus", "top-entropy-share", "token_mask"]


@pytest.mark.parametrize("name", slow_except(QUICK, list(FLAGS)))
def test_each_flag_reaches_the_gradient_as_in_trls_loss(trainer, batch, monkeypatch, name):
    check_flag(trainer, batch, monkeypatch, name)


@pytest.mark.slow
def test_the_ratio_is_bounded_where_the_papers_say(trainer, batch, monkeypatch):
    check_bounds(trainer, batch, monkeypatch)


def test_a_correction_is_truncated_or_masked():
    log_ratio = torch.tensor([[0.5, 0.5, 0.0], [0.1, 0.0, 0.0]])
    assert correction(log_ratio, "token_truncate", 1.5)[0].tolist() == [1.5, 1.5, 1.0]
    assert correction(log_ratio, "token_mask", 1.5)[0].tolist() == [0.0, 0.0, 1.0]
    assert correction(log_ratio, "sequence_truncate", 1.5).flatten().tolist() == pytest.approx([1.5, math.exp(0.1)])
    assert correction(log_ratio, "sequence_mask", 1.5).flatten().tolist() == pytest.approx([0.0, math.exp(0.1)])


@pytest.mark.parametrize("mode", slow_except(["token_truncate", "sequence_mask"], IMPORTANCE_MODES))
def test_the_weights_of_the_correction_equal_trls(trainer, monkeypatch, mode):
    """TRL computes them with its own vLLM from the old policy; our engine's logprobs differ by a worked amount."""
    use(trainer, monkeypatch, importance_correction=True, importance_mode=mode, importance_threshold=1.05)
    monkeypatch.setattr(trainer, "use_vllm", True)
    step = trainer.step
    monkeypatch.setattr(
        step,
        "rollouts",
        [
            dataclasses.replace(r, sampler_logprobs=tuple(p - 0.1 * (t % 3 == 0) * (i % 2) for t, p in enumerate(r.sampler_logprobs)))
            for i, r in enumerate(step.rollouts)
        ],
    )  # fmt: skip
    made = trainer.base_batch(step)
    part = {k: v for k, v in made.items() if k != "importance_sampling_ratio"}
    monkeypatch.setattr(step, "part", part)
    monkeypatch.setattr(step, "gaps", [])
    # A policy that has moved on: the weights stay those of the policy before the first step.
    trainer.record_logprobs(part["old_per_token_logps"] + 1.0)
    expected, got = made["importance_sampling_ratio"], part["importance_sampling_ratio"]
    assert got.shape == expected.shape
    used = made["completion_mask"].bool() if got.shape[1] > 1 else torch.ones_like(got, dtype=torch.bool)
    torch.testing.assert_close(got[used], expected[used])
    assert expected[used].unique().numel() > 1


def test_without_a_correction_vespo_does_not_see_the_sampler(trainer, batch, monkeypatch):
    use(trainer, monkeypatch, loss_type="vespo")
    check_equal(trainer, batch, monkeypatch)


def test_truncated_completions_are_masked_as_in_trl(trainer, monkeypatch):
    """TRL knows only end tokens, so each whole completion gets one for the comparison."""
    end = trainer.eos_token_ids[0]
    step = trainer.step
    rollouts = [
        dataclasses.replace(
            r,
            finish="length" if i % 3 == 0 else "stop",
            completion_ids=(*r.completion_ids[:-1], 5 if i % 3 == 0 else end),
        )
        for i, r in enumerate(step.rollouts)
    ]
    monkeypatch.setattr(step, "rollouts", rollouts)
    nothing = torch.zeros(16, 1)
    monkeypatch.setattr(trainer, "_get_per_token_logps_and_entropies", lambda *a, **k: (nothing, None, None))
    monkeypatch.setattr(trainer, "mask_truncated_completions", True)
    expected = trainer.base_batch(step)["completion_mask"]
    monkeypatch.setattr(trainer, "mask_truncated_completions", False)
    monkeypatch.setattr(step, "batch", trainer.base_batch(step))
    assert (step.batch["completion_mask"].sum(1) > 0).all()
    trainer.mask_truncated(step)
    assert torch.equal(step.batch["completion_mask"], expected)
    assert [not any(row) for row in expected.tolist()] == [i % 3 == 0 for i in range(16)]


@pytest.mark.parametrize("kind", slow_except(["dapo"], ["grpo", "dr_grpo", "dapo", "bnpo"]))
def test_masked_completions_have_no_part_in_the_gradient(trainer, batch, monkeypatch, kind):
    use(trainer, monkeypatch, loss_type=kind)
    batch["completion_mask"] = batch["completion_mask"] * (torch.arange(16) % 4 > 0)[:, None]
    monkeypatch.setattr(trainer.policy, "shares_prompts", False)  # TRL passes rows without tokens to the model
    expected = trls(trainer, batch, monkeypatch)
    monkeypatch.setattr(trainer.policy, "shares_prompts", True)
    got = ours(trainer, batch, monkeypatch)
    assert got[0] == pytest.approx(expected[0], rel=1e-4, abs=1e-5)
    assert distance(got[1], expected[1]) < 1e-3


def test_a_step_of_masked_completions_changes_nothing(trainer, batch, monkeypatch):
    monkeypatch.setattr(trainer, "record_gap", lambda step: None)
    for flags in ({}, {"beta": 0.1}, {"entropy_bonus": 0.1}, {"entropy_bonus": 0.0, "top_entropy_share": 0.2}):
        use(trainer, monkeypatch, **flags)
        batch["completion_mask"] = torch.zeros_like(batch["completion_mask"])
        trainer.step.line = {}
        assert trainer.update(trainer.model.train(), trainer.step, dict(batch)).item() == 0.0
        assert not gradients(trainer)


def test_without_advantages_the_bonus_is_the_loss(trainer, batch, monkeypatch):
    use(trainer, monkeypatch, entropy_bonus=0.5, loss_type="dapo")
    batch["advantages"] = torch.zeros(16)
    trls(trainer, batch, monkeypatch)
    entropy = trainer._metrics["train"]["entropy"][-1]  # the mean over all tokens
    loss, pull = ours(trainer, batch, monkeypatch)
    assert entropy > 0.01 and loss == pytest.approx(-0.5 * entropy, rel=1e-4)
    assert max(g.abs().max() for g in pull.values()) > 0


@pytest.mark.parametrize("top_p", [1.0, 0.8])
def test_the_entropy_has_the_gradient_of_its_definition(trainer, top_p):
    states = torch.randn(5, trainer.model.config.hidden_size, generator=torch.Generator().manual_seed(0))
    tokens = torch.arange(5)
    _, fixed = token_logprobs(trainer.policy, states.requires_grad_(), tokens, 0.7, top_p)
    assert not fixed.requires_grad
    _, entropies = token_logprobs(trainer.policy, states, tokens, 0.7, top_p, entropy_gradient=True)
    (got,) = torch.autograd.grad(entropies.sum(), states)
    logits = (output_logits(trainer.policy, states).float() / 0.7).log_softmax(-1)
    if top_p < 1:
        logits = nucleus(logits, top_p, tokens).clamp(min=-1e9)
    expected = torch.distributions.Categorical(logits=logits).entropy()
    torch.testing.assert_close(entropies, expected)
    torch.testing.assert_close(got, torch.autograd.grad(expected.sum(), states)[0], rtol=1e-3, atol=1e-6)
    assert got.abs().max() > 0


def test_decoupled_advantages_equal_trls(trainer, monkeypatch):
    names, weights = ["right", "form"], {"right": 1.0, "form": 0.5}
    rewards = [{"right": float(i % 5 == 0), "form": None if i % 7 == 3 else i % 3 / 2} for i in range(16)]
    rewards[4] = {"right": None, "form": None}
    table = torch.tensor([[float("nan") if x is None else x for x in r.values()] for r in rewards])
    for name, value in {
        "multi_objective_aggregation": "normalize_then_sum", "reward_funcs": names, "reward_func_names": names,
        "reward_weights": torch.tensor([1.0, 0.5]), "_calculate_rewards": lambda *a: table,
    }.items():  # fmt: skip
        monkeypatch.setattr(trainer, name, value)
    expected = trainer.base_batch(trainer.step)["advantages"].tolist()
    assert decoupled_advantages(rewards, weights, 8) == pytest.approx(expected, abs=2e-4)


def test_gdpo_learns_from_different_rewards_of_equal_sum():
    rewards = [{"a": 1.0, "b": 0.0}, {"a": 0.0, "b": 1.0}, {"a": 0.0, "b": 1.0}]
    assert group_advantages([sum(r.values()) for r in rewards], 3) == [0.0, 0.0, 0.0]
    # a: (2, -1, -1) / 3 over its deviation, b the opposite: with equal weights they cancel, else not.
    assert decoupled_advantages(rewards, {"a": 1.0, "b": 1.0}, 3) == pytest.approx([0.0] * 3, abs=1e-6)
    first, second, third = decoupled_advantages(rewards, {"a": 1.0, "b": 0.5}, 3)
    assert (first, second) == pytest.approx((2 / math.sqrt(3), -1 / math.sqrt(3)), rel=1e-3) and second == third
    assert decoupled_advantages([{"a": 1.0}] * 2 + [{"a": 1.0}, {"a": 0.0}], {"a": 1.0}, 2)[:2] == [0.0, 0.0]


def test_advantages_scaled_over_the_batch():
    # Differences 0.5, -0.5, 0, 0: deviation sqrt(0.5 / 3).
    scale = math.sqrt(0.5 / 3) + 1e-4
    assert group_advantages([1.0, 0.0, 1.0, 1.0], 2, "advantages") == pytest.approx([0.5 / scale, -0.5 / scale, 0, 0])


def test_several_passes_over_one_generation(tmp_path):
    trainer = make_trainer(
        tmp_path, max_steps=4, eval_steps=4, save_steps=4, num_iterations=2, steps_per_generation=2, learning_rate=1e-3,
        max_completion_length=24,
    )  # fmt: skip
    calls, seen = [], []
    generate, update = trainer.engine.generate, trainer.update
    trainer.engine.generate = lambda prompts, sampling: calls.append(len(prompts)) or generate(prompts, sampling)
    trainer.update = lambda model, step, batch: seen.append(batch) or update(model, step, batch)
    trainer.fit(None, [])
    assert [c for c in calls if c != 8] == [4]  # 2 prompts a step, two steps at once; 8 is an evaluation
    assert [torch.equal(seen[k]["completion_ids"], seen[k - 2]["completion_ids"]) for k in (2, 3)] == [True, True]
    assert not torch.equal(seen[0]["completion_ids"], seen[1]["completion_ids"])
    metrics = list(read_lines(tmp_path / "run" / METRICS))
    assert [m["step"] for m in metrics] == [1, 2, 3, 4]
    assert [m["completions"] for m in metrics] == [16, 16, 0, 0] and [m["tokens"] > 0 for m in metrics] == [1, 1, 0, 0]
    assert [m["reward"] for m in metrics[2:]] == [m["reward"] for m in metrics[:2]]
    assert [x["step"] for x in read_lines(tmp_path / "run" / ROLLOUTS)] == [1] * 16 + [2] * 16


def test_a_step_on_the_same_completions_is_none_for_the_guard_of_signals():
    guards = Guards(steps=2)
    line = {"step": 1, "reward": 0.5, "reward_spread": 1.0, "groups": 2, "groups_without_signal": 2, "completions": 16}
    again = repeated(line)
    assert (again["groups"], again["completions"], again["reward"]) == (0, 0, 0.5)
    assert [[f.guard for f in guards.step(x)] for x in (line, again, line)] == [[], [], ["no-signal"]]


@pytest.mark.parametrize(
    "flags, start",
    [
        ({"entropy_bonus": 0.1}, "--entropy-bonus 0.1 with --top-p 0.9"),
        ({"top_entropy_share": 0.2}, "--top-entropy-share 0.2 with --top-p 0.9"),
        ({"importance_correction": True, "beta": 0.1}, "--importance-correction with --top-p 0.9 and --beta 0.1"),
        (
            {"importance_correction": True, "num_iterations": 2},
            "--importance-correction with --top-p 0.9 and 2 optimizer steps per generation",
        ),
    ],
)
def test_flags_that_unsloths_loss_compares_with_another_distribution_are_refused(flags, start, monkeypatch):
    monkeypatch.setattr(checks.importlib.util, "find_spec", lambda name: name)
    config, gpu = Config(top_p=0.9, **flags), SimpleNamespace(gpu="a card")
    with pytest.raises(UserError, match=f"^{start}"):
        checks.check_nucleus_with_unsloth(config, gpu)
    for other in (dataclasses.replace(config, unsloth=False), dataclasses.replace(config, top_p=1.0)):
        checks.check_nucleus_with_unsloth(other, gpu)
    checks.check_nucleus_with_unsloth(config, SimpleNamespace(gpu=None))
