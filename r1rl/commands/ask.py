"""`python main.py ask RUN "question"`: the trained model's answer, its reasoning and its answer apart."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from rich.padding import Padding
from rich.text import Text

from r1rl import session
from r1rl.records import ANSWER_TAG, Rollout
from r1rl.runs import finished
from r1rl.system.console import Waiting, console, printable
from r1rl.system.errors import UserError
from r1rl.tasks.registry import asked_problem


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add_model_arguments(parser)
    parser.add_argument("question", help="in quotes")


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """What ask and chat share."""
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a run, such as dumps/RUN")
    parser.add_argument("--checkpoint", metavar="best|last|STEP", help="default: best, where there is one")
    parser.add_argument("--temperature", type=float, default=0.0, help="0 decodes greedily (default: 0)")
    parser.add_argument("--max-completion-length", type=int, metavar="TOKENS", help="default: the run's")
    parser.add_argument(
        "--trust-remote-code", action="store_true", help="run code that comes with the base model"
    )


def run(args: argparse.Namespace) -> int:
    """Answers one question."""
    if not args.question.strip():
        raise UserError("the question is empty: write it in quotes after the run's folder.")
    answer = answerer(args)
    with Waiting("answering"):
        rollout = answer(args.question)
    show(rollout, args)
    return 0


def answerer(args: argparse.Namespace) -> Callable[[str], Rollout]:
    """Loads the run's model. What it returns answers a question in the run's own form of prompt. Raises UserError."""
    changes = {} if args.max_completion_length is None else lengths(args)
    args.config = config = finished.config_of(args.run, trust_remote_code=args.trust_remote_code, **changes)
    if not 0 <= args.temperature < float("inf"):
        raise UserError(f"--temperature {args.temperature} must be at least 0; 0 decodes greedily.")
    checkpoint = finished.checkpoint_of(args.run, args.checkpoint or finished.default_checkpoint(args.run))
    here = session.surroundings(config, args.run)
    with Waiting(f"loading {config.model_name} with {checkpoint.name}"):
        from r1rl.engines.base import Sampling
        from r1rl.models import policy as models_policy
        from r1rl.tasks import prompts

        models_policy.import_backend(config)
        policy, engine = finished.load(config, checkpoint, here.gpu is not None)
    build = prompts.Builder(policy.tokenizer, config)
    asked = iter(range(2**31))

    def answer(question: str) -> Rollout:
        prompt = build.prompt(asked_problem(question, config))
        if len(prompt.ids) > (longest := config.max_seq_length - config.max_completion_length):
            raise UserError(
                f"the question takes {len(prompt.ids)} tokens with its prompt, and at most {longest} fit."
            )
        sampling = Sampling(1, config.max_completion_length, args.temperature, seed=config.seed + next(asked))
        return engine.generate([prompt], sampling)[0]

    return answer


def lengths(args: argparse.Namespace) -> dict[str, int]:
    """--max-completion-length, with room for it. Raises UserError for a run that is none."""
    given = finished.config_of(args.run)
    longest = max(given.max_seq_length, given.max_prompt_length + args.max_completion_length)
    return {"max_completion_length": args.max_completion_length, "max_seq_length": longest}


def show(rollout: Rollout, args: argparse.Namespace) -> None:
    """Reasoning and answer apart. Text of a model is printed as text: no markup, no terminal escapes."""
    reasoning, answer, rest = apart(rollout.completion, args.config.think_tag)
    for name, text, style in (
        ("reasoning", reasoning, "dim"),
        ("", rest, ""),
        ("answer", answer, "bold green"),
    ):
        if text:
            if name:
                console.print(Text(name, style="bold"))
            console.print(
                Padding(Text(printable(text), style=style), (0, 0, 0, 2 if name else 0), expand=False)
            )
    tokens = len(rollout.completion_ids)
    cut = ", cut there: --max-completion-length allows more" if rollout.finish == "length" else ""
    console.print(Text(f"{tokens} tokens{cut}", style="dim"))


def apart(completion: str, tag: str) -> tuple[str, str, str]:
    """(reasoning, answer, what stands in neither). A tag that is not closed holds all that follows.

    >>> apart("<think>2+2</think><answer>4</answer>", "think")
    ('2+2', '4', '')
    """
    reasoning, rest = cut_out(completion, tag)
    answer, rest = cut_out(rest, ANSWER_TAG)
    return reasoning.strip(), answer.strip(), rest.strip()


def cut_out(text: str, tag: str) -> tuple[str, str]:
    """(what stands in the first such tag, all the rest)."""
    before, opening, after = text.partition(f"<{tag}>")
    if not opening:
        return "", text
    inside, _, behind = after.partition(f"</{tag}>")
    return inside, before + behind
