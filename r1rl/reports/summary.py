"""What a run taught, read from its dump alone: the last screen, and what `inspect` begins with."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.markup import escape
from rich.table import Table

from r1rl.reports.survey import Survey, right
from r1rl.runs.dump import EVALUATIONS, GUARDS, METRICS, read_lines, read_run
from r1rl.runs.scores import evaluation_cell, evaluation_words
from r1rl.runs.stats import (
    bootstrap_interval,
    learning_slope,
    mcnemar_exact,
    minimal_difference,
    paired_bootstrap,
    wilson,
)
from r1rl.system.console import console
from r1rl.system.redact import redact_all
from r1rl.tasks.base import level_name
from r1rl.trainers.step_metrics import WINDOW

LEAST_CHANGES = 6  # verdicts: five, all for the better, have p = 2 / 2^5 = 0.06


def print_levels(folder: Path) -> None:
    """The stages of a curriculum, and the accuracy at each level, where the run has them."""
    for table in (stage_table(folder), level_table(folder)):
        if table is not None:
            console.print()
            console.print(table)


def numbers(folder: Path) -> dict[str, Any]:
    """First and last evaluation, and the run's totals."""
    evaluations = list(read_lines(folder / EVALUATIONS))
    metrics = list(read_lines(folder / METRICS))
    return {
        "steps": metrics[-1]["step"] if metrics else 0,
        "completions": sum(m["completions"] for m in metrics),
        "tokens": sum(m["tokens"] for m in metrics),
        "seconds": max([x["seconds"] for x in metrics[-1:] + evaluations[-1:]], default=0.0),
        "dollars": metrics[-1]["dollars"] if metrics else None,
        "groups": sum(m["groups"] for m in metrics),
        "groups_without_signal": sum(m["groups_without_signal"] for m in metrics),
        "first_evaluation": evaluations[0] if evaluations else None,
        "last_evaluation": evaluations[-1] if evaluations else None,
    }


def learned(folder: Path) -> list[str]:
    """Before and after, and whether the difference is more than luck."""
    found = numbers(folder)
    before, after = found["first_evaluation"], found["last_evaluation"]
    lines = []
    if before is not None:
        lines.append(f"before   {evaluation_words(before)} (step {before['step']})")
    if after is not None and after["step"] != before["step"]:
        lines.append(f"after    {evaluation_words(after)} (step {after['step']})")
        lines.append(f"         {paired_test(folder, before, after)}")
        gained = reward_words(folder, before, after)
        lines += [f"reward   {gained}"] if gained else []
        slope = slope_words(folder)
        lines += [f"slope    {slope}"] if slope else []
        lines.append(
            f"length   {before['mean_tokens']:.0f} -> {after['mean_tokens']:.0f} tokens a completion "
            "in evaluation"
        )
    if found["groups"] and learns_from_groups(folder):
        equal = found["groups_without_signal"]
        lines.append(
            f"signal   {equal} of {found['groups']} groups had only equal rewards and taught nothing"
        )
    minutes, seconds = divmod(round(found["seconds"]), 60)
    cost = "" if found["dollars"] is None else f", ${found['dollars']:.2f}"
    lines.append(
        f"total    {found['steps']} steps, {found['completions']:,} completions, {found['tokens']:,} tokens, "
        f"{minutes} min {seconds:02d} s{cost}"
    )
    return lines + collapse_lines(folder) + guard_lines(folder)


