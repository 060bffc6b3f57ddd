"""An engine under guard: a call that hangs is woken and made again, one that runs out of memory is made in smaller parts."""

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

FIRST, FLOOR = 1800.0, 300.0  # seconds: of the first call, which may compile and capture, and of any

TIMES = 10.0  # the longest call so far, for the same amount of tokens

STUCK_CODE = 3  # exit code where the process itself has to be ended


class GuardedEngine:
    """Stands before an engine. `tell(guard, words)` says and keeps what happened."""

    def __init__(self, engine: Engine, actions: dict[str, str], tell: Callable[[str, str], None]):
        self.engine, self.actions, self.tell = engine, actions, tell
        self.name = engine.name
        self.first, self.floor = FIRST, FLOOR
        self.slowest = 0.0  # seconds a token that a call might have sampled
        self.at_most: int | None = None  # completions at once, after memory was out
        self.restarted = False
        self.stopped: CannotGoOn | None = None

    def sync(self) -> None:
        """See Engine."""
        self.engine.sync()

    def close(self) -> None:
        """See Engine; nothing is asked of an engine that hangs."""
        if self.stopped is None:
            self.engine.close()

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Rollout]:
        """See Engine. Raises CannotGoOn where the engine hangs again, or where not even one prompt fits into memory."""
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
        """The rollouts, or the guard that found why there are none. The error itself is let go: it holds memory."""
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
        """The deadline of a call that may sample so many tokens."""
        return max(self.floor, TIMES * self.slowest * work) if self.slowest else self.first

    def _overdue(self, seconds: float) -> bool:
        """Says so. Returns whether the call is to be woken."""
        self.tell("engine", f"sampling has taken more than {seconds:.0f} s, its deadline: the engine hangs")
        return self.actions["engine"] != "warn"

    def _restart(self) -> None:
        """Once in a run, and only an engine that can be."""
        restart = getattr(self.engine, "restart", None)
        if self.actions["engine"] == "fix" and restart is not None and not self.restarted:
            self.restarted = True
            self.tell("engine", "it is started anew, and samples the same prompts once more")
            restart()
            return
        why = "it hangs again" if self.restarted else f"{self.name} cannot be started anew"
        if self.actions["engine"] == "stop":
            why = "as --guard engine=stop asks for"
        self.stopped = CannotGoOn("engine", f"the engine hangs, and sampling ends here: {why}")

    def _halve(self, at_once: int, group: int) -> None:
        """Fewer completions at once, and no fewer than one prompt's."""
        free_memory()
        if self.actions["memory"] == "stop" or at_once <= group:
            words = "not enough memory to sample"
            if at_once <= group:
                words += f" even {group} completions at once. Use a smaller --num-generations or --max-completion-length"
            self.stopped = CannotGoOn("memory", words)
            return
        self.at_most = max(group, at_once // 2 // group * group)
        self.tell(
            "memory",
            f"out of memory while sampling: {self.at_most} completions at once from now on, instead of {at_once}. For "
            f"good: --generation-chunk {self.at_most // group}",
        )

    def _end_process(self) -> None:
        """The last resort, from the waiting thread: the main one sits in compiled code that does not return."""
        self.tell(
            "engine",
            "the hanging call cannot be woken, so the whole process is ended. --resume continues from the last checkpoint",
        )
        os._exit(STUCK_CODE)


class ShardedEngine:
    """Stands before this process's own engine, with its guard. A stop that was asked for meanwhile is heard here."""

    def __init__(self, engine: Engine, interrupt: Interrupt):
        self.engine, self.interrupt = engine, interrupt
        self.name = engine.name

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Rollout]:
        """See Engine. Each completion gets the random numbers that it has with one process."""
        own = distributed.share(len(prompts))
        part = dataclasses.replace(sampling, first=own.start, of=len(prompts))

        def sample() -> tuple[list[Rollout], int | None]:
            rollouts = self.engine.generate(prompts[own], part) if own.stop > own.start else []
            return rollouts, self.interrupt.signal_received

        found = distributed.run_on_all(sample)
        self.interrupt.sync_signal([heard for _, heard in found])
        return [rollout for rollouts, _ in found for rollout in rollouts]

    def sync(self) -> None:
        """See Engine; a process whose engine fails here is missed at the next call of `generate`."""
        self.engine.sync()

    def close(self) -> None:
        """See Engine."""
        self.engine.close()
