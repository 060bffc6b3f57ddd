"""The meter of a run: times its parts, counts tokens and money, and draws the progress bar."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

from r1rl import BEGAN
from r1rl.config.flags import Config
from r1rl.records import Rollout
from r1rl.runs.budget import Budget, Cost
from r1rl.runs.dump import EVALUATIONS, METER, Dump, read_lines, write_json
from r1rl.runs.scores import Evaluation
from r1rl.system import distributed
from r1rl.system.console import console

SECONDS_BETWEEN_LINES = 20  # if the output is not a terminal, where a bar would only be shown at the end


class Meter:
    """Times the parts of each step, counts tokens and money, and draws the bar."""

    def __init__(
        self,
        config: Config,
        price: float | None,
        last: dict[str, Any],
        budget: Budget | None = None,
        before: Cost | None = None,
        file: Path | None = None,
        began: float | None = None,
    ):
        """For a continued run `last` is the newest line of metrics.jsonl, and `before` its cost, where the clock starts.

        `file`: meter.json. `began`: the start of the program, by time.perf_counter.
        """
        before = before or Cost(last.get("seconds", 0.0))
        self.started = (time.perf_counter() if began is None else began) - before.seconds
        self.price = price  # US dollars per hour
        self.budget = budget or Budget(config, price)
        self.file = file
        self.tokens = int(before.tokens)  # sampled since the run began, evaluations included
        self.fees = before.fees  # of a judge, US dollars since the run began
        self.completions = 0  # of the current step
        self.phase_began, self.phase_fees = time.perf_counter(), self.fees
        self.parts: dict[str, float] = defaultdict(float)
        self.step_began = time.perf_counter()
        self.bar = Progress(
            BarColumn(bar_width=16, table_column=Column(min_width=16)),
            MofNCompleteColumn(table_column=Column(min_width=len(f"{config.max_steps}") * 2 + 1)),
            TimeRemainingColumn(compact=True, table_column=Column(min_width=5)),
            # On a narrow terminal the end of the text is cut, not the count.
            TextColumn("left · {task.description}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
            console=console,
            expand=True,
            disable=not console.is_terminal,
            refresh_per_second=4,
            redirect_stdout=False,  # rich would send the output of libraries back to the terminal
            redirect_stderr=False,
        )
        self.task = self.bar.add_task("starting", total=config.max_steps, completed=last.get("step", 0))
        self.printed = self.step_began
        self.last = ""
        self.last_eval = ""

    def __enter__(self) -> Meter:
        self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.stop()

    def seconds(self) -> float:
        """Returns the seconds since the run began, including the time before a resume."""
        return time.perf_counter() - self.started

    def dollars(self) -> float | None:
        """Returns the US dollars spent so far; None if no price is known."""
        return self.spent().dollars(self.price)

    def spent(self) -> Cost:
        """Returns seconds, sampled tokens and fees since the run began."""
        return Cost(self.seconds(), self.tokens, self.fees)

    def paid(self, fees: float) -> None:
        """Counts the US dollars that a judge has cost."""
        self.fees += fees

    def sampled(self, rollouts: Sequence[Rollout]) -> None:
        """Counts the rollouts of a step."""
        self.tokens += sum(len(r.completion_ids) for r in rollouts)
        self.completions += len(rollouts)

    def take_completions(self) -> int:
        """Returns the completions sampled since the last call."""
        count, self.completions = self.completions, 0
        return count

    def write(self) -> None:
        """Writes the cost to meter.json; unlike the dump it is not cut back to a checkpoint, because it was paid."""
        if self.file is not None and distributed.is_first():
            seconds, dollars = round(self.seconds(), 3), self.rounded_dollars()
            fees = {"judge_dollars": self.fees} if self.fees else {}
            write_json(
                self.file, {"schema_version": 1, "seconds": seconds, "sampled": self.tokens, "dollars": dollars, **fees}
            )

    def rounded_dollars(self) -> float | None:
        """Returns the US dollars spent so far, rounded for files; None if no price is known."""
        dollars = self.dollars()
        return None if dollars is None else round(dollars, 4)

    def phase(self, activity: str) -> None:
        """Shows an activity between steps."""
        self.phase_began, self.phase_fees = time.perf_counter(), self.fees
        self.bar.update(self.task, description=f"{self.last} · {activity}" if self.last else activity)

    def add(self, part: str, seconds: float) -> None:
        """Adds time to one part of the current step."""
        self.parts[part] += seconds

    def evaluated(self, result: Evaluation) -> None:
        """Shows an evaluation above the bar; its time does not count as the step's."""
        self.last_eval = f"eval {short_form(result)}"
        tokens = sum(len(s.rollout.completion_ids) for s in result.scored)
        self.tokens += tokens
        self.step_began = time.perf_counter()
        self.budget.evaluation(Cost(self.step_began - self.phase_began, tokens, self.fees - self.phase_fees))
        self.write()
        console.print(f"step {result.step:>4}  {result.describe()}, {result.tokens():.0f} tokens per completion")
        for task, part in result.by_task().items():
            console.print(f"           {task}: {part.describe()}", markup=False)

    def step_done(self, line: dict[str, Any]) -> dict[str, Any]:
        """Ends the timing of one step. Returns the fields of metrics.jsonl about time and cost."""
        now = time.perf_counter()
        whole = now - self.step_began
        self.step_began = now
        parts = {k: round(v, 4) for k, v in self.parts.items()}
        parts["other"] = round(max(0.0, whole - sum(parts.values())), 4)
        self.parts.clear()
        speed = line["tokens"] / whole
        self.last = describe(line, speed, self.last_eval, self.budget.describe(self.spent(), line["step"]))
        self.bar.update(self.task, completed=line["step"], description=self.last)
        if not console.is_terminal and now - self.printed >= SECONDS_BETWEEN_LINES:
            self.printed = now
            console.print(f"step {line['step']:>4}  {self.last}")
        self.write()
        return {
            "tokens_per_second": round(speed, 1),
            "step_seconds": round(whole, 4),
            "parts": parts,
            "seconds": round(self.seconds(), 3),
            "dollars": self.rounded_dollars(),
        }


