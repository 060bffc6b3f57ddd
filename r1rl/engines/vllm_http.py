"""HTTP client of a vLLM server: requests, answers, and retries while the server is unavailable."""

from __future__ import annotations

import http.client
import json
import os
import selectors
import threading
import time
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from r1rl.system.redact import redact

API_KEY = "VLLM_API_KEY"  # the environment variable that vLLM itself reads

CONNECT = 5.0  # seconds to open a connection

READ = 60.0  # seconds between two parts of an answer

LOOK = 0.5  # seconds between checks whether the caller still waits

AWAY = (
    500,
    502,
    503,
    504,
)  # status codes of a stopping server, or of a proxy without one

PATIENCE = 240.0  # seconds to wait for an unavailable server; a restart takes one or two minutes

PAUSE = 2.0  # seconds before a retry

LONGEST_WORDS = 300  # characters shown of a server's message


class NoAnswer(Exception):
    """The server did not answer, or not completely."""


class Refused(Exception):
    """The server answered with an error: status code and message."""

    def __init__(self, status: int, words: str):
        super().__init__(f"{words} (HTTP {status})")
        self.status, self.words = status, words


@dataclass(frozen=True, slots=True)
class VllmServer:
    """The address of a server. Each request opens a connection, so that any thread may send one."""

    host: str
    port: int

    @property
    def address(self) -> str:
        """Host and port as in a URL."""
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def ask(
        self,
        path: str,
        body: Any = None,
        seconds: float | None = None,
        stopped: threading.Event | None = None,
    ) -> Any:
        """Returns the answer to a POST of `body` as JSON, or to a GET without one; text if it is not JSON.

        `seconds`: until it must begin. Once `stopped` is set nobody waits: the connection is closed, and vLLM then drops
        the request. Raises NoAnswer and Refused.
        """
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(API_KEY):
            headers["Authorization"] = f"Bearer {key}"
        data = None if body is None else json.dumps(body).encode()
        with closing(http.client.HTTPConnection(self.host, self.port, timeout=CONNECT)) as connection:
            try:
                connection.request("GET" if data is None else "POST", path, data, headers)
                connection.sock.settimeout(READ)
                wait_for_answer(connection.sock, seconds, stopped)
                response = connection.getresponse()
                text = response.read().decode("utf-8", "replace")
            except (OSError, http.client.HTTPException, UnicodeError) as error:
                raise NoAnswer(reason(error)) from None
        if response.status != 200:
            raise Refused(response.status, words_of(text))
        return parsed(text)

    def insist(
        self,
        path: str,
        body: Any,
        seconds: float | None = None,
        away: Collection[int] = AWAY,
        stopped: threading.Event | None = None,
    ) -> Any:
        """Sends a request, with retries for PATIENCE seconds while the server is unavailable: only if it is safe to repeat.

        `away`: status codes that mean this. Raises NoAnswer when patience is over, and Refused for any other status.
        """
        stopped = stopped or threading.Event()
        ends = None
        while True:
            try:
                return self.ask(path, body, seconds, stopped)
            except NoAnswer as error:
                failed = str(error)
            except Refused as refusal:
                if refusal.status not in away:
                    raise
                failed = str(refusal)
            ends = ends or time.monotonic() + PATIENCE
            if time.monotonic() > ends or stopped.wait(PAUSE):
                raise NoAnswer(failed)


def wait_for_answer(sock, seconds: float | None, stopped: threading.Event | None) -> None:
    """Waits for data. Raises OSError after `seconds`, or when the caller no longer waits."""
    ends = None if seconds is None else time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        while not selector.select(LOOK):
            if stopped is not None and stopped.is_set():
                raise OSError("nobody waits for it any more")
            if ends is not None and time.monotonic() > ends:
                raise OSError(f"no answer within {seconds:.0f} s")


def reason(error: Exception) -> str:
    """Returns a short reason why there was no answer."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def parsed(text: str) -> Any:
    """Returns JSON, or the text: some of vLLM's answers are a sentence."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def words_of(text: str) -> str:
    """Returns the message of an error body in one line: vLLM's {"error": {"message": ...}}, FastAPI's {"detail": ...}, or all."""
    found = parsed(text)
    if isinstance(found, dict):
        found = found.get("error", found.get("detail", found))
    if isinstance(found, dict):
        found = found.get("message", found)
    return redact(" ".join(str(found).split()))[:LONGEST_WORDS]
