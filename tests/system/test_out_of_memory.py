"""Memory that really runs out, in a process of its own: what is learned and sampled is then the same as with enough."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch
from conftest import ROOT

from r1rl.system.out_of_memory import without_onednn

KINDS = {"grpo": {"loss_type": "dr_grpo"}, "ppo": {"algorithm": "ppo", "ppo_epochs": 1}}


@pytest.fixture(scope="module", params=KINDS)
def found(request, tmp_path_factory):
    """Returns what low_memory.py measured."""
    settings = KINDS[request.param] | {"max_completion_length": 64, "per_device_train_batch_size": 64}
    folder = tmp_path_factory.mktemp("short")
    # And oneDNN keeps nothing that it has compiled for other shapes: main.py bounds that store, too.
    memory = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1", "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "4"}
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "helpers" / "low_memory.py", folder, json.dumps(settings)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **memory},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_with_too_little_memory_the_same_is_sampled(found):
    assert found["at_most"] in (32, 16, 8) and found["same_completions"], found
    assert any("while sampling" in words for guard, words in found["guards"] if guard == "memory")


@pytest.mark.slow
def test_with_too_little_memory_the_same_is_learned(found):
    assert found["divisor"] > 1 and found["skipped"] is None, found
    assert any("out of memory in the update" in words for _, words in found["guards"])
    before, after = found["losses"]
    assert after == pytest.approx(before, rel=1e-2, abs=1e-4)
    # bfloat16: other shapes round otherwise. A part counted twice or left out would be tens of per cent.
    assert found["apart"] < 0.02 * found["largest_gradient"]


def test_onednn_is_left_once_it_was_refused_a_kernel():
    """Else it refuses every one from then on, however small the parts become."""
    try:
        without_onednn(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."))
        assert torch.backends.mkldnn.enabled
        without_onednn(RuntimeError("could not create a primitive"))
        assert not torch.backends.mkldnn.enabled
    finally:
        torch.backends.mkldnn.set_flags(True)
