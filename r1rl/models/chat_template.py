"""Chat templates: a model family's handling of system texts, thinking and ends of turns, found by rendering its template."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

from r1rl.system.errors import UserError

THINK_TAG = "think"  # the tag in which reasoning models think
SWITCH = "enable_thinking"  # the parameter of templates that turns thinking on or off (Qwen3, SmolLM3)
NO_THOUGHTS = f"<{THINK_TAG}>\n\n</{THINK_TAG}>\n\n"  # as Qwen3's template writes them
GIVEN = ("system", "user")  # the roles whose texts a prompt must show; templates may cut an assistant's thoughts
PROBE = "Anna"  # a text that no template writes by itself


def opening(tokenizer, messages: list[dict[str, str]], tag: str) -> str:
    """Returns the rendered prompt, up to the beginning of the assistant's turn. Raises UserError as `rendered` does.

    Thinking is turned on if the run's reasoning is in <think>, else off: the model's thoughts would come before the
    run's reasoning. Thoughts that the template opens itself are then closed, as Qwen3's template does.
    """
    _, text = rendered(tokenizer, messages, True, **switches(tokenizer, tag))
    return text if tag == THINK_TAG else without_thoughts(text)


def without_thoughts(text: str) -> str:
    r"""Returns a prompt with the thoughts that its end opens closed.

    >>> without_thoughts("<|assistant|>\n<think>\n")
    '<|assistant|>\n<think>\n\n</think>\n\n'
    """
    opened = opened_tag(text, THINK_TAG)
    return text.removesuffix(opened) + NO_THOUGHTS if opened else text


def rendered(
    tokenizer, messages: list[dict[str, str]], generation: bool, **settings: bool
) -> tuple[list[dict[str, Any]], str]:
    """Returns the turns in the first form in which the template shows all of them, and its text.

    Forms: as they are; the system text at the beginning of the user's turn, for templates that refuse it (Gemma 2) or
    drop it; and contents as lists of parts, for templates of models that also read images. Raises UserError if the
    template shows the system's and the users' texts in none.
    """
    reason = ""
    for turns in forms(messages):
        try:
            text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=generation, **settings)
        except Exception as error:  # a template is a program: it may raise anything
            reason = reason or " ".join(str(error).split())[:200]
            continue
        dense = "".join(text.split())
        missing = [m["content"] for m in messages if m["role"] in GIVEN and "".join(m["content"].split()) not in dense]
        if not missing:
            return turns, text
        reason = reason or f"it drops {missing[-1].strip()[:60]!r}"
    raise UserError(
        f"the chat template does not render the conversation ({reason}), so the model would not read the question: "
        "choose a model whose template takes system and user turns as texts, or leave --is-chat out."
    )


def forms(messages: list[dict[str, str]]) -> Iterator[list[dict[str, Any]]]:
    """Yields the forms of a conversation that chat templates take."""
    folded = [messages]
    if [m["role"] for m in messages[:2]] == ["system", "user"]:
        system, first, *rest = messages
        folded.append([first | {"content": f"{system['content']}\n\n{first['content']}"}, *rest])
    yield from folded
    for turns in folded:
        yield [m | {"content": [{"type": "text", "text": m["content"]}]} for m in turns]


def switches(tokenizer, tag: str) -> dict[str, bool]:
    """Returns the template's parameter for thinking; {} if it has none."""
    return {SWITCH: tag == THINK_TAG} if SWITCH in str(tokenizer.chat_template) else {}


def opened_tag(text: str, tag: str) -> str:
    r"""Returns the reasoning tag at a prompt's end, with the white space after it; "" without one.

    >>> opened_tag("<|assistant|>\n<think>\n", "think")
    '<think>\n'
    """
    found = re.search(rf"<{tag}>\s*\Z", text)
    return found.group() if found else ""


def end_of_turn(tokenizer, is_chat: bool) -> str:
    """Returns the text that ends an assistant's turn: by the chat template, or the end-of-text token."""
    return (written_end(tokenizer) if is_chat else "") or tokenizer.eos_token


def written_end(tokenizer) -> str:
    """Returns what the chat template writes after an assistant's text; "" if nothing. Raises UserError."""
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": PROBE}]
    return rendered(tokenizer, turns, False)[1].rpartition(PROBE)[2].rstrip()


