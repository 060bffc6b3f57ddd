"""Decodes Llama-shaped models (Llama, Qwen, Mistral, SmolLM) with few operations per token.

What makes it several times as fast as a model's own modules on a CPU: q, k and v are one product, and so are gate and
up, of weights packed as the processor's kernels read them; the cache is laid out once; what completions share (the
system text, a group's prompt) is stored and read once for all of them (as in arXiv:2402.05099). Whether a model has this
shape is found by trying: see `fused`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from transformers import DynamicCache

from r1rl.models.shape import PACKED_AT_MOST
from r1rl.system.machine import may_refuse_memory

SAME = 1e-2  # nats; a larger difference between logits is not rounding
ROWS = 32  # that packed weights are optimised for; any number can be multiplied
WORTH_MOVING = 0.75  # rows are compacted when at most this share of them remains


class Product:
    """A linear weight; on a CPU also kept in oneDNN's packed layout.

    Packing takes half of the time of a product of few rows, so it is done once per update of the weights.
    """

    def __init__(self, parameters: Sequence[torch.Tensor], bias: Sequence[torch.Tensor | None] = (None,)):
        self.parameters = list(parameters)
        self.weight, self.bias = joined(parameters), joined(bias)  # (out, in), (out,)
        self.packed: torch.Tensor | None = None
        self.packed_at: list[int] = []

    def pack(self) -> None:
        """Packs the weight again if the parameters were written since."""
        versions = [p._version for p in self.parameters]
        if versions != self.packed_at:
            self.packed, self.packed_at = torch.ops.mkldnn._reorder_linear_weight(self.to_pack(), ROWS), versions

    def to_pack(self) -> torch.Tensor:
        """The weight as it is multiplied."""
        return self.weight

    def to_bfloat16(self) -> None:
        """Converts weight and bias, and the parameters that share their memory."""
        self.weight, self.bias = self.weight.bfloat16(), None if self.bias is None else self.bias.bfloat16()
        for parameter, part in zip(self.parameters, self.weight.split([len(p) for p in self.parameters])):
            parameter.data = part

    def __call__(self, x: torch.Tensor, add: torch.Tensor | None = None) -> torch.Tensor:
        """(rows, in) -> (rows, out), added to `add` if given. The product has the weight's type, a sum that of `add`."""
        x = x.to(self.weight.dtype)
        if self.packed is None:
            out = F.linear(x, self.weight, self.bias)
            return out if add is None else add + out
        if add is None or add.dtype != x.dtype:
            out = torch.ops.mkldnn._linear_pointwise.default(x, self.packed, self.bias, "none", [], "")
            return out if add is None else add + out
        return torch.ops.mkldnn._linear_pointwise.binary(x, add, self.packed, self.bias, "add")


class Head(Product):
    """The output layer. In bfloat16 its logits are rounded to 8 bits, so each row is shifted by its largest logit before.

    A column of ones in the weight and minus the shift in the input do that, inside the product's float32 sum. The
    distribution is the same; the likely tokens have small logits and small errors.
    """

    shifts = False

    def to_bfloat16(self) -> None:
        """See Product."""
        super().to_bfloat16()
        self.shifts = True

    def to_pack(self) -> torch.Tensor:
        """See Product."""
        return F.pad(self.weight, (0, 1), value=1.0) if self.shifts else self.weight

    def __call__(self, x: torch.Tensor, shift: torch.Tensor | None = None) -> torch.Tensor:
        """(rows, H) -> logits (rows, vocab), less `shift` (rows,) in bfloat16."""
        if self.shifts:
            column = x.new_zeros(len(x), 1) if shift is None else -shift[:, None].to(x.dtype)
            x = torch.cat([x, column], 1)
        return super().__call__(x)


@dataclass
class Layer:
    """One layer's weights; they share memory with the model's parameters."""

    norm: torch.Tensor  # (H,)
    qkv: Product  # H -> (heads + 2 * kv_heads) * D
    head_norms: tuple[torch.Tensor, torch.Tensor] | None  # of q and k, (D,) each, if the model has them
    out: Product  # heads * D -> H
    mlp_norm: torch.Tensor  # (H,)
    gate_up: Product  # H -> 2 * I
    down: Product  # I -> H


