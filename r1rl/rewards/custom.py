"""Custom rewards: a user's function runs in worker processes with a deadline, and is tried before a model is loaded."""

from __future__ import annotations

import atexit
import itertools
import time
from collections import Counter, deque
from collections.abc import Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from r1rl.config.flags import Config
from r1rl.records import Problem, Rollout
from r1rl.rewards.custom_call import BATCH_CONTRACT, CONTRACT, TIMEOUT
from r1rl.system.errors import UserError
from r1rl.system.subprocesses import Worker, WorkerLost

TRIED = 5  # made-up rollouts
START_SECONDS = 600.0  # for importing the user's file, which may load a model
GRACE = 2.0  # seconds more, in which an async reward reports its timeouts itself
MOST_IN_A_ROW = 16  # calls without an answer; a run would only wait after that

Pairs = list[tuple[Rollout, Problem]]


class CustomReward:
    """The function `name` of `file` as a reward; `many` rates a whole step, in up to `workers` processes.

    `lost["timeouts"]` counts the calls that timed out; their value is None. `state` is TRL's trainer_state for the
    function. `noted` and `metrics` are what the function logged: by the rollout's id, and by the metric's name.
    """

    def __init__(self, file: Path, name: str, timeout: float, workers: int, messages: bool):
        self.file, self.__name__, self.timeout, self.count = file, name, timeout, workers
        self.form = "messages" if messages else "texts"
        self.flag = f"--reward {file}:{name}"
        self.lost: Counter[str] = Counter()
        self.state: dict[str, Any] = {"global_step": 0, "max_steps": 0, "epoch": 0.0, "log_history": []}
        self.noted: dict[int, dict[str, Any]] = {}
        self.metrics: dict[str, list[float]] = {}
        self._in_a_row = 0
        self._takes_all = False  # all completions of a step in one call; known when a worker has started
        self._idle: list[Worker] = []
        self._busy: dict[Worker, int] = {}  # and the index of its request
        atexit.register(self.close)

    def __call__(self, rollout: Rollout, problem: Problem) -> float | None:
        """Returns the reward of one completion."""
        return self.many([rollout], [problem])[0]

    def many(self, rollouts: Sequence[Rollout], problems: Sequence[Problem]) -> list[float | None]:
        """Returns a reward for each completion, None if it does not apply or timed out. Raises UserError."""
        pairs = list(zip(rollouts, problems))
        if not pairs:
            return []
        try:
            if not self._idle:
                self._idle.append(self._start())
            answers = self._answers([pairs] if self._takes_all else [[pair] for pair in pairs])
        except BaseException:
            self.close()
            raise
        values = [value for answer in answers for value in answer]
        self.lost["timeouts"] += values.count(TIMEOUT)
        return [None if value == TIMEOUT else value for value in values]

    def _answers(self, requests: list[Pairs]) -> list[list[Any]]:
        """Returns the values of each request, in order."""
        answers: dict[int, list[Any]] = {}
        waiting = deque(enumerate(requests))
        while waiting or self._busy:
            while waiting and len(self._busy) < self.count:
                self._send(*waiting.popleft())
            soonest = min(worker.until for worker in self._busy)
            ready = wait([w.connection for w in self._busy], max(0.0, soonest - time.monotonic()))
            for worker, index in list(self._busy.items()):
                if worker.connection in ready or worker.until <= time.monotonic():
                    answers[index] = self._receive(worker, requests[index])
        return [answers[i] for i in range(len(requests))]

    def _send(self, index: int, pairs: Pairs) -> None:
        worker = self._idle.pop() if self._idle else self._start()
        self._busy[worker] = index
        try:
            worker.send((pairs, self.state), self.timeout + (GRACE if self._takes_all else 0))
        except WorkerLost as lost:
            raise self._crashed(lost) from None

    def _receive(self, worker: Worker, pairs: Pairs) -> list[Any]:
        """Returns a worker's values, TIMEOUT if it is too late. Raises UserError with what the function raised."""
        del self._busy[worker]
        try:
            answer, *result = worker.receive()
        except WorkerLost as lost:
            if lost.why == "crashed":
                raise self._crashed(lost) from None
            return self._counted([TIMEOUT] * len(pairs))
        self._idle.append(worker)
        if answer == "done":
            values, extra, metrics = result
            self._note(pairs, extra, metrics)
            return self._counted(values)
        message, index = result
        where = "" if index is None else f" on problem {pairs[index][1].id}"
        if answer == "failed":
            raise UserError(f"{self.flag}{where} {message}.")
        contract = BATCH_CONTRACT if self._takes_all else CONTRACT
        raise UserError(f"{self.flag} failed{where}: {message}. Note that {contract}.")

    def _note(self, pairs: Pairs, extra: dict[str, list[Any]], metrics: dict[str, list[float]]) -> None:
        """Keeps what the function logged. Raises UserError for a column without a value for each completion."""
        for column, values in extra.items():
            if len(values) != len(pairs):
                raise UserError(
                    f"{self.flag}: log_extra({column!r}) got {len(values)} values for {len(pairs)} completions; it "
                    "needs one for each."
                )
            for (rollout, _), value in zip(pairs, values):
                self.noted.setdefault(id(rollout), {})[column] = value
        for name, values in metrics.items():
            self.metrics.setdefault(name, []).extend(values)

    def _counted(self, values: list[Any]) -> list[Any]:
        """Returns the values. Raises UserError after too many calls in a row that all timed out."""
        self._in_a_row = self._in_a_row + 1 if set(values) == {TIMEOUT} else 0
        if self._in_a_row >= MOST_IN_A_ROW:
            raise UserError(
                f"{self.flag} did not return within --reward-timeout {self.timeout:g} seconds {self._in_a_row} times in "
                "a row, and nothing can be learned without rewards: make it faster, or increase --reward-timeout."
            )
        return values

    def _crashed(self, lost: WorkerLost) -> UserError:
        """Returns the error for a process that ended by itself."""
        return UserError(
            f"{self.flag}: its process ended with exit code {lost.exit_code} instead of returning a value. "
            "Does it exit Python, or need more memory than is available?"
        )

    def _start(self) -> Worker:
        """Returns a process with the function imported. Raises UserError where that fails."""
        arguments = (str(self.file), self.__name__, str(self.timeout), self.form)
        worker = Worker("r1rl.rewards.custom_worker", arguments, pickled=True)
        try:
            answer, result = worker.start(START_SECONDS)
        except WorkerLost as lost:
            if lost.why == "crashed":
                raise self._crashed(lost) from None
            raise UserError(f"{self.flag}: its file was not imported within {START_SECONDS:.0f} seconds.") from None
        except BaseException:
            worker.stop()
            raise
        if answer == "refused":
            worker.stop()
            raise UserError(result)
        self._takes_all = result
        return worker

    def close(self) -> None:
        """Stops the workers; the next call starts new ones."""
        for worker in (*self._idle, *self._busy):
            worker.stop()
        self._idle, self._busy = [], {}


