"""The table of engines, the choice of --engine, and the start."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from r1rl.config.flags import Config
from r1rl.config.names import SERVER, load_entry, option
from r1rl.engines.base import Engine
from r1rl.system.errors import UserError

SWITCHES = ("engine_sleep", "suffix_decoding")  # flags of Unsloth's engine


def choose(config: Config, has_gpu: bool, all_installed: bool = False) -> tuple[str, str]:
    """Returns (engine, reason) for --engine. Raises UserError if the engine or one of its switches cannot run.

    Engines: "shared" (Unsloth's vLLM), "vllm" (next to the trainer), "vllm-server" or "transformers". `all_installed`:
    decides as if vLLM and Unsloth were installed.
    """
    engine, why = engine_for(config, has_gpu, all_installed)
    check_switches(config, engine, why, all_installed)
    return engine, why


def check_switches(config: Config, engine: str, why: str, all_installed: bool) -> None:
    """Checks that the switches of Unsloth's engine are only given for it, and have what they need. Raises UserError."""
    given = [option(name) for name in SWITCHES if getattr(config, name)]
    if given and engine != "shared":
        raise UserError(
            f"{' and '.join(given)} belongs to Unsloth's vLLM on a GPU, and the engine here is {engine} ({why}): leave it out, "
            "or run with a GPU after pip install -e '.[gpu]'."
        )
    if config.suffix_decoding and not all_installed and importlib.util.find_spec("arctic_inference") is None:
        raise UserError(
            "--suffix-decoding: the package arctic-inference, which finds the guesses, is not installed. Run `pip install "
            "arctic-inference==0.1.1`, or leave the flag out."
        )


def engine_for(config: Config, has_gpu: bool, all_installed: bool) -> tuple[str, str]:
    """Returns (engine, reason) by the flags, the machine and what is installed. Raises UserError."""
    if config.engine == SERVER:
        return SERVER, "chosen by --engine; it gets the adapter at each step"
    vllm = all_installed or importlib.util.find_spec("vllm") is not None
    unsloth = config.wants_unsloth and (all_installed or importlib.util.find_spec("unsloth") is not None)
    if config.engine == "transformers":
        return "transformers", "chosen by --engine"
    if config.engine == "vllm" and not vllm:
        raise UserError(
            "--engine vllm: vLLM is not installed here. Install it (pip install -e '.[gpu]', or "
            "requirements/install-cpu-stack.sh on a CPU), or use --engine transformers."
        )
    if not vllm:
        return "transformers", "vLLM is not installed"
    if not has_gpu and config.lora_rank == 0:
        if config.engine == "vllm":
            raise UserError(
                "--engine vllm with --lora-rank 0 on a CPU: vLLM's CPU build keeps the old output layer when all weights "
                "change, so it would not sample from the policy. Use --engine transformers."
            )
        return "transformers", "on a CPU only it follows all weights"
    if has_gpu and config.prune:
        raise UserError(
            "--prune with --engine auto: on this GPU it chooses vLLM, which does not see when a completion repeats itself. "
            "Leave --prune out, or use --engine transformers."
        )
    if has_gpu and unsloth:
        return "shared", "with Unsloth on a GPU, one copy of the base weights serves sampling and training"
    if has_gpu and config.load_in_4bit:
        return "transformers", "without Unsloth, vLLM cannot share the weights of a 4-bit model"
    if not has_gpu and config.engine == "auto":
        return "transformers", "on a CPU its decoder was measured to be faster than vLLM's CPU build"
    return "vllm", "chosen by --engine" if config.engine == "vllm" else "vLLM is installed"


# Module and class of each engine. A new engine is a line here, its rule in `choose`, and a file.
ENGINES = {
    "shared": "r1rl.engines.vllm:SharedEngine",
    "vllm": "r1rl.engines.vllm:VllmEngine",
    SERVER: "r1rl.engines.vllm_server:VllmServerEngine",
    "transformers": "r1rl.engines.transformers:TransformersEngine",
}


def start_engine(kind: str, config: Config, policy, folder: Path) -> Engine:
    """Starts the engine `kind`; `folder` is the run's, for the files of an engine."""
    return load_entry(ENGINES[kind]).start(config, policy, folder)
