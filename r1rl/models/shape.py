"""A model's shape, from its config.json or a table, and the number of weights that follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FAMILIES = {"llama", "mistral", "qwen2", "qwen3"}  # model types whose layers have the structure below
PACKED_AT_MOST = 2 * 2**30  # bytes; of larger models the CPU's decoder keeps no packed copy
# Weights that each token is multiplied by. The embedded models (2 M) stay in float32 everywhere, so that a seed gives
# the same completions on every machine.
LARGE_ENOUGH = 20e6
ROW_STEP = 256  # the update's rows have multiples of this length, or of a smaller one


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a decoder with gated MLPs and grouped attention."""

    hidden: int  # H, width of the residual stream
    inner: int  # I, width of the MLP
    layers: int  # L
    heads: int  # h, attention heads
    kv_heads: int  # heads of keys and values
    head: int  # d, width of a head
    vocab: int  # V, rows of the embedding
    tied: bool = True  # the output layer is the embedding
    bias: bool = False  # q, k and v have a bias
    head_norms: bool = False  # q and k are normalised head by head

    @property
    def queries(self) -> int:
        """A, width of all heads together."""
        return self.heads * self.head

    @property
    def keys(self) -> int:
        """K, width of all heads of keys, and of values."""
        return self.kv_heads * self.head

    @property
    def matrices(self) -> dict[str, tuple[int, int]]:
        """(in, out) of a layer's seven projections, which are quantized and have adapters."""
        h, i, a, k = self.hidden, self.inner, self.queries, self.keys
        return {"q_proj": (h, a), "k_proj": (h, k), "v_proj": (h, k), "o_proj": (a, h),
                "gate_proj": (h, i), "up_proj": (h, i), "down_proj": (i, h)}  # fmt: skip

    @property
    def linear(self) -> int:
        """Weights of all layers' projections: L (2 H A + 2 H K + 3 H I)."""
        return self.layers * sum(rows * columns for rows, columns in self.matrices.values())

    @property
    def embedding(self) -> int:
        """Weights of the embedding and, if it is not tied, of the output layer: V H or 2 V H."""
        return self.vocab * self.hidden * (1 if self.tied else 2)

    @property
    def multiplied(self) -> int:
        """Weights that each sampled token is multiplied by, those of projections and output layer: linear + V H."""
        return self.linear + self.vocab * self.hidden

    @property
    def packed(self) -> int:
        """Bytes of the decoder's packed copy of these in float32 on a CPU: 4 (linear + V H); half in bfloat16."""
        size = 4 * self.multiplied
        return size if size <= PACKED_AT_MOST else 0

    @property
    def small(self) -> int:
        """Norms and biases: 2 H (+ A + 2 K with biases, + 2 d with head norms) a layer, H at the end."""
        layer = 2 * self.hidden
        layer += self.queries + 2 * self.keys if self.bias else 0
        layer += 2 * self.head if self.head_norms else 0
        return self.layers * layer + self.hidden

    @property
    def weights(self) -> int:
        """The number of weights of the model."""
        return self.linear + self.embedding + self.small

    def adapter(self, rank: int) -> int:
        """Returns the weights of LoRA on the seven projections: r (in + out) of each."""
        return sum(self.adapter_matrices(rank)) * self.layers

    def adapter_matrices(self, rank: int) -> list[int]:
        """Returns the sizes of a layer's LoRA matrices, A and B of each projection."""
        return [rank * side for sides in self.matrices.values() for side in sides]


def may_use_bfloat16(asked: str, weights: int, fast: bool) -> bool:
    """Returns whether --sampler-dtype, the number of weights and the processor (`fast` in bfloat16) leave it possible."""
    return asked == "bfloat16" or (asked == "auto" and fast and weights >= LARGE_ENOUGH)


def row_length(tokens: int, large: bool) -> int:
    """Returns the padded length of the row in which a CPU's update reads this many tokens.

    The CPU compiles kernels for each length, so there must not be many. A large model, whose weights reach LARGE_ENOUGH, takes
    longer to compute padding than to compile: a row of 512 tokens or more has at most a sixteenth of padding.
    """
    step = min(ROW_STEP, max(32, 2 ** (tokens.bit_length() - 1) // 16)) if large else ROW_STEP
    return -(-tokens // step) * step


# By size. Source: config.json of each on the hub. tests/preflight/test_memory_plan.py compares the number of weights with
# the hub's and with the models that transformers builds.
KNOWN = {
    "SmolLM2-135M": Shape(576, 1536, 30, 9, 3, 64, 49152),
    "Qwen2.5-0.5B": Shape(896, 4864, 24, 14, 2, 64, 151936, bias=True),
    "Qwen3-0.6B": Shape(1024, 3072, 28, 16, 8, 128, 151936, head_norms=True),
    "Llama-3.2-1B": Shape(2048, 8192, 16, 32, 8, 64, 128256),
    "Qwen2.5-1.5B": Shape(1536, 8960, 28, 12, 2, 128, 151936, bias=True),
    "Qwen3-1.7B": Shape(2048, 6144, 28, 16, 8, 128, 151936, head_norms=True),
    "Qwen2.5-3B": Shape(2048, 11008, 36, 16, 2, 128, 151936, bias=True),
    "Llama-3.2-3B": Shape(3072, 8192, 28, 24, 8, 128, 128256),
    "Qwen3-4B": Shape(2560, 9728, 36, 32, 8, 128, 151936, head_norms=True),
    "Qwen2.5-7B": Shape(3584, 18944, 28, 28, 4, 128, 152064, tied=False, bias=True),
}


def read_shape(config: dict[str, Any]) -> Shape | None:
    """Returns the shape in a config.json; None for a model type that is not in FAMILIES.

    Missing fields have transformers' defaults: as many key heads as heads, H / h as a head's width, an untied output.
    """
    family = config.get("model_type")
    if family not in FAMILIES:
        return None
    heads, hidden = config["num_attention_heads"], config["hidden_size"]
    return Shape(
        hidden=hidden,
        inner=config["intermediate_size"],
        layers=config["num_hidden_layers"],
        heads=heads,
        kv_heads=config.get("num_key_value_heads") or heads,
        head=config.get("head_dim") or hidden // heads,
        vocab=config["vocab_size"],
        tied=config.get("tie_word_embeddings", False),
        bias=family == "qwen2",
        head_norms=family == "qwen3",
    )
