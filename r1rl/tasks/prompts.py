"""Problem -> prompt; this file alone knows the system text and the reasoning prefix."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1rl.config.flags import Config
from r1rl.models.chat_template import opened_tag, opening
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
from r1rl.tasks.base import owner

QUESTION = "question"

PLACE = re.compile(r"\{(\w+)\}")

LONGEST_NAME = 255  # of a file, in bytes


@dataclass(frozen=True, slots=True)
class Words:
    """What takes the place of the system text and of what is said around a question; None: the project's own."""

    system: str | None = None
    template: str | None = None

    def filled(self, problem: Problem) -> str:
        """The template with the problem's question and, by name, other columns of its row."""
        values: dict[str, Any] = {**problem.columns, QUESTION: problem.question}
        return PLACE.sub(lambda m: shown(values[m[1]]) if m[1] in values else m[0], self.template)


def shown(value: Any) -> str:
    """A column in a prompt; a list as options with letters.

    >>> shown(["red", "blue"])
    '(A) red\\n(B) blue'
    """
    if isinstance(value, list | tuple):
        return "\n".join(f"({chr(ord('A') + i)}) {item}" for i, item in enumerate(value))
    return "" if value is None else str(value)


def load_words(config: Config) -> Words:
    """The words of the two flags. Raises UserError for a file that cannot be read and a template without {question}."""
    system, template = config.system_prompt_file, config.prompt_template
    if system is not None:
        system = read_text(Path(system), "--system-prompt-file").strip()
    if template is not None:
        if "{" not in template and len(template.encode()) < LONGEST_NAME:
            template = read_text(Path(template), "--prompt-template")
        template = template.rstrip("\n")  # of a file's last line, or of a block in YAML
        check_template(template, config.prompt_template)
    return Words(system, template)


def read_text(path: Path, flag: str) -> str:
    """A file's text. Raises UserError."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        what = (
            "a text with {question} in it, or a file that holds one"
            if flag == "--prompt-template"
            else "a file"
        )
        raise UserError(f"{flag} {str(path)!r} cannot be read ({reason}): give {what}.") from None


def check_template(template: str, given: str) -> None:
    """A template must have a place for the question. Raises UserError."""
    places = PLACE.findall(template)
    if QUESTION in places:
        return
    near = difflib.get_close_matches(QUESTION, places, n=1)
    hint = f"did you mean {{question}} where it has {{{near[0]}}}?" if near else "write {question} into it."
    raise UserError(
        f"--prompt-template {given[:60]!r} has no {{question}}, so every prompt would be the same: {hint}"
    )


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

# After a public Colab notebook on chain of thought with Qwen3-0.6B-Base.
SAFETY_TEXT = "Think step-by-step and reason carefully about this content safety query."

PLAIN = "plain"  # the --prompt-style without a system text; prompts of safety queries have none in any style

MATH_TEXT = SYSTEM_TEXT.replace("one number", "one number or expression in LaTeX")

TEXT_TEXT = SYSTEM_TEXT.replace("one number and nothing else", "in as few words as possible")

CHOICE_TEXT = SYSTEM_TEXT.replace(
    "one number and nothing else", "the letter of the right option and nothing else"
)

EQUATION_TEXT = SYSTEM_TEXT.replace("one number and nothing else", "the calculation and nothing else")

# By Problem.answer_type; any other has SYSTEM_TEXT.
SYSTEM_TEXTS = {
    KNIGHTS_KNAVES: ROLES_TEXT, LATEX: MATH_TEXT, TEXT: TEXT_TEXT, CHOICE: CHOICE_TEXT, COUNTDOWN: EQUATION_TEXT,
}  # fmt: skip

NO_WORDS = Words()


def system_text(problem: Problem, tag: str = REASONING_TAG) -> str:
    """Returns the task's own text, or else that of the answer type, with `tag` for the reasoning."""
    text = owner(problem.task).system_text or SYSTEM_TEXTS.get(problem.answer_type, SYSTEM_TEXT)
    return text.replace(f"{REASONING_TAG}>", f"{tag}>")


