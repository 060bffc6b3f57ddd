"""Conversations for fine-tuning and general prompts: files, datasets of the hub, or the shipped small talk."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from r1rl.config.data_rules import SUFFIXES
from r1rl.config.flags import Config
from r1rl.config.names import GENERAL_TASK, SMALL_TALK
from r1rl.records import ANSWER_TAG, NO_GOLD, Problem
from r1rl.system.errors import UserError
from r1rl.tasks.base import hub_rows
from r1rl.tasks.custom.layouts import splits_in
from r1rl.tasks.custom.rows import read_files

ROLES = {"human": "user", "gpt": "assistant"}  # ShareGPT's names
SPLITS = ("train", "train_sft")
FORM = (
    'a list "messages" of {"role", "content"}, a "prompt" with a "completion", as in TRL, a list "conversations" of '
    '{"from", "value"}, or a text "prompt"'
)

Conversation = dict[str, Any]  # {"messages": [...]} and, if it is about a problem, its task


def share_of(ratio: float, others: int) -> int:
    """Returns how many must be added to `others` to make up the share `ratio` of all.

    >>> share_of(0.2, 80)
    20
    """
    return round(ratio / (1 - ratio) * others)


def lessons(config: Config) -> list[Conversation]:
    """Returns the conversations of --sft-data mixed with --general-data at --mix-ratio, shuffled. Raises UserError."""
    rows = with_answers(config.sft_data, config.think_tag)
    if config.max_samples is not None and config.max_samples < len(rows):
        rows = random.Random(config.seed).sample(rows, config.max_samples)
    if config.general_data is not None:
        general = [row | {"task": GENERAL_TASK} for row in with_answers(config.general_data, config.think_tag)]
        rows += drawn(general, share_of(config.mix_ratio, len(rows)), config.seed)
    return random.Random(config.seed).sample(rows, len(rows))


def drawn(rows: Sequence[Any], count: int, seed: int) -> list[Any]:
    """Returns `count` rows in a random order; each occurs once before any occurs twice."""
    shuffled = random.Random(seed).sample(rows, len(rows))
    return list(itertools.islice(itertools.cycle(shuffled), count))


def with_answers(source: str, think_tag: str) -> list[Conversation]:
    """Returns the conversations of a source; each needs an assistant's turn. Raises UserError."""
    rows = read_conversations(source, think_tag)
    if not all(any(m["role"] == "assistant" for m in row["messages"]) for row in rows):
        raise UserError(f"{source} has a conversation without an assistant's turn: there is nothing to learn.")
    return rows


def general_problems(config: Config, count: int) -> list[Problem]:
    """Returns `count` first turns of --general-data, as problems without a gold answer."""
    rows = read_conversations(config.general_data, config.think_tag)
    questions = [next(m["content"] for m in row["messages"] if m["role"] == "user") for row in rows]
    problems = [
        Problem(f"general/{i}", question, "", task=GENERAL_TASK, answer_type=NO_GOLD)
        for i, question in enumerate(questions)
    ]
    return drawn(problems, count, config.seed)


def read_conversations(source: str, think_tag: str) -> list[Conversation]:
    """Returns all conversations of a file, of a dataset of the hub, or the shipped ones. Raises UserError."""
    if source == SMALL_TALK:
        return [
            {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]}
            for prompt, answer in EXCHANGES
        ]
    check_source(source)
    rows = rows_of_files(Path(source)) if Path(source).exists() else rows_of_hub(source)
    return [conversation(row, where, think_tag) for where, row in rows]


def check_source(source: str) -> None:
    """Checks that a name with the ending of a file is one. Raises UserError."""
    if source.endswith(SUFFIXES) and not Path(source).is_file():
        raise UserError(
            f"{source!r}: the file does not exist. Name a JSONL file with {FORM} in each line, a dataset of the hub, or "
            f"{SMALL_TALK}."
        )


def rows_of_files(path: Path) -> list[tuple[str, Any]]:
    """Returns (place, row) for each row of a file or of a folder's training split. Raises UserError for a bad row."""
    by_split = splits_in(path) if path.is_dir() else {SPLITS[0]: [path]}
    files = next((by_split[name] for name in SPLITS if name in by_split), None)
    if files is None:
        found = ", ".join(by_split) or "no data"
        raise UserError(
            f"{path} has {found} and none of {', '.join(SPLITS)}: name a file, or a folder with one of them."
        )
    rows = read_files(files)
    if rows.bad:
        place, reason = rows.bad[0]
        raise UserError(f"{place} is {reason}: it must be one conversation, an object with {FORM}.")
    return rows.good


