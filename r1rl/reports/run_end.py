"""The end of a run: its last screen, its report, and summary.json, which marks it complete."""

from __future__ import annotations

import shlex
from pathlib import Path

from r1rl.config.flags import Config
from r1rl.reports.page.build import pass_over, write_page
from r1rl.reports.summary import numbers, summary_lines
from r1rl.reports.tables import check_lines, print_levels, run_table
from r1rl.rewards.grading.latex import grading_words
from r1rl.rewards.judge import COUNTED as JUDGED
from r1rl.runs.checkpoints import newest
from r1rl.runs.dump import Dump, write_json
from r1rl.runs.run_data import RunData
from r1rl.system.console import console
from r1rl.system.interrupt import Interrupt

GUARDED = 3  # the exit code of a run that a guard stopped


def finish(
    dump: Dump,
    config: Config,
    stop: Interrupt,
    ended: str | None = None,
    guarded: str | None = None,
    seconds: float = 0.0,
) -> int:
    """Prints the last screen and writes the report; returns the exit code. summary.json marks a complete run.

    `ended` is why the run ended before --max-steps, for its budget; `guarded` is why a guard stopped it. Screen and
    report take about `seconds`: if less time is left, they are skipped.
    """
    folder, interrupted = dump.folder, stop.asked
    resume = f"to continue, use the same flags with --exp-name {shlex.quote(config.exp_name)} --resume"
    again = f"python main.py report {shlex.quote(str(folder))}"
    if stop.left() < seconds:
        console.print(f"stopped  {resume}; no time is left for the report: {again}", markup=False)
        return stop.exit_code
    data = RunData(folder)
    if interrupted and not data.metrics:
        console.print(f"stopped  {resume}", markup=False)
        return stop.exit_code
    run = pass_over(data)
    console.print()
    console.print(run_table(data, run.found))
    for line in [*summary_lines(data), *check_lines(run.found)]:
        console.print(line, markup=False)  # an error quoted in it may hold brackets
    if (troubles := grading_words()) is not None:
        rule = "unreadable gold answers are left out, other failures count as wrong"
        console.print(f"grading  LaTeX: {troubles}; {rule}")
    if late := sum(line.get("reward_timeouts", 0) for line in data.metrics):
        limit = f"--reward-timeout {config.reward_timeout:g} seconds"
        console.print(f"rewards  {late} calls did not return within {limit} and gave no reward")
    if judged := [line for line in data.metrics if "judge_unparsed" in line]:
        unread, read, written = (sum(line[name] for line in judged) for name in JUDGED)
        console.print(f"judge    no verdict on {unread} completions; {read:,} tokens read and {written:,} written")
    if ended is not None:
        console.print(f"ended    {ended}; to continue, raise the limit and add --resume")
    print_levels(data)
    console.print(f"\ndumps    {folder}: rollouts.jsonl, eval/, metrics.jsonl, run.json")
    totals = numbers(data)
    if not interrupted and guarded is None:
        write_json(folder / "summary.json", {"schema_version": 1, **totals, "ended": ended})
    try:
        write_page({folder.resolve().name: run}, folder / "report.html")
        console.print(f"report   {folder / 'report.html'}: open it in a browser; it needs no network")
    except ImportError:  # a run's end must not fail because the page cannot be made
        console.print(
            f"report   not written, a package is missing: pip install vl-convert-python, then {again}", markup=False
        )
    if interrupted:
        console.print(f"stopped  {resume}", markup=False)
        return stop.exit_code
    if guarded is not None:
        return stopped_by_guard(folder, config, guarded)
    best = folder / "checkpoints" / "best"
    console.print(f"model    {best} (best evaluation)")
    shown = f"{shlex.quote(str(folder))} --step {totals['steps']} --correct -n 3"
    console.print(f"next     look:     python main.py inspect {shown}", markup=False)
    measured = shlex.quote(str(best))
    console.print(f"         measure:  python main.py eval --adapter {measured} --eval-count 0", markup=False)
    return 0


def stopped_by_guard(folder: Path, config: Config, why: str) -> int:
    """Prints why a guard stopped the run and how to continue; returns the exit code."""
    console.print(f"stopped  {why}", markup=False)
    console.print(f"         {after_guard(folder, config)}", markup=False)
    return GUARDED


def after_guard(folder: Path, config: Config) -> str:
    """Returns how to continue a run that a guard stopped."""
    checkpoint, _ = newest(folder / "checkpoints")
    if checkpoint is None:
        return (
            "no checkpoint was saved yet: change the settings (docs/guards.md says which) and start again with another "
            "--exp-name"
        )
    return (
        f"checkpoints/{checkpoint.name} is saved: docs/guards.md says what to change; to continue unchanged, use the same "
        f"flags with --exp-name {shlex.quote(config.exp_name)} --resume, and --guard NAME=warn for this guard"
    )
