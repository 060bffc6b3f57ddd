"""The rules that every Config satisfies, checked before anything is loaded: choices, ranges and combinations."""

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
from r1rl.config.names import TASKS, load_entry, option
from r1rl.config.reward_rules import check_reward, check_reward_files
from r1rl.config.run_rules import check_budget, check_pipeline, check_report_to, guard_actions
from r1rl.config.training_rules import (
    check_algorithm,
    check_full_training,
    check_generation,
    check_server_flags,
)
from r1rl.system.errors import UserError, unknown_name

AT_LEAST_1 = (
    "num_generations", "batch_size", "num_epochs", "train_every", "max_samples", "generation_chunk",
    "steps_per_generation", "tokens_per_micro_batch", "profile", "update_chunk", "ppo_epochs", "minibatches",
    "cleanup_steps", "lora_alpha", "kept_per_problem", "student_layers", "per_device_train_batch_size",
    "gradient_accumulation_steps", "per_device_eval_batch_size", "max_prompt_length", "max_completion_length", "max_steps",
    "eval_steps", "eval_samples", "save_steps", "guard_steps", "save_total_limit", "reward_workers", "steps_per_stage",
    "advance_window",
)  # fmt: skip
# flag, smallest value, largest value (None: no limit), whether the smallest itself is allowed, reason
RULES = (
    *((name, 1, None, True, "") for name in AT_LEAST_1),
    ("refill", 0, 4, True, "it is a share of the step's prompts"),
    ("gamma", 0, 1, False, "it is a discount factor"),
    ("gae_lambda", 0, 1, True, "it weights between one step and the whole completion"),
    ("clip_range", 0, None, False, ""),
    ("value_clip_range", 0, None, False, ""),
    ("value_coef", 0, None, True, ""),
    ("value_learning_rate", 0, None, False, ""),
    ("sft_learning_rate", 0, None, False, ""),
    ("target_kl", 0, None, False, ""),
    ("distill_kl", 0, 1, True, "the rest is the weight of the texts"),
    ("mix_ratio", 0, 0.9, True, "it is a share, and the rest are problems"),
    ("answer_tolerance", 0, None, True, ""),
    ("max_seq_length", 2, None, True, ""),
    ("lora_rank", 0, None, True, "0 trains all weights"),
    ("eval_count", 0, None, True, "0 is the whole test set"),
    ("learning_rate", 0, None, False, ""),
    ("weight_decay", 0, None, True, ""),
    ("warmup_ratio", 0, 1, True, "it is a share of the steps"),
    ("max_grad_norm", 0, None, False, ""),
    ("beta", 0, None, True, ""),
    ("temperature", 0, None, False, "greedy rollouts of one prompt are all equal, so nothing can be learned from them"),
    ("eval_temperature", 0, None, True, ""),
    ("top_p", 0, 1, False, "it is a probability"),
    ("grace_seconds", 1, None, True, "otherwise nothing can be saved"),
    ("gpu_price", 0, None, True, ""),
    ("budget", 0, None, False, "otherwise nothing can be run"),
    ("max_minutes", 0, None, False, "otherwise nothing can be run"),
    ("max_tokens", 1, None, True, "otherwise nothing can be sampled"),
    ("gpu_memory_utilization", 0, 1, False, "it is a share of the GPU's memory"),
    ("vllm_server_port", 1, 65535, True, ""),
    ("reward_timeout", 0, None, False, "otherwise no reward could return in time"),
    ("env_reward_scale", 0, None, False, "otherwise correct answers earn nothing"),
    ("advance_at", 0, 1, False, "it is a share of completions"),
    ("claim_depth", 1, 3, True, "shallower claims do not determine a solution, deeper ones cannot be read"),
    ("seed", 0, 2**32 - 1, True, "numpy takes no other seeds"),
)  # fmt: skip


