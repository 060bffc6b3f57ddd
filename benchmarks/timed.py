"""Forces the lengths of completions, and stops a trainer after each step. Imports transformers."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import torch
from rows import memory, seconds
from transformers import LogitsProcessor, LogitsProcessorList, TrainerCallback

from r1rl.runs import progress


class Forced:
    """The lengths of the next completions in the order of requests; before the first `set` they are free."""

    def __init__(self):
        self.lengths: Sequence[int] | None = None
        self.seconds = 0.0  # spent in generation
        self.made = 0  # completions whose length was checked
        # Seconds of softmax and draw, and of all sampling, of each of our engine's threads that sampled a part.
        self.draws: list[tuple[float, float]] = []
        self.inside = False  # a wrapped `generate` may call another one

    def set(self, lengths: Sequence[int]) -> None:
        """Sets the lengths of the next completions, in one call of the engine or several."""
        self.lengths, self.seconds, self.made = lengths, 0.0, 0
        self.draws.clear()

    def next(self, count: int) -> Sequence[int]:
        """Returns the lengths of the next `count` completions."""
        lengths = self.lengths[self.made : self.made + count]
        if len(lengths) < count:
            raise RuntimeError(f"{self.made + count} completions were requested, {len(self.lengths)} lengths are set")
        return lengths

    def check(self, counts: Sequence[int]) -> None:
        """Raises RuntimeError if completions do not have the forced lengths."""
        wanted = self.next(len(counts))
        wrong = [(i, c, n) for i, (c, n) in enumerate(zip(counts, wanted)) if c != n]
        if wrong:
            raise RuntimeError(
                f"{len(wrong)} of {len(counts)} completions have a wrong length; (row, length, wanted): {wrong[:5]}"
            )
        self.made += len(counts)

    def check_step(self, logged: dict[str, float]) -> None:
        """Raises RuntimeError if the step made other completions than were set, by count or by the trainer's own log."""
        if self.made != len(self.lengths):
            raise RuntimeError(f"{self.made} completions were made instead of {len(self.lengths)}")
        mean = logged["completions/mean_length"]
        if abs(mean - sum(self.lengths) / len(self.lengths)) > 0.01:
            raise RuntimeError(
                f"the trainer logged a mean length of {mean}, not {sum(self.lengths) / len(self.lengths)}"
            )

    def vllm(self, generate):
        """Returns an `LLM.generate` that makes n completions of these lengths, as n requests of one completion each.

        vLLM can limit the length of a request, but not of each of its n completions. Prefix caching still reads the prompt only
        once. The end token and stop texts are ignored.
        """

        def forced(prompts, sampling_params=None, *args, **kwargs):
            if self.lengths is None or self.inside:
                return generate(prompts, sampling_params, *args, **kwargs)
            many = isinstance(sampling_params, Sequence)
            given = sampling_params if many else [sampling_params] * len(prompts)
            texts, singles, wanted = [], [], iter(self.next(sum(params.n for params in given)))
            for prompt, params in zip(prompts, given):
                for i in range(params.n):
                    single = params.clone()
                    single.n, single.max_tokens, single.ignore_eos, single.stop = 1, next(wanted), True, []
                    single.output_text_buffer_length = 0
                    single.seed = None if params.seed is None else params.seed + i
                    texts.append(prompt)
                    singles.append(single)
            self.inside, start = True, time.perf_counter()
            outputs = generate(texts, singles, *args, **kwargs)
            self.inside, self.seconds = False, self.seconds + time.perf_counter() - start
            self.check([len(o.outputs[0].token_ids) for o in outputs])
            groups, at = [], iter(outputs)
            for params in given:
                group = [next(at) for _ in range(params.n)]
                group[0].outputs = [o.outputs[0] for o in group]
                groups.append(group[0])
            return groups

        return forced

    def transformers(self, generate, end_ids: Sequence[int]):
        """Returns a model's `generate` whose rows end with an end token at these lengths."""
        end = list(end_ids)

        def forced(input_ids, *args, **kwargs):
            lengths = torch.tensor(self.next(len(input_ids)), device=input_ids.device)
            ending = EndAt(lengths, end, input_ids.shape[1])
            start = time.perf_counter()
            out = generate(*args, input_ids=input_ids, logits_processor=LogitsProcessorList([ending]), **kwargs)
            self.seconds += time.perf_counter() - start
            made = torch.isin(out[:, input_ids.shape[1] :], torch.tensor(end, device=out.device))  # (rows, C)
            self.check((made.int().argmax(1) + 1).tolist() if made.any(1).all() else [0] * len(out))
            return out

        return forced


class EndAt(LogitsProcessor):
    """Forbids the end tokens before a row's length and everything else at it."""

    def __init__(self, lengths: torch.Tensor, end_ids: list[int], prompt_length: int):
        self.lengths, self.end_ids, self.prompt_length = lengths, end_ids, prompt_length

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        ends = self.lengths == input_ids.shape[1] - self.prompt_length + 1  # (rows,)
        scores[:, self.end_ids] = -torch.inf
        if bool(ends.any()):
            scores[ends] = -torch.inf
            scores[ends, self.end_ids[0]] = 0.0
        return scores


