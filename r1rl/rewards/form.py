"""The form of a completion: the tags of reasoning and answer, each once and in order, and nothing outside of them."""

from __future__ import annotations

import re

from r1rl.tasks.prompts import ANSWER_TAG, REASONING_TAG


def is_formatted(completion: str, tag: str = REASONING_TAG) -> bool:
    """Whether the reasoning and answer tags stand there exactly once, in order, and nothing outside of them.

    The completion must include the reasoning prefix, as `Rollout.completion` does, even where the prompt
    opened the tag: scored without it, no completion would ever be in form.
    """
    tags = f"</?(?:{tag}|{ANSWER_TAG})>"
    if re.findall(tags, completion) != [f"<{tag}>", f"</{tag}>", f"<{ANSWER_TAG}>", f"</{ANSWER_TAG}>"]:
        return False
    before, _, between, _, after = re.split(tags, completion)
    return not (before.strip() or between.strip() or after.strip())