def plain_prompt(
    problem: Problem,
    add_reasoning_prefix: bool,
    style: str = "tags",
    tag: str = REASONING_TAG,
    words: Words = NO_WORDS,
) -> str:
    """The prompt for a base model: system text, question and, if wanted, the opened reasoning tag.

    A safety query is followed by "Reasoning:" instead, and never by the tag.
    """
    if problem.answer_type == VERDICT:
        return f"{safety_query(problem)}\nReasoning:"
    if problem.answer_type == NO_GOLD:  # no problem to be solved, so neither system text nor reasoning
        return f"Question: {problem.question}\nAnswer:"
    asked = f"Question: {problem.question}" + ("\nAnswer:" if style == PLAIN else "")
    if words.template is not None:
        asked = words.filled(problem)
    system = system_words(problem, style, tag, words)
    prompt = f"{system}\n{asked}" if system else asked
    return f"{prompt}\n<{tag}>" if add_reasoning_prefix else prompt


def system_words(problem: Problem, style: str, tag: str, words: Words) -> str:
    """The user's system text, or else the project's; none in the plain style."""
    if words.system is not None:
        return words.system
    return "" if style == PLAIN else system_text(problem, tag)


def safety_query(problem: Problem) -> str:
    """A safety query and what is asked about it."""
    return f"{SAFETY_TEXT}\nQuery: {problem.question}"


def chat_messages(
    problem: Problem, style: str, tag: str = REASONING_TAG, words: Words = NO_WORDS
) -> list[dict[str, str]]:
    """The turns before the answer of a chat model."""
    if problem.answer_type == VERDICT:
        return [{"role": "user", "content": safety_query(problem)}]
    if problem.answer_type == NO_GOLD:
        return [{"role": "user", "content": problem.question}]
    asked = problem.question if words.template is None else words.filled(problem)
    question = {"role": "user", "content": asked}
    system = system_words(problem, style, tag, words)
    return [{"role": "system", "content": system}, question] if system else [question]


def chat_prompt(
    problem: Problem,
    add_reasoning_prefix: bool,
    tokenizer,
    style: str = "tags",
    tag: str = REASONING_TAG,
    words: Words = NO_WORDS,
) -> str:
    """The prompt for a chat model: its own template, the prefix as an assistant turn to be continued."""
    prompt = opening(tokenizer, chat_messages(problem, style, tag, words), tag)
    wanted = add_reasoning_prefix and problem.answer_type != NO_GOLD
    return f"{prompt}<{tag}>" if wanted and not opened_tag(prompt, tag) else prompt


class Builder:
    """Builds and tokenizes prompts; those over the limit are left out and named, never cut."""

    def __init__(self, tokenizer, config: Config):
        self.tokenizer, self.config, self.words = tokenizer, config, load_words(config)

    def __call__(self, problems: Sequence[Problem], split: str) -> list[Prompt]:
        """The prompts within --max-prompt-length. Raises UserError if none is."""
        limit = self.config.max_prompt_length
        prompts = [self.prompt(problem) for problem in problems]
        too_long = [p for p in prompts if len(p.ids) > limit]
        if len(too_long) == len(prompts):
            shortest = min(len(p.ids) for p in prompts)
            raise UserError(
                f"all {len(prompts)} {split} prompts are longer than --max-prompt-length {limit}: the shortest has "
                f"{shortest} tokens. Use --max-prompt-length {shortest} or more."
            )
        if too_long:
            names = ", ".join(p.problem.id for p in too_long[:5]) + (", ..." if len(too_long) > 5 else "")
            longest = max(len(p.ids) for p in too_long)
            console.print(
                f"left out {len(too_long)} of {len(prompts)} {split} prompts over --max-prompt-length {limit} tokens: "
                f"{names}; the longest has {longest}"
            )
        return [p for p in prompts if len(p.ids) <= limit]

    def prompt(self, problem: Problem) -> Prompt:
        """One problem as the model reads it."""
        style, tag = self.config.prompt_style, self.config.think_tag
        opened = self.config.add_reasoning_prefix and problem.answer_type != NO_GOLD
        prefix = f"<{tag}>" if opened else ""
        if self.config.is_chat:
            text = chat_prompt(
                problem, self.config.add_reasoning_prefix, self.tokenizer, style, tag, self.words
            )
            prefix = opened_tag(text, tag)  # some templates open it by themselves
        else:
            text = plain_prompt(problem, self.config.add_reasoning_prefix, style, tag, self.words)
        # A chat template writes its own begin token.
        ids = self.tokenizer(text, add_special_tokens=not self.config.is_chat)["input_ids"]
        return Prompt(problem, text, tuple(ids), prefix)
