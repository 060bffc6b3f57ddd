"""What differs between model families, found in the loaded model and its tokenizer, never from a name; see templates.py too."""

from __future__ import annotations

from r1rl.system.errors import UserError
from r1rl.trainers.sft_examples import end_of_turn

LORA_PARTS = {"base_layer", "lora_A", "lora_B"}  # modules inside an adapted layer


def lora_targets(model) -> list[str]:
    """Names of the linear layers of a model's blocks, each once, without the output layer: what LoRA is put on.

    With an adapter on them they are found by the same names.
    """
    from peft.tuners.lora import LoraLayer
    from torch import nn

    kinds, output = (nn.Linear, LoraLayer), model.get_output_embeddings()  # bitsandbytes' are nn.Linear, too
    paths = [n.split(".") for n, m in model.named_modules() if isinstance(m, kinds) and m is not output]
    return list(dict.fromkeys(path[-1] for path in paths if not LORA_PARTS & set(path)))


def turn_end(tokenizer) -> int | None:
    """The token by which the chat template ends the assistant's turn; None where it is no single one."""
    from jinja2 import TemplateError

    try:
        ids = tokenizer(end_of_turn(tokenizer, is_chat=True), add_special_tokens=False)["input_ids"]
    except (UserError, ValueError, TemplateError):  # a template that rewrites what was said
        return None
    special = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    return ids[0] if ids and ids[0] in special else None
