"""JSON requests to a server over HTTP, such as a vLLM server or a judge, repeated while the server is away."""

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

CONNECT_SECONDS = 5.0  # to open a connection
READ_SECONDS = 60.0  # between two parts of an answer that has begun
POLL_SECONDS = 0.5  # between two checks whether the answer is still needed
AWAY = (500, 502, 503, 504)  # status codes of a server that is shutting down, or of a proxy without a server
RETRY_SECONDS = 240.0  # how long a server may be away: a restart takes a minute or two
RETRY_PAUSE = 2.0  # seconds between two attempts, if the server asks for no longer pause
LONGEST_MESSAGE = 300  # characters of a server's message that are shown


class NoAnswer(Exception):
    """The server gave no answer, or an incomplete one."""


class Refused(Exception):
    """The server answered with an error: its status code, its message, and the seconds after which to ask again."""

    def __init__(self, status: int, message: str, pause: float = 0.0):
        super().__init__(f"{message} (HTTP {status})")
        self.status, self.message, self.pause = status, message, pause


@dataclass(frozen=True, slots=True)
class Server:
    """The address of a server. Each request opens its own connection, so threads can share this.

    `key`: the environment variable with its key, which is read at each request. Redirections are not followed: the key
    would go to another server.
    """

    host: str
    port: int
    key: str
    tls: bool = False

    @property
    def address(self) -> str:
        """Host and port as in a URL."""
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def request(
        self, path: str, body: Any = None, seconds: float | None = None, stopped: threading.Event | None = None
    ) -> Any:
        """Returns the answer to a POST of `body` as JSON, or to a GET without a body; as text if it is not JSON.

        The answer must begin within `seconds`. When `stopped` is set, the connection is closed, and vLLM then drops the
        request. Raises NoAnswer and Refused.
        """
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(self.key, "").strip():
            headers["Authorization"] = f"Bearer {key}"
        data = None if body is None else json.dumps(body).encode()
        kind = http.client.HTTPSConnection if self.tls else http.client.HTTPConnection
        with closing(kind(self.host, self.port, timeout=CONNECT_SECONDS)) as connection:
            try:
                connection.request("GET" if data is None else "POST", path, data, headers)
                connection.sock.settimeout(READ_SECONDS)
                wait_for_answer(connection.sock, seconds, stopped)
                response = connection.getresponse()
                text = response.read().decode("utf-8", "replace")
            except (OSError, http.client.HTTPException, UnicodeError) as error:
                raise NoAnswer(reason(error)) from None
        if response.status != 200:
            raise Refused(response.status, error_message(text), seconds_in(response.getheader("Retry-After")))
        return parsed(text)

    def request_patiently(
        self,
        path: str,
        body: Any,
        seconds: float | None = None,
        away: Collection[int] = AWAY,
        stopped: threading.Event | None = None,
    ) -> Any:
        """Returns the answer to a request that is safe to repeat, with retries for RETRY_SECONDS while the server is away.

        `away`: the status codes of a server that is away. Raises NoAnswer after the retries, Refused for other codes.
        """
        stopped = stopped or threading.Event()
        ends, pause = None, 0.0
        while True:
            try:
                return self.request(path, body, seconds, stopped)
            except NoAnswer as error:
                failed = str(error)
            except Refused as refusal:
                if refusal.status not in away:
                    raise
                failed, pause = str(refusal), refusal.pause
            ends = ends or time.monotonic() + RETRY_SECONDS
            if time.monotonic() > ends or stopped.wait(max(RETRY_PAUSE, min(pause, RETRY_SECONDS))):
                raise NoAnswer(failed)


def wait_for_answer(sock, seconds: float | None, stopped: threading.Event | None) -> None:
    """Waits until there is something to read. Raises OSError after `seconds`, or when `stopped` is set."""
    ends = None if seconds is None else time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        while not selector.select(POLL_SECONDS):
            if stopped is not None and stopped.is_set():
                raise OSError("the answer is not needed any more")
            if ends is not None and time.monotonic() > ends:
                raise OSError(f"no answer within {seconds:.0f} s")


def seconds_in(header: str | None) -> float:
    """Returns the seconds of a Retry-After header; 0 without one, and for one with a date."""
    return float(header) if header is not None and header.strip().isdecimal() else 0.0


def reason(error: Exception) -> str:
    """Returns why there was no answer, in a few words."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def parsed(text: str) -> Any:
    """Returns JSON as an object, other text as it is: some of vLLM's answers are a sentence."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def error_message(text: str) -> str:
    """Returns the message of an error's body in one line: vLLM's {"error": {"message": ...}}, FastAPI's {"detail": ...}."""
    body = parsed(text)
    if isinstance(body, dict):
        body = body.get("error", body.get("detail", body))
    if isinstance(body, dict):
        body = body.get("message", body)
    return redact(" ".join(str(body).split()))[:LONGEST_MESSAGE]
