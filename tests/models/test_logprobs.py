"""The trainer's logprobs over a nucleus, against a calculation by hand."""

from __future__ import annotations

import contextlib
import math
from types import SimpleNamespace

import pytest
import torch

from r1rl.models import logprobs as logprobs_module
from r1rl.models.logprobs import token_logprobs

# Three tokens of a vocabulary of 4 with probabilities 0.5, 0.3, 0.15, 0.05.
LOGITS = torch.tensor([[0.5, 0.3, 0.15, 0.05]] * 3).log()


def policy_of_identity(**config):
    """A policy whose output layer returns the states as logits."""
    head = torch.nn.Identity()
    head.weight = torch.zeros(1)
    model = SimpleNamespace(config=SimpleNamespace(vocab_size=4))
    base = SimpleNamespace(lm_head=head, config=SimpleNamespace(**config))
    return SimpleNamespace(base=base, model=model, autocast=contextlib.nullcontext)


def test_tokens_of_the_nucleus_share_its_mass():
    """A mass of 0.7 takes two tokens, 0.5 and 0.3 of 0.8; the token outside of it counts as inside: 0.15 of 0.95."""
    logprobs, entropies = token_logprobs(policy_of_identity(), LOGITS, torch.tensor([0, 1, 2]), 1.0, top_p=0.7)
    assert logprobs.exp().tolist() == pytest.approx([5 / 8, 3 / 8, 15 / 95])
    two = torch.tensor([5 / 8, 3 / 8])
    assert entropies[0].item() == pytest.approx(-(two * two.log()).sum().item())


def test_the_gradient_is_that_of_the_nucleus():
    """The derivative of a logprob by the logits is 1 for the token minus the renormalised probabilities, else 0."""
    states = LOGITS[:1].clone().requires_grad_()
    logprobs, _ = token_logprobs(policy_of_identity(), states, torch.tensor([0]), 1.0, top_p=0.7)
    logprobs.sum().backward()
    assert states.grad[0].tolist() == pytest.approx([3 / 8, -3 / 8, 0, 0])


def test_without_a_nucleus_all_tokens_count():
    logprobs, _ = token_logprobs(policy_of_identity(), LOGITS, torch.tensor([0, 1, 3]), 1.0)
    assert logprobs.exp().tolist() == pytest.approx([0.5, 0.3, 0.05])


def test_gemma_2_bounds_its_logits():
    """30 tanh(x / 30) of logits 30 and 0: the first is 30 tanh(1) = 22.85."""
    states = torch.tensor([[30.0, 0.0, 0.0, 0.0]])
    policy = policy_of_identity(final_logit_softcapping=30.0)
    logprobs, _ = token_logprobs(policy, states, torch.tensor([1]), 1.0)
    assert logprobs.item() == pytest.approx(-30 * math.tanh(1), abs=1e-4)


def policy_with_head(frozen: bool):
    """A policy with an output layer from 3 states to 5 tokens, in float32."""
    head = torch.nn.Linear(3, 5, bias=False).requires_grad_(not frozen)
    base = SimpleNamespace(lm_head=head, config=SimpleNamespace())
    model = SimpleNamespace(config=SimpleNamespace(vocab_size=5))
    return SimpleNamespace(base=base, model=model, autocast=contextlib.nullcontext, mixed=False)


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_chunks_have_the_gradients_of_the_whole(frozen, temperature, monkeypatch):
    torch.manual_seed(0)
    policy, states = policy_with_head(frozen), 4 * torch.randn(7, 3)
    tokens, pull = torch.tensor([0, 4, 2, 2, 1, 3, 0]), torch.linspace(-1, 2, 7)
    leaf = states.clone().requires_grad_()
    logits = policy.base.lm_head(leaf) / temperature
    expected = logits.log_softmax(-1)[torch.arange(7), tokens]
    (expected * pull).sum().backward()
    wanted, of_head = leaf.grad, policy.base.lm_head.weight.grad
    policy.base.lm_head.weight.grad = None
    monkeypatch.setattr(logprobs_module, "LOGITS_AT_ONCE", 3 * 5)  # three tokens at once
    leaf = states.clone().requires_grad_()
    found, entropies = token_logprobs(policy, leaf, tokens, temperature)
    assert not entropies.requires_grad and ("ChosenLogprobs" in found.grad_fn.name()) == frozen
    (found * pull).sum().backward()
    torch.testing.assert_close((found, leaf.grad), (expected, wanted))
    torch.testing.assert_close(entropies, torch.distributions.Categorical(logits=logits).entropy())
    assert (of_head is None) == frozen
    if not frozen:
        torch.testing.assert_close(policy.base.lm_head.weight.grad, of_head)


def test_the_entropys_gradient_goes_through_chunks(monkeypatch):
    torch.manual_seed(0)
    policy, states = policy_with_head(frozen=True), torch.randn(7, 3)
    leaf = states.clone().requires_grad_()
    torch.distributions.Categorical(logits=policy.base.lm_head(leaf)).entropy().sum().backward()
    monkeypatch.setattr(logprobs_module, "LOGITS_AT_ONCE", 3 * 5)
    other = states.clone().requires_grad_()
    token_logprobs(policy, other, torch.zeros(7, dtype=torch.long), 1.0, entropy_gradient=True)[1].sum().backward()
    torch.testing.assert_close(other.grad, leaf.grad)


def test_a_bounded_output_layer_is_read_in_chunks_too(monkeypatch):
    torch.manual_seed(0)
    policy, states, tokens = policy_with_head(frozen=True), 9 * torch.randn(7, 3), torch.tensor([0, 4, 2, 2, 1, 3, 0])
    policy.base.config.final_logit_softcapping = 2.0
    expected = (2 * (policy.base.lm_head(states) / 2).tanh()).log_softmax(-1)[torch.arange(7), tokens]
    monkeypatch.setattr(logprobs_module, "LOGITS_AT_ONCE", 3 * 5)
    torch.testing.assert_close(token_logprobs(policy, states, tokens, 1.0)[0], expected)


def test_chunks_in_bfloat16_are_near_those_in_float32(monkeypatch):
    torch.manual_seed(0)
    policy, states = policy_with_head(frozen=True), torch.randn(7, 3)
    monkeypatch.setattr(logprobs_module, "LOGITS_AT_ONCE", 3 * 5)
    results = []
    for policy.mixed in (False, True):
        leaf = states.clone().requires_grad_()
        logprobs, _ = token_logprobs(policy, leaf, torch.tensor([0, 4, 2, 2, 1, 3, 0]), 0.7)
        logprobs.sum().backward()
        results.append((logprobs.detach(), leaf.grad))
    for exact, rounded in zip(*results):
        assert rounded.dtype == torch.float32 and not torch.equal(rounded, exact)
        torch.testing.assert_close(rounded, exact, rtol=0.02, atol=0.02)
