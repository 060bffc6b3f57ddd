"""A reward function of the user's own: runs in processes with a deadline, and is tried before anything slow is loaded."""

from __future__ import annotations

import atexit
import itertools
import multiprocessing
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from r1rl.config.flags import Config
from r1rl.records import Problem, Rollout
from r1rl.rewards.custom_worker import BATCH_CONTRACT, CONTRACT, TIMEOUT
from r1rl.system import subprocesses
from r1rl.system.errors import UserError

TRIED = 5  # made-up rollouts

START_SECONDS = 600.0  # for the user's file to be imported: it may load a model

GRACE = 2.0  # seconds more, in which an async reward tells of its timeouts itself

MOST_IN_A_ROW = 16  # calls without an answer; then a run would only wait

Pairs = list[tuple[Rollout, Problem]]


@dataclass(eq=False)
class Worker:
    """One process with the user's function."""

    process: subprocess.Popen[bytes]
    connection: Connection
    takes_all: bool = False  # all completions in one call
    place: int = -1  # of the request that it is at
    until: float = 0.0


class CustomReward:
    """`file`'s function `name` as a reward; `many` rates a whole step, in several processes if there are.

    `lost["timeouts"]` counts calls that did not come back in time: their value is None.
    """

    def __init__(self, file: Path, name: str, timeout: float, workers: int, messages: bool):
        self.file, self.__name__, self.timeout, self.count = file, name, timeout, workers
        self.form = "messages" if messages else "texts"
        self.flag = f"--reward {file}:{name}"
        self.lost: Counter[str] = Counter()
        self._in_a_row = 0
        self._idle: list[Worker] = []
        self._busy: list[Worker] = []
        atexit.register(self.close)

    def __call__(self, rollout: Rollout, problem: Problem) -> float | None:
        """The reward of one completion."""
        return self.many([rollout], [problem])[0]

    def many(self, rollouts: Sequence[Rollout], problems: Sequence[Problem]) -> list[float | None]:
        """A reward for each completion, None where it does not apply or took too long. Raises UserError."""
        pairs = list(zip(rollouts, problems))
        if not pairs:
            return []
        if not self._idle:
            self._idle.append(self._start())
        requests = [pairs] if self._idle[0].takes_all else [[pair] for pair in pairs]
        try:
            answers = self._answers(requests)
        except BaseException:
            self.close()
            raise
        values = [value for answer in answers for value in answer]
        self.lost["timeouts"] += values.count(TIMEOUT)
        return [None if value == TIMEOUT else value for value in values]

    def _answers(self, requests: list[Pairs]) -> list[list[Any]]:
        """The values of each request, in order."""
        answers: dict[int, list[Any]] = {}
        waiting = deque(enumerate(requests))
        while waiting or self._busy:
            while waiting and len(self._busy) < self.count:
                self._send(*waiting.popleft())
            soonest = min(worker.until for worker in self._busy)
            ready = wait([w.connection for w in self._busy], max(0.0, soonest - time.monotonic()))
            for worker in list(self._busy):
                if worker.connection in ready:
                    answers[worker.place] = self._receive(worker, requests[worker.place])
                elif worker.until <= time.monotonic():
                    answers[worker.place] = self._give_up(worker, len(requests[worker.place]))
        return [answers[i] for i in range(len(requests))]

    def _send(self, place: int, pairs: Pairs) -> None:
        worker = self._idle.pop() if self._idle else self._start()
        worker.place = place
        worker.until = time.monotonic() + self.timeout + (GRACE if worker.takes_all else 0)
        self._busy.append(worker)
        try:
            worker.connection.send(pairs)
        except OSError:
            raise self._died(worker) from None

    def _receive(self, worker: Worker, pairs: Pairs) -> list[Any]:
        """The values that a worker has found. Raises UserError with what the function raised."""
        try:
            answer, *found = worker.connection.recv()
        except (EOFError, OSError):
            raise self._died(worker) from None
        self._busy.remove(worker)
        self._idle.append(worker)
        if answer == "done":
            self._in_a_row = self._in_a_row + 1 if set(found[0]) == {TIMEOUT} else 0
            self._check_patience()
            return found[0]
        words, index = found
        where = "" if index is None else f" on problem {pairs[index][1].id}"
        if answer == "failed":
            raise UserError(f"{self.flag}{where} {words}.")
        contract = BATCH_CONTRACT if worker.takes_all else CONTRACT
        raise UserError(f"{self.flag} failed{where}: {words}. Note that {contract}.")

    def _give_up(self, worker: Worker, count: int) -> list[Any]:
        """Ends a worker that takes too long. Raises UserError if none comes back any more."""
        self._busy.remove(worker)
        end(worker)
        self._in_a_row += 1
        self._check_patience()
        return [TIMEOUT] * count

    def _check_patience(self) -> None:
        if self._in_a_row >= MOST_IN_A_ROW:
            raise UserError(
                f"{self.flag} did not come back within --reward-timeout {self.timeout:g} seconds {self._in_a_row} times "
                "in a row, and nothing can be learned without rewards: make it faster, or give it more time."
            )

    def _died(self, worker: Worker) -> UserError:
        """The error for a process that has ended itself."""
        self._busy.remove(worker)
        end(worker)
        return UserError(
            f"{self.flag}: its process ended with exit code {worker.process.returncode} instead of giving a value. "
            "Does it leave Python, or need more memory than there is?"
        )

    def _start(self) -> Worker:
        """A process with the function imported. Raises UserError where that fails."""
        ours, theirs = multiprocessing.Pipe()
        arguments = [str(theirs.fileno()), str(self.file), self.__name__, str(self.timeout), self.form]
        process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-m",
                "r1rl.rewards.custom_worker",
                *arguments,
            ],  # -P: a file here is no module of Python's
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env=subprocesses.environment(),
        )
        theirs.close()
        worker = Worker(process, ours)
        self._busy.append(worker)  # so that `close` ends it, too
        if not ours.poll(START_SECONDS):
            raise UserError(f"{self.flag}: its file was not imported within {START_SECONDS:.0f} seconds.")
        try:
            answer, found = ours.recv()
        except (EOFError, OSError):
            raise self._died(worker) from None
        if answer == "refused":
            raise UserError(found)
        self._busy.remove(worker)
        worker.takes_all = found
        return worker

    def close(self) -> None:
        """Ends the processes. Rating again starts others."""
        for worker in (*self._idle, *self._busy):
            end(worker)
        self._idle, self._busy = [], []