@dataclass
class Segment:
    """Keys and values of T tokens that `rows / S` neighbouring rows share; heads first, as the products need them."""

    keys: torch.Tensor  # (kv_heads * S, D, T)
    values: torch.Tensor  # (kv_heads * S, T, D)
    mask: torch.Tensor | None = None  # (kv_heads * S, 1, T), added to the scores of texts padded on the right


class FusedModel:
    """A transformers causal language model as `Decoding` reads it; it shares the memory of the parameters."""

    def __init__(self, model: Any):
        """Raises AttributeError or ValueError for a model of another shape."""
        self.model, body = model, model.model
        attention = body.layers[0].self_attn
        if any(getattr(layer.self_attn, "sliding_window", None) is not None for layer in body.layers):
            raise ValueError("sliding-window attention gives the same results only for short texts")
        self.head_dim = attention.head_dim
        self.scale = attention.scaling
        self.heads = attention.q_proj.weight.shape[0] // self.head_dim
        self.kv_heads = attention.k_proj.weight.shape[0] // self.head_dim
        self.embedding, self.norm = body.embed_tokens.weight, body.norm.weight
        self.eps = body.norm.variance_epsilon
        self.act = body.layers[0].mlp.act_fn
        self.layers = [self._layer(layer) for layer in body.layers]
        self.head = Head([model.lm_head.weight], [model.lm_head.bias])
        self.mixed = False  # bfloat16 products; norms, residual stream and attention in float32
        self.packs = can_pack([p.weight for p in self.products()])

    def _layer(self, layer: Any) -> Layer:
        a, mlp = layer.self_attn, layer.mlp
        norms = (a.q_norm.weight, a.k_norm.weight) if hasattr(a, "q_norm") else None
        q_k_v = a.q_proj, a.k_proj, a.v_proj
        return Layer(
            layer.input_layernorm.weight,
            Product([m.weight for m in q_k_v], [m.bias for m in q_k_v]),
            norms,
            Product([a.o_proj.weight], [a.o_proj.bias]),
            layer.post_attention_layernorm.weight,
            Product([mlp.gate_proj.weight, mlp.up_proj.weight]),
            Product([mlp.down_proj.weight]),
        )

    def products(self) -> list[Product]:
        """All linear weights of the model."""
        return [p for x in self.layers for p in (x.qkv, x.out, x.gate_up, x.down)] + [self.head]

    def to_pack(self) -> list[Product]:
        """The weights to pack after parameters were written."""
        return self.products() if self.packs else []

    def to_bfloat16(self) -> None:
        """Converts the linear weights, and with them the model's; norms stay in float32."""
        for product in self.products():
            product.to_bfloat16()
        embedding = self.model.model.embed_tokens.weight
        embedding.data = embedding.data.bfloat16()  # unless it is the output layer's
        self.embedding, self.mixed = embedding, True

    def embed(self, tokens: torch.Tensor) -> torch.Tensor:
        """Returns the states before the first layer, (..., H)."""
        x = F.embedding(tokens, self.embedding)
        return x.float() if self.mixed else x

    def reading(self) -> torch.autocast:
        """Returns the context in which the model's own modules read prompts."""
        return torch.autocast("cpu", torch.bfloat16, enabled=self.mixed, cache_enabled=False)


def can_pack(weights: Sequence[torch.Tensor]) -> bool:
    """Returns whether packed copies are possible; the operations are those of torch's compiler for frozen layers.

    They crash if memory is refused, while torch's own raise an error that the engine's guard handles.
    """
    there = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
    return (
        there
        and not may_refuse_memory()
        and all(w.device.type == "cpu" and w.dtype == torch.float32 for w in weights)
        and sum(w.nbytes for w in weights) <= PACKED_AT_MOST
    )


