"""Whether a file is whole, as far as that shows without loading it: safetensors, JSON, and what torch.save writes."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any


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
