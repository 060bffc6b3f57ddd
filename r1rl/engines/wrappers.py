"""Wrappers of an engine: guards against calls that hang or run out of memory, and sampling in several processes."""

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

FIRST, FLOOR = 1800.0, 300.0  # seconds: deadline of the first call, which may compile, and shortest deadline
TIMES = 10.0  # times the longest call so far, for the same number of tokens
STUCK_CODE = 3  # exit code if the process itself has to be ended


class GuardedEngine:
    """An engine whose calls have a deadline and are repeated in smaller parts if memory runs out.

    `actions` has the action of each guard; `report(guard, message)` prints and dumps a finding.
    """

    def __init__(self, engine: Engine, actions: dict[str, str], report: Callable[[str, str], None]):
        self.engine, self.actions, self.report = engine, actions, report
        self.name = engine.name
        self.first, self.floor = FIRST, FLOOR
        self.slowest = 0.0  # seconds per token that a call could have sampled
        self.at_most: int | None = None  # completions at once, after memory ran out
        self.restarted = False
        self.stopped: CannotGoOn | None = None

    def sync(self) -> None:
        """See Engine."""
        self.engine.sync()

    def close(self) -> None:
        """See Engine; an engine that hangs is not called."""
        if self.stopped is None:
            self.engine.close()

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Rollout]:
        """See Engine. Raises CannotGoOn if the engine hangs again, or if memory does not suffice for one prompt."""
        while self.stopped is None:
            at_once = len(prompts) * sampling.n
            at_once = min(n for n in (at_once, sampling.batch_size, self.at_most) if n is not None)
            result = self._attempt(prompts, dataclasses.replace(sampling, batch_size=at_once))
            if isinstance(result, list):
                return result
            if result == "engine":
                self._restart()
            else:
                self._halve(at_once, sampling.n)
        raise self.stopped

    def _attempt(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Rollout] | str:
        """Returns the rollouts, or the guard whose rule failed. The error itself is dropped: it holds memory."""
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
        """Returns the deadline of a call that may sample `work` tokens."""
        return max(self.floor, TIMES * self.slowest * work) if self.slowest else self.first

    def _overdue(self, seconds: float) -> bool:
        """Reports the call. Returns whether to interrupt it."""
        self.report("engine", f"sampling has taken more than {seconds:.0f} s, its deadline: the engine hangs")
        return self.actions["engine"] != "warn"

    def _restart(self) -> None:
        """Restarts the engine, at most once in a run; else sets `stopped`."""
        restart = getattr(self.engine, "restart", None)
        if self.actions["engine"] == "fix" and restart is not None and not self.restarted:
            self.restarted = True
            self.report("engine", "it is restarted and samples the same prompts again")
            restart()
            return
        why = "it hangs again" if self.restarted else f"{self.name} cannot be restarted"
        if self.actions["engine"] == "stop":
            why = "--guard engine=stop"
        self.stopped = CannotGoOn("engine", f"the engine hangs, and sampling ends: {why}")

    def _halve(self, at_once: int, group: int) -> None:
        """Halves the completions at once; if they are one prompt's already, sets `stopped`."""
        free_memory()
        if self.actions["memory"] == "stop" or at_once <= group:
            message = "not enough memory to sample"
            if at_once <= group:
                message += (
                    f" even {group} completions at once. Use a smaller --num-generations or --max-completion-length"
                )
            self.stopped = CannotGoOn("memory", message)
            return
        self.at_most = max(group, at_once // 2 // group * group)
        self.report(
            "memory",
            f"out of memory while sampling: {self.at_most} completions at once from now on, instead of {at_once}. To avoid "
            f"this, use --generation-chunk {self.at_most // group}",
        )

    def _end_process(self) -> None:
        """Ends the process, called from the watching thread: the main thread is in compiled code that does not return."""
        self.report(
            "engine",
            "the call cannot be interrupted, so the process is ended. --resume continues from the last checkpoint",
        )
        os._exit(STUCK_CODE)


class ShardedEngine:
    """Samples with the engines of all processes, each its share of the prompts. All stop if one received a signal."""

    def __init__(self, engine: Engine, interrupt: Interrupt):
        self.engine, self.interrupt = engine, interrupt
        self.name = engine.name

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Rollout]:
        """See Engine. Each completion gets the random numbers that it has with one process."""
        share = distributed.share(len(prompts))
        part = dataclasses.replace(sampling, first=share.start, of=len(prompts))

        def sample() -> tuple[list[Rollout], int | None]:
            rollouts = self.engine.generate(prompts[share], part) if share.stop > share.start else []
            return rollouts, self.interrupt.signal_received

        results = distributed.run_on_all(sample)
        self.interrupt.sync_signal([signal for _, signal in results])
        return [rollout for rollouts, _ in results for rollout in rollouts]

    def sync(self) -> None:
        """See Engine; the others notice a process whose engine fails here at the next call of `generate`."""
        self.engine.sync()

    def close(self) -> None:
        """See Engine."""
        self.engine.close()
