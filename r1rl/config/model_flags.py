"""The rules of --lora-rank 0: all weights are trained instead of an adapter."""

from __future__ import annotations

from r1rl.system.errors import UserError


def check_full_training(config) -> None:
    """What needs the adapter, or the model beneath it, does not go with --lora-rank 0. Raises UserError."""
    if config.lora_rank:
        return
    if config.load_in_4bit:
        raise UserError(
            "--lora-rank 0 trains all weights, and 4-bit weights cannot be trained: add --no-load-in-4bit, or use "
            "--lora-rank 64."
        )
    if config.lora_alpha is not None:
        raise UserError(
            f"--lora-alpha {config.lora_alpha} is the scale of an adapter, and --lora-rank 0 has none: leave one out."
        )
    if config.algorithm != "grpo":
        raise UserError(
            f"--lora-rank 0 with --algorithm {config.algorithm}: the value head is made for a model with an adapter. "
            "Use --algorithm grpo, or --lora-rank 64."
        )
    if config.beta:
        raise UserError(
            f"--lora-rank 0 with --beta {config.beta}: the divergence is measured to the model beneath the adapter, and "
            "without one that model is gone after the first step. Use --beta 0, or --lora-rank 64."
        )
