"""The fused linear layer: outputs and gradients of PEFT's layer, and where PEFT's own forward stays."""

from __future__ import annotations

import dataclasses

import pytest
import torch

pytest.importorskip("peft")
pytest.importorskip("trl")

from peft.tuners.lora import Linear, LoraConfig
from small_run import SMALL

from r1rl.config.flags import Config
from r1rl.models import shape
from r1rl.models.fused_adapter import FusedLinear, fuse_adapter
from r1rl.models.policy import load_policy


def near(one, other) -> bool:
    """Whether tensors of whole numbers are equal; with R1RL_TEST_ROUNDING they are moved by a unit in the last place."""
    return torch.allclose(one.float(), other.float(), rtol=0.02, atol=0.5)


def small_integers(*size, seed, most=2):
    """Integers from -most to most, whose sums of products bfloat16 and float32 represent exactly."""
    return torch.randint(-most, most + 1, size, generator=torch.Generator().manual_seed(seed)).float()


def layer(bias=False, dropout=0.0):
    """PEFT's adapter of rank 2 with scaling 2 on a frozen 6 x 5 layer, all of small integers."""
    base = torch.nn.Linear(6, 5, bias=bias)
    base.requires_grad_(False)
    made = Linear(base, "default", LoraConfig(r=2, lora_alpha=4, lora_dropout=dropout), r=2, lora_alpha=4)
    for i, p in enumerate(made.parameters()):
        p.data.copy_(small_integers(*p.shape, seed=i))
    return made


def results(made, x, upstream):
    """Output, and the gradients of x, A and B."""
    x = x.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        out = made(x)
    a, b = made.lora_A["default"].weight, made.lora_B["default"].weight
    return [out.detach().float(), *torch.autograd.grad(out, [x, a, b], upstream.to(out.dtype))]


@pytest.mark.parametrize("bias", [False, True])
def test_output_and_gradients_are_those_of_peft(bias):
    made, x, upstream = layer(bias), small_integers(2, 3, 6, seed=10), small_integers(2, 3, 5, seed=11, most=1)
    expected = results(made, x, upstream)
    fuse_adapter(torch.nn.Sequential(made))
    assert type(made) is FusedLinear
    found = results(made, x, upstream)
    assert found[0].abs().max() > 0 and found[0].abs().max() < 256  # exact in bfloat16
    for one, other in zip(found, expected):
        assert near(one, other)
    # By hand: W x + bias + 2 B A x.
    w, (a, b) = made.base_layer, (made.lora_A["default"].weight, made.lora_B["default"].weight)
    by_hand = x @ w.weight.T + (w.bias if bias else 0) + 2 * x @ a.T @ b.T
    assert near(found[0], by_hand.detach())


def test_what_peft_does_otherwise_stays_as_it_is():
    made, x = layer(), small_integers(3, 6, seed=10)
    fuse_adapter(torch.nn.Sequential(made))
    plain = x @ made.base_layer.weight.T
    assert made(x).dtype == torch.float32  # without autocast
    with torch.autocast("cpu", torch.bfloat16):
        adapted = made(x).float()
        made.enable_adapters(False)
        assert near(made(x), plain)
        made.enable_adapters(True)
        made.update_layer("ref", 2, 4, LoraConfig(r=2, lora_alpha=4))  # as with --beta; its B is 0
        made.set_adapter("ref")
        assert near(made(x), plain)
        made.set_adapter(["default", "ref"])
        assert near(made(x), adapted)
        made.set_adapter("default")
        made.merge()
        assert near(made(x), adapted) and not near(adapted, plain)


@pytest.mark.parametrize("change", ["dropout", "trained", "two adapters"])
def test_layers_of_another_kind_are_left_alone(change):
    made = layer(dropout=0.5 if change == "dropout" else 0.0)
    if change == "trained":
        made.base_layer.weight.requires_grad_(True)
    if change == "two adapters":
        made.update_layer("other", 2, 4, LoraConfig(r=2, lora_alpha=4))
    fuse_adapter(torch.nn.Sequential(made))
    assert type(made) is Linear


def test_an_update_is_no_further_from_float32_than_peft_s(tmp_path, monkeypatch):
    """The distance of all gradients of a step's loss from those in float32, with the layers fused and as PEFT has them."""
    found = {}
    for name, weights in (("peft", 1e12), ("fused", 0)):
        monkeypatch.setattr("r1rl.models.policy.LARGE_ENOUGH", weights)
        monkeypatch.setattr("r1rl.models.policy.mixed_precision", lambda has_gpu: True)
        policy = load_policy(Config(**SMALL), False, False)
        assert any(type(m) is FusedLinear for m in policy.model.modules()) == (name == "fused") == policy.large
        for i, (path, p) in enumerate(policy.model.named_parameters()):
            if "lora_B" in path:
                p.data.normal_(std=0.05, generator=torch.Generator().manual_seed(i))
        found[name] = gradients(policy)
        found["float32"] = gradients(dataclasses.replace(policy, mixed=False))
    distance = {name: (found[name] - found["float32"]).norm() / found["float32"].norm() for name in ("peft", "fused")}
    assert 0 < distance["fused"] < min(1.2 * distance["peft"], 0.1)


def gradients(policy):
    """The gradient of a weighted sum of logprobs by the adapter, as one vector."""
    from r1rl.models.logprobs import completion_states, token_logprobs

    prompts, completions = [[5, 6, 7, 8]] * 2 + [[9, 10]], [[11, 12, 13], [14, 15], [16, 17, 18, 19]]
    states = completion_states(policy, prompts, completions)
    logprobs, _ = token_logprobs(policy, states, torch.tensor([t for c in completions for t in c]), 1.0)
    weights = torch.linspace(-1, 1, len(logprobs))
    trained = [p for p in policy.model.parameters() if p.requires_grad]
    return torch.cat([g.flatten() for g in torch.autograd.grad((logprobs * weights).sum(), trained)])


@pytest.mark.parametrize(
    ("tokens", "large", "length"),
    [(1, False, 256), (1081, False, 1280), (1, True, 32), (500, True, 512), (1081, True, 1088), (2162, True, 2176),
     (4097, True, 4352), (9000, True, 9216), (9000, False, 9216)],
)  # fmt: skip
def test_the_length_of_a_row(tokens, large, length):
    assert shape.row_length(tokens, large) == length


def test_a_large_row_has_little_padding():
    rows = [(n, shape.row_length(n, True)) for n in range(1, 20_000)]
    assert all(n <= length < n + 256 for n, length in rows)
    assert all(length <= n * 17 / 16 for n, length in rows if n >= 512)
    assert len({length for n, length in rows if n < 4096}) <= 64  # kernels to build
