"""Chat templates: what a family's own template does with a system text and with thinking, found by rendering it."""

from __future__ import annotations

import re

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
