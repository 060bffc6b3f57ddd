"""The stages that sample: many prompts through the engine, and rejection sampling on top.

The completions are dumped chunk by chunk: a run that was killed continues after the last whole chunk.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from r1rl.config.flags import Config
from r1rl.engines.base import Engine, Sampling
from r1rl.pipeline.filtering import counts, filter_completions, write_sft_jsonl
from r1rl.pipeline.stage_configs import SFT_FILE
from r1rl.records import Problem, Prompt, Rollout, Scored
from r1rl.runs.dump import ROLLOUTS, TOKENS, Dump, completion_line, read_lines, write_json
from r1rl.runs.evaluation import score
from r1rl.runs.progress import SECONDS_BETWEEN_LINES
from r1rl.runs.tokens import TokenTexts, token_lines
from r1rl.session import Session
from r1rl.system.console import Waiting, console
from r1rl.system.errors import UserError
from r1rl.system.interrupt import Interrupt, Stopped
from r1rl.tasks import registry
from r1rl.tasks.prompts import Builder

CHUNK = 32  # prompts that are sampled and dumped at once


@dataclass(frozen=True)
class PromptStyle:
    """One style of prompt: the prompts, and the config that grades their completions."""

    name: str
    prompts: list[Prompt]
    config: Config


# (problems, tokenizer) -> the prompts
BuildStyles = Callable[[list[Problem], Any], list[PromptStyle]]


def rejection(config: Config, recipe: str) -> int:
    """Samples, keeps the correct, readable and different completions, writes sft.jsonl. Returns the exit code."""

    def build_styles(problems: list[Problem], tokenizer: Any) -> list[PromptStyle]:
        return [PromptStyle("sampled", Builder(tokenizer, config)(problems, "train"), config)]

    result = sample_with(config, recipe, build_styles)
    if isinstance(result, int):
        return result
    dump, found = result
    candidates = [scored for _, scored in found]
    filtered = filter_completions(candidates, config.kept_per_problem, config.think_tag)
    if not filtered.kept:
        raise UserError(
            f"rejection sampling {filtered.describe()}, so there is nothing to fine-tune on: use more problems with "
            "--max-samples, or more completions with --num-generations."
        )
    write_sft_jsonl(dump.folder / SFT_FILE, filtered.kept)
    summary = {"schema_version": 1, "seconds": seconds_so_far(dump), **counts(candidates, filtered)}
    write_json(dump.folder / "summary.json", summary)
    console.print(f"\nfiltered {filtered.describe()}")
    console.print(f"data     {dump.folder / SFT_FILE}: {len(filtered.kept)} conversations")
    return 0


def sample_with(config: Config, recipe: str, build_styles: BuildStyles) -> tuple[Dump, list[tuple[str, Scored]]] | int:
    """Samples --num-generations completions for each prompt of each style.

    Returns the run's dump and (name of the style, completion) in order; after a signal the exit code.
    """
    session = Session(config)
    task = registry.load_task(config)
    problems = registry.training_subset(task.load("train"), config)
    dump = session.open_run(config, recipe)
    console.print(
        f"[bold]r1rl {config.exp_name}[/bold]: {config.num_generations} completions of {len(problems)} problems on "
        f"{session.here.describe()}"
    )
    with Interrupt(config.grace_seconds) as stop, Waiting("loading the libraries") as status:
        styles = build_styles(problems, session.load_tokenizer())
        prompts = [prompt for style in styles for prompt in style.prompts]
        session.start(prompts, status)
        session.prove(prompts, status)
        status.stop()
        stop.deferred = True
        try:
            texts = TokenTexts.of(config, session.policy.tokenizer)
            sample_chunks(session.config, styles, session.engine, dump, stop, texts)
        except Stopped as stopped:
            console.print(f"stopped  chunks are saved in {dump.folder}; continue with the same flags and --resume")
            return stopped.exit_code
        session.engine.close()
    return dump, sampled(styles, dump)


def chunks(styles: Sequence[PromptStyle]) -> list[tuple[PromptStyle, list[Prompt]]]:
    """Returns the prompts in the order in which they are sampled."""
    return [(s, s.prompts[i : i + CHUNK]) for s in styles for i in range(0, len(s.prompts), CHUNK)]


def sample_chunks(
    config: Config, styles: Sequence[PromptStyle], engine: Engine, dump: Dump, stop: Interrupt, texts: TokenTexts | None
) -> None:
    """Samples what is not in the dump yet; each chunk is written at once, as one step. Raises Stopped."""
    newest = max((line["step"] for line in read_lines(dump.folder / ROLLOUTS)), default=0)
    last = [line for line in read_lines(dump.folder / ROLLOUTS) if line["step"] == newest]
    all_chunks, g = chunks(styles), config.num_generations
    if newest and len(last) < len(all_chunks[newest - 1][1]) * g:  # incomplete after a kill
        newest -= 1
    dump.cut_after(newest)
    before = seconds_so_far(dump)
    started = printed = time.perf_counter()
    for step, (style, prompts) in enumerate(all_chunks[newest:], start=newest + 1):
        sampling = Sampling(
            n=g,
            max_tokens=config.max_completion_length,
            temperature=config.temperature,
            top_p=config.top_p,
            seed=config.seed + 1_000_003 * step,
            batch_size=config.generation_chunk and config.generation_chunk * g,
        )
        owners = [p for p in prompts for _ in range(g)]
        with stop.interruptible():
            rollouts = engine.generate(prompts, sampling)
            graded = [score(r, p, {}, style.config) for r, p in zip(rollouts, owners)]
        seconds = before + time.perf_counter() - started
        lines = [
            completion_line(step, "train", *divmod(i, g), owners[i], scored, None, seconds)
            for i, scored in enumerate(graded)
        ]
        dump.append(ROLLOUTS, lines)
        dump.add_tokens(TOKENS, token_lines(texts, lines, owners, rollouts))
        if time.perf_counter() - printed > SECONDS_BETWEEN_LINES:
            printed = time.perf_counter()
            right = f"{sum(s.correct for s in graded)} of {len(graded)} correct"
            console.print(f"chunk {step} of {len(all_chunks)} ({style.name}): {right}")


def seconds_so_far(dump: Dump) -> float:
    """Returns the seconds of sampling up to the newest completion."""
    return max((line["seconds"] for line in read_lines(dump.folder / ROLLOUTS)), default=0.0)


def sampled(styles: Sequence[PromptStyle], dump: Dump) -> list[tuple[str, Scored]]:
    """Returns (name of the style, completion) for all of the dump: the same with and without a resume."""
    owners = dict(enumerate(chunks(styles), start=1))
    found = []
    for line in read_lines(dump.folder / ROLLOUTS):
        style, prompts = owners[line["step"]]
        prompt = prompts[line["group"]]
        found.append((style.name, regraded(prompt, line["completion"], line["finish"], style.config)))
    return found


def regraded(prompt: Prompt, completion: str, finish: str, config: Config) -> Scored:
    """Returns a completion from a dump, or a rewritten one, with its grade."""
    rollout = Rollout(prompt.text, completion, prompt.ids, (), (), finish)
    return score(rollout, prompt, {}, config)


def tagged(config: Config) -> Config:
    """Returns the config that grades the answer in the answer tag."""
    return dataclasses.replace(config, answer_format="tag")