def by_template(messages: list[dict[str, str]], tokenizer) -> list[tuple[str, bool]]:
    """Returns the rendered conversation in pieces (text, whether it is an assistant's turn).

    A template may rewrite earlier turns (Qwen3's drops their reasoning). Turns that it changed do not count as an
    assistant's, so they are not learned; only the last one is then written after its prompt, as in sampling. Each
    learned turn has an end, the end-of-text token where the template writes none. Raises UserError if no turn is left.
    """
    messages, whole = rendered(tokenizer, messages, False)

    def render(turns: list[dict[str, Any]], generation: bool) -> str:
        return tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=generation)

    end = "" if written_end(tokenizer) else tokenizer.eos_token
    pieces, at = [], 0
    for i, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        before, after = render(messages[:i], True), render(messages[: i + 1], False).rstrip()
        if whole.startswith(before) and whole.startswith(after) and len(before) >= at:
            pieces += [(whole[at : len(before)], False), (whole[len(before) : len(after)] + end, True)]
            at = len(after)
        elif i == len(messages) - 1 and before.startswith(whole[:at]):
            text = message["content"] if isinstance(message["content"], str) else message["content"][0]["text"]
            return [*pieces, (before[at:], False), (continued(before, text) + end_of_turn(tokenizer, True), True)]
    if not pieces:
        raise UserError(
            "the chat template changes every assistant's turn, so none can be learned: choose another model."
        )
    return [*pieces, (whole[at:], False)] if whole[at:] else pieces


def continued(prompt: str, text: str) -> str:
    r"""Returns what of an assistant's text follows a prompt, which may have opened the thoughts.

    >>> continued("<|assistant|>\n<think>\n", "<think>\n2+2\n</think>\n4")
    '2+2\n</think>\n4'
    >>> continued("<|assistant|>\n<think>\n", "4")
    '\n</think>\n\n4'
    """
    if not (opened := opened_tag(prompt, THINK_TAG)):
        return text
    tag = opened.rstrip()
    if text.lstrip().startswith(tag):
        return text.lstrip().removeprefix(tag).lstrip()
    return text if f"</{THINK_TAG}>" in text else NO_THOUGHTS.removeprefix(opened) + text


def prompt_ids(tokenizer, text: str, is_chat: bool) -> list[int]:
    """Returns a prompt's tokens. A chat template writes its own begin token; other prompts get the tokenizer's.

    What a tokenizer appends (an end token, as for classifiers and embeddings) is left out: a prompt goes on.
    """
    ids = tokenizer(text, add_special_tokens=not is_chat)["input_ids"]
    return list(ids) if is_chat else list(ids[: len(ids) - appended(tokenizer)])


def appended(tokenizer) -> int:
    """Returns the number of special tokens that a tokenizer puts after a text."""
    whole, bare = (tokenizer(PROBE, add_special_tokens=added)["input_ids"] for added in (True, False))
    starts = (i for i in range(len(whole) - len(bare) + 1) if whole[i : i + len(bare)] == bare)
    return len(whole) - len(bare) - next(starts, len(whole) - len(bare))


def turn_end(tokenizer) -> int | None:
    """Returns the id of the token by which the chat template ends an assistant's turn; None if it is not one token."""
    try:
        ids = tokenizer(end_of_turn(tokenizer, is_chat=True), add_special_tokens=False)["input_ids"]
    except (UserError, ValueError):  # a template that renders nothing of a conversation
        return None
    special = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    return ids[0] if ids and ids[0] in special else None


def ending_token(template: str | None, begin: str | None, control: list[str]) -> str | None:
    """Returns the control token with which a chat template ends an assistant's turn; None without one."""
    from jinja2 import TemplateError

    if template is None:
        return None
    try:
        text = written_end(PlainTemplate(template, begin)).lstrip()
    except (UserError, TemplateError):  # it renders nothing, or cannot be compiled
        return None
    return next((t for t in control if text.startswith(t)), None)


class PlainTemplate:
    """A chat template as a tokenizer has it, without transformers, whose import must wait for Unsloth's."""

    def __init__(self, template: str, begin: str | None):
        """Compiles the template, with what transformers' chat_template_utils.py offers to it. Raises TemplateError."""
        from jinja2 import TemplateError
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        def refuse(message: str) -> None:
            raise TemplateError(message)

        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.globals |= {"raise_exception": refuse, "strftime_now": time.strftime}
        self.begin, self.compiled = begin or "", environment.from_string(template)

    def apply_chat_template(
        self, messages: list[dict[str, str]], tokenize: bool = False, add_generation_prompt: bool = False
    ) -> str:
        """Returns the rendered conversation."""
        return self.compiled.render(
            messages=messages, add_generation_prompt=add_generation_prompt, bos_token=self.begin, eos_token=""
        )
