"""Rules of the flags of training: algorithm, fine-tuning, generation, training of all weights, and --engine vllm-server."""

from __future__ import annotations

from r1rl.config.flags import CLIPPED_LOSSES, LARGEST_ADVANTAGE, Config
from r1rl.config.names import SERVER, option
from r1rl.system.errors import UserError

SERVER_MAX_TEMPERATURE = 2.0
SEQUENCE_LOSSES = ("grpo", "luspo", "sapo")  # means over completions
# Of vllm serve --max-lora-rank. Source: vLLM 0.31.0, vllm/config/lora.py.
MAX_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)


def check_algorithm(config: Config) -> None:
    """Checks the flags of the three algorithms and of --mode. Raises UserError."""
    if config.has_value_head:
        check_value_head(config)
    elif config.num_generations < 2 and not config.distills:
        raise UserError(
            f"--num-generations {config.num_generations} must be at least 2 for --algorithm grpo: a group of one has no "
            "advantage. Use at least 2, or --algorithm ppo or reward-weighted, which have a value head instead."
        )
    if config.target_kl is not None and config.beta == 0:
        raise UserError(
            f"--target-kl {config.target_kl} adapts --beta, which is 0: add an initial value, for example --beta 0.05."
        )
    if config.mode is None and (config.sft_output or config.rl_output):
        raise UserError(
            "--sft-output and --rl-output belong to --mode, which is not given: add --mode sft, rl, both or eval."
        )
    for name in ("sft_samples", "sft_epochs"):
        if getattr(config, name) is not None and config.mode is None:
            raise UserError(
                f"{option(name)} {getattr(config, name)} is for fine-tuning before reinforcement learning, and --mode is not "
                "given: add --mode both or sft, or leave it out."
            )


def check_init(config: Config) -> None:
    """Checks that --init-from belongs to one run that trains an adapter. Raises UserError."""
    if config.init_from is None:
        return
    if config.lora_rank == 0:
        raise UserError(
            f"--init-from {config.init_from} is an adapter to begin with, and --lora-rank 0 trains all weights: leave it "
            "out, or use the --lora-rank of that run."
        )
    if config.pipeline or config.mode in ("both", "eval"):
        what = "the pipeline" if config.pipeline else f"--mode {config.mode}"
        raise UserError(
            f"--init-from {config.init_from} is the beginning of one run, and {what} is several: leave it out, or run the "
            "parts one by one."
        )


def check_value_head(config: Config) -> None:
    """Checks passes, minibatches and accumulation of a trainer with a value head. Raises UserError."""
    if config.gradient_accumulation_steps != 1:
        raise UserError(
            f"--gradient-accumulation-steps {config.gradient_accumulation_steps}: --algorithm {config.algorithm} splits "
            "its batch itself. Leave the flag out and use --update-chunk for smaller passes."
        )
    completions = config.per_device_train_batch_size
    if completions < 2:
        raise UserError(
            f"--per-device-train-batch-size {completions} must be at least 2 with --algorithm {config.algorithm}, which "
            "compares the completions of a step: use a larger one, or a larger --batch-size."
        )
    if completions % config.minibatches:
        raise UserError(
            f"--minibatches {config.minibatches} must divide the {completions} completions of a step, so that all have "
            "the same size: change one of them."
        )
    if config.algorithm == "reward-weighted" and (config.ppo_epochs, config.minibatches) != (1, 1):
        raise UserError(
            f"--algorithm reward-weighted takes one pass over its rollouts, not --ppo-epochs {config.ppo_epochs} and "
            f"--minibatches {config.minibatches}: without clipping, a second pass would be too far off-policy. Use "
            "--ppo-epochs 1 --minibatches 1."
        )