def joined(own: Sequence[torch.Tensor | None]) -> torch.Tensor | None:
    """Concatenates parameters in one tensor; each becomes a view of it."""
    if all(p is None for p in own):
        return None
    if len(own) == 1:
        return own[0]
    whole = torch.cat([p.data for p in own])
    for parameter, part in zip(own, whole.split([len(p) for p in own])):
        parameter.data = part
    return whole


class Decoding:
    """The state of one batch: G prompts with n rows each, prompt by prompt, one more token per row at each `step`.

    It makes few calls from Python, because threads that decode in parallel wait for each other at each call.
    """

    def __init__(self, fused: FusedModel, prompt_ids: Sequence[Sequence[int]], n: int, max_tokens: int):
        self.fused = fused
        self.shape = len(prompt_ids), n
        self.length = 0  # tokens sampled so far
        states, self.shared = read_prompts(fused, prompt_ids)
        logits = fused.head(states)  # (G, vocab)
        top = logits.amax(-1)  # (G,)
        self.first_logits = (fused.head(states, top) if fused.mixed else logits).repeat_interleave(n, 0)
        self.top = top.repeat_interleave(n)  # (G * n,): about the largest logit of the next token
        device, dtype = states.device, states.dtype
        self.lengths = torch.tensor([len(p) for p in prompt_ids], device=device).repeat_interleave(n)
        places = torch.arange(int(self.lengths.max()) + max_tokens, device=device)[None]
        cos, sin = fused.model.model.rotary_emb(states, places)  # (1, positions, D) each
        first, second = sin.chunk(2, -1)
        self.rotation = torch.stack([cos[0], torch.cat([-first, second], -1)[0]], 1)[:, :, None].to(dtype)
        # Factors of q, k and v with their rotation: q is also scaled, v is unchanged.
        factors = [fused.scale] * fused.heads + [1.0] * fused.kv_heads + [0.0] * fused.kv_heads
        self.factors = torch.tensor(factors, device=device, dtype=dtype).view(1, -1, 1)
        self.kept = (self.factors == 0).to(dtype)
        # Each layer's keys and then its values, heads first: (layers, 2 * kv_heads * rows, max_tokens, D)
        own = (len(fused.layers), 2 * fused.kv_heads * len(self.lengths), max_tokens, fused.head_dim)
        self.own = torch.empty(own, device=device, dtype=dtype)

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Feeds each row its newest token (rows,). Returns the logits of the next one (rows, vocab)."""
        fused, x = self.fused, self.fused.embed(tokens)  # (rows, H)
        rows, kv_heads = len(tokens), fused.kv_heads
        cos, sin = self.rotation[self.lengths + self.length].unbind(1)  # (rows, 1, D) each
        cos, sin = torch.addcmul(self.kept, cos, self.factors), sin * self.factors
        newest = self.own[:, :, self.length].unflatten(1, (2 * kv_heads, rows)).unbind(0)
        keys, values = self.own[:, :, : self.length + 1].chunk(2, 1)
        keys, values = keys.transpose(2, 3).unbind(0), values.unbind(0)
        for layer, shared, *own, new in zip(fused.layers, self.shared, keys, values, newest):
            h = F.rms_norm(x, x.shape[-1:], layer.norm, fused.eps)
            qkv = layer.qkv(h).to(x.dtype).view(rows, -1, fused.head_dim)
            qkv = rotated(with_head_norms(qkv, layer, fused), cos, sin)
            q, kv = qkv.split([fused.heads, 2 * kv_heads], 1)
            new.copy_(kv.transpose(0, 1))
            q = q.reshape(rows, kv_heads, -1).transpose(0, 1)  # (kv_heads, rows, rep * D)
            seen = attend(q.contiguous(), [*shared, Segment(*own)])  # (rows, heads * D)
            x = layer.out(seen, x)
            h = F.rms_norm(x, x.shape[-1:], layer.mlp_norm, fused.eps)
            gate, up = layer.gate_up(h).chunk(2, -1)
            x = layer.down(fused.act(gate) * up, x)
        self.length += 1
        logits = fused.head(F.rms_norm(x, x.shape[-1:], fused.norm, fused.eps), self.top)
        if fused.mixed:
            self.top = self.top + logits.amax(-1)  # they were shifted by the last one
        return logits

    def compact(self, alive: Sequence[bool]) -> list[int] | None:
        """Drops finished rows if that pays. Returns the rows that remain, some of them finished; None: all.

        Rows stay a grid of prompts times completions, so a prompt keeps as many as the one with the most alive.
        """
        groups, n = self.shape
        kept = [[i for i in range(g * n, g * n + n) if alive[i]] for g in range(groups)]
        most = max(len(k) for k in kept)
        living = [g for g in range(groups) if kept[g]]
        if len(living) * most > WORTH_MOVING * groups * n:
            return None
        rows = []
        for g in living:
            done = [i for i in range(g * n, g * n + n) if not alive[i]]
            rows += (kept[g] + done)[:most]
        self.shape = len(living), most
        index = torch.tensor(rows, device=self.lengths.device)
        group_index = torch.tensor(living, device=index.device)
        self.lengths, self.top = self.lengths[index], self.top[index]
        for segments in self.shared:
            last = segments[-1]
            parts = (last.keys, last.values, last.mask)
            segments[-1] = Segment(*(None if t is None else self._picked(t, group_index) for t in parts))
        self._move_own(index)
        return rows

    def _picked(self, heads_first: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        """(heads * all, ...) -> (heads * some, ...)"""
        return heads_first.unflatten(0, (self.fused.kv_heads, -1))[:, index].flatten(0, 1)

    def _move_own(self, index: torch.Tensor) -> None:
        """Moves these rows' keys and values to the front of the same memory."""
        layers, _, most, dim = self.own.shape
        old = self.own.unflatten(1, (2 * self.fused.kv_heads, -1))
        shape = (layers, 2 * self.fused.kv_heads, len(index), most, dim)
        new = self.own.view(-1)[: math.prod(shape)].view(shape)
        for to, of in zip(new, old):
            to[:, :, : self.length] = of[:, index, : self.length]
        self.own = new.flatten(1, 2)


