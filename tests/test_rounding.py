"""The helper that rounds as another processor might: how far it moves what, and that it reaches programs of tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import rounding
from conftest import ROOT

pytestmark = pytest.mark.slow

PROGRAM = """
import json, sys
before = "torch" in sys.modules
import torch
from torch.nn.functional import linear

plain = torch.ops.aten.linear
generator = torch.Generator().manual_seed(0)
x, weight = (torch.randn(n, 64, generator=generator) for n in (16, 32))
x[0] = 0

def compared(found, expected, unit):
    apart = (found.float() - expected.float()).abs()
    return {"moved": (apart > 0).float().mean().item(), "zeros": bool((apart[0] == 0).all()),
            "units": (apart / (expected.float().abs() * unit).clamp(min=1e-30)).max().item()}

half = [t.bfloat16() for t in (x, weight)]
found = {"float32": compared(linear(x, weight), plain(x, weight), 2**-23),
         "bfloat16": compared(linear(*half), plain(*half), 2**-7)}
if torch.backends.mkldnn.is_available():
    packed = torch.ops.mkldnn._reorder_linear_weight(weight, 32)
    product = torch.ops.mkldnn._linear_pointwise.default
    found["packed"] = compared(product(x, packed, None, "none", [], ""), plain(x, weight), 2**-21)
weight.requires_grad_(True)
pull = torch.randn(16, 32, generator=generator)
(linear(x, weight) * pull).sum().backward()
print(json.dumps({
    "before": before, "found": found, "same": torch.equal(linear(x, weight), linear(x, weight)),
    "rows": torch.equal(linear(x, weight)[4:8], linear(x[4:8], weight)),
    "sum": linear(x, weight).double().sum().item(), "gradient": not torch.equal(weight.grad, pull.T @ x),
}))
"""


@pytest.fixture(scope="module")
def seen():
    """What a program sees of the rounding, by seed and rank; the second process of a distributed run has rank 1."""

    def run(seed: str, rank: str) -> dict:
        path = rounding.with_startup(os.environ.get("PYTHONPATH"))
        environment = {**os.environ, "PYTHONPATH": path, rounding.VARIABLE: seed, "RANK": rank}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return {(seed, rank): run(seed, rank) for seed, rank in (("1", "0"), ("2", "0"), ("1", "1"))}


def test_values_move_by_units_in_the_last_place(seen):
    for result in seen.values():
        for kind, found in result["found"].items():
            assert found["zeros"], kind  # a sum of zeros is 0 in any order
            assert 0.15 < found["moved"] < 0.6, kind  # a packed product adds in another order already
        assert result["found"]["bfloat16"]["units"] <= 1.0
        assert result["found"]["float32"]["units"] <= 8.0
        assert result["gradient"]


def test_equal_calls_give_equal_results_and_all_else_rounds_differently(seen):
    assert all(result["same"] and not result["rows"] for result in seen.values())
    assert len({result["sum"] for result in seen.values()}) == 3


def test_torch_is_not_imported_for_it(seen):
    assert not any(result["before"] for result in seen.values())
