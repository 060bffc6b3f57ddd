"""Replaces llama.cpp's convert_hf_to_gguf.py in the tests, for small models.

FOLDER --outfile FILE --outtype f32 [--metadata FILE]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors.numpy import load_file

NAMES = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output", "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm", "model.layers": "blk",
}  # fmt: skip
GEMMA = {
    "post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}  # fmt: skip


def write(
    folder: Path, outfile: Path | str, quantized: bool = False, tags: list[str] | None = None, **more: Any
) -> None:
    """Writes the model as llama.cpp's converter does. `quantized`: matrices in Q8_0. `more`: metadata strings to add."""
    config = json.loads((folder / "config.json").read_text())
    family = {"gemma3_text": "gemma3"}.get(config["model_type"], config["model_type"])
    writer = gguf.GGUFWriter(outfile, family)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    if config.get("head_dim"):
        writer.add_key_length(config["head_dim"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    rope = config["rope_parameters"]
    writer.add_rope_freq_base(rope.get("full_attention", rope)["rope_theta"])
    if family.startswith("gemma"):
        writer.add_sliding_window(config["sliding_window"])
    if family == "gemma2":
        writer.add_attn_logit_softcapping(config["attn_logit_softcapping"])
        writer.add_final_logit_softcapping(config["final_logit_softcapping"])
    writer.add_vocab_size(config["vocab_size"])
    add_tokenizer(writer, folder, config["vocab_size"])
    if tags:
        writer.add_tags(tags)
    for key, value in more.items():
        writer.add_string(key.replace("__", "."), value)
    for name, weight in load_file(folder / "model.safetensors").items():
        weight = converted(name, weight.astype(np.float32), family, config)
        for theirs, ours in ({**NAMES, **GEMMA} if family.startswith("gemma") else NAMES).items():
            name = name.replace(f"{theirs}.", f"{ours}.")
        if quantized and weight.ndim > 1:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quantize(weight, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, weight)
    if rope.get("rope_type") == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_divisors(folder))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def converted(name: str, weight: np.ndarray, family: str, config: dict[str, Any]) -> np.ndarray:
    """The weight as llama.cpp has it: Llama's rotated pairs are neighbours, and Gemma's norms have the 1 added."""
    if family.startswith("gemma") and name.endswith("norm.weight"):
        return weight + 1
    heads = {"q_proj": "num_attention_heads", "k_proj": "num_key_value_heads"}.get(name.split(".")[-2])
    if family == "llama" and heads:
        return weight.reshape(config[heads], 2, -1, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)
    return weight


def llama3_divisors(folder: Path) -> np.ndarray:
    """What transformers' scaled frequencies are divided by."""
    from transformers import AutoConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    config = AutoConfig.from_pretrained(folder)
    scaled = ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")[0].numpy()
    plain = config.rope_parameters["rope_theta"] ** -(np.arange(0, config.head_dim, 2) / config.head_dim)
    return (plain / scaled).astype(np.float32)


def add_tokenizer(writer: gguf.GGUFWriter, folder: Path, size: int) -> None:
    """Byte-level tokenizers become llama.cpp's gpt2, others its llama, with scores in the order of the merges."""
    content = json.loads((folder / "tokenizer.json").read_text())
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    vocabulary = content["model"]["vocab"]
    added = {entry["content"]: entry for entry in content["added_tokens"]}
    ids = {**vocabulary, **{token: entry["id"] for token, entry in added.items()}}
    tokens = sorted(ids, key=ids.__getitem__)
    kinds = [(3 if added[t]["special"] else 4) if t in added else 6 if t.startswith("<0x") else 1 for t in tokens]
    unused = [f"[PAD{i}]" for i in range(len(tokens), size)]
    writer.add_token_types(kinds + [5] * len(unused))
    writer.add_token_list(tokens + unused)
    merges = content["model"]["merges"]
    if "ByteLevel" in json.dumps(content["pre_tokenizer"]):
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("qwen2")
        writer.add_token_merges([" ".join(pair) if isinstance(pair, list) else pair for pair in merges])
    else:
        rank = {left + right: -i - 1.0 for i, (left, right) in reversed(list(enumerate(merges)))}
        writer.add_tokenizer_model("llama")
        writer.add_token_scores([rank.get(t, 0.0) for t in tokens + unused])
        writer.add_add_space_prefix(False)
    for name, add in (("bos", writer.add_bos_token_id), ("eos", writer.add_eos_token_id),
                      ("pad", writer.add_pad_token_id), ("unk", writer.add_unk_token_id)):  # fmt: skip
        token = settings.get(f"{name}_token")
        if token is not None:
            add(ids[token if isinstance(token, str) else token["content"]])
    template = folder / "chat_template.jinja"
    if template.is_file():
        writer.add_chat_template(template.read_text())


if __name__ == "__main__":
    override = gguf.Metadata.load_metadata_override(
        Path(sys.argv[sys.argv.index("--metadata") + 1]) if "--metadata" in sys.argv else None
    )
    write(Path(sys.argv[1]), sys.argv[sys.argv.index("--outfile") + 1], tags=override.get("general.tags"))
