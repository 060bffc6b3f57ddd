"""Ends a run inside its budget: after each step it asks whether one more would fit."""

from __future__ import annotations

from transformers import TrainerCallback

from r1rl.runs.budget import TOLD_AT, Cost
from r1rl.runs.progress import Meter
from r1rl.system import distributed
from r1rl.system.console import console


class StopInBudget(TrainerCallback):
    """Tells the budget what steps and savings cost; stops before the step that would not fit."""

    def __init__(self, meter: Meter):
        self.meter, self.budget = meter, meter.budget
        self.began = meter.spent()  # of the present step
        self.mark = 0.0  # when what is saved next began
        self.steps_here = 0

    def on_step_begin(self, args, state, control, **kwargs):
        """Called by transformers before each optimizer step. Raises UserError where not even the first one can be paid."""
        self.began = self.meter.spent()
        if self.steps_here == 0:
            distributed.by_first(lambda: self.budget.check_left(self.began))

    def on_step_end(self, args, state, control, **kwargs):
        """Called after each optimizer step, before it is logged, evaluated and saved."""
        spent = self.meter.spent()
        self.mark = spent.seconds
        self.steps_here += 1
        cost = Cost(spent.seconds - self.began.seconds, spent.tokens - self.began.tokens)
        self.budget.step(cost, self.meter.take_completions())
        if state.global_step >= state.max_steps:
            return control
        # Clocks differ between processes; all must end with the same step.
        if not distributed.by_first(lambda: self.budget.fits_another(spent, state.global_step)):
            self.budget.ended = self.budget.why_ended(state.global_step)
            control.should_save = control.should_training_stop = True
        elif self.steps_here == TOLD_AT and (words := self.budget.warning(spent, state.global_step)):
            console.print(f"step {state.global_step:>4}  {words}")
        return control

    def on_log(self, args, state, control, **kwargs):
        """Called after logging, before an evaluation."""
        self.mark = self.meter.spent().seconds

    def on_evaluate(self, args, state, control, **kwargs):
        """Called after an evaluation, before saving."""
        self.mark = self.meter.spent().seconds

    def on_save(self, args, state, control, **kwargs):
        """Called after a checkpoint is written."""
        self.budget.saving(self.meter.spent().seconds - self.mark)
