"""`python main.py chat RUN`: answers one question after another, until the input ends."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from r1rl.commands.ask import Answers, add_model_arguments, load_answerer, show
from r1rl.system.console import Waiting, console
from r1rl.system.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Reads one question per line. As in training, the model does not see earlier questions."""
    answer = load_answerer(args)
    if sys.stdin.isatty():
        console.print("one question per line, each without the earlier ones; Ctrl-D or Ctrl-C ends")
    try:
        while (question := read_line()) is not None:
            if question.strip():
                respond(answer, question, args)
    except KeyboardInterrupt:
        console.print()
    return 0


def respond(answer: Callable[[str], Answers], question: str, args: argparse.Namespace) -> None:
    """Prints one answer, or why a question does not fit."""
    try:
        with Waiting("answering"):
            answers = answer(question)
    except UserError as error:
        console.print(str(error), markup=False)
        return
    show(answers, args)
    console.print()


def read_line() -> str | None:
    """Returns the next line of the terminal or of a file; None at the end."""
    try:
        return console.input("> ") if sys.stdin.isatty() else input()
    except EOFError:
        return None
