"""A tokenizer from a model's tokenizer.json alone: the tokenizers library is light, transformers is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from r1rl.config.flags import TINY_MODELS, Config
from r1rl.models.shape import cached


def encoder(file: Path) -> Callable[..., dict[str, list[int]]]:
    """What stands in for a tokenizer of transformers where only `input_ids` are wanted; `file`: a tokenizer.json."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(file))

    def encode(text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        return {"input_ids": tokenizer.encode(text, add_special_tokens=add_special_tokens).ids}

    return encode


def tokenizer_at(file: Path, config: Config) -> Any:
    """The tokenizer of a tokenizer.json: its chat template is rendered by transformers alone, else the light one does."""
    if not config.is_chat:
        return encoder(file)
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(file.parent, trust_remote_code=config.trust_remote_code)


def tokenizer_file(model_name: str) -> Path | None:
    """The model's tokenizer.json: its folder's, or that of the hub's local cache; None where neither is here."""
    file = TINY_MODELS.get(model_name, Path(model_name)) / "tokenizer.json"
    return file if file.is_file() else next(iter(cached(model_name, "tokenizer.json")), None)
