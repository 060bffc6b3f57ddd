"""The weights of a GGUF file and the config that goes with them, as transformers has both.

The mappings of names and values are those of llama.cpp's converter, reversed (https://github.com/ggml-org/llama.cpp,
convert_hf_to_gguf.py); tests compare the logits with the original model's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from r1rl.system.errors import UserError

FILE_BYTES = 2**30  # of one safetensors file; only so much is in memory at once
# general.architecture: transformers' model type and class. Each is compared with transformers in the tests.
FAMILIES = {
    "llama": ("llama", "LlamaForCausalLM"),
    "qwen2": ("qwen2", "Qwen2ForCausalLM"),
    "qwen3": ("qwen3", "Qwen3ForCausalLM"),
    "gemma2": ("gemma2", "Gemma2ForCausalLM"),
    "gemma3": ("gemma3_text", "Gemma3ForCausalLM"),
}
FULL_EVERY = {"gemma2": 2, "gemma3": 6}  # layers; the others attend to a sliding window
HEAD_NORMS, BIASES = ("qwen3", "gemma3"), ("qwen2",)
LARGEST_GEMMA = {"gemma2": 46, "gemma3": 62}  # layers of the 27B models, which scale attention by hidden / heads
LOCAL_THETA = 10000.0  # rope base of Gemma 3's sliding layers, where the file has none
FREQUENCIES = "rope_freqs.weight"  # Llama 3's rope scaling, as a divisor for each frequency
LLAMA3_ROPE = {"rope_type": "llama3", "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}  # fmt: skip
MOST_LAYERS = 1000  # a damaged file may say anything


def config_of(fields: dict[str, Any], tensors: dict[str, Any]) -> dict[str, Any]:
    """Returns the content of config.json without token ids. Raises UserError for what has no counterpart there."""
    family = fields["general.architecture"]
    if family not in FAMILIES:
        raise UserError(
            f"its architecture is {family!r}, and only these are supported: {', '.join(FAMILIES)}. Use the model's safetensors from the hub."
        )

    def value(key: str, default: Any = None) -> Any:
        found = fields.get(f"{family}.{key}", default)
        if not isinstance(found, (int, float)):
            raise UserError(
                f"its {family}.{key} is {found!r} and must be a number: the file is not a plain {family} model."
            )
        return found

    def count(key: str, default: Any = None) -> int:
        found = value(key, default)
        if not isinstance(found, int) or found < 1:
            raise UserError(f"its {family}.{key} is {found!r} and must be a whole number above 0: download it again.")
        return found

    if value("expert_count", 0):
        raise UserError(
            f"it is a mixture of {value('expert_count')} experts, which is not supported: use a dense model."
        )
    hidden, heads, layers = count("embedding_length"), count("attention.head_count"), count("block_count")
    head = count("attention.key_length", hidden // heads)
    if layers > MOST_LAYERS:
        raise UserError(f"its {family}.block_count is {layers}, and no model has that many layers: download it again.")
    model_type, name = FAMILIES[family]
    embedding = tensors.get("token_embd.weight")
    config = {
        "architectures": [name], "model_type": model_type, "hidden_size": hidden, "num_hidden_layers": layers,
        "vocab_size": 0 if embedding is None else int(embedding.shape[1]),
        "intermediate_size": count("feed_forward_length"), "num_attention_heads": heads,
        "num_key_value_heads": count("attention.head_count_kv", heads), "head_dim": head,
        "rms_norm_eps": value("attention.layer_norm_rms_epsilon"), "max_position_embeddings": count("context_length"),
        "tie_word_embeddings": "output.weight" not in tensors,
    }  # fmt: skip
    if value("rope.dimension_count", head) != head:
        raise UserError(f"it rotates {value('rope.dimension_count')} of {head} dimensions of a head: not supported.")
    rope = {"rope_theta": value("rope.freq_base", 10000.0), **rope_scaling(fields, family, tensors, head)}
    if family not in FULL_EVERY:
        return {**config, "rope_parameters": rope}
    every = FULL_EVERY[family]
    largest = layers == LARGEST_GEMMA[family]
    config |= {
        "layer_types": [f"{'sliding' if (i + 1) % every else 'full'}_attention" for i in range(layers)],
        "sliding_window": count("attention.sliding_window"),
        "query_pre_attn_scalar": hidden // heads if largest else head,
        "rope_parameters": rope,
    }
    if family == "gemma2":
        soft = {"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0}
        return config | {key: value(key, default) for key, default in soft.items()}
    local = {"rope_type": "default", "rope_theta": value("rope.freq_base_swa", LOCAL_THETA)}
    return config | {"rope_parameters": {"full_attention": rope, "sliding_attention": local}}


def rope_scaling(fields: dict[str, Any], family: str, tensors: dict[str, Any], head: int) -> dict[str, Any]:
    """Returns the kind of rope with its numbers. Raises UserError for a kind that is not known."""
    kind, factor = fields.get(f"{family}.rope.scaling.type", "none"), fields.get(f"{family}.rope.scaling.factor")
    if FREQUENCIES in tensors:
        return llama3_rope(fields.get(f"{family}.rope.freq_base", 10000.0), tensors[FREQUENCIES].data, head)
    if kind == "none":
        return {"rope_type": "default"}
    if kind != "linear" or not isinstance(factor, float):
        raise UserError(
            f"its rope scaling is {kind!r} by {factor}, and only none, linear and Llama 3's are supported: use safetensors instead."
        )
    return {"rope_type": "linear", "factor": factor}


def llama3_rope(theta: float, divisors: Any, head: int) -> dict[str, Any]:
    """Returns Llama 3's rope scaling, whose factor is the largest divisor. Raises UserError if other numbers made them."""
    import numpy as np

    factor, low, high, old = float(np.max(divisors)), *(LLAMA3_ROPE[k] for k in list(LLAMA3_ROPE)[1:])
    waves = 2 * np.pi * theta ** (np.arange(0, head, 2) / head)
    smooth = np.clip((old / waves - low) / (high - low), 0, 1)
    if len(divisors) != len(waves) or not np.allclose(1 / ((1 - smooth) / factor + smooth), divisors, rtol=1e-3):
        raise UserError(
            f"its {FREQUENCIES} are not those of Llama 3's rope scaling: use the model's safetensors instead."
        )
    return LLAMA3_ROPE | {"factor": factor}


