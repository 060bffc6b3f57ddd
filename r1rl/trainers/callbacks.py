"""Callbacks of the trainers: optimizer time, budget, profile, trackers, the stages of a curriculum, the difficulty pool."""

from __future__ import annotations

import dataclasses
import html
import importlib
import random
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from transformers import TrainerCallback
from transformers.integrations import get_reporting_integration_callbacks
from transformers.trainer_callback import ExportableState

from r1rl.config.flags import Config
from r1rl.config.names import trackers
from r1rl.records import Prompt
from r1rl.runs.budget import WARN_AT_STEP
from r1rl.runs.metric_names import numbers
from r1rl.runs.progress import Meter
from r1rl.runs.scores import Evaluation
from r1rl.system import distributed
from r1rl.system.console import console, printable
from r1rl.system.redact import redact, redact_all
from r1rl.trainers.prompt_order import Plan, Pool, State, after_step, draw, level

FIRST_PROFILED = 2  # the first step builds kernels and caches and is not like the others
TABLE_ROWS = 40  # operations in the profile's table
SHOWN_ROWS = 8  # completions of an evaluation that trackers get
TABLES = ("wandb", "trackio")  # trackers with tables and a config; both have the same functions


class OptimizerClock(TrainerCallback):
    """Measures the optimizer's time."""

    def __init__(self, meter: Meter):
        self.meter = meter

    def on_pre_optimizer_step(self, args, state, control, **kwargs):
        """Called by transformers when gradients are clipped."""
        self.start = time.perf_counter()

    def on_optimizer_step(self, args, state, control, **kwargs):
        """Called by transformers after the weights are updated."""
        self.meter.add("optimizer", time.perf_counter() - self.start)


class StopInBudget(TrainerCallback):
    """Reports the cost of steps and checkpoints to the budget; stops before the step that would exceed it."""

    def __init__(self, meter: Meter):
        self.meter, self.budget = meter, meter.budget
        self.began = meter.spent()  # of the current step
        self.mark = 0.0  # seconds of the run when the next checkpoint may begin
        self.steps_here = 0

    def on_step_begin(self, args, state, control, **kwargs):
        """Called by transformers before each optimizer step. Raises UserError if the budget has no room for the first."""
        self.began = self.meter.spent()
        if self.steps_here == 0:
            distributed.on_first(lambda: self.budget.check_left(self.began))

    def on_step_end(self, args, state, control, **kwargs):
        """Called after each optimizer step, before it is logged, evaluated and saved."""
        spent = self.meter.spent()
        self.mark = spent.seconds
        self.steps_here += 1
        cost = spent + self.began * -1
        self.budget.step(cost, self.meter.take_completions())
        if state.global_step >= state.max_steps:
            return control
        # Clocks differ between processes; all must end with the same step.
        if not distributed.on_first(lambda: self.budget.fits_another(spent, state.global_step)):
            self.budget.ended = self.budget.why_ended(state.global_step)
            control.should_save = control.should_training_stop = True
        elif self.steps_here == WARN_AT_STEP and (words := self.budget.warning(spent, state.global_step)):
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


class Profile(TrainerCallback):
    """Records `steps` steps from the second step of this process on; they take somewhat longer."""

    def __init__(self, steps: int, folder: Path):
        self.steps, self.folder = steps, folder
        self.begun = 0  # steps of this process
        self.profiler = None

    def on_step_begin(self, args, state, control, **kwargs):
        """Called by transformers before each step."""
        from torch.profiler import profile

        self.begun += 1
        if self.begun == FIRST_PROFILED:
            self.profiler = profile().__enter__()

    def on_step_end(self, args, state, control, **kwargs):
        """Called by transformers after each optimizer step."""
        if self.profiler is not None and self.begun == FIRST_PROFILED + self.steps - 1:
            self.finish(state.global_step)

    def on_train_end(self, args, state, control, **kwargs):
        """Called after the last step: the run may be shorter than the profile."""
        if self.profiler is not None:
            self.finish(state.global_step)

    def finish(self, step: int) -> None:
        """Writes profile/steps_<a>-<b>.txt and .json.gz."""
        profiler, self.profiler = self.profiler, None
        profiler.__exit__(None, None, None)
        self.folder.mkdir(exist_ok=True)
        name = f"steps_{step - (self.begun - FIRST_PROFILED)}-{step}"
        by = "self_cuda_time_total" if any(e.self_device_time_total for e in profiler.key_averages()) else ""
        table = profiler.key_averages().table(sort_by=by or "self_cpu_time_total", row_limit=TABLE_ROWS)
        (self.folder / f"{name}.txt").write_text(table, encoding="utf-8")
        profiler.export_chrome_trace(str(self.folder / f"{name}.json.gz"))
        console.print(f"step {step:>4}  profile: {self.folder / name}.txt, and .json.gz for https://ui.perfetto.dev")


