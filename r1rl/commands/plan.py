"""`python main.py plan`: what a run would need and cost, before anything is loaded; also for a card that is not here."""

from __future__ import annotations

import argparse
from pathlib import Path

from r1rl.config.data_rules import data_label
from r1rl.config.file import add_recipe, resolve_given
from r1rl.config.flags import TINY_MODELS, Config
from r1rl.config.parser import add_flags
from r1rl.models.shape import FAMILIES, KNOWN, Shape, shape_of
from r1rl.models.tokenizer import encoder
from r1rl.preflight.checks import check_model_name, is_local
from r1rl.preflight.memory_parts import GIB, Place
from r1rl.preflight.memory_plan import MemoryPlan, place_here, plan_memory
from r1rl.preflight.prepare import memory_lines, place_of_card, time_words
from r1rl.preflight.suggestions import suggest
from r1rl.preflight.time_plan import CARDS, DEFAULT_CARD, SPEEDS_OF, Card, card_named, plan_time
from r1rl.system import machine
from r1rl.system.console import console
from r1rl.system.errors import UserError
from r1rl.tasks import registry
from r1rl.tasks.prompts import Builder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The training flags, and the card to plan for."""
    add_recipe(parser)
    names = "|".join(card.name for card in CARDS)
    parser.add_argument("--card", metavar=names, help="plan for this card, which need not be here")
    parser.add_argument(
        "--presets", action="store_true", help="a table: the flags that fit on each card, memory, time, money"
    )
    add_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Prints the plan. Returns 0 also where it does not fit: that is what was asked."""
    given = vars(args)
    card, presets = given.pop("card"), given.pop("presets")
    config, recipe, _ = resolve_given(given)
    shape = known_shape(config)
    if presets:
        console.print(presets_table(config, shape), markup=False)
        return 0
    here = machine.look()
    if card is None and here.gpu is None and not is_local(config.model_name):
        card = DEFAULT_CARD  # this model needs a GPU, and there is none
    place = place_here(config, here) if card is None else place_of_card(config, card_named(card))
    price = here.price(config.gpu_price) if card is None else config.gpu_price or card_named(card).price
    show(config, recipe, shape, place, price, here)
    return 0


def known_shape(config: Config) -> Shape:
    """The model's shape. Raises UserError where it is not known."""
    if config.model_name not in TINY_MODELS:
        check_model_name(config.model_name)
    shape = shape_of(config.model_name)
    if shape is None:
        raise UserError(
            f"--model-name {config.model_name!r}: its shape is not known, so nothing can be planned. There are "
            f"{', '.join(KNOWN)}, models in the hub's cache, and local folders with a config.json of "
            f"{', '.join(sorted(FAMILIES))}."
        )
    return shape


def show(
    config: Config, recipe: str, shape: Shape, place: Place, price: float | None, here: machine.Machine
) -> None:
    """The whole plan on the screen."""
    memory = plan_memory(config, shape, place, longest_prompt(config))
    prompts = config.generation_batch_size // config.num_generations
    console.print(
        f"[bold]plan[/bold]     {recipe}: {config.max_steps} steps of {prompts} prompts x {config.num_generations} "
        f"completions, {config.algorithm}, on {data_label(config)}"
    )
    console.print(
        f"model    {config.model_name}: {shape.weights:,} weights, "
        + (
            f"of LoRA rank {config.lora_rank} {shape.adapter(config.lora_rank):,} are trained"
            if config.lora_rank
            else "all of them are trained"
        )
    )
    if place.here:
        console.print(f"machine  {here.describe()}")
        if others := machine.held_by_others(here):
            console.print(f"others   {others}")
    else:
        console.print(f"machine  {place.name}, {place.total / GIB:.1f} GiB: not here, so all this is a plan")
    console.print(f"engine   {place.engine}: {place.why}")
    for line in part_lines(memory):
        console.print(line, markup=False)
    for line in memory_lines(config, shape, memory):
        console.print(line)
    folder = Path(config.dumps) / config.exp_name if config.exp_name else None
    time = plan_time(config, shape, memory, folder)
    if time is None:
        console.print(f"time     nothing is assumed of {place.name}; a run tells after its first steps")
    else:
        console.print(f"time     {time_words(time, price)}")
        console.print(f"         {time.evaluations} evaluations of about {time.evaluation:.0f} s are in it")
    if price is not None and config.gpu_price is None:
        console.print(f"price    usual for this card in {machine.PRICES_OF}; --gpu-price knows better")
    if config.mode or config.pipeline:
        console.print("note     this is one reinforcement learning; --mode and --pipeline run more than that")


def part_lines(memory: MemoryPlan) -> list[str]:
    """The parts of the memory plan, one a line."""
    return [f"  {p.size / GIB:6.2f} GiB  {p.name:<28}{p.when:<15} {p.how}".rstrip() for p in memory.parts]


def longest_prompt(config: Config) -> int | None:
    """Tokens of the longest prompt, counted with the model folder's tokenizer.json; None for a model of the hub.

    Chat templates need transformers, which is not light: those are planned at the limit.
    """
    file = TINY_MODELS.get(config.model_name, Path(config.model_name)) / "tokenizer.json"
    if config.is_chat or not file.is_file():
        return None
    task = registry.load_task(config)
    problems = registry.training_problems(task, config) + list(task.load("test"))
    build = Builder(encoder(file), config)
    lengths = (len(build.prompt(problem).ids) for problem in problems)
    return max((n for n in lengths if n <= config.max_prompt_length), default=None)


COLUMNS = (
    "card",
    "GiB",
    "flags to add",
    "engine memory",
    "at once",
    "needed, GiB",
    "s a step",
    "hours",
    "US dollars",
)


def presets_table(config: Config, shape: Shape) -> str:
    """For each card the flags that fit there, with memory, time and money, in Markdown."""
    rows = [COLUMNS, tuple("---" for _ in COLUMNS), *(preset(config, shape, card) for card in CARDS)]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([*lines, "", f"Speeds: {SPEEDS_OF}. Prices: usual ones of {machine.PRICES_OF}."])


def preset(config: Config, shape: Shape, card: Card) -> tuple[str, ...]:
    """One row of the table."""
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
