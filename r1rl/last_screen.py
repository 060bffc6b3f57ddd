"""The end of a run: its last screen, its report, and summary.json, which marks it complete."""

from __future__ import annotations

from r1rl.config import Config
from r1rl.console import console
from r1rl.dump import METRICS, Dump, read_lines, write_json
from r1rl.interrupt import INTERRUPTED
from r1rl.math_grading import grading_words
from r1rl.report import write_report
from r1rl.summary import learned, numbers, print_levels, run_table
from r1rl.survey import survey


def finish(dump: Dump, config: Config, interrupted: bool, ended: str | None = None) -> int:
    """The last screen. Returns the exit code; summary.json marks a complete run. `ended`: why before --max-steps."""
    folder = dump.folder
    found = numbers(folder)
    console.print()
    console.print(run_table(folder, survey(folder)))
    for line in learned(folder):
        console.print(line)
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
    if not interrupted:
        write_json(folder / "summary.json", {"schema_version": 1, **found, "ended": ended})
    try:
        write_report([folder], folder / "report.html")
        console.print(f"report   {folder / 'report.html'}: open it in a browser, no network is needed")
    except ImportError:  # a run's end must not fail for want of a page
        console.print(
            "report   not written, a package is missing: pip install vl-convert-python, then main.py report"
        )
    if interrupted:
        console.print(f"stopped  saved; go on with the same flags and --exp-name {config.exp_name} --resume")
        return INTERRUPTED
    console.print(f"model    {folder / 'checkpoints' / 'best'} (best evaluation)")
    console.print(
        "next     look:     python main.py inspect " + f"{folder} --step {found['steps']} --correct -n 3"
    )
    console.print(
        f"         measure:  python main.py eval --adapter {folder / 'checkpoints' / 'best'} --eval-count 0"
    )
    return 0
