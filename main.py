"""r1rl in one screen: task -> prompt -> rollout -> reward -> advantage -> update -> dump -> report.

`python main.py [flags]` trains; `python main.py eval|inspect|grade|pretrain-tiny ...` measure, look and make.
What is left out compared with GRPO as published: no reference model unless --beta is set, no reward for the format,
one optimizer step for each batch of rollouts.
"""

import os
import sys
from typing import Any

from r1rl.commands.dispatch import command_line
from r1rl.config.flags import Config, with_steps

# A waiting thread sleeps instead of spinning: beside another busy process a step else takes up to ten times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Nearly every step has shapes of its own, and what oneDNN compiles for each stays in memory: 1,024 of them by default.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
# What this machine is and runs is nobody's business: vLLM, Unsloth and the hub's client would tell their makers.
for silent in ("VLLM_NO_USAGE_STATS", "UNSLOTH_DISABLE_STATISTICS", "HF_HUB_DISABLE_TELEMETRY"):
    os.environ.setdefault(silent, "1")


def run(config: Config, recipe: str, given: dict[str, Any]) -> int:
    """A pipeline, a mode of several parts, or one training run. Returns the exit code."""
    if config.pipeline:
        from r1rl.pipeline.stages import run_pipeline

        return run_pipeline(config, recipe, given, train)
    if config.mode is not None:
        from r1rl.pipeline.modes import run_mode

        return run_mode(config, recipe, train)
    return train(config, recipe)


def train(config: Config, recipe: str) -> int:
    """One run, from flags to report. Returns the exit code: 0, 3 by a guard, 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP."""
    from r1rl.engines import choice
    from r1rl.preflight import checks
    from r1rl.preflight.prepare import prepared
    from r1rl.reports import run_end
    from r1rl.rewards.weighted import check_rewards, load_rewards
    from r1rl.runs import folder, progress
    from r1rl.runs.budget import Budget
    from r1rl.system import distributed, interrupt, machine
    from r1rl.system.console import Waiting, console, divert
    from r1rl.tasks import registry
    from r1rl.trainers import prompt_order

    console.quiet = not distributed.is_first()  # of several processes one speaks and writes

    # Whatever can go wrong later is looked for first, before anything slow is loaded.
    here = machine.look()
    checks.check_surroundings(config, here)
    engine_kind, why = choice.choose(config, here.gpu is not None)
    task = registry.load_task(config)  # 1. task: problems with golden answers
    train_problems = registry.training_problems(task, config)
    distributed.on_first(lambda: check_rewards(config, train_problems))
    eval_problems = registry.evaluation_subset(task.load("test"), config.eval_count, config.seed)
    config = with_steps(config, len(train_problems))
    budget = Budget(config, here.price(config.gpu_price), len(eval_problems) * config.eval_samples)
    distributed.on_first(lambda: folder.check_folder(config))
    dump = distributed.on_first(lambda: folder.open_run(config, recipe, here.to_dict()))
    checkpoint = distributed.on_first(lambda: folder.continue_from(dump)) if config.resume else None
    distributed.on_first(lambda: budget.check_left(folder.spent(dump)))

    console.print(
        f"[bold]r1rl {config.exp_name}[/bold]: {recipe}, {config.max_steps} steps on {here.describe()}{distributed.describe()}"
    )
    console.print(
        f"task     {task.source}: {len(train_problems)} problems, {len(eval_problems)} for evaluation"
    )
    plan = prompt_order.load_plan(config)
    if plan is not None:
        console.print(f"stages   {prompt_order.describe(plan)}")
    divert(dump.folder / "logs" / f"libraries{distributed.rank_suffix()}.log")
    machine.keep_memory()

    with (
        interrupt.Interrupt(config.grace_seconds) as stop,
        Waiting("loading the libraries") as status,
    ):
        from r1rl.models import merge, policy
        from r1rl.runs import folder as runs_folder
        from r1rl.tasks import prompts

        policy.import_backend(config)
        tokenizer = policy.load_tokenizer(config)
        checks.check_tokenizer(config, tokenizer)
        build = prompts.Builder(tokenizer, config)  # 2. prompt: what the model reads
        train_prompts = build(train_problems, "train")
        eval_prompts = build(eval_problems, "test")
        if plan is not None:
            prompt_order.check_levels(plan, {p.problem.level for p in train_prompts})
        longest = max(len(p.ids) for p in (*train_prompts, *eval_prompts))
        config, planned = prepared(config, here, longest, dump.folder)
        for line in planned:
            console.print(line)

        status.update(f"loading {config.model_name}")
        policy = policy.load_policy(config, here.gpu is not None, engine_kind == "shared")
        console.print(f"model    {config.model_name}, {policy.backend}, {config.trained_part}")

        status.update("starting the engine")
        # 3. rollout: prompts -> completions, all of a step in one call
        engine = choice.start_engine(engine_kind, config, policy, dump.folder)
        console.print(f"engine   {engine.name}: {why}")

        status.update("proving that the engine follows the adapter")
        from r1rl.engines.proof import proof_words, prove_adapter

        proofs = prove_adapter(policy, engine, train_prompts, config.seed)
        console.print(f"proof    {proof_words(proofs)}")

        reward = load_rewards(config)  # 4. reward: (rollout, problem) -> float
        from r1rl.trainers import trainer_class

        meter = progress.meter_of_run(config, budget, dump, folder.last_line(dump))
        # 5. advantage, 6. update, 7. dump: what the trainer does with each step's rollouts, in this order.
        build_trainer = trainer_class(config)
        trainer = build_trainer(
            config, policy, engine, reward, train_prompts, eval_prompts, dump, meter, stop
        )
        status.stop()
        trainer.fit(checkpoint, proofs)
        trainer.engine.close()
        why = trainer.guarding.why_stopped
        if config.save_merged and not stop.asked and why is None:
            distributed.on_first(lambda: merge.save_merged(policy, dump.folder / runs_folder.MERGED))

        # 8. report: what was learned
        left = budget.closing.seconds
        code = distributed.on_first(lambda: run_end.finish(dump, config, stop, budget.ended, why, left))
        meter.write()  # the report was paid for, too
    return code


def main() -> int:
    """The command line, also as the installed command `r1rl`. Returns the exit code."""
    return command_line(run)


if __name__ == "__main__":
    sys.exit(main())
