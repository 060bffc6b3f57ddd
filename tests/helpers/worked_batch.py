"""A worked batch for the settings of the loss: our update of it, and TRL's own loss of the same rows."""

from __future__ import annotations

import dataclasses
import importlib.util
import math
import sys
from functools import partial

import pytest
import torch
import trl
from accelerate.state import AcceleratorState, PartialState
from small_run import make_float32_trainer, sampled_batch

from r1rl.models.logprobs import batch_logprobs
from r1rl.trainers.arguments import training_arguments
from r1rl.trainers.batches import split
from r1rl.trainers.update import MADE_BY_UNSLOTH, correction

OFF_POLICY = {"steps_per_generation": 2}

# Settings of the loss that reach it, by name.
FLAGS = {
    "clip-range": {"clip_range": 0.05},
    "epsilon-high": {"epsilon_high": 0.28},
    "delta": {"delta": 1.3},
    "importance-level": {"importance_level": "sequence"},
    "gspo": {"importance_level": "sequence", "clip_range": 3e-4, "epsilon_high": 4e-4},
    "cispo": {"loss_type": "cispo"},
    "entropy-bonus": {"entropy_bonus": 0.3},
    "entropy-bonus-dapo": {"entropy_bonus": 0.3, "loss_type": "dapo"},
    "entropy-bonus-bnpo": {"entropy_bonus": 0.3, "loss_type": "bnpo"},
    "top-entropy-share": {"top_entropy_share": 0.26},
    "top-entropy-share-dapo": {"top_entropy_share": 0.26, "loss_type": "dapo"},
    "token_truncate": {"importance_correction": True, "importance_threshold": 1.2},
    "token_mask": {"importance_correction": True, "importance_threshold": 1.2, "importance_mode": "token_mask"},
    "sequence_truncate": {"importance_correction": True, "importance_mode": "sequence_truncate"},
    "sequence_mask": {"importance_correction": True, "importance_mode": "sequence_mask", "importance_threshold": 3.0},
}


def off_policy_trainer(tmp_path, **changes):
    """A trainer in float32. A generation serves two optimizer steps, so TRL adds the logprobs of the old policy."""
    settings = {"eval_steps": 2, "save_steps": 2, "loss_type": "grpo", **OFF_POLICY, **changes}
    return make_float32_trainer(tmp_path, **settings)


def worked_batch(trainer):
    """Two groups, whose old policy and sampler differ from the present one by about half a nat per token."""
    sampled_batch(trainer)
    rows, noise = in_trls_layout(dict(trainer.step.batch)), torch.Generator().manual_seed(1)
    shape = rows["completion_mask"].shape
    rows["old_per_token_logps"] = rows["old_per_token_logps"] + 0.5 * torch.randn(shape, generator=noise)
    rows["sampling_per_token_logps"] = rows["sampling_per_token_logps"] + 0.5 * torch.randn(shape, generator=noise)
    return rows | {"advantages": torch.linspace(-1, 1, 16)}


SCORES = ("old_per_token_logps", "ref_per_token_logps")


def starts(rows):
    """Where the completion of each row starts in Unsloth's scores: it moves the padding of prompts behind them."""
    padding = (1 - rows["prompt_mask"]).sum(1)
    return (padding.max() - padding).tolist()


def in_trls_layout(rows):
    """The rows with the scores of completion tokens alone, (B, C)."""
    if not MADE_BY_UNSLOTH:
        return rows
    c = rows["completion_ids"].shape[1]
    cut = {k: torch.stack([x[i : i + c] for x, i in zip(rows[k], starts(rows))]) for k in SCORES if k in rows}
    return rows | cut


