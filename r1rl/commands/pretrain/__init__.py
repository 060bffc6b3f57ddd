"""`python main.py pretrain-tiny`: trains a base model like an embedded one, on generated text.

`tiny_model` trains; the other modules write the text for one task each.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from r1rl.config.parser import user_path
from r1rl.system.errors import UserError

MODELS = {  # by task: folder and optimizer steps of the embedded model
    "word-problems": ("tiny_base", 6000),
    "knights_knaves": ("tiny_kk", 1100),
    "safety-queries": ("tiny_safety", 2000),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments; the embedded models were made with the defaults."""
    parser.add_argument(
        "--task",
        choices=tuple(MODELS),
        default="word-problems",
        help="task whose prompts it learns (default: word-problems)",
    )
    folders = ", ".join(f"{folder} for {task}" for task, (folder, _) in MODELS.items())
    parser.add_argument("--output", type=user_path, help=f"new folder (default: {folders})")
    parser.add_argument("--seed", type=int, default=0, help="seed of text and weights (default: 0)")
    lengths = ", ".join(f"{steps} for {task}" for task, (_, steps) in MODELS.items())
    parser.add_argument(
        "--repeat-checks",
        action="store_true",
        help="a control for docs/self-verification.md: checks repeat the same calculation, as unreliable as before",
    )
    parser.add_argument("--steps", type=int, help=f"optimizer steps (default: {lengths})")


def run(args: argparse.Namespace) -> int:
    """Trains and saves a model, for --recipe tiny (or kk-tiny) --model-name DIR. Returns the exit code."""
    folder, steps = MODELS[args.task]
    output, steps = args.output or Path(folder), steps if args.steps is None else args.steps
    if output.exists() and any(output.iterdir()):
        raise UserError(f"--output {str(output)!r} is not empty: choose a new folder, nothing was changed.")
    if steps < 1:
        raise UserError(f"--steps {steps} must be at least 1.")
    if args.repeat_checks and args.task != "word-problems":
        raise UserError(
            f"--repeat-checks has no effect for --task {args.task}: only the word problems' text has checks."
        )
    from r1rl.commands.pretrain.tiny_model import pretrain_tiny
    from r1rl.system.machine import keep_memory

    keep_memory()
    pretrain_tiny(output, args.seed, steps, args.task, args.repeat_checks)
    return 0
