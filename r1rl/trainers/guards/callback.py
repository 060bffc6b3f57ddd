"""The guards in a run: report findings, skip steps that would ruin the weights, retry without memory, stop the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any, TypeVar

import torch
from rich.text import Text
from transformers import TrainerCallback

from r1rl.config.flags import Config
from r1rl.config.run_rules import guard_actions
from r1rl.runs.dump import EVALUATIONS, GUARDS, METRICS, SCHEMA_VERSION, Dump, read_lines, without_nan
from r1rl.system import distributed
from r1rl.system.console import console
from r1rl.system.out_of_memory import CannotGoOn, asked_for, free_memory, is_out_of_memory, without_onednn
from r1rl.trainers.guards.rules import NON_FINITE, QUICK, Finding, Guards

T = TypeVar("T")

SCALED_PATIENCE = 20  # skipped steps in a row in float16: its scale begins too high and halves with each


class Guarding(TrainerCallback):
    """Called by transformers at each step, and by the trainer."""

    def __init__(self, config: Config, dump: Dump, scaled: bool = False):
        """`scaled`: gradients are scaled for float16, and the scaler itself skips steps."""
        self.dump, self.scaled = dump, scaled
        self.actions = guard_actions(config.guard)
        patience = SCALED_PATIENCE if scaled else QUICK
        self.guards = Guards(config.guard_steps, config.max_completion_length, patience)
        self.why_stopped: str | None = None
        self.may_evaluate = True  # not with a hanging engine or broken weights
        self.step_number = 0  # the current one, from 1
        self.divisor = 1  # of the tokens in a pass
        self.skipped: str | None = None  # why the current step's update is skipped
        self.steps_skipped = 0
        self.fired: list[str] = []  # since the last line of metrics
        self.unreported: list[tuple[Finding, int]] = []  # with its step; of a process that does not print
        self.weights_finite = True

    # ---- called by transformers

    def on_train_begin(self, args, state, control, **kwargs):
        """Reads the dump of a resumed run."""
        self.step_number = state.global_step + 1
        evaluated = [line["step"] for line in read_lines(self.dump.folder / EVALUATIONS)]
        if 0 in evaluated:
            self.guards.evaluation(0, self._shares(0))
        seen: dict[str, Any] = {}
        for seen in read_lines(self.dump.folder / METRICS):
            self.guards.step(seen)
            if seen["step"] in evaluated:
                self.guards.evaluation(seen["step"], self._shares(seen["step"]))
        self.steps_skipped = seen.get("steps_skipped", 0)
        self.divisor = seen.get("update_divisor", 1)

    def on_step_begin(self, args, state, control, **kwargs):
        """Called before each optimizer step."""
        self.step_number = state.global_step + 1
        self.skipped = None

    def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
        """Called when gradients are clipped: removes gradients that are not finite, so that the optimizer does nothing."""
        if self.is_finite(model):
            return
        if not (self.scaled and self.skipped == "gradient"):  # otherwise the scaler must see it
            drop_gradients(model)

    def on_evaluate(self, args, state, control, **kwargs):
        """Called after an evaluation is dumped."""
        found = self.guards.evaluation(state.global_step, self._shares(state.global_step))
        if found is not None and self.report(found, state.global_step):
            control.should_save = control.should_training_stop = True
        return control

    # ---- called by the trainer

    def loss(self, loss: torch.Tensor) -> torch.Tensor:
        """Returns the step's loss, 0 if it is not finite: it would stay in transformers' sum of losses."""
        if self.actions["non-finite"] == "off" or bool(torch.isfinite(loss)):
            return loss
        self.skipped = "loss"
        return torch.zeros_like(loss)

    def is_finite(self, model: torch.nn.Module) -> bool:
        """Whether the optimizer may move the weights: loss, gradients and weights are finite, and memory sufficed."""
        if self.actions["non-finite"] == "off":
            return self.skipped is None
        if self.skipped is None and not finite_norm([p.grad for p in model.parameters() if p.grad is not None]):
            self.skipped = "gradient"
        # With broken weights all completions are alike, so there may be neither loss nor gradient to show it.
        self.weights_finite = finite_norm([p.detach() for p in model.parameters() if p.requires_grad])
        if not self.weights_finite:
            self.skipped = "weights"
        return self.skipped is None

    def step(self, line: Mapping[str, Any], control: Any) -> dict[str, Any]:
        """Called after each step with its line of metrics: reports findings and stops the run if one requires it.

        Returns the fields that it adds to the line.
        """
        self.steps_skipped += self.skipped is not None
        counted = {"skipped": self.skipped, "steps_skipped": self.steps_skipped, "update_divisor": self.divisor}
        found = self.guards.step(without_nan({**line, **counted}))  # as a resumed run reads it
        stops = [self.report(one, line["step"]) for one in found]
        if any(stops) or (self.why_stopped is not None and not control.should_training_stop):
            control.should_save = control.should_training_stop = True
        if not self.weights_finite:  # a broken checkpoint must not replace the last good one
            control.should_save = self.may_evaluate = False
        names, self.fired = self.fired, []
        return counted | {"guards": names} | ({"loss": None} if self.skipped in NON_FINITE else {})

    def report(self, found: Finding, step: int) -> bool:
        """Prints and dumps a finding. Returns whether the run must stop."""
        action = self.actions[found.guard]
        if action == "off":
            return False
        stop = found.final or action == "stop"
        colour = "red" if stop else "yellow"
        message = f": {found.words}{'; the run stops' if stop else ''}"
        console.print(Text.assemble(f"step {step:>4}  ", (f"guard {found.guard}", colour), message))
        self.fired.append(found.guard)
        line = {"schema_version": SCHEMA_VERSION, "step": step, "guard": found.guard}
        self.dump.append(GUARDS, [line | {"action": "stop" if stop else action, "words": found.words}])
        if stop and self.why_stopped is None:
            self.why_stopped = f"at step {step} by guard {found.guard}: {found.words}"
        return stop

    def retry_on_oom(
        self, learn: Callable[[int], T], undo: Callable[[], None], smallest: Callable[[int], bool]
    ) -> T | None:
        """Returns `learn(divisor)`; if memory runs out, calls `undo()` and tries again with twice the divisor.

        None if `smallest(divisor)` is true, so that no pass can get smaller: the run stops after this step, which is
        skipped.
        """
        while True:
            # A backward pass that fails on a CPU leaves its nodes, with all that they saved, in the thread's queue. It runs
            # the newest node first: a node that is older than all of them is reached when they are gone.
            with torch.enable_grad():
                oldest = torch.ones(1, requires_grad=True) * 1
            try:
                return learn(self.divisor)
            except (RuntimeError, MemoryError) as error:
                if self.actions["memory"] == "off" or not is_out_of_memory(error):
                    raise
                without_onednn(error)
                failed = asked_for(error)  # a text, not the error: its traceback holds the memory to be freed
            undo()
            oldest.backward()
            free_memory()
            if self.actions["memory"] == "stop" or smallest(self.divisor):
                words = (
                    f"not enough memory to learn from this step, {failed}. Use a smaller --max-completion-length, "
                    "--tokens-per-micro-batch or --lora-rank"
                )
                self.report_local(Finding("memory", words, final=True))
                self.skipped = "memory"
                return None
            self.divisor *= 2
            words = (
                f"out of memory in the update: it is repeated with 1/{self.divisor} of the tokens in each pass (the batch "
                f"stays the same). To avoid this, use a smaller --tokens-per-micro-batch ({failed})"
            )
            self.report_local(Finding("memory", words))

    def report_engine(self, guard: str, words: str) -> None:
        """Reports a finding of the engine's guards."""
        self.report_local(Finding(guard, words))

    def report_local(self, found: Finding) -> bool:
        """Reports a finding of this process alone; of several processes the first one prints it."""
        if not distributed.is_first():
            self.unreported.append((found, self.step_number))
        return self.report(found, self.step_number)

    def engine_stopped(self, stopped: CannotGoOn, step: int, control: Any) -> None:
        """Stops the run because the engine cannot continue; everything up to `step` is kept."""
        if self.why_stopped is None:
            self.report(Finding(stopped.guard, str(stopped), final=True), step)
        self.may_evaluate = False
        control.should_save = control.should_training_stop = True

    # ---- several processes

    def pop_unreported(self) -> list[tuple[Finding, int]]:
        """Returns and forgets the findings that only this process has."""
        unreported, self.unreported = self.unreported, []
        return unreported

    def merge(self, parts: Sequence[Any]) -> None:
        """Merges the `findings` and `why_stopped` of all processes: the first reports them, and all stop together."""
        for part in parts if distributed.is_first() else ():
            for found, step in part.findings:
                self.report(found, step)
        self.why_stopped = next((part.why_stopped for part in parts if part.why_stopped is not None), None)

    def _shares(self, step: int) -> dict[str, float]:
        """Returns the share of correct completions of each problem of an evaluation."""
        correct: dict[str, list[bool]] = {}
        for line in read_lines(self.dump.folder / "eval" / f"step_{step}.jsonl"):
            correct.setdefault(line["problem_id"], []).append(line["correct"])
        return {problem: fmean(verdicts) for problem, verdicts in correct.items()}


def finite_norm(tensors: list[torch.Tensor]) -> bool:
    """Whether all tensors are finite; reads one number from the device instead of one per tensor."""
    return not tensors or bool(torch.isfinite(torch.nn.utils.get_total_norm(tensors)))


def drop_gradients(model: torch.nn.Module) -> None:
    """Removes all gradients: the optimizer then changes neither weights nor its own state."""
    for parameter in model.parameters():
        parameter.grad = None
