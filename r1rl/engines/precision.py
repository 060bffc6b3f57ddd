"""Chooses the precision of the decoder's products on a CPU: bfloat16 where model and processor gain from it."""

from __future__ import annotations

import time
from typing import Any

from r1rl.models.shape import may_use_bfloat16
from r1rl.system.errors import UserError
from r1rl.system.machine import has_fast_bfloat16

GAIN = 1.2  # times as fast; less is not worth the rounding
ROWS, REPEATS = 32, 5  # of the measured product


def sampling_precision(asked: str, model: Any) -> tuple[str, str]:
    """Returns ("float32" or "bfloat16", words for display) for a float32 model on a CPU. "auto" measures one product."""
    from torch import nn

    sizes = {m: m.weight.numel() for m in model.modules() if isinstance(m, nn.Linear)}
    if not may_use_bfloat16(asked, sum(sizes.values()), has_fast_bfloat16()):
        return "float32", ""
    if asked == "bfloat16":
        return asked, "products in bfloat16"
    sizes.pop(model.get_output_embeddings(), None)
    gain = measured_gain(max(sizes, key=sizes.get).weight)
    if gain < GAIN:
        return "float32", f"products in float32: here bfloat16 is {gain:.1f} times as fast"
    return "bfloat16", f"products in bfloat16, here {gain:.1f} times as fast as float32"


def measured_gain(weight: Any) -> float:
    """Returns how many times as fast a product with a packed (out, in) weight is in bfloat16; 0 if it is not possible."""
    import torch

    seconds = []
    with torch.inference_mode():
        for dtype in (torch.float32, torch.bfloat16):
            try:
                packed = torch.ops.mkldnn._reorder_linear_weight(weight.to(dtype), ROWS)
                rows = torch.ones(ROWS, weight.shape[1], dtype=dtype)
                times = []
                for _ in range(1 + REPEATS):  # the first builds the kernel
                    start = time.perf_counter()
                    torch.ops.mkldnn._linear_pointwise.default(rows, packed, None, "none", [], "")
                    times.append(time.perf_counter() - start)
            except (AttributeError, RuntimeError):  # a torch without oneDNN, a processor without these kernels
                return 0.0
            seconds.append(min(times[1:]))
    return seconds[0] / seconds[1]


def check_converted(asked: str, mixed: bool) -> None:
    """Checks that --sampler-dtype bfloat16 has an effect. Raises UserError."""
    if asked == "bfloat16" and not mixed:
        raise UserError(
            "--sampler-dtype bfloat16: on a CPU only the project's decoder samples in bfloat16, and it does not run this model "
            "so: the model is not Llama-shaped, its weights take more than 2 GiB, this process may be refused memory (ulimit -v), "
            "or the processor's kernels lack bfloat16. Use --sampler-dtype auto or float32."
        )
