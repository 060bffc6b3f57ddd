"""The session: one prologue for every program that samples; its proof finds a wrong engine and changes nothing."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from r1rl import session
from r1rl.config.flags import Config
from r1rl.config.recipes import overrides
from r1rl.engines import proof
from r1rl.engines.base import Sampling
from r1rl.runs import inputs
from r1rl.runs.dump import read_run
from r1rl.session import Session
from r1rl.system.console import Waiting
from r1rl.system.errors import UserError
from r1rl.tasks.prompts import Builder
from r1rl.tasks.word_problems import WordProblems


@pytest.fixture
def begun(tmp_path, monkeypatch):
    """(session, prompts) of a run that is ready to sample."""

    def begin(flags=None, **options):
        settings = {**overrides("tiny"), "unsloth": False, "dumps": str(tmp_path), "exp_name": "run", **(flags or {})}
        config = Config(**settings)
        made = Session(config, **options)
        made.open_run(config, "test")
        prompts = Builder(made.load_tokenizer(), config)(WordProblems(1).load("test")[:3], "test")
        with Waiting("") as status:
            made.start(prompts, status)
        return made, prompts, status

    monkeypatch.setattr(session, "divert", lambda log: None)
    return begin


def state_of(made):
    return [p.detach().clone() for p in made.policy.model.parameters()]


def sampled(made, prompts):
    rollouts = made.engine.generate(prompts, Sampling(n=2, max_tokens=12, temperature=1.0, seed=5))
    return [(r.completion_ids, r.sampler_logprobs) for r in rollouts]


def test_the_proof_changes_no_weight_no_random_state_and_no_sample(begun, capsys):
    made, prompts, status = begun(trains=True)
    weights, random, before = state_of(made), torch.get_rng_state(), sampled(made, prompts)
    proofs = made.prove(prompts, status)
    assert {p.target for p in proofs} == set(made.policy.targets) and all(p.verdict == "proven" for p in proofs)
    assert all(torch.equal(a, b) for a, b in zip(weights, state_of(made)))
    assert torch.equal(random, torch.get_rng_state()) and sampled(made, prompts) == before
    lines = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert lines == ["model", "engine", "proof"]


def test_the_quick_proof_perturbs_one_kind_of_projection(begun, capsys):
    made, prompts, status = begun(trains=True, quiet=True)
    (proof,) = made.prove(prompts, status, quick=True)
    shown = capsys.readouterr().out
    assert proof.verdict == "proven" and shown.startswith(f"proof    the engine follows the adapter in {proof.target} ")


@pytest.mark.parametrize("quick", [False, True])
def test_an_engine_that_does_not_follow_the_adapter_is_refused(begun, monkeypatch, quick):
    made, prompts, status = begun(trains=True)
    monkeypatch.setattr(made.engine, "sync", lambda: None)
    with pytest.raises(UserError, match="does not sample from the trained adapter"):
        made.prove(prompts, status, quick)


@pytest.mark.parametrize("settings", [{"top_p": 0.8}, {"temperature": 0.7}])
def test_temperature_and_top_p_are_checked_before_training(begun, monkeypatch, capsys, settings):
    made, prompts, status = begun(trains=True)
    made.config = dataclasses.replace(made.config, **settings)
    made.prove(prompts, status, quick=True)
    assert "sampler and trainer differ by 0.0" in capsys.readouterr().out
    generate = made.engine.generate
    # An engine that ignores both: it samples from all tokens at temperature 1.
    monkeypatch.setattr(
        made.engine, "generate", lambda p, s: generate(p, dataclasses.replace(s, temperature=1.0, top_p=1.0))
    )
    with pytest.raises(UserError, match="does not sample from the"):
        made.prove(prompts, status, quick=True)


def test_the_guard_sync_may_only_warn(begun, monkeypatch, capsys):
    made, prompts, status = begun(trains=True)
    made.config = dataclasses.replace(made.config, guard="sync=warn")
    monkeypatch.setattr(made.engine, "sync", lambda: None)
    (proof,) = made.prove(prompts, status, quick=True)
    shown = capsys.readouterr().out
    assert proof.verdict == "refuted" and "proof    refuted: the engine (transformers) does not sample from" in shown


def test_without_an_adapter_the_logprobs_of_engine_and_model_are_compared(begun, capsys):
    made, prompts, status = begun()
    before = sampled(made, prompts)
    assert made.prove(prompts, status) == [] and sampled(made, prompts) == before
    model, _, proof = capsys.readouterr().out.splitlines()
    assert "LoRA" not in model and "no adapter to follow" in proof and "differ by 0.00" in proof


@pytest.mark.parametrize(
    ("bound", "dtype", "on"), [(0.0, "bfloat16", True), (9.0, "bfloat16", False), (0.0, "float32", False)]
)
def test_a_sampler_in_bfloat16_is_corrected_where_its_gap_asks_for_it(begun, monkeypatch, capsys, bound, dtype, on):
    made, prompts, _ = begun(trains=True)
    weights, before = state_of(made), sampled(made, prompts)
    monkeypatch.setattr(proof, "GAP_TO_CORRECT", bound)
    monkeypatch.setattr(made.engine, "sampler_dtype", dtype)
    made.correct_rounding(prompts)
    assert made.config.importance_correction is on
    assert ("--importance-correction is on" in capsys.readouterr().out) is on
    assert all(torch.equal(a, b) for a, b in zip(weights, state_of(made))) and sampled(made, prompts) == before


def test_the_guard_sync_decides_about_a_refuted_gap_too(begun, monkeypatch, capsys):
    made, prompts, _ = begun(trains=True)
    before = sampled(made, prompts)
    monkeypatch.setattr(proof, "LOGIT_SPREAD", 0.0)  # rounding explains nothing
    monkeypatch.setattr(made.engine, "sampler_dtype", "bfloat16")
    with pytest.raises(UserError, match="does not sample from the model"):
        made.correct_rounding(prompts)
    made.config = dataclasses.replace(made.config, guard="sync=warn")
    made.correct_rounding(prompts)
    assert "proof    refuted: the engine" in capsys.readouterr().out
    assert not made.config.importance_correction and sampled(made, prompts) == before


def test_a_run_begins_with_the_adapter_of_another(begun, tmp_path, capsys):
    made, _, _ = begun(trains=True)
    for name, weight in made.policy.model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.02)
    best = tmp_path / "run" / "checkpoints" / "best"
    made.policy.model.save_pretrained(best)
    inputs.write_base(best, inputs.model_record("tiny"))
    weights = state_of(made)
    flags = {"exp_name": "second", "init_from": str(tmp_path / "run")}
    second, _, _ = begun(flags, trains=True)
    assert all(torch.equal(a, b) for a, b in zip(weights, state_of(second)))
    assert f"adapter begins with that of {best}" in " ".join(capsys.readouterr().out.split())
    recorded = read_run(tmp_path / "second")["inputs"]["init_from"]
    assert recorded["path"] == str(best) and "adapter_model.safetensors" in recorded["files"]
    with pytest.raises(UserError, match="add --lora-rank 64"):
        begun({**flags, "lora_rank": 8}, trains=True)
    with pytest.raises(UserError, match="is not the base model of"):
        begun({**flags, "model_name": "tiny-kk"}, trains=True)
    with pytest.raises(UserError, match="holds no adapter"):
        begun({**flags, "init_from": str(tmp_path / "run" / "logs")}, trains=True)


def test_nothing_to_sample_is_nothing_to_prove(begun, capsys):
    made, _, status = begun()
    capsys.readouterr()
    assert made.prove([], status) == [] and capsys.readouterr().out == ""


def test_flags_and_files_are_checked_before_anything_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr(Session, "load_tokenizer", None)
    with pytest.raises(UserError, match="is not a folder"):
        Session(Config(**{**overrides("tiny"), "model_name": str(tmp_path / "none")}))
