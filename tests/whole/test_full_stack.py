"""The real stack on a CPU: real Unsloth (4 bit), real vLLM, TRL, through main.py. Skipped where they are missing.

`requirements/install-cpu-stack.sh` installs them. With R1RL_FULL_STACK=1, as in CI, nothing here may be skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import ROOT
from full_stack import missing, needs
from safetensors.torch import load_file
from small_run import tokens_and_lines

from r1rl.config.flags import Config
from r1rl.config.recipes import overrides
from r1rl.engines import proof
from r1rl.engines.base import Sampling
from r1rl.models.logprobs import completion_logprobs
from r1rl.models.policy import load_policy
from r1rl.records import STOP_TEXT
from r1rl.runs.dump import EVALUATIONS, FINE_TUNING, METRICS, PROOFS, ROLLOUTS, read_lines
from r1rl.system.errors import UserError
from r1rl.tasks.prompts import Builder
from r1rl.tasks.word_problems import WordProblems

pytestmark = needs("unsloth", "vllm")

CONFIG = Config(**overrides("tiny"), add_reasoning_prefix=True, unsloth=False, engine="vllm")


def gsm8k_folder(tmp_path: Path) -> Path:
    """Real GSM8K where it lies beside the repository, else generated problems in its format."""
    real = Path(os.environ.get("R1RL_TEST_DATA", ROOT.parent / "shared" / "data")) / "gsm8k"
    if real.is_dir():
        return real
    task = WordProblems(0)
    for split in ("train", "test"):
        lines = [json.dumps({"question": p.question, "answer": p.solution}) for p in task.load(split)[:50]]
        (tmp_path / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_nothing_is_missing_in_ci():
    assert missing("unsloth", "vllm") == []


def test_the_libraries_tell_their_makers_nothing():
    code = (
        "import main; from huggingface_hub import constants; from vllm.usage.usage_lib import is_usage_stats_enabled;"
        "print(is_usage_stats_enabled(), constants.HF_HUB_DISABLE_TELEMETRY)"
    )
    told = ("VLLM_NO_USAGE_STATS", "VLLM_DO_NOT_TRACK", "DO_NOT_TRACK", "HF_HUB_DISABLE_TELEMETRY")
    environment = {k: v for k, v in os.environ.items() if k not in told}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[-2:] == ["False", "True"]


@pytest.mark.parametrize("bits", ["--load-in-4bit", "--no-load-in-4bit"])
def test_the_main_job_on_gsm8k(program, tmp_path, bits):
    data = gsm8k_folder(tmp_path)
    done = program(
        "--recipe", "tiny", "--dataset-path", data, "--max-steps", 3, "--eval-count", 20, "--add-reasoning-prefix",
        "--dumps", tmp_path / "dumps", "--exp-name", "run", "--engine", "vllm", bits,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("Unsloth, 4 bit (NF4)" if bits == "--load-in-4bit" else "Unsloth, float32") in done.stdout
    assert "engine   vllm" in done.stdout
    assert "the engine follows the adapter in all 7 projections" in done.stdout
    folder = tmp_path / "dumps" / "run"
    lines = list(read_lines(folder / ROLLOUTS))
    assert [x["step"] for x in lines] == [1] * 64 + [2] * 64 + [3] * 64
    assert {x["task"] for x in lines} == {"gsm8k"}
    assert all(x["finish"] == "length" or x["completion"] for x in lines)
    assert {p["verdict"] for p in read_lines(folder / PROOFS)} == {"proven"}
    adapter = load_file(folder / "checkpoints" / "checkpoint-3" / "adapter_model.safetensors")
    assert {w.dtype for w in adapter.values()} == {torch.float32}  # TRL alone rounds it, where the base is in 4 bit
    assert [e["step"] for e in read_lines(folder / EVALUATIONS)] == [0, 3]
    tokens_and_lines(folder)
    # With a 4-bit base the engine must have the dequantized weights: else the gap is many times this.
    assert max(m["sampler_gap"] for m in read_lines(folder / METRICS)) < 0.05


def test_learning_with_unsloth_and_vllm(program, tmp_path):
    done = program(
        "--recipe", "tiny", "--add-reasoning-prefix", "--eval-count", 100,  # 40 steps: its checks need about 30
        "--dumps", tmp_path, "--exp-name", "run",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    rewards = [m["reward"] for m in read_lines(tmp_path / "run" / METRICS)]
    n = 4 * 64  # completions in the first and in the last four steps
    first, last = sum(rewards[:4]) / 4, sum(rewards[-4:]) / 4
    error = ((first * (1 - first) + last * (1 - last)) / n) ** 0.5
    assert last - first > 3 * error, rewards

    # The saved adapter is what was trained: a fresh process evaluates it with the same result.
    best = program(
        "eval", "--adapter", tmp_path / "run" / "checkpoints" / "best", "--dumps", tmp_path, "--exp-name", "again"
    )
    assert best.returncode == 0, best.stdout + best.stderr
    during = max(read_lines(tmp_path / "run" / EVALUATIONS), key=lambda e: e["accuracy"])
    again = next(read_lines(tmp_path / "again" / EVALUATIONS))
    assert (again["correct"], again["problems"]) == (during["correct"], during["problems"])


@pytest.fixture(scope="module")
def policy():
    return load_policy(CONFIG, has_gpu=False, shared_engine=False)


@pytest.fixture(scope="module")
def engine(policy):
    from r1rl.engines.vllm import VllmEngine

    engine = VllmEngine(CONFIG, policy)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def prompts(policy):
    return Builder(policy.tokenizer, CONFIG)(WordProblems(0).load("test")[:6], "test")


@pytest.fixture
def trained(policy, engine):
    """An adapter that does something, handed to the engine."""
    weights = proof.lora_b(policy)
    for i, w in enumerate(weights):
        w.data.normal_(std=0.02, generator=torch.Generator().manual_seed(i))
    engine.sync()
    yield policy
    for w in weights:
        w.data.zero_()
    engine.sync()


def test_vllm_samples_from_the_synced_policy(trained, engine, prompts):
    from r1rl.engines.transformers import TransformersEngine

    greedy = Sampling(n=1, max_tokens=40, temperature=0.0)
    ours = TransformersEngine(trained).generate(prompts, greedy)
    theirs = engine.generate(prompts, greedy)
    assert [r.completion for r in theirs] == [r.completion for r in ours]
    assert [r.finish for r in theirs] == [r.finish for r in ours]


def test_vllms_logprobs_are_the_trainers(trained, engine, prompts, monkeypatch):
    monkeypatch.setattr(trained, "mixed", False)  # in float32 they are equal to rounding
    rollouts = engine.generate(prompts, Sampling(n=4, max_tokens=30, temperature=0.7, seed=1))
    assert len(rollouts) == 4 * len(prompts)
    for rollout, row in zip(rollouts, completion_logprobs(trained, rollouts, 0.7)):
        assert row == pytest.approx(rollout.sampler_logprobs, abs=2e-3)


def test_vllm_seeds_and_stops(engine, prompts):
    first = engine.generate(prompts, Sampling(n=8, max_tokens=128, seed=1))
    again = engine.generate(prompts, Sampling(n=8, max_tokens=128, seed=1))
    assert [r.completion_ids for r in first] == [r.completion_ids for r in again]
    assert len({(r.prompt_ids, r.completion_ids) for r in first}) > len(prompts)  # some prompts have one answer
    assert any(r.completion.endswith(STOP_TEXT) for r in first)
    for r in first:
        assert r.completion.startswith("<reasoning>")
        assert r.completion.count(STOP_TEXT) == r.completion.endswith(STOP_TEXT)


def test_vllm_restarts_with_the_present_weights(trained, engine, prompts):
    greedy = Sampling(n=1, max_tokens=40, temperature=0.0)
    before = engine.generate(prompts, greedy)
    engine.restart()
    assert [r.completion_ids for r in engine.generate(prompts, greedy)] == [r.completion_ids for r in before]


def test_a_withheld_adapter_stops_the_run(policy, engine, prompts, monkeypatch):
    assert {p.verdict for p in proof.prove_adapter(policy, engine, prompts, seed=0)} == {"proven"}
    monkeypatch.setattr(engine, "sync", lambda: None)
    with pytest.raises(UserError, match="does not sample from the trained adapter"):
        proof.prove_adapter(policy, engine, prompts, seed=0)


PARITY = """
import unsloth  # TRL's own head then runs on a CPU
import inspect, torch, trl
from r1rl.config.flags import Config
from r1rl.models.policy import Policy, load_with_unsloth
from r1rl.config.recipes import overrides
from r1rl.models.logprobs import batch_logprobs
model, tokenizer, _ = load_with_unsloth(Config(**overrides("tiny")), False, False)
from trl.trainer.utils import add_fused_lm_head
torch.manual_seed(0)
for n, p in model.named_parameters():
    if "lora_B" in n:
        p.data.normal_(std=0.02)
