"""Which flag to change to what where a run does not fit: each change is planned again before it is told."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from r1rl.config.flags import Config
from r1rl.config.names import SERVER
from r1rl.models.shape import KNOWN, Shape, shape_of
from r1rl.preflight.memory_parts import GIB, Place, micro_batch
from r1rl.preflight.memory_plan import MemoryPlan, place_here, plan_memory
from r1rl.system import machine
from r1rl.system.errors import UserError

Change = tuple[str, str, Config]  # flags, what they mean, the config with them


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The flags to change so that the plan fits, and the plan with them."""

    flags: str
    meaning: str
    config: Config
    plan: MemoryPlan


def remedy(config: Config, shape: Shape, place: Place, prompt: int | None = None) -> Suggestion | None:
    """The first change that makes the plan fit, in order of least harm; None if none does.

    Each change alone comes first, with the largest value that fits; then the changes heaped up in the same order.
    """

    def tried(flags: str, meaning: str, changed: Config) -> Suggestion | None:
        plan = plan_memory(changed, shape, place, prompt)
        return Suggestion(flags, meaning, changed, plan) if plan.fits else None

    for kind in CHANGES:
        for flags, meaning, changed in kind(config, place):
            if found := tried(flags, meaning, changed):
                return found
    heap, said, meanings = config, [], []
    for kind in CHANGES:
        best = None
        for best in kind(heap, place):
            if found := tried(" ".join([*said, best[0]]), ", ".join([*meanings, best[1]]), best[2]):
                return found
        if best is not None:
            said, meanings, heap = [*said, best[0]], [*meanings, best[1]], best[2]
    return None


def changed(config: Config, **values: object) -> Config | None:
    """The config with other values; None where they do not go together with the rest."""
    try:
        return dataclasses.replace(config, **values)
    except UserError:
        return None


def engine_memory(config: Config, place: Place) -> Iterator[Change]:
    """More or less for the engine, where the flag was given; without it the plan has already shared out what is there."""
    if config.gpu_memory_utilization is None or not place.on_gpu or place.engine in ("transformers", SERVER):
        return
    for hundredths in range(95, 4, -1):
        share = hundredths / 100
        new = dataclasses.replace(config, gpu_memory_utilization=share)
        yield f"--gpu-memory-utilization {share}", "the rest is the trainer's", new


def smaller_passes(config: Config, place: Place) -> Iterator[Change]:
    """The same step in smaller passes: nothing that is learned changes."""
    if config.algorithm != "grpo":
        size = micro_batch(config)
        while size > 1:
            size //= 2
            yield (
                f"--update-chunk {size}",
                "the same step in smaller passes",
                dataclasses.replace(config, update_chunk=size),
            )
        return
    whole = config.generation_batch_size
    for size in range(config.per_device_train_batch_size - 1, 0, -1):
        if whole % size == 0:
            new = changed(config, batch_size=None, per_device_train_batch_size=size,
                          gradient_accumulation_steps=whole // size)  # fmt: skip
            if new is not None:
                flags = f"--per-device-train-batch-size {size} --gradient-accumulation-steps {whole // size}"
                yield flags, "the same step in smaller passes", new


def fewer_at_once(config: Config, place: Place) -> Iterator[Change]:
    """The transformers engine samples and evaluates in smaller batches: the same completions, later."""
    if place.engine != "transformers":
        return
    prompts, evaluated = (
        config.generation_batch_size // config.num_generations,
        config.per_device_eval_batch_size,
    )
    while prompts > 1 or evaluated > config.num_generations:
        prompts, evaluated = max(1, prompts // 2), max(config.num_generations, evaluated // 2)
        yield (f"--generation-chunk {prompts} --per-device-eval-batch-size {evaluated}", "fewer sampled at once",
               dataclasses.replace(config, generation_chunk=prompts, per_device_eval_batch_size=evaluated))  # fmt: skip


def four_bit(config: Config, place: Place) -> Iterator[Change]:
    """The base weights in 4 bit; on a CPU that saves next to nothing."""
    new = changed(config, load_in_4bit=True)
    if not config.load_in_4bit and place.on_gpu and new is not None:
        yield "--load-in-4bit", "base weights in 4 bit", new


def adapter_instead(config: Config, place: Place) -> Iterator[Change]:
    """An adapter instead of all weights."""
    if config.lora_rank == 0:
        new = dataclasses.replace(config, lora_rank=64)
        yield "--lora-rank 64", "an adapter is trained instead of all weights", new


def shorter(config: Config, place: Place) -> Iterator[Change]:
    """Shorter completions, down to a quarter: what is longer is cut."""
    step = 32
    size = config.max_completion_length // step * step
    while size - step >= max(step, config.max_completion_length // 4):
        size -= step
        new = dataclasses.replace(config, max_completion_length=size)
        yield f"--max-completion-length {size}", "completions are cut there", new


def smaller_groups(config: Config, place: Place) -> Iterator[Change]:
    """Fewer completions of as many prompts: noisier advantages."""
    prompts = config.generation_batch_size // config.num_generations
    size = config.num_generations
    while size // 2 >= 2:
        size //= 2
        batch = -(-prompts * size // config.gradient_accumulation_steps)
        new = changed(config, num_generations=size, batch_size=None, per_device_train_batch_size=batch)
        if new is not None:
            yield f"--num-generations {size} --per-device-train-batch-size {batch}", "smaller groups", new


CHANGES = (engine_memory, smaller_passes, fewer_at_once, adapter_instead, four_bit, shorter, smaller_groups)


def smaller_model(config: Config, place: Place) -> str | None:
    """The largest model in KNOWN that fits with these flags, for where no flag helps."""
    fitting = [n for n, shape in KNOWN.items() if plan_memory(config, shape, place).fits]
    return fitting[-1] if fitting else None


def advice(config: Config) -> str:
    """The flags to change where memory ran out though the plan fits: what needs three quarters of it by plan."""
    shape, place = shape_of(config.model_name), place_here(config, machine.look())
    memory = None if shape is None else plan_memory(config, shape, place)
    if memory is None:
        return "Use a smaller --per-device-train-batch-size with more --gradient-accumulation-steps: the same step."
    tight = dataclasses.replace(place, free=int(SPARING * min(memory.needed, place.free)))
    found = remedy(config, shape, tight)
    if found is None:
        return "By plan no flag saves a quarter of it: use a smaller model."
    return f"Use {found.flags} ({found.meaning}): {found.plan.needed / GIB:.1f} GiB by plan instead of {memory.needed / GIB:.1f}."


SPARING = 0.75  # of what a plan needs that did not fit
