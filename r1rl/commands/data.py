"""`python main.py data check`: the data that a run would train on and evaluate with, and its problems."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Any

from rich.text import Text

from r1rl.config.file import add_recipe, resolve_given
from r1rl.config.flags import Config
from r1rl.config.parser import add_flags
from r1rl.models.tokenizer import tokenizer_at, tokenizer_file
from r1rl.preflight import checks
from r1rl.records import Problem, Prompt, by_task
from r1rl.rewards.grading.numbers import normalise
from r1rl.system.console import console
from r1rl.tasks import registry, task_counts
from r1rl.tasks.custom import MOST_BAD, CustomData, check_share, key_of, named, placeholder_words
from r1rl.tasks.prompts import Builder

SHOWN = 5  # prompts; of a mixture one for each task, if they are more
FOUND = 2  # the exit code if something is wrong, as for other mistakes of the user
LONGEST_SHOWN = 600  # characters of a prompt


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the action and the training flags."""
    parser.add_argument("action", choices=("check",), help="check: show and test the data of these flags")
    add_recipe(parser)
    add_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Prints the data and what is wrong with it. Returns 0, or 2 if something is wrong. Raises UserError."""
    given = vars(args)
    given.pop("action")
    config, _, _ = resolve_given(given)
    checks.check_data_source(config)
    task = registry.load_task(config)
    faults: list[str] = []
    train, test = problems_of(task, config, faults)
    chosen = registry.training_subset(train, config)
    registry.check_sample(chosen, train, config)
    evaluated = registry.evaluation_subset(test, config.eval_count, config.seed, task.even_levels)
    origin = ", split off from the training split by the seed" if getattr(task, "cut", False) else ""
    console.print(f"data     {task.source}", markup=False)
    console.print(f"train    {count_words(chosen, train)}", markup=False)
    console.print(f"eval     {count_words(evaluated, test)}{origin}", markup=False)
    faults += same_questions(getattr(task, "before_cut", train), "train") + same_questions(test, "eval")
    faults += overlap(task, train, test)
    faults += lengths(config, chosen, evaluated)
    for fault in faults:
        console.print("[red]found[/red]    ", end="")
        console.print(fault, markup=False)
    if not faults:
        console.print("verdict  the data is fine")
    return FOUND if faults else 0


def problems_of(task: Any, config: Config, faults: list[str]) -> tuple[list[Problem], list[Problem]]:
    """Returns the problems of both splits; of custom data also if a run would refuse it for too many bad rows."""
    if not isinstance(task, CustomData):
        return task.load("train"), list(task.load("test"))
    parts = task.parts()
    for split, part in parts.items():
        if not part.problems:
            check_share(part, task.source)
        if part.placeholders:
            console.print(f"left out {placeholder_words(part, split)}", markup=False)
        if not part.left_out:
            continue
        much = " (a run refuses that)" if len(part.left_out) > MOST_BAD * part.total else ""
        golds = f", {part.unreadable_golds} because of their answer" if part.unreadable_golds else ""
        faults.append(
            f"{len(part.left_out)} of {part.total} {split} rows are unusable{golds}{much}: {named(part.left_out)}"
        )
    return parts["train"].problems, parts["test"].problems


def count_words(used: Sequence[Problem], all_of_them: Sequence[Problem]) -> str:
    """Returns the number of problems, how many of them are used, and of which tasks."""
    whole = "" if len(used) == len(all_of_them) else f" of {len(all_of_them)}"
    return f"{len(used)}{whole} problems{task_counts(used)}"


def same_questions(problems: Sequence[Problem], split: str) -> list[str]:
    """Duplicate questions: prints them if their answers agree, returns a fault if they differ."""
    golds: dict[str, set[str]] = {}
    counts = Counter(key_of(p.question) for p in problems)
    for p in problems:
        golds.setdefault(key_of(p.question), set()).add(normalise(p.answer) or p.answer)
    again = sum(n - 1 for n in counts.values())
    if again:
        console.print(f"twice    {again} {split} problems repeat the question of another one")
    differing = [p for p in problems if len(golds[key_of(p.question)]) > 1]
    if not differing:
        return []
    names = ", ".join(f"{p.id} ({p.answer[:20]})" for p in differing[:4])
    return [f"{len(differing)} {split} problems repeat a question with a different answer: {names}"]


def overlap(task: Any, train: Sequence[Problem], test: Sequence[Problem]) -> list[str]:
    """Returns a fault if training problems are also in the evaluation; a run on custom data leaves them out."""
    left_out = getattr(task, "overlap", [])
    asked = {key_of(p.question) for p in test}
    both = [p for p in train if key_of(p.question) in asked]
    if left_out:
        names = ", ".join(p.id for p in left_out[:5])
        return [
            f"{len(left_out)} train problems are also in the evaluation, and a run leaves them out of the training: {names}"
        ]
    if both:
        return [f"{len(both)} train problems are also in the evaluation: {', '.join(p.id for p in both[:5])}"]
    console.print("overlap  no train problem is in the evaluation")
    return []


def lengths(config: Config, train: Sequence[Problem], test: Sequence[Problem]) -> list[str]:
    """Prints some prompts and the lengths of all prompts. Returns a fault if some are over the limit."""
    tokenizer = find_tokenizer(config)
    build = Builder(tokenizer or by_characters, config)
    prompts = {"train": [build.prompt(p) for p in train], "eval": [build.prompt(p) for p in test]}
    for prompt in examples(prompts["train"]):
        show(prompt)
    unit = "tokens" if tokenizer else "characters"
    faults = []
    for split, built in prompts.items():
        sizes = sorted(len(p.ids) for p in built)
        console.print(
            f"length   {split} prompts: {median(sizes):.0f} {unit} in the median, the longest {sizes[-1]}"
            + (f"; --max-prompt-length {config.max_prompt_length}" if tokenizer else "")
        )
        over = sum(size > config.max_prompt_length for size in sizes)
        if tokenizer and over:
            faults.append(
                f"{over} of {len(sizes)} {split} prompts are over --max-prompt-length {config.max_prompt_length}, and a "
                f"run leaves them out: the longest has {sizes[-1]} tokens"
            )
    if tokenizer is None:
        console.print(f"         for lengths in tokens, the tokenizer of {config.model_name} must be here")
        return faults
    return faults + solution_lengths(config, tokenizer, train)


def solution_lengths(config: Config, tokenizer: Any, train: Sequence[Problem]) -> list[str]:
    """Prints the lengths of worked solutions. Returns a fault if too many are longer than completions may be."""
    solutions = [p.solution for p in train if p.solution]
    sizes = sorted(len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in solutions)
    if not sizes:
        return []
    limit = config.max_completion_length
    console.print(
        f"length   worked solutions: {median(sizes):.0f} tokens in the median, the longest {sizes[-1]}; "
        f"--max-completion-length {limit}"
    )
    over = sum(size > limit for size in sizes)
    if over <= MOST_BAD * len(sizes):
        return []
    return [f"{over} of {len(sizes)} worked solutions are longer than --max-completion-length {limit}"]


def examples(prompts: Sequence[Prompt]) -> list[Prompt]:
    """Returns the first prompts to show; of a mixture at least one of each task."""
    tasks = by_task(prompts, lambda prompt: prompt.problem)
    each = max(1, SHOWN // len(tasks))
    return [prompt for part in tasks.values() for prompt in part[:each]]


def show(prompt: Prompt) -> None:
    """Prints one prompt as the model reads it, and its answer."""
    text = prompt.text if len(prompt.text) <= LONGEST_SHOWN else f"{prompt.text[:LONGEST_SHOWN]} ..."
    console.rule(Text(f"{prompt.problem.id}, answer {prompt.problem.answer[:60]!r}"), align="left")
    console.print(text, markup=False)
    console.rule()


def by_characters(text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
    """Replaces a tokenizer that is not on this machine: one token per character."""
    return {"input_ids": [ord(c) for c in text]}


def find_tokenizer(config: Config) -> Any:
    """Returns the model's tokenizer, by its tokenizer.json if that is enough; None if it is not on this machine."""
    here = tokenizer_file(config.model_name)
    return None if here is None else tokenizer_at(here, config)
