"""Two processes never write one run: the second is refused, and a dead one holds no lock."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys

import pytest
from conftest import ROOT

from r1rl.runs import folder
from r1rl.runs.dump import write_json
from r1rl.system.errors import UserError

# Takes the lock, then forks a worker that outlives it, as the workers of a data loader or an engine may.
HOLDER = """
import os, sys, time
from pathlib import Path
from r1rl.runs.folder import lock_run
lock_run(Path(sys.argv[1]))
worker = os.fork()
if worker:
    print(worker, flush=True)
time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that works on the run tmp_path / "a", and its forked worker's id."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "a")], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    worker = int(process.stdout.readline())
    yield process
    process.kill()
    process.wait()
    os.kill(worker, signal.SIGKILL)


@pytest.fixture(autouse=True)
def none_held():
    yield
    folder.unlock_runs()


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path, holder):
    for _ in range(2):  # a refusal does not release the lock of the other
        with pytest.raises(UserError, match=rf"process {holder.pid} is using .*a, .*kill -INT {holder.pid}"):
            folder.lock_run(tmp_path / "a")
    folder.lock_run(tmp_path / "b")
    holder.kill()
    holder.wait()
    folder.lock_run(tmp_path / "a")
    folder.lock_run(tmp_path / "a")  # a process may take its own lock again
    assert (tmp_path / "a" / "logs" / "lock").read_text() == f"{os.getpid()}\n"


def test_a_lock_that_is_given_back_is_free_for_others(tmp_path):
    folder.lock_run(tmp_path / "a")
    command_text = (
        "import sys; from pathlib import Path; from r1rl.runs.folder import lock_run; lock_run(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", command_text, str(tmp_path / "a")]
    assert b"is using" in subprocess.run(command, cwd=ROOT, capture_output=True).stderr
    folder.unlock_runs()
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0


def test_a_file_system_without_locks_is_no_obstacle(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    folder.lock_run(tmp_path / "a")
    assert not folder.locks


def test_the_command_line_refuses_to_resume_a_running_run(tmp_path, holder):
    """As after a dropped connection, when the run still works."""
    command = [sys.executable, "main.py", "--recipe", "tiny", "--dumps", str(tmp_path), "--exp-name", "a"]
    shown = subprocess.run([*command, "--print-config"], cwd=ROOT, capture_output=True, check=True)
    write_json(tmp_path / "a" / "run.json", {"config": json.loads(shown.stdout)})
    before = sorted(tmp_path.rglob("*"))
    second = subprocess.run([*command, "--resume"], cwd=ROOT, capture_output=True, text=True)
    assert second.returncode == 2
    assert f"error: process {holder.pid} is using" in second.stderr and "Traceback" not in second.stderr
    assert sorted(tmp_path.rglob("*")) == before
