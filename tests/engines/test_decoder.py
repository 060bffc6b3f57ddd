"""The decoder against transformers' own forward pass, on small random models of several families."""

from __future__ import annotations

import pytest
import torch
from random_model import small_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from r1rl.engines.decoder import Decoding, Head, attend, common_length, fused, shared_segment

PROMPTS = [[5, 6, 7, 8, 9], [5, 6, 7, 30, 31, 32, 33], [5, 6, 7, 50]]


@torch.inference_mode()
def decoded(found, prompts, n, tokens, drop=None):
    """Logits (rows, steps, vocab) for fixed tokens (rows, steps); before step `drop[0]` only `drop[1]` are alive."""
    decoding = Decoding(found, prompts, n, tokens.shape[1])
    rows, out = list(range(len(prompts) * n)), [decoding.first_logits]
    history = [rows]
    for place in range(tokens.shape[1] - 1):
        if drop is not None and place == drop[0]:
            kept = decoding.compact([row in drop[1] for row in rows])
            rows = rows if kept is None else [rows[i] for i in kept]
        out.append(decoding.step(tokens[rows, place]))
        history.append(rows)
    return out, history


@torch.inference_mode()
def expected(model, prompt, tokens):
    """The model's own logits before each of these tokens: (steps, vocab)."""
    ids = torch.tensor([[*prompt, *tokens.tolist()]])
    return model(ids).logits[0, len(prompt) - 1 : -1]


