"""Loads the policy: base model, tokenizer, LoRA adapter. The only file that imports unsloth."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1rl.config.flags import TINY_MODELS, Config
from r1rl.models.chat_template import turn_end
from r1rl.models.weights import loading, refused
from r1rl.system import distributed
from r1rl.system.machine import has_fast_bfloat16

LORA_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")  # of most models


@dataclass
class Policy:
    """The model that is trained, and what one must know to sample from it."""

    model: Any  # peft.PeftModel; with --lora-rank 0 the model itself
    tokenizer: Any
    path: str  # folder or hub name of the base model
    on_gpu: bool
    mixed: bool  # whether it computes in bfloat16 under autocast; its adapter is kept in float32
    backend: str  # "unsloth" or "transformers", with the precision, in words
    shares_prompts: bool = False  # whether a group's prompt can be read once: its attention can be exchanged
    trusted: bool = False  # --trust-remote-code
    is_chat: bool = False

    @property
    def end_ids(self) -> frozenset[int]:
        """Every token that ends a completion: the tokenizer's, the model's own, and that which ends a turn of a chat."""
        declared = self.model.generation_config.eos_token_id
        declared = declared if isinstance(declared, list) else [declared]
        return frozenset(i for i in [self.tokenizer.eos_token_id, *declared, self.turn_end] if i is not None)

    @property
    def turn_end(self) -> int | None:
        """The token that ends a chat model's turn, by its template; its files do not always tell it otherwise."""
        return turn_end(self.tokenizer) if self.is_chat else None

    @property
    def base(self):
        """The model itself, without what PEFT puts around it."""
        return self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model

    @property
    def targets(self) -> list[str]:
        """The kinds of linear layers, in the model's order: each has an adapter, or is trained itself."""
        return lora_targets(self.base)

    def autocast(self):
        """The precision that the update computes in, as a context."""
        import torch

        return torch.autocast("cuda" if self.on_gpu else "cpu", torch.bfloat16, enabled=self.mixed)

    def sampling_copy(self):
        """A second, plain copy of the base model, for the transformers engine to merge the adapter into."""
        import torch
        from transformers import AutoModelForCausalLM

        model = AutoModelForCausalLM.from_pretrained(
            self.path,
            dtype=torch.bfloat16 if self.on_gpu else torch.float32,
            attn_implementation="eager",
            **loading(self.trusted),
        )
        return model.to(self.model.device).requires_grad_(False)


def model_path(config: Config) -> str:
    """Where the base model is: a folder of the package for "tiny" and the like, else as given."""
    return str(TINY_MODELS.get(config.model_name, config.model_name))


def use_unsloth(config: Config) -> bool:
    """Unsloth loads the model where it is installed and wanted."""
    return config.wants_unsloth and importlib.util.find_spec("unsloth") is not None


def import_backend(config: Config) -> None:
    """Imports unsloth, if it is to be used, before anything imports trl, transformers or peft: it patches them."""
    if use_unsloth(config):
        # What Unsloth compiles goes stale when a version changes, and does not belong into the user's folder.
        parts = "-".join(importlib.metadata.version(p) for p in ("unsloth", "trl", "transformers", "torch"))
        cache = Path.home() / ".cache" / "r1rl" / f"unsloth-{parts}{distributed.rank_suffix()}"
        os.environ.setdefault("UNSLOTH_COMPILE_LOCATION", str(cache))
        import unsloth  # noqa: F401


