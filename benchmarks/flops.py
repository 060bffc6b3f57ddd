"""Counts the multiplications and additions that sampling and training need at least.

A weight in a matrix product costs 2 of them for each token that is multiplied by it. Projections multiply every token that
is read, the output layer only the positions whose next token is sampled or learned. Attention costs 2 products of a head's
width for each pair of a token and one that it sees, itself included. Training costs three times the forward pass, for the
gradients of inputs and weights; twice where the weights are frozen, as the base model's under LoRA. The adapter is trained,
and in sampling merged. Left out is what a better program would not do: padding, recomputation, a group's prompt read again.
"""

from __future__ import annotations

from collections.abc import Sequence

from r1rl.models.shape import Shape


def tokens_read(prompt: int, lengths: Sequence[int], group: int) -> int:
    """Returns the tokens of completions of these lengths, and of a prompt of `prompt` tokens for each `group` of them."""
    return len(lengths) // group * prompt + sum(lengths)


def pairs(prompt: int, lengths: Sequence[int], group: int) -> int:
    """Returns the number of (token, token that it sees); a completion's tokens see its prompt and those before them."""
    within = len(lengths) // group * (prompt * (prompt + 1) // 2)
    return within + sum(n * prompt + n * (n + 1) // 2 for n in lengths)


def attention(shape: Shape, pairs: int) -> int:
    """Returns the cost of the products of queries with keys and of weights with values in all layers."""
    return 4 * shape.queries * shape.layers * pairs


def output_layer(shape: Shape) -> int:
    """Returns the number of weights of the output layer."""
    return shape.vocab * shape.hidden


def sampling(shape: Shape, prompt: int, lengths: Sequence[int], group: int) -> int:
    """Returns the cost of sampling; the last token of a completion is never read, and a prompt gives its first token."""
    fed = [n - 1 for n in lengths]
    logits = len(lengths) // group + sum(fed)
    products = 2 * (shape.linear * tokens_read(prompt, fed, group) + output_layer(shape) * logits)
    return products + attention(shape, pairs(prompt, fed, group))


def training(shape: Shape, rank: int, prompt: int, lengths: Sequence[int], group: int) -> int:
    """Returns the cost of forward and backward with LoRA of this rank on all projections; of all weights with rank 0."""
    read = tokens_read(prompt, lengths, group)
    base = 2 * (shape.linear * read + output_layer(shape) * sum(lengths))
    adapter = 2 * shape.adapter(rank) * read
    return (2 if rank else 3) * base + 3 * (adapter + attention(shape, pairs(prompt, lengths, group)))
