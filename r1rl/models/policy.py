"""Loads the policy: base model, tokenizer, LoRA adapter. The only file that imports unsloth."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from r1rl.config.flags import TINY_MODELS, Config
from r1rl.models.families import lora_targets, turn_end
from r1rl.models.weights import loading, refused
from r1rl.records import Rollout
from r1rl.system import distributed
from r1rl.system.machine import has_fast_bfloat16

LOGITS_AT_ONCE = 2**25  # 128 MiB in float32

MERGED = "model"  # folder of base model and adapter in one, inside a run's

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
        cache = Path.home() / ".cache" / "r1rl" / f"unsloth-{parts}{distributed.mark()}"
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


def merged_weights(policy: Policy) -> Iterator[tuple[str, Any]]:
    """(name in the base checkpoint, base weight + adapter) for every layer with an adapter; without one every weight."""
    return ((name, merged()) for name, merged in to_merge(policy))


def to_merge(policy: Policy) -> list[tuple[str, Callable[[], Any]]]:
    """What `merged_weights` yields, with a function that computes each weight: several threads can share the work."""
    from peft.tuners.lora import LoraLayer

    if policy.base is policy.model:
        return [(name, p.detach) for name, p in policy.model.named_parameters()]
    layers = [(name, x) for name, x in policy.model.named_modules() if isinstance(x, LoraLayer)]
    return [(f"{name.removeprefix('base_model.model.')}.weight", partial(merged, x)) for name, x in layers]


def merged(layer):
    """Base weight + adapter. A 4-bit base is dequantized: the trainer computes with those values, not with the checkpoint's."""
    import torch
    from peft.utils.integrations import dequantize_module_weight

    with torch.no_grad():
        base = dequantize_module_weight(layer.get_base_layer())
        return (base.float() + layer.get_delta_weight("default").float()).to(base.dtype)


def last_hidden(policy: Policy, ids):  # (B, T) -> (B, T, H)
    """The states that the output layer reads, for rows padded on the right."""
    with policy.autocast():
        return policy.base.model(input_ids=ids, use_cache=False)[0]


def output_logits(policy: Policy, hidden):  # (N, H) -> (N, vocab)
    """The output layer alone, for those positions that are needed."""
    head = policy.base.lm_head
    with policy.autocast():
        return head(hidden.to(head.weight.dtype))


def completion_states(
    policy: Policy, prompts: Sequence[Sequence[int]], completions: Sequence[Sequence[int]]
):  # -> (N, H)
    """The state before each completion token, completion after completion; `prompts` has one for each of them."""
    import torch

    if policy.shares_prompts:
        from r1rl.models.shared_prompts import shared_states

        place = {p: i for i, p in enumerate(dict.fromkeys(map(tuple, prompts)))}
        owner = [place[tuple(p)] for p in prompts]
        with policy.autocast():
            return shared_states(policy.base.model, list(place), completions, owner)
    rows = [[*p, *c] for p, c in zip(prompts, completions)]
    length = -(-max(map(len, rows)) // 32) * 32  # each new shape makes a CPU build new kernels
    # Padded on the right, where causal attention never looks, so no mask is needed.
    ids = torch.tensor([row + [0] * (length - len(row)) for row in rows], device=policy.model.device)
    hidden = last_hidden(policy, ids)  # (B, T, H)
    which = [i for i, c in enumerate(completions) for _ in c]
    where = [len(p) - 1 + t for p, c in zip(prompts, completions) for t in range(len(c))]
    return hidden[torch.tensor(which), torch.tensor(where)]


def token_logprobs(policy: Policy, states, tokens, temperature: float):  # (N, H), (N,) -> (N,), (N,)
    """(logprobs of the tokens, entropies); the entropies have no gradient.

    Logits of many tokens times a large vocabulary are never whole in memory: with gradients each chunk is computed
    again in the backward pass (as in Liger-Kernel's fused losses, arXiv:2410.10989 section 3.2).
    """
    import torch
    from torch.utils.checkpoint import checkpoint

    def chunk(h, t):
        logprobs = (output_logits(policy, h).float() / temperature).log_softmax(-1)  # (n, vocab)
        fixed = logprobs.detach()
        return logprobs.gather(1, t[:, None])[:, 0], -(fixed.exp() * fixed).sum(-1)

    size = max(1, LOGITS_AT_ONCE // policy.model.config.vocab_size)
    if len(tokens) <= size:
        return chunk(states, tokens)
    parts = [
        checkpoint(chunk, h, t, use_reentrant=False) for h, t in zip(states.split(size), tokens.split(size))
    ]
    return tuple(torch.cat(x) for x in zip(*parts))


def merge_into(policy: Policy, model) -> None:
    """Copies base weights plus adapter into a plain model of the same shape, in place."""
    import torch

    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, weight in merged_weights(policy):
            parameters[name].copy_(weight)


def save_merged(policy: Policy, folder: Path) -> None:
    """Saves base model and adapter as one plain model, with its tokenizer; whole or not at all."""
    model = policy.sampling_copy()
    merge_into(policy, model)
    unfinished = folder.with_name(folder.name + ".new")
    model.save_pretrained(unfinished)
    policy.tokenizer.save_pretrained(unfinished)
    shutil.rmtree(folder, ignore_errors=True)  # of an earlier end of the same run
    unfinished.replace(folder)


def completion_logprobs(
    policy: Policy, rollouts: Sequence[Rollout], temperature: float, with_adapter: bool = True
) -> list[list[float]]:
    """The trainer's own logprob of each sampled token, rollout by rollout."""
    import torch

    context = contextlib.nullcontext() if with_adapter else policy.model.disable_adapter()
    with torch.no_grad(), context, policy.autocast():
        if not policy.shares_prompts:
            return [row_logprobs(policy, r, temperature) for r in rollouts]
        completions = [r.completion_ids for r in rollouts]
        states = completion_states(policy, [r.prompt_ids for r in rollouts], completions)  # (N, H)
        tokens = torch.tensor([t for c in completions for t in c])
        logprobs, _ = token_logprobs(policy, states, tokens, temperature)
    return [row.tolist() for row in logprobs.split([len(c) for c in completions])]


def row_logprobs(policy: Policy, rollout: Rollout, temperature: float) -> list[float]:
    """The same for one rollout, by the model's own forward pass: whole logits of long batches do not fit."""
    import torch

    ids = torch.tensor([rollout.prompt_ids + rollout.completion_ids], device=policy.model.device)  # (1, P+C)
    kept = len(rollout.completion_ids)
    out = policy.model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False)
    logits = out.logits[0, -kept - 1 : -1].float() / temperature  # (C, vocab)
    return (logits.gather(1, ids[0, -kept:, None])[:, 0] - logits.logsumexp(-1)).tolist()
