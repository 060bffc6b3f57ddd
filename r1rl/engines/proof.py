"""The proof: does the engine really sample from the trained adapter?

Rollouts can silently come from the base model (unsloth#8701), or lack one projection of the adapter
(unsloth-zoo#942), with a finite loss and exit code 0. So before training each kind of projection is perturbed on
its own, the engine samples a few tokens, and its logprobs are compared with the trainer's own for the same tokens,
with and without the adapter.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch

from r1rl.engines.base import Engine, Sampling
from r1rl.models.logprobs import completion_logprobs
from r1rl.models.policy import Policy
from r1rl.records import Prompt, Rollout
from r1rl.system.errors import UserError

WANTED_SHIFT = 0.2  # nats per token between policy and base: far above rounding, far below random text
# Mean gap in nats above which a sampler in bfloat16 is corrected for. The trainer's own rounding to bfloat16 gives 0.01 to
# 0.02 with a sampler in float32 (benchmarks/RESULTS.md).
GAP_TO_CORRECT = 0.02
SMALLEST_NOISE = 1e-3  # standard deviation of the noise added to a weight
FIRST_DOUBLINGS, MOST_DOUBLINGS = 6, 19  # of that noise
SMALLEST_SHIFT = 0.01  # nats; a token whose logprob moves less cannot distinguish policy and base
PROMPTS, SAMPLES, TOKENS = 2, 4, 16  # sampled for each kind of projection
TEMPERATURE = 1.5  # a sharp distribution hardly shows a changed weight
SURE = 4.0  # standard errors
CLEARLY = 1.5  # times the distance
UNIT_ROUNDOFF = 2**-8  # of bfloat16, the coarsest precision in which an engine or a trainer computes
LOGIT_SPREAD = 8.0  # nats; logits of language models spread by 2 to 8 over their vocabulary


class Refuted(UserError):
    """The engine does not sample from the policy; `proofs` are the measurements, if there are several."""

    proofs: Sequence[Proof] = ()


@dataclass(frozen=True)
class Proof:
    """The measurement for one perturbed kind of projection; gaps are mean |logprob difference| in nats."""

    target: str
    gap_to_policy: float
    gap_to_base: float
    shift: float  # from the base model to the policy
    tokens: int  # tokens that distinguish policy and base
    closer_to_policy: int  # of these
    largest_gap: float  # to the policy, that rounding explains

    @property
    def verdict(self) -> str:
        """Returns "proven" or "refuted" by a sign test over the tokens and by the gaps; "open" if noise hides the difference."""
        if not self.gap_to_policy <= self.largest_gap:  # NaN included
            return "refuted"
        errors = (self.closer_to_policy - self.tokens / 2) / math.sqrt(max(1, self.tokens) / 4)
        if errors >= SURE and self.gap_to_policy * CLEARLY < self.gap_to_base:
            return "proven"
        if errors <= -SURE and self.gap_to_base * CLEARLY < self.shift:
            return "refuted"
        return "open"


def prove_adapter(
    policy: Policy, engine: Engine, prompts: Sequence[Prompt], seed: int, targets: Sequence[str] | None = None
) -> list[Proof]:
    """Returns one Proof for each of `targets`, the kinds of projection; None: for all.

    Restores policy and engine. Raises Refuted if one is.
    """
    proofs, prompts, doublings = [], prompts[:PROMPTS], FIRST_DOUBLINGS
    sampling = Sampling(n=SAMPLES, max_tokens=TOKENS, temperature=TEMPERATURE, seed=seed)
    with adapter_at_zero(policy):
        engine.sync()
        read = [r for r in engine.generate(prompts, sampling) if r.completion_ids]
        base = flat(completion_logprobs(policy, read, TEMPERATURE))  # the adapter has no effect yet
        for target in targets or policy.targets:
            weights = perturbed(policy, target)
            before = [w.detach().clone() for w in weights]
            doublings = perturb(policy, weights, read, base, seed, doublings)
            engine.sync()
            rollouts = engine.generate(prompts, sampling)
            with_it = flat(completion_logprobs(policy, rollouts, TEMPERATURE))
            put_back(weights, before)
            without = flat(completion_logprobs(policy, rollouts, TEMPERATURE))
            proofs.append(compare(rollouts, with_it, without, target, rounding_gap(policy)))
    engine.sync()
    refuted = [p for p in proofs if p.verdict == "refuted"]
    if refuted:
        worst = refuted[0]
        error = Refuted(
            f"the engine ({engine.name}) does not sample from the trained adapter: with {worst.target} changed, its "
            f"logprobs are {worst.gap_to_policy:.3f} nats per token from the policy's, where rounding explains at most "
            f"{worst.largest_gap:.3f}, and {worst.gap_to_base:.3f} from the base model's (refuted for "
            f"{', '.join(p.target for p in refuted)}). The run would not learn from its own samples, so it stops. "
            "Check the versions of unsloth, unsloth_zoo, vllm and bitsandbytes, or use --engine transformers or "
            "--no-load-in-4bit. --guard sync=warn continues nevertheless."
        )
        error.proofs = proofs
        raise error
    return proofs


def describe_proofs(proofs: Sequence[Proof]) -> str:
    """Returns the result in one line."""
    to_policy, to_base = max(p.gap_to_policy for p in proofs), min(p.gap_to_base for p in proofs)
    gaps = f"at most {to_policy:.4f} nats from the policy, at least {to_base:.3f} from the base model"
    unproven = ", ".join(p.target for p in proofs if p.verdict != "proven")
    if not unproven:
        where = f"all {len(proofs)} projections" if len(proofs) > 1 else proofs[0].target
        return f"the engine follows the adapter in {where} ({gaps})"
    return f"[yellow]not decided[/yellow] for {unproven}: the engine's noise hides the difference ({gaps})"


def rounding_gap(policy: Policy) -> float:
    """Returns the largest mean |logprob difference| in nats that rounding explains.

    Each layer adds two rounded values to the hidden state, and the output layer rounds once more: 2 L + 1 independent
    errors, each up to UNIT_ROUNDOFF of the value. They move a logit by that share of the logits' spread.
    """
    layers = policy.model.config.get_text_config().num_hidden_layers
    return LOGIT_SPREAD * UNIT_ROUNDOFF * math.sqrt(2 * layers + 1)


def compare(
    rollouts: Sequence[Rollout], with_adapter: list[float], without: list[float], target: str, largest_gap: float
) -> Proof:
    """Compares the engine's logprobs with the trainer's, with and without the perturbation."""
    engine = [x for r in rollouts for x in r.sampler_logprobs]
    to_policy = [abs(e - w) for e, w in zip(engine, with_adapter)]
    to_base = [abs(e - b) for e, b in zip(engine, without)]
    telling = [i for i, (w, b) in enumerate(zip(with_adapter, without)) if abs(w - b) >= SMALLEST_SHIFT]
    closer = sum(to_policy[i] < to_base[i] for i in telling)
    shift = fmean(abs(w - b) for w, b in zip(with_adapter, without))
    return Proof(target, fmean(to_policy), fmean(to_base), shift, len(telling), closer, largest_gap)


def lora_b(policy: Policy, target: str = "") -> list:
    """Returns the lora_B weights of one kind of projection, or of all; at zero the adapter has no effect."""
    return [p for n, p in policy.model.named_parameters() if f"{target}.lora_B." in n]


def perturbed(policy: Policy, target: str) -> list:
    """Returns the weights to perturb: lora_B, or the layers' own weights if these are trained."""
    if policy.base is not policy.model:
        return lora_b(policy, target)
    return [p for n, p in policy.model.named_parameters() if n.endswith(f".{target}.weight")]


