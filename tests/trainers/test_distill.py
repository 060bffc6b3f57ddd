"""Distillation: the student made of its teacher's layers, the KL by hand, the loss of a student that is its teacher."""

from __future__ import annotations

import math

import pytest
import torch
from small_sft import SMALL

from r1rl.config.flags import TINY_MODELS, Config
from r1rl.engines.transformers import TransformersEngine
from r1rl.models.policy import load_policy
from r1rl.models.source import Teacher
from r1rl.pipeline.distill import distill, kept_layers, make_student
from r1rl.pipeline.sft import with_epochs
from r1rl.rewards.weighted import load_rewards
from r1rl.runs import folder, progress
from r1rl.system.errors import UserError
from r1rl.system.interrupt import Interrupt
from r1rl.trainers.sft import Collator, Distiller, forward_kl
from r1rl.trainers.sft_examples import conversation_examples

TEACHER = str(TINY_MODELS["tiny"])
ROWS = [
    {"messages": [{"role": "user", "content": f"{n} + 1?"}, {"role": "assistant", "content": f"It is {n + 1}."}],
     "task": "general"} for n in range(4)
]  # fmt: skip


def test_layers_are_spread_evenly_with_both_ends():
    assert kept_layers(4, 3) == [0, 2, 3] and kept_layers(4, 2) == [0, 3] and kept_layers(4, 1) == [0]
    assert kept_layers(24, 12)[0] == 0 and kept_layers(24, 12)[-1] == 23 and len(set(kept_layers(24, 12))) == 12
    for keep in (0, 4, 5):
        with pytest.raises(UserError, match="must be 1 to 3"):
            kept_layers(4, keep)


def test_the_student_is_the_teacher_without_some_layers(tmp_path):
    from torch import nn
    from transformers import AutoModelForCausalLM, AutoTokenizer

    make_student(Teacher(TEACHER), 2, tmp_path / "student")
    assert [p.name for p in tmp_path.iterdir()] == ["student"]
    student = AutoModelForCausalLM.from_pretrained(tmp_path / "student", dtype=torch.float32)
    teacher = AutoModelForCausalLM.from_pretrained(TEACHER, dtype=torch.float32)
    assert student.config.num_hidden_layers == 2
    assert student.num_parameters() < teacher.num_parameters()
    ids = torch.tensor([AutoTokenizer.from_pretrained(tmp_path / "student")("Tom has 2 pens.")["input_ids"]])
    with torch.no_grad():
        whole = teacher(ids).logits
        teacher.model.layers = nn.ModuleList([teacher.model.layers[0], teacher.model.layers[3]])
        teacher.config.num_hidden_layers = 2
        torch.testing.assert_close(student(ids).logits, teacher(ids, use_cache=False).logits)
    assert not torch.allclose(student(ids).logits, whole)


def test_kl_by_hand():
    """p = (1/2, 1/2), q = (1/4, 3/4): 1/2 ln 2 + 1/2 ln 2/3 = 0.1438."""
    p, q = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.25, 0.75]]).log()
    assert forward_kl(p, q).item() == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(2 / 3))
    assert forward_kl(p, p).item() == 0


def make_distiller(tmp_path, weight, teacher=TEACHER):
    changes = {"distill_kl": weight, "teacher_model": teacher, "dumps": str(tmp_path), "exp_name": "run"}
    config = with_epochs(
        Config(**{**SMALL, "mode": None, "prompt_style": "tags", "answer_format": "tag", **changes}), 4
    )
    policy = load_policy(config, has_gpu=False, shared_engine=False)
    folder.check_folder(config)
    dump = folder.open_run(config, "test", {"gpu": None})
    examples = conversation_examples(ROWS, policy.tokenizer, config)
    meter = progress.Meter(config, None, {})
    engine = TransformersEngine(policy)
    return Distiller(config, policy, engine, load_rewards(config), examples, [], dump, meter, Interrupt())


def test_the_loss_is_cross_entropy_and_kl_by_their_weights(tmp_path, monkeypatch):
    make_student(Teacher(TEACHER), 3, tmp_path / "other")  # as a teacher that differs
    distiller = make_distiller(tmp_path, 0.25, str(tmp_path / "other"))
    monkeypatch.setattr(distiller.policy, "mixed", False)  # so that equal models give equal numbers
    batch = Collator(distiller.policy.tokenizer.pad_token_id)(list(distiller.train_dataset))
    loss = {}
    for weight in (0.0, 0.25, 1.0):
        object.__setattr__(distiller.run, "distill_kl", weight)
        loss[weight] = distiller.compute_loss(distiller.model, dict(batch)).item()
    assert loss[0.25] == pytest.approx(0.75 * loss[0.0] + 0.25 * loss[1.0], rel=1e-4)
    theirs = distiller.policy.model(**batch, use_cache=False).loss.item()  # transformers' own mean over the tokens
    assert loss[0.0] == pytest.approx(theirs, rel=1e-4)
    assert loss[1.0] > 0.01
    distiller.teacher = distiller.policy.sampling_copy()  # the adapter starts at zero: the student is its teacher
    assert distiller.compute_loss(distiller.model, dict(batch)).item() == pytest.approx(0, abs=1e-3)


def test_a_teacher_with_other_tokens_is_refused(tmp_path):
    from transformers import AutoConfig, AutoModelForCausalLM

    other = AutoConfig.from_pretrained(TEACHER)
    other.vocab_size = 700
    AutoModelForCausalLM.from_config(other).save_pretrained(tmp_path / "other")
    with pytest.raises(UserError, match="700 tokens and the student 896"):
        make_distiller(tmp_path, 0.5, str(tmp_path / "other"))


def test_teacher_and_student_must_be_named():
    with pytest.raises(UserError, match="--teacher-model"):
        distill(Config(), "test", None)
    with pytest.raises(UserError, match="--student-layers"):
        distill(Config(teacher_model="x"), "test", None)
