"""One supervised fine-tuning, from flags to a merged model: the twin of main.py's train()."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from r1rl.config.flags import DEFAULT_SFT_BATCH_SIZE, Config
from r1rl.config.run_rules import check_price
from r1rl.engines import choice
from r1rl.preflight import checks, prepare
from r1rl.reports import run_end
from r1rl.reports.summary import paired_test
from r1rl.runs import folder as runs_folder
from r1rl.runs import progress
from r1rl.runs.budget import Budget
from r1rl.runs.dump import EVALUATIONS, FINE_TUNING, Dump, read_lines, write_json
from r1rl.runs.folder import MERGED
from r1rl.runs.run_data import RunData
from r1rl.runs.scores import evaluation_words
from r1rl.system import interrupt, machine
from r1rl.system.console import Waiting, console, divert
from r1rl.system.errors import UserError
from r1rl.tasks import registry
from r1rl.tasks.conversations import lessons


def fine_tune(config: Config, recipe: str) -> int:
    """Learns worked solutions, or conversations, with LoRA and saves the merged model. Returns the exit code."""
    here = machine.look()
    checks.check_surroundings(config, here)
    check_unsloth(config)
    check_price(config, here.price(config.gpu_price))
    engine_kind, why = choice.choose(config, here.gpu is not None)
    task = registry.load_task(config)
    taught = lessons(config) if config.sft_data else registry.training_subset(task.load("train"), config)
    check_solutions(config, taught)
    eval_problems = registry.evaluation_subset(task.load("test"), config.eval_count, config.seed)
    config = with_epochs(config, len(taught))
    runs_folder.check_folder(config)
    dump = runs_folder.open_run(config, recipe, here.to_dict())
    checkpoint = runs_folder.continue_from(dump) if config.resume else None
    console.print(
        f"[bold]r1rl {config.exp_name}[/bold]: fine-tuning, {config.max_steps} steps on {here.describe()}"
    )
    what = f"conversations of {config.sft_data}" if config.sft_data else "worked solutions"
    console.print(f"task     {task.source}: {len(taught)} {what}")
    divert(dump.folder / "logs" / "libraries.log")
    machine.keep_memory()

    with interrupt.Interrupt(config.grace_seconds) as stop, Waiting("loading the libraries") as status:
        from r1rl.models import merge, policy
        from r1rl.rewards import weighted
        from r1rl.tasks import prompts
        from r1rl.trainers import sft_examples

        policy.import_backend(config)
        tokenizer = policy.load_tokenizer(config)
        checks.check_tokenizer(config, tokenizer)
        build = prompts.Builder(tokenizer, config)
        eval_prompts = build(eval_problems, "test")
        longest = max(len(p.ids) for p in eval_prompts)
        config, _ = prepare.prepared(config, here, longest)  # its plan is that of reinforcement learning
        status.update(f"loading {config.model_name}")
        policy = policy.load_policy(config, here.gpu is not None, engine_kind == "shared")
        console.print(f"model    {config.model_name}, {policy.backend}, {config.trained_part}")
        status.update("starting the engine")
        engine = choice.start_engine(engine_kind, config, policy, dump.folder)
        console.print(f"engine   {engine.name}: {why}")

        from r1rl.trainers.sft import solution_examples, trainer_class

        if config.sft_data:
            examples = sft_examples.conversation_examples(taught, tokenizer, config)
        else:
            examples = solution_examples(build(taught, "train"), tokenizer, config)
        if config.packing:
            examples = pack(examples, config)
            config = with_epochs(config, len(examples))
        evaluated = len(eval_prompts) * config.eval_samples
        budget = Budget(config, here.price(config.gpu_price), evaluated, between=False)
        meter = progress.meter_of_run(config, budget, dump, runs_folder.last_line(dump, FINE_TUNING))
        reward = weighted.load_rewards(config)
        build_trainer = trainer_class(config)
        trainer = build_trainer(config, policy, engine, reward, examples, eval_prompts, dump, meter, stop)
        status.stop()
        trainer.fit(checkpoint)
        trainer.engine.close()
        guarded = trainer.guarding.why_stopped
        if not stop.asked and guarded is None:
            merge.save_merged(policy, dump.folder / MERGED)
        if stop.asked:
            console.print("stopped  go on with the same flags and --resume")
            meter.write()
            return stop.exit_code
        if guarded is not None:
            meter.write()
            return run_end.stopped_by_guard(dump.folder, config, guarded)
        finish(dump, config, recipe)
    if budget.ended:
        console.print(f"ended    {budget.ended}")
    meter.write()
    return 0


def check_solutions(config: Config, taught: Sequence[Any]) -> None:
    """What is learnt must be there. Raises UserError."""
    if config.sft_data is None and not all(problem.solution for problem in taught):
        raise UserError(
            "--mode sft learns from worked solutions, and not every row of the data has one: an --answer-column with a "
            "solution that ends in #### or \\boxed{}. Leave --mode out, or name conversations with --sft-data."
        )


def check_unsloth(config: Config) -> None:
    """What Unsloth's models cannot do in training. Raises UserError."""
    if not config.wants_unsloth or importlib.util.find_spec("unsloth") is None:
        return
    if config.packing:
        raise UserError(
            "--packing: Unsloth's attention does not tell packed conversations apart, so each would read the ones "
            "before it. Add --no-unsloth, or leave --packing out."
        )
    if config.distill_kl:
        raise UserError(
            f"--distill-kl {config.distill_kl} compares probabilities, and Unsloth's models give none in training. Add "
            "--no-unsloth, or --distill-kl 0."
        )