def put_back(weights: list, before: list) -> None:
    """Restores earlier values."""
    for w, b in zip(weights, before):
        w.data.copy_(b)


@contextlib.contextmanager
def adapter_at_zero(policy: Policy) -> Iterator[None]:
    """Disables the adapter, so that each kind of projection can be tested separately; restores it on exit."""
    weights = lora_b(policy)
    before = [w.detach().clone() for w in weights]
    try:
        for w in weights:
            w.data.zero_()
        yield
    finally:
        put_back(weights, before)


def perturb(
    policy: Policy, weights: list, read: Sequence[Rollout], base: list[float], seed: int, doublings: int
) -> int:
    """Adds noise, doubled from SMALLEST_NOISE until the logprobs shift by WANTED_SHIFT.

    The shift is measured on completions; the logprobs of prompts may shift more. The search begins at `doublings`
    and returns its last value, because the next kind of projection needs about as many.
    """
    generator = torch.Generator().manual_seed(seed)
    noise = [torch.randn(w.shape, generator=generator).to(w.device, w.dtype) for w in weights]
    before = [w.detach().clone() for w in weights]

    def put(times: int) -> None:
        put_back(weights, [b + SMALLEST_NOISE * 2**times * n for b, n in zip(before, noise)])

    def moves(times: int) -> bool:
        put(times)
        now = flat(completion_logprobs(policy, read, TEMPERATURE))
        return fmean(abs(x - y) for x, y in zip(now, base)) >= WANTED_SHIFT

    if moves(doublings):
        while doublings > 0 and moves(doublings - 1):
            doublings -= 1
    else:
        doublings += 1
        while doublings < MOST_DOUBLINGS and not moves(doublings):
            doublings += 1
    put(doublings)
    return doublings


