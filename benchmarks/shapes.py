"""Makes models of given shapes with random weights for timings, and knows the shapes of two trained ones.

Nothing is downloaded, and every token id has a text.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from r1rl.config.flags import SMOLLM2, TINY_MODELS
from r1rl.models.shape import KNOWN, Shape

EMBEDDED = json.loads(Path(TINY_MODELS["tiny"], "config.json").read_text(encoding="utf-8"))
WORDS = EMBEDDED["vocab_size"]  # the small models have its tokenizer
SIZES = ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "intermediate_size")
# name: (hidden, layers, heads, key/value heads, inner width of the MLP, vocabulary, tied embeddings)
SHAPES = {
    "tiny": (*(EMBEDDED[name] for name in SIZES), WORDS, True),  # the embedded model itself
    "2M": (*(EMBEDDED[name] for name in SIZES), WORDS, True),  # the same shape with random weights
    "8M": (320, 8, 10, 2, 960, WORDS, True),
    "33M": (512, 12, 8, 2, 1536, WORDS, True),
    "130M": (768, 16, 12, 2, 2560, 32768, True),
    # The Qwen2.5 family, from the config.json of each on the hub.
    "0.5B": (896, 24, 14, 2, 4864, 151936, True),
    "1.5B": (1536, 28, 12, 2, 8960, 151936, True),
    "3B": (2048, 36, 16, 2, 11008, 151936, True),
    "7B": (3584, 28, 28, 4, 18944, 152064, False),
}
TRAINED = ("tiny", SMOLLM2)  # models that are not made here; --model-name takes their names


def shape_of(name: str) -> Shape:
    """Returns the sizes of SmolLM2-135M, or of a shape in SHAPES, all of which are made as Qwen2."""
    if name == SMOLLM2:
        return KNOWN["SmolLM2-135M"]
    hidden, layers, heads, kv_heads, inner, vocabulary, tied = SHAPES[name]
    return Shape(hidden, inner, layers, heads, kv_heads, hidden // heads, vocabulary, tied, bias=True)


def parameters(name: str) -> dict[str, int]:
    """Returns the number of weights that multiply every token ("body") and of the output layer ("head")."""
    shape = shape_of(name)
    return {"body": shape.linear, "head": shape.vocab * shape.hidden}


def make(name: str, folder: Path, on_gpu: bool = False) -> str:
    """Returns the model's folder and makes it if it does not exist; the name of one in TRAINED."""
    target = folder / f"shape-{name}"
    if name in TRAINED:
        return name
    if (target / "config.json").exists():
        return str(target)
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    hidden, layers, heads, kv_heads, inner, vocabulary, tied = SHAPES[name]
    config = Qwen2Config(
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        intermediate_size=inner,
        vocab_size=vocabulary,
        tie_word_embeddings=tied,
        max_position_embeddings=32768,
        eos_token_id=0,
        pad_token_id=1,
        bos_token_id=None,
    )
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda" if on_gpu else "cpu"):
        model = Qwen2ForCausalLM(config)
    torch.set_default_dtype(before)
    unfinished = target.with_name(target.name + ".new")
    model.save_pretrained(unfinished)
    write_tokenizer(unfinished, vocabulary)
    unfinished.rename(target)
    return str(target)


def write_tokenizer(folder: Path, vocabulary: int) -> None:
    """Writes the embedded model's tokenizer, with enough additional words for the vocabulary."""
    source = Path(TINY_MODELS["tiny"])
    content = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    known = content["model"]["vocab"]
    first = 1 + max([*known.values(), *(t["id"] for t in content["added_tokens"])])
    known.update({f"w{i}": i for i in range(first, vocabulary)})
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    shutil.copy(source / "tokenizer_config.json", folder)
