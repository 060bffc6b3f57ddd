"""`python main.py ask RUN "question"`: the trained model's answer, with --both next to the base model's."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from r1rl.config.parser import user_path
from r1rl.engines.base import Sampling
from r1rl.records import ANSWER_TAG, Rollout
from r1rl.runs import finished
from r1rl.session import Session
from r1rl.system.console import Waiting, console, printable
from r1rl.system.errors import UserError
from r1rl.tasks.prompts import Builder
from r1rl.tasks.registry import asked_problem

BASE, TRAINED = "base model", "trained model"
Answers = dict[str, Rollout]  # by TRAINED, with --both by BASE and TRAINED


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    add_model_arguments(parser)
    parser.add_argument("question", help="in quotes")


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of both ask and chat."""
    parser.add_argument("run", type=user_path, metavar="RUN", help="folder of a run, such as dumps/RUN")
    parser.add_argument("--checkpoint", metavar="best|last|STEP", help="default: best, if there is one")
    parser.add_argument("--model-name", metavar="NAME", help=finished.BASE_HELP)
    parser.add_argument("--temperature", type=float, default=0.0, help="0 decodes greedily (default: 0)")
    parser.add_argument("--max-completion-length", type=int, metavar="TOKENS", help="default: the run's")
    parser.add_argument("--both", action="store_true", help="also the base model's answer, with the same seed")
    parser.add_argument("--trust-remote-code", action="store_true", help="run code of the base model")


def run(args: argparse.Namespace) -> int:
    """Answers one question."""
    if not args.question.strip():
        raise UserError("the question is empty: write it in quotes after the run's folder.")
    answer = load_answerer(args)
    with Waiting("answering"):
        answers = answer(args.question)
    show(answers, args)
    return 0


def load_answerer(args: argparse.Namespace) -> Callable[[str], Answers]:
    """Loads the run's model and returns a function that answers a question, in the run's form of prompt. Raises UserError."""
    changes = finished.base_given(args.model_name)
    changes |= {} if args.max_completion_length is None else lengths(args)
    config = finished.config_of(args.run, trust_remote_code=args.trust_remote_code, **changes)
    args.config = config
    if not 0 <= args.temperature < float("inf"):
        raise UserError(f"--temperature {args.temperature} must be at least 0; 0 decodes greedily.")
    checkpoint = finished.checkpoint_of(args.run, args.checkpoint or finished.default_checkpoint(args.run))
    session = Session.of_run(config, args.run, checkpoint)
    with Waiting("loading the libraries") as status:
        build = Builder(session.load_tokenizer(), config)
        example = build.prompt(asked_problem("What is 1 plus 1?", config))
        session.start([example], status)
        session.prove([example], status, quick=True)
    numbers = itertools.count()

    def answer(question: str) -> Answers:
        prompt = build.prompt(asked_problem(question, config))
        if len(prompt.ids) > (longest := config.max_seq_length - config.max_completion_length):
            raise UserError(f"the question has {len(prompt.ids)} tokens with its prompt, but at most {longest} fit.")
        seed = config.seed + next(numbers)
        sampling = Sampling(1, config.max_completion_length, args.temperature, seed=seed)
        answers = {}
        if args.both:
            with session.as_base():
                answers[BASE] = session.engine.generate([prompt], sampling)[0]
        return answers | {TRAINED: session.engine.generate([prompt], sampling)[0]}

    return answer


def lengths(args: argparse.Namespace) -> dict[str, int]:
    """Returns the flags for --max-completion-length. Raises UserError if RUN is not a run."""
    config = finished.config_of(args.run)
    longest = max(config.max_seq_length, config.max_prompt_length + args.max_completion_length)
    return {"max_completion_length": args.max_completion_length, "max_seq_length": longest}


def show(answers: Answers, args: argparse.Namespace) -> None:
    """Prints reasoning and answer separately, two models side by side. Plain text: no markup, no terminal escapes."""
    columns = {name: Group(*parts(rollout, args.config.think_tag)) for name, rollout in answers.items()}
    if len(columns) == 1:
        console.print(*columns.values())
        return
    table = Table(box=None, expand=True, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold underline")
    for name in columns:
        table.add_column(name, ratio=1, overflow="fold")
    table.add_row(*columns.values())
    console.print(table, soft_wrap=False)


def parts(rollout: Rollout, tag: str) -> Iterator[RenderableType]:
    """Yields reasoning, answer and length of a completion."""
    reasoning, answer, rest = split_answer(rollout.completion, tag)
    for name, text, style in (("reasoning", reasoning, "dim"), ("", rest, ""), ("answer", answer, "bold green")):
        if text:
            if name:
                yield Text(name, style="bold")
            shown = Text(printable(text), style=style)
            yield Padding(shown, (0, 0, 0, 2 if name else 0), expand=False)
    tokens = len(rollout.completion_ids)
    cut = ", cut off: --max-completion-length allows more" if rollout.finish == "length" else ""
    yield Text(f"{tokens} tokens{cut}", style="dim")


def split_answer(completion: str, tag: str) -> tuple[str, str, str]:
    """Returns (reasoning, answer, the rest). A tag that is not closed contains all that follows.

    >>> split_answer("<think>2+2</think><answer>4</answer>", "think")
    ('2+2', '4', '')
    """
    reasoning, rest = cut_out(completion, tag)
    answer, rest = cut_out(rest, ANSWER_TAG)
    return reasoning.strip(), answer.strip(), rest.strip()


def cut_out(text: str, tag: str) -> tuple[str, str]:
    """Returns (the content of the first such tag, the rest)."""
    before, opening, after = text.partition(f"<{tag}>")
    if not opening:
        return "", text
    inside, _, behind = after.partition(f"</{tag}>")
    return inside, before + behind
