"""Draws tokens from logits: greedy, by the inverse distribution, or from a nucleus, with the logprob of each token."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from r1rl.engines.base import Sampling
from r1rl.models.logprobs import nucleus

LARGE = 4096  # tokens; from here on the vocabulary is read in blocks
BLOCK = 128  # tokens; it divides the vocabularies of SmolLM, Qwen and Llama
IN_CACHE = 2**18  # float32 numbers (1 MiB) that a core's own cache holds between two passes
BELOW = 1 - 2**-23  # makes a positive float32 number smaller by at least its last bit


def sample(logits: torch.Tensor, sampling: Sampling, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns (tokens, logprobs), each (rows,), from `noise` (rows,), numbers from 0 to 1, through the inverse distribution.

    The logprobs are those after temperature and top-p, as in vLLM.
    """
    if logits.shape[-1] >= LARGE and (sampling.temperature == 0 or sampling.top_p == 1):
        return greedy(logits) if sampling.temperature == 0 else draw(logits, sampling.temperature, noise)
    if sampling.temperature == 0:
        logprobs = logits.float().log_softmax(-1)
        tokens = logprobs.argmax(-1)
    else:
        logprobs = (logits.float() / sampling.temperature).log_softmax(-1)
        if sampling.top_p < 1:
            logprobs = nucleus(logprobs, sampling.top_p)
        mass = logprobs.exp().cumsum(-1)  # (rows, vocab); the last is 1 up to rounding
        tokens = torch.searchsorted(mass, noise[:, None] * mass[:, -1:], right=True)[:, 0]
        tokens = tokens.clamp(max=logits.shape[-1] - 1)
    return tokens, logprobs.gather(1, tokens[:, None])[:, 0]


def in_blocks(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    """Returns the probabilities (rows, blocks, BLOCK) of (rows, vocab) logits; a few rows at once pass through the cache."""
    rows, vocab = logits.shape
    tail = -vocab % BLOCK
    chances = logits.new_empty((rows, vocab + tail), dtype=torch.float32)
    step = max(1, IN_CACHE // vocab)
    for begin in range(0, rows, step):
        part = logits[begin : begin + step].float()
        part = part if temperature == 1 else part / temperature
        into = chances[begin : begin + step]
        if tail:
            into.copy_(F.pad(part.softmax(-1), (0, tail)))
        else:
            torch.softmax(part, -1, out=into)
    return chances.view(rows, -1, BLOCK)


def draw(logits: torch.Tensor, temperature: float, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns (tokens, logprobs), each (rows,): the inverse distribution, first over blocks of tokens, then in one block.

    Each row's token depends on its own logits and number alone. No token of probability 0 is drawn.
    """
    blocks = in_blocks(logits, temperature)
    mass = blocks.sum(-1)  # (rows, blocks)
    upto = mass.cumsum(-1)
    wanted = torch.minimum(noise[:, None] * upto[:, -1:], upto[:, -1:] * BELOW)  # (rows, 1), less than the whole mass
    block = torch.searchsorted(upto, wanted, right=True).clamp_(max=mass.shape[1] - 1)
    wanted = wanted - (upto.gather(1, block) - mass.gather(1, block))
    inner = blocks[torch.arange(len(blocks), device=logits.device), block[:, 0]]  # (rows, BLOCK)
    upto = inner.cumsum(-1)
    wanted = torch.minimum(wanted.clamp_(min=0), upto[:, -1:] * BELOW)
    place = torch.searchsorted(upto, wanted, right=True).clamp_(max=BLOCK - 1)
    return (block * BLOCK + place)[:, 0], inner.gather(1, place)[:, 0].log()


def greedy(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns (tokens, logprobs), each (rows,): the most likely token of each row."""
    blocks = in_blocks(logits, 1.0)
    best, block = blocks.amax(-1).max(-1)  # (rows,) each
    place = blocks[torch.arange(len(blocks), device=logits.device), block].argmax(-1)
    return block * BLOCK + place, best.log()
