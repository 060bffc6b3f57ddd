"""The tables of a run: its course, its curriculum, accuracy by task or level, and self-verification by phase."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from itertools import groupby
from statistics import fmean
from typing import Any

from rich.table import Table

from r1rl.reports.selfcheck import OUTCOMES
from r1rl.reports.summary import learns_from_groups
from r1rl.reports.survey import Survey, accuracy, check_rate, checked_accuracy, phases, unchecked_accuracy
from r1rl.runs.run_data import Graded, RunData
from r1rl.runs.scores import evaluation_cell
from r1rl.runs.stats import bootstrap_interval, mcnemar_exact, wilson
from r1rl.system.console import console
from r1rl.tasks.base import level_name
from r1rl.tasks.mixture import short_name

ENDS = 10  # steps at the start and the end of a stage whose means are shown
CHECK_COLUMNS = ("with a check", "correct with check", "correct without")


def new_table(*names: str, left: Collection[str] = ()) -> Table:
    """Returns an empty table without lines; columns named in `left` are aligned to the left."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(name, justify="left" if name in left else "right")
    return table


def print_levels(data: RunData) -> None:
    """Prints the stages of a curriculum, and the accuracy of each task or at each level, if the run has them."""
    for table in score_tables(data):
        console.print()
        console.print(table)


def score_tables(data: RunData) -> list[Table]:
    """Returns those of the tables by stage, task and level that the run has."""
    tables = (stage_table(data), task_table(data), level_table(data))
    return [table for table in tables if table is not None]


# ---- the course of training