def flat(rows: list[list[float]]) -> list[float]:
    """Returns the tokens of all rows as one list."""
    return [x for row in rows for x in row]


def sampler_gap(
    policy: Policy, rollouts: Sequence[Rollout], temperature: float, top_p: float = 1.0
) -> tuple[float, float]:
    """Returns (mean, largest) |sampler logprob - trainer logprob| over the tokens of a few rollouts, in nats."""
    return mean_and_largest(token_gaps(policy, rollouts, temperature, top_p))


def token_gaps(
    policy: Policy, rollouts: Sequence[Rollout], temperature: float, top_p: float = 1.0
) -> list[list[float]]:
    """Returns the trainer's logprob minus the sampler's in nats for each token, rollout by rollout."""
    trainer = completion_logprobs(policy, rollouts, temperature, top_p=top_p)
    return [[t - s for t, s in zip(row, r.sampler_logprobs)] for row, r in zip(trainer, rollouts)]


def mean_and_largest(gaps: list[list[float]]) -> tuple[float, float]:
    """Returns the mean and the largest absolute value; zeros without a token."""
    sizes = [abs(gap) for gap in flat(gaps)]
    return (fmean(sizes), max(sizes)) if sizes else (0.0, 0.0)


def base_gap(
    policy: Policy, engine: Engine, prompts: Sequence[Prompt], seed: int, temperature: float = 1.0, top_p: float = 1.0
) -> tuple[float, float]:
    """Returns the same for a few sampled tokens of the model as it is.

    Raises Refuted if rounding does not explain the gap; a temperature below 1 magnifies it.
    """
    engine.sync()
    sampling = Sampling(n=SAMPLES, max_tokens=TOKENS, temperature=temperature, top_p=top_p, seed=seed)
    rollouts = engine.generate(prompts[:PROMPTS], sampling)
    gap, largest = sampler_gap(policy, [r for r in rollouts if r.completion_ids], temperature, top_p)
    allowed = rounding_gap(policy) / min(1.0, temperature)
    if not gap <= allowed:
        raise Refuted(
            f"the engine ({engine.name}) does not sample from the model: its logprobs are {gap:.3f} nats per token from the "
            f"model's own, where rounding explains at most {allowed:.3f} (temperature {temperature:g}, top-p {top_p:g}). "
            "Its completions would say nothing about the model. Check the versions of unsloth, unsloth_zoo, vllm and "
            "bitsandbytes, or use --engine transformers or --no-load-in-4bit. --guard sync=warn continues nevertheless."
        )
    return gap, largest
