"""Shared by the tests: where the real data is, and how to run the program as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from r1rl.config.flags import TINY_MODELS

ROOT = Path(__file__).parents[1]

# Before torch is imported: beside another busy process spinning threads make everything up to ten times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")


settings.register_profile("same", derandomize=True)  # the same examples in every run: a test is no lottery
settings.load_profile("same")


@pytest.fixture(scope="session")
def program():
    """Runs `python main.py ...` in a process of its own; returns the finished process with its output as text."""

    def run(*arguments: object, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / "main.py"), *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, "COLUMNS": "200", **environment},
            capture_output=True,
            text=True,
            timeout=900,
        )

    return run


@pytest.fixture(scope="module")
def tokenizer():
    """The tokenizer of the embedded model for word problems."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(TINY_MODELS["tiny"], padding_side="left")
