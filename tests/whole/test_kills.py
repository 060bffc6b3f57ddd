"""A real run killed four times, in four phases, and resumed after each: in the end it equals the unbroken one."""

from __future__ import annotations

import signal
import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

import faults

pytestmark = pytest.mark.slow

# Phase, step, signal, seconds after the sign of the phase; a later one each time.
KILLS = (
    ("generate", 1, signal.SIGTERM, 0.1),
    ("update", 2, signal.SIGKILL, 0.02),
    ("evaluate", 2, signal.SIGTERM, 0.1),
    ("checkpoint", 4, signal.SIGKILL, 0.01),
)


def test_a_run_killed_in_every_phase_equals_the_unbroken_one(tmp_path):
    faults.uninterrupted(tmp_path)
    for phase, step, number, seconds in KILLS:
        process = faults.start(tmp_path, "killed")
        kill = faults.kill_in(process, tmp_path / "killed", phase, step, number, seconds)
        assert kill.met and kill.exit_code == (143 if number == signal.SIGTERM else -signal.SIGKILL)
        if number == signal.SIGTERM:
            assert kill.steps_lost == 0
    left = [p.name for p in (tmp_path / "killed" / "checkpoints").iterdir()]
    assert ".saving-4" in left  # the last kill was in the middle of writing
    assert faults.finish(tmp_path, "killed") == {"lost": 0, "doubled": 0, "different": 0, "unable": 0}
    log = (tmp_path / "killed.log").read_text()
    assert "Traceback" not in log and "already saved" not in log.partition("resume")[0]
