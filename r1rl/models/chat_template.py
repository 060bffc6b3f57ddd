"""Chat templates: a model family's handling of system texts, thinking and ends of turns, found by rendering its template."""

from __future__ import annotations

import re

from r1rl.system.errors import UserError

THINK_TAG = "think"  # the tag in which reasoning models think
SWITCH = "enable_thinking"  # the parameter of templates that turns thinking on or off (Qwen3, SmolLM3)


def opening(tokenizer, messages: list[dict[str, str]], tag: str) -> str:
    """Returns the rendered prompt, up to the beginning of the assistant's turn.

    Thinking is turned on if the run's reasoning is in <think>, else off: the model's thoughts would come before the
    run's reasoning. A system text that the template refuses or drops (Gemma 2's raises) becomes the beginning of the
    user's turn.
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
    if not is_chat:
        return tokenizer.eos_token
    (_, _), (turn, _), *_ = by_template(
        [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}], tokenizer
    )
    return turn.partition("!")[2]  # Qwen3's template puts empty thoughts before the content


def by_template(messages: list[dict[str, str]], tokenizer) -> list[tuple[str, bool]]:
    """Returns the rendered conversation in pieces (text, whether it is an assistant's turn).

    A template may rewrite earlier turns (Qwen3's drops their reasoning). Turns that it changed do not count as an
    assistant's, so they are not learned. Raises UserError if no turn is left.
    """

    def render(turns: list[dict[str, str]], generation: bool) -> str:
        return tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=generation)

    whole, pieces, at = render(messages, False), [], 0
    for i, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        before, after = render(messages[:i], True), render(messages[: i + 1], False).rstrip()
        if whole.startswith(before) and whole.startswith(after) and len(before) >= at:
            pieces += [(whole[at : len(before)], False), (whole[len(before) : len(after)], True)]
            at = len(after)
    if not pieces:
        raise UserError(
            "the chat template changes every assistant's turn, so none can be learned: choose another model."
        )
    return [*pieces, (whole[at:], False)] if whole[at:] else pieces


def turn_end(tokenizer) -> int | None:
    """Returns the id of the token by which the chat template ends an assistant's turn; None if it is not one token."""
    from jinja2 import TemplateError

    try:
        ids = tokenizer(end_of_turn(tokenizer, is_chat=True), add_special_tokens=False)["input_ids"]
    except (UserError, ValueError, TemplateError):  # a template that rewrites turns
        return None
    special = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    return ids[0] if ids and ids[0] in special else None
