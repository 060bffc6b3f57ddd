"""transformers as the engine, where vLLM is not installed: a batched sampling loop over a merged copy."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import DynamicCache

from r1rl.engines import Sampling, visible_text
from r1rl.models import Policy, merge_into
from r1rl.prompts import STOP_TEXT, Prompt
from r1rl.records import Rollout


class TransformersEngine:
    """Samples from a copy of the base model with the adapter merged in: no LoRA arithmetic for each token."""

    name = "transformers"

    def __init__(self, policy: Policy):
        self.policy = policy
        self.tokenizer = policy.tokenizer
        self.model = policy.sampling_copy().eval()
        self.end_ids = policy.end_ids
        self.closing_ids = ids_that_can_close(self.tokenizer)
        self.sync()

    def sync(self) -> None:
        """See Engine."""
        merge_into(self.policy, self.model)

    def close(self) -> None:
        """See Engine."""
        del self.model

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Rollout]:
        """See Engine. A group's prompt is read once and its cache repeated."""
        generator = torch.Generator(device=self.model.device)
        generator.manual_seed(0 if sampling.seed is None else sampling.seed)
        at_once = max(1, (sampling.batch_size or len(prompts) * sampling.n) // sampling.n)
        rollouts = []
        for start in range(0, len(prompts), at_once):
            rollouts += self._generate_batch(prompts[start : start + at_once], sampling, generator)
        return rollouts

    @torch.inference_mode()
    def _generate_batch(
        self, prompts: Sequence[Prompt], sampling: Sampling, generator: torch.Generator
    ) -> list[Rollout]:
        logits, state = self._read_prompts(prompts, sampling.n)  # logits: (rows, vocab)
        ids: list[list[int]] = [[] for _ in range(len(prompts) * sampling.n)]
        logprobs: list[list[float]] = [[] for _ in ids]
        finish = ["length"] * len(ids)
        rows = list(range(len(ids)))  # rows still being sampled, by their place in the result
        for position in range(sampling.max_tokens):
            tokens, token_logprobs = sample(logits, sampling, generator)  # (rows,), (rows,)
            for row, token, logprob in zip(rows, tokens.tolist(), token_logprobs.tolist()):
                ids[row].append(token)
                logprobs[row].append(logprob)
                if self._is_finished(ids[row]):
                    finish[row] = "stop"
            alive = [i for i, row in enumerate(rows) if finish[row] == "length"]
            if not alive or position == sampling.max_tokens - 1:
                break
            if len(alive) < len(rows):
                tokens = tokens[alive]
                state.keep(alive)
                rows = [rows[i] for i in alive]
            logits = state.step(self.model, tokens)
        texts = self.tokenizer.batch_decode(ids, skip_special_tokens=True)
        owners = [p for p in prompts for _ in range(sampling.n)]
        return [
            Rollout(p.text, visible_text(p, text), p.ids, tuple(i), tuple(lp), f)
            for p, text, i, lp, f in zip(owners, texts, ids, logprobs, finish)
        ]

    def _read_prompts(self, prompts: Sequence[Prompt], n: int) -> tuple[torch.Tensor, DecodingState]:
        longest = max(len(p.ids) for p in prompts)
        input_ids = torch.zeros(len(prompts), longest, dtype=torch.long)  # (B, P), left-padded
        mask = torch.zeros_like(input_ids)
        for row, prompt in enumerate(prompts):
            input_ids[row, longest - len(prompt.ids) :] = torch.tensor(prompt.ids)
            mask[row, longest - len(prompt.ids) :] = 1
        input_ids, mask = input_ids.to(self.model.device), mask.to(self.model.device)
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        out = self.model(
            input_ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=DynamicCache(config=self.model.config),
            use_cache=True,
            logits_to_keep=1,
        )
        cache = out.past_key_values
        cache.batch_repeat_interleave(n)
        state = DecodingState(cache, mask.repeat_interleave(n, 0), positions[:, -1].repeat_interleave(n))
        return out.logits[:, -1].repeat_interleave(n, 0), state

    def _is_finished(self, ids: list[int]) -> bool:
        if ids[-1] in self.end_ids:
            return True
        return ids[-1] in self.closing_ids and STOP_TEXT in self.tokenizer.decode(ids[-len(STOP_TEXT) - 1 :])


class DecodingState:
    """The cache, mask and positions of the rows that are still being sampled."""

    def __init__(self, cache: DynamicCache, mask: torch.Tensor, positions: torch.Tensor):
        self.cache = cache
        self.mask = mask  # (rows, tokens so far)
        self.positions = positions  # (rows,): position of the newest token

    def keep(self, rows: list[int]) -> None:
        """Drops the finished rows: the long tail is sampled in a small batch."""
        index = torch.tensor(rows, device=self.mask.device)
        self.cache.batch_select_indices(index)
        self.mask, self.positions = self.mask[index], self.positions[index]

    def step(self, model, tokens: torch.Tensor) -> torch.Tensor:
        """Feeds one token a row. Returns the next token's logits (rows, vocab)."""
        self.mask = torch.cat([self.mask, self.mask.new_ones(len(tokens), 1)], dim=1)
        self.positions = self.positions + 1
        out = model(
            tokens[:, None],
            attention_mask=self.mask,
            position_ids=self.positions[:, None],
            past_key_values=self.cache,
            use_cache=True,
        )
        return out.logits[:, -1]


def sample(
    logits: torch.Tensor, sampling: Sampling, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """(tokens, logprobs), each (rows,); the logprobs are those after temperature and top-p, as vLLM's are."""
    if sampling.temperature == 0:
        logprobs = logits.float().log_softmax(-1)
        tokens = logprobs.argmax(-1)
    else:
        logprobs = (logits.float() / sampling.temperature).log_softmax(-1)
        if sampling.top_p < 1:
            logprobs = nucleus(logprobs, sampling.top_p)
        tokens = torch.multinomial(logprobs.exp(), 1, generator=generator)[:, 0]
    return tokens, logprobs.gather(1, tokens[:, None])[:, 0]


def nucleus(logprobs: torch.Tensor, top_p: float) -> torch.Tensor:
    """Keeps the fewest most likely tokens whose mass reaches top_p (arXiv:1904.09751 section 3.1), renormalised."""
    ordered, index = logprobs.sort(-1, descending=True)
    outside = (
        ordered.exp().cumsum(-1) - ordered.exp() >= top_p
    )  # the mass before a token already reaches top_p
    ordered = ordered.masked_fill(outside, -torch.inf)
    return torch.empty_like(logprobs).scatter_(-1, index, ordered).log_softmax(-1)


def ids_that_can_close(tokenizer) -> frozenset[int]:
    """Tokens that contain the last character of the stop text: only after one of these need text be looked at."""
    return frozenset(i for token, i in tokenizer.get_vocab().items() if STOP_TEXT[-1] in token)
