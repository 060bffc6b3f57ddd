"""`python main.py plan`: memory, time and cost of a run, without loading a model; also for a GPU that is not here."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from r1rl.config.data_rules import data_label
from r1rl.config.file import add_recipe, resolve_given
from r1rl.config.flags import SMOLLM2, TINY_MODELS, Config, with_steps
from r1rl.config.names import BEGIN_MERGED
from r1rl.config.parser import add_flags
from r1rl.models.shape import FAMILIES, KNOWN, Shape
from r1rl.models.source import is_here, is_local, shape_of
from r1rl.preflight.checks import check_4bit, check_model_name, needed_data
from r1rl.preflight.faster import faster
from r1rl.preflight.memory_parts import GIB, Place
from r1rl.preflight.memory_plan import place_here, plan_memory
from r1rl.preflight.prepare import longest_prompt, memory_lines, place_of_card, time_words
from r1rl.preflight.suggestions import suggest
from r1rl.preflight.time_plan import CARDS, DEFAULT_CARD, SPEEDS_OF, Card, card_named, plan_time
from r1rl.system import machine
from r1rl.system.console import console
from r1rl.system.errors import UserError
from r1rl.tasks import registry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the training flags, and the card to plan for."""
    add_recipe(parser)
    names = "|".join(card.name for card in CARDS)
    parser.add_argument("--card", metavar=names, help="plan for this card, which may be in another machine")
    parser.add_argument(
        "--presets", action="store_true", help="print a table: the flags that fit on each card, memory, time, cost"
    )
    add_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Prints the plan. Returns 0, also if the run does not fit."""
    given = vars(args)
    card, presets = given.pop("card"), given.pop("presets")
    config, recipe, _ = resolve_given(given)
    config, unknown = counted(after_merging(config))
    shape = known_shape(config)
    if presets:
        console.print(presets_table(config, shape), markup=False)
        return 0
    here = machine.look()
    if card is None and here.gpu is None and is_here(config.model_name) and not is_local(config.model_name):
        card = DEFAULT_CARD  # this model needs a GPU, and this machine has none
    place = place_here(config, here) if card is None else place_of_card(config, card_named(card))
    price = here.price(config.gpu_price) if card is None else config.gpu_price or card_named(card).price
    show(config, recipe, shape, place, price, here)
    if unknown:
        console.print(unknown, markup=False)
    return 0


def after_merging(config: Config) -> Config:
    """Returns the config of the reinforcement learning that begins with a merged model, which is not loaded in 4 bit."""
    if config.pipeline and config.stage is None:
        config = dataclasses.replace(config, stage=BEGIN_MERGED[-1])
    elif config.mode == "both":
        config = dataclasses.replace(config, mode="rl")
    return dataclasses.replace(config, load_in_4bit=False) if config.begins_merged else config


def counted(config: Config) -> tuple[Config, str]:
    """Returns (the config with the steps of --num-epochs, a line if its data are not on this machine to be counted)."""
    if config.num_epochs is None or config.pipeline:
        return config, ""
    if needed := needed_data(config):
        epochs = f"the steps of --num-epochs {config.num_epochs} cannot be counted without {'; '.join(needed)}"
        return config, f"note     {config.max_steps} steps are planned: {epochs}"
    return with_steps(config, len(registry.training_problems(registry.load_task(config), config))), ""


def known_shape(config: Config) -> Shape:
    """Returns the model's shape. Raises UserError if it is not known."""
    if config.model_name not in (*TINY_MODELS, SMOLLM2):
        check_model_name(config.model_name)
    check_4bit(config)
    shape = shape_of(config.model_name)
    if shape is None:
        raise UserError(
            f"--model-name {config.model_name!r}: its shape is not known, so nothing can be planned. The known ones are "
            f"{', '.join(KNOWN)}, models in the hub's cache, and local folders with a config.json of "
            f"{', '.join(sorted(FAMILIES))}."
        )
    return shape


