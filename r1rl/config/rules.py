"""The rules for flag values and their combinations, checked before anything is loaded."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from r1rl.config.data_rules import (
    check_data,
    check_puzzle_flags,
    check_stages,
    is_hub_name,
)
from r1rl.config.flags import CHECKS, Config
from r1rl.config.names import TASKS, load_entry
from r1rl.config.reward_rules import check_r1_rewards, check_reward
from r1rl.config.run_rules import check_budget, check_guards, check_pipeline, check_report_to
from r1rl.config.training_rules import (
    check_full_training,
    check_generation,
    check_server_flags,
    check_value_head,
)
from r1rl.system.errors import UserError, unknown_name


def validate(config: Config) -> None:
    """Checks all that can be checked without looking at files or machines. Raises UserError."""
    for f in dataclasses.fields(Config):
        value, choices = getattr(config, f.name), f.metadata["choices"]
        if f.name == "dataset_name" and is_hub_name(value):
            continue
        if choices and value is not None and value not in choices:
            raise unknown_name(f"--{f.name.replace('_', '-')}", value, choices)
    for rule in RULES:
        check_range(config, *rule)
    check_groups(config)
    check_reward(config)
    check_r1_rewards(config)
    if config.dataset_name in TASKS:
        load_entry(TASKS[config.dataset_name]).check_flags(config)
    check_data(config)
    check_value_head(config)
    check_generation(config)
    check_puzzle_flags(config)
    check_stages(config)
    check_pipeline(config)
    check_budget(config)
    check_guards(config)
    check_full_training(config)
    check_server_flags(config)
    check_report_to(config.report_to)
    if config.max_prompt_length + config.max_completion_length > config.max_seq_length:
        raise UserError(
            f"--max-prompt-length {config.max_prompt_length} plus --max-completion-length "
            f"{config.max_completion_length} is more than --max-seq-length {config.max_seq_length}: the model would "
            f"have to cut. Use --max-seq-length {config.max_prompt_length + config.max_completion_length}, or "
            f"--max-completion-length {max(1, config.max_seq_length - config.max_prompt_length)}."
        )
    if config.exp_name is not None and not is_folder_name(config.exp_name):
        raise UserError(
            f"--exp-name {config.exp_name!r} must be one folder name: the run lives in dumps/<exp-name>."
        )
    if config.resume and config.exp_name is None and config.mode is None:  # a mode has names of its own
        raise UserError("--resume needs --exp-name: which run is to be continued?")
    if config.eval_samples > 1 and config.eval_temperature == 0:
        raise UserError(
            f"--eval-samples {config.eval_samples} with --eval-temperature 0 would give {config.eval_samples} equal "
            "completions: greedy decoding has no variety. Add --eval-temperature 1.0, or leave --eval-samples out."
        )


def is_folder_name(name: str) -> bool:
    """Whether a text names one folder inside another: no path, nothing that means the folder itself or the one above."""
    return Path(name).name == name and name not in ("", "..") and "\0" not in name


# flag, smallest value, largest value (None: no limit), whether the smallest itself is allowed, reason
RULES = (
    ("num_generations", 1, None, True, ""),
    ("batch_size", 1, None, True, ""),
    ("num_epochs", 1, None, True, ""),
    ("train_every", 1, None, True, ""),
    ("max_samples", 1, None, True, ""),
    ("generation_chunk", 1, None, True, ""),
    ("refill", 0, 4, True, "it is a share of the step's prompts"),
    ("steps_per_generation", 1, None, True, ""),
    ("tokens_per_micro_batch", 1, None, True, ""),
    ("profile", 1, None, True, ""),
    ("update_chunk", 1, None, True, ""),
    ("ppo_epochs", 1, None, True, ""),
    ("minibatches", 1, None, True, ""),
    ("cleanup_steps", 1, None, True, ""),
    ("lora_alpha", 1, None, True, ""),
    ("gamma", 0, 1, False, "it is a discount"),
    ("gae_lambda", 0, 1, True, "it is a share"),
    ("clip_range", 0, None, False, ""),
    ("value_clip_range", 0, None, False, ""),
    ("value_coef", 0, None, True, ""),
    ("value_learning_rate", 0, None, False, ""),
    ("sft_learning_rate", 0, None, False, ""),
    ("target_kl", 0, None, False, ""),
    ("kept_per_problem", 1, None, True, ""),
    ("student_layers", 1, None, True, ""),
    ("distill_kl", 0, 1, True, "the rest is the weight of the texts"),
    ("mix_ratio", 0, 0.9, True, "it is a share, and the rest are problems"),
    ("answer_tolerance", 0, None, True, ""),
    ("per_device_train_batch_size", 1, None, True, ""),
    ("gradient_accumulation_steps", 1, None, True, ""),
    ("per_device_eval_batch_size", 1, None, True, ""),
    ("max_prompt_length", 1, None, True, ""),
    ("max_completion_length", 1, None, True, ""),
    ("max_seq_length", 2, None, True, ""),
    ("max_steps", 1, None, True, ""),
    ("lora_rank", 0, None, True, "0 trains all weights"),
    ("eval_count", 0, None, True, "0 is the whole test set"),
    ("eval_steps", 1, None, True, ""),
    ("eval_samples", 1, None, True, ""),
    ("save_steps", 1, None, True, ""),
    ("guard_steps", 1, None, True, ""),
    ("save_total_limit", 1, None, True, ""),
    ("learning_rate", 0, None, False, ""),
    ("weight_decay", 0, None, True, ""),
    ("warmup_ratio", 0, 1, True, "it is a share of the steps"),
    ("max_grad_norm", 0, None, False, ""),
    ("beta", 0, None, True, ""),
    (
        "temperature",
        0,
        None,
        False,
        "greedy rollouts of one prompt are all equal, and nothing is learned from equals",
    ),
    ("eval_temperature", 0, None, True, ""),
    ("top_p", 0, 1, False, "it is a probability"),
    ("grace_seconds", 1, None, True, "otherwise nothing can be saved"),
    ("gpu_price", 0, None, True, ""),
    ("budget", 0, None, False, "otherwise nothing can be run"),
    ("max_minutes", 0, None, False, "otherwise nothing can be run"),
    ("max_tokens", 1, None, True, "otherwise nothing can be sampled"),
    ("gpu_memory_utilization", 0, 1, False, "it is a share of the GPU's memory"),
    ("vllm_server_port", 1, 65535, True, ""),
    ("reward_timeout", 0, None, False, "otherwise no reward could come back in time"),
    ("reward_workers", 1, None, True, ""),
    ("env_reward_scale", 0, None, False, "otherwise right answers earn nothing"),
    ("steps_per_stage", 1, None, True, ""),
    ("advance_at", 0, 1, False, "it is a share of completions"),
    ("advance_window", 1, None, True, ""),
    (
        "claim_depth",
        1,
        3,
        True,
        "claims about one person alone fit two solutions or none, deeper ones cannot be read",
    ),
    ("seed", 0, 2**32 - 1, True, "numpy takes no other seeds"),
)


def check_range(
    config: Config, name: str, low: float, high: float | None, low_allowed: bool, reason: str
) -> None:
    """One row of RULES. Raises UserError."""
    value = getattr(config, name)
    if value is None:  # a flag that was left out
        return
    inside = (value >= low if low_allowed else value > low) and (high is None or value <= high)
    if inside:  # NaN is never inside
        return
    rule = f"at least {low}" if low_allowed else f"more than {low}"
    upper = "" if high is None else f" and at most {high}"
    because = f": {reason}" if reason else ""
    raise UserError(f"--{name.replace('_', '-')} {value} must be {rule}{upper}{because}.")


def check_groups(config: Config) -> None:
    """The completions of a step must make whole groups. Raises UserError with the nearest sizes that do."""
    g, batch = config.num_generations, config.generation_batch_size
    if batch % g == 0:
        return
    fitting = [n for n in range(1, batch + 2 * g) if n * config.gradient_accumulation_steps % g == 0]
    below = [n for n in fitting if n < config.per_device_train_batch_size][-1:]
    above = [n for n in fitting if n > config.per_device_train_batch_size][:1]
    raise UserError(
        f"--per-device-train-batch-size {config.per_device_train_batch_size} times --gradient-accumulation-steps "
        f"{config.gradient_accumulation_steps} makes {batch} completions a step, which --num-generations {g} does not "
        f"divide: a group would be torn. The nearest batch sizes that work: "
        f"{' and '.join(str(n) for n in below + above)}."
    )


CHECKS.append(validate)
