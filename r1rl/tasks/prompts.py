"""Problem -> prompt: the system texts by answer type, the user's own texts, and the reasoning prefix."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1rl.config.flags import Config
from r1rl.config.names import is_mixture
from r1rl.models.chat_template import opened_tag, opening, prompt_ids
from r1rl.records import (
    ANSWER_TAG,
    CHOICE,
    COUNTDOWN,
    KNIGHTS_KNAVES,
    LATEX,
    NO_GOLD,
    REASONING_TAG,
    TEXT,
    VERDICT,
    Problem,
    Prompt,
)
from r1rl.system.console import console
from r1rl.system.errors import UserError
from r1rl.tasks.base import first_names, owner
from r1rl.tasks.custom.rows import cell, names_in

QUESTION = "question"
FIELD = re.compile(r"\{(\w+(?:\.\w+)*)\}")  # a column, or a field of one
LONGEST_NAME = 255  # of a file, in bytes


@dataclass(frozen=True, slots=True)
class CustomTexts:
    """The user's system text, and a template around the question; None for the project's own."""

    system: str | None = None
    template: str | None = None

    def filled(self, problem: Problem) -> str:
        """Returns the template with the problem's question and the named columns of its row."""
        values: dict[str, Any] = {**problem.columns, QUESTION: problem.question}
        names = names_in(values)
        return FIELD.sub(lambda m: column_text(cell(values, m[1])) if m[1] in names else m[0], self.template)


def column_text(value: Any) -> str:
    """Returns a column's value for a prompt; a list as options with letters.

    >>> column_text(["red", "blue"])
    '(A) red\\n(B) blue'
    """
    if isinstance(value, list | tuple):
        return "\n".join(f"({chr(ord('A') + i)}) {item}" for i, item in enumerate(value))
    return "" if value is None else str(value)


def load_custom_texts(config: Config) -> CustomTexts:
    """Returns the texts of --system-prompt-file and --prompt-template. Raises UserError."""
    system, template = config.system_prompt_file, config.prompt_template
    if system is not None:
        system = read_text(Path(system), "--system-prompt-file").strip()
    if template is not None:
        if "{" not in template and len(template.encode()) < LONGEST_NAME:
            template = read_text(Path(template), "--prompt-template")
        template = template.rstrip("\n")  # the end of a file, or of a block in YAML
        check_template(template, config.prompt_template)
    return CustomTexts(system, template)


def read_text(path: Path, flag: str) -> str:
    """Returns a file's text. Raises UserError."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        template = "a text with {question} in it, or a file that holds one"
        wanted = template if flag == "--prompt-template" else "a file"
        raise UserError(f"{flag} {str(path)!r} cannot be read ({reason}): give {wanted}.") from None


def check_template(template: str, given: str) -> None:
    """Checks that a template has the field {question}. Raises UserError."""
    fields = FIELD.findall(template)
    if QUESTION in fields:
        return
    near = difflib.get_close_matches(QUESTION, fields, n=1)
    hint = f"did you mean {{question}} where it has {{{near[0]}}}?" if near else "write {question} into it."
    raise UserError(f"--prompt-template {given[:60]!r} has no {{question}}, so every prompt would be the same: {hint}")


SYSTEM_TEXT = f"""\
Solve the problem. First reason step by step, then give the result, in exactly this form:
<{REASONING_TAG}>
your reasoning
</{REASONING_TAG}>
<{ANSWER_TAG}>
the result, one number and nothing else
</{ANSWER_TAG}>"""
ROLES_TEXT = f"""\
Solve the puzzle. First reason step by step, then say what each person is, in exactly this form:
<{REASONING_TAG}>
your reasoning
</{REASONING_TAG}>
<{ANSWER_TAG}>
one line for each person, with the name and the role: (1) ... is a ...
</{ANSWER_TAG}>
In the puzzle, "or" also allows both."""
# From a public Colab notebook on chain of thought with Qwen3-0.6B-Base.
SAFETY_TEXT = "Think step-by-step and reason carefully about this content safety query."
PLAIN = "plain"  # the --prompt-style without a system text; prompts of safety queries have none in any style
ASKED = "one number and nothing else"
# By Problem.answer_type; any other has SYSTEM_TEXT. A task may have its own (Task.system_text).
SYSTEM_TEXTS = {
    KNIGHTS_KNAVES: ROLES_TEXT,
    LATEX: SYSTEM_TEXT.replace("one number", "one number or expression in LaTeX"),
    TEXT: SYSTEM_TEXT.replace(ASKED, "in as few words as possible"),
    CHOICE: SYSTEM_TEXT.replace(ASKED, "the letter of the right option and nothing else"),
    COUNTDOWN: SYSTEM_TEXT.replace(ASKED, "the calculation and nothing else"),
}
NO_TEXTS = CustomTexts()


def system_text(problem: Problem, tag: str = REASONING_TAG) -> str:
    """Returns the task's own text, or else that of the answer type, with `tag` for the reasoning."""
    text = owner(problem.task).system_text or SYSTEM_TEXTS.get(problem.answer_type, SYSTEM_TEXT)
    return text.replace(f"{REASONING_TAG}>", f"{tag}>")


