"""Decodes Llama-shaped models (Llama, Qwen, Mistral, SmolLM) with few operations a token.

What makes it several times as fast as a model's own modules on a CPU: q, k and v are one product, and so are gate and
up; the cache is laid out once; what completions share (the system text, a group's prompt) is stored and read once for
all of them (as in arXiv:2402.05099). Whether a model has this shape is found by trying: see `fused`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from transformers import DynamicCache

SAME = 1e-2  # nats; logits further apart than this are no rounding
WORTH_PACKING = 0.75  # rows are moved together when no more than this share of them would remain


@dataclass
class Layer:
    """One layer's weights as they are used; the fused ones share memory with the model's own."""

    norm: torch.Tensor  # (H,)
    qkv: torch.Tensor  # ((heads + 2 * kv_heads) * D, H)
    qkv_bias: torch.Tensor | None
    head_norms: tuple[torch.Tensor, torch.Tensor] | None  # of q and k, (D,) each, where the model has them
    out: torch.Tensor  # (H, heads * D)
    out_bias: torch.Tensor | None
    mlp_norm: torch.Tensor  # (H,)
    gate_up: torch.Tensor  # (2 * I, H)
    down: torch.Tensor  # (H, I)


@dataclass
class Segment:
    """Keys and values of a stretch of text that `rows / S` neighbouring rows share."""

    keys: torch.Tensor  # (S, kv_heads, T, D)
    values: torch.Tensor  # (S, kv_heads, T, D)
    mask: torch.Tensor | None = (
        None  # (S, 1, 1, T), added to the scores: shorter texts are padded on the right
    )


class FusedModel:
    """A transformers causal language model, read by `Decoding`. Writing its parameters writes these weights."""

    def __init__(self, model: Any):
        """Raises AttributeError or ValueError where the model is not of this shape."""
        self.model, body = model, model.model
        attention = body.layers[0].self_attn
        if any(getattr(layer.self_attn, "sliding_window", None) is not None for layer in body.layers):
            raise ValueError("a layer that forgets looks the same only while texts are short")
        self.head_dim = attention.head_dim
        self.scale = attention.scaling
        self.heads = attention.q_proj.weight.shape[0] // self.head_dim
        self.kv_heads = attention.k_proj.weight.shape[0] // self.head_dim
        self.eps = body.norm.variance_epsilon
        self.act = body.layers[0].mlp.act_fn
        self.layers = [self._layer(layer) for layer in body.layers]

    def _layer(self, layer: Any) -> Layer:
        a, mlp = layer.self_attn, layer.mlp
        norms = (a.q_norm.weight, a.k_norm.weight) if hasattr(a, "q_norm") else None
        return Layer(
            layer.input_layernorm.weight,
            joined([a.q_proj, a.k_proj, a.v_proj], "weight"),
            joined([a.q_proj, a.k_proj, a.v_proj], "bias"),
            norms,
            a.o_proj.weight,
            a.o_proj.bias,
            layer.post_attention_layernorm.weight,
            joined([mlp.gate_proj, mlp.up_proj], "weight"),
            mlp.down_proj.weight,
        )

    def logits(self, states: torch.Tensor) -> torch.Tensor:  # (N, H) -> (N, vocab)
        """The output layer, after the last norm."""
        return self.model.lm_head(states)


def joined(modules: Sequence[Any], name: str) -> torch.Tensor | None:
    """The modules' parameters below one another in one tensor, of which each module's own becomes a view."""
    own = [getattr(m, name) for m in modules]
    if all(p is None for p in own):
        return None
    whole = torch.cat([p.data for p in own])
    for parameter, part in zip(own, whole.split([len(p) for p in own])):
        parameter.data = part
    return whole


class Decoding:
    """The state of one batch: G prompts with n rows each, prompt by prompt, one more token a row at each `step`."""

    def __init__(self, fused: FusedModel, prompt_ids: Sequence[Sequence[int]], n: int, max_tokens: int):
        self.fused = fused
        self.shape = len(prompt_ids), n
        self.length = 0  # tokens sampled so far
        self.lengths = torch.tensor([len(p) for p in prompt_ids]).repeat_interleave(n)  # of the prompts
        states, self.shared = read_prompts(fused, prompt_ids)
        self.first_logits = fused.logits(states).repeat_interleave(n, 0)  # (G * n, vocab)
        device, dtype = states.device, states.dtype
        self.lengths = self.lengths.to(device)
        places = torch.arange(int(self.lengths.max()) + max_tokens, device=device)[None]
        cos, sin = fused.model.model.rotary_emb(states, places)
        self.rotation = cos[0].to(dtype), sin[0].to(dtype)  # (positions, D) each
        own = (len(self.lengths), fused.kv_heads, max_tokens, fused.head_dim)
        self.own = [
            Segment(
                torch.empty(own, device=device, dtype=dtype), torch.empty(own, device=device, dtype=dtype)
            )
            for _ in fused.layers
        ]

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Feeds each row its newest token (rows,). Returns the next one's logits (rows, vocab)."""
        fused, x = self.fused, self.fused.model.model.embed_tokens(tokens)  # (rows, H)
        where = self.lengths + self.length
        cos, sin = (t[where][:, None] for t in self.rotation)  # (rows, 1, D)
        rows, qk_heads = len(tokens), fused.heads + fused.kv_heads
        for layer, shared, own in zip(fused.layers, self.shared, self.own):
            h = F.rms_norm(x, x.shape[-1:], layer.norm, fused.eps)
            qkv = F.linear(h, layer.qkv, layer.qkv_bias).view(rows, -1, fused.head_dim)
            qk = rotated(with_head_norms(qkv[:, :qk_heads], layer, fused), cos, sin)
            own.keys[:, :, self.length] = qk[:, fused.heads :]
            own.values[:, :, self.length] = qkv[:, qk_heads:]
            upto = Segment(own.keys[:, :, : self.length + 1], own.values[:, :, : self.length + 1])
            seen = attend(qk[:, : fused.heads] * fused.scale, [*shared, upto])  # (rows, heads * D)
            x = x + F.linear(seen, layer.out, layer.out_bias)
            h = F.rms_norm(x, x.shape[-1:], layer.mlp_norm, fused.eps)
            gate, up = F.linear(h, layer.gate_up).chunk(2, -1)
            x = x + F.linear(fused.act(gate) * up, layer.down)
        self.length += 1
        return fused.logits(fused.model.model.norm(x))

    def compact(self, alive: Sequence[bool]) -> list[int] | None:
        """Drops rows that are done, where that pays. Returns the rows that remain, some of them done; None: all.

        Rows stay a grid of prompts times completions, so a prompt keeps as many as the one with the most alive.
        """
        groups, n = self.shape
        kept = [[i for i in range(g * n, g * n + n) if alive[i]] for g in range(groups)]
        most = max(len(k) for k in kept)
        living = [g for g in range(groups) if kept[g]]
        if len(living) * most > WORTH_PACKING * groups * n:
            return None
        rows = []
        for g in living:
            done = [i for i in range(g * n, g * n + n) if not alive[i]]
            rows += (kept[g] + done)[:most]
        self.shape = len(living), most
        index = torch.tensor(rows, device=self.lengths.device)
        group_index = torch.tensor(living, device=index.device)
        self.lengths = self.lengths[index]
        for segments in self.shared:
            segments[-1] = Segment(
                segments[-1].keys[group_index],
                segments[-1].values[group_index],
                segments[-1].mask[group_index],
            )
        for own in self.own:
            own.keys, own.values = own.keys[index], own.values[index]
        return rows


