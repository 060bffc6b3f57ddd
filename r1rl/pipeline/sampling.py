"""A run that only samples: many prompts through the engine, dumped chunk by chunk, so that a killed one goes on there."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from r1rl.config.flags import Config
from r1rl.engines import base, choice
from r1rl.preflight import checks, prepare
from r1rl.records import Problem, Prompt, Rollout, Scored
from r1rl.runs import folder
from r1rl.runs.dump import ROLLOUTS, Dump, completion_line, read_lines
from r1rl.runs.evaluation import score
from r1rl.runs.progress import SECONDS_BETWEEN_LINES
from r1rl.system import interrupt, machine
from r1rl.system.console import Waiting, console, divert
from r1rl.tasks import registry

CHUNK = 32  # prompts sampled, and written down, at once


@dataclass(frozen=True)
class Way:
    """One way to ask: what the completions are sampled from, and how they are graded."""

    name: str
    prompts: list[Prompt]
    config: Config


def sample_with(
    config: Config, recipe: str, build_ways: Callable[[list[Problem], object], list[Way]]
) -> tuple[Dump, list[tuple[str, Scored]]] | int:
    """Samples --num-generations completions for each prompt of each way. After Ctrl-C the exit code.

    `build_ways(problems, tokenizer)` makes the prompts. Returns the run's dump and (way, completion) in order.
    """
    here = machine.look()
    checks.check_surroundings(config, here)
    engine_kind, why = choice.choose(config, here.gpu is not None)
    task = registry.load_task(config)
    problems = registry.training_subset(task.load("train"), config)
    folder.check_folder(config)
    dump = folder.open_run(config, recipe, here.to_dict())
    console.print(
        f"[bold]r1rl {config.exp_name}[/bold]: {config.num_generations} completions of {len(problems)} problems on "
        f"{here.describe()}"
    )
    divert(dump.folder / "logs" / "libraries.log")
    machine.keep_memory()
    with interrupt.Interrupt(config.grace_seconds) as stop, Waiting("loading the libraries") as status:
        from r1rl.models import policy as models_policy

        models_policy.import_backend(config)
        tokenizer = models_policy.load_tokenizer(config)
        checks.check_tokenizer(config, tokenizer)
        ways = build_ways(problems, tokenizer)
        longest = max((len(p.ids) for way in ways for p in way.prompts), default=config.max_prompt_length)
        config, _ = prepare.prepared(config, here, longest)
        status.update(f"loading {config.model_name}")
        policy = models_policy.load_policy(config, here.gpu is not None, engine_kind == "shared")
        engine = choice.start_engine(engine_kind, config, policy, dump.folder)
        engine.sync()
        console.print(f"model    {config.model_name}, {policy.backend}; engine {engine.name}: {why}")
        status.stop()
        stop.deferred = True
        try:
            sample_chunks(config, ways, engine, dump, stop)
        except interrupt.Stopped as stopped:
            console.print(
                f"stopped  whole chunks are saved in {dump.folder}; go on with the same flags and --resume"
            )
            return stopped.exit_code
        engine.close()
    return dump, sampled(ways, dump)


def chunks(ways: Sequence[Way]) -> list[tuple[Way, list[Prompt]]]:
    """The prompts in the order they are sampled in."""
    return [(way, way.prompts[i : i + CHUNK]) for way in ways for i in range(0, len(way.prompts), CHUNK)]


def sample_chunks(
    config: Config, ways: Sequence[Way], engine: base.Engine, dump: Dump, stop: interrupt.Interrupt
) -> None:
    """Samples what is not yet in the dump; a chunk is written in one piece, as a step of its own. Raises Stopped."""
    newest = max((line["step"] for line in read_lines(dump.folder / ROLLOUTS)), default=0)
    last = [line for line in read_lines(dump.folder / ROLLOUTS) if line["step"] == newest]
    all_chunks, g = chunks(ways), config.num_generations
    if newest and len(last) < len(all_chunks[newest - 1][1]) * g:  # cut short by a kill
        newest -= 1
    dump.cut_after(newest)
    before = seconds_so_far(dump)
    started = told = time.perf_counter()
    for step, (way, prompts) in enumerate(all_chunks, start=1):
        if step <= newest:
            continue
        sampling = base.Sampling(
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
            graded = [score(r, p, {}, way.config) for r, p in zip(rollouts, owners)]
        seconds = before + time.perf_counter() - started
        dump.append(
            ROLLOUTS,
            [
                completion_line(step, "train", *divmod(i, g), owners[i], s, None, seconds)
                for i, s in enumerate(graded)
            ],
        )
        if time.perf_counter() - told > SECONDS_BETWEEN_LINES:
            told = time.perf_counter()
            right = sum(s.correct for s in graded)
            console.print(f"chunk {step} of {len(all_chunks)} ({way.name}): {right} of {len(graded)} right")


def seconds_so_far(dump: Dump) -> float:
    """What the sampling has taken up to the newest completion."""
    return max((line["seconds"] for line in read_lines(dump.folder / ROLLOUTS)), default=0.0)


def sampled(ways: Sequence[Way], dump: Dump) -> list[tuple[str, Scored]]:
    """(way, completion) of all that was sampled, read from the dump: the same with and without a resume."""
    owners = dict(enumerate(chunks(ways), start=1))
    found = []
    for line in read_lines(dump.folder / ROLLOUTS):
        way, prompts = owners[line["step"]]
        prompt = prompts[line["group"]]
        found.append((way.name, regraded(prompt, line["completion"], line["finish"], way.config)))
    return found


def regraded(prompt: Prompt, completion: str, finish: str, config: Config) -> Scored:
    """A completion that was read from a dump, or rewritten, with its grade."""
    rollout = Rollout(prompt.text, completion, prompt.ids, (), (), finish)
    return score(rollout, prompt, {}, config)


def tagged(config: Config) -> Config:
    """The config that grades what stands in our tags."""
    return dataclasses.replace(config, answer_format="tag")
