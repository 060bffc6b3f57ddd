"""The trainer on the embedded model: parity with TRL, every adapter weight moves, seeds, stop and resume."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch
from safetensors.torch import load_file
from small_run import CHECKSUM, SMALL, AskToStop, make_trainer, sampled_batch, without_times

from r1rl.config.flags import Config
from r1rl.models.logprobs import completion_logprobs
from r1rl.runs import folder as runs_folder
from r1rl.runs.dump import METRICS, ROLLOUTS, read_lines
from r1rl.trainers.advantages import group_advantages


@pytest.fixture(scope="module")
def trainer(tmp_path_factory):
    return make_trainer(tmp_path_factory.mktemp("dumps"))


@pytest.mark.parametrize("scale", ["group", "batch", "none"])
def test_advantages_equal_trls(trainer, scale, monkeypatch):
    monkeypatch.setattr(trainer, "scale_rewards", scale)
    sampled_batch(trainer)
    made_up = [{"correctness": float((7 * i) % 5 == 0)} for i in range(16)]  # mixed rewards in both groups
    monkeypatch.setattr(trainer, "_calculate_rewards", lambda *a: torch.tensor([[r["correctness"]] for r in made_up]))
    trls = trainer.base_batch(trainer.step)["advantages"]
    ours = group_advantages([r["correctness"] for r in made_up], 8, scale)
    assert trls.tolist() == pytest.approx(ours, abs=1e-5)
    assert any(a != 0 for a in ours)


def reference_loss(logprobs, mask, advantages, kind, max_length):
    """The on-policy losses written from their papers: the ratio is 1, its gradient that of the logprob.

    GRPO (arXiv:2402.03300 eq. 3), Dr. GRPO (arXiv:2503.20783 eq. 2), DAPO (arXiv:2503.14476 eq. 8): they differ in
    what a token's loss is divided by.
    """
    ratio = (logprobs - logprobs.detach()).exp()
    token_loss = -ratio * advantages[:, None] * mask  # (B, C)
    if kind == "grpo":
        return (token_loss.sum(1) / mask.sum(1)).mean()
    if kind == "dr_grpo":
        return token_loss.sum() / (len(mask) * max_length)
    return token_loss.sum() / mask.sum()  # dapo, bnpo: all tokens of the batch weigh the same


@pytest.mark.parametrize("kind", ["grpo", "dr_grpo", "dapo", "bnpo"])
def test_loss_and_gradient_equal_the_formula(trainer, kind, monkeypatch):
    monkeypatch.setattr(trainer, "loss_type", kind)
    monkeypatch.setattr(trainer, "policy", dataclasses.replace(trainer.policy, mixed=False))
    monkeypatch.setattr(trainer.accelerator, "autocast", lambda: torch.autocast("cpu", enabled=False))
    trainer.current_gradient_accumulation_steps = 1
    batch = sampled_batch(trainer)
    batch["advantages"] = torch.linspace(-1, 1, 16)
    model = trainer.model.train()

    model.zero_grad()
    loss = trainer._compute_loss(model, batch)
    loss.backward()
    got = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}

    model.zero_grad()
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], 1)
    mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], 1)
    logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1]
    logprobs = logits.log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0]
    c = batch["completion_ids"].shape[1]
    expected = reference_loss(
        logprobs[:, -c:], batch["completion_mask"], batch["advantages"], kind, trainer.max_completion_length
    )
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4, abs=1e-6)
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(got[name], parameter.grad, rtol=1e-3, atol=1e-6)
    assert any(g.abs().max() > 0 for g in got.values())
    model.zero_grad()


def test_a_run_moves_every_adapter_weight_and_nothing_else(tmp_path):
    trainer = make_trainer(tmp_path, rewards=CHECKSUM, max_steps=3, learning_rate=1e-3, temperature=1.5)
    before = {n: p.detach().clone() for n, p in trainer.model.named_parameters()}
    trainer.fit(None, [])
    moved = {n for n, p in trainer.model.named_parameters() if not torch.equal(p, before[n])}
    assert moved == {n for n in before if "lora_" in n}


def test_every_completion_is_dumped_and_graded(tmp_path):
    trainer = make_trainer(tmp_path, max_steps=2, eval_on_start=True, eval_steps=2)
    trainer.fit(None, [])
    folder = tmp_path / "run"
    lines = list(read_lines(folder / ROLLOUTS))
    assert [(x["step"], x["group"], x["sample"]) for x in lines] == [
        (s, g, i) for s in (1, 2) for g in (0, 1) for i in range(8)
    ]
    for line in lines:
        assert line["rewards"] == {"correctness": float(line["correct"])}
        assert line["completion"].startswith("<reasoning>")
        assert not line["prompt"].endswith("<reasoning>")
        assert line["correct"] == (line["extracted"] == line["answer"])
    for group in (lines[i : i + 8] for i in range(0, 32, 8)):
        assert len({x["problem_id"] for x in group}) == 1
        assert [x["advantage"] for x in group] == group_advantages([x["reward"] for x in group], 8, "none")
    metrics = list(read_lines(folder / METRICS))
    assert [m["tokens"] for m in metrics] == [sum(x["tokens"] for x in lines if x["step"] == s) for s in (1, 2)]
    evaluated = [list(read_lines(folder / "eval" / f"step_{s}.jsonl")) for s in (0, 2)]
    asked = [[x["problem_id"] for x in e] for e in evaluated]
    assert asked[0] == asked[1]
    assert len(evaluated[0]) == 8
    assert (folder / "checkpoints" / "best" / "adapter_model.safetensors").exists()


def test_a_seeded_run_repeats_itself(tmp_path):
    for name in ("a", "b"):
        make_trainer(tmp_path, name).fit(None, [])
    make_trainer(tmp_path, "c", seed=4).fit(None, [])
    first, again, other = (without_times(tmp_path / n / ROLLOUTS) for n in "abc")
    assert first == again
    assert first != other
    assert without_times(tmp_path / "a" / METRICS) == without_times(tmp_path / "b" / METRICS)


def test_with_beta_a_checkpoint_loads_both_adapters(tmp_path):
    """The trained one is in the checkpoint's folder, TRL's copy of the initial one in a subfolder."""
    settings = {"max_steps": 1, "eval_steps": 1, "save_steps": 1, "learning_rate": 1e-3, "beta": 0.05}
    make_trainer(tmp_path, "first", **settings).fit(None, [])
    checkpoint = tmp_path / "first" / "checkpoints" / "checkpoint-1"
    resumed = make_trainer(tmp_path, "second", **settings)
    resumed._load_from_checkpoint(str(checkpoint))
    weights, trained = dict(resumed.model.named_parameters()), 0.0
    for adapter, folder in (("default", checkpoint), ("ref", checkpoint / "ref")):
        for name, saved in load_file(folder / "adapter_model.safetensors").items():
            weight = weights[name.replace(".weight", f".{adapter}.weight")]
            assert torch.equal(weight, saved) and weight.requires_grad == (adapter == "default"), name
            trained = max(trained, saved.abs().max().item() * ("lora_B" in name and adapter == "default"))
    assert trained > 0 and resumed.model.active_adapters == ["default"]


@pytest.mark.parametrize("more", [{}, pytest.param({"beta": 0.05}, marks=pytest.mark.slow)])
def test_a_resumed_run_equals_the_unbroken_one(tmp_path, more):
    settings = {"max_steps": 4, "eval_steps": 2, "save_steps": 2, "learning_rate": 1e-3, **more}
    make_trainer(tmp_path, "whole", **settings).fit(None, [])

    stopped = make_trainer(tmp_path, "parts", **settings)
    stopped.add_callback(AskToStop(stopped.interrupt, after=3))
    stopped.fit(None, [])
    assert [m["step"] for m in read_lines(tmp_path / "parts" / METRICS)] == [1, 2, 3]

    config = Config(**{**SMALL, "dumps": str(tmp_path), "exp_name": "parts", **settings, "resume": True})
    dump = runs_folder.open_run(config, "test", {"gpu": None})
    checkpoint = runs_folder.continue_from(dump)
    assert checkpoint.name == "checkpoint-3"
    resumed = make_trainer(tmp_path, "parts", **settings, resume=True)
    resumed.fit(checkpoint, [])
    for name in (ROLLOUTS, METRICS, "evaluations.jsonl", "eval/step_4.jsonl"):
        assert without_times(tmp_path / "parts" / name) == without_times(tmp_path / "whole" / name)


@pytest.mark.parametrize(("high", "clipped_at"), [(None, 1.2), (0.28, 1.28)])
def test_epsilon_high_bounds_the_ratio_of_rewarded_tokens(tmp_path, monkeypatch, high, clipped_at):
    """Worked: the ratio is e^0.5 = 1.65 everywhere and all advantages are 1, so each token's loss is minus the clip."""
    trainer = make_trainer(
        tmp_path, max_steps=2, save_steps=2, eval_steps=2, steps_per_generation=2, epsilon_high=high, loss_type="grpo"
    )
    trainer.current_gradient_accumulation_steps = 1
    trainer.policy = dataclasses.replace(trainer.policy, mixed=False)
    monkeypatch.setattr(trainer.accelerator, "autocast", lambda: torch.autocast("cpu", enabled=False))
    batch = sampled_batch(trainer)
    batch["advantages"] = torch.ones(len(batch["advantages"]))
    batch["old_per_token_logps"] = batch["sampling_per_token_logps"] - 0.5
    trainer.step.gaps, trainer.step.part = [], batch
    assert trainer.part_loss(trainer.model.train()).item() == pytest.approx(-clipped_at, rel=1e-3)


