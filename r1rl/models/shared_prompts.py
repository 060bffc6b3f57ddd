"""The policy's states before completion tokens; the prompt of a group is read once and nothing is padded.

All prompts and completions are in one row, so a layer's matrix products see just these tokens. Attention alone is computed
in blocks: a completion attends to its prompt and itself. So a group of G completions pays for one prompt instead of G, and
each token gets the states that a separate row would give (the same idea: arXiv:2506.05433). The model's attention must be
replaceable by transformers' interface, which `can_share` finds out by trying.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F

from r1rl.models.shape import row_length

NAME = "r1rl_shared_prompts"  # of the attention in transformers' registry
STEP = 32  # blocks have multiples of this length: a CPU compiles kernels per shape
OTHER_KINDS = ("sliding_window", "softcap", "s_aux")  # attention options of some models, not supported here
SAME = 1e-3  # largest difference of float32 states that counts as rounding


@dataclass(frozen=True)
class Layout:
    """The places of the tokens of G prompts and B completions in a row of N tokens, the last few of which are padding."""

    ids: torch.Tensor  # (1, N)
    positions: torch.Tensor  # (1, N)
    prompts: torch.Tensor  # (G, P): places in the row; 0 where a prompt is shorter
    completions: torch.Tensor  # (B, C): places in the row; 0 where a completion is shorter
    owner: torch.Tensor  # (B,): the prompt of each completion
    unseen: torch.Tensor  # (B, 1, C, P + C): True where a completion's token must not attend
    order: torch.Tensor  # (N,): each token's place among G * P prompt places, then B * C completion places
    before: torch.Tensor  # (completion tokens,): the place whose state predicts each, completion by completion
    masks: dict[int, torch.Tensor] = field(default_factory=dict)

    def mask(self, rep: int) -> torch.Tensor:
        """Returns (B, 1, rep * C, P + C) to be added to scores; made once, for all layers."""
        if rep not in self.masks:
            mask = torch.zeros(self.unseen.shape, device=self.unseen.device)
            self.masks[rep] = mask.masked_fill_(self.unseen, -torch.inf).repeat(1, 1, rep, 1)
        return self.masks[rep]


def round_up(count: int, step: int) -> int:
    """Returns the next multiple of `step`."""
    return -(-count // step) * step


def make_layout(
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[int]],
    owner: Sequence[int],
    device: Any = "cpu",
    large: bool = False,
) -> Layout:
    """Returns the layout of prompts and completions; `owner[i]` is the prompt of completion i, `large` see `row_length`."""
    g, p = len(prompts), round_up(max(len(x) for x in prompts), STEP)
    b, c = len(completions), round_up(max(len(x) for x in completions), STEP)
    prompt_lengths = torch.tensor([len(x) for x in prompts])
    lengths = torch.tensor([len(x) for x in completions])
    owners = torch.tensor(owner)
    prompt_real = torch.arange(p) < prompt_lengths[:, None]  # (G, P)
    real = torch.arange(c) < lengths[:, None]  # (B, C)
    order = torch.cat([prompt_real.flatten(), real.flatten()]).nonzero()[:, 0]
    place = torch.zeros(g * p + b * c, dtype=torch.long)
    place[order] = torch.arange(len(order))
    prompt_places, places = place[: g * p].view(g, p), place[g * p :].view(b, c)
    positions = torch.cat(
        [torch.arange(p).expand(g, p)[prompt_real], (prompt_lengths[owners, None] + torch.arange(c))[real]]
    )
    padding = row_length(len(order), large) - len(order)
    tokens = torch.tensor([t for x in (*prompts, *completions) for t in x] + [0] * padding)
    future = torch.ones(c, c, dtype=torch.bool).triu(1)
    unseen = torch.cat([~prompt_real[owners, None].expand(b, c, p), future.expand(b, c, c)], -1)
    last = prompt_places[owners, prompt_lengths[owners] - 1]  # a prompt's last token predicts the first
    before = torch.cat([last[:, None], places[:, :-1]], 1)[real]
    parts = (
        tokens[None],
        F.pad(positions, (0, padding))[None],
        prompt_places,
        places,
        owners,
        unseen[:, None],
        F.pad(order, (0, padding)),
        before,
    )
    return Layout(*(x.to(device) for x in parts))


@torch.autocast("cpu", enabled=False)
def attention(module, query, key, value, attention_mask, scaling, dropout=0.0, layout=None, **kwargs):
    """Implements transformers' attention interface: (1, heads, N, D) each -> (1, N, heads, D), None.

    Raises ValueError for other kinds of attention.
    """
    if other := [k for k in OTHER_KINDS if kwargs.get(k) is not None]:
        raise ValueError(f"attention with {', '.join(other)} is not supported")
    rep = module.num_key_value_groups
    # In 32 bit even under autocast: the backward kernel of a CPU takes half the time that it takes in 16 bit.
    q, k, v = (x[0].transpose(0, 1).float() for x in (query, key, value))  # (N, heads, D)
    # (G, heads, P, D)
    prompt_q, prompt_k, prompt_v = (rows(x, layout.prompts).transpose(1, 2) for x in (q, k, v))
    read = F.scaled_dot_product_attention(
        prompt_q, prompt_k.repeat_interleave(rep, 1), prompt_v.repeat_interleave(rep, 1), is_causal=True, scale=scaling
    )  # (G, heads, P, D)
    (b, c), kv_heads, dim = layout.completions.shape, key.shape[1], key.shape[-1]
    # Heads that share keys become more queries of one head, so keys and values need not be repeated.
    queries = rows(q, layout.completions).view(b, c, kv_heads, rep, dim)
    queries = queries.permute(0, 2, 3, 1, 4).reshape(b, kv_heads, -1, dim)
    keys, values = (  # (B, kv_heads, P + C, D)
        torch.cat([rows(x, layout.owner), rows(y, layout.completions).transpose(1, 2)], 2)
        for x, y in ((prompt_k, k), (prompt_v, v))
    )
    written = F.scaled_dot_product_attention(queries, keys, values, layout.mask(rep), scale=scaling)
    written = written.view(b, kv_heads, rep, c, dim).permute(0, 3, 1, 2, 4).reshape(b * c, -1, dim)
    flat = torch.cat([read.transpose(1, 2).flatten(0, 1), written])  # (G * P + B * C, heads, D)
    return rows(flat, layout.order)[None], None


def rows(x: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Returns x[places], where a row may be used more than once.

    Its gradient is summed row by row, in order. On a CPU all threads sum that of x[places] at once in 32 bit, which is
    slower and not deterministic.
    """
    return x.flatten(1).index_select(0, places.flatten()).view(*places.shape, *x.shape[1:])