def check_generation(config: Config) -> None:
    """Checks --refill, --skip-solved, --difficulty-pool, --steps-per-generation and --num-iterations. Raises UserError."""
    if config.algorithm != "grpo" and (config.refill or config.skip_solved):
        flag = "--refill" if config.refill else "--skip-solved"
        raise UserError(
            f"{flag} looks for groups of equal rewards, and --algorithm {config.algorithm} compares no rewards of a group: "
            "leave it out."
        )
    if config.difficulty_pool is not None and config.skip_solved:
        raise UserError(
            f"--difficulty-pool {config.difficulty_pool} with --skip-solved: both decide which prompts are skipped, and the pool "
            "leaves out solved ones, too. Leave --skip-solved out."
        )
    at_once = config.updates_per_generation
    if at_once == 1:
        return
    names = [name for name in ("steps_per_generation", "num_iterations") if getattr(config, name) > 1]
    given = " times ".join(f"{option(name)} {getattr(config, name)}" for name in names)
    other = None
    if config.has_value_head:
        other = f"--algorithm {config.algorithm}, which samples new completions for each step"
    elif config.distills and config.num_iterations > 1:
        other = "--algorithm distill, which learns from a completion once"
    elif config.stages:
        other = "--stages, which chooses the next prompts after each step"
    if other is not None:
        raise UserError(f"{given} does not go with {other}: leave one of them out.")
    reasons = {"teacher_steps": "completions that are sampled at once come from one model"} if config.distills else {}
    in_between = "a checkpoint in between would lose sampled completions"
    for name, why in (reasons | dict.fromkeys(("max_steps", "save_steps", "eval_steps"), in_between)).items():
        if (value := getattr(config, name)) % at_once:
            fitting = max(1, value // at_once) * at_once
            raise UserError(f"{option(name)} {value} is not a multiple of {given}: {why}. Use {fitting}.")


def check_teacher_steps(config: Config) -> None:
    """Checks that a teacher which samples can do so. More steps than the run has are all of them. Raises UserError."""
    if config.distills and config.teacher_steps and config.teacher_in_4bit:
        raise UserError(
            f"--teacher-steps {config.teacher_steps} with --teacher-in-4bit: the engine that samples from the teacher needs its "
            "weights in 16 or 32 bit. Add --no-teacher-in-4bit or --teacher-steps 0."
        )


def check_learn_from(config: Config) -> None:
    """Checks that --learn-from takes the same number of completions of each group. Raises UserError with fitting numbers."""
    count, whole, size = config.learn_from, config.generation_batch_size, config.num_generations
    if count is None:
        return
    if config.distills:
        raise UserError(
            f"--learn-from {count} with --algorithm distill: it chooses completions by their rewards, and the teacher's "
            "probabilities are learned from all of them. Leave it out, or use --algorithm grpo."
        )
    if config.has_value_head:
        raise UserError(
            f"--learn-from {count} with --algorithm {config.algorithm}: its value head learns from every completion, and a "
            "choice by rewards would teach it wrong values. Leave it out, or use --algorithm grpo."
        )
    if config.multi_reward == "gdpo":
        raise UserError(
            f"--learn-from {count} chooses by the sum of the rewards, and --multi-reward gdpo scales each reward in its whole "
            "group: leave one of them out."
        )
    groups, least = whole // size, 1 if config.learn_rule == LARGEST_ADVANTAGE else 2
    if count % groups == 0 and least * groups <= count <= whole:
        return
    fitting = [each * groups for each in range(least, size + 1)]
    below = [n for n in fitting if n < count][-1:]
    above = [n for n in fitting if n > count][:1]
    reason = (
        "" if least == 1 else f", at least 2 of each: --learn-rule {config.learn_rule} compares those that are chosen"
    )
    raise UserError(
        f"--learn-from {count} must be a multiple of the {groups} prompts of a step and at most its {whole} completions, "
        f"because each group of {size} gives the same number{reason}. The nearest numbers that work: "
        f"{' and '.join(str(n) for n in below + above)}."
    )


def check_prune(config: Config) -> None:
    """Checks that the engine can end a completion while it samples. Raises UserError."""
    if config.prune and config.engine not in ("auto", "transformers"):
        raise UserError(
            f"--prune with --engine {config.engine}: vLLM ends a completion at given tokens and texts, not when it repeats "
            "itself. Leave --prune out, or use --engine transformers."
        )


def check_ratio(config: Config) -> None:
    """Checks how GRPO clips and corrects probability ratios. Raises UserError."""
    if config.algorithm != "grpo":
        return
    loss, low, high, delta = config.loss_type, config.clip_range, config.epsilon_high, config.delta
    if high is not None and loss == "cispo" and high < 1:
        raise UserError(
            f"--epsilon-high {high} must be at least 1 with --loss-type cispo, where it is the largest ratio itself, and the "
            "ratio of a policy that has not changed is 1. Use --epsilon-high 5, or leave it out."
        )
    if high is not None and loss != "cispo" and not low <= high < 10:
        raise UserError(f"--epsilon-high {high} must be at least {low}, the lower clip range, and below 10.")
    if delta is not None and loss in CLIPPED_LOSSES and delta <= 1 + config.upper_clip_range:
        raise UserError(
            f"--delta {delta} must be more than {1 + config.upper_clip_range:g}, where the ratio is clipped for positive "
            "advantages: it bounds larger ratios, of negative ones. Use --delta 4, or leave it out."
        )
    if config.importance_level == "sequence" and loss not in SEQUENCE_LOSSES:
        raise UserError(
            f"--importance-level sequence with --loss-type {loss}: the objective is a mean over completions, and this loss "
            "weights a completion by its tokens or has a ratio of its own. Use --loss-type grpo, or luspo to weight by length."
        )
    if config.importance_correction and loss == "vespo" and config.importance_mode.startswith("sequence"):
        raise UserError(
            f"--importance-mode {config.importance_mode} with --loss-type vespo, which multiplies the ratios of all tokens "
            "itself: use token_truncate or token_mask."
        )
    if config.method == "gspo" and config.importance_level == "sequence" and config.updates_per_generation == 1:
        raise UserError(
            "--method gspo changes the probability ratio, which is 1 in the first optimizer step on a completion, so the "
            "run would be one of --method grpo: add --steps-per-generation 4, as in the paper, or --num-iterations 2."
        )


def check_entropy(config: Config) -> None:
    """Checks that at most one flag acts on the entropy. Raises UserError."""
    if config.entropy_bonus and config.top_entropy_share < 1:
        raise UserError(
            f"--entropy-bonus {config.entropy_bonus} is a mean over all tokens, and --top-entropy-share "
            f"{config.top_entropy_share} learns from a part of them: leave one of them out."
        )


def check_multi_reward(config: Config) -> None:
    """Checks the flags that compare summed rewards against --multi-reward gdpo. Raises UserError."""
    if config.multi_reward == "gdpo" and (config.refill or config.skip_solved):
        flag = "--refill" if config.refill else "--skip-solved"
        raise UserError(
            f"{flag} looks for groups whose summed rewards are equal, and --multi-reward gdpo learns from such a group if "
            "single rewards differ: leave one of them out."
        )


def check_full_training(config: Config) -> None:
    """Checks the flags that need an adapter or its base model against --lora-rank 0. Raises UserError."""
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
    if config.has_value_head:
        raise UserError(
            f"--lora-rank 0 with --algorithm {config.algorithm}: the value head needs a model with an adapter. Use "
            "--algorithm grpo, or --lora-rank 64."
        )
    if config.beta:
        raise UserError(
            f"--lora-rank 0 with --beta {config.beta}: the KL divergence is measured to the base model under the adapter, "
            "and without an adapter it is lost after the first step. Use --beta 0, or --lora-rank 64."
        )


def tokens_of_one_chunk(config: Config) -> int:
    """Returns vLLM's --max-num-batched-tokens on a CPU, where chunked prefill must be off.

    A prompt read in two chunks makes vLLM rewind its seeded generator, which CPU generators cannot do.
    """
    return max(8192, config.max_seq_length)


def check_server_flags(config: Config) -> None:
    """Checks the host of a vLLM server and the flags that do not go with a server. Raises UserError."""
    host = config.vllm_server_host
    if not host or any(c in host for c in "/@ ") or host.count(":") == 1:
        raise UserError(
            f"--vllm-server-host {host!r} must be a host name or address alone, such as 127.0.0.1: the protocol is http, and "
            "the port is given by --vllm-server-port."
        )
    if config.engine != SERVER:
        return
    if config.lora_rank == 0:
        raise UserError(
            "--engine vllm-server with --lora-rank 0: the server takes adapters, and there is none if all weights are "
            "trained. Use --lora-rank 64, or --engine vllm or transformers."
        )
    if config.lora_rank > MAX_RANKS[-1]:
        raise UserError(
            f"--engine vllm-server with --lora-rank {config.lora_rank}: vLLM serves adapters up to rank {MAX_RANKS[-1]}. "
            f"Use --lora-rank {MAX_RANKS[-1]} or less."
        )
    for name in ("temperature", "eval_temperature"):
        if getattr(config, name) > SERVER_MAX_TEMPERATURE:
            raise UserError(
                f"{option(name)} {getattr(config, name)} with --engine vllm-server: vLLM's server takes at most "
                f"{SERVER_MAX_TEMPERATURE}, as OpenAI's does. Use {SERVER_MAX_TEMPERATURE}, or another --engine."
            )
    if config.load_in_4bit and config.mode != "rl":  # which loads its merged model in 16 or 32 bit
        raise UserError(
            "--engine vllm-server with --load-in-4bit (the default): the server samples from the unquantized base weights, "
            "so the trainer's 4-bit weights would be a different model. Add --no-load-in-4bit."
        )


RULES = (
    check_init, check_algorithm, check_generation, check_ratio, check_entropy, check_multi_reward, check_teacher_steps,
    check_learn_from,
    check_prune, check_full_training, check_server_flags,
)  # fmt: skip
