"""Converts a GGUF file, once, into a plain model folder in the user's cache: safetensors, config, tokenizer, licence.

It needs neither torch nor transformers. The mappings of names and values are those of llama.cpp's converter, reversed
(https://github.com/ggml-org/llama.cpp, convert_hf_to_gguf.py); tests compare the logits with the original model's.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import importlib.util
import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from r1rl.models.chat_template import ending_token
from r1rl.models.gguf_tokenizer import CONTROL, SpecialTokens, write_tokenizer
from r1rl.system.console import Waiting, console
from r1rl.system.errors import UserError

MAGIC = b"GGUF"
SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)
FLOAT32_UP_TO = 2**30  # weights; larger models are stored in bfloat16, in which a GPU loads them in any case
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
MOST_VALUES = 10_000_000  # read one by one; Gemma 3's file has about 2 million
FREQUENCIES = "rope_freqs.weight"  # Llama 3's rope scaling, as a divisor for each frequency
LLAMA3_ROPE = {"rope_type": "llama3", "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}  # fmt: skip


def folder_of(file: Path) -> Path:
    """Returns the folder in the cache for a GGUF file, by its name and content; it may not exist yet.

    Not by its time of change, which differs each time a package is installed.
    """
    about = file.stat()
    version = digest(file, about.st_size, about.st_mtime_ns)[:12]
    return Path.home() / ".cache" / "r1rl" / "gguf" / f"{file.stem}-{version}"


@functools.lru_cache
def digest(file: Path, size: int, changed: int) -> str:
    """Returns the SHA-256 of a file's content, read once while size and time of change are the same."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def converted(file: Path, flag: str = "--model-name") -> Path:
    """Returns the folder with the model of a GGUF file; converts it if that was not done before. Raises UserError.

    The folder appears once it is complete. A second process waits for the first.
    """
    if not file.is_file():
        near = sorted(p.name for p in file.parent.glob("*.gguf")) if file.parent.is_dir() else []
        hint = f"{file.parent} has {', '.join(near[:5])}" if near else "no GGUF file is there"
        raise UserError(f"{flag} {str(file)!r} is not a file ({hint}): give the path of a GGUF file.")
    check_file(file, flag)
    folder = folder_of(file)
    if folder.is_dir():
        return folder
    if importlib.util.find_spec("gguf") is None:
        raise UserError(f"{flag} {str(file)!r}: reading GGUF files needs the package gguf. Run `pip install gguf`.")
    try:
        return convert_once(file, folder)
    except UserError as error:
        raise UserError(f"{flag} {str(file)!r}: {error}") from None
    except OSError as error:
        raise UserError(
            f"{flag} {str(file)!r}: the converted model cannot be written to {folder.parent} ({error.strerror or error}): "
            "make room there, or set HOME to a folder on another disk."
        ) from None