def load_custom(file: Path, name: str, config: Config) -> CustomReward:
    """Returns the file's function as a reward; its process starts with the first call."""
    reward = CustomReward(file, name, config.reward_timeout, config.reward_workers, config.is_chat)
    reward.state["max_steps"] = config.max_steps
    return reward


def try_custom(reward: CustomReward, problems: Sequence[Problem]) -> None:
    """Calls the function on five made-up rollouts: worked solutions, or questions where there are none.

    Raises UserError, so that a mistake in the function is reported before a model is loaded.
    """
    examples = list(itertools.islice(itertools.cycle(problems), TRIED))
    rollouts = [Rollout(p.question, p.solution or p.question, (), (), (), "stop") for p in examples]
    try:
        reward.many(rollouts, examples)
    finally:
        reward.close()
    if reward.lost["timeouts"]:
        raise UserError(
            f"{reward.flag} did not return within --reward-timeout {reward.timeout:g} seconds on "
            f"{reward.lost['timeouts']} of {TRIED} examples: make it faster, or increase --reward-timeout."
        )


def take_timeouts(rewards: dict[str, Any]) -> dict[str, int]:
    """Returns {"reward_timeouts": calls that timed out since the last call}; empty without a custom reward."""
    counts = [reward.lost.pop("timeouts", 0) for reward in rewards.values() if hasattr(reward, "lost")]
    return {"reward_timeouts": sum(counts)} if counts else {}


def begin_step(rewards: dict[str, Any], state: Any) -> None:
    """Sets TRL's trainer_state for custom rewards, without what was logged before: an evaluation's metrics.

    `state`: transformers' TrainerState, of which they get the fields that are single values.
    """
    simple = {k: v for k, v in vars(state).items() if v is None or isinstance(v, bool | int | float | str)}
    for reward in rewards.values():
        if hasattr(reward, "metrics"):
            reward.state |= simple
            reward.metrics.clear()


def take_notes(rewards: dict[str, Any], rollout: Rollout) -> dict[str, Any]:
    """Returns the columns that custom rewards logged of a rollout with `log_extra`, once."""
    found: dict[str, Any] = {}
    for reward in rewards.values():
        found |= getattr(reward, "noted", {}).pop(id(rollout), {})
    return found


def take_metrics(rewards: dict[str, Any]) -> dict[str, list[float]]:
    """Returns the values that custom rewards logged with `log_metric` since the step began, by metric/NAME."""
    found: dict[str, list[float]] = {}
    for reward in rewards.values():
        for name, values in getattr(reward, "metrics", {}).items():
            found.setdefault(f"metric/{name}", []).extend(values)
    return found
