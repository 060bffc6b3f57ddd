"""SFT examples from conversations: the assistant's turns are learned, after the same prompt as in sampling."""

from __future__ import annotations

from collections.abc import Sequence

from r1rl.config.flags import Config
from r1rl.config.names import GENERAL_TASK
from r1rl.models.chat_template import by_template, end_of_turn, prompt_ids
from r1rl.records import Problem
from r1rl.system.console import console
from r1rl.system.errors import UserError
from r1rl.tasks.conversations import Conversation
from r1rl.tasks.prompts import PLAIN, Builder
from r1rl.tasks.registry import answer_type_of

IGNORED = -100  # the label of tokens that are not learned


def conversation_examples(rows: Sequence[Conversation], tokenizer, config: Config) -> list[dict[str, list[int]]]:
    """Returns input_ids and labels of each conversation; only the assistant's turns and their end tokens are learned.

    A conversation longer than --max-seq-length is left out and counted, never cut. Raises UserError if none is left.
    """
    examples = [example(row, tokenizer, config) for row in rows]
    return fitting(examples, config.max_seq_length, "conversation", "conversations")


def fitting(
    examples: Sequence[dict[str, list[int]]], limit: int, each: str, several: str
) -> list[dict[str, list[int]]]:
    """Returns the examples of at most `limit` tokens and prints how many are left out. Raises UserError if none is left."""
    short = [e for e in examples if len(e["input_ids"]) <= limit]
    if not short:
        shortest = min(len(e["input_ids"]) for e in examples)
        raise UserError(
            f"every {each} is longer than --max-seq-length {limit}: the shortest takes {shortest} tokens. Use "
            f"--max-seq-length {shortest} or more."
        )
    if len(short) < len(examples):
        console.print(
            f"left out {len(examples) - len(short)} of {len(examples)} {several} over --max-seq-length {limit} tokens"
        )
    return short


def example(row: Conversation, tokenizer, config: Config) -> dict[str, list[int]]:
    """Returns one conversation: a question of a task with its prompt as in sampling, anything longer turn by turn."""
    roles = [m["role"] for m in row["messages"]]
    if roles == ["user", "assistant"] and "task" in row:
        pieces = as_sampled(row, tokenizer, config)
    elif config.is_chat:
        pieces = by_template(row["messages"], tokenizer)
    else:
        pieces = by_turns(row["messages"], tokenizer.eos_token)
    ids, labels = [], []
    for text, learned in pieces:
        piece = prompt_ids(tokenizer, text, is_chat=bool(ids) or config.is_chat)
        ids += piece
        labels += piece if learned else [IGNORED] * len(piece)
    return {"input_ids": ids, "labels": labels}


def as_sampled(row: Conversation, tokenizer, config: Config) -> list[tuple[str, bool]]:
    """Returns (text, learned) of the prompt as `tasks.prompts.Builder` makes it, and of the rest of the answer."""
    question, answer = (m["content"] for m in row["messages"])
    prompt = Builder(tokenizer, config).prompt(
        Problem("", question, "", task=row["task"], answer_type=answer_type_of(row["task"]))
    )
    rest = answer.removeprefix(prompt.prefix)
    if not config.is_chat and not prompt.prefix:
        plain = config.prompt_style == PLAIN or row["task"] == GENERAL_TASK
        rest = f"{' ' if plain else chr(10)}{rest.lstrip()}"
    return [(prompt.text, False), (rest + end_of_turn(tokenizer, config.is_chat), True)]


def by_turns(messages: list[dict[str, str]], end: str) -> list[tuple[str, bool]]:
    """Returns (text, learned) for a base model without a template: system text, "Question:", "Answer:", end token."""
    pieces = []
    for message in messages:
        if message["role"] == "assistant":
            pieces += [("Answer:", False), (f" {message['content'].strip()}{end}", True), ("\n\n", False)]
        else:
            name = "" if message["role"] == "system" else "Question: "
            pieces.append((f"{name}{message['content']}\n", False))
    return pieces[:-1] if pieces[-1] == ("\n\n", False) else pieces