def convert_once(file: Path, folder: Path) -> Path:
    """Returns the folder after converting the file into it, unless another process does so first. Raises UserError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock, Waiting(f"converting {file.name}") as status:
        with contextlib.suppress(OSError):  # a file system without locks: then both convert, and one is kept
            fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            return folder
        console.print(f"gguf     converting {file.name}, {file.stat().st_size / 2**30:.2f} GiB", markup=False)
        start, unfinished = time.monotonic(), Path(tempfile.mkdtemp(prefix=f"{folder.name}.new-", dir=folder.parent))
        try:
            words = convert(file, unfinished, status)
            unfinished.chmod(0o755)
            try:
                unfinished.replace(folder)
            except OSError:
                if not folder.is_dir():  # else another process was faster
                    raise
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    console.print(f"gguf     {words}; {time.monotonic() - start:.0f} s, once; {folder}", markup=False)
    return folder


def check_file(file: Path, flag: str) -> None:
    """Checks that a file is one whole GGUF file by its name and first bytes. Raises UserError."""
    if shard := SHARD.search(file.name):
        part, parts = map(int, shard.groups())
        first = file.name.replace(shard.group(), f"-00001-of-{parts:05d}.gguf")
        raise UserError(
            f"{flag} {str(file)!r} is part {part} of {parts}, and a model is read from one file. Join the parts with "
            f"llama.cpp's `llama-gguf-split --merge {first} WHOLE.gguf`, and give WHOLE.gguf."
        )
    with file.open("rb") as content:
        begin = content.read(len(MAGIC))
    if begin != MAGIC:
        pointer = " (a Git LFS pointer: the file itself was not downloaded)" if begin == b"vers" else ""
        raise UserError(
            f"{flag} {str(file)!r} is not a GGUF file: it begins with {begin!r}{pointer}, not with {MAGIC!r}. Download it again."
        )


def convert(file: Path, folder: Path, status: Waiting) -> str:
    """Writes the model folder. Returns a line for the user. Raises UserError, before weights are converted.

    Weights are stored in float32 up to FLOAT32_UP_TO weights, so that nothing is rounded, and in bfloat16 above.
    """
    fields, tensors = read(file)
    config = config_of(fields, tensors)
    wanted = wanted_tensors(fields["general.architecture"], config)
    check_tensors(tensors, wanted)
    special, ids = tokenizer_of(fields, folder, config["max_position_embeddings"])
    numbers = {"bos_token_id": ids.get(special.begin or ""), "eos_token_id": ids[special.end],
               "pad_token_id": ids.get(special.padding or "")}  # fmt: skip
    count = sum(int(t.n_elements) for name, t in tensors.items() if name in wanted)
    dtype = "float32" if count <= FLOAT32_UP_TO else "bfloat16"
    check_space(folder, count * (4 if dtype == "float32" else 2))
    config = {**config, **numbers, "dtype": dtype}
    save_json(folder / "config.json", config)
    ends = [ids[token] for token in special.ends]
    save_json(folder / "generation_config.json", {**numbers, "eos_token_id": ends if len(ends) > 1 else ends[0]})
    write_weights(fields["general.architecture"], config, tensors, wanted, folder, status)
    licences = copy_licences(file, folder)
    kinds = sorted({t.tensor_type.name for t in tensors.values()} - {"F32"}) or ["F32"]
    licence = ", ".join(licences) or fields.get("general.license") or "none with the file"
    words = f"{file.name} ({'/'.join(kinds)}) is stored as {count:,} weights in {dtype}; {special.words}; licence: {licence}"
    save_json(folder / "source.json", {"file": str(file.resolve()), "general.license": fields.get("general.license"),
                                        "general.name": fields.get("general.name"), "words": words})  # fmt: skip
    return words


def tokenizer_of(fields: dict[str, Any], folder: Path, length: int) -> tuple[SpecialTokens, dict[str, int]]:
    """Writes the tokenizer's files. Returns (special tokens, token ids). Raises UserError."""
    tokens, kinds = fields["tokenizer.ggml.tokens"], fields.get("tokenizer.ggml.token_type", ())
    control = [t for t, kind in zip(tokens, kinds, strict=False) if kind == CONTROL]
    begin = fields.get("tokenizer.ggml.bos_token_id")
    begin = tokens[begin] if isinstance(begin, int) and begin < len(tokens) else None
    end = ending_token(fields.get("tokenizer.chat_template"), begin, control)
    try:
        return write_tokenizer(fields, folder, length, end)
    except UserError:
        raise
    except Exception as error:  # the tokenizers library raises nothing narrower
        raise UserError(
            f"its tokenizer is damaged ({' '.join(str(error).split())[:100]}): download it again."
        ) from None


