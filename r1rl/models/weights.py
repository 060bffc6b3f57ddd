"""Weight files: safetensors are loaded and checked; pickles are refused, because reading one can run any program."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

from r1rl.config.flags import SMOLLM2, SMOLLM2_FILE, TINY_MODELS
from r1rl.system.errors import UserError

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
NOT_WEIGHTS = ("training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth")  # other files of a checkpoint

# Folders of the embedded models in version 0.1, which the adapters of its runs name as their base model.
OLD_TINY_FOLDERS = {"tiny_base": "tiny", "tiny_kk": "tiny-kk", "tiny_safety": "tiny-safety"}

# Set in config.json of a model that was merged from 4-bit weights and an adapter. What an adapter learns is small against the
# distance of two 4-bit values, so quantizing the sums again gives the old values: 1.6 % of the update of a fine-tuned
# SmolLM2-135M was left. In a GGUF file it is one of the tags.
MERGED_FROM_4BIT = "r1rl_merged_from_4bit"

ADAPTER, WHOLE = "adapter_model.safetensors", ("model.safetensors", "model.safetensors.index.json")


def is_checkpoint(folder: Path) -> bool:
    """Returns whether a folder holds an adapter, or all weights (of a run with --lora-rank 0)."""
    return any((folder / name).is_file() for name in (ADAPTER, *WHOLE))


def current_base(base: str) -> str:
    """Returns the base model that an adapter names, as a name of --model-name.

    A folder that does not exist, and was an embedded model in another version or place, or SmolLM2 in another cache,
    becomes that model's name.

    >>> current_base("/elsewhere/r1rl/tiny_base"), current_base("Qwen/Qwen2.5-3B")
    ('tiny', 'Qwen/Qwen2.5-3B')
    """
    path = Path(base)
    if path.exists():
        return base
    if path.parent.name == "r1rl" and path.name in OLD_TINY_FOLDERS:
        return OLD_TINY_FOLDERS[path.name]
    if path.parts[-3:-1] == ("r1rl", "gguf") and path.name.startswith(f"{Path(SMOLLM2_FILE).stem}-"):
        return SMOLLM2
    embedded = (name for name, folder in TINY_MODELS.items() if folder.parts[-4:] == path.parts[-4:])
    return next(embedded, base)


def adapter_base(folder: Path) -> str:
    """Returns the base model that the adapter in a folder names, as a name of --model-name. Raises UserError."""
    path = folder / "adapter_config.json"
    try:
        base = json.loads(path.read_text(encoding="utf-8"))["base_model_name_or_path"]
        return current_base(base)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} cannot be read ({type(error).__name__}), and it names the base model of the adapter. Get a whole copy of "
            "the adapter."
        ) from None


def check_weights(folder: Path, flag: str, trusted: bool = False) -> None:
    """Checks that a folder has its weights as safetensors; `trusted` allows pickles. Raises UserError."""
    if trusted or any(folder.glob("*.safetensors")):
        return
    pickles = sorted(p.name for p in folder.iterdir() if p.suffix in PICKLES and p.name not in NOT_WEIGHTS)
    if pickles:
        raise UserError(
            f"{flag} {str(folder)!r} has its weights as a pickle only ({', '.join(pickles[:3])}), and reading a pickle can "
            "run any program. If you trust them, save them as safetensors (by transformers' or peft's save_pretrained), or "
            "get a copy that has model.safetensors"
            + ("." if flag == "--adapter" else "; --trust-remote-code loads the pickle.")
        )


def was_in_4bit(folder: Path) -> bool:
    """Returns whether a model was merged from 4-bit weights: by its mark, or by the run that merged it without one."""

    def content(path: Path) -> dict[str, Any]:
        try:
            return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        except ValueError:  # a damaged file is reported where it is needed
            return {}

    if content(folder / "config.json").get(MERGED_FROM_4BIT):
        return True
    return folder.name == "model" and bool(content(folder.parent / "run.json").get("config", {}).get("load_in_4bit"))


def not_again(model: str, flag: str, four_bit: str) -> UserError:
    """Returns the error for such a model that would be quantized again; `flag` names it, `four_bit` quantizes it."""
    return UserError(
        f"{flag} {model!r} was merged from 4-bit weights and an adapter, and {four_bit} would round what the adapter learned "
        f"away: it is small compared with the distance between two 4-bit values. Add {four_bit.replace('--', '--no-', 1)}."
    )


def load_options(trusted: bool) -> dict[str, bool | None]:
    """Returns the options of every from_pretrained of a model: no code of the model and no pickles unless trusted."""
    return {"trust_remote_code": trusted, "use_safetensors": None if trusted else True}


def load_error(error: Exception, flag: str, name: str) -> UserError | None:
    """Returns the error for a model that needs what `load_options` forbids, by transformers' message; else None."""
    message = str(error)
    if "trust_remote_code" in message:
        return UserError(
            f"{flag} {name!r} comes with Python code of its own, which is not run by default: it could do anything on this "
            "machine. Read it, then add --trust-remote-code; or use a model that transformers supports."
        )
    if "safetensors" in message:
        return UserError(
            f"{flag} {name!r} has no weights as safetensors, and reading a pickle can run any program. Use a model that "
            "has model.safetensors, or add --trust-remote-code if you trust it."
        )
    return None


def unreadable(path: Path) -> str | None:
    """Returns why a file (safetensors, JSON or written by torch.save) is damaged; None if it is not."""
    try:
        if path.suffix == ".safetensors":
            return None if whole_safetensors(path) else "its header does not fit its size"
        if path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif not zipfile.is_zipfile(path):  # the format of torch.save
            return "its end is missing"
    except (OSError, ValueError, RecursionError) as error:
        return " ".join(str(error).split())[:100]
    return None


def whole_safetensors(path: Path) -> bool:
    """Returns whether the file is as long as its header says (https://github.com/huggingface/safetensors#format)."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else size
        if 8 + length > size:
            return False
        header: dict[str, Any] = json.loads(file.read(length))
    ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
    return 8 + length + max(ends, default=0) == size


def size_and_crc(path: Path) -> tuple[int, int]:
    """Returns the bytes and the CRC-32 of a file."""
    size = crc = 0
    with path.open("rb") as file:
        while part := file.read(2**20):
            size += len(part)
            crc = zlib.crc32(part, crc)
    return size, crc
