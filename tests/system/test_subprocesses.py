"""Worker: answers, deadlines, crashes, restarts and limits of a child process, with a module made for the test."""

from __future__ import annotations

import os
import time

import pytest

from r1rl.system.subprocesses import Worker, WorkerLost

MODULE = """
import os, resource, signal, sys, time
from r1rl.system.subprocesses import open_connection, requests, send

descriptor, memory, pickled = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "pickled"
connection = open_connection(descriptor, memory)
if "late" in sys.argv:
    time.sleep(60)
send(connection, {"pid": os.getpid(), "memory": resource.getrlimit(resource.RLIMIT_AS)[0]}, pickled)
for request in requests(connection, pickled):
    if request == "hang":
        time.sleep(60)
    if request == "exit":
        os._exit(7)
    if request == "interrupt":
        os.kill(os.getpid(), signal.SIGINT)
    print("noise")
    send(connection, [request, request], pickled)
"""


@pytest.fixture
def make(tmp_path, monkeypatch):
    (tmp_path / "echo_worker.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    workers = []

    def worker(*arguments: str, **settings) -> Worker:
        kind = "pickled" if settings.get("pickled") else "json"
        workers.append(Worker("echo_worker", (kind, *arguments), **settings))
        return workers[-1]

    yield worker
    for made in workers:
        made.stop()


def ask(worker: Worker, request, seconds: float = 20.0):
    worker.send(request, seconds)
    return worker.receive()


@pytest.mark.parametrize("pickled", [False, True])
def test_answers_in_turn_and_restarts(make, pickled, capfd):
    worker = make(pickled=pickled, silent=True)
    first = worker.start(20)
    assert ask(worker, "a") == ["a", "a"] and ask(worker, {"b": 1}) == [{"b": 1}, {"b": 1}]
    assert ask(worker, "half a pair: \ud800") == ["half a pair: \ud800"] * 2
    worker.stop()
    assert worker.process is None
    assert worker.start(20)["pid"] != first["pid"]
    assert capfd.readouterr().out == ""


def test_objects_pass_only_when_pickled(make):
    worker = make(pickled=True)
    worker.start(20)
    assert ask(worker, {1, 2}) == [{1, 2}, {1, 2}]
    worker = make()
    worker.start(20)
    with pytest.raises(TypeError):
        worker.send({1, 2}, 1)


def test_a_hanging_process_is_killed_at_the_deadline(make):
    worker = make()
    pid, start = worker.start(20)["pid"], time.monotonic()
    with pytest.raises(WorkerLost) as lost:
        ask(worker, "hang", 0.2)
    assert lost.value.why == "hung" and time.monotonic() - start < 10
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_crash_is_reported_with_its_exit_code(make):
    worker = make()
    worker.start(20)
    with pytest.raises(WorkerLost) as lost:
        ask(worker, "exit")
    assert (lost.value.why, lost.value.exit_code) == ("crashed", 7)
    worker.start(20)
    worker.process.kill()
    worker.process.wait()
    with pytest.raises(WorkerLost, match="crashed"):
        ask(worker, "a")


def test_a_start_has_a_deadline_too(make):
    with pytest.raises(WorkerLost, match="hung"):
        make("late").start(0.5)


def test_memory_is_limited_and_ctrl_c_is_the_parents(make):
    worker = make(memory=2**31)
    assert worker.start(20)["memory"] == 2**31
    assert ask(worker, "interrupt") == ["interrupt"] * 2


def test_a_file_in_the_current_folder_hides_no_module(make, tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    (here / "json.py").write_text("raise ImportError('not this one')\n")
    monkeypatch.chdir(here)
    assert make().start(20)["pid"]
