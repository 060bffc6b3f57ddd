"""Which engine samples, why, and its start."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

from r1rl.config.flags import Config
from r1rl.config.names import SERVER
from r1rl.engines.base import Engine
from r1rl.system.errors import UserError


def choose(config: Config, has_gpu: bool, all_installed: bool = False) -> tuple[str, str]:
    """Returns (kind, reason): "shared" (Unsloth's vLLM), "vllm" (next to the trainer), "vllm-server" or "transformers"."""
    if config.engine == SERVER:
        return SERVER, "requested; it receives the adapter at each step"
    vllm = all_installed or importlib.util.find_spec("vllm") is not None
    unsloth = config.wants_unsloth and (all_installed or importlib.util.find_spec("unsloth") is not None)
    if config.engine == "transformers":
        return "transformers", "requested"
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
                "change. Use --engine transformers."
            )
        return "transformers", "on a CPU it follows all weights"
    if has_gpu and unsloth:
        return (
            "shared",
            "with Unsloth and a GPU one copy of the base weights serves sampling and training",
        )
    if has_gpu and config.load_in_4bit:
        return "transformers", "without Unsloth, a 4-bit model and vLLM would sample from different weights"
    if not has_gpu and config.engine == "auto":
        return "transformers", "on a CPU its decoder was measured to be faster than vLLM's CPU build"
    return "vllm", "requested" if config.engine == "vllm" else "vLLM is installed"


# Module and class of each kind of engine. A new one is one line here, its rule in `choose`, and one file.
ENGINES = {
    "shared": "r1rl.engines.vllm:SharedEngine",
    "vllm": "r1rl.engines.vllm:VllmEngine",
    SERVER: "r1rl.engines.vllm_server:VllmServerEngine",
    "transformers": "r1rl.engines.transformers:TransformersEngine",
}


def start_engine(kind: str, config: Config, policy, folder: Path) -> Engine:
    """Returns the started engine of this kind; `folder`: the run's, for files that an engine writes."""
    module, _, name = ENGINES[kind].partition(":")
    return getattr(importlib.import_module(module), name).start(config, policy, folder)