def validate(config: Config) -> None:
    """Checks all that can be checked without opening data or looking at the machine. Raises UserError."""
    for f in dataclasses.fields(Config):
        value, choices = getattr(config, f.name), f.metadata["choices"]
        if f.name == "dataset_name" and is_hub_name(value):
            continue
        if choices and value is not None and value not in choices:
            raise unknown_name(option(f.name), value, choices)
    for rule in RULES:
        check_range(config, *rule)
    check_groups(config)
    check_reward(config)
    check_reward_files(config)
    if config.dataset_name in TASKS:
        load_entry(TASKS[config.dataset_name]).check_flags(config)
    check_data(config)
    check_algorithm(config)
    check_generation(config)
    check_puzzle_flags(config)
    check_stages(config)
    check_pipeline(config)
    check_budget(config)
    guard_actions(config.guard)
    check_full_training(config)
    check_server_flags(config)
    check_report_to(config.report_to)
    check_lengths(config)
    if config.exp_name is not None and not is_folder_name(config.exp_name):
        raise UserError(
            f"--exp-name {config.exp_name!r} must be one folder name, because the run's folder is dumps/<exp-name>: use "
            "letters, digits, - and _."
        )
    if config.resume and config.exp_name is None and config.mode is None:  # a mode sets names itself
        raise UserError("--resume needs --exp-name, the name of the run to continue: add it.")
    if config.eval_samples > 1 and config.eval_temperature == 0:
        raise UserError(
            f"--eval-samples {config.eval_samples} with --eval-temperature 0 would give {config.eval_samples} equal "
            "completions, because greedy decoding is deterministic. Add --eval-temperature 1.0, or leave --eval-samples "
            "out."
        )


CHECKS.append(validate)


def check_range(
    config: Config, name: str, low: float, high: float | None, low_allowed: bool, reason: str
) -> None:
    """Checks one row of RULES. Raises UserError."""
    value = getattr(config, name)
    if value is None:  # a flag that was left out
        return
    inside = (value >= low if low_allowed else value > low) and (high is None or value <= high)
    if inside:  # NaN is never inside
        return
    rule = f"at least {low}" if low_allowed else f"more than {low}"
    upper = "" if high is None else f" and at most {high}"
    because = f": {reason}" if reason else ""
    raise UserError(f"{option(name)} {value} must be {rule}{upper}{because}.")


def check_groups(config: Config) -> None:
    """Checks that the completions of a step are whole groups. Raises UserError with the nearest sizes that are."""
    g, batch = config.num_generations, config.generation_batch_size
    if batch % g == 0:
        return
    fitting = [n for n in range(1, batch + 2 * g) if n * config.gradient_accumulation_steps % g == 0]
    below = [n for n in fitting if n < config.per_device_train_batch_size][-1:]
    above = [n for n in fitting if n > config.per_device_train_batch_size][:1]
    raise UserError(
        f"--per-device-train-batch-size {config.per_device_train_batch_size} times --gradient-accumulation-steps "
        f"{config.gradient_accumulation_steps} is {batch} completions per step, which --num-generations {g} does not "
        "divide, so a group would be incomplete. The nearest batch sizes that work: "
        f"{' and '.join(str(n) for n in below + above)}."
    )


def check_lengths(config: Config) -> None:
    """Checks that prompt and completion fit into --max-seq-length. Raises UserError with lengths that do."""
    prompt, completion, whole = config.max_prompt_length, config.max_completion_length, config.max_seq_length
    if prompt + completion > whole:
        raise UserError(
            f"--max-prompt-length {prompt} plus --max-completion-length {completion} is more than --max-seq-length "
            f"{whole}, so sequences would be cut. Use --max-seq-length {prompt + completion}, or --max-completion-length "
            f"{max(1, whole - prompt)}."
        )


def is_folder_name(name: str) -> bool:
    """Returns whether a text names one folder inside another: not a path, not the folder itself or its parent."""
    return Path(name).name == name and name not in ("", "..") and "\0" not in name
