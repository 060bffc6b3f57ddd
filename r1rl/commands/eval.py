"""`python main.py eval`: evaluates a checkpoint or a base model in a process of its own."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from r1rl.config.data_rules import DATA_FLAGS
from r1rl.config.file import check_reward_code
from r1rl.config.flags import Config
from r1rl.config.parser import add_flags
from r1rl.config.recipes import RECIPES, overrides
from r1rl.models.weights import check_weights, is_checkpoint
from r1rl.runs.finished import adapter_settings, settings_of
from r1rl.system.errors import UserError

FLAGS = (
    "model_name", "dataset_name", "dataset_path", *DATA_FLAGS, "system_prompt_file", "prompt_template", "people", "claim_depth", "answer_format", "answer_tolerance",
    "not_remove_comma", "prompt_style", "is_chat", "add_reasoning_prefix", "max_prompt_length",
    "max_completion_length", "max_seq_length", "load_in_4bit", "lora_rank", "unsloth", "engine",
    "vllm_server_host", "vllm_server_port", "gpu_memory_utilization", "eval_count", "eval_samples", "eval_temperature", "per_device_eval_batch_size", "seed",
    "dumps", "exp_name", "trust_remote_code",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments: the training flags that an evaluation has a use for."""
    parser.add_argument(
        "--adapter", type=Path, help="folder of a checkpoint; its run's settings are the defaults"
    )
    parser.add_argument("--recipe", help="named settings to begin with, for a model without a run")
    add_flags(parser, only=FLAGS)


def run(args: argparse.Namespace) -> int:
    """Evaluates, prints the result with its interval, and dumps the completions as a run of its own."""
    given = {k: v for k, v in vars(args).items() if k not in ("adapter", "recipe")}
    config = resolve(args.adapter, args.recipe, given)
    from r1rl.engines import choice as engines_base
    from r1rl.preflight import checks, prepare
    from r1rl.reports.summary import print_levels
    from r1rl.rewards.weighted import load_rewards
    from r1rl.runs import folder as run_folder
    from r1rl.runs.evaluation import dump_evaluation, evaluate
    from r1rl.system import machine
    from r1rl.system.console import Waiting, console, divert
    from r1rl.tasks import prompts, registry

    here = machine.look()
    checks.check_surroundings(config, here)
    kind, why = engines_base.choose(config, here.gpu is not None)
    task = registry.load_task(config)
    problems = registry.evaluation_subset(task.load("test"), config.eval_count, config.seed)
    run_folder.check_folder(config)
    dump = run_folder.open_run(config, "eval", here.to_dict())
    divert(dump.folder / "logs" / "libraries.log")
    with Waiting("loading the model"):
        from r1rl.models import policy as models_policy

        models_policy.import_backend(config)
        tokenizer = models_policy.load_tokenizer(config)
        checks.check_tokenizer(config, tokenizer)
        asked = prompts.Builder(tokenizer, config)(problems, "test")
        config, _ = prepare.prepared(config, here, max(len(p.ids) for p in asked))
        adapter = None if args.adapter is None else str(args.adapter)
        policy = models_policy.load_policy(config, here.gpu is not None, kind == "shared", adapter)
        engine = engines_base.start_engine(kind, config, policy, dump.folder)
        engine.sync()
    with Waiting(f"sampling {len(asked)} problems with {engine.name} ({why})"):
        result = evaluate(engine, asked, load_rewards(config), config, step=0)
    dump_evaluation(dump, asked, result, result.seconds)
    what = config.model_name if args.adapter is None else f"{config.model_name} with {args.adapter}"
    decoding = "greedy" if config.eval_temperature == 0 else f"temperature {config.eval_temperature}"
    console.print(
        f"{what}, {task.source}, {decoding}: {result.describe()}, {result.tokens():.0f} tokens a completion"
    )
    print_levels(dump.folder)
    console.print(f"completions in {dump.folder / 'eval'}")
    engine.close()
    return 0


def resolve(adapter: Path | None, recipe: str | None, given: dict[str, Any]) -> Config:
    """Flags over recipe over the run that the checkpoint belongs to. Raises UserError."""
    if adapter is None and recipe is None and "model_name" not in given:
        raise UserError(
            f"what is to be evaluated? Give --adapter DIR, --model-name DIR, or --recipe {'|'.join(RECIPES)}."
        )
    settings: dict[str, Any] = {}
    if adapter is not None:
        if not is_checkpoint(adapter):
            if adapter.is_dir():
                check_weights(adapter, "--adapter")
            raise UserError(
                f"--adapter {str(adapter)!r} holds no adapter_model.safetensors: name a checkpoint's folder."
            )
        described = next(
            (p / "run.json" for p in adapter.resolve().parents if (p / "run.json").is_file()), None
        )
        settings = adapter_settings(adapter) if described is None else settings_of(described.parent)
        if not given.get("trust_remote_code"):
            check_reward_code(settings, described)
    settings |= {"trust_remote_code": False}  # who evaluates says so, not whoever made the run
    settings |= {"resume": False, "exp_name": f"eval_{time.strftime('%Y%m%d_%H%M%S')}"}
    settings |= overrides(recipe) if recipe else {}
    return Config(**{**settings, **given})
