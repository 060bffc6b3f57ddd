"""`python main.py chat RUN`: question after question to the trained model, until the input ends."""

from __future__ import annotations

import argparse
import sys

from r1rl.commands.ask import add_model_arguments, answerer, show
from r1rl.system.console import Waiting, console
from r1rl.system.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Reads a question a line. Each stands alone, as in training: the model sees no earlier ones."""
    answer = answerer(args)
    if sys.stdin.isatty():
        console.print("a question a line, each on its own; Ctrl-D or Ctrl-C ends")
    try:
        while True:
            question = read_line()
            if question is None:
                return 0
            if question.strip():
                respond(answer, question, args)
    except KeyboardInterrupt:
        console.print()
        return 0


def respond(answer, question: str, args: argparse.Namespace) -> None:
    """One answer; a question that does not fit is told, and the next one asked."""
    try:
        with Waiting("answering"):
            rollout = answer(question)
    except UserError as error:
        console.print(str(error), markup=False)
        return
    show(rollout, args)
    console.print()


def read_line() -> str | None:
    """The next line of the terminal, or of a file; None at the end."""
    try:
        return console.input("> ") if sys.stdin.isatty() else input()
    except EOFError:
        return None
