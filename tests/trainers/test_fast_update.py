"""Nothing that makes the update fast may change what is learned: each switch against the plain way, same batch."""

from __future__ import annotations

import dataclasses
import gzip
import json

import pytest
import torch
from cost import slow_except
from random_model import small_model
from small_run import (
    SMALL,
    by_number,
    check_gaps,
    learned_from,
    make_float32_trainer,
    make_trainer,
    sampled_batch,
    tokens_and_lines,
    unequal,
    with_gaps,
    without_times,
)

from r1rl.config.flags import Config
from r1rl.models import logprobs as logprobs_module
from r1rl.models.logprobs import completion_states, token_logprobs
from r1rl.models.shared_prompts import can_share, shared_states
from r1rl.runs import folder as runs_folder
from r1rl.runs.dump import METRICS, ROLLOUTS, read_lines
from r1rl.system.errors import UserError
from r1rl.trainers.advantages import groups_without_signal
from r1rl.trainers.batches import smaller, split, take, weight, with_signal
from r1rl.trainers.prompt_order import Draw

PROMPTS = [[5, 6, 7, 8, 9], [5, 6, 7, 30, 31, 32, 33], [50]]
COMPLETIONS = [[11, 12, 13], [14], [15, 16, 17, 18, 19, 20], [21, 22], [23] * 40]
OWNERS = [0, 0, 1, 1, 2]


@pytest.mark.parametrize(
    ("family", "more"),
    [("qwen2", {}), ("qwen3", {"head_dim": 16}), ("llama", {}), ("mistral", {"sliding_window": None})],
)
def test_shared_prompts_give_the_states_and_gradients_of_single_rows(family, more):
    model = small_model(family, **more).requires_grad_(True)
    assert can_share(model.model)
    shared = shared_states(model.model, PROMPTS, COMPLETIONS, OWNERS)
    rows = []
    for completion, owner in zip(COMPLETIONS, OWNERS):
        ids = torch.tensor([PROMPTS[owner] + completion])
        rows.append(model.model(input_ids=ids)[0][0, len(PROMPTS[owner]) - 1 : -1])
    plain = torch.cat(rows)
    torch.testing.assert_close(shared, plain, atol=1e-4, rtol=1e-4)
    # A gradient that weighs each token differently, so that none may stand in another's place.
    pull = torch.randn(plain.shape, generator=torch.Generator().manual_seed(0))
    names = [n for n, p in model.named_parameters() if "lm_head" not in n]
    weights = [p for n, p in model.named_parameters() if "lm_head" not in n]
    got = torch.autograd.grad((shared * pull).sum(), weights)
    expected = torch.autograd.grad((plain * pull).sum(), weights)
    for name, a, b in zip(names, got, expected):
        assert (a - b).abs().max() < 1e-4 * max(1.0, b.abs().max().item()), name


@pytest.mark.parametrize(
    ("family", "more"), [("gemma2", {"head_dim": 16}), ("gpt_neox", {}), ("mistral", {"sliding_window": 3})]
)
def test_a_model_whose_attention_cannot_be_exchanged_is_read_row_by_row(family, more):
    model = small_model(family, **more)
    assert not can_share(getattr(model, "model", None))


@pytest.fixture(scope="module")
def trainer(tmp_path_factory):
    return make_float32_trainer(tmp_path_factory.mktemp("dumps"), per_device_train_batch_size=32)


@pytest.fixture
def batch(trainer):
    """Four groups; the second and the last teach nothing."""
    made = sampled_batch(trainer)
    advantages = torch.linspace(-1, 1, 32)
    advantages[8:16] = 0
    advantages[24:] = 0
    return made | {"advantages": advantages}


def gradients(trainer, batch, parts=None):
    """(loss, gradients) of a batch in one piece by TRL, or of the weighted parts."""
    model = trainer.model.train()
    model.zero_grad()
    trainer.step.gaps = []
    loss = 0.0
    for rows in parts or [list(range(len(batch["advantages"])))]:
        trainer.step.part = take(batch, rows) if parts else batch
        part = trainer.part_loss(model) * (weight(batch, rows, trainer.loss_type) if parts else 1.0)
        part.backward()
        loss += part.item()
    trainer.step.part = None
    found = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return loss, found


def assert_same(a, b):
    assert a[0] == pytest.approx(b[0], rel=1e-4, abs=1e-6)
    assert a[1].keys() == b[1].keys() != set()
    for name in a[1]:
        torch.testing.assert_close(a[1][name], b[1][name], rtol=1e-3, atol=2e-6)


