"""Suggestions for a run that does not fit: the flags to change and their values, each tried in a new plan."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from r1rl.config.flags import Config
from r1rl.config.names import SERVER
from r1rl.models.shape import KNOWN, Shape
from r1rl.models.source import is_merged_from_4bit, shape_of, teacher_of
from r1rl.models.weights import was_in_4bit
from r1rl.preflight.memory_parts import GIB, Place, micro_batch
from r1rl.preflight.memory_plan import MemoryPlan, place_here, plan_memory
from r1rl.system import machine
from r1rl.system.errors import UserError

SPARING = 0.75  # the share of its plan that a run may use after memory ran out although the plan fitted

Change = tuple[str, str, Config]  # flags, their effect, the config with them


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The flags to change so that the plan fits, and the plan with them."""

    flags: str
    meaning: str
    config: Config
    plan: MemoryPlan


def suggest(config: Config, shape: Shape, place: Place, prompt: int | None = None) -> Suggestion | None:
    """Returns the first change that makes the plan fit, in order of least harm; None if none does.

    Each change alone is tried first, with the largest value that fits, and then the changes combined in the same order.
    """

    def attempt(flags: str, meaning: str, changed: Config) -> Suggestion | None:
        plan = plan_memory(changed, shape, place, prompt)
        return Suggestion(flags, meaning, changed, plan) if plan.fits else None

    for kind in CHANGES:
        for change in kind(config, place):
            if suggestion := attempt(*change):
                return suggestion
    combined, flags, meanings = config, [], []
    for kind in CHANGES:
        best = None
        for best in kind(combined, place):
            if suggestion := attempt(" ".join([*flags, best[0]]), ", ".join([*meanings, best[1]]), best[2]):
                return suggestion
        if best is not None:
            flags, meanings, combined = [*flags, best[0]], [*meanings, best[1]], best[2]
    return None


def smaller_model(config: Config, place: Place) -> str | None:
    """Returns the largest model in KNOWN that fits with these flags, for where no flag helps; None if none does."""
    fitting = [n for n, shape in KNOWN.items() if plan_memory(config, shape, place).fits]
    return fitting[-1] if fitting else None


def advice(config: Config) -> str:
    """Returns the flags to change after memory ran out although the plan fits: with them the plan needs SPARING of it."""
    shape, place = shape_of(config.model_name), place_here(config, machine.look())
    if shape is None:
        return "Use a smaller --per-device-train-batch-size with more --gradient-accumulation-steps: the same step."
    memory = plan_memory(config, shape, place)
    tight = dataclasses.replace(place, free=int(SPARING * min(memory.needed, place.free)))
    suggestion = suggest(config, shape, tight)
    if suggestion is None:
        return "By plan no flag saves a quarter of it: use a smaller model."
    return (
        f"Use {suggestion.flags} ({suggestion.meaning}): {suggestion.plan.needed / GIB:.1f} GiB by plan instead of "
        f"{memory.needed / GIB:.1f}."
    )


# ---- the changes


def changed(config: Config, **values: object) -> Config | None:
    """Returns the config with other values; None if they do not go together with the rest."""
    try:
        return dataclasses.replace(config, **values)
    except UserError:
        return None


def engine_memory(config: Config, place: Place) -> Iterator[Change]:
    """Yields other shares for the engine, if the flag was given; without it the plan already divides the memory."""
    if config.gpu_memory_utilization is None or not place.on_gpu or place.engine in ("transformers", SERVER):
        return
    for hundredths in range(95, 4, -1):
        share = hundredths / 100
        new = dataclasses.replace(config, gpu_memory_utilization=share)
        yield f"--gpu-memory-utilization {share}", "the rest is for the trainer", new