@pytest.mark.parametrize(
    ("family", "more"),
    [
        ("qwen2", {"tie_word_embeddings": True}),
        ("qwen3", {"head_dim": 16}),
        ("llama", {}),
        ("mistral", {"sliding_window": None}),
    ],
)
@pytest.mark.parametrize("packs", [True, False])
def test_logits_equal_the_models_own(family, more, packs, monkeypatch):
    if not packs:
        monkeypatch.setattr("r1rl.engines.decoder.PACKED_AT_MOST", 0)
    model = small_model(family, **more)
    plain = small_model(family, **more)
    found = fused(model)
    assert found is not None and found.packs is packs
    tokens = torch.randint(0, 97, (6, 9), generator=torch.Generator().manual_seed(1))
    out, history = decoded(found, PROMPTS, 2, tokens, drop=(4, {0, 2, 3}))
    assert history[-1] == [0, 1, 2, 3]  # the third prompt is gone, row 1 stays for the grid's sake
    for row in range(6):
        own = expected(plain, PROMPTS[row // 2], tokens[row])
        for place, (logits, rows) in enumerate(zip(out, history)):
            if row in rows:
                torch.testing.assert_close(logits[rows.index(row)], own[place], atol=2e-4, rtol=1e-4)


def change_two_weights(model):
    with torch.no_grad():
        model.model.layers[1].self_attn.v_proj.weight.mul_(2.0)
        model.model.layers[0].mlp.up_proj.weight.neg_()


def test_writing_the_models_weights_writes_the_decoders():
    model = small_model("qwen2")
    found = fused(model)
    assert found.packs
    change_two_weights(model)
    for product in found.to_pack():
        product.pack()
    tokens = torch.randint(0, 97, (3, 4), generator=torch.Generator().manual_seed(2))
    out, _ = decoded(found, PROMPTS, 1, tokens)
    for row in range(3):
        torch.testing.assert_close(
            torch.stack([o[row] for o in out]), expected(model, PROMPTS[row], tokens[row]), atol=2e-4, rtol=1e-4
        )


@pytest.mark.parametrize(
    ("family", "more"),
    [
        ("gemma2", {"head_dim": 16}),  # norms of another kind, capped scores
        ("gpt_neox", {}),  # other names
        ("mistral", {"sliding_window": 8}),  # a layer that forgets
    ],
)
def test_a_model_of_another_shape_is_left_to_its_own_modules(family, more):
    assert fused(small_model(family, **more)) is None


def test_common_beginning_leaves_each_prompt_a_token():
    assert common_length(PROMPTS) == 3
    assert common_length([[1, 2, 3], [1, 2, 3]]) == 2
    assert common_length([[1], [2, 3]]) == 0


def test_nothing_is_packed_where_memory_may_be_refused(monkeypatch):
    assert fused(small_model("qwen2")).packs
    monkeypatch.setattr("r1rl.system.machine.resource.getrlimit", lambda which: (2**40, -1))
    assert not fused(small_model("qwen2")).packs


def test_a_weight_is_packed_again_only_after_it_was_written():
    found = fused(small_model("qwen2"))
    before = [p.packed for p in found.products()]
    with torch.no_grad():
        found.model.model.layers[1].mlp.gate_proj.weight.mul_(2.0)
    for product in found.to_pack():
        product.pack()
    changed = [p.packed is not old for p, old in zip(found.products(), before)]
    assert changed == [p is found.layers[1].gate_up for p in found.products()]


def test_attention_over_shared_segments_is_attention_over_all_keys():
    generator = torch.Generator().manual_seed(3)
    queries = torch.randn(4, 6, 8, generator=generator)  # two groups of two rows, two heads of keys
    pair = lambda shares, length: [torch.randn(2, shares, length, 8, generator=generator) for _ in range(2)]  # noqa: E731
    common, group, own = pair(1, 5), pair(2, 3), pair(4, 2)
    masked = torch.zeros(2 * 2, 1, 3)
    masked.view(2, 2, 3)[:, 1, 2] = -torch.inf  # the second group's text is a token shorter
    segments = [shared_segment(*common), shared_segment(*group, masked), shared_segment(*own)]
    got = attend(queries.view(4, 2, 24).transpose(0, 1).contiguous(), segments)
    for row in range(4):
        its = group[0][:, row // 2, : 3 - row // 2], group[1][:, row // 2, : 3 - row // 2]
        keys, values = (torch.cat([common[i][:, 0], its[i], own[i][:, row]], 1) for i in range(2))
        for head in range(6):
            weights = (keys[head // 3] @ queries[row, head]).softmax(-1)
            torch.testing.assert_close(got[row, 8 * head : 8 * head + 8], weights @ values[head // 3])


HALF = 2**-8  # the largest relative error of rounding to bfloat16
needs_bfloat16 = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available() or not torch.ops.mkldnn._is_mkldnn_bf16_supported(),
    reason="this processor's kernels cannot multiply bfloat16",
)


@needs_bfloat16
@pytest.mark.parametrize(
    ("family", "more"),
    [("llama", {}), ("llama", {"tie_word_embeddings": True}), ("qwen2", {}), ("qwen3", {"head_dim": 16})],
)
def test_logprobs_in_bfloat16_are_the_float32_models_but_for_rounding(family, more):
    """A product rounds weight, input and output: each moves it by a root mean square of 2^-8 / sqrt(3) of its size.

    Of independent errors the squares add up: after the 4 products of each of 2 layers and the output layer, 2^-8 sqrt(9) of
    the logits' spread. Norms, attention and the MLP's product of gate and up make it more, at most 2 times.
    """
    more = {**more, "vocab_size": 5000}
    found, plain = fused(small_model(family, **more), bfloat16=True), small_model(family, **more)
    assert found.mixed and found.model.lm_head.weight.dtype == torch.bfloat16
    assert found.norm.dtype == torch.float32
    tokens = torch.randint(0, 5000, (6, 9), generator=torch.Generator().manual_seed(1))
    out, history = decoded(found, PROMPTS, 2, tokens, drop=(4, {0, 2, 3}))
    apart, spread = [], []
    for row in range(6):
        own = expected(plain, PROMPTS[row // 2], tokens[row])
        for place, (logits, rows) in enumerate(zip(out, history)):
            if row in rows:
                got = logits[rows.index(row)].float().log_softmax(-1)
                apart.append(got - own[place].log_softmax(-1))
                spread.append(own[place])
    apart, spread = torch.stack(apart), torch.stack(spread)
    error, size = apart.square().mean().sqrt(), spread.std()
    assert 0 < error < 2 * 3 * HALF * size
    assert abs(apart.mean()) < HALF * size  # it leans to no side


@pytest.mark.slow
@needs_bfloat16
@torch.inference_mode()
def test_the_real_models_decoder_in_bfloat16_is_as_near_to_float32_as_its_own_modules_are(real_model):
    """Mean |logprob difference| from transformers' float32, weighed by probability, of the decoder and of autocast."""
    load = lambda: AutoModelForCausalLM.from_pretrained(real_model, dtype=torch.float32, attn_implementation="eager")  # noqa: E731
    plain, found = load().eval(), fused(load().eval().requires_grad_(False), bfloat16=True)
    tokenizer = AutoTokenizer.from_pretrained(real_model)
    prompts = [tokenizer(f"Question: how many are {a} and {b}?\nAnswer:")["input_ids"] for a, b in ((3, 4), (12, 40))]
    tokens = torch.tensor([tokenizer(" There are 3 + 4 = 7 of them, which is the sum of both.")["input_ids"]] * 2)
    out, _ = decoded(found, prompts, 1, tokens)
    decoders, modules = [], []
    for row, prompt in enumerate(prompts):
        own = expected(plain, prompt, tokens[row]).log_softmax(-1)
        with torch.autocast("cpu", torch.bfloat16):
            half = expected(plain, prompt, tokens[row]).float().log_softmax(-1)
        got = torch.stack([o[row] for o in out]).float().log_softmax(-1)
        decoders.append((own.exp() * (got - own).abs()).sum(-1).mean().item())
        modules.append((own.exp() * (half - own).abs()).sum(-1).mean().item())
    assert 0 < sum(decoders) < 1.5 * sum(modules)


@needs_bfloat16
def test_the_largest_logits_are_hardly_rounded():
    """Weights and inputs of 8 bits have exact products, so the shifted logits are rounded once: by 2^-8 of themselves.

    Another processor may be one more unit in the last place (twice as much) away.
    """
    generator = torch.Generator().manual_seed(5)
    weight, x = (torch.randint(-8, 9, s, generator=generator).float() for s in ((5000, 64), (3, 64)))
    head = Head([torch.nn.Parameter(weight, requires_grad=False)])
    head.to_bfloat16()
    head.pack()
    exact = x.double() @ weight.double().T
    shift = exact.amax(-1).bfloat16()
    got = head(x, shift).double()
    shifted = exact - shift.double()[:, None]
    assert ((got - shifted).abs() <= 3 * HALF * shifted.abs() + 1e-6).all()
    likely = shifted > -60
    unshifted = (head(x).double() - exact).abs()[likely].max()
    assert unshifted >= 1 > 2 * (got - shifted).abs()[likely].max()  # logits of 512 and more are even numbers at best


@needs_bfloat16
def test_weights_written_into_the_bfloat16_copy_are_sampled_from():
    found, plain = fused(small_model("qwen2"), bfloat16=True), small_model("qwen2")
    for model in (found.model, plain):
        change_two_weights(model)
    for product in found.to_pack():
        product.pack()
    tokens = torch.randint(0, 97, (3, 4), generator=torch.Generator().manual_seed(2))
    out, _ = decoded(found, PROMPTS, 1, tokens)
    for row in range(3):
        got = torch.stack([o[row] for o in out]).float().log_softmax(-1)
        own = expected(plain, PROMPTS[row], tokens[row])
        assert (got - own.log_softmax(-1)).square().mean().sqrt() < 2 * 3 * HALF * own.std()


def test_a_model_that_cannot_be_packed_stays_in_float32(monkeypatch):
    monkeypatch.setattr("r1rl.engines.decoder.PACKED_AT_MOST", 0)
    found = fused(small_model("llama"), bfloat16=True)
    assert not found.mixed and found.model.dtype == torch.float32
