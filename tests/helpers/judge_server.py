"""A local judge: a server in OpenAI's form that gives the replies of a test."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Stand:
    """`answer(body)` returns (status, JSON), or a text: the judge's reply. `seen`: (path, body, Authorization)."""

    answer: Callable[[dict[str, Any]], Any] = lambda body: verdict(0.5)
    seen: list[tuple[str, dict[str, Any], str | None]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    usage: dict[str, int] | None = field(default_factory=lambda: {"prompt_tokens": 100, "completion_tokens": 10})
    url: str = ""


def verdict(score: Any, reason: str = "clear") -> str:
    """The reply of a judge."""
    return json.dumps({"reason": reason, "score": score})


@contextlib.contextmanager
def judge_server() -> Iterator[Stand]:
    """Yields the judge, while it answers at its `url`."""
    stand = Stand()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            stand.seen.append((self.path, body, self.headers["Authorization"]))
            found = stand.answer(body)
            if not isinstance(found, tuple):
                content = {"choices": [{"message": {"role": "assistant", "content": found}}]}
                found = 200, content | ({"usage": stand.usage} if stand.usage else {})
            data = json.dumps(found[1]).encode()
            self.send_response(found[0])
            for name, value in stand.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            with contextlib.suppress(OSError):  # the client has gone
                self.wfile.write(data)

        def log_message(self, *words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    stand.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield stand
    finally:
        server.shutdown()
        server.server_close()
