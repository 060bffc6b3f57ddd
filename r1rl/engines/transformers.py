"""The transformers engine: a batched sampling loop over a merged copy of the model, with the decoder where it fits."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from transformers import DynamicCache

from r1rl.config.flags import Config
from r1rl.engines.base import Sampling
from r1rl.engines.decoder import Decoding, Product, fused
from r1rl.engines.draw import sample
from r1rl.engines.precision import check_converted, sampling_precision
from r1rl.models.merge import merge_into, to_merge
from r1rl.models.policy import Policy
from r1rl.records import STOP_TEXT, Prompt, Rollout, visible_text
from r1rl.system.threads import in_threads

# Rows times weights at which arithmetic takes one core as long as the calls from Python per token: AMD EPYC, tiny models,
# benchmarks/RESULTS.md. It holds as long as Python and arithmetic are slower or faster together.
EVEN = 40e6
# --prune ends a completion whose last REPEATED tokens are a block of at most BLOCK tokens, again and again; it looks at
# every CHECKED-th token, which costs next to nothing.
REPEATED, BLOCK, CHECKED = 64, 8, 16


class TransformersEngine:
    """Samples from a copy of the base model with the adapter merged in: no LoRA arithmetic for each token."""

    name = "transformers"

    @classmethod
    def start(cls, config: Config, policy: Policy, folder: Path) -> TransformersEngine:
        """Returns the engine; it needs no folder. Raises UserError if --sampler-dtype cannot be obeyed."""
        return cls(policy, config.sampler_dtype)

    def __init__(self, policy: Policy, sampler_dtype: str = "auto"):
        self.policy = policy
        self.tokenizer = policy.tokenizer
        self.model = policy.sampling_copy().eval()
        self.end_ids = policy.end_ids
        self.closing_ids = ids_that_can_close(self.tokenizer)
        self.sampler_dtype, self.note = "auto", ""
        if not policy.on_gpu:
            self.sampler_dtype, self.note = sampling_precision(sampler_dtype, self.model)
        self.fused = fused(self.model, bfloat16=self.sampler_dtype == "bfloat16")
        check_converted(sampler_dtype, policy.on_gpu or (self.fused is not None and self.fused.mixed))
        if self.fused is None or not self.fused.mixed:
            self.sampler_dtype, self.note = "float32", self.note if self.sampler_dtype == "float32" else ""
        # On a CPU at most this many threads sample parts of the prompts: splitting small products gains nothing, and
        # threads that wait for each other at every product lose much.
        self.workers = 1 if policy.on_gpu else torch.get_num_threads()
        self.weights = sum(p.numel() for p in self.model.parameters())
        self.stopped = threading.Event()  # the caller no longer waits
        self.sync()

    def sync(self) -> None:
        """See Engine."""
        if self.policy.on_gpu:
            merge_into(self.policy, self.model)
            return
        parameters, never = dict(self.model.named_parameters()), threading.Event()

        @torch.no_grad()
        def write(pair: tuple[str, Callable[[], torch.Tensor]]) -> None:
            parameters[pair[0]].copy_(pair[1]())

        in_threads(write, to_merge(self.policy), self.workers, never)
        if self.fused is not None:
            in_threads(Product.pack, self.fused.to_pack(), self.workers, never)

    def restart(self) -> None:
        """Makes a new copy for new threads; a hanging thread keeps the old one and its memory."""
        self.__init__(self.policy, self.sampler_dtype)

    def close(self) -> None:
        """See Engine."""
        del self.model, self.fused

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Rollout]:
        """See Engine. A group's prompt is read once."""
        generator = torch.Generator().manual_seed(0 if sampling.seed is None else sampling.seed)
        # One random number per token: samples do not depend on how the rows are split.
        every, first = sampling.of or len(prompts), sampling.first
        noise = torch.rand(sampling.max_tokens, every * sampling.n, generator=generator)
        noise = noise[:, first * sampling.n : (first + len(prompts)) * sampling.n]
        at_once = max(1, min(len(prompts), (sampling.batch_size or len(prompts) * sampling.n) // sampling.n))
        workers = min(self.workers, at_once, useful_threads(at_once * sampling.n, self.weights))
        part = -(-at_once // workers)
        starts = range(0, len(prompts), part)
        parts = [(prompts[i : i + part], noise[:, i * sampling.n : (i + part) * sampling.n]) for i in starts]
        if self.policy.on_gpu:
            return [r for texts, chance in parts for r in self._generate_batch(texts, sampling, chance)]
        self.stopped.clear()
        work = in_threads(lambda part: self._generate_batch(part[0], sampling, part[1]), parts, workers, self.stopped)
        return [rollout for rollouts in work for rollout in rollouts]

    @torch.inference_mode()
    def _generate_batch(self, prompts: Sequence[Prompt], sampling: Sampling, noise: torch.Tensor) -> list[Rollout]:
        """`noise` has a number from 0 to 1 for each token: (max_tokens, len(prompts) * n)."""
        state = self._begin(prompts, sampling)
        logits, noise = state.first_logits, noise.to(state.first_logits.device)
        count = len(prompts) * sampling.n
        ids: list[list[int]] = [[] for _ in range(count)]
        logprobs: list[list[float]] = [[] for _ in range(count)]
        finish = ["length"] * count
        rows = list(range(count))  # rows still being sampled, by their place in the result
        for position in range(sampling.max_tokens):
            if self.stopped.is_set():
                return []
            tokens, token_logprobs = sample(logits, sampling, noise[position, rows])  # (rows,), (rows,)
            for row, token, logprob in zip(rows, tokens.tolist(), token_logprobs.tolist()):
                if finish[row] == "length":
                    ids[row].append(token)
                    logprobs[row].append(logprob)
                    if self._is_finished(ids[row]):
                        finish[row] = "stop"
                    elif sampling.prune and position < sampling.max_tokens - 1 and is_runaway(ids[row]):
                        finish[row] = "repetition"
            alive = [finish[row] == "length" for row in rows]
            if not any(alive) or position == sampling.max_tokens - 1:
                break
            if not all(alive) and (kept := state.compact(alive)) is not None:
                tokens = tokens[kept]
                rows = [rows[i] for i in kept]
            logits = state.step(tokens)
        texts = self.tokenizer.batch_decode(ids, skip_special_tokens=True)
        owners = [p for p in prompts for _ in range(sampling.n)]
        return [
            Rollout(p.text, visible_text(p, text), p.ids, tuple(i), tuple(lp), f)
            for p, text, i, lp, f in zip(owners, texts, ids, logprobs, finish)
        ]

    def _begin(self, prompts: Sequence[Prompt], sampling: Sampling) -> Decoding | CachedDecoding:
        ids = [p.ids for p in prompts]
        if self.fused is not None:
            return Decoding(self.fused, ids, sampling.n, sampling.max_tokens)
        return CachedDecoding(self.model, ids, sampling.n)

    def _is_finished(self, ids: list[int]) -> bool:
        if ids[-1] in self.end_ids:
            return True
        return ids[-1] in self.closing_ids and STOP_TEXT in self.tokenizer.decode(ids[-len(STOP_TEXT) - 1 :])


def is_runaway(ids: Sequence[int]) -> bool:
    """Returns whether --prune ends a completion with these tokens; False unless their number is a multiple of CHECKED.

    >>> is_runaway([1, 2, 3] * 21 + [1]), is_runaway([1, 2, 3] * 21 + [2])
    (True, False)
    """
    if len(ids) < REPEATED or len(ids) % CHECKED:
        return False
    last = ids[-REPEATED:]
    return any(last[size:] == last[:-size] for size in range(1, BLOCK + 1))


def useful_threads(rows: int, weights: int) -> int:
    """Returns the number of threads that speed up sampling `rows` completions from a model of `weights` weights.

    At a call from Python threads wait for one another. With k of them a token takes at least k times one's calls, c, and
    at least one's calls and arithmetic, c + a / k; beyond k (k - 1) = a / c more threads only wait. a grows with
    rows x weights and equals c at EVEN of them.
    """
    return int((1 + math.sqrt(1 + 4 * rows * weights / EVEN)) / 2)


class CachedDecoding:
    """Does what `Decoding` does for a model of any shape, with the model's modules and transformers' cache."""

    def __init__(self, model, prompt_ids: Sequence[Sequence[int]], n: int):
        self.model = model
        longest = max(len(p) for p in prompt_ids)
        input_ids = torch.zeros(len(prompt_ids), longest, dtype=torch.long)  # (G, P), left-padded
        mask = torch.zeros_like(input_ids)
        for row, prompt in enumerate(prompt_ids):
            input_ids[row, longest - len(prompt) :] = torch.tensor(prompt)
            mask[row, longest - len(prompt) :] = 1
        input_ids, mask = input_ids.to(model.device), mask.to(model.device)
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        self.cache = DynamicCache(config=model.config)
        out = model(
            input_ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        self.cache.batch_repeat_interleave(n)
        self.mask = mask.repeat_interleave(n, 0)  # (rows, tokens so far)
        self.positions = positions[:, -1].repeat_interleave(n)  # (rows,): position of the newest token
        self.first_logits = out.logits[:, -1].repeat_interleave(n, 0)  # (rows, vocab)

    def compact(self, alive: Sequence[bool]) -> list[int]:
        """Drops finished rows, so that the long tail is sampled in a small batch. Returns those that remain."""
        kept = [i for i, living in enumerate(alive) if living]
        index = torch.tensor(kept, device=self.mask.device)
        self.cache.batch_select_indices(index)
        self.mask, self.positions = self.mask[index], self.positions[index]
        return kept

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Feeds one token per row. Returns the next token's logits (rows, vocab)."""
        self.mask = torch.cat([self.mask, self.mask.new_ones(len(tokens), 1)], dim=1)
        self.positions = self.positions + 1
        out = self.model(
            tokens[:, None],
            attention_mask=self.mask,
            position_ids=self.positions[:, None],
            past_key_values=self.cache,
            use_cache=True,
        )
        return out.logits[:, -1]


def ids_that_can_close(tokenizer) -> frozenset[int]:
    """Returns the tokens that contain the last character of the stop text; only after these is the text decoded."""
    return frozenset(i for token, i in tokenizer.get_vocab().items() if STOP_TEXT[-1] in token)