add_fused_lm_head(model.get_base_model(), temperature=0.7, outputs=("log_probs", "entropy"))
class Stand:
    temperature, run = 0.7, Config(top_p=1.0)
    policy = Policy(model, tokenizer, "tiny", on_gpu=False, mixed=False, backend="")
    record_logprobs = staticmethod(lambda logprobs: None)
    class accelerator:
        autocast = staticmethod(lambda: torch.autocast("cpu", enabled=False))
ids = torch.randint(10, 400, (4, 40)); mask = torch.ones_like(ids); mask[1, :5] = 0
ours, entropy, _ = batch_logprobs(Stand, model, ids, mask, 16, compute_entropy=True)
theirs, their_entropy, _ = inspect.unwrap(trl.GRPOTrainer._get_per_token_logps_and_entropies)(Stand, model, ids, mask, 16, compute_entropy=True)
torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
torch.testing.assert_close(entropy, their_entropy, rtol=1e-4, atol=1e-4)
a, = torch.autograd.grad(ours.sum(), [p for n, p in model.named_parameters() if "layers.1.mlp.up_proj.lora_A" in n])
b, = torch.autograd.grad(theirs.sum(), [p for n, p in model.named_parameters() if "layers.1.mlp.up_proj.lora_A" in n])
torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)
assert a.abs().max() > 0
print("EQUAL")
"""


def test_our_logprobs_equal_trls_own():
    done = subprocess.run(
        [sys.executable, "-c", PARITY],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "UNSLOTH_COMPILE_LOCATION": "/tmp/r1rl-test-unsloth"},
        timeout=600,
    )
    assert done.stdout.strip().endswith("EQUAL"), done.stdout[-2000:] + done.stderr[-4000:]


def test_fine_tuning_and_ppo_with_unsloth_and_vllm(program, tmp_path):
    """Both runs of gsm8k-sft-rl on the real stack, in 4 bit: TRL's SFTTrainer under Unsloth, then the value head."""
    flags = ("--recipe", "gsm8k-sft-rl-tiny", "--dumps", tmp_path, "--exp-name", "x", "--max-samples", 48, "--use-4bit",
             "--eval-count", 10, "--engine", "vllm")  # fmt: skip
    done = program(
        *flags,
        "--mode",
        "sft",
        "--sft-samples",
        48,
        "--dataset-name",
        "gsm8k",
        "--dataset-path",
        gsm8k_folder(tmp_path),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Unsloth, 4 bit (NF4)" in done.stdout and "engine   vllm" in done.stdout
    losses = [x["loss"] for x in read_lines(tmp_path / "x-sft" / FINE_TUNING)]
    assert len(losses) == 9 and sum(losses[-3:]) < sum(losses[:3])

    done = program(*flags, "--mode", "rl", "--max-steps", 2, "--beta", 0.05)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the engine follows the adapter in all 7 projections" in done.stdout
    lines = list(read_lines(tmp_path / "x-rl" / METRICS))
    assert [x["step"] for x in lines] == [1, 2]
    assert abs(lines[0]["kl"]) < 0.5 and lines[0]["beta"] == 0.05
    assert max(x["sampler_gap"] for x in lines) < 0.05
    assert (tmp_path / "x-rl/checkpoints/checkpoint-2/value_head.safetensors").is_file()
