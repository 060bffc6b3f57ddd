"""The tokenizer of a GGUF file, rebuilt from its tokens: transformers' own conversion splits numbers and ends differently."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1rl.system.errors import UserError

# Values of tokenizer.ggml.token_type; https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
NORMAL, CONTROL, USER_DEFINED = 1, 3, 4
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
# tokenizer.ggml.pre: how text is split before the merges, by llama.cpp's src/llama-vocab.cpp. A pattern, or
# "" for GPT-2's, which tokenizers has built in.
SPLITS = {
    **dict.fromkeys(("default", "gpt-2"), ""),
    "smollm": r"\p{N}",  # each digit alone, then GPT-2's pattern
    **dict.fromkeys(("llama-bpe", "llama3", "llama-v3"), rf"{CONTRACTIONS}\p{{N}}{{1,3}}{REST}"),
    **dict.fromkeys(("qwen2", "deepseek-r1-qwen"), rf"{CONTRACTIONS}\p{{N}}{REST}"),
}
THEN_GPT2 = ("smollm",)
WITH_BEGIN = ("llama-bpe", "llama3", "llama-v3")  # these put the begin token in front unless the file says otherwise
PADDING = ("<|endoftext|>", "<pad>", "<unk>")  # used if the file names no padding token of its own


@dataclass(frozen=True)
class SpecialTokens:
    """The tokens with a function, and the line about them for the user."""

    begin: str | None
    end: str
    padding: str | None
    unknown: str | None
    ends: tuple[str, ...]  # all that end a completion, `end` first
    words: str


def write_tokenizer(
    fields: dict[str, Any], folder: Path, length: int, template_end: str | None
) -> tuple[SpecialTokens, dict[str, int]]:
    """Writes tokenizer.json, tokenizer_config.json and chat_template.jinja. Returns (special tokens, token ids).

    `fields`: the metadata; `length`: the model's context in tokens; `template_end`: the token that ends a turn by the chat
    template. Raises UserError for a kind of tokenizer that is not known: its text would be split differently from what the
    model learned.
    """
    tokens = fields["tokenizer.ggml.tokens"]
    kinds = fields.get("tokenizer.ggml.token_type") or [NORMAL] * len(tokens)
    by_kind = {kind: [t for t, k in zip(tokens, kinds, strict=False) if k == kind] for kind in set(kinds)}
    special = special_tokens(fields, tokens, by_kind.get(CONTROL, []), template_end)
    if fields.get("tokenizer.ggml.model") == "gpt2":
        tokenizer = byte_level(fields)
    else:
        tokenizer = sentence_piece(fields, special, by_kind.get(NORMAL, []))
    add_tokens(tokenizer, by_kind.get(CONTROL, []), by_kind.get(USER_DEFINED, []))
    begins = fields.get("tokenizer.ggml.pre") in WITH_BEGIN or fields.get("tokenizer.ggml.model") == "llama"
    if special.begin is not None and fields.get("tokenizer.ggml.add_bos_token", begins):
        from tokenizers.processors import TemplateProcessing

        pair = (special.begin, tokens.index(special.begin))
        tokenizer.post_processor = TemplateProcessing(
            single=f"{special.begin}:0 $A:0", pair=f"{special.begin}:0 $A:0 $B:1", special_tokens=[pair]
        )
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False,
                "model_max_length": length, "bos_token": special.begin, "eos_token": special.end,
                "pad_token": special.padding, "unk_token": special.unknown}  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")
    if template := fields.get("tokenizer.chat_template"):
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    return special, {t: i for i, t in enumerate(tokens)}


def byte_level(fields: dict[str, Any]) -> Any:
    """Returns a byte-level BPE tokenizer (GPT-2's kind, of SmolLM2, Qwen and Llama 3). Raises UserError."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    name = fields.get("tokenizer.ggml.pre", "default")
    if name not in SPLITS:
        raise UserError(
            f"its tokenizer splits text as {name!r}, and only these splits are known: {', '.join(SPLITS)}. With another split the model would "
            "read other tokens than it learned. Use the model's safetensors from the hub instead."
        )
    merges = [tuple(pair.split(" ")) for pair in fields.get("tokenizer.ggml.merges", ())]
    vocabulary = {t: i for i, t in enumerate(fields["tokenizer.ggml.tokens"])}
    if wrong := [m for m in merges if len(m) != 2 or not {*m, "".join(m)} <= vocabulary.keys()]:
        raise UserError(
            f"{len(wrong)} of its tokenizer's merges are not of its tokens, such as {wrong[0]}: download it again."
        )
    whole_words = SPLITS[name] == SPLITS["llama-bpe"]  # Llama 3's tokenizer takes a word that is a token as it is
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, ignore_merges=whole_words))
    bytes_after = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not SPLITS[name] or name in THEN_GPT2)
    split = [pre_tokenizers.Split(Regex(SPLITS[name]), "isolated")] if SPLITS[name] else []
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*split, bytes_after])
    if SPLITS[name] == SPLITS["qwen2"]:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def sentence_piece(fields: dict[str, Any], special: SpecialTokens, normal: list[str]) -> Any:
    """Returns a SentencePiece BPE tokenizer (of Llama 2, Mistral and Gemma), whose merges form the tokens `normal`.

    Raises UserError.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers

    kind = fields.get("tokenizer.ggml.model")
    if kind != "llama":
        raise UserError(
            f"its tokenizer is a {kind!r}, and only 'gpt2' and 'llama' are supported: use the model's safetensors instead."
        )
    vocabulary = {t: i for i, t in enumerate(fields["tokenizer.ggml.tokens"])}
    scores = fields.get("tokenizer.ggml.scores", ())
    if len(scores) != len(fields["tokenizer.ggml.tokens"]):
        raise UserError(
            f"it has {len(scores)} scores for {len(fields['tokenizer.ggml.tokens'])} tokens: download it again."
        )
    tokenizer = Tokenizer(
        models.BPE(
            vocabulary,
            merges_by_score({t: scores[vocabulary[t]] for t in normal}, vocabulary),
            unk_token=special.unknown,
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    prefix = fields.get("tokenizer.ggml.add_space_prefix", True)
    replaced = normalizers.Replace(" ", "▁")
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), replaced]) if prefix else replaced
    strip = [decoders.Strip(" ", 1, 0)] if prefix else []
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *strip]
    )
    return tokenizer


def merges_by_score(scores: dict[str, float], vocabulary: dict[str, int]) -> list[tuple[str, str]]:
    """Returns the pairs that form a token of `scores`, those with the highest score of the result first.

    Of equal ones those with the longest left part come first, as in generate_merges of transformers' convert_slow_tokenizer.

    >>> merges_by_score({"a": 0.0, "b": 0.0, "ab": -1.0, "aba": -2.0}, {"a": 0, "b": 1, "ab": 2, "aba": 3})
    [('a', 'b'), ('ab', 'a')]
    """
    found = []
    for token, score in scores.items():
        for at in range(1, len(token)):
            left, right = token[:at], token[at:]
            if left in scores and right in scores:
                found.append((-score, -at, vocabulary[left], vocabulary[right], left, right))
    return [(left, right) for *_, left, right in sorted(found)]


def add_tokens(tokenizer: Any, control: Iterable[str], user_defined: Iterable[str]) -> None:
    """Declares the tokens that are found in a text before anything else."""
    from tokenizers import AddedToken

    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in control])
    tokenizer.add_tokens([AddedToken(t, normalized=False, special=False) for t in user_defined])


def special_tokens(
    fields: dict[str, Any], tokens: list[str], control: list[str], template_end: str | None
) -> SpecialTokens:
    """Returns the special tokens: the file's, with the end token that the chat template writes and a distinct padding token.

    Raises UserError if the file names no end token.
    """

    def declared(name: str) -> str | None:
        i = fields.get(f"tokenizer.ggml.{name}_token_id")
        return tokens[i] if isinstance(i, int) and 0 <= i < len(tokens) else None

    begin, file_end, file_padding = declared("bos"), declared("eos"), declared("padding")
    end = template_end or file_end
    if end is None:
        raise UserError("it names no end token, so no completion would ever end: use the model's safetensors instead.")
    named_padding = [t for t in control if "pad" in t.lower()]
    usable = [
        t for t in (file_padding, *named_padding, *(t for t in PADDING if t in tokens)) if t not in (None, end, begin)
    ]
    padding = usable[0] if usable else None
    ends = tuple(dict.fromkeys(t for t in (end, file_end, declared("eot")) if t is not None))
    words = f"end token {instead(end, file_end)}, padding token {instead(padding, file_padding)}"
    if "tokenizer.chat_template" not in fields:
        words += ", no chat template"
    return SpecialTokens(begin, end, padding, declared("unknown"), ends, words)


def instead(token: str | None, declared: str | None) -> str:
    """Returns the token for display, with the one that the file declares if that is another."""
    shown = token or "none (the end token is used)"
    return shown if token == declared else f"{shown} (the file says {declared or 'none'})"
