"""A CPU's way to logprobs for TRL's loss: padding off, a group's prompt read once, logits for completion tokens alone."""

from __future__ import annotations

import torch

from r1rl.models.policy import completion_states, token_logprobs


def batch_logprobs(
    trainer,
    model,
    input_ids,
    attention_mask,
    logits_to_keep,
    batch_size=None,
    compute_entropy=False,
    **kwargs,
):  # (B, C) logprobs, (B, C) entropies or None, None
    """TRL's `_get_per_token_logps_and_entropies` for a CPU: TRL's own needs a triton kernel, of which there is none.

    Padding is taken off, a group's prompt is read once, and logits are made for completion tokens alone.
    """
    real = attention_mask.bool()
    c = logits_to_keep
    prompts = [ids[mask].tolist() for ids, mask in zip(input_ids[:, :-c], real[:, :-c])]
    completions = [ids[mask].tolist() for ids, mask in zip(input_ids[:, -c:], real[:, -c:])]
    states = completion_states(trainer.policy, prompts, completions)  # (N, H)
    tokens = input_ids[:, -c:][real[:, -c:]]  # (N,)
    found = token_logprobs(trainer.policy, states, tokens, trainer.temperature)
    logprobs, entropies = (
        torch.zeros_like(real[:, -c:], dtype=x.dtype).masked_scatter(real[:, -c:], x) for x in found
    )
    trainer.own_logprobs(logprobs.detach())
    return logprobs, entropies if compute_entropy else None, None
