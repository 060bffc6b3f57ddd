"""The table at the end of the pipeline: the result of each stage, measured on the same test problems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.table import Table

from r1rl.reports.summary import describe_difference
from r1rl.rewards.r1 import is_formatted
from r1rl.runs.dump import EVALUATIONS, ROLLOUTS, read_json, read_lines
from r1rl.runs.run_data import RunData
from r1rl.runs.stats import format_share, wilson, wilson_clustered
from r1rl.system.console import console

RESULT = "pipeline.json"
DATA = ("cold-start", "rejection")  # the stages that make data


@dataclass(frozen=True, slots=True)
class Row:
    """One row. A stage that makes data has the counts of its samples, any other its evaluation."""

    stage: str
    correct: int
    n: int
    low: float
    high: float
    tokens: float
    in_form: float  # share of completions with the tags in order
    minutes: float | None
    note: str  # kept completions, or the paired test against the stage `against`
    against: str | None = None


def stage_rows(places: dict[str, Path], seconds: dict[str, float], tag: str) -> list[Row]:
    """Returns the rows in the order of the stages, after the base model, with the student before and after distillation."""
    rows = [evaluation_row("base", places["zero"], 0, tag, None, None)]
    before = ("base", places["zero"], 0)
    for name, folder in places.items():
        minutes = seconds[name] / 60 if name in seconds else None
        if name in DATA:
            rows.append(data_row(name, folder, tag, minutes))
            continue
        if name == "distill":
            rows.append(evaluation_row("student", folder, 0, tag, None, None))
            before = ("student", folder, 0)
        step = list(read_lines(folder / EVALUATIONS))[-1]["step"]
        rows.append(evaluation_row(name, folder, step, tag, minutes, before))
        before = (name, folder, step)
    return rows


def evaluation_row(
    name: str, folder: Path, step: int, tag: str, minutes: float | None, before: tuple[str, Path, int] | None
) -> Row:
    """Returns the row of an evaluation, with the paired test against the one before."""
    line = next(e for e in read_lines(folder / EVALUATIONS) if e["step"] == step)
    note, against = "", None
    if before is not None:
        against, old, old_step = before
        verdicts = RunData(old).verdicts(old_step), RunData(folder).verdicts(step)
        note = describe_difference(*verdicts, line["samples"] == 1)
    n = line["problems"] * line["samples"]
    low, high = (
        wilson(line["correct"], n)
        if line["samples"] == 1
        else (line["pass@1"]["low"], line["pass@1"]["high"])
    )
    in_form = share_in_form(folder / "eval" / f"step_{step}.jsonl", tag)
    return Row(name, line["correct"], n, low, high, line["mean_tokens"], in_form, minutes, note, against)


def data_row(name: str, folder: Path, tag: str, minutes: float | None) -> Row:
    """Returns the row of a stage that makes data: its samples and how many were kept."""
    groups: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for line in read_lines(folder / ROLLOUTS):
        groups.setdefault((line["step"], line["group"]), []).append(line)
    lines = [line for group in groups.values() for line in group]
    right = [(sum(x["correct"] for x in group), len(group)) for group in groups.values()]
    low, high = wilson_clustered(right)
    summary = read_json(folder / "summary.json", "remove it and run the stage again with --resume.")
    return Row(
        name,
        sum(x["correct"] for x in lines),
        len(lines),
        low,
        high,
        fmean(x["tokens"] for x in lines),
        share_in_form(folder / ROLLOUTS, tag),
        minutes,
        kept_words(summary),
    )


def kept_words(summary: dict[str, Any]) -> str:
    """Returns how many completions a stage kept, and why it rejected the others."""
    parts = []
    for way, counts in summary.get("ways", {"": summary}).items():
        rejected = ", ".join(f"{n} {why}" for why, n in counts["fallen"].items())
        why = f" ({rejected})" if rejected else ""
        parts.append(f"{way} kept {counts['kept']} of {counts['given']}{why}".strip())
    return "; ".join(parts)


def share_in_form(path: Path, tag: str) -> float:
    """Returns the share of a file's completions with the tags in order."""
    return fmean(is_formatted(line["completion"], tag) for line in read_lines(path))


def show_pipeline(folder: Path) -> None:
    """Prints the table in pipeline.json; before the end of the run the minutes of the finished stages."""
    result = read_json(folder / RESULT, "remove it and continue with --resume: it will be written again.")
    if "stages" in result:
        show_table([Row(**row) for row in result["stages"]])
        return
    for name, seconds in result.get("seconds", {}).items():
        console.print(f"{name:<13}{seconds / 60:.1f} minutes")


def show_table(rows: Sequence[Row]) -> None:
    """Prints the table, and below it what was kept and what changed."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("stage", "right", "tokens", "in form", "minutes"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    for row in rows:
        right = format_share(row.correct, row.n, row.low, row.high)
        minutes = "" if row.minutes is None else f"{row.minutes:.1f}"
        table.add_row(label(row), right, f"{row.tokens:.0f}", f"{row.in_form:.0%}", minutes)
    console.print()
    console.print(table)
    console.print()
    for row in rows:
        if row.note:
            against = f" against {row.against}" if row.against else ""
            console.print(f"{row.stage}{against}: {row.note}")


def label(row: Row) -> str:
    """Returns the stage's name, marked if its numbers are those of sampled completions of training problems."""
    return f"{row.stage} (sampled)" if row.stage in DATA else row.stage
