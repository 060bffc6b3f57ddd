"""What a run taught, read from its dump alone: the last screen, and the numbers that `inspect` begins with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from r1rl.by_level import collapse_lines, level_table, stage_table
from r1rl.config import Config
from r1rl.console import console
from r1rl.dump import EVALUATIONS, METRICS, Dump, read_lines, write_json
from r1rl.stats import format_accuracy, mcnemar_exact, paired_bootstrap

INTERRUPTED = 130


def finish(dump: Dump, config: Config, interrupted: bool) -> int:
    """The last screen. Returns the exit code; summary.json is written last and marks a complete run."""
    folder = dump.folder
    console.print()
    console.print(run_table(folder))
    for line in learned(folder):
        console.print(line)
    print_levels(folder)
    console.print(f"\ndumps    {folder}: rollouts.jsonl, eval/, metrics.jsonl, run.json")
    if interrupted:
        console.print(f"stopped  saved; go on with the same flags and --exp-name {config.exp_name} --resume")
        return INTERRUPTED
    write_json(folder / "summary.json", {"schema_version": 1, **numbers(folder)})
    console.print(f"model    {folder / 'checkpoints' / 'best'} (best evaluation)")
    console.print(
        "next     look:     python main.py inspect " + f"{folder} --step {config.max_steps} --correct -n 3"
    )
    console.print(
        f"         measure:  python main.py eval --adapter {folder / 'checkpoints' / 'best'} --eval-count 0"
    )
    return 0


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
        lines.append(
            f"length   {before['mean_tokens']:.0f} -> {after['mean_tokens']:.0f} tokens a completion in evaluation"
        )
    if found["groups"]:
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
    return lines + collapse_lines(folder)


def evaluation_words(line: dict[str, Any]) -> str:
    """One evaluation with n and interval."""
    if line["samples"] == 1:
        return format_accuracy(line["correct"], line["problems"])
    parts = [
        f"{name} {v['value']:.1%} (95 % interval {v['low']:.1%} to {v['high']:.1%})"
        for name, v in line.items()
        if isinstance(v, dict)
    ]
    return f"{line['problems']} problems, {line['samples']} samples each: " + ", ".join(parts)


def paired_test(folder: Path, before: dict[str, Any], after: dict[str, Any]) -> str:
    """McNemar's exact test for one greedy answer a problem, a paired bootstrap for several samples."""
    first, last = verdicts(folder, before["step"]), verdicts(folder, after["step"])
    shared = [problem for problem in first if problem in last]
    difference = after["accuracy"] - before["accuracy"]
    if before["samples"] == 1 and after["samples"] == 1:
        p = mcnemar_exact([first[i] > 0 for i in shared], [last[i] > 0 for i in shared])
        gained = sum(last[i] > first[i] for i in shared)
        lost = sum(last[i] < first[i] for i in shared)
        sure = "significant" if p < 0.05 else "not significant"
        return (
            f"{difference:+.1%} on the same {len(shared)} problems: {gained} gained, {lost} lost; {sure} "
            f"(p = {p:.2g}, exact McNemar)"
        )
    low, high = paired_bootstrap([first[i] for i in shared], [last[i] for i in shared], seed=0)
    sure = "significant" if low > 0 or high < 0 else "not significant"
    return (
        f"{difference:+.1%} on the same {len(shared)} problems; {sure} (95 % interval {low:+.1%} to {high:+.1%}, "
        "paired bootstrap)"
    )


def verdicts(folder: Path, step: int) -> dict[str, float]:
    """Share of right completions for each problem of one evaluation."""
    right: dict[str, list[bool]] = {}
    for line in read_lines(folder / "eval" / f"step_{step}.jsonl"):
        right.setdefault(line["problem_id"], []).append(line["correct"])
    return {problem: sum(r) / len(r) for problem, r in right.items()}


def run_table(folder: Path, rows: int = 12) -> Table:
    """The run in about `rows` lines: averages over equal stretches of steps, evaluations beside them."""
    metrics = list(read_lines(folder / METRICS))
    evaluations = {e["step"]: e for e in read_lines(folder / EVALUATIONS)}
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("steps", "reward", "tokens", "cut off", "no signal", "tok/s", "evaluation after it"):
        table.add_column(name, justify="left" if name.startswith("eval") else "right")
    if 0 in evaluations:
        table.add_row("0", "", "", "", "", "", evaluation_words(evaluations[0]))
    width = max(1, -(-len(metrics) // rows))
    for start in range(0, len(metrics), width):
        table.add_row(*stretch(metrics[start : start + width], evaluations))
    return table


def stretch(part: list[dict[str, Any]], evaluations: dict[int, dict[str, Any]]) -> list[str]:
    """One row of the table."""

    def mean(key: str) -> float:
        known = [m[key] for m in part if m[key] is not None]
        return sum(known) / len(known) if known else float("nan")

    first, last = part[0]["step"], part[-1]["step"]
    within = [evaluation_words(evaluations[s]) for s in range(first, last + 1) if s in evaluations]
    return [
        str(first) if first == last else f"{first}-{last}",
        f"{mean('reward'):.2f}",
        f"{mean('mean_tokens'):.0f}",
        f"{mean('truncated'):.0%}",
        f"{sum(m['groups_without_signal'] for m in part)}/{sum(m['groups'] for m in part)}",
        f"{mean('tokens_per_second'):,.0f}",
        "; ".join(within),
    ]


def load_run(folder: Path) -> dict[str, Any]:
    """run.json of a run."""
    return json.loads((folder / "run.json").read_text(encoding="utf-8"))


def heading(folder: Path) -> str:
    """The run in one line."""
    run = load_run(folder)
    config, machine = run["config"], run["machine"]
    on = machine["gpu"] or f"{machine['cores']} CPU cores"
    return escape(
        f"{folder.name}: {run['recipe']}, {config['model_name']}, {config['dataset_name']}, seed {config['seed']}, {on}, {run['started']}"
    )