def read_prompts(fused: FusedModel, prompts: Sequence[Sequence[int]]) -> tuple[torch.Tensor, list[list[Segment]]]:
    """(states after the last norm at each prompt's end (G, H), each layer's segments): the shared beginning, the rest."""
    body = fused.model.model
    device = body.embed_tokens.weight.device
    common = common_length(prompts)
    rest = [p[common:] for p in prompts]
    longest = max(len(r) for r in rest)
    ids = torch.tensor([[*r, *[0] * (longest - len(r))] for r in rest], device=device)  # (G, R)
    cache = DynamicCache(config=fused.model.config)
    with fused.reading():
        if common:
            start = torch.tensor([list(prompts[0][:common])], device=device)
            body(inputs_embeds=fused.embed(start), past_key_values=cache, use_cache=True)
            cache.batch_repeat_interleave(len(prompts))
        # Padded on the right, which causal attention does not see.
        hidden = body(inputs_embeds=fused.embed(ids), past_key_values=cache, use_cache=True)[0]  # (G, R, H)
    last = torch.tensor([len(r) - 1 for r in rest], device=device)
    states = hidden[torch.arange(len(rest), device=device), last]  # (G, H)
    padding = torch.arange(longest, device=device) > last[:, None]  # (G, R)
    mask = torch.zeros(padding.shape, device=device, dtype=states.dtype).masked_fill(padding, -torch.inf)
    mask = mask[:, None].repeat(fused.kv_heads, 1, 1) if padding.any() else None  # (kv_heads * G, 1, R)
    segments = []
    for layer in cache.layers:
        keys, values = (t.to(states.dtype).transpose(0, 1) for t in (layer.keys, layer.values))  # (kv_heads, G, T, D)
        start = [shared_segment(keys[:, :1, :common], values[:, :1, :common])] if common else []
        segments.append([*start, shared_segment(keys[:, :, common:], values[:, :, common:], mask)])
    return states, segments