def read_prompts(
    fused: FusedModel, prompts: Sequence[Sequence[int]]
) -> tuple[torch.Tensor, list[list[Segment]]]:
    """(states after the last norm at each prompt's end (G, H), each layer's segments): the shared beginning, the rest."""
    body = fused.model.model
    device = body.embed_tokens.weight.device
    common = common_length(prompts)
    rest = [p[common:] for p in prompts]
    longest = max(len(r) for r in rest)
    ids = torch.tensor([[*r, *[0] * (longest - len(r))] for r in rest], device=device)  # (G, R)
    cache = DynamicCache(config=fused.model.config)
    if common:
        start = torch.tensor([list(prompts[0][:common])], device=device)
        body(start, past_key_values=cache, use_cache=True)
        cache.batch_repeat_interleave(len(prompts))
    # Padded on the right, where causal attention never looks.
    hidden = body(ids, past_key_values=cache, use_cache=True)[0]  # (G, R, H)
    last = torch.tensor([len(r) - 1 for r in rest], device=device)
    states = hidden[torch.arange(len(rest), device=device), last]  # (G, H)
    padding = torch.arange(longest, device=device) > last[:, None]  # (G, R)
    mask = torch.zeros(padding.shape, device=device, dtype=states.dtype).masked_fill(padding, -torch.inf)
    mask = mask[:, None, None]  # (G, 1, 1, R)
    segments = []
    for layer in cache.layers:
        start = (
            [Segment(layer.keys[:1, :, :common].clone(), layer.values[:1, :, :common].clone())]
            if common
            else []
        )
        end = Segment(layer.keys[:, :, common:].contiguous(), layer.values[:, :, common:].contiguous(), mask)
        segments.append([*start, end])
    return states, segments


