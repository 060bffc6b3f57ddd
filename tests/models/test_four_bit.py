"""4-bit weights on a CPU: the weights that are merged are those that the policy computes with, at any time."""

from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace

import pytest
import torch
from conftest import ROOT

from r1rl.commands.export import forms
from r1rl.config.flags import Config
from r1rl.config.recipes import overrides
from r1rl.engines import proof
from r1rl.engines.transformers import TransformersEngine
from r1rl.models.merge import merged_weights, save_merged
from r1rl.models.policy import load_policy
from r1rl.models.source import teacher_of
from r1rl.models.weights import MERGED_FROM_4BIT, was_in_4bit
from r1rl.pipeline.distill import make_student
from r1rl.preflight.checks import check_4bit
from r1rl.preflight.suggestions import four_bit
from r1rl.system.errors import UserError
from r1rl.tasks.prompts import Builder
from r1rl.tasks.word_problems import WordProblems

CONFIG = dataclasses.replace(Config(**overrides("tiny")), load_in_4bit=True, unsloth=False)


@pytest.fixture(scope="module")
def policy():
    return load_policy(CONFIG, has_gpu=False, shared_engine=False)


def test_a_pass_without_gradients_leaves_the_weights_as_they_are(policy):
    """bitsandbytes would repack them at that pass, where the processor has AVX512-BF16."""
    before = {name: weight.clone() for name, weight in merged_weights(policy)}
    policy.model.eval()
    with torch.no_grad():
        policy.model(input_ids=torch.tensor([[1, 2, 3]]))
    after = dict(merged_weights(policy))
    assert len(before) > 10 and all(torch.equal(weight, after[name]) for name, weight in before.items())


def test_a_merged_weight_is_what_the_layer_computes_with(policy):
    """The product of a layer with the unit matrix is its weight; inputs of 0 and 1 need no rounding in float32."""
    name = "model.layers.0.self_attn.o_proj"
    layer = policy.base.get_submodule(name).get_base_layer()
    weight = dict(merged_weights(policy))[f"{name}.weight"]
    with torch.no_grad():
        computed = layer(torch.eye(weight.shape[1])).T
    assert torch.allclose(computed, weight.float(), atol=1e-6)


def test_the_engine_samples_from_the_4_bit_policy(policy):
    prompts = Builder(policy.tokenizer, CONFIG)(WordProblems(0).load("test")[:2], "test")
    engine = TransformersEngine(policy)
    gap, _ = proof.base_gap(policy, engine, prompts, seed=0)  # raises UserError if rounding does not explain it
    assert gap < proof.rounding_gap(policy)
    assert {p.verdict for p in proof.prove_adapter(policy, engine, prompts, seed=0)} == {"proven"}


def test_training_goes_on_after_a_pass_without_gradients(policy):
    policy.model.train()
    out = policy.model(input_ids=torch.tensor([[1, 2, 3]]), labels=torch.tensor([[1, 2, 3]]))
    out.loss.backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in policy.model.parameters())