def read(file: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns (metadata, tensors by name) of a GGUF file; the tensors' data stay on the disk. Raises UserError."""
    from gguf import GGUFReader

    class Reader(GGUFReader):
        """gguf's reader, which otherwise reads nothing, without an end, beyond the end of a file."""

        values = 0

        def _get(self, offset: Any, dtype: Any, count: Any = 1, override_order: Any = None) -> Any:
            self.values += 1
            if self.values > MOST_VALUES:
                raise ValueError(f"it has more than {MOST_VALUES:,} settings and tokens")
            found = super()._get(offset, dtype, count, override_order)
            if len(found) < int(count):
                raise ValueError(f"byte {int(offset)} is beyond its end")
            return found

    try:
        reader = Reader(file)
        fields = {name: field.contents() for name, field in reader.fields.items()}
    except (ValueError, IndexError, KeyError, OverflowError, MemoryError, TypeError) as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise UserError(
            f"the file is damaged or its end is missing ({reason}): download it again, and compare its size with the source's."
        ) from None
    if fields.get("split.count", 1) > 1:
        raise UserError(
            f"it is one of {fields['split.count']} parts. Join them with llama.cpp's `llama-gguf-split --merge`, and give "
            "the whole file."
        )
    needed = ("general.architecture", "tokenizer.ggml.tokens")
    if missing := [name for name in needed if name not in fields]:
        raise UserError(f"it has no {' and no '.join(missing)}, so it holds no whole language model: use another file.")
    return fields, {t.name: t for t in reader.tensors}


def config_of(fields: dict[str, Any], tensors: dict[str, Any]) -> dict[str, Any]:
    """Returns the content of config.json without token ids. Raises UserError for what has no counterpart there."""
    family = fields["general.architecture"]
    if family not in FAMILIES:
        raise UserError(
            f"its architecture is {family!r}, and known are {', '.join(FAMILIES)}: use the model's safetensors from the hub."
        )

    def value(key: str, default: Any = None) -> Any:
        found = fields.get(f"{family}.{key}", default)
        if not isinstance(found, (int, float)):
            raise UserError(
                f"its {family}.{key} is {found!r} and must be a number: the file is not a plain {family} model."
            )
        return found

    if value("expert_count", 0):
        raise UserError(
            f"it is a mixture of {value('expert_count')} experts, which is not supported: use a dense model."
        )
    hidden, heads, layers = value("embedding_length"), value("attention.head_count"), value("block_count")
    head = value("attention.key_length", hidden // heads)
    model_type, name = FAMILIES[family]
    config = {
        "architectures": [name], "model_type": model_type, "vocab_size": int(tensors["token_embd.weight"].shape[1])
        if "token_embd.weight" in tensors else 0, "hidden_size": hidden,
        "intermediate_size": value("feed_forward_length"), "num_hidden_layers": layers, "num_attention_heads": heads,
        "num_key_value_heads": value("attention.head_count_kv", heads), "head_dim": head,
        "rms_norm_eps": value("attention.layer_norm_rms_epsilon"), "max_position_embeddings": value("context_length"),
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
        "sliding_window": value("attention.sliding_window"),
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
    kind = fields.get(f"{family}.rope.scaling.type", "none")
    if FREQUENCIES in tensors:
        return llama3_rope(fields.get(f"{family}.rope.freq_base", 10000.0), tensors[FREQUENCIES].data, head)
    if kind == "none":
        return {"rope_type": "default"}
    if kind != "linear":
        raise UserError(
            f"its rope scaling is {kind!r}, and known are none, linear and Llama 3's: use safetensors instead."
        )
    return {"rope_type": "linear", "factor": fields[f"{family}.rope.scaling.factor"]}


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
        raise UserError(f"it lacks {len(missing)} of {len(wanted)} weights, as {missing[0]}: download it again.")
    if extra := [name for name in tensors if name not in wanted and name != FREQUENCIES]:
        raise UserError(
            f"it has {len(extra)} weights that its architecture does not know, as {extra[0]}: use safetensors."
        )
    for name, (_, shape) in wanted.items():
        found = tuple(int(n) for n in reversed(tensors[name].shape))
        if found != shape:
            raise UserError(f"its weight {name} has the shape {found}, and its settings say {shape}: use another file.")
        if (kind := tensors[name].tensor_type) not in (*_type_traits, Kind.F32, Kind.F16):
            raise UserError(
                f"its weight {name} is stored as {kind.name}, which the package gguf cannot read: use another file."
            )


def check_space(folder: Path, needed: int) -> None:
    """Checks that the disk has room for the model. Raises UserError."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"its weights take {needed / 2**30:.1f} GiB in {folder.parent}, and {free / 2**30:.1f} GiB are free: free some space."
        )


def write_weights(
    family: str, config: dict[str, Any], tensors: dict[str, Any], wanted: dict[str, Any], folder: Path, status: Waiting
) -> None:
    """Dequantizes all weights into safetensors files of about FILE_BYTES each."""
    from safetensors import TensorSpec, serialize_file

    files: list[list[str]] = []
    for part in in_parts(wanted, FILE_BYTES // (4 if config["dtype"] == "float32" else 2)):
        arrays = {}
        for name in part:
            status.update(
                f"converting {name} into {config['dtype']}: {100 * list(wanted).index(name) // len(wanted)} %"
            )
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


def copy_licences(file: Path, folder: Path) -> list[str]:
    """Copies the licence files next to a GGUF file, or of the package that holds it. Returns their names."""
    places = [file.parent]
    if (file.parent / "__init__.py").is_file():
        infos = sorted(file.parent.parent.glob(f"{file.parent.name}-*.dist-info"))
        places += [place for info in infos for place in (info, info / "licenses")]
    found = [p for place in places for p in sorted(place.glob("LICEN[CS]E*")) if p.is_file()]
    for path in found:
        shutil.copyfile(path, folder / path.name)
    return [path.name for path in found]


def save_json(path: Path, content: dict[str, Any]) -> None:
    """Writes a JSON file, without entries that are None."""
    kept = {key: value for key, value in content.items() if value is not None}
    path.write_text(json.dumps(kept, indent=2), encoding="utf-8")
