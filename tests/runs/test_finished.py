"""Flags of a finished run, with which its model is sampled again."""

from __future__ import annotations

import dataclasses
import json

import pytest

from r1rl.config.flags import Config
from r1rl.config.recipes import RECIPES, overrides
from r1rl.runs.finished import config_of

GIVEN = {"distill-tiny": {"teacher_model": "dumps/tiny/checkpoints/best"}}
# A recipe with a mode consists of two runs, which record the folders of both and the number of examples.
RUNS = [(name, mode) for name in RECIPES for mode in (("sft", "rl") if overrides(name).get("mode") else (None,))]


@pytest.mark.parametrize(("recipe", "mode"), RUNS)
def test_every_run_can_be_asked(recipe, mode, tmp_path):
    settings = {**overrides(recipe), **GIVEN.get(recipe, {}), "exp_name": "x", "seed": 5}
    if mode is not None:
        settings |= {"mode": mode, "sft_output": "dumps/x-sft", "rl_output": "dumps/x-rl", "sft_epochs": 2}
    (tmp_path / "run.json").write_text(json.dumps({"config": dataclasses.asdict(Config(**settings))}))
    config = config_of(tmp_path)
    assert (config.mode, config.exp_name, config.seed) == (None, None, 5)
    assert config.answer_format == Config(**settings).answer_format
