"""Memory that really runs out, in a process of its own: what is learned and sampled is then the same as with enough."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT


@pytest.mark.parametrize("settings", [{"loss_type": "dr_grpo"}, {"algorithm": "ppo", "ppo_epochs": 1}], ids=["grpo", "ppo"])  # fmt: skip
def test_with_too_little_memory_the_same_is_sampled_and_learned(tmp_path, settings):
    settings |= {"max_completion_length": 64, "per_device_train_batch_size": 64}
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "short_of_memory.py", tmp_path, json.dumps(settings)],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "MALLOC_MMAP_THRESHOLD_": "65536",
            "MALLOC_ARENA_MAX": "1",
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    guards = found["guards"]
    assert found["at_most"] in (64, 32, 16, 8) and found["same_completions"], found
    assert any(g == "memory" and "while sampling" in words for g, words in guards)
    assert found["divisor"] > 1 and found["skipped"] is None, found
    assert any(g == "memory" and "allocate memory" in words for g, words in guards)
    before, after = found["losses"]
    assert after == pytest.approx(before, rel=1e-2, abs=1e-4)
    # bfloat16: other shapes round otherwise. A part counted twice or left out would be tens of per cent.
    assert found["apart"] < 0.02 * found["largest_gradient"]