def forced_engine(policy, forced: Forced):
    """Returns our transformers engine with rows that end at the forced lengths; the time of its draws is in `forced`."""
    from r1rl.engines import transformers as engines_transformers
    from r1rl.engines.transformers import TransformersEngine

    local = threading.local()  # the engine samples parts of a batch in threads
    sample = engines_transformers.sample

    def timed_sample(*arguments):
        start = time.perf_counter()
        drawn = sample(*arguments)
        local.drawing += time.perf_counter() - start
        return drawn

    engines_transformers.sample = timed_sample

    class ForcedEngine(TransformersEngine):
        """Identifies rows by the list that collects their tokens."""

        def generate(self, prompts, sampling):
            if forced.lengths is None:
                return super().generate(prompts, sampling)
            self.n, self.wanted = sampling.n, forced.next(len(prompts) * sampling.n)
            self.place = {id(p): i * sampling.n for i, p in enumerate(prompts)}
            rollouts = super().generate(prompts, sampling)
            forced.check([len(r.completion_ids) for r in rollouts])
            return rollouts

        def _generate_batch(self, prompts, *rest):
            if forced.lengths is not None:
                first = self.place[id(prompts[0])]
                local.next = iter(self.wanted[first : first + len(prompts) * self.n])
                local.targets = {}
            local.drawing, start = 0.0, time.perf_counter()
            rollouts = super()._generate_batch(prompts, *rest)
            forced.draws.append((local.drawing, time.perf_counter() - start))
            return rollouts

        def _is_finished(self, ids):
            if forced.lengths is None:
                return super()._is_finished(ids)
            if len(ids) == 1:
                local.targets[id(ids)] = next(local.next)
            return len(ids) >= local.targets[id(ids)]

    return ForcedEngine(policy)


def timed(base):
    """Returns a trainer class that measures its passes without the preparation of the batch."""

    class Timed(base):
        passes = 0.0
        ended = 0.0

        def training_step(self, *args, **kwargs):
            start, before = seconds(torch.cuda.is_available()), self.preparing
            loss = super().training_step(*args, **kwargs)
            self.ended = seconds(torch.cuda.is_available())
            self.passes += self.ended - start - (self.preparing - before)
            return loss

        preparing = 0.0

        def _prepare_inputs(self, *args, **kwargs):
            start = seconds(torch.cuda.is_available())
            inputs = super()._prepare_inputs(*args, **kwargs)
            self.preparing += seconds(torch.cuda.is_available()) - start
            return inputs

    return Timed


class KeptMeter(progress.Meter):
    """A run's meter that keeps the last step's fields and the tokens since `tokens_seen` was reset."""

    kept: dict[str, Any]
    tokens_seen = 0

    def step_done(self, line: dict[str, Any]) -> dict[str, Any]:
        """See Meter."""
        self.tokens_seen += line["tokens"]
        self.kept = super().step_done(line)
        return self.kept


class Gate(TrainerCallback):
    """Stops a trainer before each step until one is requested, and sends the times of the last one.

    With `updates` above 1 a requested step consists of that many of the trainer's.
    """

    def __init__(self, pipe, trainer, forced: Forced, on_gpu: bool, about, parts, released, actions, updates: int = 1):
        self.pipe, self.trainer, self.forced, self.on_gpu = pipe, trainer, forced, on_gpu
        self.updates, self.left = updates, 0
        self.about, self.parts, self.released, self.actions = about, parts, released, actions
        self.start: float | None = None
        self.optimizer = 0.0
        self.logged: dict[str, float] = {}

    def on_optimizer_step(self, args, state, control, **kwargs) -> None:
        """Measures clipping and optimizer since the last backward pass."""
        self.optimizer += seconds(self.on_gpu) - self.trainer.ended

    def on_log(self, args, state, control, logs=None, **kwargs) -> None:
        """Keeps the trainer's logs about its completions."""
        self.logged |= logs or {}

    def on_step_begin(self, args, state, control, **kwargs) -> None:
        """Ends one step and starts the next."""
        if self.left:
            self.left -= 1
            return
        if self.start is None:
            self.pipe.send(("ready", self.about))
        else:
            self.pipe.send(("done", self.result()))
        while True:
            what, *arguments = self.pipe.recv()
            if what == "step":
                break
            self.pipe.send(("done", self.actions[what](*arguments)))
        self.forced.set(arguments[0])
        self.trainer.passes = self.optimizer = 0.0
        self.left = self.updates - 1
        self.released()
        self.start = seconds(self.on_gpu)

    def result(self) -> dict[str, Any]:
        """Returns the last step's numbers. Raises RuntimeError if its completions did not have the forced lengths."""
        whole = seconds(self.on_gpu) - self.start
        self.forced.check_step(self.logged)
        lengths, draws = self.forced.lengths, self.forced.draws
        drawing = {"drawing": sum(d for d, _ in draws), "sampling": sum(s for _, s in draws)} if draws else {}
        parts = {**self.parts(), "forward/backward": self.trainer.passes, "optimizer": self.optimizer}
        return {
            "seconds": whole,
            "tokens": sum(lengths),
            "completions": len(lengths),
            "parts": parts | {"other": whole - sum(parts.values())},
            **drawing,
            **memory(self.on_gpu),
        }
