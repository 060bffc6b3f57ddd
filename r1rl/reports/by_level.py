"""What a run taught by level, read from its dump: the stages of a curriculum, and the accuracy at each level."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.table import Table

from r1rl.runs.dump import EVALUATIONS, METRICS, read_lines
from r1rl.runs.stats import bootstrap_interval, mcnemar_exact, wilson
from r1rl.trainers.collapse import WINDOW

LEVEL_NAMES = {"knights_knaves": "people", "word-problems": "steps"}  # what a task's level counts


def stage_table(folder: Path) -> Table | None:
    """One row a stage: reward and length of the reasoning in its first and its last steps; None without stages."""
    steps = [m for m in read_lines(folder / METRICS) if m.get("level") is not None]
    if not steps:
        return None
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("stage", "steps", "reward", "tokens of reasoning"):
        table.add_column(name, justify="right")
    for level, group in groupby(steps, key=lambda m: m["level"]):
        table.add_row(str(level), *stage_row(list(group)))
    return table


def stage_row(steps: list[dict[str, Any]]) -> list[str]:
    """The steps of a stage, and the means of its first and last few."""

    def change(key: str, form: str) -> str:
        values = [m[key] for m in steps if m[key] is not None]
        first, last = fmean(values[:WINDOW] or [0.0]), fmean(values[-WINDOW:] or [0.0])
        return f"{first:{form}} -> {last:{form}}"

    return [
        f"{steps[0]['step']}-{steps[-1]['step']}",
        change("reward", ".2f"),
        change("reasoning_tokens", ".0f"),
    ]


def collapse_lines(folder: Path) -> list[str]:
    """The alarms of the run."""
    return [
        f"collapse {'' if m.get('level') is None else 'level {}, '.format(m['level'])}step {m['step']}: {m['collapse']}"
        for m in read_lines(folder / METRICS)
        if m.get("collapse")
    ]


def level_table(folder: Path) -> Table | None:
    """Accuracy at each level that the first and the last evaluation have, with intervals; None without levels."""
    evaluations = list(read_lines(folder / EVALUATIONS))
    if not evaluations:
        return None
    steps = sorted({evaluations[0]["step"], evaluations[-1]["step"]})
    found = [verdicts_by_level(folder, step) for step in steps]
    levels = sorted(found[0].keys() & found[-1].keys())
    if not levels:
        return None
    task = next(read_lines(folder / "eval" / f"step_{steps[0]}.jsonl")).get("task", "")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(LEVEL_NAMES.get(task, "level"), justify="right")
    for step in steps:
        table.add_column(f"step {step} (95 % interval)")
    table.add_column("gained, lost" if len(steps) == 2 else "")
    for level in levels:
        words = [accuracy_words(list(verdicts[level].values())) for verdicts in found]
        table.add_row(str(level), *words, paired_words(*(v[level] for v in found)) if len(steps) == 2 else "")
    return table


def paired_words(before: dict[str, list[bool]], after: dict[str, list[bool]]) -> str:
    """Exact McNemar test over the problems of both evaluations; nothing where there are several completions each."""
    if any(len(verdicts) != 1 for verdicts in [*before.values(), *after.values()]):
        return ""
    pairs = [(before[i][0], after[i][0]) for i in before if i in after]
    p = mcnemar_exact([b for b, _ in pairs], [a for _, a in pairs])
    return f"{sum(a > b for b, a in pairs)}, {sum(a < b for b, a in pairs)} (p = {p:.2g})"


def verdicts_by_level(folder: Path, step: int) -> dict[int, dict[str, list[bool]]]:
    """For each level and problem the verdicts on its completions."""
    found: dict[int, dict[str, list[bool]]] = {}
    for line in read_lines(folder / "eval" / f"step_{step}.jsonl"):
        if line["level"] is not None:
            found.setdefault(line["level"], {}).setdefault(line["problem_id"], []).append(line["correct"])
    return found


def accuracy_words(problems: list[list[bool]]) -> str:
    """With one completion a problem the Wilson interval, with several one by bootstrap over problems."""
    shares = [fmean(verdicts) for verdicts in problems]
    if all(len(verdicts) == 1 for verdicts in problems):
        low, high = wilson(round(sum(shares)), len(shares))
    else:
        low, high = bootstrap_interval(shares, seed=0)
    return f"{sum(shares):g} / {len(shares)}, {fmean(shares):.0%} ({low:.0%} to {high:.0%})"
