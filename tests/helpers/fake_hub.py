"""A local stand-in of the hub's HTTP interface: repository, preupload, LFS, commit. It keeps what it is sent."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hub:
    """What has arrived."""

    def __init__(self):
        self.repositories: dict[str, bool] = {}  # name -> private
        self.files: dict[str, bytes] = {}  # of commits
        self.objects: dict[str, bytes] = {}  # by sha256, for large files
        self.authorization: set[str] = set()
        self.refuses = False

    def take_commit(self, lines: bytes) -> None:
        """A commit's lines, as the hub's documentation has them: header, file and lfsFile."""
        for line in map(json.loads, lines.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                assert value["encoding"] == "base64"
                self.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                assert value["algo"] == "sha256"
                self.files[value["path"]] = self.objects[value["oid"]]


class Handler(BaseHTTPRequestHandler):
    """Answers as the hub does, as far as an upload asks."""

    hub: Hub

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def answer(self, content: object, status: int = 200) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self) -> None:
        sent, path, hub = self.body(), self.path, self.hub
        if "validate-yaml" not in path:  # which anybody may ask
            hub.authorization.add(self.headers.get("Authorization", ""))
        here = f"http://{self.headers['Host']}"
        if hub.refuses:
            self.answer({"error": "You don't have the rights to create a model under this namespace"}, 403)
        elif path == "/api/repos/create":
            asked = json.loads(sent)
            name = "/".join(filter(None, [asked.get("organization"), asked["name"]]))
            hub.repositories[name] = asked.get("visibility") == "private" or bool(asked.get("private"))
            self.answer({"url": f"{here}/{name}"})
        elif path == "/api/validate-yaml":
            self.answer({"errors": [], "warnings": []})
        elif "/preupload/" in path:
            names = [f["path"] for f in json.loads(sent)["files"]]
            modes = {n: "lfs" if n.endswith(".safetensors") else "regular" for n in names}
            rows = [{"path": n, "uploadMode": m, "shouldIgnore": False, "oid": None} for n, m in modes.items()]
            self.answer({"files": rows})
        elif path.endswith("/info/lfs/objects/batch"):
            rows = [
                {"oid": o["oid"], "size": o["size"], "actions": {"upload": {"href": f"{here}/lfs/{o['oid']}"}}}
                for o in json.loads(sent)["objects"]
            ]
            self.answer({"transfer": "basic", "objects": rows})
        elif "/commit/" in path:
            hub.take_commit(sent)
            self.answer({"success": True, "commitOid": "0" * 40, "commitUrl": f"{here}/me/tiny/commit/{'0' * 40}"})
        else:
            self.answer({"error": path}, 404)

    def do_PUT(self) -> None:
        sent = self.body()
        oid = self.path.rpartition("/")[2]
        assert hashlib.sha256(sent).hexdigest() == oid
        self.hub.objects[oid] = sent
        self.answer({})

    def do_GET(self) -> None:
        name = "/".join(self.path.split("/")[3:5])
        if self.path.startswith("/api/models/") and name in self.hub.repositories:
            self.answer({"id": name, "sha": "0" * 40, "siblings": [], "private": False, "tags": []})
        else:
            self.answer({"error": "not found"}, 404)

    def log_message(self, *args: object) -> None:
        """No words on the test's screen."""


@contextmanager
def hub() -> Iterator[tuple[Hub, str]]:
    """A hub on a free port of this machine, and its address."""
    state = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": state}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
