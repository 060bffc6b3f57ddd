"""Child processes that run a module of this package, and Worker: one that answers requests within a deadline."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any


def environment() -> dict[str, str]:
    """Returns this process's environment, with which `python -m r1rl.MODULE` finds this package."""
    root = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}


class WorkerLost(Exception):
    """A worker did not answer and was killed. `why`: "hung" at its deadline, or "crashed" with `exit_code`."""

    def __init__(self, why: str, exit_code: int):
        super().__init__(why, exit_code)
        self.why, self.exit_code = why, exit_code


class Worker:
    """A process `python -m MODULE DESCRIPTOR MEMORY ARGUMENTS` that answers one request at a time.

    The module calls `open_connection` and sends one message when it is ready. Messages are JSON; with `pickled` they
    are Python objects, only for a child whose code is trusted, because unpickling runs code.

    Args:
        module: the module's full name.
        arguments: its further command-line arguments.
        memory: bytes of address space that the process may use; 0 for no limit.
        pickled: whether messages are pickled.
        silent: whether the process's output is discarded.
    """

    def __init__(
        self, module: str, arguments: tuple[str, ...] = (), memory: int = 0, *, pickled: bool = False, silent: bool = False
    ):  # fmt: skip
        self.module, self.arguments, self.memory = module, arguments, memory
        self.pickled, self.silent = pickled, silent
        self.process: subprocess.Popen[bytes] | None = None
        self.connection: Connection | None = None
        self.until = 0.0  # deadline of the next message, by time.monotonic()

    def start(self, seconds: float) -> Any:
        """Starts the process and returns its first message. Raises WorkerLost."""
        self.connection, theirs = multiprocessing.Pipe()
        output = subprocess.DEVNULL if self.silent else None
        command = [sys.executable, "-P", "-m", self.module, str(theirs.fileno()), str(self.memory), *self.arguments]
        self.process = subprocess.Popen(  # -P: files in the current folder do not hide Python's modules
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, pass_fds=[theirs.fileno()],
            env=environment(),
        )  # fmt: skip
        theirs.close()
        self.until = time.monotonic() + seconds
        return self.receive()

    def send(self, request: Any, seconds: float) -> None:
        """Sends a request, to be answered within `seconds`. Raises WorkerLost."""
        self.until = time.monotonic() + seconds
        try:
            send(self.connection, request, self.pickled)
        except OSError:
            raise self._lost("crashed") from None

    def receive(self) -> Any:
        """Waits for the next message and returns it. Raises WorkerLost, after the deadline or if the process ended."""
        try:
            if not self.connection.poll(max(0.0, self.until - time.monotonic())):
                raise self._lost("hung")
            return receive(self.connection, self.pickled)
        except (EOFError, OSError):
            raise self._lost("crashed") from None

    def _lost(self, why: str) -> WorkerLost:
        process = self.process
        self.stop()
        return WorkerLost(why, process.returncode)

    def stop(self) -> None:
        """Kills the process, if there is one, and waits for it. `start` starts another."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.connection.close()
            self.process = self.connection = None


def open_connection(descriptor: int, memory: int) -> Connection:
    """Called in the worker: returns its end of the connection. Limits memory; the parent alone handles Ctrl-C."""
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    return Connection(descriptor)


def requests(connection: Connection, pickled: bool = False) -> Iterator[Any]:
    """Yields the requests until the parent closes the connection or ends."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            yield receive(connection, pickled)


def send(connection: Connection, message: Any, pickled: bool = False) -> None:
    """Sends one message, pickled or as JSON in ASCII."""
    connection.send(message) if pickled else connection.send_bytes(json.dumps(message).encode())


def receive(connection: Connection, pickled: bool = False) -> Any:
    """Receives one message."""
    return connection.recv() if pickled else json.loads(connection.recv_bytes())
