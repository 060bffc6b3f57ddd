"""The trial before step 1: a full batch of the engine and one update at the longest sample.

A run that fits today's samples can run out of memory at step 120 with the first long one. So the trial needs what any
step can need: its batch has the longest prompts, and completions of the greatest length. The lengths that the engine
really sampled correct the time plan. They are the student's in a distillation: the teacher that samples the first steps
(--teacher-steps) has no engine yet, so neither its time nor its memory is tried.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from statistics import fmean

import torch
from transformers import TrainerCallback

from r1rl.engines.base import Sampling
from r1rl.preflight.suggestions import advice
from r1rl.records import Prompt, Rollout, Scored
from r1rl.runs.budget import Cost
from r1rl.system import distributed
from r1rl.system.console import console, duration
from r1rl.system.errors import UserError
from r1rl.system.out_of_memory import CannotGoOn, is_out_of_memory
from r1rl.trainers.saving import kept_random_states

OPTIMIZER_BYTES = {True: 2, False: 8}  # AdamW's two moments of a weight: 8-bit on a GPU, 32-bit on a CPU


class Trial(TrainerCallback):
    """Runs `sample` and `update` once at their largest when training begins, and prints how long the run will take.

    `update` takes what `sample` returns, with all completions at their greatest length, and returns how many such updates a step has, or None if memory runs out. Both
    leave the trainer as it was except for gradients, which are removed here.
    """

    def __init__(self, trainer, sample: Callable[[], Sequence[Rollout]] | None, update: Callable[..., int | None]):
        self.trainer, self.sample, self.update = trainer, sample, update

    def on_train_begin(self, args, state, control, **kwargs):
        """Called by transformers when model and optimizer are ready. Raises UserError if memory runs out."""
        trainer, rollouts = self.trainer, []
        trainer.meter.phase("trying the longest sample")
        # The optimizer creates its moments in step 1; their memory is held here meanwhile.
        trained = [p for p in trainer.model.parameters() if p.requires_grad]
        moments = sum(p.numel() for p in trained) * OPTIMIZER_BYTES[trainer.policy.on_gpu]
        begun = time.perf_counter()
        try:
            held = torch.zeros(moments, dtype=torch.uint8, device=trainer.model.device)
            with trainer.interrupt.interruptible(), kept_random_states():
                if self.sample is not None:
                    rollouts = self.sample()
                sampled = time.perf_counter()
                trainer.model.train()
                count = self.update([stretched(r, trainer.run.max_completion_length) for r in rollouts])
            if trainer.policy.on_gpu:
                torch.cuda.synchronize()
        except UserError:  # the server is gone
            raise
        except CannotGoOn:
            count = None
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            count = None
        finally:
            trainer.model.zero_grad(set_to_none=True)
        if None in distributed.all_gather(count):  # one of the processes failed
            raise UserError(self.too_large())
        del held
        self.report(sampled - begun, (time.perf_counter() - sampled) * count, rollouts, state)
        return control

    def too_large(self) -> str:
        """Returns the error message: what did not fit, and which flag to change."""
        config = self.trainer.run
        return (
            f"memory ran out when the longest sample was tried before step 1: {config.generation_batch_size} completions "
            f"of up to {config.max_completion_length} tokens per step. Nothing was trained. {advice(config)}"
        )

    def report(self, sampling: float, updating: float, rollouts: Sequence[Rollout], state) -> None:
        """Prints the line on the first screen, and corrects the budget; both times in seconds per step."""
        steps, price = state.max_steps - state.global_step, self.trainer.meter.price
        parts = f"an update at the longest {updating:.3g} s"
        expected, most = 0.0, updating
        if rollouts:
            limit, longest = self.trainer.run.max_completion_length, max(len(r.prompt_ids) for r in rollouts)
            mean = max(1.0, fmean(len(r.completion_ids) for r in rollouts))
            prompt = fmean(len(p.ids) for p in self.trainer.train_prompts)
            share = sampling / self.trainer.run.num_iterations  # of one step
            expected = share + updating * (prompt + mean) / (longest + limit)
            most = share * limit / mean + updating
            parts = (
                f"{len(rollouts)} completions of {mean:.0f} tokens {sampling:.3g} s, an update at the longest ({longest} + "
                f"{limit} tokens) {updating:.3g} s, so about {expected:.3g} s a step"
            )
            self.trainer.meter.budget.expect(Cost(expected, len(rollouts) * mean))
        words = [f"{duration(steps * s)}{in_dollars(steps * s, price)}" for s in (expected, most) if s]
        console.print(f"trial    {parts}: {steps} steps in about {', '.join(words)} at most")
        meter = self.trainer.meter
        if rollouts and (warning := meter.budget.warning(meter.spent(), state.global_step)):
            console.print(f"trial    {warning}")


def in_dollars(seconds: float, price: float | None) -> str:
    """Returns the cost in brackets; nothing without a price."""
    return "" if price is None else f" (${seconds / 3600 * price:.2f})"


def longest_prompts(prompts: Sequence[Prompt], count: int) -> list[Prompt]:
    """Returns the `count` longest prompts, repeated if there are fewer."""
    ordered = sorted(prompts, key=lambda p: -len(p.ids))
    return [ordered[i % len(ordered)] for i in range(count)]


def full_batch(trainer) -> list[Rollout]:
    """Samples as many completions as a step does, of the longest prompts."""
    config, g = trainer.run, trainer.run.num_generations
    chunk = config.generation_chunk and config.generation_chunk * g
    prompts = longest_prompts(trainer.train_prompts, config.generation_batch_size // g)
    sampling = Sampling(g, config.max_completion_length, config.temperature, config.top_p, config.seed, chunk)
    return trainer.engine.generate(prompts, sampling)


def stretched(rollout: Rollout, length: int) -> Rollout:
    """Returns the rollout with its tokens repeated up to this length; without tokens, the prompt's last one."""
    ids = rollout.completion_ids or rollout.prompt_ids[-1:]
    logprobs = rollout.sampler_logprobs or (0.0,)
    times = -(-length // len(ids))
    return dataclasses.replace(
        rollout, completion_ids=(ids * times)[:length], sampler_logprobs=(logprobs * times)[:length], finish="length"
    )


def made_up_rewards(rollouts: Sequence[Rollout], prompts: Sequence[Prompt], names: Sequence[str]) -> list[Scored]:
    """Returns reward 1 for every other completion: each group has a signal."""
    return [
        Scored(r, p.problem, None, bool(i % 2), dict.fromkeys(names, float(i % 2)), float(i % 2))
        for i, (r, p) in enumerate(zip(rollouts, prompts))
    ]