def test_what_was_merged_is_not_quantized_again(policy, tmp_path):
    """A learned update is small compared with the distance between two 4-bit values, so quantizing the sum would round it away."""
    layer = policy.base.get_submodule("model.layers.0.mlp.down_proj")
    learned = layer.lora_B["default"].weight
    before = dict(merged_weights(policy))["model.layers.0.mlp.down_proj.weight"].float()
    with torch.no_grad():
        learned.normal_(std=1e-3, generator=torch.Generator().manual_seed(0))
    try:
        after = dict(merged_weights(policy))["model.layers.0.mlp.down_proj.weight"].float()
        save_merged(policy, tmp_path / "model")
    finally:
        learned.data.zero_()
    whole, again = dataclasses.replace(CONFIG, model_name=str(tmp_path / "model"), load_in_4bit=False), {}
    for name, config in (("whole", whole), ("in 4 bit", dataclasses.replace(whole, load_in_4bit=True))):
        # --resume: a run from before the check goes on.
        loaded = load_policy(dataclasses.replace(config, resume=True, exp_name="x"), has_gpu=False, shared_engine=False)
        again[name] = dict(merged_weights(loaded))["model.layers.0.mlp.down_proj.weight"].float()
    update = after - before
    assert update.abs().max() > 0 and torch.equal(again["whole"], after)
    left = ((again["in 4 bit"] - before) * update).sum() / (update * update).sum()
    assert abs(left) < 0.3
    check_4bit(whole)
    with pytest.raises(UserError, match=r"was merged from 4-bit weights .* Add --no-load-in-4bit"):
        check_4bit(dataclasses.replace(whole, load_in_4bit=True))
    with pytest.raises(UserError, match=r"was merged from 4-bit weights"):  # of the hub it is read when it is loaded
        load_policy(dataclasses.replace(whole, load_in_4bit=True), has_gpu=False, shared_engine=False)
    # So is what is merged from it, and a student with some of its layers.
    save_merged(load_policy(whole, has_gpu=False, shared_engine=False), tmp_path / "next")
    taught = dataclasses.replace(CONFIG, model_name="tiny", teacher_model=str(tmp_path / "next"), teacher_in_4bit=True)
    with pytest.raises(UserError, match=r"--teacher-model .* Add --no-teacher-in-4bit"):
        check_4bit(dataclasses.replace(taught, load_in_4bit=False))
    make_student(teacher_of(taught), 1, tmp_path / "student")
    with pytest.raises(UserError, match=r"--model-name .* Add --no-load-in-4bit"):
        check_4bit(dataclasses.replace(CONFIG, model_name=str(tmp_path / "student")))


def test_a_gguf_file_says_that_it_was_merged_from_4_bit(policy, tmp_path, monkeypatch):
    pytest.importorskip("gguf")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(forms, "converter", lambda: ROOT / "tests" / "helpers" / "gguf_writer.py")
    plain = load_policy(dataclasses.replace(CONFIG, load_in_4bit=False), has_gpu=False, shared_engine=False)
    for name, exported in (("plain", plain), ("merged", policy)):
        (tmp_path / name).mkdir()
        forms.write_gguf(exported, tmp_path / name)
        assert not list((tmp_path / name).glob("*metadata*"))
    place = SimpleNamespace(on_gpu=True)
    config = dataclasses.replace(CONFIG, load_in_4bit=False, model_name=str(tmp_path / "plain" / forms.GGUF_FILE))
    check_4bit(dataclasses.replace(config, load_in_4bit=True))
    assert [flag for flag, *_ in four_bit(config, place)] == ["--load-in-4bit"]
    config = dataclasses.replace(config, model_name=str(tmp_path / "merged" / forms.GGUF_FILE))
    check_4bit(config)
    assert not list(four_bit(config, place))
    with pytest.raises(UserError, match=r"model\.gguf' was merged from 4-bit weights .* Add --no-load-in-4bit"):
        check_4bit(dataclasses.replace(config, load_in_4bit=True))
    with pytest.raises(UserError, match=r"--teacher-model .* Add --no-teacher-in-4bit"):
        teacher = {"teacher_model": config.model_name, "teacher_in_4bit": True, "model_name": "tiny"}
        check_4bit(dataclasses.replace(config, **teacher))


def test_a_model_that_was_merged_before_there_was_a_mark(tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    for in_4bit in (True, False):
        (tmp_path / "run.json").write_text(json.dumps({"config": {"load_in_4bit": in_4bit}}))
        assert was_in_4bit(model) == in_4bit


def test_4_bit_is_not_suggested_for_a_merged_model(tmp_path):
    place = SimpleNamespace(on_gpu=True)
    merged = dataclasses.replace(CONFIG, load_in_4bit=False, model_name=str(tmp_path))
    assert [flag for flag, *_ in four_bit(merged, place)] == ["--load-in-4bit"]
    (tmp_path / "config.json").write_text(json.dumps({MERGED_FROM_4BIT: True}))
    assert not list(four_bit(merged, place))
    assert not list(four_bit(dataclasses.replace(merged, model_name="tiny", mode="rl"), place))


def test_a_model_that_is_not_here_is_not_looked_for(monkeypatch):
    """`plan` names its shape without it."""
    monkeypatch.setattr("r1rl.models.source.installed_smollm2", lambda: None)
    check_4bit(dataclasses.replace(CONFIG, model_name="smollm2-135m"))