def test_the_importance_correction_reaches_the_loss(tmp_path, monkeypatch):
    trainer = make_trainer(tmp_path, importance_correction=True)
    trainer.current_gradient_accumulation_steps = 1
    trainer.policy = dataclasses.replace(trainer.policy, mixed=False)
    monkeypatch.setattr(trainer.accelerator, "autocast", lambda: torch.autocast("cpu", enabled=False))
    batch = sampled_batch(trainer)
    batch["advantages"] = torch.ones(16)
    trainer.step.gaps, trainer.step.part = [], batch
    trainer.model.train()
    plain = trainer.part_loss(trainer.model)
    used = batch["completion_mask"].bool()
    torch.testing.assert_close(batch["importance_sampling_ratio"][used], torch.ones(int(used.sum())), atol=2e-3, rtol=0)
    # An engine that sampled from other probabilities is corrected for: the ratio is trainer over sampler, at most 2.
    batch["sampling_per_token_logps"] = batch["sampling_per_token_logps"] - 0.5
    assert trainer.part_loss(trainer.model).item() == pytest.approx(plain.item() * 2.718281828**0.5, rel=1e-2)
    batch["sampling_per_token_logps"] = batch["sampling_per_token_logps"] - 0.5
    assert trainer.part_loss(trainer.model).item() == pytest.approx(plain.item() * 2.0, rel=1e-2)


