"""Tokens counted with a model's tokenizer.json alone: the tokenizers library is light, transformers is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def encoder(file: Path) -> Callable[..., dict[str, list[int]]]:
    """What stands in for a tokenizer of transformers where only `input_ids` are wanted; `file`: a tokenizer.json."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(file))

    def encode(text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        return {"input_ids": tokenizer.encode(text, add_special_tokens=add_special_tokens).ids}

    return encode