def in_the_layout_of_the_class(rows):
    """The rows as the base class of the trainer makes them; Unsloth's scores are (B, C + the widest padding)."""
    if not MADE_BY_UNSLOTH:
        return dict(rows)
    first, wide = starts(rows), int((1 - rows["prompt_mask"]).sum(1).max())
    moved = {
        k: torch.stack([torch.nn.functional.pad(x, (i, wide - i)) for x, i in zip(rows[k], first)])
        for k in SCORES
        if k in rows
    }
    return rows | moved


def trls_class():
    """TRL's own GRPOTrainer, also where Unsloth has put its class in its place: Unsloth leaves the file as it is."""
    if not MADE_BY_UNSLOTH:
        return trl.GRPOTrainer
    name = "trl.trainer.own_grpo_trainer"
    if name not in sys.modules:
        file = importlib.util.find_spec("trl.trainer.grpo_trainer").origin
        spec = importlib.util.spec_from_file_location(name, file)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name].GRPOTrainer


def use(trainer, monkeypatch, **flags):
    """Gives the trainer these flags, as `__init__` and TRL's read them from the arguments."""
    config = dataclasses.replace(trainer.run, **flags)
    shared = AcceleratorState._shared_state, PartialState._shared_state  # cleared by new arguments
    before = [dict(state) for state in shared]
    args = training_arguments(config, trainer.policy, trainer.dump)
    for state, content in zip(shared, before):
        state.clear()
        state.update(content)
    values = {
        "run": config, "args": args, "loss_type": args.loss_type, "beta": args.beta, "epsilon_low": args.epsilon,
        "epsilon_high": args.epsilon_high, "importance_sampling_level": args.importance_sampling_level,
        "top_entropy_quantile": args.top_entropy_quantile, "entropy_coef": args.entropy_coef,
        "_entropy_bonus_enabled": args.entropy_coef != 0, "num_iterations": args.num_iterations,
        "use_vllm": MADE_BY_UNSLOTH and config.importance_correction,
        "vllm_importance_sampling_correction": args.vllm_importance_sampling_correction,
        "vllm_importance_sampling_mode": args.vllm_importance_sampling_mode,
        "vllm_importance_sampling_clip_max": args.vllm_importance_sampling_clip_max,
    }  # fmt: skip
    for name, value in values.items():
        monkeypatch.setattr(trainer, name, value)


def gradients(trainer):
    """The gradients of the trained weights, which are then removed."""
    found = {n: p.grad.clone() for n, p in trainer.model.named_parameters() if p.grad is not None}
    trainer.model.zero_grad()
    return found


def trls(trainer, batch, monkeypatch):
    """(loss, gradients) of TRL's class for the batch in one piece, with TRL's own correction and entropy mask."""
    own, whole = trls_class(), dict(batch)
    whole["num_items_in_batch"] = whole["completion_mask"].sum() * trainer.run.steps_per_generation
    with monkeypatch.context() as patch:
        patch.setattr(trainer.step, "part", None)
        patch.setattr(trainer, "use_vllm", trainer.run.importance_correction)
        patch.setattr(trainer, "get_high_entropy_mask", partial(own.get_high_entropy_mask, trainer), raising=False)
        patch.setattr(trainer, "_get_per_token_logps_and_entropies", partial(batch_logprobs, trainer))
        if trainer.use_vllm:
            gap = (whole["old_per_token_logps"] - whole["sampling_per_token_logps"]) * whole["completion_mask"]
            whole["importance_sampling_ratio"] = correction(
                gap, trainer.run.importance_mode, trainer.run.importance_threshold
            )
        loss = own._compute_loss(trainer, trainer.model.train(), whole)
    trainer.model.zero_grad()
    loss.backward()
    return loss.item(), gradients(trainer)


def ours(trainer, batch, monkeypatch):
    """(loss, gradients) of our update, in several parts of rows of similar length."""
    trainer.step.gaps, trainer.step.line, sizes = [], {}, []
    part_loss = type(trainer).part_loss
    monkeypatch.setattr(
        trainer, "part_loss", lambda m: sizes.append(len(trainer.step.part["advantages"])) or part_loss(trainer, m)
    )
    monkeypatch.setattr(trainer, "parts", lambda b, divisor: split(b, 600, 1, padded=False))
    loss = trainer.update(trainer.model.train(), trainer.step, in_the_layout_of_the_class(batch)).item()
    assert len(sizes) > 1
    return loss, gradients(trainer)


