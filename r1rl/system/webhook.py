"""Posts JSON messages to a webhook (Slack, Discord, ntfy or any other) in a thread, so that no run waits for it."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

SECONDS = 10.0  # deadline of a connection and of an answer
MOST_WAITING = 100  # messages; further ones are dropped
LONGEST = 1500  # characters of a text; Discord takes 2,000
SLACK, DISCORD, NTFY = ("hooks.slack.com", "hooks.slack-gov.com"), ("discord.com", "discordapp.com"), "ntfy"


class Webhook:
    """Sends messages in their order. A message that fails is reported once and not sent again."""

    def __init__(self, url: str, report: Callable[[str], None]):
        """`report` is called in the sending thread with why the first message failed, without the address."""
        self.url, self.report = url, report
        self.failed = False
        self.messages: queue.Queue[bytes | None] = queue.Queue(MOST_WAITING)
        self.address, _ = message(url, "", {})
        self.thread = threading.Thread(target=self._work, daemon=True, name="webhook")
        self.thread.start()

    def post(self, text: str, fields: dict[str, Any]) -> None:
        """Hands a message over and returns at once; `fields` are for a webhook of the user's own."""
        _, content = message(self.url, text[:LONGEST], fields)
        with contextlib.suppress(queue.Full):
            self.messages.put_nowait(json.dumps(content).encode())

    def close(self, seconds: float) -> None:
        """Waits until all messages are sent, at most `seconds`."""
        with contextlib.suppress(queue.Full):
            self.messages.put_nowait(None)
        self.thread.join(max(0.0, seconds))

    def _work(self) -> None:
        from urllib.request import Request, urlopen  # slow to import

        while (data := self.messages.get()) is not None:
            try:
                request = Request(self.address, data, {"Content-Type": "application/json", "User-Agent": "r1rl"})
                with urlopen(request, timeout=SECONDS):
                    pass
            except Exception as error:  # of any library below: the run continues
                if not self.failed:
                    self.failed = True
                    self.report(describe(error))


def fault(url: str) -> str | None:
    """Returns what is wrong with a webhook's address, as the end of a sentence; None if nothing is."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for one that is no number
    except ValueError:
        return "cannot be read as an address"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "does not begin with https:// and a host"
    if not url.isascii() or not url.isprintable() or " " in url:
        return "has characters that an address cannot have"
    if parts.username is not None:
        return "has a user's name before the host, which is not sent"
    if is_ntfy(parts.hostname) and ("/" in parts.path.strip("/") or not parts.path.strip("/")):
        return "lacks its topic: ntfy's addresses are https://HOST/TOPIC"
    return None


def message(url: str, text: str, fields: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Returns (address, JSON) of a message in the form of the service, which the address's host tells.

    Sources: docs.slack.dev, incoming webhooks; discord.com/developers, execute webhook; docs.ntfy.sh, publish as JSON.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in SLACK:  # these three characters begin its links and mentions
        return url, {"text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}
    if host in DISCORD or host.endswith(tuple(f".{name}" for name in DISCORD)):
        return url, {"content": text, "allowed_mentions": {"parse": []}}
    if is_ntfy(host):
        root = urlunsplit((parts.scheme, parts.netloc, "/", parts.query, ""))
        return root, {"topic": parts.path.strip("/"), "title": f"r1rl: {fields.get('event', '')}", "message": text}
    return url, {**fields, "text": text}


def is_ntfy(host: str) -> bool:
    """Returns whether a host is ntfy.sh or, by its name, a self-hosted ntfy server: ntfy.example.org."""
    return host.partition(".")[0] == NTFY


def describe(error: Exception) -> str:
    """Returns why a message failed. Texts of errors are left out: they may hold the address."""
    if (code := getattr(error, "code", None)) is not None:
        return f"HTTP status {code}"
    reason = getattr(error, "reason", error)
    return getattr(reason, "strerror", None) or type(reason).__name__
