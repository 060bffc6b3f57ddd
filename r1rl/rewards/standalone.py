"""A run's reward as a function of a completion's text, called by the files that `export` writes for verl and OpenRLHF.

It needs Python, rich and regex, and math-verify for LaTeX answers, but neither torch nor a GPU.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from typing import Any

from r1rl.config.flags import Config
from r1rl.records import Problem, Prompt, Rollout, visible_text
from r1rl.rewards.weighted import load_rewards

# The rewards that read only a completion's text and the gold answer: other frameworks provide nothing else.
CARRIED = (
    "correctness", "logic-rl", "strict", "answer-only", "accuracy", "format", "reasoning_steps", "repetition_penalty",
)  # fmt: skip


class OutsideReward:
    """The weighted sum of the run's rewards for one completion.

    Args:
        answer_type: Problem.answer_type of all problems.
        prefix: the end of each prompt, such as <reasoning>, that completions are shown with.
        special: special tokens, which are removed from completions.
        settings: the flags that are not at their defaults.
    """

    def __init__(self, answer_type: str, prefix: str, special: Sequence[str], settings: dict[str, Any]):
        self.arguments = (answer_type, prefix, tuple(special), settings)
        self.config = Config(**settings)
        self.answer_type, self.prefix = answer_type, prefix
        self.special = re.compile("|".join(map(re.escape, special)) or r"(?!)")
        self.rewards = load_rewards(self.config)
        self.lock = threading.Lock()  # both frameworks call from several threads; the LaTeX grader has one process

    def __reduce__(self):
        return OutsideReward, self.arguments  # Ray pickles it for its workers, and locks cannot be pickled

    def __call__(self, text: str, answer: str) -> float:
        """Returns the reward of a completion, with or without special tokens, against the gold answer."""
        problem = Problem("", "", answer, answer_type=self.answer_type)
        # The other frameworks sample beyond </answer>, where a run here stops; the rest is ignored.
        completion = visible_text(Prompt(problem, "", (), self.prefix), self.special.sub("", text))
        rollout = Rollout("", completion, (), (), (), "stop")
        weights = self.config.reward_weights
        with self.lock:
            values = {name: reward(rollout, problem) for name, reward in self.rewards.items()}
        return sum(weights[name] * value for name, value in values.items() if value is not None)


def completion_of(query: str, prompt: str) -> str:
    """Returns what follows the prompt in a text decoded from the tokens of both. Raises ValueError without the prompt.

    Decoding may drop spaces, for example before commas, so the prompt is compared without spaces if need be.

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
