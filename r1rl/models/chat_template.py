"""Chat templates: a model family's handling of system texts, thinking and ends of turns, found by rendering its template."""

from __future__ import annotations

import datetime
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


def ending_token(template: str | None, begin: str | None, control: list[str]) -> str | None:
    """Returns the control token with which a chat template ends an assistant's turn; None without one."""
    from jinja2 import TemplateError

    if template is None:
        return None
    try:
        text = end_of_turn(PlainTemplate(template, begin), is_chat=True).lstrip()
    except (UserError, ValueError, TypeError, TemplateError):  # it rewrites turns, or wants what is not here
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
        environment.globals |= {
            "raise_exception": refuse,
            "strftime_now": lambda form: datetime.datetime.now().strftime(form),
        }
        self.begin, self.compiled = begin or "", environment.from_string(template)

    def apply_chat_template(
        self, messages: list[dict[str, str]], tokenize: bool = False, add_generation_prompt: bool = False
    ) -> str:
        """Returns the rendered conversation."""
        return self.compiled.render(
            messages=messages, add_generation_prompt=add_generation_prompt, bos_token=self.begin, eos_token=""
        )
