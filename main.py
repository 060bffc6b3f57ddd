"""r1rl in one screen: task -> prompt -> rollout -> reward -> advantage -> update -> dump -> report.

`python main.py [flags]` trains; `python main.py COMMAND` evaluates, inspects, exports and so on (r1rl/commands).
Differences from GRPO as published: no reference model unless --beta is set, no reward for the format, one optimizer
step for each batch of rollouts.
"""

import os
import sys
from typing import Any

from r1rl.commands.dispatch import command_line
from r1rl.config.flags import Config, with_steps

# A waiting thread sleeps instead of spinning: next to another busy process a step would take up to ten times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# oneDNN keeps what it compiles for each shape, 1,024 of them by default, and nearly every step has new shapes.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
# Turn off the usage statistics of vLLM, Unsloth and huggingface_hub.
for statistics in ("VLLM_NO_USAGE_STATS", "UNSLOTH_DISABLE_STATISTICS", "HF_HUB_DISABLE_TELEMETRY"):
    os.environ.setdefault(statistics, "1")


def run(config: Config, recipe: str, given: dict[str, Any]) -> int:
    """Runs a pipeline, a mode with several parts, or one training. Returns the exit code."""
    if config.pipeline:
        from r1rl.pipeline.stages import run_pipeline

        return run_pipeline(config, recipe, given, train)
    if config.mode is not None:
        from r1rl.pipeline.modes import run_mode

        return run_mode(config, recipe, train)
    if config.student_layers is not None:
        from r1rl.pipeline.distill import with_student

        config = with_student(config)
    return train(config, recipe)


def train(config: Config, recipe: str) -> int:
    """One run, from flags to report. Returns the exit code: 0, 3 after a guard, 128 + its number after a signal."""
    from r1rl.models.merge import save_merged
    from r1rl.reports import run_end
    from r1rl.reports.news import News
    from r1rl.rewards.weighted import check_rewards, load_rewards
    from r1rl.runs import folder, progress
    from r1rl.runs.budget import Budget
    from r1rl.session import Session
    from r1rl.system.console import Waiting, console
    from r1rl.system.distributed import describe, on_first
    from r1rl.system.interrupt import Interrupt
    from r1rl.tasks import registry, task_counts
    from r1rl.tasks.prompts import Builder
    from r1rl.trainers import prompt_order, trainer_class

    # Whatever can go wrong later is checked first, before anything slow is loaded.
    session = Session(config, trains=True)
    task = registry.load_task(config)  # 1. task: problems with gold answers
    train_problems = registry.training_problems(task, config)
    on_first(lambda: check_rewards(config, train_problems))
    eval_problems = registry.evaluation_problems(task, config)
    config = with_steps(config, len(train_problems))
    budget = Budget(config, session.price, len(eval_problems) * config.eval_samples)
    dump = session.open_run(config, recipe)
    checkpoint = on_first(lambda: folder.continue_from(dump)) if config.resume else None
    on_first(lambda: budget.check_left(progress.spent(dump)))
    machine = f"{session.here.describe()}{describe()}"
    console.print(f"[bold]r1rl {config.exp_name}[/bold]: {recipe}, {config.max_steps} steps on {machine}")
    counts = f"{len(train_problems)} problems{task_counts(train_problems)}, {len(eval_problems)} for evaluation"
    console.print(f"task     {task.source}: {counts}")
    plan = prompt_order.load_plan(config)
    if plan is not None:
        console.print(f"stages   {prompt_order.describe(plan)}")

    with (
        Interrupt(config.grace_seconds) as stop,
        News(config, recipe, dump, session.price, stop) as news,
        Waiting("loading the libraries") as status,
    ):
        build = Builder(session.load_tokenizer(), config)  # 2. prompt: what the model reads
        train_prompts, eval_prompts = build(train_problems, "train"), build(eval_problems, "test")
        if plan is not None:
            prompt_order.check_levels(plan, {p.problem.level for p in train_prompts})
        # 3. rollout: prompts -> completions, all of a step in one call, by an engine that follows the policy
        session.start((*train_prompts, *eval_prompts), status, show_plan=True)
        proofs = session.prove(train_prompts, status)
        session.correct_rounding(train_prompts)
        config, policy, engine = session.config, session.policy, session.engine
        reward = load_rewards(config)  # 4. reward: (rollout, problem) -> float
        meter = progress.meter_of_run(config, budget, dump, folder.last_line(dump))
        # 5. advantage, 6. update, 7. dump: what the trainer does with the rollouts of each step, in this order
        Trainer = trainer_class(config)
        trainer = Trainer(config, policy, engine, reward, train_prompts, eval_prompts, dump, meter, stop)
        status.stop()
        trainer.fit(checkpoint, proofs)
        trainer.engine.close()
        guard = trainer.guarding.why_stopped
        if config.save_merged and not stop.asked and guard is None:
            on_first(lambda: save_merged(policy, dump.folder / folder.MERGED))
        # 8. report: what was learned
        left = budget.closing.seconds
        code = on_first(lambda: run_end.finish(dump, config, stop, budget.ended, guard, left))
        meter.write()  # the report counts towards the costs, too
        news.finish(code, guard, budget.ended)
    return code


def main() -> int:
    """Runs the command in sys.argv, also as the installed program `r1rl`. Returns the exit code."""
    return command_line(run)


if __name__ == "__main__":
    sys.exit(main())