def guard_lines(folder: Path) -> list[str]:
    """A line for each guard that has found something, but for the collapse, which has lines of its own."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in read_lines(folder / GUARDS):
        if line["guard"] != "collapse":
            found.setdefault(line["guard"], []).append(line)
    return [
        f"guard    {name} at step {lines[-1]['step']}{how_often(lines)}: {lines[-1]['words']}"
        for name, lines in found.items()
    ]


def how_often(lines: list[dict[str, Any]]) -> str:
    """How often a guard has found something before its last finding."""
    return f", the last of {len(lines)} times" if len(lines) > 1 else ""


def paired_test(folder: Path, before: dict[str, Any], after: dict[str, Any]) -> str:
    """Two evaluations of one run on the problems that both asked."""
    greedy = before["samples"] == 1 and after["samples"] == 1
    return paired_words(verdicts(folder, before["step"]), verdicts(folder, after["step"]), greedy)


def reward_words(folder: Path, before: dict[str, Any], after: dict[str, Any]) -> str | None:
    """The change of a reward that is something else than the grade; None for any other."""
    if "mean_reward" not in before or "mean_reward" not in after:
        return None
    first, last = (values(folder, line["step"], "reward") for line in (before, after))
    shared = [problem for problem in first if problem in last]
    pairs = [first[i] for i in shared], [last[i] for i in shared]
    low, high = paired_bootstrap(*pairs, seed=0)
    return (
        f"{before['mean_reward']:.2f} -> {after['mean_reward']:.2f}, "
        f"{(sum(pairs[1]) - sum(pairs[0])) / len(shared):+.2f} on the same {len(shared)} problems (95 % interval "
        f"{low:+.2f} to {high:+.2f}, paired bootstrap); beside it: {after.get('measure', 'accuracy')} "
        f"{before['accuracy']:.1%} -> {after['accuracy']:.1%}"
    )


def paired_words(first: dict[str, float], last: dict[str, float], greedy: bool) -> str:
    """McNemar's exact test for one greedy answer a problem, a paired bootstrap for several samples.

    Where it is not significant, adds the smallest difference that so many problems could have shown.
    """
    shared = [problem for problem in first if problem in last]
    if not shared:
        return "no problem in common, so nothing to compare"
    before, after = [first[i] for i in shared], [last[i] for i in shared]
    difference = (sum(after) - sum(before)) / len(shared)
    gained, lost = sum(a > b for b, a in zip(before, after)), sum(a < b for b, a in zip(before, after))
    low, high = paired_bootstrap(before, after, seed=0)
    words = (
        f"{100 * difference:+.1f} points on the same {len(shared)} problems "
        f"(95 % interval {100 * low:+.1f} to {100 * high:+.1f}, paired bootstrap): "
        f"{gained} gained, {lost} lost"
    )
    if not greedy:
        return f"{words}; {'significant' if low > 0 or high < 0 else 'not significant'}"
    p = mcnemar_exact([b > 0 for b in before], [a > 0 for a in after])
    if p < 0.05:
        return f"{words}; significant (p = {p:.2g}, exact McNemar)"
    if gained + lost < LEAST_CHANGES:
        why = f"fewer than {LEAST_CHANGES} changed verdicts show nothing"
    else:
        shows = minimal_difference(len(shared), (gained + lost) / len(shared))
        why = (
            f"{len(shared)} problems with so many changes show a true difference of {100 * shows:.1f} points four "
            "times in five"
        )
    return f"{words}; not significant (p = {p:.2g}, exact McNemar; {why})"


def slope_words(folder: Path) -> str | None:
    """How fast accuracy rose over all evaluations; None for fewer than three: before and after say it."""
    steps = [e["step"] for e in read_lines(folder / EVALUATIONS)]
    if len(set(steps)) < 3:
        return None
    by_step = [verdicts(folder, step) for step in steps]
    shared = [problem for problem in by_step[0] if all(problem in v for v in by_step)]
    if not shared:
        return None
    slope, low, high = learning_slope(steps, [[v[problem] for v in by_step] for problem in shared])
    return (
        f"{1000 * slope:+.1f} points in 10 steps (95 % interval {1000 * low:+.1f} to {1000 * high:+.1f}; "
        f"{len(steps)} evaluations of the same {len(shared)} problems)"
    )


def verdicts(folder: Path, step: int) -> dict[str, float]:
    """Share of right completions for each problem of one evaluation."""
    return values(folder, step, "correct")


def values(folder: Path, step: int, field: str) -> dict[str, float]:
    """The mean of a field of the completions of each problem of one evaluation; null is left out."""
    found: dict[str, list[float]] = {}
    for line in read_lines(folder / "eval" / f"step_{step}.jsonl"):
        if line[field] is not None:
            found.setdefault(line["problem_id"], []).append(line[field])
    return {problem: sum(each) / len(each) for problem, each in found.items()}


def run_table(folder: Path, found: Survey, rows: int = 12) -> Table:
    """The run in about `rows` lines: averages over equal stretches of steps, evaluations beside them."""
    metrics = list(read_lines(folder / METRICS))
    evaluations = {e["step"]: e for e in read_lines(folder / EVALUATIONS)}
    table = Table(box=None, pad_edge=False, header_style="bold")
    names = ["steps", "right in training", "tokens", "cut", "no signal", "evaluation"]
    if any("mean_reward" in e for e in evaluations.values()):  # a reward that the grade does not say
        names[2:2] = ["reward"]
        names[-1] = f"{next(iter(evaluations.values())).get('measure', 'accuracy')}, reward"
    if not learns_from_groups(folder):
        names.remove("no signal")
    for name in names:
        table.add_column(name, justify="left" if name == names[-1] else "right")
    if 0 in evaluations:
        table.add_row("0", *[""] * (len(names) - 2), evaluation_cell(evaluations[0]))
    width = max(1, -(-len(metrics) // rows))
    for start in range(0, len(metrics), width):
        cells = stretch(metrics[start : start + width], evaluations, found)
        table.add_row(*(cells[name] for name in names[:-1]), cells["evaluation"])
    return table


def stretch(
    part: list[dict[str, Any]], evaluations: dict[int, dict[str, Any]], found: Survey
) -> dict[str, str]:
    """One row of the table, by column."""

    def mean(key: str) -> float:
        known = [m[key] for m in part if m.get(key) is not None]
        return sum(known) / len(known) if known else float("nan")

    first, last = part[0]["step"], part[-1]["step"]
    within = [evaluation_cell(e) for s, e in evaluations.items() if first <= s <= last]
    return {
        "steps": str(first) if first == last else f"{first}-{last}",
        "right in training": str(right(found.within("train", first, last)) or ""),
        "reward": f"{mean('reward'):.2f}",
        "tokens": f"{mean('mean_tokens'):.0f}",
        "cut": f"{mean('truncated'):.0%}",
        "no signal": f"{sum(m['groups_without_signal'] for m in part)}/{sum(m['groups'] for m in part)}",
        "evaluation": "; ".join(within),
    }


def load_run(folder: Path) -> dict[str, Any]:
    """run.json of a run, its secrets masked also where an older version wrote it."""
    return redact_all(read_run(folder))


def learns_from_groups(folder: Path) -> bool:
    """Whether groups of equal rewards taught nothing; a value head learns from those, too."""
    return load_run(folder)["config"].get("algorithm", "grpo") == "grpo"


def heading(folder: Path) -> str:
    """The run in one line."""
    run = load_run(folder)
    config, machine = run["config"], run["machine"]
    on = machine["gpu"] or f"{machine['cores']} CPU cores"
    parts = (
        run["recipe"],
        config["model_name"],
        config["dataset_name"],
        f"seed {config['seed']}",
        on,
        run["started"],
    )
    return escape(f"{folder.name}: {', '.join(parts)}")


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
    table.add_column(level_name(task), justify="right")
    for step in steps:
        table.add_column(f"step {step} (95 % interval)")
    table.add_column("gained, lost" if len(steps) == 2 else "")
    for level in levels:
        words = [accuracy_words(list(verdicts[level].values())) for verdicts in found]
        table.add_row(
            str(level), *words, level_paired_words(*(v[level] for v in found)) if len(steps) == 2 else ""
        )
    return table


def level_paired_words(before: dict[str, list[bool]], after: dict[str, list[bool]]) -> str:
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
