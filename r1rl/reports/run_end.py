"""The end of a run: its last screen, its report, and summary.json, which marks it complete."""

from __future__ import annotations

from pathlib import Path

from r1rl.config.flags import Config
from r1rl.reports.page.build import write_report
from r1rl.reports.summary import learned, numbers, print_levels, run_table
from r1rl.reports.survey import survey
from r1rl.rewards.grading.latex import grading_words
from r1rl.runs.checkpoints import newest
from r1rl.runs.dump import METRICS, Dump, read_lines, write_json
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
    """The last screen. Returns the exit code; summary.json marks a complete run.

    `ended`: why before --max-steps, for its budget; `guarded`: why, by a guard. `seconds`: what screen and report take;
    with less than that left there are none.
    """
    folder, interrupted = dump.folder, stop.asked
    again = f"go on with the same flags and --exp-name {config.exp_name} --resume"
    if stop.left() < seconds:
        console.print(f"stopped  {again}; no time is left for the report: python main.py report {folder}")
        return stop.exit_code
    if interrupted and not any(read_lines(folder / METRICS)):
        console.print(f"stopped  {again}")
        return stop.exit_code
    found = numbers(folder)
    console.print()
    console.print(run_table(folder, survey(folder)))
    for line in learned(folder):
        console.print(line, markup=False)  # an error quoted in it may hold brackets
    if (troubles := grading_words()) is not None:
        console.print(
            f"grading  LaTeX, {troubles}; unreadable golds are left out, all other trouble counts as wrong"
        )
    late = sum(line.get("reward_timeouts", 0) for line in read_lines(folder / METRICS))
    if late:
        console.print(
            f"rewards  {late} calls did not come back within --reward-timeout {config.reward_timeout:g} seconds, and "
            "counted for nothing"
        )
    if ended is not None:
        console.print(f"ended    {ended}; to go on: the same flags with a larger one and --resume")
    print_levels(folder)
    console.print(f"\ndumps    {folder}: rollouts.jsonl, eval/, metrics.jsonl, run.json")
    if not interrupted and guarded is None:
        write_json(folder / "summary.json", {"schema_version": 1, **found, "ended": ended})
    try:
        write_report([folder], folder / "report.html")
        console.print(f"report   {folder / 'report.html'}: open it in a browser, no network is needed")
    except ImportError:  # a run's end must not fail for want of a page
        console.print(
            "report   not written, a package is missing: pip install vl-convert-python, then main.py report"
        )
    if interrupted:
        console.print(f"stopped  {again}")
        return stop.exit_code
    if guarded is not None:
        return stopped_by_guard(folder, config, guarded)
    console.print(f"model    {folder / 'checkpoints' / 'best'} (best evaluation)")
    console.print(
        "next     look:     python main.py inspect " + f"{folder} --step {found['steps']} --correct -n 3"
    )
    console.print(
        f"         measure:  python main.py eval --adapter {folder / 'checkpoints' / 'best'} --eval-count 0"
    )
    return 0


def stopped_by_guard(folder: Path, config: Config, why: str) -> int:
    """Says why and how to go on. Returns the exit code."""
    console.print(f"stopped  {why}", markup=False)
    console.print(f"         {after_guard(folder, config)}", markup=False)
    return GUARDED


def after_guard(folder: Path, config: Config) -> str:
    """What can be done with a run that a guard stopped."""
    checkpoint, _ = newest(folder / "checkpoints")
    if checkpoint is None:
        return "nothing was saved yet: docs/guards.md says what to change; begin anew with another --exp-name"
    return (
        f"checkpoints/{checkpoint.name} is there: docs/guards.md says what to change; to go on as it is, the same flags "
        f"with --exp-name {config.exp_name} --resume, and --guard NAME=warn for this guard"
    )