def smaller_passes(config: Config, place: Place) -> Iterator[Change]:
    """Yields the same step in smaller passes, which does not change what is learned."""
    if config.has_value_head:
        size = micro_batch(config)
        while size > 1:
            size //= 2
            new = dataclasses.replace(config, update_chunk=size)
            yield f"--update-chunk {size}", "the same step in smaller passes", new
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
    """Yields smaller sampling batches of the transformers engine: the same completions, later."""
    if place.engine != "transformers":
        return
    prompts = config.generation_batch_size // config.num_generations
    evaluated = config.per_device_eval_batch_size
    while prompts > 1 or evaluated > config.num_generations:
        prompts, evaluated = max(1, prompts // 2), max(config.num_generations, evaluated // 2)
        new = dataclasses.replace(config, generation_chunk=prompts, per_device_eval_batch_size=evaluated)
        flags = f"--generation-chunk {prompts} --per-device-eval-batch-size {evaluated}"
        yield flags, "fewer sampled at once", new


def sleeping_cache(config: Config, place: Place) -> Iterator[Change]:
    """Yields the engine's cache freed during the update."""
    new = changed(config, engine_sleep=True)
    if place.engine == "shared" and not config.engine_sleep and new is not None:
        yield "--engine-sleep", "the engine's cache is freed during the update", new


def four_bit(config: Config, place: Place) -> Iterator[Change]:
    """Yields the base weights in 4 bit, on a GPU; on a CPU this saves very little."""
    new = changed(config, load_in_4bit=True)
    whole = config.load_in_4bit or config.begins_merged or is_merged_from_4bit(config.model_name)
    if not whole and place.on_gpu and new is not None:
        yield "--load-in-4bit", "base weights in 4 bit", new


def four_bit_teacher(config: Config, place: Place) -> Iterator[Change]:
    """Yields the teacher's weights in 4 bit, on a GPU."""
    new = changed(config, teacher_in_4bit=True)
    if not config.distills or config.teacher_in_4bit or not place.on_gpu or new is None:
        return
    if config.teacher_model is None or not was_in_4bit(Path(teacher_of(config).place)):
        yield "--teacher-in-4bit", "the teacher's weights in 4 bit", new


def sixteen_bit(config: Config, place: Place) -> Iterator[Change]:
    """Yields the base weights in 16 bit: Unsloth's engine dequantizes nothing and adds the adapter to them while it samples."""
    new = changed(config, load_in_4bit=False)
    if config.load_in_4bit and new is not None:
        yield "--no-load-in-4bit", "base weights in 16 bit, the adapter folded into them", new


def adapter_instead(config: Config, place: Place) -> Iterator[Change]:
    """Yields an adapter instead of all weights."""
    if config.lora_rank == 0:
        new = dataclasses.replace(config, lora_rank=64)
        yield "--lora-rank 64", "an adapter is trained instead of all weights", new


def shorter(config: Config, place: Place) -> Iterator[Change]:
    """Yields shorter completions, down to a quarter; longer ones are cut."""
    step = 32
    size = config.max_completion_length // step * step
    while size - step >= max(step, config.max_completion_length // 4):
        size -= step
        new = dataclasses.replace(config, max_completion_length=size)
        yield f"--max-completion-length {size}", "completions are cut there", new


def smaller_groups(config: Config, place: Place) -> Iterator[Change]:
    """Yields fewer completions for the same number of prompts: noisier advantages."""
    prompts = config.generation_batch_size // config.num_generations
    size = config.num_generations
    while size // 2 >= 2:
        size //= 2
        batch = -(-prompts * size // config.gradient_accumulation_steps)
        new = changed(config, num_generations=size, batch_size=None, per_device_train_batch_size=batch)
        if new is not None:
            yield f"--num-generations {size} --per-device-train-batch-size {batch}", "smaller groups", new


CHANGES = (
    engine_memory,
    smaller_passes,
    fewer_at_once,
    sleeping_cache,
    adapter_instead,
    four_bit,
    four_bit_teacher,
    shorter,
    smaller_groups,
)
