"""Whether the real Unsloth and the real vLLM are installed, for the tests that need them."""

from __future__ import annotations

import importlib.util
import os

import pytest


def missing(*names: str) -> list[str]:
    """Those of these packages that are not installed."""
    return [name for name in names if importlib.util.find_spec(name) is None]


def needs(*names: str) -> pytest.MarkDecorator:
    """Skips where a package is missing. With R1RL_FULL_STACK=1, as in CI, nothing is skipped and the test fails."""
    absent = missing(*names)
    return pytest.mark.skipif(
        bool(absent) and os.environ.get("R1RL_FULL_STACK") != "1",
        reason=f"{' and '.join(absent)} not installed: requirements/install-cpu-stack.sh does that",
    )