def load_tokenizer(config: Config):
    """The base model's tokenizer, padding on the left; with the end token where it has none for padding (Llama)."""
    from transformers import AutoTokenizer

    with telling(config):
        tokenizer = AutoTokenizer.from_pretrained(
            model_path(config), padding_side="left", trust_remote_code=config.trust_remote_code
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


@contextlib.contextmanager
def telling(config: Config) -> Iterator[None]:
    """Turns transformers' refusal of a model's own code or of pickles into a UserError."""
    try:
        yield
    except (OSError, ValueError) as error:
        told = refused(error, "--model-name", config.model_name)
        if told is None:
            raise
        raise told from error


def load_policy(config: Config, has_gpu: bool, shared_engine: bool, adapter: str | None = None) -> Policy:
    """Loads base model and adapter (a fresh one, or the one saved in the folder `adapter`).

    With --lora-rank 0 `adapter` is a checkpoint with all weights.
    """
    from transformers import set_seed

    set_seed(config.seed)  # the adapter's start is random
    from r1rl.models.shared_prompts import can_share

    load = load_with_unsloth if use_unsloth(config) else load_with_transformers
    with telling(config):
        model, tokenizer, precision = load(config, has_gpu, shared_engine)
    if adapter is not None:
        if config.lora_rank:
            load_adapter(model, adapter)
        else:
            load_all(model, adapter, config.trust_remote_code)
    backend = f"{'Unsloth' if use_unsloth(config) else 'transformers'}, {precision}"
    mixed, trusted = mixed_precision(has_gpu), config.trust_remote_code
    policy = Policy(
        model, tokenizer, model_path(config), has_gpu, mixed, backend, False, trusted, config.is_chat
    )
    policy.shares_prompts = not has_gpu and can_share(getattr(policy.base, "model", None))
    return policy


def mixed_precision(has_gpu: bool) -> bool:
    """bfloat16 where the hardware multiplies it."""
    import torch

    return torch.cuda.is_bf16_supported() if has_gpu else has_fast_bfloat16()


def load_with_unsloth(config: Config, has_gpu: bool, shared_engine: bool):
    """(model with a fresh adapter, tokenizer, precision)."""
    import torch
    from unsloth import FastLanguageModel

    engine = {}
    if shared_engine:
        # A larger max_lora_rank than the real one costs speed (vllm#14435).
        engine = {"max_lora_rank": config.lora_rank, "gpu_memory_utilization": config.gpu_memory_utilization}
    model, tokenizer = FastLanguageModel.from_pretrained(
        model_path(config),
        max_seq_length=config.max_seq_length,
        load_in_4bit=config.load_in_4bit,
        dtype=None if has_gpu else torch.float32,
        fast_inference=shared_engine,
        **loading(config.trust_remote_code),
        **engine,
    )
    model = FastLanguageModel.get_peft_model(
        model,
        r=config.lora_rank,
        lora_alpha=config.lora_alpha or config.lora_rank,
        target_modules=lora_targets(model),
        use_gradient_checkpointing="unsloth" if has_gpu else False,
        random_state=config.seed,
    )
    return model, tokenizer, precision_name(config, has_gpu)


def load_with_transformers(config: Config, has_gpu: bool, shared_engine: bool):
    """(model with a fresh adapter, tokenizer, precision), without Unsloth."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    dtype = (
        torch.bfloat16 if has_gpu and config.lora_rank else torch.float32
    )  # what is trained is kept in float32
    quantization = {}
    if config.load_in_4bit:
        quantization["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype
        )
    model = AutoModelForCausalLM.from_pretrained(
        model_path(config),
        dtype=dtype,
        device_map={"": 0} if has_gpu else None,
        # On a CPU eager attention trained small models nearly twice as fast as sdpa.
        attn_implementation="sdpa" if has_gpu else "eager",
        **loading(config.trust_remote_code),
        **quantization,
    )
    if config.lora_rank == 0:
        return model, load_tokenizer(config), "float32"
    lora = LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha or config.lora_rank,
        lora_dropout=0.0,
        target_modules=lora_targets(model),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, lora), load_tokenizer(config), precision_name(config, has_gpu)


def precision_name(config: Config, has_gpu: bool) -> str:
    """The base weights' precision in words."""
    if config.load_in_4bit:
        return "4 bit (NF4)"
    return "bfloat16" if has_gpu else "float32"


def load_adapter(model, folder: str) -> None:
    """Puts the adapter weights saved in `folder` into the model's adapter. Raises on any missing weight."""
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    weights = load_file(str(Path(folder) / "adapter_model.safetensors"))
    result = set_peft_model_state_dict(model, weights)
    missing = [k for k in getattr(result, "missing_keys", []) if "lora_" in k]
    if missing or getattr(result, "unexpected_keys", []):
        raise ValueError(f"{folder} does not fit this model: {len(missing)} adapter weights are missing")


def load_all(model, folder: str, trusted: bool) -> None:
    """Puts all weights saved in `folder` into the model. Raises ValueError where they are another model's."""
    import torch
    from transformers import AutoModelForCausalLM

    saved = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **loading(trusted))
    model.load_state_dict(saved.state_dict())


LORA_PARTS = {"base_layer", "lora_A", "lora_B"}  # modules inside an adapted layer


def lora_targets(model) -> list[str]:
    """Names of the linear layers of a model's blocks, each once, without the output layer: what LoRA is put on.

    With an adapter on them they are found by the same names.
    """
    from peft.tuners.lora import LoraLayer
    from torch import nn

    kinds, output = (nn.Linear, LoraLayer), model.get_output_embeddings()  # bitsandbytes' are nn.Linear, too
    paths = [n.split(".") for n, m in model.named_modules() if isinstance(m, kinds) and m is not output]
    return list(dict.fromkeys(path[-1] for path in paths if not LORA_PARTS & set(path)))