class Trackers(TrainerCallback):
    """Sends the run's metrics to each tracker, from the first process. The base class's own log does not reach them."""

    def __init__(self, config: Config, folder: Path):
        self.config = config
        self.inner = {
            name: get_reporting_integration_callbacks([name])[0]()
            for name in (trackers(config.report_to) if distributed.is_first() else ())
        }
        board = self.inner.get("tensorboard")
        if board is not None and board.logging_dir is None:  # no TENSORBOARD_LOGGING_DIR
            board.logging_dir = str(folder / "logs" / "tensorboard")

    def on_train_begin(self, args, state, control, **kwargs):
        """Called by transformers: the trackers start their runs."""
        for name, callback in self.inner.items():
            callback.on_train_begin(args, state, control, **kwargs)
            if name in TABLES:
                settings = {"r1rl": redact_all(dataclasses.asdict(self.config))}
                importlib.import_module(name).config.update(settings, allow_val_change=True)

    def on_save(self, args, state, control, **kwargs):
        """Called by transformers: some trackers upload checkpoints, if their environment variables say so."""
        for callback in self.inner.values():
            callback.on_save(args, state, control, **kwargs)

    def step(self, trainer: Any, line: dict[str, Any]) -> None:
        """Sends a line of metrics.jsonl."""
        self._log(trainer, dict(numbers(line)))

    def evaluated(self, trainer: Any, result: Evaluation) -> None:
        """Sends a line of evaluations.jsonl and some of its completions."""
        self._log(trainer, {f"eval_{name}": value for name, value in numbers(result.summary)})
        rows = completion_rows(result)
        for name, callback in self.inner.items():
            if name in TABLES:
                send_table(importlib.import_module(name), rows, result.step)
            else:
                callback.tb_writer.add_text("completions", markdown(rows), result.step)
                callback.tb_writer.flush()

    def close(self, trainer: Any) -> None:
        """Closes the trackers; called after the last evaluation, when transformers has ended training already."""
        for callback in self.inner.values():
            callback.on_train_end(trainer.args, trainer.state, trainer.control, model=trainer.model)

    def _log(self, trainer: Any, logs: dict[str, float]) -> None:
        for callback in self.inner.values():
            callback.on_log(trainer.args, trainer.state, trainer.control, model=trainer.model, logs=logs)


def completion_rows(result: Evaluation) -> list[dict[str, Any]]:
    """Returns the first completions of an evaluation, of the same problems each time, as safe text."""
    return [
        {
            "step": result.step,
            "problem": s.problem.id,
            "question": safe(s.problem.question),
            "completion": safe(s.rollout.completion),
            "extracted": safe(s.extracted or ""),
            "answer": safe(s.problem.answer),
            "correct": s.correct,
            "reward": s.reward,
        }
        for s in result.scored[:: result.samples][:SHOWN_ROWS]
    ]


def safe(text: str) -> str:
    """Returns text of a model or data set for a public page: secrets masked, control characters escaped."""
    return printable(redact(text))


def send_table(tracker: Any, rows: Sequence[dict[str, Any]], step: int) -> None:
    """Sends the completions as a table to wandb or trackio."""
    import pandas

    table = tracker.Table(dataframe=pandas.DataFrame(list(rows)))
    tracker.log({"completions": table, "train/global_step": step})


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Returns the completions as text for TensorBoard. Its page renders Markdown and HTML: both are escaped, in <pre>."""
    parts = []
    for row in rows:
        head = f"{row['problem']}: {'right' if row['correct'] else 'wrong'}, {row['extracted']} for {row['answer']}"
        parts.append(f"{head}\n{row['question']}\n{row['completion']}")
    return "\n\n".join(f"<pre>{html.escape(part)}</pre>".replace("\n", "&#10;") for part in parts)


class Stages(TrainerCallback, ExportableState):
    """Moves through the stages of a curriculum; transformers saves `state()` in trainer_state.json of each checkpoint."""

    def __init__(self, plan: Plan, prompts: Sequence[Prompt], seed: int, ended: Callable[[int], None]):
        """`ended` is called with the level of each stage after its last step."""
        self.plan, self.seed, self.ended = plan, seed, ended
        self.now = State()
        self.pass_rates: list[float] = []  # of the current step's groups
        self.rows = {n: [i for i, p in enumerate(prompts) if p.problem.level == n] for n in plan.levels}

    @property
    def level(self) -> int:
        """The level of the current step's problems."""
        return level(self.plan, self.now)

    def draw(self, count: int) -> list[int]:
        """Returns the positions of the current step's prompts, all of one level."""
        return draw(self.rows[self.level], count, self.now.steps, f"stages/{self.seed}/{self.level}")

    def draw_more(self, count: int, but: Collection[int]) -> list[int]:
        """Returns at most `count` positions of this level other than `but`; a repeated step gets the same."""
        taken = set(but)
        left = [i for i in self.rows[self.level] if i not in taken]
        chance = random.Random(f"more/{self.seed}/{self.level}/{self.now.steps}/{len(but)}")
        return chance.sample(left, min(count, len(left)))

    def record(self, correct: Sequence[bool], group_size: int) -> None:
        """Keeps the pass rate of each group of the current step."""
        starts = range(0, len(correct), group_size)
        self.pass_rates = [fmean(correct[i : i + group_size]) for i in starts]

    def state(self) -> dict[str, Any]:
        """See ExportableState."""
        return {"args": {}, "attributes": self.now.to_dict()}

    def on_train_begin(self, args, state, control, **kwargs):
        """Continues from the checkpoint's state; a new run has that of its start."""
        self.now = State.from_dict(state.stateful_callbacks[type(self).__name__]["attributes"])

    def on_step_end(self, args, state, control, **kwargs):
        """Called by transformers after each optimizer step, before it logs, evaluates and saves."""
        before = self.level
        self.now = after_step(self.plan, self.now, self.pass_rates)
        if self.level != before:
            self.ended(before)


class DifficultyPool(TrainerCallback, ExportableState):
    """Counts complete steps in the pool; transformers saves `state()` in trainer_state.json of each checkpoint."""

    def __init__(self, pool: Pool):
        self.pool = pool

    def state(self) -> dict[str, Any]:
        """See ExportableState."""
        return {"args": {}, "attributes": self.pool.to_dict()}

    def on_train_begin(self, args, state, control, **kwargs):
        """Continues from the checkpoint's state; a new run has that of its start."""
        self.pool.restore(state.stateful_callbacks[type(self).__name__]["attributes"])

    def on_step_end(self, args, state, control, **kwargs):
        """Called by transformers after each optimizer step, before it logs, evaluates and saves."""
        self.pool.step_ended()