def show(config: Config, recipe: str, shape: Shape, place: Place, price: float | None, here: machine.Machine) -> None:
    """Prints the whole plan."""
    memory = plan_memory(config, shape, place, longest_prompt(config))
    prompts = config.generation_batch_size // config.num_generations
    learning = f"{config.learn_from} of them learned from, " if config.learn_from else ""
    console.print(
        f"[bold]plan[/bold]     {recipe}: {config.max_steps} steps of {prompts} prompt{'s' * (prompts > 1)} x {config.num_generations} "
        f"completions, {learning}{config.algorithm}, on {data_label(config)}"
    )
    console.print(
        f"model    {config.model_name}: {shape.weights:,} weights, "
        + (
            f"LoRA of rank {config.lora_rank} trains {shape.adapter(config.lora_rank):,} more"
            if config.lora_rank
            else "all are trained"
        )
    )
    if place.here:
        console.print(f"machine  {here.describe()}")
        if others := machine.held_by_others(here):
            console.print(f"others   {others}")
    else:
        console.print(
            f"machine  {place.name}, {place.total / GIB:.1f} GiB: not in this machine, so these are estimates"
        )
    console.print(f"engine   {place.engine}: {place.why}")
    for p in memory.parts:
        part = f"  {p.size / GIB:6.2f} GiB  {p.name:<28}{p.when:<15} {p.how}"
        console.print(part.rstrip(), markup=False)
    for line in memory_lines(config, shape, memory):
        console.print(line)
    folder = Path(config.dumps) / config.exp_name if config.exp_name else None
    time = plan_time(config, shape, memory, folder)
    if time is None:
        console.print(f"time     unknown for {place.name}; a run prints it after its first steps")
    else:
        console.print(f"time     {time_words(time, price)}")
        console.print(f"         including {time.evaluations} evaluations of about {time.evaluation:.0f} s")
    for step, change in faster(config, shape, place, memory.prompt) if memory.fits else ():
        words = f"{change.flags}: about {step:.3g} s a step by plan and {change.plan.needed / GIB:.1f} GiB ({change.meaning})"
        console.print(f"faster   {words}", markup=False)
    if price is not None and config.gpu_price is None:
        console.print(f"price    usual for this card in {machine.PRICES_OF}; set yours with --gpu-price")
    if config.mode or config.pipeline:
        console.print("note     this is the reinforcement learning alone; --mode and --pipeline run more")


COLUMNS = ("card", "GiB", "flags to add", "engine memory", "at once", "needed, GiB", "s a step", "hours", "US dollars")


def presets_table(config: Config, shape: Shape) -> str:
    """Returns the flags that fit on each card, with memory, time and cost, in Markdown."""
    rows = [COLUMNS, tuple("---" for _ in COLUMNS), *(preset(config, shape, card) for card in CARDS)]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([*lines, "", f"Speeds: {SPEEDS_OF}. Prices: usual ones of {machine.PRICES_OF}."])


def preset(config: Config, shape: Shape, card: Card) -> tuple[str, ...]:
    """Returns one row of the table."""
    place = place_of_card(config, card)
    memory, flags = plan_memory(config, shape, place), "none"
    if not memory.fits:
        found = suggest(config, shape, place)
        if found is None:
            return card.name, f"{card.memory / GIB:.1f}", "does not fit", *("" for _ in COLUMNS[3:])
        config, memory, flags = found.config, found.plan, f"`{found.flags}`"
    time = plan_time(config, shape, memory, None)
    price = config.gpu_price or card.price
    return (
        card.name,
        f"{card.memory / GIB:.1f}",
        flags,
        "" if memory.utilization is None else f"{memory.utilization:.2f}",
        f"{memory.sequences}",
        f"{memory.needed / GIB:.1f}",
        f"{time.step:.0f}" if time.step >= 10 else f"{time.step:.1f}",
        f"{time.seconds / 3600:.1f}",
        f"{time.seconds / 3600 * price:.2f}",
    )
