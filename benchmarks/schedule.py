"""Runs checks one after the other, each in its own process with a deadline, and keeps what each has measured so far.

A check is a command that appends JSON lines to the file that the environment variable ROWS names. Killed at its deadline,
it loses only the row that it was measuring; all other checks keep theirs.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROWS = "ROWS"  # variable with the file for a check's rows
GRACE = 5.0  # seconds between SIGTERM and SIGKILL
SLICE = 0.1  # seconds between two looks at a process
DONE, PARTLY, FAILED, LATE, WAITING = "done", "stopped at its deadline", "failed", "not reached", "waits for another"
EXPECTED = "failed as expected"  # of a simulated GPU


@dataclass(frozen=True)
class Check:
    """One thing to measure."""

    name: str
    what: str  # for the table
    command: tuple[str, ...]
    seconds: float  # after which it is stopped
    least: float = 10.0  # seconds without which it is not begun: less than that would measure nothing
    after: str | None = None  # the check without whose success it cannot run
    expected: tuple[str, str] | None = None  # if it fails on a simulated GPU: why, and a part of its last line then
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class Outcome:
    """How a check ended."""

    name: str
    what: str
    state: str
    seconds: float = 0.0
    why: str = ""  # it failed or was not begun
    log: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def went_well(self) -> bool:
        """Whether another check may build on it."""
        return self.state == DONE


def run_all(
    checks: Sequence[Check], folder: Path, seconds: float, tell: Callable[[str], None], simulated: bool = False
) -> list[Outcome]:
    """Runs the checks until all are done or the time is over; a check that is done in `folder` already is not repeated.

    Args:
        folder: gets NAME.jsonl (rows), NAME.log (output) and NAME.json (outcome) of each check.
        seconds: of all checks together; the running one is stopped GRACE before.
        tell: prints a line.
        simulated: whether the GPU is simulated, so that the failures named by `expected` are EXPECTED.
    """
    end = time.monotonic() + seconds
    outcomes: dict[str, Outcome] = {}
    for check in checks:
        before = finished(check, folder)
        left = end - time.monotonic() - GRACE
        if before is not None:
            outcome = before
        elif check.after and not (outcomes.get(check.after) and outcomes[check.after].went_well):
            outcome = Outcome(check.name, check.what, WAITING, why=f"{check.after} is not done")
        elif left < check.least:
            outcome = Outcome(check.name, check.what, LATE, why=f"{max(0, left):.0f} s left, needs {check.least:.0f}")
        else:
            tell(f"{check.name}: {check.what} (at most {min(check.seconds, left):.0f} s)")
            outcome = run_one(check, folder, min(check.seconds, left))
            if outcome.state == FAILED and simulated and check.expected and check.expected[1] in outcome.why:
                outcome.state, outcome.why = EXPECTED, f"{check.expected[0]}: {outcome.why}"
            write_outcome(outcome, folder)
            tell(f"{check.name}: {outcome.state} after {outcome.seconds:.0f} s, {len(outcome.rows)} rows{why(outcome)}")
        outcomes[check.name] = outcome
    return list(outcomes.values())


def finished(check: Check, folder: Path) -> Outcome | None:
    """Returns the outcome of a check that an earlier call has done; None if it is to be run."""
    try:
        outcome = Outcome(**json.loads((folder / f"{check.name}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return outcome if outcome.state == DONE else None


def write_outcome(outcome: Outcome, folder: Path) -> None:
    """Writes how a check ended, with its rows."""
    (folder / f"{outcome.name}.json").write_text(json.dumps(asdict(outcome)) + "\n", encoding="utf-8")


def why(outcome: Outcome) -> str:
    """Returns the reason and the log of a check that is not done, for the end of a line."""
    if not outcome.why:
        return ""
    return f": {outcome.why}" + (f" (log: {outcome.log})" if outcome.log else "")


def run_one(check: Check, folder: Path, seconds: float) -> Outcome:
    """Runs a check for `seconds` at most. A Ctrl-C ends its processes, too."""
    rows, log = (folder / f"{check.name}{ending}" for ending in (".jsonl", ".log"))
    rows.unlink(missing_ok=True)
    start = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            check.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            env={**os.environ, **check.environment, ROWS: str(rows)},
        )  # fmt: skip
        try:
            in_time = wait(process, seconds)
        finally:
            stop(process)
    outcome = Outcome(check.name, check.what, DONE, round(time.monotonic() - start, 1), log=str(log), rows=read(rows))
    if not in_time:
        outcome.state, outcome.why = PARTLY, f"took more than {seconds:.0f} s"
    elif process.returncode:
        outcome.state, outcome.why = FAILED, f"exit code {process.returncode}, {last_line(log)}"
    return outcome


def wait(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Returns whether the process ended within `seconds`."""
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        time.sleep(SLICE)
    return process.poll() is not None


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and all that it has started: with SIGTERM, after GRACE at most with SIGKILL.

    Also after a normal end, because an engine's process that remains would hold the GPU's memory.
    """
    end = time.monotonic() + GRACE
    signal_group(process.pid, signal.SIGTERM)
    while time.monotonic() < end and (process.poll() is None or signal_group(process.pid, 0)):
        time.sleep(SLICE)
    signal_group(process.pid, signal.SIGKILL)
    process.wait()


def signal_group(leader: int, number: int) -> bool:
    """Sends a signal to a process group; 0 sends none. Returns whether the group still has processes."""
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def read(rows: Path) -> list[dict[str, Any]]:
    """Returns the complete rows of a file; the last one may have been cut by a kill."""
    found = []
    with contextlib.suppress(OSError):
        for line in rows.read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
    return [row for row in found if isinstance(row, dict)]


def last_line(log: Path) -> str:
    """Returns the last line of a log that says something."""
    with contextlib.suppress(OSError):
        lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
        return next((line[:300] for line in reversed(lines) if line), "no output")
    return "no output"


def add(**row: Any) -> None:
    """Called in a check: appends one row, at once."""
    with Path(os.environ[ROWS]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
        file.flush()
        os.fsync(file.fileno())
