"""One supervised fine-tuning, from flags to a merged model: the counterpart of train() in main.py."""

from __future__ import annotations

import dataclasses
import importlib.util
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from r1rl.config.flags import DEFAULT_SFT_BATCH_SIZE, Config
from r1rl.config.run_rules import check_price
from r1rl.reports import run_end
from r1rl.reports.news import News
from r1rl.reports.summary import paired_test
from r1rl.rewards.judge import check_judge
from r1rl.runs import progress
from r1rl.runs.budget import Budget
from r1rl.runs.dump import EVALUATIONS, FINE_TUNING, Dump, read_lines, write_json
from r1rl.runs.folder import MERGED, continue_from, last_line
from r1rl.runs.run_data import RunData
from r1rl.runs.scores import evaluation_words
from r1rl.session import Session
from r1rl.system.console import Waiting, console
from r1rl.system.errors import UserError
from r1rl.system.interrupt import Interrupt
from r1rl.tasks import registry
from r1rl.tasks.conversations import lessons
from r1rl.tasks.prompts import Builder


def fine_tune(config: Config, recipe: str) -> int:
    """Learns worked solutions, or conversations, with LoRA and saves the merged model. Returns the exit code."""
    session = Session(config, trains=True)
    check_unsloth(config)
    check_price(config, session.price)
    task = registry.load_task(config)
    samples = dataclasses.replace(config, max_samples=config.sft_samples or config.max_samples)
    items = lessons(samples) if config.sft_data else registry.training_subset(task.load("train"), samples)
    check_solutions(config, items)
    eval_problems = registry.evaluation_problems(task, config)
    check_judge(config, eval_problems)
    config = with_epochs(config, len(items))
    dump = session.open_run(config, recipe)
    checkpoint = continue_from(dump) if config.resume else None
    on = session.here.describe()
    console.print(f"[bold]r1rl {config.exp_name}[/bold]: fine-tuning, {config.max_steps} steps on {on}")
    what = f"conversations of {config.sft_data}" if config.sft_data else "worked solutions"
    console.print(f"task     {task.source}: {len(items)} {what}")

    with (
        Interrupt(config.grace_seconds) as stop,
        News(config, recipe, dump, session.price, stop) as news,
        Waiting("loading the libraries") as status,
    ):
        tokenizer = session.load_tokenizer()
        build = Builder(tokenizer, config)
        eval_prompts = build(eval_problems, "test")
        session.start(eval_prompts, status)
        session.prove(eval_prompts, status)
        config, policy, engine = session.config, session.policy, session.engine

        from r1rl.models.merge import save_merged
        from r1rl.rewards.weighted import load_rewards
        from r1rl.trainers.sft import solution_examples, trainer_class
        from r1rl.trainers.sft_examples import conversation_examples

        if config.sft_data:
            examples = conversation_examples(items, tokenizer, config)
        else:
            examples = solution_examples(build(items, "train"), tokenizer, config)
        if config.packing:
            examples = pack(examples, config)
            config = with_epochs(config, len(examples))
        evaluated = len(eval_prompts) * config.eval_samples
        budget = Budget(config, session.price, evaluated, between=False)
        meter = progress.meter_of_run(config, budget, dump, last_line(dump, FINE_TUNING))
        reward, build_trainer = load_rewards(config), trainer_class(config)
        trainer = build_trainer(config, policy, engine, reward, examples, eval_prompts, dump, meter, stop)
        status.stop()
        trainer.fit(checkpoint)
        trainer.engine.close()
        guard, code = trainer.guarding.why_stopped, 0
        if stop.asked:
            console.print("stopped  continue with the same flags and --resume")
            code = stop.exit_code
        elif guard is not None:
            code = run_end.stopped_by_guard(dump.folder, config, guard)
        else:
            save_merged(policy, dump.folder / MERGED)
            finish(dump, config, recipe)
            if budget.ended:
                console.print(f"ended    {budget.ended}")
        meter.write()
        news.finish(code, guard, budget.ended)
    return code


def check_solutions(config: Config, items: Sequence[Any]) -> None:
    """Raises UserError if a problem to learn from has no worked solution."""
    if config.sft_data is None and not all(problem.solution for problem in items):
        raise UserError(
            "--mode sft learns from worked solutions, and not every row of the data has one: an --answer-column with a "
            "solution that ends in #### or \\boxed{}. Leave --mode out, or name conversations with --sft-data."
        )


def check_unsloth(config: Config) -> None:
    """Raises UserError for what Unsloth's models cannot do in training."""
    if not config.wants_unsloth or importlib.util.find_spec("unsloth") is None:
        return
    if config.packing:
        raise UserError(
            "--packing: Unsloth's attention does not separate packed conversations, so each would read those before it. "
            "Add --no-unsloth, or leave --packing out."
        )
    if config.distill_kl:
        raise UserError(
            f"--distill-kl {config.distill_kl} compares probabilities, and Unsloth's models return none in training. Add "
            "--no-unsloth, or --distill-kl 0."
        )


def pack(examples: list[dict[str, list[int]]], config: Config) -> list[dict[str, list[int]]]:
    """Returns the examples in rows of --max-seq-length."""
    from r1rl.trainers.sft import packed

    rows = packed(examples, config.max_seq_length)
    console.print(f"packing  {len(examples)} examples in {len(rows)} rows of {config.max_seq_length} tokens")
    return rows


def with_epochs(config: Config, examples: int) -> Config:
    """Returns the config with --max-steps for --sft-epochs, or else --num-epochs, passes over N examples."""
    batch_size = config.batch_size or DEFAULT_SFT_BATCH_SIZE
    steps = (config.sft_epochs or config.num_epochs or 1) * -(-examples // batch_size)
    return dataclasses.replace(config, max_steps=steps)


def is_done(folder: Path) -> bool:
    """Returns whether the fine-tuning in this folder is complete."""
    return (folder / "summary.json").is_file() and (folder / MERGED / "config.json").is_file()


def finish(dump: Dump, config: Config, recipe: str) -> None:
    """Prints the last screen and writes summary.json, which marks a complete run."""
    folder = dump.folder
    lines = list(read_lines(folder / FINE_TUNING))
    losses = [x["loss"] for x in lines if x["loss"] is not None]  # without skipped steps
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
    console.print(f"loss     {first:.3f} -> {last:.3f} nats per token (first, last tenth of {len(lines)} steps)")
    console.print(f"total    {len(lines)} steps, {tokens:,} solution tokens")
    write_json(
        folder / "summary.json",
        {"schema_version": 1, "steps": len(lines), "tokens": tokens, "first_loss": first, "last_loss": last,
         "first_evaluation": evaluations[0], "last_evaluation": evaluations[-1], "seconds": lines[-1]["seconds"]},
    )  # fmt: skip
    console.print(f"model    {folder / MERGED}: base model and adapter merged, for transformers and vLLM")
    if config.mode == "sft":
        command = shlex.join(["python", "main.py", "--recipe", recipe, "--mode", "rl", "--sft-output", str(folder)])
        console.print(f"next     {command}", markup=False)
