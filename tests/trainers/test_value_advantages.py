"""PPO's arithmetic: worked by hand, and against an independent reference (stable-baselines3)."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from r1rl.trainers.advantages import adapted_beta, gae, token_rewards, whitened
from r1rl.trainers.ppo import ValueHead, clipped_surrogate, clipped_value_loss, reward_weighted


def test_gae_by_hand():
    """gamma 0.9, lambda 0.8; deltas from the end: 1 - 0.6, 0 + 0.9 * 0.6 - 0.4, 0.5 + 0.9 * 0.4 - 0.2."""
    advantages, returns = gae([0.5, 0.0, 1.0], [0.2, 0.4, 0.6], gamma=0.9, lam=0.8)
    last = 0.4
    middle = 0.14 + 0.72 * last
    first = 0.66 + 0.72 * middle
    assert advantages == pytest.approx([first, middle, last])
    assert returns == pytest.approx([first + 0.2, middle + 0.4, 1.0])


def test_gae_at_its_two_ends():
    rewards, values = [0.0, 0.0, 1.0], [0.3, 0.5, 0.9]
    one_step, _ = gae(rewards, values, gamma=1.0, lam=0.0)
    assert one_step == pytest.approx([0.5 - 0.3, 0.9 - 0.5, 1 - 0.9])
    whole, returns = gae(rewards, values, gamma=1.0, lam=1.0)
    assert whole == pytest.approx([1 - 0.3, 1 - 0.5, 1 - 0.9])
    assert returns == pytest.approx([1.0, 1.0, 1.0])


@pytest.mark.parametrize("gamma,lam", [(1.0, 0.95), (0.99, 0.9), (0.5, 0.0), (1.0, 1.0)])
def test_gae_equals_stable_baselines3(gamma, lam):
    from gymnasium import spaces
    from stable_baselines3.common.buffers import RolloutBuffer

    rng = np.random.default_rng(0)
    rewards, values = rng.normal(size=30), rng.normal(size=30)
    box = spaces.Box(-1, 1, (1,))
    buffer = RolloutBuffer(30, box, box, device="cpu", gae_lambda=lam, gamma=gamma)
    for t in range(30):
        begins = np.array([t == 0])
        buffer.add(np.zeros((1, 1)), np.zeros((1, 1)), rewards[t : t + 1], begins,
                   torch.tensor(values[t : t + 1]), torch.zeros(1))  # fmt: skip
    buffer.compute_returns_and_advantage(last_values=torch.zeros(1), dones=np.array([True]))
    advantages, returns = gae(rewards.tolist(), values.tolist(), gamma, lam)
    assert advantages == pytest.approx(buffer.advantages[:, 0].tolist(), abs=1e-5)
    assert returns == pytest.approx(buffer.returns[:, 0].tolist(), abs=1e-5)


def test_gae_equals_a_linear_filter():
    """A discounted sum from the end is the filter 1 / (1 - gamma lambda z^-1), run backwards."""
    rng = np.random.default_rng(1)
    rewards, values = rng.normal(size=200), rng.normal(size=200)
    deltas = rewards + 0.97 * np.append(values[1:], 0) - values
    expected = lfilter([1], [1, -0.97 * 0.93], deltas[::-1])[::-1]
    assert gae(rewards.tolist(), values.tolist(), 0.97, 0.93)[0] == pytest.approx(expected.tolist())


def test_the_reward_falls_on_the_last_token_and_the_kl_on_each():
    assert token_rewards(1.0, [-1.0, -2.0, -3.0], None, beta=0.1) == [0.0, 0.0, 1.0]
    assert token_rewards(1.0, [-1.0, -2.0, -3.0], [-1.5, -2.5, -2.0], 0.1) == pytest.approx([-0.05, -0.05, 1.1])


def test_whitening():
    """1, 2, 3, 6: mean 3, variance (4 + 1 + 0 + 9) / 3."""
    deviation = math.sqrt(14 / 3)
    assert whitened([1.0, 2.0, 3.0, 6.0]) == pytest.approx([x / deviation for x in (-2, -1, 0, 3)])
    assert whitened([2.0, 2.0, 2.0]) == [0.0, 0.0, 0.0]


def test_the_clipped_surrogate_by_hand():
    """Ratios 1.5, 1.5, 0.5, 0.5, 1.1 with clip 0.2: only what would reward going further is cut."""
    ratio = torch.tensor([1.5, 1.5, 0.5, 0.5, 1.1])
    advantages = torch.tensor([1.0, -1.0, 1.0, -1.0, 2.0])
    losses = clipped_surrogate(ratio.log(), torch.zeros(5), advantages, clip=0.2)
    assert losses.tolist() == pytest.approx([-1.2, 1.5, -0.5, 0.8, -2.2])


def test_a_clipped_token_has_no_gradient():
    logprobs = torch.tensor([0.5, -0.5, 0.0], requires_grad=True)
    clipped_surrogate(logprobs, torch.zeros(3), torch.tensor([1.0, -1.0, 1.0]), 0.2).sum().backward()
    assert logprobs.grad.tolist() == pytest.approx([0.0, 0.0, -1.0])


def test_the_surrogate_equals_the_paper_token_by_token():
    """min(r A, clip(r) A) of arXiv:1707.06347 equation 7, written with Python's own min and max."""
    rng = random.Random(0)
    for _ in range(200):
        new, old, advantage = rng.gauss(-2, 1), rng.gauss(-2, 1), rng.gauss(0, 2)
        ratio = math.exp(new - old)
        expected = -min(ratio * advantage, min(max(ratio, 0.8), 1.2) * advantage)
        got = clipped_surrogate(*(torch.tensor([x]) for x in (new, old, advantage)), 0.2).item()
        assert got == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_the_clipped_value_loss_by_hand():
    """V_old 0, clip 0.2: a jump to 1 counts as one to 0.2 where that is further from the return."""
    values, returns = torch.tensor([1.0, 1.0, 0.1]), torch.tensor([1.0, 0.0, 1.0])
    losses = clipped_value_loss(values, torch.zeros(3), returns, clip=0.2)
    assert losses.tolist() == pytest.approx([0.5 * 0.64, 0.5 * 1.0, 0.5 * 0.81])


