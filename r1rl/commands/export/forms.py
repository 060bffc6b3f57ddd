"""Writes a run's model as a folder that other programs load: the adapter, a merged model, or llama.cpp's GGUF."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from r1rl.models.gguf import TAGS
from r1rl.models.weights import MERGED_FROM_4BIT, was_in_4bit
from r1rl.system.errors import UserError

FORMS = ("adapter", "merged", "gguf")
ELSEWHERE = ("verl", "openrlhf")  # data, reward and settings for another framework, instead of the model
CONVERTER = "convert_hf_to_gguf.py"  # llama.cpp's
GGUF_FILE = "model.gguf"
# Files of a checkpoint that only training needs.
TRAINING_ONLY = ("optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json", "training_args.bin",
                 "value_head.safetensors", "README.md")  # fmt: skip


def check_form(form: str, lora_rank: int) -> None:
    """Raises UserError if this form cannot be written on this machine."""
    if form == "adapter" and lora_rank == 0:
        raise UserError("--to adapter: the run trained all weights, so there is no adapter. Use --to merged.")
    if form != "gguf":
        return
    missing = []
    if importlib.util.find_spec("gguf") is None:
        missing.append("the Python package gguf (pip install gguf sentencepiece)")
    if converter() is None:
        missing.append(
            f"llama.cpp's {CONVERTER} (git clone https://github.com/ggml-org/llama.cpp, then LLAMA_CPP=that folder)"
        )
    if missing:
        raise UserError(
            f"--to gguf needs llama.cpp's converter, and this machine lacks {' and '.join(missing)}. Or export with --to "
            f"merged, and run {CONVERTER} on that folder on a machine with llama.cpp."
        )


def converter() -> Path | None:
    """Returns llama.cpp's converter, in the folder LLAMA_CPP or on the PATH; None if there is none."""
    found = Path(os.environ.get("LLAMA_CPP", "llama.cpp")) / CONVERTER
    on_path = shutil.which(CONVERTER)
    return found if found.is_file() else Path(on_path) if on_path else None


def write(form: str, policy, checkpoint: Path, folder: Path) -> None:
    """Writes the model into the empty `folder`. Raises UserError."""
    if form == "adapter":
        write_adapter(policy, checkpoint, folder)
    elif form == "merged":
        write_merged(policy, folder)
    else:
        write_gguf(policy, folder)


def write_adapter(policy, checkpoint: Path, folder: Path) -> None:
    """Writes the checkpoint without the files that only training needs. peft's AutoPeftModelForCausalLM loads it.

    It names the base model by an absolute path or the hub's name, also where an older checkpoint has a relative one.
    """
    for path in sorted(checkpoint.iterdir()):
        if path.is_file() and path.name not in TRAINING_ONLY:
            shutil.copy2(path, folder / path.name)
    described = folder / "adapter_config.json"
    settings = json.loads(described.read_text(encoding="utf-8"))
    settings["base_model_name_or_path"] = policy.path
    described.write_text(json.dumps(settings, indent=2, sort_keys=True), encoding="utf-8")


def write_merged(policy, folder: Path) -> None:
    """Writes base model and adapter as one model with its tokenizer; float32 on a CPU, bfloat16 on a GPU."""
    from r1rl.models.merge import save_merged

    inside = folder / "merged"
    save_merged(policy, inside)
    for path in inside.iterdir():
        path.replace(folder / path.name)
    inside.rmdir()


def write_gguf(policy, folder: Path) -> None:
    """Converts the merged model with llama.cpp's converter, and keeps the tokenizer. Raises UserError if it fails."""
    merged = folder / "merged"
    merged.mkdir()
    write_merged(policy, merged)
    kind = "bf16" if policy.on_gpu else "f32"
    command = [sys.executable, converter(), merged, "--outfile", folder / GGUF_FILE, "--outtype", kind]
    if was_in_4bit(merged):
        mark = merged / "metadata.json"
        mark.write_text(json.dumps({TAGS: [MERGED_FROM_4BIT]}), encoding="utf-8")
        command += ["--metadata", mark]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode or not (folder / GGUF_FILE).is_file():
        last = (done.stderr.strip().splitlines() or ["it wrote no file"])[-1]
        raise UserError(
            f"--to gguf: llama.cpp's converter failed: {last[:300]} Export with --to merged, and check whether a newer "
            "llama.cpp supports this model."
        )
    for path in merged.glob("*token*"):
        path.replace(folder / path.name)
    shutil.rmtree(merged)


def base_of(folder: Path) -> str | None:
    """Returns the base model that an exported adapter names; None for a whole model."""
    path = folder / "adapter_config.json"
    return json.loads(path.read_text(encoding="utf-8"))["base_model_name_or_path"] if path.is_file() else None
