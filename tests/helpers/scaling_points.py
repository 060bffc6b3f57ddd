"""The measured points of benchmarks/scaling.json, with the shape and the flags of each."""

from __future__ import annotations

import json
import sys
from typing import Any

from conftest import ROOT

from r1rl.config.flags import Config
from r1rl.models.shape import Shape


def points() -> list[tuple[str, dict[str, Any]]]:
    """Returns (name, measurement) of each point."""
    measured = json.loads((ROOT / "benchmarks" / "scaling.json").read_text(encoding="utf-8"))["points"]
    return [(name, point) for axis in measured.values() for name, point in axis.items()]


def sampler_of(point: dict[str, Any]) -> str:
    """Returns the precision of a point's sampler; no name means float32."""
    return "bfloat16" if point.get("sampler", "").startswith("products in bfloat16") else "float32"


def run_of(point: dict[str, Any], **more: Any) -> tuple[Config, Shape]:
    """Returns the flags, with `more`, and the model's shape of a point."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        from shapes import shape_of
    finally:
        sys.path.pop(0)
    config = Config(
        unsloth=False, load_in_4bit=False, max_prompt_length=point["prompt_tokens"], num_generations=8,
        max_completion_length=point["tokens"], max_seq_length=4096, per_device_train_batch_size=point["completions"],
        tokens_per_micro_batch=16_000, **more,
    )  # fmt: skip
    return config, shape_of(point["shape"])