LOSSES = ["grpo", "dr_grpo", "dapo", "bnpo", "cispo", "sapo", "luspo", "vespo"]


@pytest.mark.parametrize("kind", slow_except(["grpo", "dr_grpo"], LOSSES))
@pytest.mark.parametrize("shared", [True, False])
def test_micro_batches_add_up_to_the_whole_batch(trainer, batch, kind, shared, monkeypatch):
    monkeypatch.setattr(trainer, "loss_type", kind)
    monkeypatch.setattr(trainer, "policy", dataclasses.replace(trainer.policy, shares_prompts=shared))
    parts = split(batch, 600 if shared else 3000, 8 if shared else 1, padded=not shared)
    assert len(parts) > 1
    assert sorted(i for rows in parts for i in rows) == list(range(32))
    monkeypatch.setattr(trainer.policy, "shares_prompts", False)
    whole = gradients(trainer, batch)  # rows of their own, padded to the longest
    monkeypatch.setattr(trainer.policy, "shares_prompts", shared)
    assert_same(gradients(trainer, batch, parts), whole)


@pytest.mark.parametrize("kind", LOSSES)
def test_groups_that_teach_nothing_are_as_if_they_had_not_been_sampled(trainer, batch, kind, monkeypatch):
    monkeypatch.setattr(trainer, "loss_type", kind)
    monkeypatch.setattr(trainer, "_prepare_inputs", lambda inputs: dict(batch))
    rows = with_signal(batch, 8)
    assert rows == [*range(8), *range(16, 24)]
    living = {k: v[rows] if v.dim() else v for k, v in batch.items()}
    living["num_items_in_batch"] = living["completion_mask"].sum()
    expected = gradients(trainer, living)
    trainer.model.zero_grad()
    loss = trainer.training_step(trainer.model, None)
    got = {n: p.grad.clone() for n, p in trainer.model.named_parameters() if p.grad is not None}
    trainer.model.zero_grad()
    assert_same((loss.item(), got), expected)


def test_with_a_penalty_for_distance_every_group_teaches(trainer, batch, monkeypatch):
    monkeypatch.setattr(trainer, "run", dataclasses.replace(trainer.run, beta=0.1))
    monkeypatch.setattr(trainer, "_prepare_inputs", lambda inputs: dict(batch))
    seen = []
    monkeypatch.setattr(
        trainer,
        "part_loss",
        lambda model: seen.append(len(trainer.step.part["advantages"])) or torch.zeros((), requires_grad=True),
    )
    trainer.training_step(trainer.model, None)
    assert sum(seen) == 32


def test_a_step_without_any_signal_moves_nothing(trainer, batch, monkeypatch):
    monkeypatch.setattr(trainer, "_prepare_inputs", lambda inputs: batch | {"advantages": torch.zeros(32)})
    trainer.model.zero_grad()
    assert trainer.training_step(trainer.model, None).item() == 0.0
    assert all(p.grad is None for p in trainer.model.parameters())
    assert trainer.step.line["sampler_gap"] < 1e-3  # measured by a pass of its own then


def test_chunks_of_logits_give_the_logprobs_and_gradients_of_whole_ones(trainer, monkeypatch):
    states = completion_states(trainer.policy, [PROMPTS[i] for i in OWNERS], COMPLETIONS)
    tokens = torch.tensor([t for c in COMPLETIONS for t in c])
    pull = torch.linspace(-1, 1, len(tokens))
    results = []
    for at_once in (2**25, 7 * trainer.model.config.vocab_size):
        monkeypatch.setattr(logprobs_module, "LOGITS_AT_ONCE", at_once)
        leaf = states.detach().requires_grad_()
        logprobs, entropies = token_logprobs(trainer.policy, leaf, tokens, 0.7)
        (logprobs * pull).sum().backward()
        results.append((logprobs.detach(), entropies, leaf.grad))
    for whole, chunked in zip(*results):
        torch.testing.assert_close(chunked, whole)
    assert results[0][2].abs().max() > 0


