"""The screens of `inspect`: one run with its settings, tables and curves, or several runs in comparison."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Group as Lines
from rich.text import Text

from r1rl.reports.summary import against_first, before_and_after, damage, heading, state, summary_lines
from r1rl.reports.survey import Survey
from r1rl.reports.tables import check_lines, check_table, new_table, run_table, score_tables
from r1rl.runs.run_data import RunData

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 40  # bars of a sparkline
SETTINGS = (
    "max_steps", "per_device_train_batch_size", "num_generations", "learning_rate", "loss_type", "lora_rank",
    "temperature", "max_completion_length",
)  # fmt: skip


def screen(data: RunData, found: Survey) -> Lines:
    """Returns one run in one screen."""
    config = data.config
    settings = ", ".join(f"{name.replace('_', '-')} {config[name]}" for name in SETTINGS if name in config)
    parts: list[Any] = [
        Text.from_markup(f"[bold]{heading(data)}[/bold]"),
        Text(f"{state(data)}; {settings}"),
        run_table(data, found, rows=8),
        *(Text(line) for line in [*curves(data), *summary_lines(data), *check_lines(found)]),
        *score_tables(data),
        check_table(found),
        *(Text(line, style="yellow") for line in damage([*found.damaged, *data.damaged])),
    ]
    return Lines(*parts)


def curves(data: RunData) -> list[str]:
    """Returns sparklines of the evaluations and of means per step."""
    lines = []
    if len(data.evaluations) > 1:
        counts = " or ".join(f"{n:,}" for n in sorted({e["problems"] for e in data.evaluations}))
        bars = sparkline([e["accuracy"] for e in data.evaluations])
        count = len(data.evaluations)
        lines.append(f"accuracy {bars} {count} evaluations of n = {counts} problems; intervals above")
    for key, name, form in (("mean_tokens", "tokens", ",.0f"), ("entropy", "entropy", ".2f")):
        values = [m[key] for m in data.metrics if m.get(key) is not None]
        if len(values) > 1:
            first, last = format(values[0], form), format(values[-1], form)
            lines.append(f"{name:<8} {sparkline(values)} {first} -> {last}, mean of each step")
    return lines


def sparkline(values: Sequence[float], width: int = WIDTH) -> str:
    """Returns the values as bars from the smallest to the largest; more than `width` values are averaged."""
    size = max(1, -(-len(values) // width))
    means = [sum(part) / len(part) for part in (values[i : i + size] for i in range(0, len(values), size))]
    low, high = min(means), max(means)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0
    return "".join(BARS[round((m - low) * scale)] for m in means)


def comparison(runs: Sequence[RunData]) -> Lines:
    """Returns several runs: the settings that differ, first and last evaluation, and a paired test against the first."""
    configs = [run.config for run in runs]
    differ = [k for k in configs[0] if k != "exp_name" and len({json.dumps(c.get(k)) for c in configs}) > 1]
    columns = ("run", *(k.replace("_", "-") for k in differ), "before", "after")
    table = new_table(*columns, left=columns)
    for run in runs:
        scores = before_and_after(run)
        cells = [run.folder.name, *(str(run.config.get(k)) for k in differ)]
        table.add_row(*map(Text, [*cells, scores.get("before", ""), scores.get("after", "")]))
    return Lines(table, *(Text(line) for line in against_first(runs)))
