"""A model's tokenizer.json: its tokenizer by the tokenizers library, which loads faster than transformers, and its tokens."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from r1rl.config.flags import Config
from r1rl.models.source import cached, is_here, locate
from r1rl.system.errors import UserError


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


# ---- the tokens of a student and its teacher


def numbered_tokens(file: Path) -> dict[str, int]:
    """Returns the number of each token in a tokenizer.json."""
    content = json.loads(file.read_text(encoding="utf-8"))
    vocabulary = content["model"]["vocab"]
    if not isinstance(vocabulary, dict):  # Unigram: (token, score) in order
        vocabulary = {token: number for number, (token, _) in enumerate(vocabulary)}
    return vocabulary | {token["content"]: token["id"] for token in content.get("added_tokens", ())}


def check_same_tokens(config: Config, ours: Mapping[str, int], theirs: Mapping[str, int]) -> None:
    """Checks that both tokenizers have the same tokens with the same numbers. Raises UserError."""
    if ours == theirs:
        return
    token = next((t for t, number in ours.items() if theirs.get(t) != number), None)
    if token is None:
        example = f"{len(theirs) - len(ours)} of the teacher's tokens are unknown to the model"
    elif token in theirs:
        example = f"{token!r} is {ours[token]} in the model and {theirs[token]} in the teacher"
    else:
        example = f"{token!r} is unknown to the teacher"
    raise UserError(
        f"--teacher-model {config.teacher_model} has a tokenizer of {len(theirs):,} tokens that is not the one of --model-name "
        f"{config.model_name}, of {len(ours):,}: {example}. The two probabilities of a token are compared, so its number must "
        "be the same in both. Use a teacher of the model's own family, or learn its texts instead: --mode sft with "
        "--sft-data."
    )