def wanted_tensors(family: str, config: dict[str, Any]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Returns for each tensor that the file must have its name in transformers and its shape."""
    h, i, d = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    a, k, v = config["num_attention_heads"] * d, config["num_key_value_heads"] * d, config["vocab_size"]
    layer: dict[str, tuple[str, tuple[int, ...]]] = {
        "attn_norm.weight": ("input_layernorm.weight", (h,)),
        "attn_q.weight": ("self_attn.q_proj.weight", (a, h)),
        "attn_k.weight": ("self_attn.k_proj.weight", (k, h)),
        "attn_v.weight": ("self_attn.v_proj.weight", (k, h)),
        "attn_output.weight": ("self_attn.o_proj.weight", (h, a)),
        "ffn_norm.weight": ("post_attention_layernorm.weight", (h,)),
        "ffn_gate.weight": ("mlp.gate_proj.weight", (i, h)),
        "ffn_up.weight": ("mlp.up_proj.weight", (i, h)),
        "ffn_down.weight": ("mlp.down_proj.weight", (h, i)),
    }
    if family in FULL_EVERY:  # Gemma has a norm before and after each part
        layer |= {
            "post_attention_norm.weight": ("post_attention_layernorm.weight", (h,)),
            "ffn_norm.weight": ("pre_feedforward_layernorm.weight", (h,)),
            "post_ffw_norm.weight": ("post_feedforward_layernorm.weight", (h,)),
        }
    if family in HEAD_NORMS:
        layer |= {f"attn_{x}_norm.weight": (f"self_attn.{x}_norm.weight", (d,)) for x in "qk"}
    if family in BIASES:
        layer |= {f"attn_{x}.bias": (f"self_attn.{x}_proj.bias", (n,)) for x, n in (("q", a), ("k", k), ("v", k))}
    wanted = {
        "token_embd.weight": ("model.embed_tokens.weight", (v, h)),
        "output_norm.weight": ("model.norm.weight", (h,)),
    }
    if not config["tie_word_embeddings"]:
        wanted["output.weight"] = ("lm_head.weight", (v, h))
    for n in range(config["num_hidden_layers"]):
        wanted |= {f"blk.{n}.{ours}": (f"model.layers.{n}.{theirs}", shape) for ours, (theirs, shape) in layer.items()}
    return wanted


def check_tensors(tensors: dict[str, Any], wanted: dict[str, tuple[str, tuple[int, ...]]]) -> None:
    """Checks that the file has the tensors of its architecture and no others. Raises UserError."""
    from gguf import GGMLQuantizationType as Kind
    from gguf.quants import _type_traits  # the kinds that `dequantize` knows

    if missing := [name for name in wanted if name not in tensors]:
        raise UserError(f"it lacks {len(missing)} of {len(wanted)} weights, such as {missing[0]}: download it again.")
    if extra := [name for name in tensors if name not in wanted and name != FREQUENCIES]:
        raise UserError(
            f"it has {len(extra)} weights that its architecture does not know, such as {extra[0]}: use safetensors."
        )
    for name, (_, shape) in wanted.items():
        found = tuple(int(n) for n in reversed(tensors[name].shape))
        if found != shape:
            raise UserError(f"its weight {name} has the shape {found}, and its settings say {shape}: use another file.")
        if (kind := tensors[name].tensor_type) not in (*_type_traits, Kind.F32, Kind.F16):
            raise UserError(
                f"its weight {name} is stored as {kind.name}, which the package gguf cannot read: use another file."
            )


def write_weights(
    family: str,
    config: dict[str, Any],
    tensors: dict[str, Any],
    wanted: dict[str, Any],
    folder: Path,
    report: Callable[[str], None],
) -> None:
    """Dequantizes all weights into safetensors files of about FILE_BYTES each; `report` shows how far it is."""
    from safetensors import TensorSpec, serialize_file

    files: list[list[str]] = []
    for part in in_parts(wanted, FILE_BYTES // (4 if config["dtype"] == "float32" else 2)):
        arrays = {}
        for name in part:
            report(f"converting {name} into {config['dtype']}: {100 * list(wanted).index(name) // len(wanted)} %")
            arrays[wanted[name][0]] = in_dtype(dequantized(family, config, name, tensors[name]), config["dtype"])
        specs = {
            name: TensorSpec(dtype=config["dtype"], shape=a.shape, data_ptr=a.ctypes.data, data_len=a.nbytes)
            for name, a in arrays.items()
        }
        serialize_file(specs, folder / f"{len(files)}.safetensors", metadata={"format": "pt"})
        files.append(list(arrays))
    if len(files) == 1:
        (folder / "0.safetensors").rename(folder / "model.safetensors")
        return
    weight_map = {}
    for i, names in enumerate(files):
        name = f"model-{i + 1:05d}-of-{len(files):05d}.safetensors"
        (folder / f"{i}.safetensors").rename(folder / name)
        weight_map |= dict.fromkeys(names, name)
    size = sum(p.stat().st_size for p in folder.glob("*.safetensors"))
    save_json(folder / "model.safetensors.index.json", {"metadata": {"total_size": size}, "weight_map": weight_map})


def in_parts(wanted: dict[str, tuple[str, tuple[int, ...]]], most: int) -> Iterator[list[str]]:
    """Yields the names in groups of at most `most` weights, or of one larger tensor."""
    part: list[str] = []
    size = 0
    for name, (_, shape) in wanted.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        if part and size + count > most:
            yield part
            part, size = [], 0
        part.append(name)
        size += count
    yield part


def dequantized(family: str, config: dict[str, Any], name: str, tensor: Any) -> Any:
    """Returns a weight in float32, as transformers has it."""
    import numpy as np
    from gguf import dequantize

    weight = dequantize(tensor.data, tensor.tensor_type).astype(np.float32, copy=False)
    if family in FULL_EVERY and name.endswith("norm.weight"):
        return weight - 1  # Gemma's norms multiply by 1 + weight, and the converter adds the 1
    if family == "llama" and name.endswith(("attn_q.weight", "attn_k.weight")):
        # llama.cpp rotates neighbours, transformers the halves of a head.
        pairs = weight.reshape(-1, config["head_dim"] // 2, 2, weight.shape[-1])
        return np.ascontiguousarray(pairs.swapaxes(1, 2)).reshape(weight.shape)
    return weight


def in_dtype(weight: Any, dtype: str) -> Any:
    """Returns the weight in float32, or in bfloat16 (rounded to even) as 16-bit integers."""
    import numpy as np

    weight = np.ascontiguousarray(weight)
    if dtype == "float32":
        return weight
    bits = weight.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def save_json(path: Path, content: dict[str, Any]) -> None:
    """Writes a JSON file, without entries that are None."""
    kept = {key: value for key, value in content.items() if value is not None}
    path.write_text(json.dumps(kept, indent=2), encoding="utf-8")
