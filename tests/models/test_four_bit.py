"""4-bit weights on a CPU: the weights that are merged are those that the policy computes with, at any time."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from r1rl.config.flags import Config
from r1rl.config.recipes import overrides
from r1rl.engines import proof
from r1rl.engines.transformers import TransformersEngine
from r1rl.models.merge import merged_weights
from r1rl.models.policy import load_policy
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