def test_beta_needs_no_second_model(tmp_path):
    trainer = make_trainer(tmp_path, beta=0.05)
    trainer.fit(None, [])
    lines = list(read_lines(tmp_path / "run" / METRICS))
    assert lines[0]["kl"] == pytest.approx(0.0, abs=1e-4)  # the adapter begins at zero
    assert trainer.ref_model is None


def test_run_json_tells_how_to_repeat_it(tmp_path):
    make_trainer(tmp_path, learning_rate=0.5)
    described = json.loads((tmp_path / "run" / "run.json").read_text())
    assert Config(**described["config"]).learning_rate == 0.5
    assert described["versions"]["trl"]


def test_with_top_p_trainer_and_sampler_score_the_same_nucleus(tmp_path):
    """Over all tokens the trainer's logprobs would be lower by the nucleus' mass, up to -log 0.6 = 0.5 nats."""
    trainer = make_trainer(tmp_path, top_p=0.6)
    batch = sampled_batch(trainer)
    trainer.step.part = batch
    trainer._get_per_token_logps_and_entropies(
        trainer.model,
        torch.cat([batch["prompt_ids"], batch["completion_ids"]], 1),
        torch.cat([batch["prompt_mask"], batch["completion_mask"]], 1),
        batch["completion_ids"].shape[1],
    )
    assert torch.cat(trainer.step.gaps).mean() < 0.02


def test_with_top_p_the_reference_is_scored_over_all_tokens(tmp_path):
    trainer = make_trainer(tmp_path, top_p=0.6, beta=0.1)
    batch = sampled_batch(trainer)  # of the initial policy, which is the reference
    expected = completion_logprobs(trainer.policy, trainer.step.rollouts, trainer.run.temperature)
    for row, logprobs in zip(batch["ref_per_token_logps"], expected):
        assert row[: len(logprobs)].tolist() == pytest.approx(logprobs, abs=0.05)
