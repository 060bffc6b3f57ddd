"""benchmarks/step.py --model: the count of operations, the ratios of the targets, rows that are missing, and small rows."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

from r1rl.config.flags import TINY_MODELS
from r1rl.models.shape import Shape

sys.path.insert(0, str(ROOT / "benchmarks"))

import flops
import model_step
from measured import Measured, Target, markdown

# Two layers of 120 weights in projections (q, o: 16 each; k, v: 8 each; gate, up, down: 24 each), an output layer of 40.
SMALL = Shape(hidden=4, inner=6, layers=2, heads=2, kv_heads=1, head=2, vocab=10)
PROMPT, LENGTHS, GROUP = 3, (2, 3), 2  # one prompt of 3 tokens, completions of 2 and 3


def test_each_token_and_each_pair_that_is_needed_counts_once():
    assert (SMALL.linear, flops.output_layer(SMALL), SMALL.adapter(1)) == (240, 40, 116)
    assert flops.tokens_read(PROMPT, LENGTHS, GROUP) == 3 + 2 + 3
    assert flops.tokens_read(PROMPT, LENGTHS, 1) == 3 + 2 + 3 + 3
    # The prompt's tokens see 1, 2 and 3; those of the completions 4, 5 and 4, 5, 6.
    assert flops.pairs(PROMPT, LENGTHS, GROUP) == 1 + 2 + 3 + 4 + 5 + 4 + 5 + 6
    assert flops.pairs(PROMPT, LENGTHS, 1) == 1 + 2 + 3 + 4 + 5 + 1 + 2 + 3 + 4 + 5 + 6
    assert flops.attention(SMALL, 1) == 2 * 2 * 4 * 2  # two products of 2 FLOP for each of 4 numbers, two layers


def test_sampling_reads_no_last_token_and_needs_logits_where_a_token_is_drawn():
    fed, drawn, seen = 3 + 1 + 2, 1 + 1 + 2, 6 + 4 + (4 + 5)  # both first tokens come from the logits of the prompt
    assert flops.sampling(SMALL, PROMPT, LENGTHS, GROUP) == 2 * (240 * fed + 40 * drawn) + 32 * seen == 3808


def test_training_costs_twice_the_frozen_products_and_thrice_all_others():
    base, adapter, attention = 2 * (240 * 8 + 40 * 5), 2 * 116 * 8, 32 * 30
    assert flops.training(SMALL, 1, PROMPT, LENGTHS, GROUP) == 2 * base + 3 * (adapter + attention) == 16928
    assert flops.training(SMALL, 0, PROMPT, LENGTHS, GROUP) == 3 * (base + attention) == 15600


def ours(seconds: float, generate: float, update: float, **more: float) -> dict:
    """One of our steps; the rest of its seconds is neither sampling nor update."""
    return {
        "seconds": seconds,
        "parts": {"generate": generate, "forward/backward": update - 0.5, "optimizer": 0.5},
    } | more


def measured(*left_out: str) -> Measured:
    """Two rounds of one step of each row, without those in `left_out`. The jobs have 1 token and 100 operations for our rows."""
    rows = {
        "ours": [ours(10, 4, 5, drawing=1, sampling=8), ours(20, 8, 10, drawing=3, sampling=16)],
        "trl": [ours(50, 30, 15), ours(80, 40, 35)],
        "bare engine": [{"seconds": 16.0}, {"seconds": 24.0}],
        "bare update": [{"seconds": 4.0}, {"seconds": 10.0}],
        "fine-tuning": [{"seconds": 9.0}, {"seconds": 24.0}],
        "matrix peak": [{"seconds": 1.0, "flops": 100.0}, {"seconds": 1.0, "flops": 40.0}],
    }
    table = Measured()
    for name, steps in rows.items():
        for number, step in enumerate(steps if name not in left_out else ()):
            table.add("fixed", name, number, {"tokens": 1, "completions": 1} | step)
    return table


def work() -> dict[str, model_step.Job]:
    """The jobs of a step, with round numbers of tokens and operations."""
    sizes = {
        "rollouts": (64, 200),
        "vllm": (64, 200),
        "update": (72, 400),
        "bare": (72, 400),
        "fine-tuning": (108, 600),
    }
    jobs = model_step.jobs(SMALL, 1, PROMPT, LENGTHS, GROUP)
    return {name: model_step.Job(job.what, job.row, *sizes[name], job.seconds) for name, job in jobs.items()}


def test_targets_compare_the_rows_of_each_round():
    found = {t.what: t for t in model_step.targets(measured(), work())}
    assert {what: (t.values, t.limit, t.at_most) for what, t in found.items()} == {
        "step against TRL's in bfloat16": ([10 / 50, 20 / 80], 1 / 4, True),
        "rollouts in tokens/s against vLLM's in bfloat16": ([16 / 4, 24 / 8], 3.0, False),
        "rollouts, of the matrix peak": ([200 / 4 / 100, 200 / 8 / 40], 0.30, False),
        "softmax and draw, of sampling": ([1 / 8, 3 / 16], 0.10, True),
        "update against the bare one in bfloat16": ([5 / 4, 10 / 10], 1.15, True),
        "update, of the matrix peak": ([400 / 5 / 100, 400 / 10 / 40], 0.55, False),
        "fine-tuning in tokens/s against the update's": ([(108 / 9) / (72 / 5), (108 / 24) / (72 / 10)], 0.90, False),
    }
    cells = found["step against TRL's in bfloat16"].cells()
    assert cells == ["step against TRL's in bfloat16", "at most 0.25", "0.23", "0.20 to 0.25", "reached (unsteady)"]
    assert Target("x", 0.55, False, [0.40, 0.42], "%").cells()[-1] == "missed"
    assert Target("x", 0.55, False, [0.40, 0.50], "%").cells()[-1] == "missed (unsteady)"
    assert Target("x", 0.10, True, [0.02, 0.04], "%").cells()[-1] == "reached"


def test_what_a_row_reads_follows_from_how_it_reads_prompts():
    jobs = model_step.jobs(SMALL, 1, 16, (128,) * 64, 8)
    assert {name: job.tokens for name, job in jobs.items()} == {
        "rollouts": 8192, "vllm": 8192,
        "update": 8192 + 8 * 16, "bare": 8192 + 64 * 2, "fine-tuning": 8192 + 64 * 16,
    }  # fmt: skip
    products = 2 * 2 * 240 * (8192 + 128) + 2 * 2 * 40 * 8192 + 3 * 2 * 116 * (8192 + 128)
    assert jobs["update"].flops == products + 3 * 32 * flops.pairs(16, (128,) * 64, 8)
    assert jobs["bare"].flops == products + 3 * 32 * flops.pairs(2, (128,) * 64, 1)


def test_a_row_that_is_missing_leaves_out_its_targets_and_speeds():
    table = measured("bare engine", "matrix peak")
    names = [t.what for t in model_step.targets(table, work())]
    assert len(names) == 4 and not any("vLLM" in n or "peak" in n for n in names)
    rows = model_step.speeds(table, work())
    assert [row[0] for row in rows] == ["our rollouts", "our update", "the bare update", "our fine-tuning"]
    assert rows[0] == ["our rollouts", "12", "8 to 16", "0", "-", "-"]
    peak = model_step.speeds(measured(), work())
    assert peak[0][4:] == ["56.2%", "50.0% to 62.5%"] and peak[-1][0].startswith("one product")
    assert markdown("title", ("a", "bb"), [["ccc", "d"]]) == "\ntitle\n\n| a   | bb |\n| --- | -- |\n| ccc | d  |"


def step(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs the benchmark."""
    command = [sys.executable, str(ROOT / "benchmarks" / "step.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_row_without_its_package_says_so(tmp_path):
    if importlib.util.find_spec("vllm") is not None:
        pytest.skip("vLLM is installed")
    result = step("--model", "tiny", "--rows", "bare engine", "--json", tmp_path / "out.json")
    assert (result.returncode, result.stderr) == (0, "")
    assert "| vllm not installed" in result.stdout
    assert json.loads((tmp_path / "out.json").read_text())["absent"] == {"bare engine": "vllm not installed"}


def test_a_model_whose_shape_is_unknown_is_refused():
    result = step("--model", "no/such-model")
    assert result.returncode == 2
    assert "--model no/such-model: its shape is not known, so its FLOPs cannot be counted." in result.stderr


@pytest.mark.slow
def test_our_rows_run_on_a_small_model(tmp_path):
    model = tmp_path / "model"
    shutil.copytree(TINY_MODELS["tiny"], model)
    settings = json.loads((model / "tokenizer_config.json").read_text())
    settings["chat_template"] = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    (model / "tokenizer_config.json").write_text(json.dumps(settings))
    sizes = ("--prompts", 1, "--tokens", 8, "--repeats", 1)
    rows = ("ours", "bare update", "fine-tuning")
    result = step("--model", model, *sizes, "--rows", *rows, "--json", tmp_path / "out.json")
    assert result.returncode == 0, result.stderr
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["absent"] == {} and set(found["steps"]["fixed"]) == set(rows)
    our_step = found["steps"]["fixed"]["ours"][0][0]
    assert our_step["tokens"] == 64 and 0 < our_step["drawing"] < our_step["sampling"]
    assert len(found["targets"]) == 3
