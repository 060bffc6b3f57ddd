"""A linear layer and its LoRA adapter as one operation, for the update of a large model on a CPU.

PEFT's layer casts its input for the base weights and for A, multiplies the adapter's output by the scaling, adds it and casts
the sum: seven operations, and as many in the backward pass, that read and write whole activations. Here the adapter's
product is added by the product itself, in bfloat16 (the same idea: unslothai/unsloth, kernels/fast_lora.py). Measured in
docs/speed.md.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from peft.tuners.lora import Linear


class AdaptedProduct(torch.autograd.Function):
    """x W^T + bias + s x A^T B^T in bfloat16, with gradients of x, A and B; W and the bias are frozen."""

    @staticmethod
    @torch.autocast("cpu", enabled=False)
    def forward(ctx, x, weight, bias, a, b, scaling):
        """(..., in), (out, in), (out,) or None, (r, in), (out, r), a number -> (..., out)"""
        ctx.shape, ctx.dtype, ctx.scaling = x.shape, x.dtype, scaling
        x = x.reshape(-1, x.shape[-1]).bfloat16()
        weight, a, b = weight.bfloat16(), a.bfloat16(), (scaling * b).bfloat16()
        inner = x @ a.T  # (N, r)
        out = F.linear(x, weight, None if bias is None else bias.bfloat16()).addmm_(inner, b.T)
        ctx.save_for_backward(x, weight, a, b, inner)
        return out.view(*ctx.shape[:-1], -1)

    @staticmethod
    @torch.autocast("cpu", enabled=False)
    def backward(ctx, upstream):
        """(..., out) -> (..., in), None, None, (r, in), (out, r), None"""
        x, weight, a, b, inner = ctx.saved_tensors
        upstream = upstream.reshape(-1, upstream.shape[-1]).bfloat16()
        to_inner = upstream @ b  # (N, r)
        to_x = None
        if ctx.needs_input_grad[0]:
            to_x = (upstream @ weight).addmm_(to_inner, a).view(ctx.shape).to(ctx.dtype)
        return to_x, None, None, (to_inner.T @ x).float(), ctx.scaling * (upstream.T @ inner).float(), None


class FusedLinear(Linear):
    """PEFT's layer; computes by `AdaptedProduct` under bfloat16's autocast while one of its adapters is on.

    With --beta it has a second one, TRL's copy of the initial adapter, which is on in turn.
    """

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        on = [] if self.disable_adapters or self.merged else [n for n in self.active_adapters if n in self.lora_A]
        if len(on) != 1 or not torch.is_autocast_enabled("cpu"):
            return super().forward(x, *args, **kwargs)
        a, b, base = self.lora_A[on[0]].weight, self.lora_B[on[0]].weight, self.base_layer
        return AdaptedProduct.apply(x, base.weight, base.bias, a, b, self.scaling[on[0]])


def fuse_adapter(model: Any) -> None:
    """Makes the adapted layers of a PEFT model compute by `AdaptedProduct`, where that computes the same.

    Left as they are: layers that are quantized or trained themselves, and other kinds of LoRA than the plain one.
    """
    for layer in model.modules():
        if type(layer) is Linear and is_plain(layer):
            layer.__class__ = FusedLinear


def is_plain(layer: Linear) -> bool:
    """Returns whether the layer is a frozen linear one with one LoRA adapter, without dropout or a variant."""
    base, names = layer.base_layer, list(layer.lora_A)
    return (
        type(base) is torch.nn.Linear
        and not any(p.requires_grad for p in base.parameters())
        and layer.active_adapters == names
        and len(names) == 1
        and type(layer.lora_dropout[names[0]]) is torch.nn.Identity
        and not layer.lora_variant
        and layer.lora_A[names[0]].bias is None
        and layer.lora_B[names[0]].bias is None
    )