def run_table(data: RunData, found: Survey, rows: int = 12) -> Table:
    """Returns the run in about `rows` rows: means over equal stretches of steps, and the evaluations in them."""
    evaluations = {e["step"]: e for e in data.evaluations}
    names = ["steps", "correct in training", "tokens", "cut", "no signal", "evaluation"]
    if any("mean_reward" in e for e in evaluations.values()):  # the reward is not a function of the grade
        names[2:2] = ["reward"]
        names[-1] = f"{next(iter(evaluations.values())).get('measure', 'accuracy')}, reward"
    if not learns_from_groups(data):
        names.remove("no signal")
    table = new_table(*names, left=names[-1:])
    if 0 in evaluations:
        table.add_row("0", *[""] * (len(names) - 2), evaluation_cell(evaluations[0]))
    width = max(1, -(-len(data.metrics) // rows))
    for start in range(0, len(data.metrics), width):
        cells = run_cells(data.metrics[start : start + width], evaluations, found)
        table.add_row(*(cells[name] for name in names[:-1]), cells["evaluation"])
    return table


def run_cells(part: list[dict[str, Any]], evaluations: dict[int, dict[str, Any]], found: Survey) -> dict[str, str]:
    """Returns one row of the run's table, by column."""

    def mean(key: str) -> float:
        known = [m[key] for m in part if m.get(key) is not None]
        return sum(known) / len(known) if known else float("nan")

    first, last = part[0]["step"], part[-1]["step"]
    return {
        "steps": str(first) if first == last else f"{first}-{last}",
        "correct in training": str(accuracy(found.within("train", first, last)) or ""),
        "reward": f"{mean('reward'):.2f}",
        "tokens": f"{mean('mean_tokens'):.0f}",
        "cut": f"{mean('truncated'):.0%}",
        "no signal": f"{sum(m['groups_without_signal'] for m in part)}/{sum(m['groups'] for m in part)}",
        "evaluation": "; ".join(evaluation_cell(e) for s, e in evaluations.items() if first <= s <= last),
    }


# ---- levels and tasks


def stage_table(data: RunData) -> Table | None:
    """Returns one row per stage: reward and length of the reasoning at its start and end. None without stages."""
    steps = [m for m in data.metrics if m.get("level") is not None]
    if not steps:
        return None
    table = new_table("stage", "steps", "reward", "tokens of reasoning")
    for level, group in groupby(steps, key=lambda m: m["level"]):
        stage = list(group)
        span = f"{stage[0]['step']}-{stage[-1]['step']}"
        changes = change(stage, "reward", ".2f"), change(stage, "reasoning_tokens", ".0f")
        table.add_row(str(level), span, *changes)
    return table


def change(steps: list[dict[str, Any]], key: str, form: str) -> str:
    """Returns the means of a field over the first and the last ENDS steps."""
    values = [m[key] for m in steps if m[key] is not None] or [0.0]
    return f"{fmean(values[:ENDS]):{form}} -> {fmean(values[-ENDS:]):{form}}"


def level_table(data: RunData) -> Table | None:
    """Returns the accuracy at each level of the first and the last evaluation. None without levels, or for a mixture."""
    tasks = evaluated_tasks(data)
    if len(tasks) != 1:
        return None
    name = level_name(tasks[0], data.config.get("stages") is not None)
    return accuracy_table(accuracy_rows(data, name, lambda graded: graded.level))


def task_table(data: RunData) -> Table | None:
    """Returns the accuracy of each task of a mixture in the first and the last evaluation. None for a single task."""
    return accuracy_table(task_rows(data))


def task_rows(data: RunData) -> list[list[str]]:
    """Returns the table by task, its columns first, for the screen and the page. Empty for a single task."""
    if len(evaluated_tasks(data)) < 2:
        return []
    return accuracy_rows(data, "task", lambda graded: short_name(graded.task))


def evaluated_tasks(data: RunData) -> list[str]:
    """Returns the tasks of the first evaluation's problems."""
    if not data.evaluations:
        return []
    return list(dict.fromkeys(graded.task for graded in data.evaluation(data.evaluations[0]["step"])))


def accuracy_table(rows: list[list[str]]) -> Table | None:
    """Returns the table of `accuracy_rows`. None without rows."""
    if not rows:
        return None
    columns, *cells = rows
    table = new_table(*columns, left=[*columns[1:], "task"])
    for row in cells:
        table.add_row(*row)
    return table


def accuracy_rows(data: RunData, name: str, key: Callable[[Graded], Any]) -> list[list[str]]:
    """Returns columns, and then accuracy and interval in the first and the last evaluation by `key`.

    Empty if no problem has a key in both.
    """
    steps = sorted({data.evaluations[0]["step"], data.evaluations[-1]["step"]})
    by_step = [verdicts_by(key, data, step) for step in steps]
    groups = sorted(by_step[0].keys() & by_step[-1].keys())
    if not groups:
        return []
    columns = [f"step {step} (95 % interval)" for step in steps]
    columns += ["gained, lost"] if len(steps) == 2 else []
    rows = [[name, *columns]]
    for group in groups:
        verdicts = [v[group] for v in by_step]
        cells = [accuracy_cell(list(v.values())) for v in verdicts]
        rows.append([str(group), *cells, *([gained_cell(*verdicts)] if len(steps) == 2 else [])])
    return rows


def verdicts_by(key: Callable[[Graded], Any], data: RunData, step: int) -> dict[Any, dict[str, list[bool]]]:
    """Returns, for each value of `key` and problem of an evaluation, the verdicts on its completions."""
    found: dict[Any, dict[str, list[bool]]] = {}
    for graded in data.evaluation(step):
        if (value := key(graded)) is not None:
            found.setdefault(value, {}).setdefault(graded.problem_id, []).append(graded.correct)
    return found


def gained_cell(before: dict[str, list[bool]], after: dict[str, list[bool]]) -> str:
    """Returns an exact McNemar test over the problems of both evaluations; nothing for several samples per problem."""
    if any(len(verdicts) != 1 for verdicts in [*before.values(), *after.values()]):
        return ""
    pairs = [(before[i][0], after[i][0]) for i in before if i in after]
    p = mcnemar_exact([b for b, _ in pairs], [a for _, a in pairs])
    return f"{sum(a > b for b, a in pairs)}, {sum(a < b for b, a in pairs)} (p = {p:.2g})"


def accuracy_cell(problems: list[list[bool]]) -> str:
    """Returns accuracy with a Wilson interval; for several samples per problem by bootstrap over problems."""
    shares = [fmean(verdicts) for verdicts in problems]
    if all(len(verdicts) == 1 for verdicts in problems):
        low, high = wilson(round(sum(shares)), len(shares))
    else:
        low, high = bootstrap_interval(shares, seed=0)
    return f"{sum(shares):g} / {len(shares)}, {fmean(shares):.0%} ({low:.0%} to {high:.0%})"


# ---- self-verification


def check_lines(found: Survey) -> list[str]:
    """Returns a line on self-verification: how many evaluated completions check their result, and what checks changed.

    Empty talk does not count as a check. No line for a run without any check.
    """
    if not any(found.outcomes.values()):
        return []
    parts, evaluated = [], found.steps("eval")
    if evaluated:
        groups = [found.within("eval", step, step) for step in dict.fromkeys((evaluated[0], evaluated[-1]))]
        counts = [(sum(g.calculated for g in part), sum(g.n for g in part)) for part in groups]
        words = " -> ".join(f"{checked} / {n}, {checked / n:.0%}" for checked, n in counts)
        parts.append(f"{words} of evaluated completions check their result")
    changed = sum(found.outcomes["train"].values(), Counter())
    if changed:
        parts.append(
            f"in training {changed['corrected']:,} wrong results corrected, {changed['broke']:,} right ones broken, "
            f"{changed['missed']:,} wrong ones changed to another wrong one"
        )
    return [f"checks   {'; '.join(parts)}"]


def check_table(found: Survey) -> Table:
    """Returns the shares of completions with a check, by phase of training, and the outcomes of the checks."""
    outcomes = " / ".join(OUTCOMES)
    table = new_table("self-check", *CHECK_COLUMNS, outcomes, left=["self-check"])
    for row in check_rows(found):
        table.add_row(*row[:4], " / ".join(row[4:]))
    return table


def check_rows(found: Survey) -> Iterator[list[str]]:
    """Yields, for each phase, its name, the shares of CHECK_COLUMNS and the number of checks with each outcome."""
    for split, name, first, last in check_phases(found):
        groups, outcomes = found.within(split, first, last), found.outcomes_within(split, first, last)
        shares = (check_rate(groups), checked_accuracy(groups), unchecked_accuracy(groups))
        yield [name, *(str(s or "-") for s in shares), *(f"{outcomes[o]:,}" for o in OUTCOMES)]


def check_phases(found: Survey) -> Iterator[tuple[str, str, int, int]]:
    """Yields (split, name, first step, last step): training in phases, then the first and the last evaluation."""
    for name, first, last in phases(found.steps("train")):
        yield "train", f"{name}: {first}-{last}", first, last
    evaluated = found.steps("eval")
    for step in sorted({*evaluated[:1], *evaluated[-1:]}):
        yield "eval", f"evaluation {step}", step, step