def shared_states(
    body: Any,
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[int]],
    owner: Sequence[int],
    large: bool = False,
) -> torch.Tensor:
    """Returns the states (completion tokens, H) that predict each completion token; `body`: model without output layer."""
    layout = make_layout(prompts, completions, owner, body.embed_tokens.weight.device, large)
    with replaced_attention(body.config):
        row = body(input_ids=layout.ids, position_ids=layout.positions, use_cache=False, layout=layout)[0]
    return rows(row[0], layout.before)


@contextlib.contextmanager
def replaced_attention(config: Any) -> Iterator[None]:
    """Replaces the model's attention by `attention`, for one pass."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, attention)
    before = config._attn_implementation
    config._attn_implementation = NAME
    try:
        yield
    finally:
        config._attn_implementation = before


@torch.no_grad()
def can_share(body: Any) -> bool:
    """Returns whether the states equal those of separate rows: found by computing them, not by the model's name."""
    prompts, owner = [[3, 4, 5, 6, 7], [8, 9]], [0, 0, 1]
    completions = [[10, 11, 12], [13, 14], [15, 16, 17, 18]]
    try:
        device = body.embed_tokens.weight.device
        shared = shared_states(body, prompts, completions, owner).split([len(c) for c in completions])
        for states, completion, which in zip(shared, completions, owner):
            row = torch.tensor([prompts[which] + completion], device=device)
            plain = body(input_ids=row, use_cache=False)[0][0, len(prompts[which]) - 1 : -1]
            if not (states - plain).abs().max() < SAME * plain.abs().max():
                return False
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError):
        return False
    return True