def test_split_keeps_within_the_budget_and_goes_by_length():
    completion = torch.zeros(6, 10, dtype=torch.long)
    for row, length in enumerate([2, 10, 3, 9, 1, 4]):
        completion[row, :length] = 1
    batch = {"prompt_mask": torch.ones(6, 5, dtype=torch.long), "completion_mask": completion}
    assert split(batch, 30) == [[1, 3], [5, 2, 0], [4]]  # 2 x 15; 3 x 9; then 1 x 6
    assert split(batch, 1) == [[1], [3], [5], [2], [0], [4]]  # a row that is too long still goes
    assert split(batch, 35, unit=2, padded=False) == [[0, 1, 2, 3], [4, 5]]  # 17 + 17, then 10


def test_the_gap_comes_from_the_update(tmp_path):
    trainer = make_trainer(tmp_path, rewards=unequal(), max_steps=2, learning_rate=1e-3)
    trainer.fit(None, [])
    lines = list(read_lines(tmp_path / "run" / METRICS))
    assert all(0 <= m["sampler_gap"] < 0.05 for m in lines)
    assert all(m["sampler_gap"] <= m["sampler_gap_max"] for m in lines)
    found = tokens_and_lines(tmp_path / "run")
    check_gaps(tmp_path / "run", found)
    assert with_gaps(found) == learned_from(found) != []
    assert all(line["schema_version"] == 2 for _, line in found)


def test_refill_samples_fresh_prompts_for_groups_without_signal(tmp_path):
    """Groups 0 and 1 are idle, 2 and 3 not; then 4, but none of 5 to 9, the limit; then 10 is idle, 11 and 12 are not."""
    rewards = by_number(lambda group, place: place % 3 == 0 and group in (2, 3, 4, 11, 12))
    trainer = make_trainer(tmp_path, rewards=rewards, max_steps=3, refill=2.0, learning_rate=1e-3)
    trainer.fit(None, [])
    lines = list(read_lines(tmp_path / "run" / ROLLOUTS))
    refilled = []
    for metrics in read_lines(tmp_path / "run" / METRICS):
        step = [x for x in lines if x["step"] == metrics["step"]]
        groups = [step[i : i + 8] for i in range(0, len(step), 8)]
        assert metrics["completions"] == len(step)
        assert metrics["groups_refilled"] == len(groups) - 2 <= 4
        assert [(x["group"], x["sample"]) for x in step] == [(g, i) for g in range(len(groups)) for i in range(8)]
        assert len({g[0]["problem_id"] for g in groups}) == len(groups)  # fresh ones
        idle = [groups_without_signal([x["reward"] for x in g], 8) for g in groups]
        learned = [any(x["advantage"] for x in g) for g in groups]
        assert sum(learned) == min(2, len(groups) - sum(idle))
        assert learned[:2] == sorted(learned[:2], reverse=True) or sum(learned) < 2
        assert len(groups) == 2 + 4 or sum(learned) == 2  # it stops when the step is full or the limit reached
        refilled.append(metrics["groups_refilled"])
    assert refilled == [2, 4, 1]
    check_gaps(tmp_path / "run", tokens_and_lines(tmp_path / "run"))


def test_idle_prompts_are_drawn_less_often_and_a_replay_knows_them(trainer):
    draw = Draw(trainer.train_prompts, seed=1)
    ids = [p.problem.id for p in trainer.train_prompts]
    for i in range(10):
        draw.record(ids[i], [1.0, 1.0])
    draw.record(ids[0], [1.0, 0.0])
    assert draw.idle == set(ids[1:10])
    kept = sum(1 in draw.replace_idle([1, 30], step) for step in range(1000))
    assert 200 < kept < 300  # a quarter
    assert draw.replace_idle([0, 30], 5) == [0, 30]
    again = Draw(trainer.train_prompts, seed=1)
    again.replay(
        {"step": s, "group": g, "problem_id": ids[i], "reward": r}
        for s, g, i, rewards in [(1, g, g, [1.0, 1.0]) for g in range(10)] + [(2, 0, 0, [1.0, 0.0])]
        for r in rewards
    )
    assert again.idle == draw.idle


@pytest.mark.slow
def test_skip_solved_resumes_as_if_it_had_not_stopped(tmp_path):
    settings = {"max_steps": 4, "save_steps": 2, "eval_steps": 4, "skip_solved": True}
    make_trainer(tmp_path, "whole", **settings).fit(None, [])
    config = Config(**{**SMALL, "dumps": str(tmp_path), "exp_name": "whole", **settings, "resume": True})
    expected = {name: without_times(tmp_path / "whole" / name) for name in (ROLLOUTS, METRICS)}
    (tmp_path / "whole" / "checkpoints" / "checkpoint-4" / "trainer_state.json").unlink()
    checkpoint = runs_folder.continue_from(runs_folder.open_run(config, "test", {"gpu": None}))
    assert checkpoint.name == "checkpoint-2"
    make_trainer(tmp_path, "whole", **settings, resume=True).fit(checkpoint, [])
    assert {name: without_times(tmp_path / "whole" / name) for name in expected} == expected


