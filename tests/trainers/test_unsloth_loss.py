"""The settings of the loss on the trainer that Unsloth generates: each flag on a worked batch, against TRL's own loss.

Run it alone: python -m pytest tests/trainers/test_unsloth_loss.py. Without a GPU, real or simulated, the model is transformers'.
"""

# ruff: noqa: E402 (Unsloth must be imported before TRL)
from __future__ import annotations

import dataclasses

from full_stack import make_unsloths_trainer

make_unsloths_trainer()

import pytest
import torch
from small_run import CHECKSUM, make_float32_trainer
from worked_batch import (
    FLAGS,
    check_bounds,
    check_equal,
    check_flag,
    distance,
    in_trls_layout,
    off_policy_trainer,
    ours,
    trls,
    use,
    worked_batch,
)

from r1rl.config.flags import METHOD_NAMES
from r1rl.config.methods import METHODS
from r1rl.models.logprobs import batch_logprobs
from r1rl.runs.dump import METRICS, read_lines
from r1rl.trainers.advantages import decoupled_advantages
from r1rl.trainers.batches import all_rows
from r1rl.trainers.update import MADE_BY_UNSLOTH

LOADED_BY_UNSLOTH = torch.cuda.is_available()


def in_float32(trainer):
    """The trainer, whose passes compute in float32, also where Unsloth decides; with what Unsloth adds to its models."""
    trainer._autocast_enabled, trainer._autocast_dtype = False, None
    if not LOADED_BY_UNSLOTH:
        trainer.model.for_training = lambda **_: trainer.model.train()
    return trainer


@pytest.fixture(scope="module")
def trainer(tmp_path_factory):
    return in_float32(off_policy_trainer(tmp_path_factory.mktemp("dumps"), unsloth=LOADED_BY_UNSLOTH))


@pytest.fixture(scope="module")
def sampled(trainer):
    return worked_batch(trainer)


@pytest.fixture
def batch(sampled):
    return dict(sampled)


def logprobs_of(trainer, rows):
    """The trainer's logprobs (B, C) of a batch, computed without Unsloth's loss."""
    ids, mask = (torch.cat([rows[f"prompt_{k}"], rows[f"completion_{k}"]], 1) for k in ("ids", "mask"))
    with torch.no_grad():
        return batch_logprobs(trainer, trainer.model, ids, mask, rows["completion_ids"].shape[1])[0]


def test_the_class_is_unsloths(trainer):
    assert MADE_BY_UNSLOTH and "UnslothGRPOTrainer" in {c.__name__ for c in type(trainer).__mro__}


