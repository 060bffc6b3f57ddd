"""Chat templates: what a family's own template does with a system text and with thinking, found by rendering it."""

from __future__ import annotations

import re

from r1rl.system.errors import UserError

THINK_TAG = "think"  # the tag that reasoning models write by themselves

SWITCH = "enable_thinking"  # of templates that turn a model's own thinking on and off (Qwen3, SmolLM3)


def opening(tokenizer, messages: list[dict[str, str]], tag: str) -> str:
    """The prompt up to where the assistant speaks.

    A template with a thinking switch has it on where the run's reasoning stands in <think>, and off elsewhere: the
    model's own thoughts would stand before the run's. A system text that the template refuses or drops (Gemma 2's
    raises) stands at the beginning of the user's turn instead.
    """
    from jinja2 import TemplateError

    def render(turns: list[dict[str, str]]) -> str:
        return tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=True, **switches(tokenizer, tag)
        )

    if messages[0]["role"] != "system":
        return render(messages)
    system, first, *rest = messages
    try:
        text = render(messages)
    except TemplateError:
        text = ""
    if system["content"].strip() in text:
        return text
    return render([first | {"content": f"{system['content']}\n\n{first['content']}"}, *rest])


def switches(tokenizer, tag: str) -> dict[str, bool]:
    """What the template is told about thinking; nothing where it has no switch."""
    return {SWITCH: tag == THINK_TAG} if SWITCH in str(tokenizer.chat_template) else {}


def opened_tag(text: str, tag: str) -> str:
    r"""The reasoning tag at a prompt's end, with the white space after it; "" without one.

    >>> opened_tag("<|assistant|>\n<think>\n", "think")
    '<think>\n'
    """
    found = re.search(rf"<{tag}>\s*\Z", text)
    return found.group() if found else ""


def end_of_turn(tokenizer, is_chat: bool) -> str:
    """What ends an assistant's turn: the chat template's own token, or the end of the text."""
    if not is_chat:
        return tokenizer.eos_token
    (_, _), (said, _), *_ = by_template(
        [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}], tokenizer
    )
    return said.partition("!")[2]  # Qwen3's template puts empty thoughts before what is said


def by_template(messages: list[dict[str, str]], tokenizer) -> list[tuple[str, bool]]:
    """The text by the tokenizer's own chat template, cut where an assistant's turn begins and ends.

    A template that rewrites earlier turns (Qwen3's drops their reasoning) leaves only those to learn that stand in the
    whole text as they were said.
    """

    def render(turns: list[dict[str, str]], asking: bool) -> str:
        return tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=asking)

    whole, pieces, at = render(messages, False), [], 0
    for i, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        before, after = render(messages[:i], True), render(messages[: i + 1], False).rstrip()
        if whole.startswith(before) and whole.startswith(after) and len(before) >= at:
            pieces += [(whole[at : len(before)], False), (whole[len(before) : len(after)], True)]
            at = len(after)
    if not pieces:
        raise UserError("the chat template leaves no assistant's turn as it was said: choose another model.")
    return [*pieces, (whole[at:], False)] if whole[at:] else pieces


def turn_end(tokenizer) -> int | None:
    """The token by which the chat template ends the assistant's turn; None where it is no single one."""
    from jinja2 import TemplateError

    try:
        ids = tokenizer(end_of_turn(tokenizer, is_chat=True), add_special_tokens=False)["input_ids"]
    except (UserError, ValueError, TemplateError):  # a template that rewrites what was said
        return None
    special = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    return ids[0] if ids and ids[0] in special else None
