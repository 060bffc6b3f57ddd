"""Wrappers of an engine: a guard that retries hung or too large calls, and the sharding over several processes."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable, Sequence

from r1rl.engines.base import Engine, Sampling
from r1rl.records import Prompt, Rollout
from r1rl.system import distributed
from r1rl.system.deadline import TooLong, deadline
from r1rl.system.interrupt import Interrupt
from r1rl.system.out_of_memory import CannotGoOn, free_memory, is_out_of_memory

FIRST, FLOOR = (
    1800.0,
    300.0,
)  # seconds: deadline of the first call, which may compile, and the shortest deadline

TIMES = 10.0  # the longest call so far per token

STUCK_CODE = 3  # exit code if the process must be ended


class GuardedEngine:
    """Guards an engine; `report(guard, text)` prints and dumps a finding."""

    def __init__(self, engine: Engine, actions: dict[str, str], report: Callable[[str, str], None]):
        self.engine, self.actions, self.report = engine, actions, report
        self.name = engine.name
        self.first, self.floor = FIRST, FLOOR
        self.slowest = 0.0  # seconds per requested token
        self.at_most: int | None = None  # completions at once after running out of memory
        self.restarted = False
        self.stopped: CannotGoOn | None = None

    def sync(self) -> None:
        """See Engine."""
        self.engine.sync()

    def close(self) -> None:
        """See Engine; a hanging engine is not called."""
        if self.stopped is None:
            self.engine.close()

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Rollout]:
        """See Engine. Raises CannotGoOn if the engine hangs again, or if not even one prompt fits into memory."""
        while self.stopped is None:
            at_once = len(prompts) * sampling.n
            at_once = min(n for n in (at_once, sampling.batch_size, self.at_most) if n is not None)
            found = self._attempt(prompts, dataclasses.replace(sampling, batch_size=at_once))
            if isinstance(found, list):
                return found
            if found == "engine":
                self._restart()
            else:
                self._halve(at_once, sampling.n)
        raise self.stopped

    def _attempt(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Rollout] | str:
        """Returns the rollouts, or the name of the guard that failed. The error is dropped, because it holds memory."""
        work = max(1, len(prompts) * sampling.n * sampling.max_tokens)
        seconds = self.seconds_for(work)
        watch = deadline(seconds, lambda: self._overdue(seconds), self._end_process)
        start = time.perf_counter()
        try:
            with contextlib.nullcontext() if self.actions["engine"] == "off" else watch:
                rollouts = self.engine.generate(prompts, sampling)
        except TooLong:
            return "engine"
        except (RuntimeError, MemoryError) as error:
            if self.actions["memory"] == "off" or not is_out_of_memory(error):
                raise
            return "memory"
        self.slowest = max(self.slowest, (time.perf_counter() - start) / work)
        return rollouts

    def seconds_for(self, work: int) -> float:
        """Returns the deadline of a call that may sample `tokens` tokens."""
        return max(self.floor, TIMES * self.slowest * work) if self.slowest else self.first

    def _overdue(self, seconds: float) -> bool:
        """Reports a missed deadline. Returns whether to interrupt the call."""
        self.report("engine", f"sampling has taken more than {seconds:.0f} s, its deadline: the engine hangs")
        return self.actions["engine"] != "warn"

    def _restart(self) -> None:
        """Restarts the engine, once per run and only if it supports that."""
        restart = getattr(self.engine, "restart", None)
        if self.actions["engine"] == "fix" and restart is not None and not self.restarted:
            self.restarted = True
            self.report("engine", "it is restarted and samples the same prompts again")
            restart()
            return
        why = "it hangs again" if self.restarted else f"{self.name} cannot be restarted"
        if self.actions["engine"] == "stop":
            why = "as --guard engine=stop asks for"
        self.stopped = CannotGoOn("engine", f"the engine hangs, and sampling ends here: {why}")

    def _halve(self, at_once: int, group: int) -> None:
        """Halves the completions at once, down to those of one prompt."""
        free_memory()
        if self.actions["memory"] == "stop" or at_once <= group:
            words = "not enough memory to sample"
            if at_once <= group:
                words += f" even {group} completions at once. Use a smaller --num-generations or --max-completion-length"
            self.stopped = CannotGoOn("memory", words)
            return
        self.at_most = max(group, at_once // 2 // group * group)
        self.report(
            "memory",
            f"out of memory while sampling: {self.at_most} completions at once from now on, instead of {at_once}. For "
            f"good: --generation-chunk {self.at_most // group}",
        )

    def _end_process(self) -> None:
        """Ends the process from the watching thread, because the main thread is in compiled code that does not return."""
        self.report(
            "engine",
            "the hanging call cannot be woken, so the whole process is ended. --resume continues from the last checkpoint",
        )
        os._exit(STUCK_CODE)


class ShardedEngine:
    """Shards sampling over several processes, each with its own guarded engine; signals are synchronised here."""

    def __init__(self, engine: Engine, interrupt: Interrupt):
        self.engine, self.interrupt = engine, interrupt
        self.name = engine.name

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Rollout]:
        """See Engine. Each completion gets the same random numbers as with one process."""
        own = distributed.share(len(prompts))
        part = dataclasses.replace(sampling, first=own.start, of=len(prompts))

        def sample() -> tuple[list[Rollout], int | None]:
            rollouts = self.engine.generate(prompts[own], part) if own.stop > own.start else []
            return rollouts, self.interrupt.signal_received

        found = distributed.run_on_all(sample)
        self.interrupt.sync_signal([heard for _, heard in found])
        return [rollout for rollouts, _ in found for rollout in rollouts]

    def sync(self) -> None:
        """See Engine; a failing process is noticed at the next call of `generate`."""
        self.engine.sync()

    def close(self) -> None:
        """See Engine."""
        self.engine.close()
