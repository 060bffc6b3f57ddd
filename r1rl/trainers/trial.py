"""The trial before step 1: a full engine batch and one update at the longest sample, so that no later step is a surprise.

A run that fits today's samples can run out of memory at step 120 with the first long one. So all that a step can need is
needed once before it: the batch is made of the longest prompts and of completions as long as they may become.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch
from transformers import TrainerCallback

from r1rl.engines.base import Sampling
from r1rl.preflight.suggestions import advice
from r1rl.records import Prompt, Rollout, Scored
from r1rl.system import distributed
from r1rl.system.console import console, duration
from r1rl.system.errors import UserError
from r1rl.system.out_of_memory import CannotGoOn, is_out_of_memory
from r1rl.trainers.saving import preserved_random_states

OPTIMIZER_BYTES = {True: 2, False: 8}  # AdamW's two moments of a weight: 8-bit on a GPU, 32-bit on a CPU


class Trial(TrainerCallback):
    """Runs `sample` and `update` once at their largest before step 1 and prints the longest time of a step.

    `update` takes what `sample` returns, and returns how many like it a step has, or None where memory does not suffice;
    both leave the trainer as it was but for gradients, which are dropped here.
    """

    def __init__(
        self, trainer, sample: Callable[[], Sequence[Rollout]] | None, update: Callable[..., int | None]
    ):
        self.trainer, self.sample, self.update = trainer, sample, update

    def on_train_begin(self, args, state, control, **kwargs):
        """Called by transformers when model and optimizer are ready. Raises UserError if memory runs out."""
        trainer, rollouts = self.trainer, []
        trainer.meter.phase("trying the longest sample")
        # The optimizer allocates its moments in step 1; their memory is held here until then.
        trained = [p for p in trainer.model.parameters() if p.requires_grad]
        moments = sum(p.numel() for p in trained) * OPTIMIZER_BYTES[trainer.policy.on_gpu]
        begun = time.perf_counter()
        try:
            held = torch.zeros(moments, dtype=torch.uint8, device=trainer.model.device)
            with trainer.interrupt.interruptible(), preserved_random_states():
                if self.sample is not None:
                    rollouts = self.sample()
                sampled = time.perf_counter()
                trainer.model.train()
                count = self.update(rollouts)
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
        """Returns the error: what did not fit, and which flag to change."""
        config = self.trainer.run
        return (
            f"memory ran out when the longest sample was tried before step 1: {config.generation_batch_size} completions "
            f"of up to {config.max_completion_length} tokens per step. Nothing was trained. {advice(config)}"
        )

    def report(self, sampling: float, updating: float, rollouts: Sequence[Rollout], state) -> None:
        """Prints the line of the first screen."""
        steps, price = state.max_steps - state.global_step, self.trainer.meter.price
        step = sampling + updating
        cost = "" if price is None else f", ${steps * step / 3600 * price:.2f}"
        parts = f"an update at the longest {updating:.3g} s"
        if rollouts:
            longest = max(len(r.prompt_ids) for r in rollouts)
            parts = (
                f"{len(rollouts)} completions {sampling:.3g} s, an update at the longest ({longest} + "
                f"{self.trainer.run.max_completion_length} tokens) {updating:.3g} s"
            )
        console.print(f"trial    {parts}: {steps} steps in about {duration(steps * step)} at most{cost}")


def longest_prompts(prompts: Sequence[Prompt], count: int) -> list[Prompt]:
    """Returns the `count` longest prompts, repeated if there are fewer."""
    ordered = sorted(prompts, key=lambda p: -len(p.ids))
    return [ordered[i % len(ordered)] for i in range(count)]


def full_batch(trainer) -> list[Rollout]:
    """Samples a step's completions from the longest prompts and extends each to --max-completion-length."""
    config, g = trainer.run, trainer.run.num_generations
    chunk = config.generation_chunk and config.generation_chunk * g
    prompts = longest_prompts(trainer.train_prompts, config.generation_batch_size // g)
    length = config.max_completion_length
    sampling = Sampling(g, length, config.temperature, config.top_p, config.seed, chunk)
    return [stretched(r, length) for r in trainer.engine.generate(prompts, sampling)]


def stretched(rollout: Rollout, length: int) -> Rollout:
    """Returns the rollout with its tokens repeated up to this length; without tokens, those of its prompt's end."""
    ids = rollout.completion_ids or rollout.prompt_ids[-1:]
    logprobs = rollout.sampler_logprobs or (0.0,)
    times = -(-length // len(ids))
    return Rollout(
        rollout.prompt,
        rollout.completion,
        rollout.prompt_ids,
        (ids * times)[:length],
        (logprobs * times)[:length],
        "length",
    )


def rewarded(rollouts: Sequence[Rollout], owners: Sequence[Prompt], names: Sequence[str]) -> list[Scored]:
    """Returns the rollouts with reward 1 for every other completion, so that every group has a signal."""
    return [
        Scored(r, p.problem, None, bool(i % 2), dict.fromkeys(names, float(i % 2)), float(i % 2))
        for i, (r, p) in enumerate(zip(rollouts, owners))
    ]
