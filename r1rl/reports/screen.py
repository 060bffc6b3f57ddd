"""What `inspect` shows of a whole run: one screen of settings, curves, tests and self-verification."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group as Lines
from rich.table import Table
from rich.text import Text

from r1rl.reports.selfcheck import OUTCOMES
from r1rl.reports.summary import (
    heading,
    learned,
    level_table,
    load_run,
    numbers,
    paired_words,
    run_table,
    stage_table,
    verdicts,
)
from r1rl.reports.survey import Survey, checking, phases, right_with_check, right_without_check
from r1rl.runs.dump import EVALUATIONS, METRICS, read_lines

BARS = "▁▂▃▄▅▆▇█"

SETTINGS = (
    "max_steps", "per_device_train_batch_size", "num_generations", "learning_rate", "loss_type", "lora_rank",
    "temperature", "max_completion_length",
)  # fmt: skip

WIDTH = 40  # bars of a sparkline


def screen(folder: Path, found: Survey) -> Lines:
    """One run."""
    config = load_run(folder)["config"]
    settings = ", ".join(f"{name.replace('_', '-')} {config[name]}" for name in SETTINGS if name in config)
    parts: list[Any] = [
        Text.from_markup(f"[bold]{heading(folder)}[/bold]"),
        Text(f"{state(folder)}; {settings}"),
    ]
    parts += [run_table(folder, found, rows=8)]
    parts += [Text(line) for line in curves(folder)]
    parts += [Text(line) for line in learned(folder)]
    parts += [table for table in (stage_table(folder), level_table(folder)) if table is not None]
    parts += [selfcheck_table(found)]
    parts += [Text(line, style="yellow") for line in damage(found.damaged)]
    return Lines(*parts)


def state(folder: Path) -> str:
    """Whether the run is at its end."""
    if (folder / "summary.json").is_file():
        return "complete"
    done = numbers(folder)["steps"]
    return f"going on, or stopped: {done} of {load_run(folder)['config']['max_steps']} steps"


def curves(folder: Path) -> list[str]:
    """Sparklines of the evaluations and of each step's numbers."""
    evaluations = list(read_lines(folder / EVALUATIONS))
    metrics = list(read_lines(folder / METRICS))
    lines = []
    if len(evaluations) > 1:
        counts = sorted({e["problems"] for e in evaluations})
        asked = " or ".join(f"{n:,}" for n in counts)
        values = [e["accuracy"] for e in evaluations]
        lines.append(
            f"accuracy {sparkline(values)} {len(values)} evaluations of n = {asked} problems, intervals above"
        )
    for key, name, form in (("mean_tokens", "tokens", ",.0f"), ("entropy", "entropy", ".2f")):
        values = [m[key] for m in metrics if m.get(key) is not None]
        if len(values) > 1:
            first, last = format(values[0], form), format(values[-1], form)
            lines.append(f"{name:<8} {sparkline(values)} {first} -> {last} a step's mean")
    return lines


def sparkline(values: Sequence[float], width: int = WIDTH) -> str:
    """Values as bars from the smallest to the largest; more than `width` are averaged."""
    size = max(1, -(-len(values) // width))
    means = [sum(part) / len(part) for part in (values[i : i + size] for i in range(0, len(values), size))]
    low, high = min(means), max(means)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0
    return "".join(BARS[round((m - low) * scale)] for m in means)


def selfcheck_table(found: Survey) -> Table:
    """How many completions check themselves, by phase of training, and what came of it."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("self-verification", "with a check", "right with check", "right without"):
        table.add_column(name, justify="left" if name == "self-verification" else "right", no_wrap=True)
    table.add_column(" / ".join(OUTCOMES), min_width=18)
    for split, name, first, last in stretches(found):
        groups, outcomes = found.within(split, first, last), found.outcomes_within(split, first, last)
        shares = (checking(groups), right_with_check(groups), right_without_check(groups))
        table.add_row(
            name, *(str(s or "-") for s in shares), " / ".join(f"{outcomes[o]:,}" for o in OUTCOMES)
        )
    return table


def stretches(found: Survey) -> Iterable[tuple[str, str, int, int]]:
    """(split, name, first step, last step): training in phases, then the first and the last evaluation."""
    for name, first, last in phases(found.steps("train")):
        yield "train", f"{name}: {first}-{last}", first, last
    evaluated = found.steps("eval")
    for step in sorted({*evaluated[:1], *evaluated[-1:]}):
        yield "eval", f"evaluation {step}", step, step


def damage(damaged: list[str]) -> list[str]:
    """Names the lines that could not be read."""
    if not damaged:
        return []
    named = ", ".join(damaged[:10]) + (f" and {len(damaged) - 10} more" if len(damaged) > 10 else "")
    return [f"damaged  {len(damaged)} lines could not be read and are left out: {named}"]


def comparison(folders: Sequence[Path]) -> Lines:
    """Several runs: what sets them apart, how they ended, and a paired test against the first."""
    configs = [load_run(f)["config"] for f in folders]
    differ = [k for k in configs[0] if k != "exp_name" and len({json.dumps(c.get(k)) for c in configs}) > 1]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("run", *(k.replace("_", "-") for k in differ), "before", "after"):
        table.add_column(name)
    for folder, config in zip(folders, configs):
        scores = [
            line.partition(" ")[2].strip() for line in learned(folder) if line.startswith(("before", "after"))
        ]
        scores += [""] * (2 - len(scores))
        table.add_row(
            Text(folder.name), *(Text(str(config.get(k))) for k in differ), *(Text(s) for s in scores[:2])
        )
    return Lines(table, *(Text(line) for line in against_first(folders)))


def against_first(folders: Sequence[Path]) -> list[str]:
    """The last evaluation of each further run against that of the first run, problem by problem."""
    lines = []
    first = last_evaluation(folders[0])
    for folder in folders[1:]:
        other = last_evaluation(folder)
        if first is None or other is None:
            continue
        greedy = first["samples"] == 1 and other["samples"] == 1
        words = paired_words(verdicts(folders[0], first["step"]), verdicts(folder, other["step"]), greedy)
        lines.append(f"{folder.name} against {folders[0].name}: {words}")
    return lines


def last_evaluation(folder: Path) -> dict[str, Any] | None:
    """The newest line of evaluations.jsonl."""
    return numbers(folder)["last_evaluation"]
