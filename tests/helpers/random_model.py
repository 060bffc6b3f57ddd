"""Small random models of several families."""

from __future__ import annotations

import torch
from transformers import AutoConfig, AutoModelForCausalLM

SHAPE = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 6,
         "num_key_value_heads": 2, "vocab_size": 97, "max_position_embeddings": 256}  # fmt: skip


def small_model(family, **more):
    """A causal language model of this family (`qwen2`, `llama`, ...): 2 layers, 97 tokens unless `more` says otherwise."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **{**SHAPE, **more})
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    for parameter in model.parameters():  # biases and norms too, which else are zeros and ones
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model.requires_grad_(False)