def end(worker: Worker) -> None:
    """Kills a worker's process and waits for it."""
    worker.process.kill()
    worker.process.wait()
    worker.connection.close()


def load_custom(file: Path, name: str, config: Config) -> CustomReward:
    """The function of the file, with every result checked; its process starts with the first call."""
    return CustomReward(file, name, config.reward_timeout, config.reward_workers, config.is_chat)


def try_custom(reward: CustomReward, problems: Sequence[Problem]) -> None:
    """Calls the function on five made-up rollouts: worked solutions, or questions where there are none.

    Raises UserError, so that a mistake in the function is told before a model is loaded.
    """
    tried = list(itertools.islice(itertools.cycle(problems), TRIED))
    rollouts = [Rollout(p.question, p.solution or p.question, (), (), (), "stop") for p in tried]
    try:
        reward.many(rollouts, tried)
    finally:
        reward.close()
    if reward.lost["timeouts"]:
        raise UserError(
            f"{reward.flag} did not come back within --reward-timeout {reward.timeout:g} seconds on "
            f"{reward.lost['timeouts']} of {TRIED} examples: make it faster, or give it more time."
        )


def take_timeouts(rewards: dict[str, Any]) -> dict[str, int]:
    """{"reward_timeouts": calls without an answer since this was last asked}; empty without a reward of one's own."""
    own = [reward.lost for reward in rewards.values() if hasattr(reward, "lost")]
    counts = [lost.pop("timeouts", 0) for lost in own]
    return {"reward_timeouts": sum(counts)} if own else {}
