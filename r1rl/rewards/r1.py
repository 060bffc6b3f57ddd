"""Rewards of the staged R1 pipeline: accuracy, format, reasoning steps, length (cosine), repetition, language.

Sources of the formulas: FareedKhan-dev/train-deepseek-r1 @ 67487bd74ddd59e13831bbd318b511dfd5825b65, README.md, which
took them from huggingface/open-r1 @ 0056faa6b77d73663b353d5422a4828bc9d83218, src/open_r1/rewards.py; the language
reward is that of DeepSeek-R1 (arXiv:2501.12948, section 2.3.2).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from r1rl.config.flags import Config
from r1rl.records import ANSWER_TAG, LATEX, REASONING_TAG, Problem, Rollout, reasoning_text
from r1rl.rewards.grading import grade_rollout, math_answer
from r1rl.rewards.grading.latex import shared_grader
from r1rl.rewards.text import repetition, share_in_language_of, without_code

Reward = Callable[[Rollout, Problem], float | None]

WRONG_SHORT, WRONG_LONG = -0.5, -0.1
RIGHT_SHORT, RIGHT_LONG = 1.0, 0.8
LONGEST = 1000  # tokens; longer completions score like one of this length
ENOUGH_STEPS = 3
REPETITION = -0.1  # for a text that only repeats itself
STEP = re.compile(r"\bStep \d+:|^[ \t]*(?:\d{1,3}[.)]|[-*•])(?=\s)|\b(?:First|Second|Next|Finally),", re.MULTILINE)


def is_right(rollout: Rollout, problem: Problem, config: Config) -> bool | None:
    """Returns whether the answer is right; None if the gold answer is unreadable."""
    if problem.answer_type == LATEX:
        verdict = shared_grader().grade(problem.answer, math_answer(rollout.completion))
        if not verdict.gold_readable:
            return None
    return grade_rollout(rollout, problem, config).correct


def accuracy_reward(config: Config) -> Reward:
    """Returns a reward of 1 for a right answer and 0 for a wrong one; None if the gold answer is unreadable.

    Unlike here, the source gives 1 for an unreadable gold answer and so rewards any completion.
    """

    def accuracy(rollout: Rollout, problem: Problem) -> float | None:
        right = is_right(rollout, problem, config)
        return None if right is None else float(right)

    return accuracy


def format_reward(config: Config) -> Reward:
    """Returns a reward of 1 for reasoning and answer tags, once each, in order, only white space outside; else 0.

    --think-tag names the reasoning tag. Unlike here, the source's pattern also accepts a second pair of tags inside
    the first.
    """

    def format_(rollout: Rollout, problem: Problem) -> float:
        return float(is_formatted(rollout.completion, config.think_tag))

    return format_


def reasoning_steps_reward(config: Config) -> Reward:
    r"""Returns min(1, n / 3) for n marks: "Step 2:", a numbered line, a bullet, "First,", "Second,", "Next,", "Finally,".

    Different from the source: a mark is followed by a space, so a line that begins with 3.5 or **bold** has none;
    the first line may begin with a bullet; and code is ignored, because the lines of a diff are not steps.
    """

    def reasoning_steps(rollout: Rollout, problem: Problem) -> float:
        return min(1.0, len(STEP.findall(without_code(rollout.completion))) / ENOUGH_STEPS)

    return reasoning_steps


def cosine_reward(config: Config) -> Reward:
    """Returns a reward by length: from 1 down to 0.8 for right answers, from -0.5 up to -0.1 for wrong ones.

    For t tokens and T = 1000: b + (a - b) / 2 * (1 + cos(pi * min(t / T, 1))), with a for length 0 and b for length T.
    Different from the source: the length is counted in tokens, not characters, and clamped, because the cosine rises
    again beyond T. None if the gold answer is unreadable.
    """

    def cosine(rollout: Rollout, problem: Problem) -> float | None:
        right = is_right(rollout, problem, config)
        return None if right is None else cosine_scale(right, len(rollout.completion_ids))

    return cosine


def cosine_scale(right: bool, tokens: int) -> float:
    """Computes the formula of `cosine_reward`.

    >>> cosine_scale(True, 0), round(cosine_scale(True, 500), 3), round(cosine_scale(False, 2000), 3)
    (1.0, 0.9, -0.1)
    """
    short, long = (RIGHT_SHORT, RIGHT_LONG) if right else (WRONG_SHORT, WRONG_LONG)
    progress = min(tokens / LONGEST, 1.0)
    return long + (short - long) / 2 * (1 + math.cos(math.pi * progress))


def repetition_penalty_reward(config: Config) -> Reward:
    """Returns -0.1 * (1 - distinct / all) over the 3-grams of words; 0 for fewer than 3 words.

    After arXiv:2502.03373, appendix C.2. Different from the source: each Chinese or Japanese character is a word,
    because a text without spaces would be one word and could repeat itself freely.
    """

    def repetition_penalty(rollout: Rollout, problem: Problem) -> float:
        return repetition(rollout.completion) * REPETITION + 0.0  # turns -0.0, which looks like a penalty, into 0.0

    return repetition_penalty


def language_reward(config: Config) -> Reward:
    """Returns the share of the reasoning's words in the question's language, 0 to 1; see `share_in_language_of`.

    None if the question has no words, as in "2 + 2 = ?".
    """

    def language(rollout: Rollout, problem: Problem) -> float | None:
        return share_in_language_of(problem.question, reasoning_text(rollout.completion, config.think_tag))

    return language


def is_formatted(completion: str, tag: str = REASONING_TAG) -> bool:
    """Returns whether the reasoning and answer tags occur exactly once, in order, with nothing outside them.

    The completion must include the reasoning prefix, as `Rollout.completion` does, even if the prompt opened the
    tag: without it, no completion would be formatted.
    """
    tags = f"</?(?:{tag}|{ANSWER_TAG})>"
    if re.findall(tags, completion) != [f"<{tag}>", f"</{tag}>", f"<{ANSWER_TAG}>", f"</{ANSWER_TAG}>"]:
        return False
    before, _, between, _, after = re.split(tags, completion)
    return not (before.strip() or between.strip() or after.strip())