def pack(examples: list[dict[str, list[int]]], config: Config) -> list[dict[str, list[int]]]:
    """The examples in rows of --max-seq-length."""
    from r1rl.trainers.sft import packed

    rows = packed(examples, config.max_seq_length)
    console.print(f"packing  {len(examples)} examples in {len(rows)} rows of {config.max_seq_length} tokens")
    return rows


def with_epochs(config: Config, solutions: int) -> Config:
    """The config with the --max-steps that --num-epochs passes over so many solutions take."""
    batch_size = config.batch_size or DEFAULT_SFT_BATCH_SIZE
    steps = (config.num_epochs or 1) * -(-solutions // batch_size)
    return dataclasses.replace(config, max_steps=steps)


def is_done(folder: Path) -> bool:
    """Whether the fine-tuning in this folder came to its end."""
    return (folder / "summary.json").is_file() and (folder / MERGED / "config.json").is_file()


def finish(dump: Dump, config: Config, recipe: str) -> None:
    """The last screen. summary.json marks a complete run."""
    folder = dump.folder
    lines = list(read_lines(folder / FINE_TUNING))
    losses = [x["loss"] for x in lines if x["loss"] is not None]  # of steps that were not left out
    tenth = max(1, len(losses) // 10)
    first, last = (sum(part) / tenth for part in (losses[:tenth], losses[-tenth:]))
    tokens = sum(x["tokens"] for x in lines)
    evaluations = list(read_lines(folder / EVALUATIONS))
    console.print()
    shown = {"before": evaluations[0]} if len(evaluations) > 1 else {}
    for name, evaluation in (shown | {"after": evaluations[-1]}).items():
        console.print(f"{name:<8} {evaluation_words(evaluation)} (step {evaluation['step']})")
    if len(evaluations) > 1:
        console.print(f"         {paired_test(RunData(folder), evaluations[0], evaluations[-1])}")
    console.print(
        f"loss     {first:.3f} -> {last:.3f} nats a token (first and last tenth of {len(lines)} steps)"
    )
    console.print(f"total    {len(lines)} steps, {tokens:,} solution tokens")
    write_json(
        folder / "summary.json",
        {"schema_version": 1, "steps": len(lines), "tokens": tokens, "first_loss": first, "last_loss": last,
         "first_evaluation": evaluations[0], "last_evaluation": evaluations[-1], "seconds": lines[-1]["seconds"]},
    )  # fmt: skip
    console.print(
        f"model    {folder / MERGED}: base model and adapter merged, loads in transformers and vLLM"
    )
    if config.mode == "sft":
        console.print(f"next     python main.py --recipe {recipe} --mode rl --sft-output {folder}")
