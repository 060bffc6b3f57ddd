"""The deadline over a call of the engine: what it wakes, what it leaves alone, and the end of what cannot be woken."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest
from conftest import ROOT

from r1rl.config.run_rules import guard_actions
from r1rl.engines.base import Sampling
from r1rl.engines.wrappers import FIRST, FLOOR, TIMES, GuardedEngine
from r1rl.system.deadline import TooLong, deadline
from r1rl.system.out_of_memory import CannotGoOn, is_out_of_memory

STUCK = """
import ctypes, os
from r1rl.system import deadline
deadline.ATTEMPTS = 2
lock = ctypes.create_string_buffer(256)
lib = ctypes.CDLL(None)
lib.pthread_mutex_init(lock, None)
lib.pthread_mutex_lock(lock)
with deadline.deadline(0.2, lambda: True, lambda: os._exit(3)):
    lib.pthread_mutex_lock(lock)  # compiled code that waits for itself, and heeds no signal
"""


def never():
    raise AssertionError("not stuck")


@pytest.mark.parametrize(
    "block",
    [
        lambda: time.sleep(1000),
        lambda: threading.Event().wait(),
        lambda: [None for _ in iter(int, 1)],
        lambda: wait_for_a_thread(),
    ],
    ids=["sleep", "event", "loop", "thread"],
)
def test_a_call_that_takes_too_long_is_woken(block):
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(TooLong), deadline(0.2, lambda: True, never):
        block()
    assert signal.getsignal(signal.SIGALRM) is before


def wait_for_a_thread():
    thread = threading.Thread(target=threading.Event().wait, daemon=True)
    thread.start()
    thread.join()


def test_a_call_in_time_and_one_that_may_go_on_are_left_alone():
    said = []
    with deadline(0.2, lambda: said.append("overdue"), never):
        time.sleep(0.6)
    with deadline(30, never, never):
        pass
    assert said == ["overdue"]


def test_anothers_alarm_gets_through():
    heard = []
    before = signal.signal(signal.SIGALRM, lambda *_: heard.append(1))
    try:
        with deadline(30, never, never):
            signal.raise_signal(signal.SIGALRM)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert heard == [1]


def test_outside_of_the_main_thread_nothing_is_watched():
    def call():
        with deadline(0.01, never, never):
            time.sleep(0.1)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def test_what_cannot_be_woken_ends_the_process():
    done = subprocess.run([sys.executable, "-c", STUCK], cwd=ROOT, timeout=60, env={"PYTHONPATH": str(ROOT)})
    assert done.returncode == 3


# ---- the engine behind it


class Engine:
    """Takes its time, and runs out of memory above so many completions at once."""

    name = "test"

    def __init__(self, fits=None, error=None):
        self.fits, self.calls = fits, []
        self.error = error or RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")

    def generate(self, prompts, sampling):
        self.calls.append(sampling.batch_size)
        if self.fits is not None and sampling.batch_size > self.fits:
            raise self.error
        return ["rollout"] * len(prompts) * sampling.n


def guarded(engine, flag=None):
    said = []
    return GuardedEngine(engine, guard_actions(flag), lambda guard, words: said.append(words)), said


def test_out_of_memory_halves_what_is_sampled_at_once_for_good():
    engine, said = guarded(Engine(fits=20))
    assert len(engine.generate(["p"] * 8, Sampling(n=8, max_tokens=4))) == 64
    assert engine.engine.calls == [64, 32, 16]
    engine.generate(["p"] * 8, Sampling(n=8, max_tokens=4))
    assert engine.engine.calls[3:] == [16]
    assert "16 completions at once from now on, instead of 32" in said[-1]
    assert said[-1].endswith("--generation-chunk 2")
    engine.generate(["p"] * 8, Sampling(n=1, max_tokens=4, batch_size=4))
    assert engine.engine.calls[4:] == [4]  # what is smaller stays so


def test_where_one_group_does_not_fit_the_run_stops():
    engine, _ = guarded(Engine(fits=7))
    with pytest.raises(CannotGoOn, match="even 8 completions at once"):
        engine.generate(["p"] * 3, Sampling(n=8, max_tokens=4))
    assert engine.engine.calls == [24, 8]
    with pytest.raises(CannotGoOn):
        engine.generate(["p"], Sampling(n=1, max_tokens=4))  # it stays stopped


def test_other_errors_and_a_guard_that_is_off_let_errors_through():
    with pytest.raises(RuntimeError, match="shape"):
        guarded(Engine(0, RuntimeError("shape mismatch")))[0].generate(["p"], Sampling(n=1, max_tokens=4))
    with pytest.raises(RuntimeError, match="CUDA"):
        guarded(Engine(0), "memory=off")[0].generate(["p"], Sampling(n=1, max_tokens=4))
    with pytest.raises(CannotGoOn, match="memory"):
        guarded(Engine(0), "memory=stop")[0].generate(["p"] * 9, Sampling(n=1, max_tokens=4))


def test_the_deadline_follows_the_longest_call():
    engine, _ = guarded(Engine())
    work = Sampling(n=8, max_tokens=100)
    assert engine.seconds_for(800) == FIRST
    engine.generate(["p"], work)
    assert engine.seconds_for(800) == FLOOR  # it was quick
    engine.slowest = 0.5
    assert engine.seconds_for(800) == TIMES * 400
    assert engine.seconds_for(80_000) == TIMES * 40_000


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (MemoryError(), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)  # fmt: skip
def test_errors_for_want_of_memory(error, is_one):
    assert is_out_of_memory(error) == is_one
