"""The rules of --engine vllm-server: what a server can sample from, and how its place is named."""

from __future__ import annotations

from r1rl.system.errors import UserError

SERVER = "vllm-server"

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
