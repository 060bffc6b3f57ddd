"""`python main.py plan`: the plan of any run, of a card that is not here, and the first screen's short form."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT

from r1rl.commands.plan import known_shape, longest_prompt
from r1rl.config.flags import Config
from r1rl.config.recipes import RECIPES, resolve
from r1rl.models import source
from r1rl.models.shape import KNOWN
from r1rl.models.source import shape_of
from r1rl.preflight.memory_parts import GIB
from r1rl.preflight.memory_plan import place_here, plan_memory
from r1rl.preflight.prepare import prepared
from r1rl.preflight.time_plan import SPEEDS_OF, evaluations_of, plan_time
from r1rl.system import machine
from r1rl.system.machine import Machine, held_by_others, usual_price

CPU = Machine(None, 0, 0, 16 * GIB, 2, "x86_64")
A10 = Machine("NVIDIA A10", 20 * GIB, 22 * GIB, 64 * GIB, 8, "x86_64")
NO_DRIVER = pytest.mark.skipif(machine.has_driver(), reason="this machine has a CUDA driver")


@NO_DRIVER
def test_the_default_recipe_is_planned_for_an_a10(program, tmp_path):
    shown = program("plan", "--add-reasoning-prefix", HF_HOME=str(tmp_path)).stdout
    assert "A10, 22.0 GiB: not in this machine, so these are estimates" in shown
    assert "Qwen/Qwen2.5-3B: 3,085,938,688 weights, LoRA of rank 64 trains 119,734,272 more" in shown
    assert "500 steps of 2 prompts x 8 completions, grpo, on gsm8k" in shown
    for part in ("base weights", "its optimizer", "one layer", "logits", "engine's cache"):
        assert part in shown
    assert re.search(r"--gpu-memory-utilization 0\.\d+: \d+ sequences of full length at once", shown)
    assert re.search(
        r"about [\d.]+ s a step \([\d.]+ if all completions run to the limit\), \d+ h \d+ min in all, \$[\d.]+ at",
        shown,
    )
    assert SPEEDS_OF in shown
    assert f"usual for this card in {machine.PRICES_OF}" in shown


@NO_DRIVER
def test_nothing_slow_is_loaded():
    code = (
        "import sys; sys.argv = ['main.py', 'plan']; from r1rl.commands.dispatch import command_line; code = command_line(None); "
        "print(code, [m for m in ('torch', 'transformers', 'trl', 'vllm', 'unsloth') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr


def test_a_plan_that_does_not_fit_comes_with_a_suggestion(program):
    shown = program("plan", "--card", "T4", "--model-name", "Qwen/Qwen2.5-7B").stdout
    assert "14.5 GiB free: too much, use --per-device-train-batch-size 8 --gradient-accumulation-steps 2" in shown


@pytest.mark.parametrize(
    ("flags", "part"),
    [
        (("--card", "A11"), "unknown --card 'A11': did you mean 'A10'"),
        (("--model-name", "some/model"), "--model-name 'some/model': its shape is not known"),
        (("--recipe", "tiney"), "did you mean 'tiny'"),
        (("--max-steps", "0"), "--max-steps 0 must be at least 1"),
    ],
)
def test_wrong_input(program, flags, part):
    done = program("plan", *flags)
    assert done.returncode == 2 and part in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_page_has_the_tables_that_the_program_prints(program):
    page = (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8")
    commands = re.findall(r": `python main.py (plan --presets.*)`\n", page)
    assert len(commands) == 4
    for command in commands:
        assert program(*command.split()).stdout.strip() in page


def test_the_page_has_the_plans_figures():
    config = Config()
    from r1rl.preflight.prepare import place_of_card
    from r1rl.preflight.time_plan import card_named

    plan = plan_memory(config, KNOWN["Qwen2.5-3B"], place_of_card(config, card_named("A10")))
    page = (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8")
    sizes = {part.name: part.size / GIB for part in plan.parts}
    adapter = sizes["adapter"] + sizes["its gradients"] + sizes["its optimizer"] + sizes["engine's adapter"]
    activations = sum(sizes[n] for n in ("layers' inputs", "one layer", "one projection, dequantized", "logits"))
    assumed = sizes["CUDA context"] + sizes["engine's working memory"] + sizes["engine's CUDA graphs"]
    for words, size in (
        ("one copy for sampling and training", sizes["base weights"]),
        ("8-bit AdamW", adapter),
        ("checkpointed", activations),
        ("(assumed)", assumed),
        (f"{plan.sequences} sequences at once, `--gpu-memory-utilization {plan.utilization}`", sizes["engine's cache"]),
    ):
        line = next(line for line in page.splitlines() if line.startswith("|") and words in line)
        assert line.endswith(f"| {size:.1f} |"), line
    assert f"| together | {plan.needed / GIB:.1f} of 22.0 |" in page


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_is_planned(recipe, program):
    done = program("plan", "--recipe", recipe)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^memory   [\d.]+ GiB by plan, ", done.stdout, re.MULTILINE)


# ---- a machine


def test_the_engines_share_comes_from_the_plan(monkeypatch):
    monkeypatch.setattr(machine, "held_by_others", lambda here: None)
    monkeypatch.setattr("r1rl.engines.choice.importlib.util.find_spec", lambda name: object())
    config, lines = prepared(Config(), A10, 200)
    place = place_here(Config(), A10)
    plan = plan_memory(Config(), KNOWN["Qwen2.5-3B"], place, 200)
    assert place.engine == "shared" and config.gpu_memory_utilization == plan.utilization
    assert any(f"--gpu-memory-utilization {plan.utilization}" in line for line in lines)
    assert [line.split()[0] for line in lines] == ["memory", "time", "price"]
    given, _ = prepared(Config(gpu_memory_utilization=0.3), A10, 200)
    assert given.gpu_memory_utilization == 0.3


def test_a_shape_that_is_not_known(monkeypatch):
    monkeypatch.setattr(machine, "held_by_others", lambda here: None)
    config, lines = prepared(Config(model_name="some/model"), A10, 200)
    assert config.gpu_memory_utilization == 0.5
    assert lines == ["memory   not planned: the shape of some/model is not known"]


def test_a_cpu_needs_no_share():
    config = resolve("tiny", {"engine": "transformers"})
    prepared_config, lines = prepared(config, CPU, 112)
    assert prepared_config == config
    assert re.fullmatch(r"memory   [\d.]+ GiB by plan, 16.0 GiB free", lines[0])


def test_too_little_main_memory():
    config = resolve("tiny", {"engine": "transformers"})
    _, lines = prepared(config, dataclasses.replace(CPU, memory_free=int(1.5 * GIB)), 112)
    assert "1.5 GiB free: too much, use --per-device-train-batch-size" in lines[0]


def test_prompts_are_counted_with_the_models_tokenizer():
    from transformers import AutoTokenizer

    from r1rl.config.flags import TINY_MODELS
    from r1rl.tasks import registry
    from r1rl.tasks.prompts import Builder

    config = resolve("tiny", {"add_reasoning_prefix": True})
    task = registry.load_task(config)
    build = Builder(AutoTokenizer.from_pretrained(TINY_MODELS["tiny"]), config)
    problems = [*task.load("train"), *task.load("test")]
    assert longest_prompt(config) == max(len(build.prompt(p).ids) for p in problems)
    assert longest_prompt(Config()) is None  # of the hub: the limit is planned with


def test_a_run_of_this_name_tells_its_own_time(tmp_path):
    config = resolve("tiny", {"engine": "transformers"})
    shape = shape_of("tiny")
    plan = plan_memory(config, shape, place_here(config, CPU))
    lines = [json.dumps({"step": i, "step_seconds": s}) for i, s in enumerate((90, 2, 3, 4), start=1)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "evaluations.jsonl").write_text('{"step": 0, "evaluation_seconds": 7}\n')
    found = plan_time(config, shape, plan, tmp_path)
    assert (found.step, found.evaluation) == (3.5, 7)  # the median: the first step is slow
    assert found.source == f"the last 4 steps of {tmp_path.name}"
    assert evaluations_of(config) == 5  # at 0, 10, 20, 30, 40
    assert found.seconds == found.start + 40 * 3.5 + 5 * 7
    assert plan_time(config, shape, plan, tmp_path / "none").source != found.source


def test_prices_go_by_whole_names():
    assert usual_price("Tesla T4") == 0.5
    assert usual_price("NVIDIA A100-SXM4-80GB") == 1.5
    assert usual_price("NVIDIA L40") is usual_price("NVIDIA GH200 480GB") is None
    assert usual_price("NVIDIA L40S") == 1.86
    assert A10.price(None) == 0.75 and A10.price(1.01) == 1.01 and CPU.price(None) is None
    assert A10.describe_price(None) == "$0.75 per hour (usual in 2025; set yours with --gpu-price)"
    assert A10.describe_price(1.01) == "$1.01 per hour (--gpu-price)"
    assert CPU.describe_price(None) is None


# ---- who holds the GPU's memory


@pytest.fixture
def smi(tmp_path, monkeypatch):
    """Puts a nvidia-smi into the path that answers with the given lines."""

    def answer(text: str, code: int = 0):
        script = tmp_path / "nvidia-smi"
        script.write_text(f"#!/bin/sh\nprintf '{text}'\nexit {code}\n")
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    return answer


BUSY = dataclasses.replace(A10, gpu_free=10 * GIB)


def test_others_are_named(smi):
    smi(f"77, python3, 9216\\n{os.getpid()}, python, 500\\n78, Xorg, [N/A]\\n")
    assert held_by_others(BUSY) == "12.0 GiB of the GPU are held by other processes: python3 (process 77, 9.0 GiB)"


def test_others_of_another_container(smi):
    smi("")
    assert held_by_others(BUSY) == "12.0 GiB of the GPU are held by other processes, which nvidia-smi does not name"


def test_a_broken_or_missing_nvidia_smi(smi, monkeypatch):
    smi("", code=9)
    assert held_by_others(BUSY).endswith("which nvidia-smi does not name")
    monkeypatch.setenv("PATH", "")
    assert held_by_others(BUSY).endswith("which nvidia-smi does not name")


def test_a_free_gpu_and_none():
    assert held_by_others(dataclasses.replace(A10, gpu_free=A10.gpu_total)) is None
    assert held_by_others(CPU) is None


def test_a_recipe_is_planned_before_its_model_is_downloaded(monkeypatch):
    monkeypatch.setattr(source, "installed_smollm2", lambda: None)
    monkeypatch.setattr(source, "in_hub_cache", lambda: False)
    config = dataclasses.replace(resolve("laptop", {}), is_chat=False)
    assert known_shape(config) == KNOWN["SmolLM2-135M"] and longest_prompt(config) is None


def test_passes_over_problems_that_are_here_are_counted_and_others_are_named(program, tmp_path):
    """160 problems, 16 a step, three passes; the hub's data cannot be counted without the hub."""
    assert "gsm8k-sft-rl-tiny: 30 steps of 16 prompts" in program("plan", "--recipe", "gsm8k-sft-rl-tiny").stdout
    shown = program("plan", "--recipe", "cot-safety", "--card", "A10", HF_HOME=str(tmp_path)).stdout
    assert (
        "500 steps are planned: the steps of --num-epochs 3 cannot be counted without the dataset nvidia/Aegis" in shown
    )