def spent(dump: Dump) -> Cost:
    """Returns the cost of the run so far, unfinished steps included; zero for a new run and for one older than meter.json."""
    try:
        meter = json.loads((dump.folder / METER).read_text(encoding="utf-8"))
        return Cost(meter["seconds"], meter["sampled"], meter.get("judge_dollars", 0.0))
    except (OSError, ValueError, KeyError):  # missing or damaged
        return Cost()


def meter_of_run(config: Config, budget: Budget, dump: Dump, last: dict[str, Any]) -> Meter:
    """Returns the meter of a new or continued run; `last`: its newest line of metrics."""
    before = spent(dump)
    if lines := list(read_lines(dump.folder / EVALUATIONS)):
        newest = lines[-1]
        tokens = newest["mean_tokens"] * newest["problems"] * newest["samples"]
        budget.evaluation(Cost(newest["evaluation_seconds"], tokens))
    return Meter(config, budget.price, last, budget, before if before.seconds else None, dump.folder / METER, BEGAN)


def short_form(result: Evaluation) -> str:
    """Returns an evaluation for the bar, always with n and interval."""
    name, value, low, high = result.at_k[0] if result.samples > 1 else ("", *result.interval())
    return f"{name} {value:.0%} ({low:.0%} to {high:.0%}, n {result.problems})".lstrip()


def describe(line: dict[str, Any], speed: float, last_eval: str, costs: Sequence[str]) -> str:
    """Returns the text next to the bar; `costs`: the lines of Budget.describe."""
    if "reward" not in line:  # a supervised step
        parts = ["no loss" if line["loss"] is None else f"loss {line['loss']:.3f}"]
    elif line["reward"] is None:
        parts = ["no reward"]
    else:
        parts = [f"reward {line['reward']:.2f} (n {line['completions']})"]
    parts += [last_eval] if last_eval else []
    parts += [f"level {line['level']}"] if line.get("level") is not None else []
    parts += [f"{line['mean_tokens']:.0f} tokens"] if "mean_tokens" in line else []
    return " · ".join([*parts, f"{speed:,.0f} tok/s", *costs])
