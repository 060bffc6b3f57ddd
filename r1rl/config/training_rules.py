"""Checks of the flags of fine-tuning, of trainers with a value head and of those without."""

from __future__ import annotations

from r1rl.config.flags import Config
from r1rl.config.names import SERVER
from r1rl.system.errors import UserError


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


HOTTEST = 2.0  # temperature

MAX_RANKS = (
    1,
    8,
    16,
    32,
    64,
    128,
    256,
    320,
    512,
)  # of vllm serve --max-lora-rank. Source: vLLM 0.31.0, vllm/config/lora.py


def tokens_of_one_chunk(config) -> int:
    """vLLM's --max-num-batched-tokens on a CPU, where chunked prefill must be off.

    A prompt read in two chunks makes vLLM wind its seeded generator back, which CPU generators cannot.
    """
    return max(8192, config.max_seq_length)


def check_server_flags(config) -> None:
    """Raises UserError for what does not go with a server, and for a host that is more than a name."""
    host = config.vllm_server_host
    if not host or any(c in host for c in "/@ ") or host.count(":") == 1:
        raise UserError(
            f"--vllm-server-host {host!r} must be a machine's name or address alone, as in 127.0.0.1: the port has a flag "
            "of its own, --vllm-server-port, and the protocol is http."
        )
    if config.engine != SERVER:
        return
    if config.lora_rank == 0:
        raise UserError(
            "--engine vllm-server with --lora-rank 0: the server takes adapters, and there is none when all weights are "
            "trained. Use --lora-rank 64, or --engine vllm or transformers."
        )
    if config.lora_rank > MAX_RANKS[-1]:
        raise UserError(
            f"--engine vllm-server with --lora-rank {config.lora_rank}: vLLM serves adapters up to rank {MAX_RANKS[-1]}. "
            f"Use --lora-rank {MAX_RANKS[-1]} or less."
        )
    for flag in ("temperature", "eval_temperature"):
        if getattr(config, flag) > HOTTEST:
            raise UserError(
                f"--{flag.replace('_', '-')} {getattr(config, flag)} with --engine vllm-server: vLLM's server takes at most "
                f"{HOTTEST}, as OpenAI's does. Use {HOTTEST}, or another --engine."
            )
    if config.load_in_4bit:
        raise UserError(
            "--engine vllm-server with --load-in-4bit (the default): the server samples from the base weights as they are, "
            "the trainer would compute with 4-bit ones, so what samples would be another model than what is trained. Add "
            "--no-load-in-4bit."
        )
