"""Looking at a run needs none of the heavy libraries, and no layer below imports one above."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("torch", "transformers", "trl", "unsloth", "vllm", "datasets", "accelerate", "peft")
LIGHT = (
    "arithmetic", "cherry", "checked", "check_words", "cli", "completions", "dump", "history", "inspect_command",
    "inspect_screen", "report", "charts", "curves", "plots", "samples", "dump_command", "selfcheck",
    "stats", "summary", "survey",
)  # fmt: skip


def test_no_heavy_library_is_imported():
    modules = ", ".join(f"r1rl.{name}" for name in LIGHT)
    code = f"import sys, {modules}; sys.exit(', '.join(m for m in {HEAVY} if m in sys.modules) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
