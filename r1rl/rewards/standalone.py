"""A run's reward as a function of a completion's text: what the reward files that `export` writes for verl and OpenRLHF call.

It needs Python, rich and regex, and of a run with LaTeX answers also math-verify: neither torch nor a GPU.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from typing import Any

from r1rl.config.flags import Config
from r1rl.records import Problem, Prompt, Rollout, visible_text
from r1rl.rewards.weighted import load_rewards

# Those that read a completion's text and its problem's answer: elsewhere nothing else is known of a rollout.
CARRIED = (
    "correctness", "logic-rl", "strict", "answer-only", "accuracy", "format", "reasoning_steps", "repetition_penalty",
)  # fmt: skip


class OutsideReward:
    """The weighted sum of the run's rewards for one completion.

    `answer_type`: Problem.answer_type of all problems. `prefix`: what the prompts end in and a completion begins with, as
    <reasoning>. `special`: tokens that are no text. `settings`: flags that are not at their defaults.
    """

    def __init__(self, answer_type: str, prefix: str, special: Sequence[str], settings: dict[str, Any]):
        self.made_of = (answer_type, prefix, tuple(special), settings)
        self.config = Config(**settings)
        self.answer_type, self.prefix = answer_type, prefix
        self.special = re.compile("|".join(map(re.escape, special)) or r"(?!)")
        self.rewards = load_rewards(self.config)
        self.alone = (
            threading.Lock()
        )  # both frameworks ask from several threads; the LaTeX grader has one process

    def __reduce__(self):
        return OutsideReward, self.made_of  # Ray sends it to its workers, and a lock cannot be sent

    def __call__(self, text: str, answer: str) -> float:
        """The reward of a completion (what was sampled, special tokens or not) against the gold answer."""
        problem = Problem("", "", answer, answer_type=self.answer_type)
        # The run's sampling ends at </answer>. There it goes on, and what comes after is not read.
        seen = visible_text(Prompt(problem, "", (), self.prefix), self.special.sub("", text))
        rollout = Rollout("", seen, (), (), (), "stop")
        weights = self.config.reward_weights
        with self.alone:
            earned = {name: reward(rollout, problem) for name, reward in self.rewards.items()}
        return sum(weights[name] * value for name, value in earned.items() if value is not None)


def completion_of(query: str, prompt: str) -> str:
    """What follows the prompt in a text decoded from the tokens of both. Raises ValueError where the prompt is not there.

    Decoding may drop spaces (before commas, say), so characters are counted without them where it is not there as it was.

    >>> completion_of("2 + 2 = 4", "2 + 2 =")
    ' 4'
    >>> completion_of("Well, 2?4", "Well , 2 ?")
    '4'
    """
    if query.startswith(prompt):
        return query[len(prompt) :]
    place = 0
    for character in filter(lambda c: not c.isspace(), prompt):
        while query[place : place + 1].isspace():
            place += 1
        if query[place : place + 1] != character:
            raise ValueError(f"the text does not begin with its prompt: {query[:80]!r} and {prompt[:80]!r}")
        place += 1
    return query[place:]
