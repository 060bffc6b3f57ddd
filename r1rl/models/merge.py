"""Loads the policy: base model, tokenizer, LoRA adapter. The only file that imports unsloth."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from r1rl.models.policy import Policy


def merged_weights(policy: Policy) -> Iterator[tuple[str, Any]]:
    """(name in the base checkpoint, base weight + adapter) for every layer with an adapter; without one every weight."""
    return ((name, merged()) for name, merged in to_merge(policy))


def to_merge(policy: Policy) -> list[tuple[str, Callable[[], Any]]]:
    """What `merged_weights` yields, with a function that computes each weight: several threads can share the work."""
    from peft.tuners.lora import LoraLayer

    if policy.base is policy.model:
        return [(name, p.detach) for name, p in policy.model.named_parameters()]
    layers = [(name, x) for name, x in policy.model.named_modules() if isinstance(x, LoraLayer)]
    return [(f"{name.removeprefix('base_model.model.')}.weight", partial(merged, x)) for name, x in layers]


def merged(layer):
    """Base weight + adapter. A 4-bit base is dequantized: the trainer computes with those values, not with the checkpoint's."""
    import torch
    from peft.utils.integrations import dequantize_module_weight

    with torch.no_grad():
        base = dequantize_module_weight(layer.get_base_layer())
        return (base.float() + layer.get_delta_weight("default").float()).to(base.dtype)


def merge_into(policy: Policy, model) -> None:
    """Copies base weights plus adapter into a plain model of the same shape, in place."""
    import torch

    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, weight in merged_weights(policy):
            parameters[name].copy_(weight)


def save_merged(policy: Policy, folder: Path) -> None:
    """Saves base model and adapter as one plain model, with its tokenizer; whole or not at all."""
    model = policy.sampling_copy()
    merge_into(policy, model)
    unfinished = folder.with_name(folder.name + ".new")
    model.save_pretrained(unfinished)
    policy.tokenizer.save_pretrained(unfinished)
    shutil.rmtree(folder, ignore_errors=True)  # of an earlier end of the same run
    unfinished.replace(folder)
