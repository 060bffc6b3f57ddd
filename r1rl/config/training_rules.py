"""Checks of the flags of fine-tuning, of trainers with a value head and of those without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from r1rl.system.errors import UserError

if TYPE_CHECKING:
    from r1rl.config.flags import Config


SOLVED_DATASETS = ("gsm8k", "word-problems")  # their problems come with worked solutions


def check_value_head(config: Config) -> None:
    """What the three algorithms need, and what fine-tuning learns from. Raises UserError."""
    if config.algorithm == "grpo":
        if config.num_generations < 2:
            raise UserError(
                f"--num-generations {config.num_generations} must be at least 2: a group of one has no advantage. "
                "Only --algorithm ppo and reward-weighted do with one, because they learn what to expect."
            )
    else:
        check_update(config)
    if config.target_kl is not None and config.beta == 0:
        raise UserError(
            f"--target-kl {config.target_kl} adapts --beta, which is 0: give it a start, for example --beta 0.05."
        )
    if config.mode in ("sft", "both") and not (
        config.dataset_name in SOLVED_DATASETS or "/" in config.dataset_name
    ):
        raise UserError(
            f"--mode {config.mode} learns from worked solutions, and --dataset-name {config.dataset_name} has none: "
            f"use {' or '.join(SOLVED_DATASETS)}, or leave --mode out."
        )
    if config.mode is None and (config.sft_output or config.rl_output):
        raise UserError(
            "--sft-output and --rl-output belong to --mode sft, rl, both or eval: add one of them."
        )


def check_update(config: Config) -> None:
    """Passes, minibatches and accumulation of a value-head trainer. Raises UserError."""
    if config.gradient_accumulation_steps != 1:
        raise UserError(
            f"--gradient-accumulation-steps {config.gradient_accumulation_steps}: --algorithm {config.algorithm} splits "
            "its batch itself. Leave it out and use --update-chunk for smaller passes."
        )
    if config.per_device_train_batch_size < 2:
        raise UserError("a step needs at least 2 completions: use a larger --batch-size.")
    if config.per_device_train_batch_size % config.minibatches:
        raise UserError(
            f"--minibatches {config.minibatches} must divide the {config.per_device_train_batch_size} completions of a "
            "step."
        )
    if config.algorithm == "reward-weighted" and (config.ppo_epochs, config.minibatches) != (1, 1):
        raise UserError(
            f"--algorithm reward-weighted takes one pass over its rollouts, not --ppo-epochs {config.ppo_epochs} and "
            f"--minibatches {config.minibatches}: without clipping a second pass would leave the policy behind."
        )


def check_generation(config: Config) -> None:
    """What may be sampled beside a step's prompts, and for how many steps at once. Raises UserError."""
    if config.algorithm != "grpo" and (config.refill or config.skip_solved):
        flag = "--refill" if config.refill else "--skip-solved"
        raise UserError(
            f"{flag} looks for groups of equal rewards, and --algorithm {config.algorithm} has no groups: leave it out."
        )
    at_once = config.steps_per_generation
    if at_once == 1:
        return
    if config.algorithm != "grpo" or config.stages:
        what = f"--algorithm {config.algorithm}" if config.algorithm != "grpo" else "--stages"
        raise UserError(
            f"--steps-per-generation {at_once} does not go with {what}, which decides after each step what comes next: "
            "leave it out."
        )
    for name in ("max_steps", "save_steps", "eval_steps"):
        if (value := getattr(config, name)) % at_once:
            fitting = max(1, value // at_once) * at_once
            raise UserError(
                f"--{name.replace('_', '-')} {value} is no multiple of --steps-per-generation {at_once}: a checkpoint in "
                f"between would lose what was sampled. Use {fitting}."
            )
