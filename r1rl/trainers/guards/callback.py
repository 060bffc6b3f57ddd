"""The guards of a running training: report findings, skip harmful updates, retry with less memory, stop the run."""

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

SCALED_PATIENCE = 20  # skipped steps in a row in float16: the scaler begins too high and halves each time


class Guarding(TrainerCallback):
    """A callback of transformers that the trainer also calls directly."""

    def __init__(self, config: Config, dump: Dump, scaled: bool = False):
        """`scaled`: gradients are scaled for float16, and the scaler skips steps itself."""
        self.dump, self.scaled = dump, scaled
        self.actions = guard_actions(config.guard)
        patience = SCALED_PATIENCE if scaled else QUICK
        self.guards = Guards(config.guard_steps, config.max_completion_length, patience)
        self.why_stopped: str | None = None
        self.may_evaluate = True  # not with a hanging engine or broken weights
        self.step_number = 0  # the current one, from 1
        self.divisor = 1  # of the tokens per pass
        self.skipped: str | None = None  # why this step's update is skipped
        self.steps_skipped = 0
        self.fired: list[str] = []  # since the last line of metrics
        self.unreported: list[tuple[Finding, int]] = []  # of a process that does not print
        self.sound = True

    # ---- called by transformers

    def on_train_begin(self, args, state, control, **kwargs):
        """Restores the state of a resumed run from its dump."""
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
        """Called before the optimizer: drops gradients that are not finite, so that the optimizer changes nothing."""
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
        """Returns the loss to add to transformers' running sum, where a value that is not finite would stay."""
        if self.actions["non-finite"] == "off" or bool(torch.isfinite(loss)):
            return loss
        self.skipped = "loss"
        return torch.zeros_like(loss)

    def is_finite(self, model: torch.nn.Module) -> bool:
        """Returns whether an inner optimizer step is allowed: loss and gradients are finite, and memory sufficed."""
        if self.actions["non-finite"] == "off":
            return self.skipped is None
        if self.skipped is None and not finite_norm(
            [p.grad for p in model.parameters() if p.grad is not None]
        ):
            self.skipped = "gradient"
        # With broken weights all completions are alike, so there may be no loss or gradient that shows it.
        self.sound = finite_norm([p.detach() for p in model.parameters() if p.requires_grad])
        if not self.sound:
            self.skipped = "weights"
        return self.skipped is None

    def step(self, line: Mapping[str, Any], control: Any) -> dict[str, Any]:
        """Checks the metrics line after each step: reports findings and ends the run if an action says so.

        Returns what metrics.jsonl says of it.
        """
        self.steps_skipped += self.skipped is not None
        counted = {
            "skipped": self.skipped,
            "steps_skipped": self.steps_skipped,
            "update_divisor": self.divisor,
        }
        found = self.guards.step(without_nan({**line, **counted}))  # as a resumed run reads it
        stops = [self.report(one, line["step"]) for one in found]
        if any(stops) or (self.why_stopped is not None and not control.should_training_stop):
            control.should_save = control.should_training_stop = True
        if not self.sound:  # a broken checkpoint must not replace the last good one
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
        words = f": {found.words}{'; the run stops' if stop else ''}"
        console.print(Text.assemble(f"step {step:>4}  ", (f"guard {found.guard}", colour), words))
        self.fired.append(found.guard)
        self.dump.append(
            GUARDS,
            [
                {
                    "schema_version": SCHEMA_VERSION,
                    "step": step,
                    "guard": found.guard,
                    "action": "stop" if stop else action,
                    "words": found.words,
                }
            ],
        )
        if stop and self.why_stopped is None:
            self.why_stopped = f"at step {step} by guard {found.guard}: {found.words}"
        return stop

    def retry_on_oom(
        self, learn: Callable[[int], T], undo: Callable[[], None], smallest: Callable[[int], bool]
    ) -> T | None:
        """Calls `learn(divisor)`; if memory runs out, calls `undo()` and retries with twice the divisor.

        None where `smallest(divisor)` says that nothing gets smaller any more: the run stops after this step, which is
        left out.
        """
        while True:
            # An interrupted backward pass on a CPU leaves its nodes and their tensors in the thread's queue.
            # The queue runs the newest node first: an older one is reached when all of them are gone.
            with torch.enable_grad():
                oldest = torch.ones(1, requires_grad=True) * 1
            failed = self._out_of_memory(lambda: learn(self.divisor))
            if failed is None:
                return self._learned
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
                f"out of memory in the update: the step is learned again, with 1/{self.divisor} of the tokens in each "
                f"pass (the batch stays as it is). For good: a smaller --tokens-per-micro-batch ({failed})"
            )
            self.report_local(Finding("memory", words))

    def report_engine(self, guard: str, words: str) -> None:
        """Reports a finding of the engine's guards."""
        self.report_local(Finding(guard, words))

    def report_local(self, found: Finding) -> bool:
        """Reports a finding of this process; the first process prints it."""
        if not distributed.is_first():
            self.unreported.append((found, self.step_number))
        return self.report(found, self.step_number)

    def _out_of_memory(self, attempt: Callable[[], T]) -> str | None:
        """Runs the attempt and keeps its result. Returns the first line of the error if memory ran out."""
        try:
            self._learned = attempt()
        except (RuntimeError, MemoryError) as error:
            if self.actions["memory"] == "off" or not is_out_of_memory(error):
                raise
            without_onednn(error)
            # Not the error itself: its traceback holds the tensors to be freed.
            return asked_for(error)
        return None

    def engine_stopped(self, stopped: CannotGoOn, step: int, control: Any) -> None:
        """Ends the run because the engine cannot continue; what was learned up to `step` is kept."""
        if self.why_stopped is None:
            self.report(Finding(stopped.guard, str(stopped), final=True), step)
        self.may_evaluate = False
        control.should_save = control.should_training_stop = True

    # ---- several processes

    def pop_unreported(self) -> list[tuple[Finding, int]]:
        """Returns and clears the findings of this process that are not reported yet."""
        findings, self.unreported = self.unreported, []
        return findings

    def merge(self, parts: Sequence[Any]) -> None:
        """Merges findings and `why_stopped` of all processes: the first one reports, and a stop holds for all."""
        for part in parts if distributed.is_first() else ():
            for found, step in part.findings:
                self.report(found, step)
        self.why_stopped = next((part.why_stopped for part in parts if part.why_stopped is not None), None)

    def _shares(self, step: int) -> dict[str, float]:
        """Returns the share of correct completions of each problem of an evaluation."""
        right: dict[str, list[bool]] = {}
        for line in read_lines(self.dump.folder / "eval" / f"step_{step}.jsonl"):
            right.setdefault(line["problem_id"], []).append(line["correct"])
        return {problem: fmean(verdicts) for problem, verdicts in right.items()}


def finite_norm(tensors: list[torch.Tensor]) -> bool:
    """Returns whether all tensors are finite, with one transfer from the device."""
    return not tensors or bool(torch.isfinite(torch.nn.utils.get_total_norm(tensors)))


def drop_gradients(model: torch.nn.Module) -> None:
    """Drops the gradients: without them an optimizer changes neither weights nor its state."""
    for parameter in model.parameters():
        parameter.grad = None
