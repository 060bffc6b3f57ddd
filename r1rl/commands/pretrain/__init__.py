"""`python main.py pretrain-tiny`: makes a base model like the embedded one."""

from __future__ import annotations

import argparse
from pathlib import Path

from r1rl.system.errors import UserError

MADE = {  # by task: folder and steps of the model in the package
    "word-problems": ("tiny_base", 2600),
    "knights_knaves": ("tiny_kk", 1100),
    "safety-queries": ("tiny_safety", 2000),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments; the defaults made the models in the package."""
    parser.add_argument(
        "--task",
        choices=tuple(MADE),
        default="word-problems",
        help="what it learns to read (default: word-problems)",
    )
    folders = ", ".join(f"{folder} for {task}" for task, (folder, _) in MADE.items())
    parser.add_argument("--output", type=Path, help=f"new folder (default: {folders})")
    parser.add_argument("--seed", type=int, default=0, help="seed of text and weights (default: 0)")
    lengths = ", ".join(f"{steps} for {task}" for task, (_, steps) in MADE.items())
    parser.add_argument("--steps", type=int, help=f"optimizer steps (default: {lengths})")


def run(args: argparse.Namespace) -> int:
    """Trains and saves; then train on it with --recipe tiny (or kk-tiny) --model-name DIR."""
    folder, steps = MADE[args.task]
    output, steps = args.output or Path(folder), steps if args.steps is None else args.steps
    if output.exists() and any(output.iterdir()):
        raise UserError(f"--output {str(output)!r} is not empty: choose a new folder, nothing was changed.")
    if steps < 1:
        raise UserError(f"--steps {steps} must be at least 1.")
    from r1rl.commands.pretrain.tiny_model import pretrain_tiny
    from r1rl.system.machine import keep_memory

    keep_memory()
    pretrain_tiny(output, args.seed, steps, args.task)
    return 0
