"""Loads an export in a fresh process: `python -m r1rl.commands.export.reload JOB.json` answers the prompts in JOB.json.

It knows only the export's folder, from which transformers and peft load model and tokenizer.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from r1rl.commands.export.forms import GGUF_FILE, base_of
from r1rl.engines.base import Sampling
from r1rl.models.chat_template import prompt_ids
from r1rl.models.policy import Policy
from r1rl.models.weights import check_weights, load_options
from r1rl.records import Problem, Prompt
from r1rl.system.machine import has_fast_bfloat16


def load_export(
    folder: Path, on_gpu: bool, quantization: dict[str, Any] | None, is_chat: bool, trusted: bool = False
) -> Policy:
    """Returns the exported model as a policy: an adapter on its base model, or a whole model.

    `quantization`: bitsandbytes' settings of the base model in training; the adapter was trained on those weights.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

    dtype = torch.bfloat16 if on_gpu else torch.float32
    base, options = base_of(folder), {}
    if base is not None and quantization:
        options["quantization_config"] = BitsAndBytesConfig.from_dict(quantization)
    if (folder / GGUF_FILE).is_file():
        options["gguf_file"] = GGUF_FILE
    model = AutoModelForCausalLM.from_pretrained(
        base or folder,
        dtype=dtype,
        device_map={"": 0} if on_gpu else None,
        attn_implementation="eager",
        **(load_options(trusted) if "gguf_file" not in options else {}),
        **options,
    )
    if base is not None:
        from peft import PeftModel

        check_weights(folder, "--to adapter")
        model = PeftModel.from_pretrained(model, folder, **load_options(trusted))
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left", trust_remote_code=trusted)
    mixed = torch.cuda.is_bf16_supported() if on_gpu else has_fast_bfloat16()
    return Policy(
        model, tokenizer, str(base or folder), on_gpu, mixed, "transformers", trusted=trusted, is_chat=is_chat
    )


def engine_of(policy: Policy):
    """Returns the engine of the policy. A GGUF file cannot be loaded as a second copy, so the engine uses the model itself."""
    from r1rl.engines.transformers import TransformersEngine

    if (Path(policy.path) / GGUF_FILE).is_file():
        policy.sampling_copy = lambda: policy.model
    return TransformersEngine(policy)


def answers(policy: Policy, texts: list[str], sampling: Sampling, is_chat: bool) -> list[dict[str, Any]]:
    """Returns prompt tokens, completion tokens and logprobs for each prompt's text."""
    ids = [prompt_ids(policy.tokenizer, t, is_chat) for t in texts]
    prompts = [Prompt(Problem("", "", ""), t, tuple(i)) for t, i in zip(texts, ids)]
    rollouts = engine_of(policy).generate(prompts, sampling)
    return [
        {"prompt": list(r.prompt_ids), "completion": list(r.completion_ids), "logprobs": list(r.sampler_logprobs)}
        for r in rollouts
    ]


def main(job_file: str) -> None:
    """Writes the answers to the job's `answers` file."""
    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    folder, quantization = Path(job["folder"]), job["quantization"]
    policy = load_export(folder, job["on_gpu"], quantization, job["is_chat"], job["trusted"])
    found = answers(policy, job["texts"], Sampling(**job["sampling"]), job["is_chat"])
    Path(job["answers"]).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