def test_unsloth_scores_the_old_policy_as_the_model_does(trainer, sampled):
    rows = in_trls_layout(trainer.step.batch)
    mask, expected = rows["completion_mask"].bool(), logprobs_of(trainer, rows)
    torch.testing.assert_close(rows["old_per_token_logps"][mask], expected[mask], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", FLAGS)
def test_each_flag_reaches_the_gradient_as_in_trls_loss(trainer, batch, monkeypatch, name):
    check_flag(trainer, batch, monkeypatch, name)


def test_the_ratio_is_bounded_where_the_papers_say(trainer, batch, monkeypatch):
    check_bounds(trainer, batch, monkeypatch)


@pytest.mark.parametrize("name", METHOD_NAMES)
def test_each_method_has_trls_gradient(trainer, batch, monkeypatch, name):
    use(trainer, monkeypatch, **METHODS[name])
    noise = torch.Generator().manual_seed(2)
    old = batch["old_per_token_logps"]
    batch["ref_per_token_logps"] = old + 0.5 * torch.randn(old.shape, generator=noise)
    check_equal(trainer, batch, monkeypatch)


@pytest.mark.parametrize("kind", ["bnpo", "sapo", "luspo", "vespo"])
def test_each_other_loss_has_trls_gradient(trainer, batch, monkeypatch, kind):
    use(trainer, monkeypatch, loss_type=kind)
    check_equal(trainer, batch, monkeypatch)


@pytest.mark.parametrize("kind", ["grpo", "dapo"])
def test_masked_completions_have_no_part_in_the_gradient(trainer, batch, monkeypatch, kind):
    """Unsloth takes every token that is no padding for a token to learn; the update leaves masked completions out."""
    use(trainer, monkeypatch, loss_type=kind)
    whole = ours(trainer, batch, monkeypatch)[1]
    batch["completion_mask"] = batch["completion_mask"] * (torch.arange(16) % 4 > 0)[:, None]
    monkeypatch.setattr(trainer.policy, "shares_prompts", False)  # TRL passes rows without tokens to the model
    assert distance(check_equal(trainer, batch, monkeypatch), whole) > 1e-2


def test_truncated_completions_are_masked(trainer, sampled, monkeypatch):
    step = trainer.step
    rollouts = [dataclasses.replace(r, finish="length" if i % 3 == 0 else "stop") for i, r in enumerate(step.rollouts)]
    monkeypatch.setattr(step, "rollouts", rollouts)
    monkeypatch.setattr(step, "batch", trainer.base_batch(step))
    trainer.mask_truncated(step)
    assert [not any(row) for row in step.batch["completion_mask"].tolist()] == [i % 3 == 0 for i in range(16)]


def test_the_kl_divergence_of_a_token_is_at_most_ten(trainer, batch, monkeypatch):
    """TRL's is not bounded: at a log ratio of 3 nats it is exp(3) - 3 - 1 = 16.1."""
    use(trainer, monkeypatch, beta=1.0)
    batch |= {"advantages": torch.zeros(16), "old_per_token_logps": logprobs_of(trainer, batch)}
    expected = {1.0: 0.71828, 3.0: 10.0}
    for gap, kl in expected.items():
        batch["ref_per_token_logps"] = logprobs_of(trainer, batch) + gap
        loss, pull = ours(trainer, batch, monkeypatch)
        assert loss == pytest.approx(kl, rel=1e-3)
        assert (max(g.abs().max() for g in pull.values()) > 0) == (kl < 10)
    assert trls(trainer, batch, monkeypatch)[0] == pytest.approx(16.0855, rel=1e-3)


def test_with_top_p_the_nucleus_is_scored_in_a_single_step_alone(trainer, sampled, monkeypatch):
    monkeypatch.setenv("UNSLOTH_GRPO_TRUNCATED_SUPPORT", "1")  # as import_backend sets it for --top-p
    for name in ("refused", "scored"):
        monkeypatch.setattr(trainer, f"_unsloth_truncated_support_{name}", False, raising=False)
    rows = in_trls_layout(trainer.step.batch)
    mask, scores = rows["completion_mask"].bool(), {1.0: logprobs_of(trainer, rows)}
    correct = {"top_p": 0.8, "importance_correction": True}
    for steps, scored in ((1, 0.8), (2, 1.0)):
        use(trainer, monkeypatch, steps_per_generation=steps, **correct)
        scores[0.8] = logprobs_of(trainer, rows)
        found = in_trls_layout(trainer.base_batch(trainer.step))["old_per_token_logps"]
        torch.testing.assert_close(found[mask], scores[scored][mask], rtol=1e-4, atol=1e-4)
    assert (scores[0.8] - scores[1.0])[mask].max() > 0.05


def test_rewards_are_normalised_one_by_one(trainer, sampled, monkeypatch):
    step = trainer.step
    rewards = [{"right": float(i % 5 == 0), "form": i % 3 / 2} for i in range(16)]
    scored = [dataclasses.replace(s, rewards=r, reward=sum(r.values())) for s, r in zip(step.scored, rewards)]
    monkeypatch.setattr(step, "scored", scored)
    monkeypatch.setattr(type(trainer.run), "reward_weights", {"right": 1.0, "form": 0.5})
    for name in ("reward_funcs", "reward_func_names"):
        monkeypatch.setattr(trainer, name, ["right", "form"])
    monkeypatch.setattr(trainer, "reward_weights", torch.tensor([1.0, 0.5]))
    monkeypatch.setattr(step, "batch", {})
    use(trainer, monkeypatch, multi_reward="gdpo")
    trainer.fill_batch(step)
    table = torch.tensor([list(r.values()) for r in rewards]).view(2, 8, 2)
    single = (table - table.mean(1, keepdim=True)) / (table.std(1, keepdim=True) + 1e-4)
    total = (single * torch.tensor([1.0, 0.5])).sum(2).flatten()
    expected = (total - total.mean()) / (total.std() + 1e-4)
    assert step.batch["advantages"].tolist() == pytest.approx(expected.tolist(), abs=2e-4)
    assert step.batch["advantages"].tolist() == pytest.approx(
        decoupled_advantages(rewards, {"right": 1.0, "form": 0.5}, 8), abs=1e-6
    )


def test_a_second_pass_has_the_ratio_to_the_policy_that_sampled(tmp_path, monkeypatch):
    trainer = in_float32(
        make_float32_trainer(
            tmp_path, unsloth=LOADED_BY_UNSLOTH, max_steps=2, eval_steps=2, save_steps=2, num_iterations=2,
            learning_rate=1e-2, warmup_ratio=0.0, max_completion_length=24, eval_count=1,
        )
    )  # fmt: skip
    moved, update = [], trainer.update

    def checked(model, step, batch):
        rows = in_trls_layout(dict(batch))
        mask = rows["completion_mask"].bool()
        moved.append((logprobs_of(trainer, rows) - rows["old_per_token_logps"])[mask].abs().max().item())
        expected = trls(trainer, rows, monkeypatch)
        loss = update(model, step, batch)
        found = {n: p.grad.clone() for n, p in trainer.model.named_parameters() if p.grad is not None}
        assert loss.item() == pytest.approx(expected[0], rel=1e-3, abs=1e-5)
        assert distance(found, expected[1]) < 1e-2
        return loss

    trainer.rewards, trainer.rows_with_gradient = CHECKSUM, all_rows  # TRL's loss counts groups without a signal
    trainer.update = checked
    trainer.fit(None, [])
    assert moved[0] < 1e-2 < moved[1]
    assert [m["completions"] for m in read_lines(tmp_path / "run" / METRICS)] == [16, 0]
