"""A real language model (SmolLM2-135M-Instruct): the engine samples from the policy, in 4 bit and from a nucleus, too."""

from __future__ import annotations

import pytest
import torch

from r1rl.config.flags import Config
from r1rl.engines import proof
from r1rl.engines.base import Sampling
from r1rl.engines.transformers import TransformersEngine
from r1rl.models.merge import merged_weights
from r1rl.models.policy import load_policy
from r1rl.system.errors import UserError
from r1rl.tasks.prompts import Builder
from r1rl.tasks.word_problems import WordProblems

pytestmark = pytest.mark.slow
TARGETS = ["q_proj", "down_proj"]


@pytest.fixture(scope="module", params=["float32", "4 bit"])
def started(request, real_model):
    """(policy, engine, prompts) with the precision of the base weights."""
    config = Config(model_name=str(real_model), load_in_4bit=request.param == "4 bit", unsloth=False, is_chat=True,
                    dataset_name="word-problems", lora_rank=8)  # fmt: skip
    policy = load_policy(config, has_gpu=False, shared_engine=False)
    prompts = Builder(policy.tokenizer, config)(WordProblems(0).load("test")[:2], "test")
    return policy, TransformersEngine(policy), prompts


def test_the_engine_samples_from_the_policy(started):
    policy, engine, prompts = started
    gap, _ = proof.base_gap(policy, engine, prompts, seed=0)  # raises UserError beyond the bound
    assert gap < proof.rounding_gap(policy) / 2
    proofs = proof.prove_adapter(policy, engine, prompts, seed=0, targets=TARGETS)
    assert {p.verdict for p in proofs} == {"proven"}


def test_a_pass_without_gradients_leaves_the_merged_weights(started):
    """bitsandbytes would repack 4-bit weights at that pass, where the processor has AVX512-BF16."""
    policy, _, prompts = started
    kept = ("layers.0.", "layers.29.")

    def weights() -> dict[str, torch.Tensor]:
        return {name: w.clone() for name, w in merged_weights(policy) if any(k in name for k in kept)}

    before = weights()
    policy.model.eval()
    with torch.no_grad():
        policy.model(input_ids=torch.tensor([prompts[0].ids]))
    after = weights()
    assert len(before) == 14 and all(torch.equal(w, after[name]) for name, w in before.items())


def test_sampler_and_trainer_score_the_same_nucleus(started):
    policy, engine, prompts = started
    rollouts = engine.generate(prompts, Sampling(n=4, max_tokens=16, top_p=0.7, seed=1))
    gap, _ = proof.sampler_gap(policy, rollouts, 1.0, top_p=0.7)
    over_all, _ = proof.sampler_gap(policy, rollouts, 1.0)
    assert gap < proof.rounding_gap(policy) / 2 and gap < over_all


def test_an_engine_with_other_weights_is_refused(started, monkeypatch):
    """As the 4-bit engine was before: its weights are unrelated to the policy's, and its tokens are random."""
    policy, engine, prompts = started
    before = {n: p.detach().clone() for n, p in engine.model.named_parameters() if n.endswith("_proj.weight")}

    def write(noise: bool) -> None:
        for i, (name, p) in enumerate(engine.model.named_parameters()):
            if name in before and noise:
                p.data.normal_(std=float(before[name].std()), generator=torch.Generator().manual_seed(i))
            elif name in before:
                p.data.copy_(before[name])
        for product in engine.fused.to_pack():
            product.pack()

    monkeypatch.setattr(engine, "sync", lambda: write(noise=True))
    with pytest.raises(UserError, match="does not sample from the model"):
        proof.base_gap(policy, engine, prompts, seed=0)
    with pytest.raises(UserError, match="does not sample from the trained adapter"):
        proof.prove_adapter(policy, engine, prompts, seed=0, targets=TARGETS[:1])
    write(noise=False)
    monkeypatch.undo()
    engine.sync()


def test_a_gap_beyond_rounding_is_a_user_error(started):
    """The bound for 30 layers: 8 nats * 2^-8 * sqrt(61) = 0.244 nats."""
    policy, _, _ = started
    assert proof.rounding_gap(policy) == pytest.approx(0.244, abs=5e-4)
    assert proof.Proof("x", 0.3, 0.4, 0.2, 50, 40, 0.244).verdict == "refuted"
