"""benchmarks/scaling.py: the real model among the shapes, one sweep measured again, and a model that is missing."""

from __future__ import annotations

import copy
import json
import os
import sys
from dataclasses import asdict
from unittest import mock

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

with mock.patch.dict(os.environ):  # it sets variables for its own rows
    import scaling
import shapes

from r1rl.config.flags import SMOLLM2

RECORDED = json.loads((ROOT / "benchmarks" / "scaling.json").read_text(encoding="utf-8"))
SWEEPS = {sweep.name: sweep for sweep in scaling.sweeps(False)}


def point_of(point: scaling.Point, seconds: float) -> dict:
    """A measured point whose parts all take `seconds`."""
    names = dict.fromkeys(scaling.COLOURS, seconds)
    return asdict(point) | {"passes": 1, "steps": 1, "prompt_tokens": 86, "sampler": "", "seconds": names, "memory": {}}


def fake_points(points, folder, gpu, steps, until):
    """Measures nothing: a step takes as many seconds as the model has million weights, a real model's twice as many."""
    made = {scaling.key(p): point_of(p, scaling.weights(p) / 1e6 * (2 if p.shape == SMOLLM2 else 1)) for p in points}
    return made, {}


def main(monkeypatch, folder, *flags: str) -> int:
    """Runs the benchmark's program with its files in `folder`."""
    monkeypatch.setattr(sys, "argv", ["scaling.py", *flags, "--output", str(folder)])
    return scaling.main()


def test_a_real_model_takes_turns_with_the_random_shapes_around_its_size():
    real = SWEEPS["real"]
    sizes = [real.x(p) for p in real.points]
    assert [p.shape for p in real.points] == ["33M", SMOLLM2, "130M"] and sizes == sorted(sizes)
    assert sizes[1] == 30 * (2 * 576 * 576 + 2 * 576 * 192 + 3 * 576 * 1536) + 49_152 * 576
    assert {(p.completions, p.tokens) for p in (*real.points, *SWEEPS["model"].points)} == {(16, 32)}
    assert all(p.shape in shapes.SHAPES for name in ("completions", "length", "model") for p in SWEEPS[name].points)
    assert [sweep.name for sweep in scaling.sweeps(True)] == ["completions", "length", "model"]


def test_what_sweeps_have_in_common_is_in_their_heading():
    assert [SWEEPS[name].fixed for name in ("completions", "length", "model", "real")] == [
        "tiny, 128 tokens", "tiny, 64 completions", "16 completions, 32 tokens", "16 completions, 32 tokens",
    ]  # fmt: skip


def test_a_prediction_lies_on_the_power_law_through_two_shapes():
    rows = [(10.0, {"seconds": {"step": 2.0}}), (1000.0, {"seconds": {"step": 200.0}})]
    assert scaling.predicted(rows, "step", 100.0) == pytest.approx(20.0)
    rows[1][1]["seconds"]["step"] = 20.0  # the exponent is a half
    assert scaling.predicted(rows, "step", 40.0) == pytest.approx(4.0)


def test_one_sweep_measured_again_keeps_the_other_points(tmp_path, monkeypatch, capsys):
    earlier = copy.deepcopy(RECORDED) | {"again": {}}
    other, old = ({"shape": "x", "sweep": name, "why": "late"} for name in ("length", "real"))
    earlier["left_out"] = [other, old]
    earlier["points"]["real"] = {"old": {}}
    (tmp_path / "scaling.json").write_text(json.dumps(earlier), encoding="utf-8")
    monkeypatch.setattr(scaling, "measure_points", fake_points)
    assert main(monkeypatch, tmp_path, "--only", "real") == 1  # a point of another sweep is still missing
    found = json.loads((tmp_path / "scaling.json").read_text(encoding="utf-8"))
    assert found["about"] == earlier["about"] and list(found["again"]) == ["real"]
    assert found["left_out"] == [other]
    assert list(found["points"].pop("real")) == ["33M 16 x 32", f"{SMOLLM2} 16 x 32", "130M 16 x 32"]
    assert found["points"] == {name: earlier["points"][name] for name in ("completions", "length", "model")}
    page = (tmp_path / "scaling.md").read_text(encoding="utf-8")
    shared, own = page.split("## parameters, a real model between random shapes (16 completions, 32 tokens; ")
    assert own.startswith("prompts of 86 tokens)\n\nMade by `python benchmarks/scaling.py --only real")
    assert f"| {SMOLLM2} (134M) | 268.960 |" in own and "step 2.00 times, generate 2.00 times" in own
    assert SMOLLM2 not in shared and "exponents" not in own
    assert (tmp_path / "scaling.png").stat().st_size > 0
    assert capsys.readouterr().out.endswith(page + "\n")


def test_other_sweeps_than_these_are_refused(tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        main(monkeypatch, tmp_path, "--gpu", "--only", "real")
    assert "--only real: the sweeps are completions, length, model\n" in capsys.readouterr().err


def test_a_real_model_that_is_not_installed_is_left_out_with_the_reason(tmp_path, monkeypatch, capsys):
    """Its row fails as the program does; the rows of the random shapes are measured."""

    class FakeRow:
        def __init__(self, role, setup):
            self.about = {"prompt_tokens": 86, "sampler": ""}
            if setup.model == SMOLLM2:
                raise scaling.RowFailed(f"row 'ours': UserError: --model-name {SMOLLM2} is not installed\n--- its log")

        def ask(self, what, lengths):
            return {"seconds": 2.0, "parts": dict.fromkeys(("generate", "forward/backward", "optimizer", "sync"), 0.5)}

        def close(self):
            pass

    monkeypatch.setattr(scaling, "Row", FakeRow)
    monkeypatch.setattr(scaling.step, "in_a_process", lambda shape, folder, gpu: shape)
    assert main(monkeypatch, tmp_path, "--only", "real", "--steps", "1") == 1
    found = json.loads((tmp_path / "scaling.json").read_text(encoding="utf-8"))
    assert list(found["points"]["real"]) == ["33M 16 x 32", "130M 16 x 32"] and "again" not in found
    why = f"row 'ours': UserError: --model-name {SMOLLM2} is not installed"
    assert found["left_out"] == [{"shape": SMOLLM2, "completions": 16, "tokens": 32, "sweep": "real", "why": why}]
    page = (tmp_path / "scaling.md").read_text(encoding="utf-8")
    assert why in page and "between random shapes" not in page