@pytest.mark.parametrize("kind", slow_except(["dr_grpo"], LOSSES[:4]))
def test_smaller_passes_learn_the_same(trainer, batch, kind, monkeypatch):
    monkeypatch.setattr(trainer, "loss_type", kind)
    batch["num_items_in_batch"] = batch["completion_mask"].sum()
    sizes = []
    part_loss = trainer.part_loss
    monkeypatch.setattr(
        trainer, "part_loss", lambda m: sizes.append(len(trainer.step.part["advantages"])) or part_loss(m)
    )

    def learned(divisor):
        model = trainer.model.train()
        model.zero_grad()
        trainer.step.gaps = []
        sizes.clear()
        loss = trainer.accumulate(model, batch, divisor).item()
        return loss, {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}

    whole = learned(1)
    assert sizes == [32]
    for divisor in (2, 1024):
        assert_same(learned(divisor), whole)
        assert sum(sizes) == 32 and max(sizes) < 32 // min(divisor, 32) + 8
    assert sizes == [1] * 32
    trainer.model.zero_grad()


def test_how_small_a_pass_becomes():
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]])
    rows = {"prompt_mask": torch.ones(4, 6, dtype=torch.long), "completion_mask": mask}  # 10, 8, 8, 8 tokens
    assert smaller(rows, 1000, 2, padded=False) == (17, False)
    assert smaller(rows, 20, 2, padded=False) == (10, True)
    assert smaller(rows, 1000, 4, padded=False) == (8, True)
    assert smaller(rows, 1000, 2) == (20, False)
    assert smaller(rows, 1000, 4) == (10, True)


def test_several_steps_learn_from_one_generation(tmp_path):
    trainer = make_trainer(
        tmp_path, rewards=unequal(), max_steps=4, eval_steps=2, steps_per_generation=2, learning_rate=1e-3,
        importance_correction=True,
    )  # fmt: skip
    calls = []
    generate = trainer.engine.generate
    trainer.engine.generate = lambda prompts, sampling: calls.append(len(prompts)) or generate(prompts, sampling)
    trainer.fit(None, [])
    assert [c for c in calls if c != 8] == [4, 4]  # 2 prompts a step, two steps at once; 8 is an evaluation
    lines = list(read_lines(tmp_path / "run" / ROLLOUTS))
    assert [(x["step"], x["group"], x["sample"]) for x in lines] == [
        (s, g, i) for s in (1, 2, 3, 4) for g in (0, 1) for i in range(8)
    ]
    metrics = list(read_lines(tmp_path / "run" / METRICS))
    assert [m["step"] for m in metrics] == [1, 2, 3, 4]
    assert ["sampler_gap" in m for m in metrics] == [True, False, True, False]
    found = tokens_and_lines(tmp_path / "run")  # the later step's gaps are those of the policy that sampled
    check_gaps(tmp_path / "run", found)
    assert with_gaps(found) == learned_from(found) != []
    assert max(abs(gap) for tokens, line in found if tokens.gaps for gap in tokens.gaps) < 0.2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"steps_per_generation": 3, "max_steps": 4}, "--max-steps 4 is not a multiple"),
        ({"steps_per_generation": 2, "max_steps": 4, "eval_steps": 2, "save_steps": 5}, "--save-steps 5"),
        ({"algorithm": "ppo", "refill": 0.5}, "--refill looks for groups"),
        ({"algorithm": "ppo", "steps_per_generation": 2}, "does not go with --algorithm ppo"),
    ],
)
def test_what_does_not_go_together_is_said(tmp_path, given, words):
    with pytest.raises(UserError, match=words):
        make_trainer(tmp_path, **given)


def test_profile_writes_a_table_and_a_trace(tmp_path):
    make_trainer(tmp_path, max_steps=3, profile=1, max_completion_length=8).fit(None, [])
    folder = tmp_path / "run" / "profile"
    assert "aten::mm" in (folder / "steps_2-2.txt").read_text()
    trace = json.loads(gzip.decompress((folder / "steps_2-2.json.gz").read_bytes()))
    assert any(e.get("name") == "aten::mm" for e in trace["traceEvents"])
