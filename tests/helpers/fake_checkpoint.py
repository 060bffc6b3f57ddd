"""Writes a checkpoint that holds nothing: every file is one of its kind, and none has a number in it."""

from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path

from r1rl.runs import checkpoints


def written_checkpoint(written: Path, content: str = "") -> Path:
    """A checkpoint's files, not yet published."""
    written.mkdir(parents=True)
    for name in checkpoints.ALWAYS:
        if name.endswith(".safetensors"):
            header = json.dumps({"w": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}).encode()
            (written / name).write_bytes(struct.pack("<Q", len(header)) + header + b"\0\0\0\0")
        elif name.endswith(".json"):
            (written / name).write_text(json.dumps({"content": content}))
        else:
            with zipfile.ZipFile(written / name, "w") as archive:
                archive.writestr("data.pkl", content)
    return written


def whole_checkpoint(folder: Path, step: int, best: str | None = None) -> Path:
    """A whole checkpoint of this step in a run's folder `checkpoints`; `best`: with this best adapter in it."""
    written = written_checkpoint(folder / f".saving-{step}", str(step))
    if best is not None:
        (folder / "best").mkdir(exist_ok=True)
        (folder / "best" / "adapter_model.safetensors").unlink(missing_ok=True)
        (folder / "best" / "adapter_model.safetensors").write_bytes(
            (written / "adapter_model.safetensors").read_bytes()
        )
        (folder / "best" / "adapter_config.json").unlink(missing_ok=True)
        (folder / "best" / "adapter_config.json").write_text(json.dumps(best))
        checkpoints.keep_best(folder, written)
    final = folder / f"checkpoint-{step}"
    checkpoints.publish(written, final)
    return final
