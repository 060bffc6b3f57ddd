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
from r1rl.runs.dump import ROLLOUTS, read_json, read_lines
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
    before = ("base", RunData(places["zero"]), 0)
    rows = [evaluation_row(*before, tag)]
    for name, folder in places.items():
        minutes = seconds[name] / 60 if name in seconds else None
        if name in DATA:
            rows.append(data_row(name, folder, tag, minutes))
            continue
        data = RunData(folder)
        if name == "distill":
            before = ("student", data, 0)
            rows.append(evaluation_row(*before, tag))
        step = data.evaluations[-1]["step"]
        rows.append(evaluation_row(name, data, step, tag, minutes, before))
        before = (name, data, step)
    return rows


def evaluation_row(
    name: str,
    data: RunData,
    step: int,
    tag: str,
    minutes: float | None = None,
    before: tuple[str, RunData, int] | None = None,
) -> Row:
    """Returns the row of an evaluation, with the paired test against the one before."""
    line = next(e for e in data.evaluations if e["step"] == step)
    note, against = "", None
    if before is not None:
        against, old, old_step = before
        note = describe_difference(old.verdicts(old_step), data.verdicts(step), line["samples"] == 1)
    n = line["problems"] * line["samples"]
    if line["samples"] == 1:
        low, high = wilson(line["correct"], n)
    else:
        low, high = line["pass@1"]["low"], line["pass@1"]["high"]
    in_form = share_in_form(data.folder / "eval" / f"step_{step}.jsonl", tag)
    return Row(name, line["correct"], n, low, high, line["mean_tokens"], in_form, minutes, note, against)


def data_row(name: str, folder: Path, tag: str, minutes: float | None) -> Row:
    """Returns the row of a stage that makes data: its samples and how many were kept."""
    lines = list(read_lines(folder / ROLLOUTS))
    groups: dict[tuple[int, int], list[bool]] = {}
    for line in lines:
        groups.setdefault((line["step"], line["group"]), []).append(line["correct"])
    low, high = wilson_clustered([(sum(group), len(group)) for group in groups.values()])
    correct, tokens = sum(line["correct"] for line in lines), fmean(line["tokens"] for line in lines)
    kept = kept_words(read_json(folder / "summary.json", "remove it and run the stage again with --resume."))
    in_form = share_in_form(folder / ROLLOUTS, tag)
    return Row(name, correct, len(lines), low, high, tokens, in_form, minutes, kept)


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
    for name in ("stage", "correct", "tokens", "in form", "minutes"):
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
