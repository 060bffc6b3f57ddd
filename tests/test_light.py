"""Looking at a run needs none of the heavy libraries, and no layer below imports one above."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "trl", "unsloth", "vllm", "datasets", "accelerate", "peft")
LIGHT = (
    "arithmetic", "cherry", "check_words", "cli", "completions", "dump", "history", "inspect_command",
    "inspect_screen", "report", "charts", "curves", "plots", "samples", "dump_command", "selfcheck",
    "stats", "summary", "survey",
)  # fmt: skip


@pytest.mark.parametrize("module", LIGHT)
def test_no_heavy_library_is_imported(module):
    code = f"import sys, r1rl.{module}; sys.exit(', '.join(m for m in {HEAVY} if m in sys.modules) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
