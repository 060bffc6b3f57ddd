"""Drawing tokens: the exact distribution, the worked inverse, and the way through blocks of a large vocabulary."""

from __future__ import annotations

import math

import pytest
import torch

from r1rl.engines import draw as draw_module
from r1rl.engines.base import Sampling
from r1rl.engines.draw import draw, greedy, sample

SURE = 4.0  # standard errors


def logits_of(rows: int, vocab: int, seed: int = 0) -> torch.Tensor:
    return 3 * torch.randn(rows, vocab, generator=torch.Generator().manual_seed(seed))


def noise_of(rows: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(rows, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("vocab", [300, 4096, 5001])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_the_token_is_the_one_whose_share_of_the_line_holds_the_number(vocab, temperature):
    """In float64: mass before the token <= number < mass up to it, but for float32's rounding."""
    logits, noise = logits_of(200, vocab), noise_of(200)
    tokens, logprobs = draw(logits, temperature, noise)
    chances = (logits.double() / temperature).softmax(-1)
    upto = chances.cumsum(-1).gather(1, tokens[:, None])[:, 0]
    own = chances.gather(1, tokens[:, None])[:, 0]
    assert (noise < upto + 2e-6).all() and (noise >= upto - own - 2e-6).all()
    torch.testing.assert_close(logprobs.double(), own.log(), atol=1e-5, rtol=1e-5)


def test_large_and_small_vocabularies_are_drawn_alike(monkeypatch):
    """Both ways draw the same token, unless the number is within rounding of the line between two."""
    logits, noise = logits_of(500, 6000), noise_of(500)
    for temperature in (1.0, 0.6, 0.0):
        asked = Sampling(n=1, max_tokens=1, temperature=temperature)
        monkeypatch.setattr(draw_module, "LARGE", 4096)
        tokens, logprobs = sample(logits, asked, noise)
        monkeypatch.setattr(draw_module, "LARGE", 10**9)
        others, other_logprobs = sample(logits, asked, noise)
        edges = (logits.double() / (temperature or 1)).softmax(-1).cumsum(-1)
        near = (edges - noise[:, None]).abs().amin(-1) < 2e-6
        same = tokens == others
        assert (same | near).all() and same.float().mean() > 0.9
        torch.testing.assert_close(logprobs[same], other_logprobs[same], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("large", [1, 10**9])
def test_drawn_tokens_follow_the_exact_distribution(large, monkeypatch):
    """Chi-square of 40,000 tokens from a vocabulary of 12, in blocks and at once: mean 11, standard deviation 4.7."""
    monkeypatch.setattr(draw_module, "LARGE", large)
    logits, count = logits_of(1, 12, seed=4) / 3, 40_000
    asked = Sampling(n=1, max_tokens=1, temperature=0.8)
    tokens, logprobs = sample(logits.expand(count, -1).contiguous(), asked, noise_of(count))
    chances = (logits[0].double() / 0.8).softmax(-1)
    found = torch.bincount(tokens, minlength=12)
    assert len(found) == 12
    square = ((found - count * chances) ** 2 / (count * chances)).sum().item()
    assert square < 11 + SURE * math.sqrt(22)
    torch.testing.assert_close(logprobs.double().exp(), chances[tokens], atol=1e-6, rtol=1e-5)


def test_a_draw_depends_on_its_own_row_alone():
    logits, noise = logits_of(40, 9000), noise_of(40)
    tokens, logprobs = draw(logits, 1.0, noise)
    for at_once in (1, 7, 33):
        parts = [draw(x, 1.0, n) for x, n in zip(logits.split(at_once), noise.split(at_once))]
        assert torch.equal(torch.cat([t for t, _ in parts]), tokens)
        assert torch.equal(torch.cat([p for _, p in parts]), logprobs)


def test_a_token_of_probability_zero_is_never_drawn():
    """The mass is in the middle of the vocabulary, and the numbers are the smallest and the largest that there are."""
    logits = torch.full((2, 5000), -torch.inf)
    logits[:, 2000:2300] = 0.0
    tokens, logprobs = draw(logits, 1.0, torch.tensor([0.0, 1.0]))
    assert tokens.tolist() == [2000, 2299]
    assert logprobs.tolist() == pytest.approx([-math.log(300)] * 2)


def test_greedy_takes_the_first_of_the_most_likely():
    logits = logits_of(50, 5001)
    logits[0, [4000, 4990]] = 30.0
    tokens, logprobs = greedy(logits)
    assert torch.equal(tokens, logits.argmax(-1)) and tokens[0] == 4000
    expected = logits.double().log_softmax(-1).amax(-1)
    torch.testing.assert_close(logprobs.double(), expected, atol=1e-5, rtol=1e-5)
    half = logits.bfloat16()
    assert torch.equal(half.gather(1, greedy(half)[0][:, None])[:, 0], half.amax(-1))
