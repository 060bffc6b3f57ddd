"""The loss of a distillation: the divergence between the student's and the teacher's distribution of each token."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch.utils.checkpoint import checkpoint

from r1rl.models.logprobs import LOGITS_AT_ONCE, output_logits
from r1rl.models.policy import Policy


class TokenDivergence(NamedTuple):
    """What is computed of N tokens; only the loss has a gradient. All in nats, (N,)."""

    loss: torch.Tensor
    reverse_kl: torch.Tensor
    entropy: torch.Tensor  # of the student
    logprob: torch.Tensor  # of the sampled tokens, by the student


def kl(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:  # (N, vocab) twice -> (N,)
    """Returns KL(p, q), the sum of p (log p - log q) over the vocabulary, from logprobs."""
    return (p.exp() * (p - q)).sum(-1)


def generalized_jsd(
    student: torch.Tensor, teacher: torch.Tensor, beta: float
) -> torch.Tensor:  # (N, vocab) twice -> (N,)
    """Returns beta KL(P, M) + (1 - beta) KL(Q, M) with M = beta P + (1 - beta) Q, from logprobs of teacher P and student Q.

    At 0 and 1, where that is 0, it is its limit divided by beta, KL(P, Q), and by 1 - beta, KL(Q, P). Source: GKD
    (arXiv:2306.13649) equation 1; the ends as in TRL 1.15, generalized_jsd_loss.
    """
    if beta == 0:
        return kl(teacher, student)
    if beta == 1:
        return kl(student, teacher)
    mixture = torch.logaddexp(teacher + math.log(beta), student + math.log1p(-beta))
    return beta * kl(teacher, mixture) + (1 - beta) * kl(student, mixture)


def token_divergences(
    student: Policy,
    states: torch.Tensor,  # (N, H)
    teacher: Policy,
    teacher_states: torch.Tensor,  # (N, H of the teacher)
    tokens: torch.Tensor,  # (N,), sampled
    temperature: float,
    beta: float,
) -> TokenDivergence:
    """Returns the divergence at each token's position, both distributions at this temperature.

    The embeddings of a family's models are padded to different sizes: the rows that only one has are left out, as no token
    has their number. The logits of many tokens are never in memory at once, as in `token_logprobs`.
    """
    shared = min(policy.model.config.vocab_size for policy in (student, teacher))

    def logprobs(policy: Policy, h: torch.Tensor) -> torch.Tensor:  # (n, H) -> (n, shared)
        return (output_logits(policy, h)[:, :shared].float() / temperature).log_softmax(-1)

    def chunk(h: torch.Tensor, teachers: torch.Tensor, t: torch.Tensor) -> tuple[torch.Tensor, ...]:
        ours = logprobs(student, h)
        with torch.no_grad():
            theirs = logprobs(teacher, teachers)
        loss, fixed = generalized_jsd(ours, theirs, beta), ours.detach()
        reverse = loss.detach() if beta == 1 else kl(fixed, theirs)
        return loss, reverse, -(fixed.exp() * fixed).sum(-1), fixed.gather(1, t[:, None])[:, 0]

    size = max(1, LOGITS_AT_ONCE // shared)
    if len(tokens) <= size:
        return TokenDivergence(*chunk(states, teacher_states, tokens))
    pieces = zip(*(x.split(size) for x in (states, teacher_states, tokens)))
    parts = [checkpoint(chunk, *piece, use_reentrant=False) for piece in pieces]
    return TokenDivergence(*(torch.cat(x) for x in zip(*parts)))
