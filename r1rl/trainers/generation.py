"""What is left of a generation that serves several steps, saved with a checkpoint that was written in between."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from r1rl.runs.checkpoints import GENERATION
from r1rl.trainers.batches import Batch

TENSORS = "generation.safetensors"


def save_generation(folder: Path, batch: Batch, numbers: list[dict[str, Any]], until: int) -> None:
    """Writes the whole batch of a generation and its steps' numbers, {} for those that are done; `until`: its last step."""
    tensors = {
        k: v.cpu().clone(memory_format=torch.contiguous_format)
        for k, v in batch.items()
        if isinstance(v, torch.Tensor)
    }
    others = {k: v for k, v in batch.items() if not isinstance(v, torch.Tensor)}
    save_file(tensors, folder / TENSORS)
    content = {"schema_version": 1, "until": until, "numbers": numbers, "others": others}
    (folder / GENERATION).write_text(json.dumps(content) + "\n", encoding="utf-8")


def load_generation(folder: Path, device: torch.device) -> tuple[Batch, list[dict[str, Any]]] | None:
    """(batch, numbers) of the generation that a checkpoint stands in; None where it stands between two."""
    if not (folder / GENERATION).is_file():
        return None
    content = json.loads((folder / GENERATION).read_text(encoding="utf-8"))
    tensors = {k: v.to(device) for k, v in load_file(folder / TENSORS).items()}
    return tensors | content["others"], content["numbers"]
