"""A run is moved, its data edited and its base model moved: what matters is refused, what does not changes nothing."""

from __future__ import annotations

import json
import shutil

import pytest

from r1rl.config.flags import TINY_MODELS

QUESTION = "Tom has 3 apples and buys 4 more. How many apples has Tom?"
FLAGS = [
    "--recipe", "tiny", "--dataset-name", "gsm8k", "--dataset-path", "data.csv", "--model-name", "base",
    "--reward", "own.py:own", "--exp-name", "run", "--per-device-train-batch-size", 8, "--num-generations", 4,
    "--max-completion-length", 16, "--no-eval-on-start", "--eval-count", 2, "--no-trial", "--save-steps", 1,
]  # fmt: skip


@pytest.mark.slow
def test_moved_edited_and_extended(program, tmp_path):
    """Each call is one step of the tiny model, or none."""
    here = tmp_path / "here"
    shutil.copytree(TINY_MODELS["tiny"], here / "base")
    rows = [
        f"Ann has {a} pens and gets {b} more. How many pens has Ann?,{a + b}" for a in range(2, 8) for b in range(5)
    ]
    (here / "data.csv").write_text("\n".join(["question,answer", *rows]) + "\n")
    (here / "own.py").write_text(
        "def own(completions, **kwargs):\n    return [float(i % 2) for i, _ in enumerate(completions)]\n"
    )

    def train(*more, cwd=here):
        return program(*FLAGS, *more, cwd=cwd)

    first = train("--max-steps", 1)
    assert first.returncode == 0, first.stderr
    there = tmp_path / "there"
    here.rename(there)  # run, data, reward and base model
    longer = train("--max-steps", 2, "--resume", cwd=there)
    assert longer.returncode == 0, longer.stderr
    assert (
        "resume   --max-steps was 1 and is 2" in longer.stdout
        and "the run continues from checkpoint-1" in longer.stdout
    )

    (there / "data.csv").write_text("\n".join(["question,answer", *rows[::-1]]) + "\n")
    refused = train("--max-steps", 3, "--resume", cwd=there)
    assert (
        refused.returncode == 2 and "data changed since the run began: --dataset-path: data.csv has" in refused.stderr
    )
    accepted = train("--max-steps", 3, "--resume", "--accept-changed", "data", cwd=there)
    assert accepted.returncode == 0, accepted.stderr
    described = json.loads((there / "dumps" / "run" / "run.json").read_text())
    assert [entry["accepted"] for entry in described["history"]] == [[], ["data"]]
    assert described["config"]["max_steps"] == 3 and described["config"]["model_name"] == str(there.resolve() / "base")

    trap = tmp_path / "trap"  # where the relative name leads to another model
    shutil.copytree(TINY_MODELS["tiny-kk"], trap / "base")
    run = there / "dumps" / "run"
    asked = program("ask", run, QUESTION, "--max-completion-length", 16, cwd=trap)
    assert asked.returncode == 0, asked.stderr
    exported = program("export", run, "--to", "adapter", "-o", "out", "--eval-count", 2, cwd=trap)
    assert exported.returncode == 0, exported.stderr
    base = json.loads((trap / "out" / "adapter_config.json").read_text())["base_model_name_or_path"]
    assert base == str(there.resolve() / "base")

    (there / "base").rename(tmp_path / "base model")
    lost = program("ask", run, QUESTION, cwd=trap)
    assert lost.returncode == 2 and "is not a folder on this machine" in lost.stderr and "--model-name" in lost.stderr
    other = program("ask", run, QUESTION, "--model-name", "base", cwd=trap)
    assert other.returncode == 2 and "is not the base model of" in other.stderr
    found = program(
        "ask", run, QUESTION, "--model-name", tmp_path / "base model", "--max-completion-length", 16, cwd=trap
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines()[-1] == asked.stdout.splitlines()[-1]
