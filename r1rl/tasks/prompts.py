"""Problem -> prompt; this file alone knows the system text and the reasoning prefix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from r1rl.config.flags import Config
from r1rl.config.run_rules import GENERAL_TASK
from r1rl.config.safety_flags import SAFETY_TASK
from r1rl.models.chat_template import opened_tag, opening
from r1rl.records import Problem
from r1rl.system.console import console
from r1rl.system.errors import UserError
from r1rl.tasks.prompt_words import Words, load_words

REASONING_TAG = "reasoning"

ANSWER_TAG = "answer"

REASONING_PREFIX = f"<{REASONING_TAG}>"

STOP_TEXT = f"</{ANSWER_TAG}>"  # sampling ends here: whatever follows a closed answer is not read

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

# By Problem.task; any other task has SYSTEM_TEXT.
SYSTEM_TEXTS = {
    "knights_knaves": ROLES_TEXT, "math": MATH_TEXT, "text": TEXT_TEXT, "choice": CHOICE_TEXT, "countdown": EQUATION_TEXT,
}  # fmt: skip

NO_WORDS = Words()


def system_text(problem: Problem, tag: str = REASONING_TAG) -> str:
    """What a problem of this task asks for, and in which form; `tag` is the one for the reasoning."""
    return SYSTEM_TEXTS.get(problem.task, SYSTEM_TEXT).replace(f"{REASONING_TAG}>", f"{tag}>")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A problem as the model reads it."""

    problem: Problem
    text: str
    ids: tuple[int, ...]
    prefix: str = ""  # the end of `text` that a reader counts as the completion's beginning


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
    if problem.task == SAFETY_TASK:
        return f"{safety_query(problem)}\nReasoning:"
    if problem.task == GENERAL_TASK:  # no problem to be solved, so neither system text nor reasoning
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
    if problem.task == SAFETY_TASK:
        return [{"role": "user", "content": safety_query(problem)}]
    if problem.task == GENERAL_TASK:
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
    wanted = add_reasoning_prefix and problem.task != GENERAL_TASK
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
        opened = self.config.add_reasoning_prefix and problem.task != GENERAL_TASK
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
