"""The default reward: is the final answer right? `python -m r1rl.rewards.correctness` shows it on twelve completions."""

from __future__ import annotations

from collections.abc import Callable

from r1rl.config.flags import Config
from r1rl.records import Problem, Rollout
from r1rl.rewards.grading import grade_rollout


def correctness_reward(config: Config) -> Callable[[Rollout, Problem], float]:
    """Returns a reward of --env-reward-scale for a right answer and 0 for a wrong or missing one.

    Source: dhh1995/R1RL @ 36c196c, gsm8k.py; after Open-Reasoner-Zero (arXiv:2503.24290), which found that a reward
    for the format is not needed.
    """

    def correctness(rollout: Rollout, problem: Problem) -> float:
        return config.env_reward_scale if grade_rollout(rollout, problem, config).correct else 0.0

    return correctness


EXAMPLES = (  # completion, gold answer
    ("48/2 = 24 clips. 48+24 = 72 clips in all.\n#### 72", "72"),
    ("#### 71", "72"),
    ("#### 1,080", "1080"),
    ("#### 1080", "1,080"),
    ("#### $72.00", "72"),
    ("#### 72 clips", "72"),
    ("#### 72.5", "72"),
    ("#### -72", "72"),
    ("#### 72 or 73", "72"),
    ("The answer is 72.", "72"),
    ("####", "72"),
    ("#### 72\nQuestion: And 3 more?\n#### 75", "72"),
)


def show_examples(tolerances: tuple[float, ...] = (0.0, 0.5)) -> None:
    """Prints the reward of each example for each tolerance."""
    from rich.console import Console
    from rich.table import Table

    rewards = [correctness_reward(Config(answer_format="hash", answer_tolerance=t)) for t in tolerances]
    table = Table("completion", "gold", *(f"reward, tolerance {t:g}" for t in tolerances), box=None)
    for completion, gold in EXAMPLES:
        rollout, problem = Rollout("", completion, (), (), (), "stop"), Problem("", "", gold)
        table.add_row(repr(completion), gold, *(str(reward(rollout, problem)) for reward in rewards))
    Console(width=110).print(table)


if __name__ == "__main__":
    show_examples()
