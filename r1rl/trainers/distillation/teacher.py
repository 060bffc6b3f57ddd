"""Loads the teacher of a distillation, as a policy that is never trained."""

from __future__ import annotations

import torch
from peft import PeftModel

from r1rl.config.flags import Config
from r1rl.models.policy import Policy, keep_4bit_layout, load_plain
from r1rl.models.shared_prompts import can_share
from r1rl.models.source import teacher_of
from r1rl.models.weights import load_options


def load_teacher(config: Config, policy: Policy) -> Policy:
    """Returns the teacher on the device of the policy and in its precision; an adapter is merged unless in 4 bit."""
    teacher = teacher_of(config)
    place, in_4bit = teacher.place, config.teacher_in_4bit
    dtype = torch.bfloat16 if policy.on_gpu else torch.float32
    model = load_plain(place, policy.on_gpu, dtype, in_4bit, config.trust_remote_code)
    keep_4bit_layout(model)
    if teacher.adapter is not None:
        model = PeftModel.from_pretrained(model, str(teacher.adapter), **load_options(config.trust_remote_code))
        model = model if in_4bit else model.merge_and_unload()
    model.requires_grad_(False).eval()
    backend = "4 bit (NF4)" if in_4bit else "bfloat16" if policy.on_gpu else "float32"
    trusted, is_chat = config.trust_remote_code, config.is_chat  # it samples, too
    loaded = Policy(model, policy.tokenizer, place, policy.on_gpu, policy.mixed, backend, False, trusted, is_chat)
    loaded.shares_prompts = not policy.on_gpu and can_share(getattr(loaded.base, "model", None))
    return loaded
