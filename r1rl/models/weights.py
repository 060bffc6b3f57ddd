"""Which weights are loaded: safetensors, which hold numbers and nothing else. A pickle can run a program when it is read."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

from r1rl.config.flags import TINY_MODELS
from r1rl.system.errors import UserError

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")

NO_WEIGHTS = (
    "training_args.bin",
    "optimizer.pt",
    "scheduler.pt",
    "rng_state.pth",
)  # of a checkpoint, beside its weights

# Folders of the embedded models in version 0.1, which the adapters of its runs name as their base model.
OLD_TINY_FOLDERS = {"tiny_base": "tiny", "tiny_kk": "tiny-kk", "tiny_safety": "tiny-safety"}

ADAPTER, WHOLE = "adapter_model.safetensors", ("model.safetensors", "model.safetensors.index.json")


def is_checkpoint(folder: Path) -> bool:
    """Whether a folder holds an adapter, or all weights (of a run with --lora-rank 0)."""
    return any((folder / name).is_file() for name in (ADAPTER, *WHOLE))


def current_base(base: str) -> str:
    """Returns the base model that an adapter names, as a name of --model-name.

    A folder that does not exist, and was an embedded model in another version or place, becomes that model's name.

    >>> current_base("/elsewhere/r1rl/tiny_base"), current_base("Qwen/Qwen2.5-3B")
    ('tiny', 'Qwen/Qwen2.5-3B')
    """
    path = Path(base)
    if path.exists():
        return base
    if path.parent.name == "r1rl" and path.name in OLD_TINY_FOLDERS:
        return OLD_TINY_FOLDERS[path.name]
    embedded = (name for name, folder in TINY_MODELS.items() if folder.parts[-4:] == path.parts[-4:])
    return next(embedded, base)


def check_weights(folder: Path, flag: str, trusted: bool = False) -> None:
    """A model's or adapter's folder must have its weights as safetensors; `trusted` lets pickles pass. Raises UserError."""
    if trusted or any(folder.glob("*.safetensors")):
        return
    pickles = sorted(p.name for p in folder.iterdir() if p.suffix in PICKLES and p.name not in NO_WEIGHTS)
    if pickles:
        raise UserError(
            f"{flag} {str(folder)!r} has its weights as a pickle only ({', '.join(pickles[:3])}), and reading a pickle "
            "can run any program. Save them as safetensors where you trust them (transformers' and peft's "
            "save_pretrained does so), or get a copy that has model.safetensors"
            + ("." if flag == "--adapter" else "; --trust-remote-code loads it as it is.")
        )


def loading(trusted: bool) -> dict[str, bool | None]:
    """What every from_pretrained of a model is told: no code of the model's own, and no pickles, unless trusted."""
    return {"trust_remote_code": trusted, "use_safetensors": None if trusted else True}


def refused(error: Exception, flag: str, name: str) -> UserError | None:
    """The error for a model that would need what `loading` forbids, told by transformers' words; None for another."""
    words = str(error)
    if "trust_remote_code" in words:
        return UserError(
            f"{flag} {name!r} comes with Python code of its own, which is not run unless asked for: it could do "
            "anything on this machine. Read it, then add --trust-remote-code; or use a model that transformers knows."
        )
    if "safetensors" in words:
        return UserError(
            f"{flag} {name!r} has no weights as safetensors, and reading a pickle can run any program. Use a model that "
            "has model.safetensors, or, where you trust it, add --trust-remote-code."
        )
    return None


def unreadable(path: Path) -> str | None:
    """Why a file is none of its kind, by its ending; None if it is one."""
    try:
        if path.suffix == ".safetensors":
            return None if whole_safetensors(path) else "its header does not fit its size"
        if path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif not zipfile.is_zipfile(path):  # what torch.save writes
            return "it has no end"
    except (OSError, ValueError, RecursionError) as error:
        return " ".join(str(error).split())[:100]
    return None


def whole_safetensors(path: Path) -> bool:
    """Whether the file is as long as its header says (https://github.com/huggingface/safetensors#format)."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else size
        if 8 + length > size:
            return False
        header: dict[str, Any] = json.loads(file.read(length))
    ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
    return 8 + length + max(ends, default=0) == size


def sums(path: Path) -> tuple[int, int]:
    """Bytes and CRC-32 of a file."""
    size = crc = 0
    with path.open("rb") as file:
        while part := file.read(2**20):
            size += len(part)
            crc = zlib.crc32(part, crc)
    return size, crc