def test_reward_weighted_by_hand():
    logprobs = torch.tensor([-1.0, -2.0, -1.0], requires_grad=True)
    advantages = torch.tensor([0.0, 1.5, -3.0])
    losses = reward_weighted(logprobs, advantages)
    assert losses.tolist() == pytest.approx([0.0, 3.0, -3.0])
    losses.sum().backward()
    first_pass = torch.zeros(3, requires_grad=True)  # the surrogate's gradient at ratio 1
    clipped_surrogate(first_pass, torch.zeros(3), advantages, 0.2).sum().backward()
    assert torch.equal(logprobs.grad, first_pass.grad)


def test_adaptive_beta():
    """Ziegler et al. section 2.2: the error is cut at 0.2; a tenth of the horizon moves beta by a tenth of it."""
    assert adapted_beta(0.1, kl=12.0, target=6.0, share=0.1) == pytest.approx(0.1 * 1.02)
    assert adapted_beta(0.1, kl=6.6, target=6.0, share=0.1) == pytest.approx(0.1 * 1.01)
    assert adapted_beta(0.1, kl=0.0, target=6.0, share=0.1) == pytest.approx(0.1 * 0.98)


def test_the_value_loss_falls_on_a_toy_problem():
    """Returns that are a linear function of the hidden state: the head learns them."""
    torch.manual_seed(0)
    hidden = torch.randn(256, 8)
    returns = hidden @ torch.randn(8) + 0.5
    head = ValueHead(8, torch.device("cpu"))
    assert head(hidden).abs().max() == 0
    optimizer = torch.optim.AdamW(head.parameters(), lr=0.05)
    losses = []
    for _ in range(300):
        old = head(hidden).detach()
        loss = clipped_value_loss(head(hidden), old, returns, clip=0.2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.01 * losses[0]
    assert head.bias.item() == pytest.approx(0.5, abs=0.1)


def test_the_head_comes_back_from_its_file(tmp_path):
    head = ValueHead(4, torch.device("cpu"))
    torch.nn.init.normal_(head.weight)
    head.save(str(tmp_path), beta=0.037)
    other = ValueHead(4, torch.device("cpu"))
    assert other.load(str(tmp_path)) == 0.037
    assert torch.equal(other.weight, head.weight)
