"""The proof at step 1, every run: does the engine really sample from the trained adapter?

Rollouts can silently come from the base model (unsloth#8701), or lack one projection of the adapter
(unsloth-zoo#942), with a finite loss and exit code 0. So before training each kind of projection is disturbed on
its own, the engine samples a few tokens, and its logprobs are compared with the trainer's own for the same tokens,
with and without the adapter.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from r1rl.engines import Engine, Sampling
from r1rl.errors import UserError
from r1rl.models import LORA_TARGETS, Policy, completion_logprobs
from r1rl.prompts import Prompt
from r1rl.records import Rollout

WANTED_SHIFT = 0.1  # nats a token between policy and base: far above rounding, far below nonsense
PROMPTS = 4
SURE = 4.0  # standard errors


@dataclass(frozen=True)
class Proof:
    """What was seen when one kind of projection was disturbed; gaps are mean |logprob difference| in nats."""

    target: str
    gap_to_policy: float
    gap_to_base: float
    standard_errors: float  # of gap_to_base - gap_to_policy, paired by token; negative: the base fits better

    @property
    def verdict(self) -> str:
        """proven, refuted, or open where the difference is within noise."""
        if self.standard_errors >= SURE:
            return "proven"
        return "refuted" if self.standard_errors <= -SURE else "open"


def prove_adapter(policy: Policy, engine: Engine, prompts: Sequence[Prompt], seed: int) -> list[Proof]:
    """One Proof for each kind of projection. Leaves policy and engine as they were. Raises UserError if refuted."""
    proofs, prompts = [], prompts[:PROMPTS]
    for target in LORA_TARGETS:
        with disturbed(policy, target, prompts, seed):
            engine.sync()
            rollouts = engine.generate(prompts, Sampling(n=1, max_tokens=16, seed=seed))
            proofs.append(compare(policy, rollouts, target))
    engine.sync()
    refuted = [p for p in proofs if p.verdict == "refuted"]
    if refuted:
        worst = refuted[0]
        raise UserError(
            f"the engine ({engine.name}) does not sample from the trained adapter: with {worst.target} changed, its "
            f"logprobs are {worst.gap_to_policy:.3f} nats from the policy's and {worst.gap_to_base:.3f} from the base "
            f"model's (refuted for {', '.join(p.target for p in refuted)}). Training would be blind, so the run stops. "
            "Check the versions of unsloth, unsloth_zoo and vllm, or use --engine transformers."
        )
    return proofs


def proof_words(proofs: Sequence[Proof]) -> str:
    """One line for the first screen."""
    proven = [p for p in proofs if p.verdict == "proven"]
    gaps = f"{max(p.gap_to_policy for p in proofs):.4f} nats from the policy, {min(p.gap_to_base for p in proofs):.3f} from the base"
    if len(proven) == len(proofs):
        return f"the engine follows the adapter in all {len(proofs)} projections ({gaps})"
    unproven = ", ".join(p.target for p in proofs if p.verdict != "proven")
    return f"[yellow]not decided[/yellow] for {unproven}: the engine's own noise is too large ({gaps})"


def compare(policy: Policy, rollouts: Sequence[Rollout], target: str) -> Proof:
    """The engine's logprobs against the trainer's, with and without the adapter."""
    engine = [x for r in rollouts for x in r.sampler_logprobs]
    with_adapter = [x for row in completion_logprobs(policy, rollouts, 1.0) for x in row]
    without = [x for row in completion_logprobs(policy, rollouts, 1.0, with_adapter=False) for x in row]
    to_policy = [abs(e - w) for e, w in zip(engine, with_adapter)]
    to_base = [abs(e - b) for e, b in zip(engine, without)]
    gains = [b - p for b, p in zip(to_base, to_policy)]
    error = stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else math.inf
    return Proof(target, fmean(to_policy), fmean(to_base), fmean(gains) / error if error else math.copysign(99, fmean(gains)))


@contextlib.contextmanager
def disturbed(policy: Policy, target: str, prompts: Sequence[Prompt], seed: int) -> Iterator[None]:
    """Adds noise to lora_B of one kind of projection, as much as moves the logprobs by WANTED_SHIFT; then undoes it."""
    import torch

    weights = [p for n, p in policy.model.named_parameters() if f".{target}.lora_B." in n]
    before = [w.detach().clone() for w in weights]
    generator = torch.Generator().manual_seed(seed)
    noise = [torch.randn(w.shape, generator=generator).to(w.device, w.dtype) for w in weights]
    read = [Rollout(p.text, "", p.ids[:1], p.ids[1:], (), "stop") for p in prompts[:2]]  # prompts, read as completions
    base = [x for row in completion_logprobs(policy, read, 1.0, with_adapter=False) for x in row]
    scale = 1e-3
    try:
        for _ in range(20):
            for w, b, n in zip(weights, before, noise):
                w.data.copy_(b + scale * n)
            now = [x for row in completion_logprobs(policy, read, 1.0) for x in row]
            if fmean(abs(x - y) for x, y in zip(now, base)) >= WANTED_SHIFT:
                break
            scale *= 2
        yield
    finally:
        for w, b in zip(weights, before):
            w.data.copy_(b)


def sampler_gap(policy: Policy, rollouts: Sequence[Rollout], temperature: float) -> tuple[float, float]:
    """(mean, largest) |sampler logprob - trainer logprob| over the tokens of a few rollouts, in nats."""
    trainer = completion_logprobs(policy, rollouts, temperature)
    gaps = [abs(t - s) for row, r in zip(trainer, rollouts) for t, s in zip(row, r.sampler_logprobs)]
    return (fmean(gaps), max(gaps)) if gaps else (0.0, 0.0)
