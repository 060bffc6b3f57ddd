"""`python main.py pretrain-tiny`: makes a base model like the embedded one."""

from __future__ import annotations

import argparse
from pathlib import Path

from r1rl.errors import UserError

FOLDERS = {"word-problems": "tiny_base", "knights_knaves": "tiny_kk"}  # by task, as in the package


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments; the defaults made the models in the package."""
    parser.add_argument(
        "--task",
        choices=tuple(FOLDERS),
        default="word-problems",
        help="what it learns to read (default: word-problems)",
    )
    parser.add_argument(
        "--output", type=Path, help="new folder (default: tiny_base, or tiny_kk for knights_knaves)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of text and weights (default: 0)")
    parser.add_argument("--steps", type=int, default=2400, help="optimizer steps (default: 2400)")


def run(args: argparse.Namespace) -> int:
    """Trains and saves; then train on it with --recipe tiny (or kk-tiny) --model-name DIR."""
    output = args.output or Path(FOLDERS[args.task])
    if output.exists() and any(output.iterdir()):
        raise UserError(f"--output {str(output)!r} is not empty: choose a new folder, nothing was changed.")
    if args.steps < 1:
        raise UserError(f"--steps {args.steps} must be at least 1.")
    from r1rl.machine import keep_memory
    from r1rl.pretrain import pretrain_tiny

    keep_memory()
    pretrain_tiny(output, args.seed, args.steps, args.task)
    return 0
