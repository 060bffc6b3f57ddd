"""`python main.py eval`: evaluates a checkpoint or a base model, as a separate run; with --suite on several tasks."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from r1rl.config.file import check_reward_code
from r1rl.config.flags import Config
from r1rl.config.parser import add_flags, user_path
from r1rl.config.recipes import RECIPES, STAGE_FLAGS, overrides
from r1rl.config.reward_rules import JUDGE_FLAGS
from r1rl.config.scope import check_given
from r1rl.config.suites import SUITES
from r1rl.models.weights import check_weights, is_checkpoint
from r1rl.pipeline.suite import Model, run_suite
from r1rl.reports.tables import print_levels
from r1rl.rewards.judge import check_judge
from r1rl.rewards.weighted import load_rewards
from r1rl.runs.evaluation import EVAL_FLAGS, dump_evaluation, evaluate
from r1rl.runs.finished import adapter_settings, settings_of, step_of
from r1rl.runs.run_data import RunData
from r1rl.runs.tokens import TokenTexts
from r1rl.session import Session
from r1rl.system.console import Waiting, console
from r1rl.system.errors import UserError
from r1rl.tasks import registry
from r1rl.tasks.custom.evaluation import evaluation_task
from r1rl.tasks.prompts import Builder

OF_A_TASK = ("dataset_options", *STAGE_FLAGS)  # a run's flags that its task alone has
FLAGS = ("model_name", *EVAL_FLAGS, "people", "claim_depth", "exp_name", *JUDGE_FLAGS[:4])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the training flags that apply to an evaluation."""
    parser.add_argument("--adapter", type=user_path, help="folder of a checkpoint; defaults: its run's settings")
    parser.add_argument("--recipe", help="named settings to begin with, for a model without a run")
    parser.add_argument("--suite", metavar=f"{'|'.join(SUITES)}|FILE", help="several tasks in one start of the engine, before "
                        "and after training, with paired tests; FILE: a suite of your own, YAML or JSON")  # fmt: skip
    parser.add_argument("--before", type=user_path, metavar="DIR", help="with --suite: folder of an earlier evaluation to "
                        "compare with; default: the base model of --adapter")  # fmt: skip
    add_flags(parser, only=FLAGS)


def run(args: argparse.Namespace) -> int:
    """Evaluates, prints the result with its interval, and dumps the completions."""
    given = {k: v for k, v in vars(args).items() if k not in ("adapter", "recipe", "suite", "before")}
    if args.suite is not None:
        return run_suite(args.suite, model_of(args.adapter, args.recipe, given), given, args.before)
    if args.before is not None:
        raise UserError(
            f"--before {args.before} would have no effect, because it applies only with --suite: leave it out."
        )
    config = resolve(args.adapter, args.recipe, given)
    session = Session(config, adapter=args.adapter)
    task = evaluation_task(config, inherited(args.adapter, args.recipe, given))
    problems = registry.evaluation_problems(task, config)
    check_judge(config, problems)
    dump = session.open_run(config, "eval")
    with Waiting("loading the libraries") as status:
        prompts = Builder(session.load_tokenizer(), config)(problems, "test")
        session.start(prompts, status)
        session.prove(prompts, status)
        config, engine = session.config, session.engine
        status.update(f"sampling {len(prompts)} problems")
        result = evaluate(engine, prompts, load_rewards(config), config, step=0)
    dump_evaluation(dump, prompts, result, result.seconds, TokenTexts.of(config, session.policy.tokenizer))
    model = config.model_name if args.adapter is None else f"{config.model_name} with {args.adapter}"
    decoding = "greedy" if config.eval_temperature == 0 else f"temperature {config.eval_temperature}"
    numbers = f"{result.describe()}, {result.tokens():.0f} tokens per completion"
    console.print(f"{model}, {task.source}, {decoding}: {numbers}")
    print_levels(RunData(dump.folder))
    console.print(f"completions in {dump.folder / 'eval'}")
    engine.close()
    return 0


def model_of(adapter: Path | None, recipe: str | None, given: dict[str, Any]) -> Model:
    """Returns the model that a suite evaluates. Raises UserError."""
    given.pop("resolved", None)
    settings, run = inherited(adapter, recipe, given), run_of(adapter)
    return Model(settings, adapter, None if adapter is None or run is None else step_of(adapter, run))


def run_of(adapter: Path | None) -> Path | None:
    """Returns the folder of the run that a checkpoint belongs to; None for an adapter without its run."""
    above = () if adapter is None else adapter.resolve().parents
    return next((folder for folder in above if (folder / "run.json").is_file()), None)


def resolve(adapter: Path | None, recipe: str | None, given: dict[str, Any]) -> Config:
    """Returns the config: flags beat the recipe, which beats the run of the checkpoint. Raises UserError."""
    settings = inherited(adapter, recipe, given)
    if "dataset_name" in given:
        settings = {k: v for k, v in settings.items() if k not in OF_A_TASK}
    resolved = given.pop("resolved", False)
    config = Config(**{**settings, **given})
    if not resolved:
        check_given(config, given)
    return config


def inherited(adapter: Path | None, recipe: str | None, given: dict[str, Any]) -> dict[str, Any]:
    """Returns the flags that are not given: those of the recipe beat those of the checkpoint's run. Raises UserError."""
    if adapter is None and recipe is None and "model_name" not in given:
        raise UserError(f"no model is named: add --adapter DIR, --model-name DIR or --recipe {'|'.join(RECIPES)}.")
    settings: dict[str, Any] = {}
    if adapter is not None:
        if not is_checkpoint(adapter):
            if adapter.is_dir():
                check_weights(adapter, "--adapter")
            raise UserError(
                f"--adapter {str(adapter)!r} holds no adapter_model.safetensors: name the folder of a checkpoint."
            )
        run = run_of(adapter)
        settings = adapter_settings(adapter) if run is None else settings_of(run)
        if not given.get("trust_remote_code"):
            check_reward_code(settings, None if run is None else run / "run.json")
    # Set by whoever evaluates, not by whoever made the run: JUDGE_API_KEY goes to the judge's address.
    settings |= {"trust_remote_code": False, "judge_url": None}
    settings |= {"resume": False, "teacher_model": None, "exp_name": f"eval_{time.strftime('%Y%m%d_%H%M%S')}"}
    return settings | (overrides(recipe) if recipe else {})
