"""Loads the policy: base model, tokenizer, LoRA adapter. The only module that imports unsloth."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1rl.config.flags import Config
from r1rl.models.chat_template import turn_end
from r1rl.models.shape import LARGE_ENOUGH
from r1rl.models.source import absolute_place
from r1rl.models.weights import MERGED_FROM_4BIT, load_error, load_options, not_again
from r1rl.system import distributed
from r1rl.system.machine import has_fast_bfloat16

LORA_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")  # of most models
LORA_PARTS = {"base_layer", "lora_A", "lora_B"}  # modules inside an adapted layer


@dataclass
class Policy:
    """The model that is trained, with what is needed to sample from it."""

    model: Any  # peft.PeftModel; with --lora-rank 0 the model itself
    tokenizer: Any
    path: str  # folder or hub name of the base model
    on_gpu: bool
    mixed: bool  # whether it computes in bfloat16 under autocast; its adapter is kept in float32
    backend: str  # Unsloth or transformers, with the precision: for display
    shares_prompts: bool = False  # whether a group's prompt can be read once: its attention can be replaced
    trusted: bool = False  # --trust-remote-code
    is_chat: bool = False

    @property
    def end_ids(self) -> frozenset[int]:
        """The tokens that end a completion: the tokenizer's, the model's, and the one that ends a chat turn."""
        declared = self.model.generation_config.eos_token_id
        declared = declared if isinstance(declared, list) else [declared]
        return frozenset(i for i in [self.tokenizer.eos_token_id, *declared, self.turn_end] if i is not None)

    @property
    def turn_end(self) -> int | None:
        """The token that ends a chat model's turn by its template; the model's files do not always declare it."""
        return turn_end(self.tokenizer) if self.is_chat else None

    @property
    def base(self):
        """The model without PEFT's wrapper."""
        return self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model

    @functools.cached_property
    def large(self) -> bool:
        """Whether a token is multiplied by LARGE_ENOUGH weights or more, those of an adapter left out."""
        from torch import nn

        linear = [(n.split("."), m) for n, m in self.model.named_modules() if isinstance(m, nn.Linear)]
        sizes = [m.in_features * m.out_features for path, m in linear if not {"lora_A", "lora_B"} & set(path)]
        return sum(sizes) >= LARGE_ENOUGH

    @property
    def targets(self) -> list[str]:
        """The names of the linear layers that are trained (by an adapter or themselves), in the model's order."""
        return lora_targets(self.base)

    def autocast(self):
        """Returns the context with the precision in which the update computes."""
        import torch

        return torch.autocast("cuda" if self.on_gpu else "cpu", torch.bfloat16, enabled=self.mixed)

    def sampling_copy(self):
        """Returns a second, plain copy of the base model, into which the transformers engine merges the adapter."""
        import torch
        from transformers import AutoModelForCausalLM

        model = AutoModelForCausalLM.from_pretrained(
            self.path,
            dtype=torch.bfloat16 if self.on_gpu else torch.float32,
            attn_implementation="eager",
            **load_options(self.trusted),
        )
        return model.to(self.model.device).requires_grad_(False)


def model_path(config: Config) -> str:
    """Returns the absolute folder or hub name of the base model, which its adapters name."""
    return absolute_place(config.model_name)


def use_unsloth(config: Config) -> bool:
    """Returns whether Unsloth loads the model: if it is wanted and installed."""
    return config.wants_unsloth and importlib.util.find_spec("unsloth") is not None


def import_backend(config: Config) -> None:
    """Imports unsloth, if it is used, before anything imports trl, transformers or peft: it patches them."""
    if use_unsloth(config):
        # By default Unsloth puts compiled code into the working folder, where it becomes stale when a version changes.
        parts = "-".join(importlib.metadata.version(p) for p in ("unsloth", "trl", "transformers", "torch"))
        cache = Path.home() / ".cache" / "r1rl" / f"unsloth-{parts}{distributed.rank_suffix()}"
        os.environ.setdefault("UNSLOTH_COMPILE_LOCATION", str(cache))
        if config.top_p < 1:  # its loss on a GPU then scores the nucleus, from which the sampler draws
            os.environ.setdefault("UNSLOTH_GRPO_TRUNCATED_SUPPORT", "1")
        if config.engine_sleep:
            os.environ["UNSLOTH_VLLM_STANDBY"] = "1"
            os.environ.setdefault("UNSLOTH_VLLM_STANDBY_UTIL_OVERRIDE", "1")  # the engine's share is the plan's
        if config.suffix_decoding:
            os.environ.setdefault("UNSLOTH_VLLM_SUFFIX_DECODING", "1")  # it may hold settings
        import unsloth  # noqa: F401


