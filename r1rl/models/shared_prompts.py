"""The policy's states before completion tokens, each group's prompt read once and no padding in any product.

All prompts and completions stand in one row, and a layer's products see just these tokens; attention alone is done
block by block: a completion sees its prompt and itself. So a group of G completions pays for one prompt instead of G,
and what is computed for a token is what a row of its own would give (the same idea: arXiv:2506.05433). It needs a model
whose attention can be exchanged by transformers' interface; whether that is so is found by trying: see `can_share`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F

NAME = "r1rl_shared_prompts"  # of the attention, in transformers' list of them

STEP = 32  # lengths of blocks are multiples of this, the row's of its eightfold: each new shape costs a CPU new kernels

OTHER_KINDS = ("sliding_window", "softcap", "s_aux")  # what some models want of their attention

SAME = 1e-3  # largest difference of states in float32 that is rounding


@dataclass(frozen=True)
class Layout:
    """Where the tokens of G prompts and B completions stand in a row of N tokens, the last few of which are filling."""

    ids: torch.Tensor  # (1, N)
    positions: torch.Tensor  # (1, N)
    prompts: torch.Tensor  # (G, P): places in the row; 0 where a prompt is shorter
    completions: torch.Tensor  # (B, C): places in the row; 0 where a completion is shorter
    owner: torch.Tensor  # (B,): the prompt of each completion
    unseen: torch.Tensor  # (B, 1, C, P + C): True where a completion's token must not look
    order: torch.Tensor  # (N,): each token's place among G * P prompt places, then B * C completion places
    before: (
        torch.Tensor
    )  # (completion tokens,): the place whose state predicts each, completion by completion
    masks: dict[int, torch.Tensor] = field(default_factory=dict)

    def mask(self, rep: int) -> torch.Tensor:
        """(B, 1, rep * C, P + C) to be added to scores; made once, for all layers."""
        if rep not in self.masks:
            mask = torch.zeros(self.unseen.shape, device=self.unseen.device)
            self.masks[rep] = mask.masked_fill_(self.unseen, -torch.inf).repeat(1, 1, rep, 1)
        return self.masks[rep]


def rounded(count: int, step: int) -> int:
    """The next multiple of `step`."""
    return -(-count // step) * step


def lay_out(
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[int]],
    owner: Sequence[int],
    device: Any = "cpu",
) -> Layout:
    """`owner[i]` is the prompt of completion i."""
    g, p = len(prompts), rounded(max(len(x) for x in prompts), STEP)
    b, c = len(completions), rounded(max(len(x) for x in completions), STEP)
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
    filling = rounded(len(order), 8 * STEP) - len(order)
    tokens = torch.tensor([t for x in (*prompts, *completions) for t in x] + [0] * filling)
    future = torch.ones(c, c, dtype=torch.bool).triu(1)
    unseen = torch.cat([~prompt_real[owners, None].expand(b, c, p), future.expand(b, c, c)], -1)
    last = prompt_places[owners, prompt_lengths[owners] - 1]  # a prompt's last token predicts the first
    before = torch.cat([last[:, None], places[:, :-1]], 1)[real]
    parts = (
        tokens[None],
        F.pad(positions, (0, filling))[None],
        prompt_places,
        places,
        owners,
        unseen[:, None],
        F.pad(order, (0, filling)),
        before,
    )
    return Layout(*(x.to(device) for x in parts))


@torch.autocast("cpu", enabled=False)
def attention(module, query, key, value, attention_mask, scaling, dropout=0.0, layout=None, **kwargs):
    """transformers' attention interface: (1, heads, N, D) each -> (1, N, heads, D), None. Raises for other kinds."""
    if other := [k for k in OTHER_KINDS if kwargs.get(k) is not None]:
        raise ValueError(f"attention with {', '.join(other)} is not made here")
    rep = module.num_key_value_groups
    # In 32 bit also where autocast is on: a CPU's kernel for the gradients needs half of the time that it needs in 16.
    q, k, v = (x[0].transpose(0, 1).float() for x in (query, key, value))  # (N, heads, D)
    prompt_q, prompt_k, prompt_v = (
        rows(x, layout.prompts).transpose(1, 2) for x in (q, k, v)
    )  # (G, heads, P, D)
    read = F.scaled_dot_product_attention(
        prompt_q,
        prompt_k.repeat_interleave(rep, 1),
        prompt_v.repeat_interleave(rep, 1),
        is_causal=True,
        scale=scaling,
    )  # (G, heads, P, D)
    (b, c), kv_heads, dim = layout.completions.shape, key.shape[1], key.shape[-1]
    # Heads that share keys follow one another as more queries, so keys and values need not be repeated.
    own = (
        rows(q, layout.completions)
        .view(b, c, kv_heads, rep, dim)
        .permute(0, 2, 3, 1, 4)
        .reshape(b, kv_heads, -1, dim)
    )
    keys, values = (
        torch.cat(
            [rows(x, layout.owner), rows(y, layout.completions).transpose(1, 2)], 2
        )  # (B, kv_heads, P + C, D)
        for x, y in ((prompt_k, k), (prompt_v, v))
    )
    written = F.scaled_dot_product_attention(own, keys, values, layout.mask(rep), scale=scaling)
    written = written.view(b, kv_heads, rep, c, dim).permute(0, 3, 1, 2, 4).reshape(b * c, -1, dim)
    flat = torch.cat([read.transpose(1, 2).flatten(0, 1), written])  # (G * P + B * C, heads, D)
    return rows(flat, layout.order)[None], None


def rows(x: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """x[places], for rows that are asked for more than once.

    Its gradient is added up row by row and in order. That of x[places] in 32 bit is added up number by number by all
    threads at once on a CPU, which is slower and comes out otherwise each time.
    """
    return x.flatten(1).index_select(0, places.flatten()).view(*places.shape, *x.shape[1:])


def shared_states(
    body: Any, prompts: Sequence[Sequence[int]], completions: Sequence[Sequence[int]], owner: Sequence[int]
) -> torch.Tensor:
    """States (completion tokens, H) that predict each completion's tokens, from a model without its output layer."""
    layout = lay_out(prompts, completions, owner, body.embed_tokens.weight.device)
    with exchanged(body.config):
        row = body(input_ids=layout.ids, position_ids=layout.positions, use_cache=False, layout=layout)[0]
    return rows(row[0], layout.before)


@contextlib.contextmanager
def exchanged(config: Any) -> Iterator[None]:
    """Our attention in the place of the model's, for one pass."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, attention)
    own = config._attn_implementation
    config._attn_implementation = NAME
    try:
        yield
    finally:
        config._attn_implementation = own


@torch.no_grad()
def can_share(body: Any) -> bool:
    """Whether the states equal those of a row for each completion: judged by numbers, not by the model's name."""
    prompts, completions, owner = (
        [[3, 4, 5, 6, 7], [8, 9]],
        [[10, 11, 12], [13, 14], [15, 16, 17, 18]],
        [0, 0, 1],
    )
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
