"""Whether the hub answers: through the proxies of the environment, however they are written."""

from __future__ import annotations

import socket

import pytest

from r1rl.models.source import hub_answers


@pytest.fixture
def proxy(monkeypatch):
    """The port of an open socket; no proxy is set, and the hub itself is at a closed port."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_ENDPOINT", "https://127.0.0.1:9")
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("scheme", ["", "http://", "socks5://", "http://user:word@"])
def test_a_proxy_counts_with_and_without_a_scheme(proxy, monkeypatch, name, scheme):
    assert not hub_answers()
    monkeypatch.setenv(name, f"{scheme}127.0.0.1:{proxy}")
    assert hub_answers()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert not hub_answers()


def test_the_proxy_of_another_scheme_does_not_count(proxy, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"127.0.0.1:{proxy}")
    assert not hub_answers()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert hub_answers()