def shared_segment(keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor | None = None) -> Segment:
    """Returns a segment of (kv_heads, S, T, D) tensors, copied."""
    keys, values = (t.clone(memory_format=torch.contiguous_format).flatten(0, 1) for t in (keys, values))
    return Segment(keys.transpose(1, 2), values, mask)


def common_length(prompts: Sequence[Sequence[int]]) -> int:
    """Returns the length of the common prefix; each prompt keeps at least one token to sample from."""
    first, shortest = prompts[0], min(len(p) for p in prompts)
    same = next((i for i in range(shortest) if any(p[i] != first[i] for p in prompts)), shortest)
    return min(same, shortest - 1)


def with_head_norms(qkv: torch.Tensor, layer: Layer, fused: FusedModel) -> torch.Tensor:  # (rows, q + k + v, D)
    """Applies the norms of q and k that some models have (Qwen3)."""
    if layer.head_norms is None:
        return qkv
    *parts, v = qkv.split([fused.heads, fused.kv_heads, fused.kv_heads], dim=1)
    normed = [F.rms_norm(p, p.shape[-1:], w, fused.eps) for p, w in zip(parts, layer.head_norms)]
    return torch.cat([*normed, v], 1)


def rotated(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary position embedding (arXiv:2104.09864), first half of the dimensions against the second.

    The first half of `sin` is negative, so that the rotated half need not be negated.
    """
    return torch.addcmul(x * cos, x.roll(x.shape[-1] // 2, -1), sin)


def attend(queries: torch.Tensor, segments: Sequence[Segment]) -> torch.Tensor:
    """Attention of (kv_heads, rows, rep * D) scaled queries over all segments together. Returns (rows, heads * D)."""
    kv_heads, rows, _ = queries.shape
    dim = segments[0].values.shape[-1]
    scores = []
    for segment in segments:
        q = queries.view(len(segment.keys), -1, dim)  # rows that share the keys are one matrix
        plain = segment.mask is None
        s = torch.bmm(q, segment.keys) if plain else torch.baddbmm(segment.mask, q, segment.keys)
        scores.append(s.view(-1, s.shape[-1]))  # (kv_heads * rows * rep, T)
    weights = torch.cat(scores, -1).softmax(-1).split([s.shape[-1] for s in scores], -1)
    out = None
    for segment, weight in zip(segments, weights):
        w = weight.view(len(segment.keys), -1, weight.shape[-1])
        if out is None:
            out = torch.bmm(w, segment.values)
        else:
            out = torch.baddbmm(out.view(len(w), -1, dim), w, segment.values)
    return out.view(kv_heads, rows, -1).transpose(0, 1).reshape(rows, -1)


@torch.inference_mode()
def fused(model: Any, bfloat16: bool = False) -> FusedModel | None:
    """Returns the model for `Decoding`, with packed weights; None if its logits differ, whatever its name says.

    `bfloat16`: a float32 model on a CPU is converted after the comparison, if its weights can be packed so.
    """
    try:
        found = FusedModel(model)
        converts = bfloat16 and found.packs and torch.ops.mkldnn._is_mkldnn_bf16_supported()
        if not converts:
            pack(found)
        ids = torch.arange(24, device=model.device)[None] % model.config.vocab_size  # (1, 24)
        expected = model(ids).logits[0, 12:].float().log_softmax(-1)  # (12, vocab)
        decoding = Decoding(found, [ids[0, :13].tolist()] * 2, 1, 12)
        rows = [decoding.first_logits, *(decoding.step(ids[0, [i, i]]) for i in range(13, 24))]
        got = torch.stack([row[1] for row in rows]).float().log_softmax(-1)
    except (AttributeError, RuntimeError, TypeError, ValueError):
        return None
    likely = expected > -20.0  # far below, tokens are never sampled
    allowed = SAME if expected.dtype == torch.float32 and model.dtype == torch.float32 else 20 * SAME
    if not (got - expected)[likely].abs().max() < allowed:
        return None
    if converts:
        found.to_bfloat16()
        pack(found)
    return found


def pack(found: FusedModel) -> None:
    """Packs all weights that were written since they were packed."""
    for product in found.to_pack():
        product.pack()
