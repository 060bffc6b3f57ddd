"""--mode: fine-tuning and reinforcement learning as two runs, each in its own process, and their evaluation."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from r1rl.config.data_rules import data_label
from r1rl.config.flags import Config
from r1rl.config.parser import as_arguments
from r1rl.models.weights import is_checkpoint
from r1rl.pipeline.sft import MERGED, fine_tune, is_done
from r1rl.pipeline.stage_configs import begun_in_4bit
from r1rl.reports.summary import describe_difference
from r1rl.runs.evaluation import EVAL_FLAGS
from r1rl.runs.folder import rl_folder, sft_folder
from r1rl.runs.run_data import RunData
from r1rl.runs.scores import evaluation_words
from r1rl.system.console import console
from r1rl.system.errors import UserError
from r1rl.system.interrupt import handled_signals

Train = Callable[[Config, str], int]


def run_mode(config: Config, recipe: str, train: Train) -> int:
    """Runs the parts of --mode. Returns the exit code. Raises UserError."""
    if config.mode == "rl":
        say_4bit(config)
    if config.mode == "both":
        return both(config, recipe)
    if config.mode == "eval":
        return evaluate_all(config, recipe)
    if config.mode == "sft":
        return fine_tune(placed(config, sft_folder(config)), recipe)
    return train(reinforcement(config, recipe), recipe)


def say_4bit(config: Config) -> None:
    """Prints which models --load-in-4bit quantizes, if it is given."""
    if config.load_in_4bit:
        console.print(
            "4 bit    for the base model alone: a model with what was learned merged into it is loaded whole, because 4 bit "
            "would round that away",
            markup=False,
        )


def placed(config: Config, folder: Path) -> Config:
    """Returns the config of the run in `folder`."""
    return dataclasses.replace(config, dumps=str(folder.parent), exp_name=folder.name)


def reinforcement(config: Config, recipe: str) -> Config:
    """Returns the config of the second run, which begins with the model of the first. Raises UserError without one."""
    folder = sft_folder(config)
    if not is_done(folder):
        state = "is not complete" if folder.is_dir() else "does not exist"
        command = f"python main.py --recipe {recipe} --mode sft"
        raise UserError(
            f"--mode rl begins with a fine-tuned model, and the fine-tuning in {folder} {state}. Run `{command}` "
            f"first (with --resume to finish an incomplete one), or name its folder with --sft-output."
        )
    start = {"model_name": str(folder / MERGED), **loaded_in_4bit(config)}
    return dataclasses.replace(placed(config, rl_folder(config)), **start)


def loaded_in_4bit(config: Config) -> dict[str, bool]:
    """Returns load_in_4bit of the run of --mode rl: what fine-tuning learned is not quantized again.

    See weights.MERGED_FROM_4BIT. A run from before this rule continues as it began.
    """
    return {"load_in_4bit": False} | (begun_in_4bit(rl_folder(config)) if config.resume else {})


def both(config: Config, recipe: str) -> int:
    """Runs one after the other, each in its own process: each has the whole memory, and each can be resumed."""
    stages = ("sft", "rl")
    for number, mode in enumerate(stages, start=1):
        if mode == "sft" and is_done(sft_folder(config)) and config.resume:
            console.print(f"[bold]{number} of {len(stages)}: {mode}[/bold] is done, in {sft_folder(config)}")
            continue
        console.print(f"[bold]{number} of {len(stages)}: {mode}[/bold]")
        folder = sft_folder(config) if mode == "sft" else rl_folder(config)
        resume = config.resume and (folder / "run.json").is_file()
        accepted = config.accept_changed if resume else None
        code = in_own_process(dataclasses.replace(config, mode=mode, resume=resume, accept_changed=accepted), recipe)
        if code:
            return code
    return evaluate_all(config, recipe)


def in_own_process(config: Config, recipe: str) -> int:
    """Runs `main.py` with this config. Returns its exit code."""
    return run_command([sys.executable, sys.argv[0], "--resolved", "--recipe", recipe, *as_arguments(config)])


def run_command(command: list[str]) -> int:
    """Runs a program on this terminal; signals that ask for a stop are left to it. Returns its exit code."""
    process = subprocess.Popen(command)
    before = {s: signal.signal(s, lambda number, _: process.send_signal(number)) for s in handled_signals()}
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal also sends it to the child
    try:
        return process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def evaluate_all(config: Config, recipe: str) -> int:
    """Evaluates the base model, the fine-tuned model and the policy on the same problems, as far as they exist."""
    candidates: dict[str, list[str]] = {"base": ["--model-name", config.model_name]}
    if is_done(sft_folder(config)):
        candidates["after sft"] = ["--model-name", str(sft_folder(config) / MERGED)]
    best = rl_folder(config) / "checkpoints" / "best"
    if is_checkpoint(best):
        candidates["after rl"] = ["--adapter", str(best)]
    if len(candidates) == 1:
        raise UserError(
            f"--mode eval compares the results of the parts, and there are none in {sft_folder(config)} and "
            f"{rl_folder(config)}. Run `python main.py --recipe {recipe} --mode both` first."
        )
    results: dict[str, Path] = {}
    for what, arguments in candidates.items():
        name = f"{config.exp_name or data_label(config)}-eval-{what.replace(' ', '-')}-{time.strftime('%Y%m%d_%H%M%S')}"
        own = {"exp_name": None, "load_in_4bit": config.load_in_4bit and what == "base"}
        known = {"load_in_4bit"} if what == "after rl" else set()  # from the run of the adapter
        flags = as_arguments(dataclasses.replace(config, **own), only=tuple(n for n in EVAL_FLAGS if n not in known))
        command = [sys.executable, sys.argv[0], "eval", "--resolved", *arguments, *flags, "--exp-name", name]
        console.print(f"[bold]evaluating: {what}[/bold]")
        code = run_command(command)
        if code:
            return code
        results[what] = Path(config.dumps) / name
    compare(results)
    return 0


def compare(results: dict[str, Path]) -> None:
    """Prints one line for each model, with a paired test against the one before it."""
    console.print()
    before: dict[str, Any] | None = None
    for what, folder in results.items():
        data = RunData(folder)
        line = data.evaluations[0]
        console.print(f"{what:<10} {evaluation_words(line)}, {line['mean_tokens']:.0f} tokens per completion")
        right = data.verdicts(0)
        if before is not None:
            console.print(f"{'':<10} {describe_difference(before, right, line['samples'] == 1)}")
        before = right
