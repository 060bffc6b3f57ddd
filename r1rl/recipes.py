"""Named overrides of Config's defaults, each with its source and what was measured."""

from __future__ import annotations

from typing import Any

from r1rl.config import TINY_MODEL
from r1rl.errors import unknown_name

RECIPES: dict[str, dict[str, Any]] = {
    # Source: dhh1995/R1RL @ 36c196c, README: Qwen2.5-3B in 4 bit, LoRA rank 64, one A10 with 24 GB, 200 steps in
    # about two hours for less than two dollars. Config's defaults are this recipe.
    "default": {},
    # Same source: 1000 steps on an A100 with 40 GB, full test set, more than 70 % there.
    "full": {
        "max_steps": 1000,
        "per_device_train_batch_size": 32,
        "per_device_eval_batch_size": 64,
        "eval_count": 0,
    },
    # The embedded model and generator; no GPU, no hub. Measured: see benchmarks/RESULTS.md.
    "tiny": {
        "model_name": TINY_MODEL,
        "dataset_name": "word-problems",
        "load_in_4bit": False,
        "max_completion_length": 128,
        "max_prompt_length": 512,
        "per_device_train_batch_size": 64,
        "num_generations": 8,
        "max_steps": 40,
        "learning_rate": 1e-3,
        "lr_scheduler": "constant",
        "warmup_ratio": 0.0,
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "loss_type": "dr_grpo",
        "scale_rewards": "none",
        "eval_steps": 10,
        "save_steps": 20,
        "per_device_eval_batch_size": 200,
    },
}


def overrides(name: str) -> dict[str, Any]:
    """The overrides of one recipe. Raises UserError for a wrong name."""
    if name not in RECIPES:
        raise unknown_name("recipe", name, RECIPES)
    return RECIPES[name]
