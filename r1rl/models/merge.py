"""Merges the adapter into the base weights, for engines and exports."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from r1rl.models.policy import Policy
from r1rl.models.weights import MERGED_FROM_4BIT


def merged_weights(policy: Policy) -> Iterator[tuple[str, Any]]:
    """Yields (name in the base checkpoint, merged weight) for each layer with an adapter; without adapter all weights."""
    return ((name, merged()) for name, merged in to_merge(policy))


def to_merge(policy: Policy) -> list[tuple[str, Callable[[], Any]]]:
    """Returns (name, function that computes the weight) for what `merged_weights` yields, so that threads can share it."""
    from peft.tuners.lora import LoraLayer

    if policy.base is policy.model:
        return [(name, p.detach) for name, p in policy.model.named_parameters()]
    layers = [(name, x) for name, x in policy.model.named_modules() if isinstance(x, LoraLayer)]
    return [(f"{name.removeprefix('base_model.model.')}.weight", partial(merged, x)) for name, x in layers]


def merged(layer):
    """Returns base weight plus adapter. A 4-bit base is dequantized: those are the values that the trainer uses."""
    import torch
    from peft.utils.integrations import dequantize_module_weight

    with torch.no_grad():
        base = dequantize_module_weight(layer.get_base_layer())
        return (base.float() + layer.get_delta_weight("default").float()).to(base.dtype)


def merge_into(policy: Policy, model) -> None:
    """Copies the merged weights into a plain model of the same shape, in place."""
    import torch

    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, weight in merged_weights(policy):
            parameters[name].copy_(weight)


def save_merged(policy: Policy, folder: Path) -> None:
    """Saves base model and adapter as one plain model with its tokenizer. The folder appears once it is complete."""
    model = policy.sampling_copy()
    merge_into(policy, model)
    if is_in_4bit(policy):
        setattr(model.config, MERGED_FROM_4BIT, True)
    unfinished = folder.with_name(folder.name + ".new")
    model.save_pretrained(unfinished)
    policy.tokenizer.save_pretrained(unfinished)
    shutil.rmtree(folder, ignore_errors=True)  # written when the same run ended before
    unfinished.replace(folder)


def is_in_4bit(policy: Policy) -> bool:
    """Returns whether the base weights are in 4 bit; bitsandbytes' parameters are, whoever loaded them."""
    return any(type(p).__name__ == "Params4bit" for p in policy.model.parameters())
