"""verl's and OpenRLHF's own readers load an export: arguments, data, tokens, rewards. Only where they are installed."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT
from elsewhere import export, make_run

from r1rl.commands.export.other_frameworks import read_run_export

HELPERS = ROOT / "tests" / "helpers"
OF_ALL = {"add_reasoning_prefix": True, "max_samples": 40, "eval_count": 6, "max_steps": 4, "env_reward_scale": 2.0}
# All settings that an export writes only for some runs, each in one of these.
RUNS = {
    "plain": {},
    "1e3": {"loss_type": "grpo", "scale_rewards": "group", "beta": 0.04, "lr_scheduler": "linear",
            "importance_correction": True, "report_to": "wandb,tensorboard", "gpu_memory_utilization": 0.6,
            "eval_temperature": 0.6, "eval_samples": 4, "steps_per_generation": 2, "project_name": "a=b, (c)"},
    "x=(1) it's": {"loss_type": "dapo", "scale_rewards": "batch", "lr_scheduler": "cosine", "warmup_ratio": 0.1,
                   "lora_rank": 0},
    "bnpo": {"loss_type": "bnpo", "scale_rewards": "advantages", "lora_rank": 48, "report_to": "trackio"},
}  # fmt: skip


def read_by(framework, folder):
    """(what the framework reads of each run's export, each run's export)."""
    if importlib.util.find_spec(framework) is None:
        pytest.skip(f"{framework} is not installed")
    runs = [make_run(folder / "dumps" / name, **OF_ALL, **changes) for name, changes in RUNS.items()]
    places = [folder / run.name for run in runs]
    for run, place in zip(runs, places):
        assert export(run, "--to", framework, "-o", place) == 0
    paths = os.pathsep.join(filter(None, (str(ROOT), str(HELPERS), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, HELPERS / f"read_by_{framework}.py", *places], capture_output=True, text=True, cwd=folder,
        env={**os.environ, "PYTHONPATH": paths, "HF_HUB_OFFLINE": "1", "WANDB_API_KEY": "none", "HF_HOME": str(folder)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"')]
    return dict(zip(RUNS, found, strict=True)), dict(zip(RUNS, map(read_run_export, runs)))


@pytest.mark.slow
def test_verl_loads_an_export(tmp_path):
    found, exported = read_by("verl", tmp_path)
    for name, read in found.items():
        ours = exported[name]
        assert read["experiment"] == name and read["project"] == ours.config.project_name
        assert read["steps"] == ours.steps and read["rank"] == ours.config.lora_rank
        assert read["train"] == [list(p.ids) for p in ours.train] and read["test"] == [list(p.ids) for p in ours.test]
        assert read["rewards"] == [2.0, 0.0]
    assert found["1e3"]["loss"] == "seq-mean-token-mean" and found["1e3"]["logger"] == [
        "console",
        "wandb",
        "tensorboard",
    ]


@pytest.mark.slow
def test_openrlhf_loads_an_export(tmp_path):
    found, exported = read_by("openrlhf", tmp_path)
    for name, read in found.items():
        ours = exported[name]
        assert read["steps"] == ours.config.max_steps
        assert read["train"] == [list(p.ids) for p in ours.train[: len(read["train"])]]
        assert read["test"] == [list(p.ids) for p in ours.test]
        assert read["rewards"] == [2.0, 0.0]
    assert found["1e3"]["correction"] == ["token", "clip", [0.0, 2.0]] and found["1e3"]["loss"] == "seq-mean-token-mean"
    assert found["1e3"]["estimator"] == "group_norm" and found["plain"]["correction"][0] == "off"