def plain_prompt(
    problem: Problem,
    add_reasoning_prefix: bool,
    style: str = "tags",
    tag: str = REASONING_TAG,
    texts: CustomTexts = NO_TEXTS,
) -> str:
    """Returns the prompt for a base model: system text, question and, if wanted, the opened reasoning tag.

    A safety query is followed by "Reasoning:" instead, and never by the tag.
    """
    if problem.answer_type == VERDICT:
        return f"{safety_query(problem)}\nReasoning:"
    if problem.answer_type == NO_GOLD:  # nothing to solve, so neither system text nor reasoning
        return f"Question: {problem.question}\nAnswer:"
    prompt = f"Question: {problem.question}" + ("\nAnswer:" if style == PLAIN else "")
    if texts.template is not None:
        prompt = texts.filled(problem)
    if system := chosen_system_text(problem, style, tag, texts):
        prompt = f"{system}\n{prompt}"
    return f"{prompt}\n<{tag}>" if add_reasoning_prefix else prompt


def chosen_system_text(problem: Problem, style: str, tag: str, texts: CustomTexts) -> str:
    """Returns the user's system text, or else the project's; empty in the plain style."""
    if texts.system is not None:
        return texts.system
    return "" if style == PLAIN else system_text(problem, tag)


def safety_query(problem: Problem) -> str:
    """Returns a safety query with its instruction."""
    return f"{SAFETY_TEXT}\nQuery: {problem.question}"


def chat_messages(
    problem: Problem, style: str, tag: str = REASONING_TAG, texts: CustomTexts = NO_TEXTS
) -> list[dict[str, str]]:
    """Returns the turns before a chat model's answer."""
    if problem.answer_type == VERDICT:
        return [{"role": "user", "content": safety_query(problem)}]
    if problem.answer_type == NO_GOLD:
        return [{"role": "user", "content": problem.question}]
    content = problem.question if texts.template is None else texts.filled(problem)
    question = {"role": "user", "content": content}
    system = chosen_system_text(problem, style, tag, texts)
    return [{"role": "system", "content": system}, question] if system else [question]


def chat_prompt(
    problem: Problem,
    add_reasoning_prefix: bool,
    tokenizer,
    style: str = "tags",
    tag: str = REASONING_TAG,
    texts: CustomTexts = NO_TEXTS,
) -> str:
    """Returns the prompt for a chat model in its own template, the prefix as an assistant turn to be continued."""
    prompt = opening(tokenizer, chat_messages(problem, style, tag, texts), tag)
    wanted = add_reasoning_prefix and problem.answer_type != NO_GOLD
    return f"{prompt}<{tag}>" if wanted and not opened_tag(prompt, tag) else prompt


class Builder:
    """Builds and tokenizes prompts; prompts over the limit are left out and reported, never cut."""

    def __init__(self, tokenizer, config: Config):
        self.tokenizer, self.config, self.texts = tokenizer, config, load_custom_texts(config)

    def __call__(self, problems: Sequence[Problem], split: str) -> list[Prompt]:
        """Returns the prompts within --max-prompt-length. Raises UserError if there are none, also of one task of several."""
        limit = self.config.max_prompt_length
        prompts = [self.prompt(problem) for problem in problems]
        too_long = [p for p in prompts if len(p.ids) > limit]
        self.check_left(prompts, split)
        if too_long:
            names = first_names([p.problem.id for p in too_long])
            longest = max(len(p.ids) for p in too_long)
            console.print(
                f"left out {len(too_long)} of {len(prompts)} {split} prompts over --max-prompt-length {limit} tokens: "
                f"{names}; the longest has {longest}"
            )
        return [p for p in prompts if len(p.ids) <= limit]

    def check_left(self, prompts: Sequence[Prompt], split: str) -> None:
        """Raises UserError if all prompts are too long, or all of one task in a mixture."""
        limit, mixed = self.config.max_prompt_length, is_mixture(self.config.dataset_name)
        lengths: dict[str, list[int]] = {}
        for p in prompts:
            lengths.setdefault(f"{p.problem.task} " if mixed else "", []).append(len(p.ids))
        for task, found in lengths.items():
            if (shortest := min(found)) > limit:
                raise UserError(
                    f"all {len(found)} {task}{split} prompts are longer than --max-prompt-length {limit}: the shortest has "
                    f"{shortest} tokens. Use --max-prompt-length {shortest} or more."
                )

    def prompt(self, problem: Problem) -> Prompt:
        """Returns the prompt of one problem."""
        c, tag = self.config, self.config.think_tag
        if c.is_chat:
            text = chat_prompt(problem, c.add_reasoning_prefix, self.tokenizer, c.prompt_style, tag, self.texts)
            prefix = opened_tag(text, tag)  # some templates open it by themselves
        else:
            text = plain_prompt(problem, c.add_reasoning_prefix, c.prompt_style, tag, self.texts)
            prefix = f"<{tag}>" if c.add_reasoning_prefix and problem.answer_type != NO_GOLD else ""
        return Prompt(problem, text, tuple(prompt_ids(self.tokenizer, text, c.is_chat)), prefix)
