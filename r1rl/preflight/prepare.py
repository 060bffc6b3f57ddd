"""The plan in short for the first screen, and the engine's share of the memory that follows from it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from r1rl.config.flags import Config
from r1rl.engines import choice
from r1rl.models.shape import Shape
from r1rl.models.source import is_here, locate, shape_of
from r1rl.models.tokenizer import encoder
from r1rl.preflight.memory_parts import GIB, Place
from r1rl.preflight.memory_plan import MemoryPlan, place_here, plan_memory
from r1rl.preflight.suggestions import smaller_model, suggest
from r1rl.preflight.time_plan import Card, TimePlan, plan_time
from r1rl.system import machine
from r1rl.system.console import duration
from r1rl.tasks import registry
from r1rl.tasks.prompts import Builder

UNKNOWN_SHAPE_SHARE = 0.5  # --gpu-memory-utilization without a plan: R1RL's default


def place_of_card(config: Config, card: Card) -> Place:
    """Returns the place for a card that is not in this machine, all of it free, after `pip install '.[gpu]'`."""
    engine, why = choice.choose(config, has_gpu=True, all_installed=True)
    why = why.replace("a GPU are here", "a GPU would be there")
    return Place(card.name, card.memory, card.memory, True, engine, why, config.wants_unsloth, here=False)


def prepared(
    config: Config, here: machine.Machine, longest_prompt: int, folder: Path | None = None
) -> tuple[Config, list[str]]:
    """Returns (config with --gpu-memory-utilization from the plan if it was not given, lines for the first screen).

    `longest_prompt`: in tokens. `folder`: of a continued run, whose earlier steps give the time.
    """
    lines = [] if (others := machine.held_by_others(here)) is None else [f"others   {others}"]
    shape = shape_of(config.model_name)
    if shape is None:
        if config.gpu_memory_utilization is None:
            config = dataclasses.replace(config, gpu_memory_utilization=UNKNOWN_SHAPE_SHARE)
        return config, [*lines, f"memory   not planned: the shape of {config.model_name} is not known"]
    place = place_here(config, here)
    memory = plan_memory(config, shape, place, longest_prompt)
    lines += memory_lines(config, shape, memory)
    time = plan_time(config, shape, memory, folder)
    if time is not None:
        lines.append(f"time     {time_words(time, here.price(config.gpu_price))}")
    if config.gpu_price is None and (price := here.describe_price(config.gpu_price)) is not None:
        lines.append(f"price    {price}")
    if memory.utilization is not None:
        config = dataclasses.replace(config, gpu_memory_utilization=memory.utilization)
    return config, lines


def longest_prompt(config: Config) -> int | None:
    """Returns the tokens of the longest prompt by the tokenizer.json in the model's folder; None for a hub model.

    Chat templates need transformers, which is slow to import: for them the plan uses the limit.
    """
    if config.is_chat or not is_here(config.model_name):
        return None
    file = Path(locate(config.model_name)) / "tokenizer.json"
    if not file.is_file():
        return None
    task = registry.load_task(config)
    problems = registry.training_problems(task, config) + list(task.load("test"))
    build = Builder(encoder(file), config)
    lengths = (len(build.prompt(problem).ids) for problem in problems)
    return max((n for n in lengths if n <= config.max_prompt_length), default=None)


def memory_lines(config: Config, shape: Shape, memory: MemoryPlan) -> list[str]:
    """Returns the line with needed and free memory, and with a suggestion if it is too much."""
    sizes = f"{memory.needed / GIB:.1f} GiB by plan, {memory.place.free / GIB:.1f} GiB free"
    if not memory.fits:
        return [f"memory   [red]{sizes}: {suggestion_text(config, shape, memory)}[/red]"]
    if memory.utilization is None:
        return [f"memory   {sizes}"]
    engine = f"--gpu-memory-utilization {memory.utilization}: {memory.sequences} sequences of full length at once"
    return [f"memory   {sizes}; {engine}"]


def suggestion_text(config: Config, shape: Shape, memory: MemoryPlan) -> str:
    """Returns the flags that make the plan fit; if none do, the largest model that would fit."""
    suggestion = suggest(config, shape, memory.place, memory.prompt)
    if suggestion is not None:
        return f"too much, use {suggestion.flags} ({suggestion.meaning}): {suggestion.plan.needed / GIB:.1f} GiB"
    model = smaller_model(config, memory.place)
    return "too much, and no flag helps" + (f"; {model} would fit" if model else "")


def time_words(time: TimePlan, price: float | None) -> str:
    """Returns seconds per step, time and cost of the whole run, and the source of the estimate."""
    cost = "" if price is None else f", ${time.seconds / 3600 * price:.2f} at ${price:.2f} an hour"
    longest = f"{time.longest:.3g} if all completions run to the limit" if time.longest > time.step else ""
    first = f"{time.first_step:.3g} in the first {time.first}, which the teacher samples" if time.first else ""
    others = f" ({'; '.join(filter(None, (longest, first)))})" if longest or first else ""
    return f"about {time.step:.3g} s a step{others}, {duration(time.seconds)} in all{cost} ({time.source})"
