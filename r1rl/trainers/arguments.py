"""What every trainer tells transformers alike: folders, seeds, precision, optimizer, saving, logging."""

from __future__ import annotations

import os
from typing import Any

import torch

from r1rl.config.flags import Config
from r1rl.models.policy import Policy
from r1rl.runs.dump import Dump


def common_arguments(config: Config, policy: Policy, dump: Dump) -> dict[str, Any]:
    """Keyword arguments of a TrainingArguments; everything that Unsloth would change on its own is set."""
    cpu = not policy.on_gpu
    os.environ.setdefault(
        "WANDB_PROJECT", config.project_name
    )  # the only way that wandb's callback learns it
    return {
        "output_dir": str(dump.folder / "checkpoints"),
        "run_name": config.exp_name,
        "project": config.project_name,
        "report_to": "none",  # see trainers/trackers.py
        "seed": config.seed,
        "data_seed": config.seed,
        "use_cpu": cpu,
        "bf16": policy.mixed,
        "fp16": policy.on_gpu and not policy.mixed,
        "gradient_checkpointing": policy.on_gpu,
        "max_steps": config.max_steps,
        "optim": "adamw_torch" if cpu else "adamw_8bit",
        "warmup_steps": round(config.warmup_ratio * config.max_steps),
        "save_strategy": "steps",
        "save_steps": config.save_steps,
        "save_total_limit": config.save_total_limit,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "disable_tqdm": True,
        "dataloader_num_workers": 0,
    }


def keep_float32(model: torch.nn.Module) -> None:
    """Takes back TRL's rounding of trained weights to bfloat16, which it does where the base is in 4 bit.

    At a weight of 0.02 bfloat16 has steps of 1e-4: updates of 1e-5 would be rounded away, and the weight never move.
    """
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
