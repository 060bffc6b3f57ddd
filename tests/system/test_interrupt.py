"""Signals: raised where nothing is half done, remembered elsewhere, and the process ends itself in time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import sys
import termios
import time

import pytest
from conftest import ROOT

from r1rl.runs import checkpoints
from r1rl.runs.dump import METRICS, read_lines
from r1rl.system import interrupt
from r1rl.system.interrupt import Interrupt, Stopped


def send(number=signal.SIGINT):
    os.kill(os.getpid(), number)
    time.sleep(0)  # the handler runs in between


@pytest.fixture(autouse=True)
def hangup_is_heard():
    """Also where the tests themselves were started with nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_stops_at_once_where_nothing_is_held(number, code, monkeypatch):
    monkeypatch.setattr(interrupt, "leave_terminal", lambda: None)  # pytest's own
    with Interrupt() as stop:
        with pytest.raises(Stopped) as stopped:
            send(number)
        assert stop.asked and stopped.value.exit_code == stop.exit_code == code


def test_a_signal_is_remembered_until_a_section_that_can_be_left():
    done = []
    with Interrupt() as stop:
        stop.deferred = True
        send()
        done.append("step")
        with pytest.raises(Stopped), stop.interruptible():
            done.append("never")
    assert done == ["step"]


def test_a_section_is_left_at_once_but_for_what_is_held_in_it():
    done = []
    with Interrupt() as stop:
        stop.deferred = True
        with pytest.raises(Stopped), stop.interruptible():
            with stop.uninterruptible():
                send()
                done.append("dump")
            done.append("never")
        assert done == ["dump"]
    with Interrupt() as stop:
        stop.deferred = True
        with pytest.raises(Stopped), stop.interruptible():
            send()
            done.append("never")
    assert done == ["dump"]


def test_a_stop_that_a_library_swallowed_is_raised_again():
    with Interrupt() as stop:
        stop.deferred = True
        with pytest.raises(Stopped), stop.interruptible(), contextlib.suppress(BaseException):
            send()


def test_a_second_signal_stops_anywhere_but_an_echo_of_the_first_does_not(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(interrupt.time, "monotonic", lambda: now[0])
    with Interrupt() as stop:
        stop.deferred = True
        send()
        now[0] += interrupt.ECHO / 2  # a kill of the process group, passed on by the parent
        send()
        now[0] += interrupt.ECHO
        with pytest.raises(Stopped):
            send()


def test_handlers_are_put_back():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with Interrupt():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_signal_that_nohup_ignores_is_not_heard():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupt() as stop:
            send(signal.SIGHUP)
            assert not stop.asked and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.slow
def test_a_closed_terminal_saves_the_run(tmp_path):
    """As when an SSH connection drops: the terminal is there no more, and each write to it would be an error."""
    ours, theirs = os.openpty()
    flags = ["--recipe", "tiny", "--add-reasoning-prefix", "--engine", "transformers", "--no-unsloth", "--no-trial"]
    flags += ["--eval-count", "8", "--max-steps", "500", "--dumps", str(tmp_path), "--exp-name", "run"]

    def as_a_login() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        [sys.executable, "main.py", *flags],
        cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, preexec_fn=as_a_login,
    )  # fmt: skip
    os.close(theirs)
    run, shown = tmp_path / "run", b""
    while len(list(read_lines(run / METRICS))) < 2:
        assert process.poll() is None, shown.decode()
        if select.select([ours], [], [], 0.2)[0]:
            shown += os.read(ours, 65536)
    os.close(ours)
    assert process.wait(timeout=120) == 129
    steps = [line["step"] for line in read_lines(run / METRICS)]
    assert checkpoints.newest(run / "checkpoints")[0].name == f"checkpoint-{steps[-1]}"
    assert (run / "report.html").is_file() and not (run / "logs" / "error.log").exists()


HANGS = """
import os, signal, sys, time
from r1rl.system.interrupt import Interrupt
with Interrupt(grace=0.3) as stop:
    stop.deferred = True
    os.kill(os.getpid(), signal.{name})
    assert {left}
    time.sleep(2)
print("alive")
"""


@pytest.mark.parametrize(
    ("name", "left", "code", "end"),
    [
        ("SIGTERM", "0 < stop.left() <= 0.3", 143, "--grace-seconds are over"),
        ("SIGINT", "stop.left() == float('inf')", 0, "alive"),
    ],
)
def test_after_sigterm_the_process_ends_in_time_whatever_hangs(name, left, code, end):
    script = HANGS.format(name=name, left=left)
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    assert end in done.stdout + done.stderr
