"""The arguments of transformers and TRL: what all trainers share, and those of GRPO."""

from __future__ import annotations

import os
from typing import Any

import torch
from trl import GRPOConfig

from r1rl.config.flags import Config
from r1rl.models.policy import Policy
from r1rl.runs.dump import Dump


def common_arguments(config: Config, policy: Policy, dump: Dump) -> dict[str, Any]:
    """Returns keyword arguments of TrainingArguments; all that Unsloth would change are set."""
    cpu = not policy.on_gpu
    os.environ.setdefault("WANDB_PROJECT", config.project_name)  # wandb's callback reads nothing else
    return {
        "output_dir": str(dump.folder / "checkpoints"),
        "run_name": config.exp_name,
        "project": config.project_name,
        "report_to": "none",  # see Trackers in callbacks.py
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
    """Converts trained weights back to float32: TRL rounds them to bfloat16 if the base model is in 4 bit.

    At a weight of 0.02 bfloat16 has steps of 1e-4, so an update of 1e-5 would be rounded away.
    """
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def training_arguments(config: Config, policy: Policy, dump: Dump) -> GRPOConfig:
    """Returns TRL's settings; all that Unsloth would change are set, here or in common_arguments."""
    cpu = not policy.on_gpu
    # TRL refuses groups of one; a trainer with a value head needs no groups, and restores the number.
    group_size = config.num_generations if config.num_generations > 1 else config.generation_batch_size
    return GRPOConfig(
        **common_arguments(config, policy, dump),
        # a step: its whole batch at once, which `PolicyUpdate.update` cuts into parts
        per_device_train_batch_size=config.generation_batch_size,
        gradient_accumulation_steps=1,
        steps_per_generation=config.steps_per_generation,
        num_generations=group_size,
        num_iterations=config.num_iterations,
        max_completion_length=config.max_completion_length,
        temperature=config.temperature,
        top_p=config.top_p,
        pad_to_multiple_of=32 if cpu else None,  # for each new shape a CPU builds new kernels
        # the loss
        loss_type="dapo" if config.distills else config.loss_type,  # by the tokens of the batch, see batches.weight
        beta=0.0 if config.has_value_head or config.distills else config.beta,  # PPO has the KL in its rewards
        epsilon=config.clip_range,
        epsilon_high=config.upper_clip_range,
        delta=config.delta,
        importance_sampling_level=config.importance_level,
        entropy_coef=config.entropy_bonus,
        top_entropy_quantile=config.top_entropy_share,
        scale_rewards="none"
        if config.scale_rewards == "advantages"
        else config.scale_rewards,  # see compute_advantages
        mask_truncated_completions=False,  # see Trainer.mask_truncated
        vllm_importance_sampling_correction=config.importance_correction,  # only with use_vllm
        vllm_importance_sampling_mode=config.importance_mode,
        vllm_importance_sampling_clip_max=config.importance_threshold,
        router_aux_loss_coef=0.0,
        # the optimizer
        learning_rate=config.learning_rate,
        lr_scheduler_type="constant_with_warmup" if config.lr_scheduler == "constant" else config.lr_scheduler,
        weight_decay=config.weight_decay,
        adam_beta1=0.9,
        adam_beta2=0.99,
        max_grad_norm=config.max_grad_norm,
        # evaluation, saving, logging
        eval_strategy="steps",
        eval_steps=config.eval_steps,
        eval_on_start=config.eval_on_start,  # `restore` turns it off after a resume
        per_device_eval_batch_size=group_size,
        eval_accumulation_steps=None,
        torch_empty_cache_steps=None if cpu else 250,
    )
