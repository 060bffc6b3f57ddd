"""The curriculum of a run: which prompts a step takes, and a state that is saved with every checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState

from r1rl.tasks.prompts import Prompt
from r1rl.trainers.curriculum import Plan, State, after_step, draw, level


class Stages(TrainerCallback, ExportableState):
    """Moves from stage to stage; transformers writes `state()` into trainer_state.json of each checkpoint."""

    def __init__(self, plan: Plan, prompts: Sequence[Prompt], seed: int, ended: Callable[[int], None]):
        """`ended` is called with the level of each stage that ends, when its last step is done."""
        self.plan, self.seed, self.ended = plan, seed, ended
        self.now = State()
        self.pass_rates: list[float] = []  # of the present step's groups
        self.rows = {n: [i for i, p in enumerate(prompts) if p.problem.level == n] for n in plan.levels}

    @property
    def level(self) -> int:
        """The level of the present step's problems."""
        return level(self.plan, self.now)

    def draw(self, count: int) -> list[int]:
        """Positions of the present step's prompts: all of one level."""
        return draw(self.rows[self.level], count, self.now.steps, f"stages/{self.seed}/{self.level}")

    def draw_more(self, count: int) -> list[int]:
        """Positions of further prompts of the present level, the same for a step whenever it is run."""
        rows = self.rows[self.level]
        return draw(rows, min(count, len(rows)), self.now.steps, f"more/{self.seed}/{self.level}")

    def state(self) -> dict[str, Any]:
        """See ExportableState."""
        return {"args": {}, "attributes": self.now.to_dict()}

    def on_train_begin(self, args, state, control, **kwargs):
        """Goes on where the checkpoint stood; a new run's state is that of its start."""
        self.now = State.from_dict(state.stateful_callbacks[type(self).__name__]["attributes"])

    def on_step_end(self, args, state, control, **kwargs):
        """Called by transformers after each optimizer step, before it logs, evaluates and saves."""
        before = self.level
        self.now = after_step(self.plan, self.now, self.pass_rates)
        if self.level != before:
            self.ended(before)
