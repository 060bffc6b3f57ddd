"""--engine vllm-server with a real `vllm serve` (CPU build), started by the command that the program prints.

Skipped where vLLM is missing; with R1RL_FULL_STACK=1, as in CI, it may not be. Faults of a server are in
test_server_checks.py.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from full_stack import needs
from small_run import SMALL, check_gaps, tokens_and_lines
from vllm_server import free_port, served

from r1rl.config.flags import Config
from r1rl.engines import proof, server_checks
from r1rl.engines.base import Sampling
from r1rl.engines.server_checks import check_server, serve_line
from r1rl.engines.transformers import TransformersEngine
from r1rl.engines.vllm_server import VllmServerEngine
from r1rl.models.logprobs import completion_logprobs
from r1rl.models.policy import LORA_TARGETS, load_policy
from r1rl.runs.dump import METRICS, PROOFS, read_lines
from r1rl.system.errors import UserError
from r1rl.tasks.prompts import Builder
from r1rl.tasks.word_problems import WordProblems

pytestmark = needs("vllm")
KEY = "a-key-of-the-server-7241"
GREEDY = Sampling(n=1, max_tokens=40, temperature=0.0)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """Of a run at a server that is up as long as this file's tests run."""
    folder = tmp_path_factory.mktemp("server")
    config = Config(**{**SMALL, "engine": "vllm-server", "vllm_server_port": free_port(), "dumps": str(folder),
                       "exp_name": "run"})  # fmt: skip
    allowed, *command = shlex.split(serve_line(config, on_gpu=False))
    name, _, value = allowed.partition("=")
    with served(command, config.vllm_server_port, folder, **{name: value, "VLLM_API_KEY": KEY}):
        yield config


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("VLLM_API_KEY", KEY)


@pytest.fixture(scope="module")
def policy(config):
    return load_policy(config, has_gpu=False, shared_engine=False)


@pytest.fixture(scope="module")
def prompts(policy, config):
    return Builder(policy.tokenizer, config)(WordProblems(0).load("test")[:6], "test")


@pytest.fixture
def engine(policy, config, tmp_path):
    """With an adapter that does something."""
    change(policy, 0)
    engine = VllmServerEngine(config, policy, tmp_path)
    engine.sync()
    yield engine
    engine.close()
    assert not engine.folder.exists()
    assert len(models(engine)) == 1


def change(policy, seed):
    for i, w in enumerate(proof.lora_b(policy)):
        w.data.normal_(std=0.02, generator=torch.Generator().manual_seed(1000 * seed + i))


def assert_same(found, expected):
    """The same tokens; logprobs but for rounding, as a server batches what arrives together in whatever order it comes."""
    assert [r.completion_ids for r in found] == [r.completion_ids for r in expected]
    for one, other in zip(found, expected):
        assert one.sampler_logprobs == pytest.approx(other.sampler_logprobs, abs=1e-4)


def models(engine):
    return [entry["id"] for entry in engine.server.request("/v1/models")["data"]]


