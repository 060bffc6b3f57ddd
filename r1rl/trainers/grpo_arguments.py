"""The default recipe's settings as TRL's GRPOConfig."""

from __future__ import annotations

from trl import GRPOConfig

from r1rl.config.flags import Config
from r1rl.models.policy import Policy
from r1rl.runs.dump import Dump
from r1rl.trainers.arguments import common_arguments


def training_arguments(config: Config, policy: Policy, dump: Dump) -> GRPOConfig:
    """TRL's settings; everything that Unsloth would change on its own is set, here or in common_arguments."""
    cpu = not policy.on_gpu
    # TRL refuses groups of one; a trainer with a value head needs no groups, and sets the number back.
    group_size = config.num_generations if config.num_generations > 1 else config.generation_batch_size
    return GRPOConfig(
        **common_arguments(config, policy, dump),
        # a step
        # A step's whole batch at once: `training_step` cuts it into parts.
        per_device_train_batch_size=config.generation_batch_size,
        gradient_accumulation_steps=1,
        steps_per_generation=config.steps_per_generation,
        num_generations=group_size,
        num_iterations=1,
        max_completion_length=config.max_completion_length,
        temperature=config.temperature,
        top_p=config.top_p,
        pad_to_multiple_of=32 if cpu else None,  # each new shape makes a CPU build new kernels
        # the loss
        loss_type=config.loss_type,
        beta=config.beta if config.algorithm == "grpo" else 0.0,  # a value head has the KL in its rewards
        epsilon=0.2,
        epsilon_high=0.2,
        scale_rewards=config.scale_rewards,
        mask_truncated_completions=False,
        importance_sampling_level="token",
        vllm_importance_sampling_correction=config.importance_correction,  # only where use_vllm is set, too
        vllm_importance_sampling_mode="token_truncate",
        vllm_importance_sampling_clip_max=2.0,
        router_aux_loss_coef=0.0,
        # the optimizer
        learning_rate=config.learning_rate,
        lr_scheduler_type="constant_with_warmup"
        if config.lr_scheduler == "constant"
        else config.lr_scheduler,
        weight_decay=config.weight_decay,
        adam_beta1=0.9,
        adam_beta2=0.99,
        max_grad_norm=config.max_grad_norm,
        # evaluation, saving, logging
        eval_strategy="steps",
        eval_steps=config.eval_steps,
        eval_on_start=config.eval_on_start,  # `go_on` looks what was evaluated before a resume
        per_device_eval_batch_size=group_size,
        eval_accumulation_steps=None,
        torch_empty_cache_steps=None if cpu else 250,
    )