def common_length(prompts: Sequence[Sequence[int]]) -> int:
    """How many tokens all prompts begin with; each keeps one of its own, from which sampling begins."""
    first, shortest = prompts[0], min(len(p) for p in prompts)
    same = next((i for i in range(shortest) if any(p[i] != first[i] for p in prompts)), shortest)
    return min(same, shortest - 1)


def with_head_norms(qk: torch.Tensor, layer: Layer, fused: FusedModel) -> torch.Tensor:  # (rows, heads, D)
    """q and k with their own norms, where the model has them (Qwen3)."""
    if layer.head_norms is None:
        return qk
    parts = qk.split([fused.heads, fused.kv_heads], dim=1)
    return torch.cat([F.rms_norm(p, p.shape[-1:], w, fused.eps) for p, w in zip(parts, layer.head_norms)], 1)


def rotated(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary position embedding (arXiv:2104.09864), first half of the dimensions against the second."""
    first, second = x.chunk(2, -1)
    return torch.addcmul(x * cos, torch.cat([-second, first], -1), sin)


def attend(queries: torch.Tensor, segments: Sequence[Segment]) -> torch.Tensor:
    """Attention of (rows, heads, D) scaled queries over all segments together. Returns (rows, heads * D)."""
    rows, heads, dim = queries.shape
    kv_heads = segments[0].keys.shape[1]
    rep = heads // kv_heads
    scores = []
    for segment in segments:
        shares, _, length, _ = segment.keys.shape
        q = queries.view(shares, rows // shares, kv_heads, rep, dim).transpose(1, 2)
        q = q.reshape(shares, kv_heads, -1, dim)  # rows that share the keys are one matrix
        s = q @ segment.keys.transpose(-1, -2)
        s = s if segment.mask is None else s + segment.mask
        scores.append(
            s.view(shares, kv_heads, -1, rep, length).transpose(1, 2).reshape(rows, kv_heads, rep, length)
        )
    weights = torch.cat(scores, -1).softmax(-1).split([s.shape[-1] for s in scores], -1)
    out = 0
    for segment, weight in zip(segments, weights):
        shares, _, length, _ = segment.keys.shape
        w = weight.reshape(shares, rows // shares, kv_heads, rep, length).transpose(1, 2)
        part = w.reshape(shares, kv_heads, -1, length) @ segment.values
        out = out + part.view(shares, kv_heads, -1, rep, dim).transpose(1, 2).reshape(rows, heads * dim)
    return out


@torch.inference_mode()
def fused(model: Any) -> FusedModel | None:
    """The model for `Decoding`; None where it is of another shape: judged by its logits, not by its name."""
    try:
        found = FusedModel(model)
        ids = torch.arange(24, device=model.device)[None] % model.config.vocab_size  # (1, 24)
        expected = model(ids).logits[0, 12:].float().log_softmax(-1)  # (12, vocab)
        decoding = Decoding(found, [ids[0, :13].tolist()] * 2, 1, 12)
        rows = [decoding.first_logits, *(decoding.step(ids[0, [i, i]]) for i in range(13, 24))]
        got = torch.stack([row[1] for row in rows]).float().log_softmax(-1)
    except (AttributeError, RuntimeError, TypeError, ValueError):
        return None
    likely = expected > -20.0  # far below, nothing is ever sampled
    allowed = SAME if expected.dtype == torch.float32 and model.dtype == torch.float32 else 20 * SAME
    return found if (got - expected)[likely].abs().max() < allowed else None