def test_a_run_at_a_server(program, config, tmp_path):
    done = program(
        "--recipe", "tiny", "--engine", "vllm-server", "--vllm-server-port", config.vllm_server_port, "--max-steps", 2,
        "--eval-count", 8, "--no-eval-on-start", "-tbs", 16, "--max-completion-length", 48, "--add-reasoning-prefix",
        "--no-unsloth", "--dumps", tmp_path, "--exp-name", "run", VLLM_API_KEY=KEY,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"engine   vllm-server at 127.0.0.1:{config.vllm_server_port}" in done.stdout
    run = tmp_path / "run"
    proofs = list(read_lines(run / PROOFS))
    assert [(p["target"], p["verdict"]) for p in proofs] == [(t, "proven") for t in LORA_TARGETS]
    gaps = [line["sampler_gap"] for line in read_lines(run / METRICS)]
    assert len(gaps) == 2
    assert max(gaps) < 0.05
    check_gaps(run, tokens_and_lines(run))
    assert json.loads((run / "run.json").read_text())["config"]["engine"] == "vllm-server"
    written = [p for p in run.rglob("*") if p.is_file()]
    assert not [p for p in written if KEY.encode() in p.read_bytes()]
    assert not (run / "checkpoints" / "engine").exists()


def test_greedy_completions_are_those_of_the_engine_in_this_process(engine, policy, prompts):
    here = TransformersEngine(policy).generate(prompts, GREEDY)
    there = engine.generate(prompts, GREEDY)
    assert len({r.completion_ids for r in here}) > 3
    for own, other in zip(here, there, strict=True):
        same = ("prompt", "completion", "prompt_ids", "completion_ids", "finish")
        assert [getattr(other, f) for f in same] == [getattr(own, f) for f in same]
        assert other.sampler_logprobs == pytest.approx(own.sampler_logprobs, abs=1e-3)


def test_logprobs_are_the_policys_after_temperature_and_seeds_repeat(engine, policy, prompts):
    sampling = Sampling(n=4, max_tokens=24, temperature=0.7, seed=5)
    rollouts = engine.generate(prompts, sampling)
    assert len(rollouts) == 4 * len(prompts)
    exact = dataclasses.replace(policy, mixed=False)
    for rollout, row in zip(rollouts, completion_logprobs(exact, rollouts, 0.7)):
        assert row == pytest.approx(rollout.sampler_logprobs, abs=1e-3)
    groups = [rollouts[i : i + 4] for i in range(0, len(rollouts), 4)]
    assert any(len({r.completion_ids for r in group}) > 1 for group in groups)
    assert_same(engine.generate(prompts, sampling), rollouts)
    others = engine.generate(prompts, dataclasses.replace(sampling, seed=6))
    assert [r.completion_ids for r in others] != [r.completion_ids for r in rollouts]


def test_each_sync_hands_the_new_weights_over_and_takes_the_old_ones_back(engine, policy, prompts):
    before = engine.generate(prompts, GREEDY)
    change(policy, 1)
    assert_same(engine.generate(prompts, GREEDY), before)
    engine.sync()
    after = engine.generate(prompts, GREEDY)
    here = TransformersEngine(policy).generate(prompts, GREEDY)
    assert [r.completion_ids for r in after] == [r.completion_ids for r in here]
    now, own, old = (torch.tensor([sum(r.sampler_logprobs) for r in x]) for x in (after, here, before))
    torch.testing.assert_close(now, own, atol=5e-3, rtol=0)  # of whole completions
    assert (now - old).abs().max() > 0.05  # the greedy tokens may be the same for both adapters
    assert len(models(engine)) == 2  # base model and present adapter
    assert [p.name for p in engine.folder.iterdir()] == [engine.adapter.name]


def test_a_server_that_has_lost_the_adapter_gets_it_again(engine, prompts):
    before = engine.generate(prompts, GREEDY)
    engine.server.request("/v1/unload_lora_adapter", {"lora_name": engine.adapter.name})  # as after a restart
    assert_same(engine.generate(prompts, GREEDY), before)


def test_the_server_passes_its_check_and_wrong_ones_do_not(config, monkeypatch):
    check_server(config, on_gpu=False)
    assert not list(Path(config.dumps).glob(".server-check-*"))
    with pytest.raises(UserError, match=r"accepts only adapters of a smaller rank .*--max-lora-rank 128"):
        check_server(dataclasses.replace(config, lora_rank=128), on_gpu=False)
    longer = dataclasses.replace(config, max_completion_length=2000, max_seq_length=3000)
    with pytest.raises(UserError, match=r"--max-model-len 1024, .* is 2512: .*--max-model-len 3000"):
        check_server(longer, on_gpu=False)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(server_checks, "settings_of_adapter", lambda _: nullcontext(Path("/not/there/x")))
        with pytest.raises(UserError, match=r"does not see /not/there, .*under the same path"):
            check_server(config, on_gpu=False)
    monkeypatch.setenv("VLLM_API_KEY", "another")
    with pytest.raises(UserError, match=r"needs its key .*VLLM_API_KEY"):
        check_server(config, on_gpu=False)