def distance(a, b):
    """The largest difference of two sets of gradients, as a share of the largest gradient."""
    assert a.keys() == b.keys() != set()
    return max((a[n] - b[n]).abs().max().item() for n in a) / max(g.abs().max().item() for g in b.values())


def check_flag(trainer, batch, monkeypatch, name):
    """Our update with this flag has loss and gradient of TRL's own loss, which differ from those without it."""
    use(trainer, monkeypatch, **{k: v for k, v in FLAGS[name].items() if k == "loss_type"})
    without = ours(trainer, batch, monkeypatch)
    use(trainer, monkeypatch, **FLAGS[name])
    if "entropy" in name:  # here a group without advantages is learned from, or counts for the threshold
        batch["advantages"] = batch["advantages"] * (torch.arange(16) < 8)
    got = check_equal(trainer, batch, monkeypatch)
    if name != "cispo":
        assert distance(got, without[1]) > 1e-2


def check_equal(trainer, batch, monkeypatch):
    """Our update has loss and gradient of TRL's own loss. Returns the gradients."""
    expected = trls(trainer, batch, monkeypatch)
    got = ours(trainer, batch, monkeypatch)
    assert got[0] == pytest.approx(expected[0], rel=1e-4, abs=1e-5)
    assert distance(got[1], expected[1]) < 1e-3
    return got[1]


def loss_at(trainer, batch, monkeypatch, log_ratio, advantage, **flags):
    """The loss if the policy has moved by `log_ratio` (a number or (B, C)) in every token, and of one advantage."""
    use(trainer, monkeypatch, **flags)
    part = dict(batch) | {"advantages": torch.full((16,), float(advantage))}
    monkeypatch.setattr(trainer.step, "part", None)
    ids, mask = (torch.cat([part[f"prompt_{k}"], part[f"completion_{k}"]], 1) for k in ("ids", "mask"))
    with torch.no_grad():
        logprobs, _, _ = batch_logprobs(trainer, trainer.model, ids, mask, part["completion_ids"].shape[1])
        part["old_per_token_logps"] = logprobs - log_ratio
        return trainer.compute_loss(trainer.model.train(), in_the_layout_of_the_class(part)).item()


def check_bounds(trainer, batch, monkeypatch):
    """The ratio is bounded where the papers say."""
    loss = partial(loss_at, trainer, batch, monkeypatch)
    # Advantage 1: min(rho, 1 + high). Advantage -1: max(rho, 1 - low), and at most delta.
    assert loss(0.5, 1) == pytest.approx(-1.2, rel=1e-3)
    assert loss(0.5, 1, clip_range=0.1) == pytest.approx(-1.1, rel=1e-3)
    assert loss(0.5, 1, epsilon_high=0.28) == pytest.approx(-1.28, rel=1e-3)
    assert loss(2.0, -1) == pytest.approx(math.exp(2.0), rel=1e-3)
    assert loss(2.0, -1, delta=4.0) == pytest.approx(4.0, rel=1e-3)
    assert loss(0.5, -1, delta=4.0) == pytest.approx(math.exp(0.5), rel=1e-3)
    # Half of the tokens move by 0.4, half do not: a sequence's ratio is the geometric mean.
    mask = batch["completion_mask"]
    moved = 0.1 * (torch.arange(mask.shape[1]) < mask.sum(1, keepdim=True) // 2)
    share = (moved * mask).sum(1) / mask.sum(1)
    assert loss(moved, 1, importance_level="sequence") == pytest.approx(-share.exp().mean().item(), rel=1e-3)
