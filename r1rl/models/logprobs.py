"""The trainer's logprobs of sampled tokens: of whole completions, and for TRL's loss on a CPU.

Padding is removed, the prompt of a group is read once, and logits are computed for completion tokens only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

from r1rl.models.policy import Policy
from r1rl.models.shared_prompts import shared_states
from r1rl.records import Rollout

LOGITS_AT_ONCE = 2**25  # 128 MiB in float32


def last_hidden(policy: Policy, ids):  # (B, T) -> (B, T, H)
    """Returns the hidden states before the output layer, for rows padded on the right."""
    with policy.autocast():
        return policy.base.model(input_ids=ids, use_cache=False)[0]


def output_logits(policy: Policy, hidden):  # (N, H) -> (N, vocab)
    """Applies the output layer to the positions that are needed, and Gemma 2's bound on logits (arXiv:2408.00118, 2)."""
    head, bound = policy.base.lm_head, getattr(policy.base.config, "final_logit_softcapping", None)
    with policy.autocast():
        logits = head(hidden.to(head.weight.dtype))
    return logits if bound is None else bound * (logits / bound).tanh()


def completion_states(
    policy: Policy, prompts: Sequence[Sequence[int]], completions: Sequence[Sequence[int]]
):  # -> (N, H)
    """Returns the state that predicts each completion token, completion by completion; `prompts` has one per completion."""
    if policy.shares_prompts:
        place = {p: i for i, p in enumerate(dict.fromkeys(map(tuple, prompts)))}
        owner = [place[tuple(p)] for p in prompts]
        with policy.autocast():
            return shared_states(policy.base.model, list(place), completions, owner, policy.large)
    rows = [[*p, *c] for p, c in zip(prompts, completions)]
    length = -(-max(map(len, rows)) // 32) * 32  # each new shape makes a CPU build new kernels
    # Padded on the right, where causal attention never looks, so no mask is needed.
    ids = torch.tensor([row + [0] * (length - len(row)) for row in rows], device=policy.model.device)
    hidden = last_hidden(policy, ids)  # (B, T, H)
    which = [i for i, c in enumerate(completions) for _ in c]
    where = [len(p) - 1 + t for p, c in zip(prompts, completions) for t in range(len(c))]
    return hidden[torch.tensor(which), torch.tensor(where)]


def nucleus(logprobs, top_p: float, kept=None):  # (N, vocab), (N,) or None -> (N, vocab)
    """Keeps the fewest most likely tokens whose mass reaches top_p (arXiv:1904.09751 section 3.1), renormalised.

    `kept`: one token per row that stays in any case.
    """
    with torch.no_grad():
        ordered, index = logprobs.sort(-1, descending=True)
        before = ordered.exp().cumsum(-1) - ordered.exp()  # the mass before each token
        outside = torch.empty_like(before, dtype=torch.bool).scatter_(-1, index, before >= top_p)
        if kept is not None:
            outside.scatter_(-1, kept[:, None], False)
    return logprobs.masked_fill(outside, -torch.inf).log_softmax(-1)


def token_logprobs(
    policy: Policy, states, tokens, temperature: float, top_p: float = 1.0, entropy_gradient: bool = False
):  # (N, H), (N,) -> (N,), (N,)
    """Returns (logprobs of the tokens, entropies) in nats; the entropies have a gradient only if it is asked for.

    With `top_p` below 1 both are those of the nucleus, from which the sampler draws. A token that rounding puts outside
    of the trainer's nucleus counts as inside.

    The logits of many tokens times a large vocabulary are never in memory at once. With gradients each chunk is computed
    again in the backward pass, unless `ChosenLogprobs` can do without.
    """
    size = max(1, LOGITS_AT_ONCE // policy.model.config.vocab_size)
    if len(tokens) > size and top_p == 1 and not entropy_gradient and has_frozen_head(policy):
        weight = policy.base.lm_head.weight
        weight = weight.bfloat16() if policy.mixed else weight
        wanted = torch.is_grad_enabled() and states.requires_grad
        return ChosenLogprobs.apply(states, weight, tokens, temperature, size, wanted)

    def chunk(h, t):
        logprobs = (output_logits(policy, h).float() / temperature).log_softmax(-1)  # (n, vocab)
        if top_p < 1:
            logprobs = nucleus(logprobs, top_p, t)
        all_tokens = logprobs if entropy_gradient else logprobs.detach()
        if top_p < 1:
            all_tokens = all_tokens.clamp(min=torch.finfo(logprobs.dtype).min)  # 0 times -inf is NaN
        return logprobs.gather(1, t[:, None])[:, 0], -(all_tokens.exp() * all_tokens).sum(-1)

    if len(tokens) <= size:
        return chunk(states, tokens)
    parts = [checkpoint(chunk, h, t, use_reentrant=False) for h, t in zip(states.split(size), tokens.split(size))]
    return tuple(torch.cat(x) for x in zip(*parts))


class ChosenLogprobs(torch.autograd.Function):
    """Logprobs of tokens and entropies, with the gradient of the logprobs computed in the forward pass.

    The gradient of token t's logprob by its state is (W[t] - p W) / temperature, with W the output layer and p the
    probabilities. It needs no other token and no gradient of W, so each chunk's logits are computed once and dropped (as in
    Liger-Kernel's fused losses, arXiv:2410.10989 section 3.2).
    """

    @staticmethod
    @torch.autocast("cpu", enabled=False)
    def forward(ctx, states, weight, tokens, temperature, size, wanted):
        """(N, H), (vocab, H), (N,) -> (N,), (N,); at most `size` tokens at once; `wanted`: whether to compute the gradient."""
        found, gradients = [], []
        for h, t in zip(states.split(size), tokens.split(size)):
            logits = F.linear(h.to(weight.dtype), weight).float()  # (n, vocab)
            logprobs = (logits if temperature == 1 else logits.div_(temperature)).log_softmax(-1)
            p = logprobs.exp()
            entropy = -torch.bmm(p[:, None], logprobs[:, :, None]).flatten()  # reads both once
            found.append((logprobs.gather(1, t[:, None])[:, 0], entropy))
            if wanted:
                p[torch.arange(len(t)), t] -= 1.0  # before it is rounded, as p is often close to 1
                gradients.append(p.to(weight.dtype) @ weight)
            del logits, logprobs, p  # before the next chunk's
        if wanted:
            ctx.save_for_backward(torch.cat(gradients))
            ctx.scale, ctx.dtype = -1.0 / temperature, states.dtype
        chosen, entropies = (torch.cat(x) for x in zip(*found))
        ctx.mark_non_differentiable(entropies)
        return chosen, entropies

    @staticmethod
    def backward(ctx, upstream, _):
        """(N,) -> (N, H)"""
        (gradients,) = ctx.saved_tensors
        return (gradients * (ctx.scale * upstream)[:, None]).to(ctx.dtype), *[None] * 5


def has_frozen_head(policy: Policy) -> bool:
    """Returns whether the output layer is on a CPU, has no adapter, bias or bound, and is not trained."""
    head, config = policy.base.lm_head, policy.base.config
    return (
        type(head) is torch.nn.Linear
        and head.bias is None
        and not head.weight.requires_grad
        and head.weight.device.type == "cpu"
        and getattr(config, "final_logit_softcapping", None) is None
    )


def completion_logprobs(
    policy: Policy, rollouts: Sequence[Rollout], temperature: float, with_adapter: bool = True, top_p: float = 1.0
) -> list[list[float]]:
    """Returns the trainer's logprob of each sampled token, rollout by rollout; without gradients."""
    context = contextlib.nullcontext() if with_adapter else policy.model.disable_adapter()
    with torch.no_grad(), context, policy.autocast():
        if not policy.shares_prompts:
            return [row_logprobs(policy, r, temperature, top_p) for r in rollouts]
        completions = [r.completion_ids for r in rollouts]
        states = completion_states(policy, [r.prompt_ids for r in rollouts], completions)  # (N, H)
        tokens = torch.tensor([t for c in completions for t in c])
        logprobs, _ = token_logprobs(policy, states, tokens, temperature, top_p)
    return [row.tolist() for row in logprobs.split([len(c) for c in completions])]


def row_logprobs(policy: Policy, rollout: Rollout, temperature: float, top_p: float = 1.0) -> list[float]:
    """Returns the logprobs of one rollout by the model's forward pass; logits of a whole long batch would not fit."""
    ids = torch.tensor([rollout.prompt_ids + rollout.completion_ids], device=policy.model.device)  # (1, P+C)
    kept = len(rollout.completion_ids)
    out = policy.model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False)
    logits = out.logits[0, -kept - 1 : -1].float() / temperature  # (C, vocab)
    if top_p < 1:
        logits = nucleus(logits.log_softmax(-1), top_p, ids[0, -kept:])
    return (logits.gather(1, ids[0, -kept:, None])[:, 0] - logits.logsumexp(-1)).tolist()


def adapter_is_on(policy: Policy) -> bool:
    """Returns whether the model computes with the trained adapter; True for a model without one.

    The reference model of --beta has none, or TRL's copy of the initial one, "ref".
    """
    from peft.tuners.lora import LoraLayer

    layers = [x for x in policy.model.modules() if isinstance(x, LoraLayer)]
    return all(not x.disable_adapters and "default" in x.active_adapters for x in layers)


def batch_logprobs(
    trainer, model, input_ids, attention_mask, logits_to_keep, batch_size=None, compute_entropy=False, **kwargs
):  # -> (B, C) logprobs, (B, C) entropies or None, None  # fmt: skip
    """Replaces TRL's `_get_per_token_logps_and_entropies` where that does not run, or lacks what a flag needs.

    On a CPU TRL's own needs a triton kernel. It does not know the nucleus of --top-p.
    """
    real = attention_mask.bool()
    c = logits_to_keep
    prompts = [ids[mask].tolist() for ids, mask in zip(input_ids[:, :-c], real[:, :-c])]
    completions = [ids[mask].tolist() for ids, mask in zip(input_ids[:, -c:], real[:, -c:])]
    states = completion_states(trainer.policy, prompts, completions)  # (N, H)
    tokens = input_ids[:, -c:][real[:, -c:]]  # (N,)
    # The reference model is scored over all tokens: the KL divergence needs no more.
    top_p = trainer.run.top_p if adapter_is_on(trainer.policy) else 1.0
    learns_entropy = trainer.run.entropy_bonus > 0
    values = token_logprobs(trainer.policy, states, tokens, trainer.temperature, top_p, learns_entropy)
    logprobs, entropies = (
        torch.zeros_like(real[:, -c:], dtype=x.dtype).masked_scatter(real[:, -c:], x) for x in values
    )
    trainer.record_logprobs(logprobs.detach())
    return logprobs, entropies if compute_entropy else None, None
