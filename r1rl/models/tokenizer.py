"""A tokenizer from a model's tokenizer.json alone, by the tokenizers library, which loads faster than transformers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from r1rl.config.flags import Config
from r1rl.models.source import cached, is_here, locate


def encoder(file: Path) -> Callable[..., dict[str, list[int]]]:
    """Returns a substitute for a transformers tokenizer that gives only `input_ids`; `file`: a tokenizer.json."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(file))

    def encode(text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        return {"input_ids": tokenizer.encode(text, add_special_tokens=add_special_tokens).ids}

    return encode


def tokenizer_at(file: Path, config: Config) -> Any:
    """Returns the tokenizer of a tokenizer.json: transformers' with --is-chat, for the template, else the light one."""
    if not config.is_chat:
        return encoder(file)
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(file.parent, trust_remote_code=config.trust_remote_code)


def tokenizer_file(model_name: str) -> Path | None:
    """Returns the model's tokenizer.json in its folder or in the hub's local cache; None if there is none."""
    if not is_here(model_name):
        return None
    place = locate(model_name)
    file = Path(place) / "tokenizer.json"
    return file if file.is_file() else next(iter(cached(place, "tokenizer.json")), None)