def load_tokenizer(config: Config):
    """Returns the base model's tokenizer, padding on the left; with the end token if it has no padding token (Llama)."""
    from transformers import AutoTokenizer

    with as_user_error(config):
        tokenizer = AutoTokenizer.from_pretrained(
            model_path(config), padding_side="left", trust_remote_code=config.trust_remote_code
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


@contextlib.contextmanager
def as_user_error(config: Config) -> Iterator[None]:
    """Turns transformers' refusal of a model's code or of pickles into a UserError."""
    try:
        yield
    except (OSError, ValueError) as error:
        user_error = load_error(error, "--model-name", config.model_name)
        if user_error is None:
            raise
        raise user_error from error


def load_policy(config: Config, has_gpu: bool, shared_engine: bool, adapter: str | None = None) -> Policy:
    """Loads base model and adapter (a new one, or the one saved in the folder `adapter`). Raises UserError.

    With --lora-rank 0 `adapter` is a checkpoint with all weights.
    """
    from transformers import set_seed

    set_seed(config.seed)  # a new adapter is random
    from r1rl.models.shared_prompts import can_share

    load = load_with_unsloth if use_unsloth(config) else load_with_transformers
    with as_user_error(config):
        model, tokenizer, precision = load(config, has_gpu, shared_engine)
    if config.load_in_4bit and not config.resume and getattr(model.config, MERGED_FROM_4BIT, False):
        raise not_again(config.model_name, "--model-name", "--load-in-4bit")  # of the hub; a folder's is read before
    keep_4bit_layout(model)
    if adapter is not None:
        if config.lora_rank:
            load_adapter(model, adapter)
        else:
            load_all(model, adapter, config.trust_remote_code)
    backend = f"{'Unsloth' if use_unsloth(config) else 'transformers'}, {precision}"
    mixed, trusted = mixed_precision(has_gpu), config.trust_remote_code
    policy = Policy(model, tokenizer, model_path(config), has_gpu, mixed, backend, False, trusted, config.is_chat)
    policy.shares_prompts = not has_gpu and can_share(getattr(policy.base, "model", None))
    if config.lora_rank and mixed and policy.large and not has_gpu and not use_unsloth(config):
        from r1rl.models.fused_adapter import fuse_adapter

        fuse_adapter(model)
    return policy


def mixed_precision(has_gpu: bool) -> bool:
    """Returns whether to compute in bfloat16: where the hardware multiplies it."""
    import torch

    return torch.cuda.is_bf16_supported() if has_gpu else has_fast_bfloat16()


def load_with_unsloth(config: Config, has_gpu: bool, shared_engine: bool):
    """Returns (model with a new adapter, tokenizer, precision), loaded by Unsloth."""
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
        **load_options(config.trust_remote_code),
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
    """Returns (model with a new adapter, tokenizer, precision), loaded by transformers and peft."""
    import torch
    from peft import LoraConfig, get_peft_model

    # Trained weights are kept in float32.
    dtype = torch.bfloat16 if has_gpu and config.lora_rank else torch.float32
    model = load_plain(model_path(config), has_gpu, dtype, config.load_in_4bit, config.trust_remote_code)
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


def load_plain(place: str, has_gpu: bool, dtype: Any, in_4bit: bool, trusted: bool):
    """Returns the model in a folder or on the hub, loaded by transformers, without an adapter."""
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    quantization = {}
    if in_4bit:
        quantization["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype
        )
    return AutoModelForCausalLM.from_pretrained(
        place,
        dtype=dtype,
        device_map={"": 0} if has_gpu else None,
        # On a CPU eager attention trained small models nearly twice as fast as sdpa.
        attn_implementation="sdpa" if has_gpu else "eager",
        **load_options(trusted),
        **quantization,
    )


def keep_4bit_layout(model) -> None:
    """Keeps 4-bit weights in the layout that PEFT can dequantize.

    On a CPU with AVX512-BF16 bitsandbytes (0.50, Linear4bit.forward) otherwise repacks them at the first pass without
    gradients and rounds their scales to bfloat16. PEFT reads the packed weights as garbage, and no pass with gradients can
    follow.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def precision_name(config: Config, has_gpu: bool) -> str:
    """Returns the precision of the base weights, for display."""
    if config.load_in_4bit:
        return "4 bit (NF4)"
    return "bfloat16" if has_gpu else "float32"


def load_adapter(model, folder: str) -> None:
    """Loads the adapter saved in `folder` into the model's adapter. Raises ValueError if weights are missing or extra."""
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    weights = load_file(str(Path(folder) / "adapter_model.safetensors"))
    result = set_peft_model_state_dict(model, weights)
    missing = [k for k in getattr(result, "missing_keys", []) if "lora_" in k]
    if missing or getattr(result, "unexpected_keys", []):
        raise ValueError(f"{folder} is the adapter of another model: {len(missing)} of its weights are missing")


def load_all(model, folder: str, trusted: bool) -> None:
    """Loads all weights saved in `folder` into the model. Raises RuntimeError if they belong to another model."""
    import torch
    from transformers import AutoModelForCausalLM

    saved = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **load_options(trusted))
    model.load_state_dict(saved.state_dict())


def lora_targets(model) -> list[str]:
    """Returns the names of the linear layers that LoRA adapts: each once, without the output layer.

    Layers that already have an adapter are found by the same names.
    """
    from peft.tuners.lora import LoraLayer
    from torch import nn

    kinds, output = ((nn.Linear, LoraLayer), model.get_output_embeddings())  # bitsandbytes' layers are nn.Linear, too
    paths = [n.split(".") for n, m in model.named_modules() if isinstance(m, kinds) and m is not output]
    return list(dict.fromkeys(path[-1] for path in paths if not LORA_PARTS & set(path)))
