"""Problem -> prompt text; this file alone knows the system text and the reasoning prefix."""

from __future__ import annotations

from r1rl.records import Problem

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


def plain_prompt(problem: Problem, add_reasoning_prefix: bool) -> str:
    """The prompt for a base model: system text, question and, if wanted, the opened reasoning tag."""
    prompt = f"{SYSTEM_TEXT}\nQuestion: {problem.question}"
    return f"{prompt}\n{REASONING_PREFIX}" if add_reasoning_prefix else prompt


def chat_prompt(problem: Problem, add_reasoning_prefix: bool, tokenizer) -> str:
    """The prompt for a chat model: its own template, the prefix as an assistant turn to be continued."""
    messages = [
        {"role": "system", "content": SYSTEM_TEXT},
        {"role": "user", "content": problem.question},
    ]
    prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return f"{prompt}{REASONING_PREFIX}" if add_reasoning_prefix else prompt