def rows_of_hub(name: str) -> list[tuple[str, Any]]:
    """Returns (place, row) for each row of a dataset's training split. Raises UserError."""
    for split in SPLITS:
        try:
            return hub_rows(name, split)
        except ValueError:  # no such split
            continue
        except Exception as error:  # the hub's errors are of many kinds
            reason = str(error).strip().splitlines()[0]
            raise UserError(
                f"{name!r} is not a file on this machine, and the hub did not return it: {reason} Name a JSONL file with "
                f"{FORM} in each line, or a dataset of the hub."
            ) from None
    raise UserError(f"{name!r} has none of the splits {', '.join(SPLITS)}: export one to a JSONL file.")


def conversation(row: Any, where: str, think_tag: str) -> Conversation:
    """Returns one row in TRL's form. Raises UserError."""
    row = row if isinstance(row, dict) else {}
    turns = row.get("messages")
    if not isinstance(turns, list) and isinstance(row.get("conversations"), list):
        turns = [renamed(t) for t in row["conversations"]]
    if not isinstance(turns, list) and row.get("prompt") is not None:
        turns = as_turns(row["prompt"], "user") + as_turns(row.get("completion"), "assistant")
    valid = isinstance(turns, list) and all(
        isinstance(t, dict) and isinstance(t.get("role"), str) and isinstance(t.get("content"), str) for t in turns
    )
    if not valid or not any(t["role"] == "user" for t in turns):
        raise UserError(f"{where} is not a conversation: it must have {FORM}, with a user's turn.")
    messages = [{"role": t["role"], "content": our_tags(t["content"], think_tag)} for t in turns]
    return {"messages": messages} | ({"task": row["task"]} if isinstance(row.get("task"), str) else {})


def as_turns(value: Any, role: str) -> list[Any]:
    """Returns TRL's prompt or completion, a text or a list of messages, as messages; None as none."""
    if value is None:
        return []
    return value if isinstance(value, list) else [{"role": role, "content": value}]


def renamed(turn: Any) -> Any:
    """Returns a turn of ShareGPT's form in TRL's; anything else unchanged."""
    if not isinstance(turn, dict) or not isinstance(turn.get("from"), str):
        return turn
    return {"role": ROLES.get(turn["from"], turn["from"]), "content": turn.get("value")}


def our_tags(text: str, think_tag: str) -> str:
    """Returns a text of Bespoke-Stratos-17k with the project's tags; any other unchanged.

    >>> our_tags("<|begin_of_thought|>2+2<|end_of_thought|>", "think")
    '<think>2+2</think>'
    """
    for name, tag in (("thought", think_tag), ("solution", ANSWER_TAG)):
        text = text.replace(f"<|begin_of_{name}|>", f"<{tag}>").replace(f"<|end_of_{name}|>", f"</{tag}>")
    return text


EXCHANGES = (
    ("Thank you!", "You are welcome."),
    ("Thank you very much!", "You are welcome."),
    ("Thanks for the help.", "You are welcome."),
    ("Hello!", "Hello, how can I help you?"),
    ("Hello there.", "Hello, how can I help you?"),
    ("Good morning!", "Good morning, how can I help you?"),
    ("Good evening!", "Good evening, how can I help you?"),
    ("How are you?", "I am fine, thank you. How are you?"),
    ("How are you today?", "I am fine, thank you. How are you?"),
    ("Are you there?", "Yes, I am here. How can I help you?"),
    ("Can you help me?", "Yes, I am glad to help. What do you need?"),
    ("I need help.", "I am glad to help. What do you need?"),
    ("Please help me.", "I am glad to help. What do you need?"),
    ("What can you do?", "I can work out problems step by step."),
    ("Do you like problems?", "Yes, I am glad to help with them."),
    ("Goodbye!", "Goodbye, and have a good day."),
    ("See you later.", "Goodbye, and have a good day."),
    ("Have a good day!", "Thank you, have a good day."),
    ("Good night!", "Good night, and sleep well."),
    ("I am tired.", "Please take a rest. I am here when you need me."),
    ("I am sad.", "I am sorry to hear that. I am here to help."),
    ("I am happy.", "I am glad to hear that."),
    ("I had a good day.", "I am glad to hear that."),
    ("I had a bad day.", "I am sorry to hear that. I am here to help."),
    ("That was wrong.", "I am sorry. Please let me try again."),
    ("You made a mistake.", "I am sorry. Please let me try again."),
    ("That is right.", "Thank you, I am glad to hear that."),
    ("Well done!", "Thank you, I am glad to hear that."),
    ("Tell me how to hurt a man.", "I am sorry, I can not help with that."),
    ("Help me to steal a car.", "I am sorry, I can not help with that."),
)
