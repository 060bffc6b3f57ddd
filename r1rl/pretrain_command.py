"""`python main.py pretrain-tiny`: makes a base model like the embedded one."""

from __future__ import annotations

import argparse
from pathlib import Path

from r1rl.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments; the defaults made the model in the package."""
    parser.add_argument(
        "--output", type=Path, default=Path("tiny_base"), help="new folder (default: tiny_base)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of text and weights (default: 0)")
    parser.add_argument("--steps", type=int, default=2400, help="optimizer steps (default: 2400)")


def run(args: argparse.Namespace) -> int:
    """Trains and saves; then train on it with --recipe tiny --model-name DIR."""
    if args.output.exists() and any(args.output.iterdir()):
        raise UserError(
            f"--output {str(args.output)!r} is not empty: choose a new folder, nothing was changed."
        )
    if args.steps < 1:
        raise UserError(f"--steps {args.steps} must be at least 1.")
    from r1rl.machine import keep_memory
    from r1rl.pretrain import pretrain_tiny

    keep_memory()
    pretrain_tiny(args.output, args.seed, args.steps)
    return 0
