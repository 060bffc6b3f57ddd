"""The rules that every Config satisfies, checked before anything is loaded: choices, ranges and combinations."""

from __future__ import annotations

import dataclasses
import math
import os
import re
import sys
from pathlib import Path

from r1rl.config import data_rules, reward_rules, run_rules, training_rules
from r1rl.config.data_rules import is_hub_name
from r1rl.config.flags import CHECKS, Config
from r1rl.config.names import is_task, load_task_class, option
from r1rl.system.errors import UserError, unknown_name

AT_LEAST_1 = (
    "num_generations", "batch_size", "num_epochs", "train_every", "max_samples", "sft_samples", "sft_epochs", "generation_chunk",
    "steps_per_generation", "num_iterations", "tokens_per_micro_batch", "profile", "update_chunk", "ppo_epochs", "minibatches",
    "cleanup_steps", "lora_alpha", "kept_per_problem", "student_layers", "per_device_train_batch_size",
    "gradient_accumulation_steps", "per_device_eval_batch_size", "max_prompt_length", "max_completion_length", "max_steps",
    "eval_steps", "eval_samples", "save_steps", "guard_steps", "save_total_limit", "reward_workers", "steps_per_stage",
    "advance_window", "learn_from", "difficulty_pool", "judge_requests",
)  # fmt: skip
POSITIVE = (
    "clip_range", "value_clip_range", "value_learning_rate", "sft_learning_rate", "target_kl", "learning_rate", "max_grad_norm",
)  # fmt: skip
NOT_NEGATIVE = (
    "value_coef",
    "teacher_steps",
    "answer_tolerance",
    "weight_decay",
    "beta",
    "eval_temperature",
    "gpu_price",
    "entropy_bonus",
    "judge_price_in",
    "judge_price_out",
)
# flag, smallest value, largest value (None: no limit), whether the smallest itself is allowed, reason
RANGES = (
    *((name, 1, None, True, "") for name in AT_LEAST_1),
    *((name, 0, None, False, "") for name in POSITIVE),
    *((name, 0, None, True, "") for name in NOT_NEGATIVE),
    ("refill", 0, 4, True, "it is a share of the step's prompts"),
    ("top_entropy_share", 0, 1, False, "it is a share of the tokens"),
    ("importance_threshold", 1, None, True, "where sampler and trainer agree, the ratio is 1"),
    ("gamma", 0, 1, False, "it is a discount factor"),
    ("gae_lambda", 0, 1, True, "it weights between one step and the whole completion"),
    ("distill_kl", 0, 1, True, "the rest is the weight of the texts"),
    ("distill_beta", 0, 1, True, "it interpolates between two directions of the KL divergence"),
    ("sft_direct", 0, 1, True, "it is a share of the worked solutions"),
    ("mix_ratio", 0, 0.9, True, "it is a share, and the rest are problems"),
    ("max_seq_length", 2, None, True, ""),
    ("lora_rank", 0, None, True, "0 trains all weights"),
    ("eval_count", 0, None, True, "0 is the whole test set"),
    ("warmup_ratio", 0, 1, True, "it is a share of the steps"),
    ("temperature", 0, None, False, "greedy rollouts of one prompt are all equal, so nothing can be learned from them"),
    ("top_p", 0, 1, False, "it is a probability"),
    ("grace_seconds", 1, None, True, "otherwise nothing can be saved"),
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
        if f.name == "dataset_name" and (is_hub_name(value) or is_task(value)):
            continue
        if choices and value is not None and value not in choices:
            raise unknown_name(option(f.name), value, choices)
    check_finite(config)
    for row in RANGES:
        check_range(config, *row)
    check_groups(config)
    if is_task(config.dataset_name):
        load_task_class(config.dataset_name).check_flags(config)
    for check in (*reward_rules.RULES, *data_rules.RULES, *training_rules.RULES, *run_rules.RULES):
        check(config)
    check_lengths(config)
    if config.exp_name is not None and not is_folder_name(config.exp_name):
        raise UserError(
            f"--exp-name {config.exp_name!r} must be one folder name, because the run's folder is dumps/<exp-name>: use "
            "letters, digits, - and _."
        )
    check_encoding(config)
    if config.resume and config.exp_name is None and config.mode is None:  # a mode sets names itself
        raise UserError("--resume needs --exp-name, the name of the run to continue: add it.")
    if config.eval_samples > 1 and config.eval_temperature == 0:
        raise UserError(
            f"--eval-samples {config.eval_samples} with --eval-temperature 0 would give {config.eval_samples} equal "
            "completions, because greedy decoding is deterministic. Add --eval-temperature 1.0, or leave --eval-samples "
            "out."
        )


CHECKS.append(validate)


def check_finite(config: Config) -> None:
    """Checks that no flag is infinity or NaN, which pass through ranges and calculations unnoticed. Raises UserError."""
    for f in dataclasses.fields(Config):
        value = getattr(config, f.name)
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(
                f"{option(f.name)} {value} must be a finite number, because every calculation with {value} has no useful "
                "result: give a number, or leave the flag out."
            )


def check_range(config: Config, name: str, low: float, high: float | None, low_allowed: bool, reason: str) -> None:
    """Checks one row of RANGES. Raises UserError."""
    value = getattr(config, name)
    if value is None:  # a flag that was left out
        return
    inside = (value >= low if low_allowed else value > low) and (high is None or value <= high)
    if inside:
        return
    rule = f"at least {low}" if low_allowed else f"more than {low}"
    upper = "" if high is None else f" and at most {high}"
    because = f": {reason}" if reason else ""
    raise UserError(f"{option(name)} {value} must be {rule}{upper}{because}.")


def check_encoding(config: Config) -> None:
    """Checks that this system can write the names of the run's folders, before hours of work are to be saved. Raises UserError."""
    for name in ("exp_name", "dumps", "sft_output", "rl_output"):
        text = getattr(config, name) or ""
        try:
            os.fsencode(text)
            text.encode("utf-8")  # as safetensors has it; fails for bytes that were no text in this locale
        except UnicodeEncodeError:
            raise UserError(
                f"{option(name)} {text!a} cannot be the name of a file here, because this system's encoding is "
                f"{sys.getfilesystemencoding()}: use letters from a to z, or set PYTHONUTF8=1 (or LC_ALL=C.UTF-8)."
            ) from None


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


CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")  # they end a line, or steer a terminal


def is_folder_name(name: str) -> bool:
    """Returns whether a text names one folder inside another, in one line: not a path, not the folder itself or its parent."""
    return Path(name).name == name and name not in ("", "..") and not CONTROLS.search(name)
