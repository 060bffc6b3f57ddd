"""What a person sees while a run goes on: the progress bar, and the clock behind it."""

from __future__ import annotations

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
from r1rl.runs import folder
from r1rl.runs.budget import Budget, Cost
from r1rl.runs.dump import EVALUATIONS, METER, Dump, read_lines, write_json
from r1rl.runs.scores import Evaluation
from r1rl.system import distributed
from r1rl.system.console import console

SECONDS_BETWEEN_LINES = 20  # where the output is no terminal, a bar would be shown only at the end


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
        """`last` is the newest line of metrics.jsonl of a continued run, `before` what that run cost: its clock goes on.

        `file` is meter.json, `began` when the program began, by time.perf_counter.
        """
        before = before or Cost(last.get("seconds", 0.0))
        self.started = (time.perf_counter() if began is None else began) - before.seconds
        self.price = price  # US dollars an hour
        self.budget = budget or Budget(config, price)
        self.file = file
        self.tokens = int(before.tokens)  # sampled since the run began, evaluations included
        self.completions = 0  # of the present step
        self.phase_began = time.perf_counter()
        self.parts: dict[str, float] = defaultdict(float)
        self.step_began = time.perf_counter()
        self.bar = Progress(
            BarColumn(bar_width=16, table_column=Column(min_width=16)),
            MofNCompleteColumn(table_column=Column(min_width=len(f"{config.max_steps}") * 2 + 1)),
            TimeRemainingColumn(compact=True, table_column=Column(min_width=5)),
            # On a narrow terminal the end of the words is cut, not the count.
            TextColumn(
                "left · {task.description}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)
            ),
            console=console,
            expand=True,
            disable=not console.is_terminal,
            refresh_per_second=4,
            redirect_stdout=False,  # rich would bring the libraries' chatter back to the terminal
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
        """Since the run began, the time before a resume included."""
        return time.perf_counter() - self.started

    def dollars(self) -> float | None:
        """Spent so far; None where no price is known."""
        return None if self.price is None else self.seconds() / 3600 * self.price

    def spent(self) -> Cost:
        """Seconds and sampled tokens since the run began."""
        return Cost(self.seconds(), self.tokens)

    def sampled(self, rollouts: Sequence[Rollout]) -> None:
        """Counts what a step has sampled."""
        self.tokens += sum(len(r.completion_ids) for r in rollouts)
        self.completions += len(rollouts)

    def take_completions(self) -> int:
        """Completions sampled since this was last asked."""
        count, self.completions = self.completions, 0
        return count

    def write(self) -> None:
        """Keeps what was spent in meter.json: unlike the dump it is not cut back to a checkpoint, as it was paid for."""
        if self.file is not None and distributed.is_first():
            dollars = self.dollars()
            write_json(
                self.file,
                {
                    "schema_version": 1,
                    "seconds": round(self.seconds(), 3),
                    "sampled": self.tokens,
                    "dollars": None if dollars is None else round(dollars, 4),
                },
            )

    def phase(self, what: str) -> None:
        """Says what goes on between steps."""
        self.phase_began = time.perf_counter()
        self.bar.update(self.task, description=f"{self.last} · {what}" if self.last else what)

    def add(self, part: str, seconds: float) -> None:
        """Time spent in one part of the present step."""
        self.parts[part] += seconds

    def evaluated(self, result: Evaluation) -> None:
        """Shows an evaluation above the bar; its time does not count as the step's."""
        self.last_eval = f"eval {short_words(result)}"
        tokens = sum(len(s.rollout.completion_ids) for s in result.scored)
        self.tokens += tokens
        self.step_began = time.perf_counter()
        self.budget.evaluation(Cost(self.step_began - self.phase_began, tokens))
        self.write()
        console.print(
            f"step {result.step:>4}  {result.describe()}, {result.tokens():.0f} tokens a completion"
        )

    def step_done(self, line: dict[str, Any]) -> dict[str, Any]:
        """Closes the books of one step. Returns what metrics.jsonl says of its time."""
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
        dollars = self.dollars()
        return {
            "tokens_per_second": round(speed, 1),
            "step_seconds": round(whole, 4),
            "parts": parts,
            "seconds": round(self.seconds(), 3),
            "dollars": None if dollars is None else round(dollars, 4),
        }


def meter_of_run(config: Config, budget: Budget, dump: Dump, last: dict[str, Any]) -> Meter:
    """The meter of a run, new or continued; `last` is its newest line of metrics."""
    before = folder.spent(dump)
    if seen := list(read_lines(dump.folder / EVALUATIONS)):
        newest = seen[-1]
        tokens = newest["mean_tokens"] * newest["problems"] * newest["samples"]
        budget.evaluation(Cost(newest["evaluation_seconds"], tokens))
    return Meter(
        config, budget.price, last, budget, before if before.seconds else None, dump.folder / METER, BEGAN
    )


def short_words(result: Evaluation) -> str:
    """The newest evaluation for the bar: never without n and interval."""
    name, value, low, high = result.at_k[0] if result.samples > 1 else ("", *result.interval())
    return f"{name} {value:.0%} ({low:.0%} to {high:.0%}, n {result.problems})".lstrip()


def describe(line: dict[str, Any], speed: float, last_eval: str, costs: Sequence[str]) -> str:
    """The words beside the bar; `costs` as the budget tells them."""
    if "reward" not in line:  # a supervised step
        words = ["no loss" if line["loss"] is None else f"loss {line['loss']:.3f}"]
    elif line["reward"] is None:
        words = ["no reward"]
    else:
        words = [f"reward {line['reward']:.2f} (n {line['completions']})"]
    words += [last_eval] if last_eval else []
    words += [f"level {line['level']}"] if line.get("level") is not None else []
    words += [f"{line['mean_tokens']:.0f} tokens"] if "mean_tokens" in line else []
    words += [f"{speed:,.0f} tok/s"]
    words += costs
    return " · ".join(words)
