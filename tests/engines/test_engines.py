"""The transformers engine and the proof, on the embedded model; vLLM's twins are in test_full_stack.py."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest
import torch

from r1rl.config.flags import Config
from r1rl.config.recipes import overrides
from r1rl.engines import precision, proof
from r1rl.engines import transformers as engine_module
from r1rl.engines.base import Sampling
from r1rl.engines.choice import choose
from r1rl.engines.transformers import TransformersEngine, is_runaway, useful_threads
from r1rl.models.logprobs import completion_logprobs, nucleus
from r1rl.models.merge import merged_weights
from r1rl.models.policy import LORA_TARGETS, load_policy
from r1rl.records import STOP_TEXT
from r1rl.system.errors import UserError
from r1rl.tasks.prompts import Builder
from r1rl.tasks.word_problems import WordProblems

CONFIG = Config(**overrides("tiny"), add_reasoning_prefix=True, unsloth=False)


@pytest.fixture(scope="module")
def policy():
    return load_policy(CONFIG, has_gpu=False, shared_engine=False)


@pytest.fixture(scope="module")
def engine(policy):
    return TransformersEngine(policy)


@pytest.fixture(scope="module")
def prompts(policy):
    return Builder(policy.tokenizer, CONFIG)(WordProblems(0).load("test")[:6], "test")


@pytest.fixture
def trained(policy, engine):
    """A policy whose adapter does something, in step with its engine; the fresh adapter comes back afterwards."""
    weights = [p for n, p in policy.model.named_parameters() if ".lora_B." in n]
    for i, w in enumerate(weights):
        w.data.normal_(std=0.02, generator=torch.Generator().manual_seed(i))
    engine.sync()
    yield policy
    for w in weights:
        w.data.zero_()
    engine.sync()


def test_more_threads_are_used_where_they_wait_less_than_they_work():
    """With k threads the calls take k c and one's share c + a / k: even at k (k - 1) = a / c."""
    weights = 1_000_000
    for k in (2, 3, 8):
        even = int(k * (k - 1) * engine_module.EVEN / weights)
        assert useful_threads(even, weights) == k == 1 + useful_threads(even - 1, weights)
    assert useful_threads(1, weights) == 1
    assert useful_threads(16, 494_000_000) >= 8


@pytest.mark.parametrize("size", range(1, 9))
def test_what_counts_as_runaway_repetition(size):
    """A block of at most 8 tokens that fills the last 64, looked for at every 16th token."""
    block = list(range(100, 100 + size))
    repeated = (block * 64)[:64]
    assert is_runaway(repeated)
    assert is_runaway([1] * 16 + repeated)
    assert not is_runaway([*repeated, repeated[-size]])  # 65 tokens: not looked at
    assert not is_runaway(repeated[16:])
    assert not is_runaway([7, *repeated[1:]]) and not is_runaway([*repeated[:-1], 7])
    assert not is_runaway((list(range(9)) * 8)[:64])


def test_prune_ends_what_repeats_itself_and_leaves_the_others_alone(engine, prompts, monkeypatch):
    asked = Sampling(n=4, max_tokens=48, temperature=1.0, seed=5)
    whole = engine.generate(prompts[:3], asked)
    assert engine.generate(prompts[:3], dataclasses.replace(asked, prune=True)) == whole  # nothing repeats itself
    begin = max((r.completion_ids for r in whole), key=len)[:16]
    monkeypatch.setattr(engine_module, "is_runaway", lambda ids: tuple(ids) == begin)
    ended = 0
    for plain, pruned in zip(whole, engine.generate(prompts[:3], dataclasses.replace(asked, prune=True))):
        if len(plain.completion_ids) > 16 and plain.completion_ids[:16] == begin:
            assert pruned.completion_ids == plain.completion_ids[:16]
            assert pruned.sampler_logprobs == pytest.approx(plain.sampler_logprobs[:16], abs=1e-4)
            assert pruned.finish == "repetition"
            ended += 1
        else:
            assert (pruned.completion_ids, pruned.finish) == (plain.completion_ids, plain.finish)
    assert 0 < ended < 12


def test_prune_needs_an_engine_that_sees_each_token():
    with pytest.raises(UserError, match="--prune with --engine vllm: vLLM ends a completion at given tokens and texts"):
        dataclasses.replace(CONFIG, prune=True, engine="vllm")
    auto = dataclasses.replace(CONFIG, prune=True)
    assert choose(auto, has_gpu=False, all_installed=True)[0] == "transformers"
    with pytest.raises(UserError, match="--prune with --engine auto: on this GPU it chooses vLLM"):
        choose(auto, has_gpu=True, all_installed=True)


@pytest.mark.parametrize(("count", "batch_size", "threads"), [(1, None, 1), (3, None, 2), (3, 1000, 2), (3, 6, 1)])
def test_threads_by_completions_at_once(engine, prompts, monkeypatch, count, batch_size, threads):
    """Of 16 a prompt, at most `batch_size` at once."""
    real, used = engine_module.in_threads, []

    def noted(work, parts, threads, stopped):
        used.append(threads)
        return real(work, parts, threads, stopped)

    monkeypatch.setattr(engine_module, "in_threads", noted)
    monkeypatch.setattr(engine, "workers", 4)
    asked = Sampling(n=16, max_tokens=2, temperature=1.0, seed=0, batch_size=batch_size)
    rollouts = engine.generate(prompts[:count], asked)
    assert used == [threads] and len(rollouts) == 16 * count
    assert engine.generate([], asked) == []


def test_the_embedded_model_is_sampled_in_float32(engine):
    """On every processor, so that a seed gives the same completions."""
    assert (engine.sampler_dtype, engine.note, engine.fused.mixed) == ("float32", "", False)


@pytest.mark.skipif(
    not torch.backends.mkldnn.is_available() or not torch.ops.mkldnn._is_mkldnn_bf16_supported(),
    reason="this processor's kernels cannot multiply bfloat16",
)
def test_in_bfloat16_a_seed_repeats_the_samples_and_their_logprobs_are_the_trainers_but_for_rounding(trained, prompts):
    """Half a unit in the last of bfloat16's 8 bits is 2^-8; the policy's 29 products and its logits' spread make it more."""
    engine = TransformersEngine(trained, "bfloat16")
    assert (engine.sampler_dtype, engine.note, engine.fused.mixed) == ("bfloat16", "products in bfloat16", True)
    asked = Sampling(n=4, max_tokens=30, temperature=1.0, seed=5)
    rollouts = engine.generate(prompts, asked)
    assert rollouts == engine.generate(prompts, asked)
    gap, _ = proof.sampler_gap(dataclasses.replace(trained, mixed=False), rollouts, 1.0)
    assert 0 < gap < 0.05
    assert {p.verdict for p in proof.prove_adapter(trained, engine, prompts, seed=0)} == {"proven"}
    engine.restart()
    assert engine.sampler_dtype == "bfloat16" and engine.generate(prompts, asked) == rollouts


@pytest.mark.parametrize(
    ("asked", "weights", "fast", "gain", "chosen"),
    [
        ("auto", 2e6, True, 9.0, ("float32", "")),
        ("auto", 2e7, False, 9.0, ("float32", "")),
        ("auto", 2e7, True, 1.1, ("float32", "products in float32: here bfloat16 is 1.1 times as fast")),
        ("auto", 2e7, True, 1.9, ("bfloat16", "products in bfloat16, here 1.9 times as fast as float32")),
        ("float32", 2e7, True, 9.0, ("float32", "")),
        ("bfloat16", 2e6, False, 0.5, ("bfloat16", "products in bfloat16")),
    ],
)
def test_the_precision_is_measured_for_large_models_on_processors_that_multiply_bfloat16(
    engine, monkeypatch, asked, weights, fast, gain, chosen
):
    own = sum(m.weight.numel() for m in engine.model.modules() if isinstance(m, torch.nn.Linear))
    monkeypatch.setattr("r1rl.models.shape.LARGE_ENOUGH", own * 2e7 / weights)
    monkeypatch.setattr(precision, "has_fast_bfloat16", lambda: fast)
    monkeypatch.setattr(precision, "measured_gain", lambda weight: gain)
    assert precision.sampling_precision(asked, engine.model) == chosen


def test_bfloat16_where_it_has_no_effect_is_refused(policy, monkeypatch):
    monkeypatch.setattr("r1rl.engines.decoder.PACKED_AT_MOST", 0)
    with pytest.raises(UserError, match="--sampler-dtype bfloat16"):
        TransformersEngine(policy, "bfloat16")


def test_threads_do_not_change_the_samples(engine, prompts, monkeypatch):
    """But for numbers within rounding of the line between two tokens: one in 100,000."""
    asked = Sampling(n=8, max_tokens=30, temperature=1.0, seed=7)
    found = []
    for workers in (1, 2):
        monkeypatch.setattr(engine, "workers", workers)
        monkeypatch.setattr(engine_module, "useful_threads", lambda rows, weights: 2)
        found.append([r.completion_ids for r in engine.generate(prompts, asked)])
    same = sum(a == b for a, b in zip(*found))
    assert same >= 0.9 * len(found[0])


def test_greedy_equals_transformers_own_generate(trained, engine, prompts):
    rollouts = engine.generate(prompts, Sampling(n=1, max_tokens=40, temperature=0.0))
    for prompt, rollout in zip(prompts, rollouts):
        ids = torch.tensor([prompt.ids])
        own = trained.model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=40, do_sample=False
        )[0, len(prompt.ids) :]
        assert rollout.completion_ids == tuple(own[: len(rollout.completion_ids)].tolist())


def test_sampled_logprobs_are_the_trainers(trained, engine, prompts):
    policy = dataclasses.replace(trained, mixed=False)  # in float32 they are equal to rounding
    rollouts = engine.generate(prompts, Sampling(n=3, max_tokens=30, temperature=0.7, seed=5))
    assert len(rollouts) == 3 * len(prompts)
    for rollout, row in zip(rollouts, completion_logprobs(policy, rollouts, 0.7)):
        assert row == pytest.approx(rollout.sampler_logprobs, abs=1e-3)


def test_samples_of_a_group_differ_and_a_seed_repeats_them(engine, prompts):
    first = engine.generate(prompts, Sampling(n=8, max_tokens=30, seed=1))
    assert first == engine.generate(prompts, Sampling(n=8, max_tokens=30, seed=1))
    assert first != engine.generate(prompts, Sampling(n=8, max_tokens=30, seed=2))
    assert len({(r.prompt_ids, r.completion_ids) for r in first}) > len(prompts)  # some prompts have one answer


def test_chunks_give_the_greedy_completions_of_one_call(engine, prompts):
    whole = engine.generate(prompts, Sampling(n=1, max_tokens=30, temperature=0.0))
    chunks = engine.generate(prompts, Sampling(n=1, max_tokens=30, temperature=0.0, batch_size=2))
    assert [r.completion_ids for r in whole] == [r.completion_ids for r in chunks]


def test_a_finished_completion_ends_as_a_reader_sees_it(policy, engine, prompts):
    rollouts = engine.generate(prompts, Sampling(n=8, max_tokens=128, seed=3))
    stopped = [r for r in rollouts if r.finish == "stop"]
    closed = [r for r in stopped if r.completion.endswith(STOP_TEXT)]
    assert closed
    for r in rollouts:
        assert r.completion.startswith("<reasoning>")
        assert r.completion.count(STOP_TEXT) == r.completion.endswith(STOP_TEXT)
        assert len(r.completion_ids) == len(r.sampler_logprobs)
    for r in stopped:
        assert r in closed or r.completion_ids[-1] in policy.end_ids
    for r in engine.generate(prompts, Sampling(n=1, max_tokens=3, seed=3)):
        assert (r.finish, len(r.completion_ids)) == ("length", 3)


def test_a_token_outside_of_the_nucleus_can_be_kept():
    logprobs = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    assert nucleus(logprobs, 0.7, torch.tensor([3])).exp()[0].tolist() == pytest.approx([10 / 17, 6 / 17, 0.0, 1 / 17])


def test_nucleus_keeps_the_fewest_tokens_that_reach_the_mass():
    logprobs = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    assert nucleus(logprobs, 0.7).exp()[0].tolist() == pytest.approx([0.625, 0.375, 0.0, 0.0])
    assert nucleus(logprobs, 0.45).exp()[0].tolist() == pytest.approx([1.0, 0.0, 0.0, 0.0])


def test_merged_weights_cover_every_projection(trained):
    names = [name for name, _ in merged_weights(trained)]
    layers = trained.model.config.num_hidden_layers
    assert len(names) == len(LORA_TARGETS) * layers
    assert all(any(f".{t}.weight" in n for n in names) for t in LORA_TARGETS)


def test_the_proof_holds_and_leaves_everything_as_it_was(trained, engine, prompts):
    before = {n: p.clone() for n, p in trained.model.named_parameters()}
    greedy = Sampling(n=1, max_tokens=20, temperature=0.0)
    said = engine.generate(prompts, greedy)
    proofs = proof.prove_adapter(trained, engine, prompts, seed=0)
    assert [p.target for p in proofs] == list(LORA_TARGETS)
    assert {p.verdict for p in proofs} == {"proven"}
    assert all(torch.equal(p, before[n]) for n, p in trained.model.named_parameters())
    assert engine.generate(prompts, greedy) == said


def test_a_withheld_adapter_stops_the_run(policy, engine, prompts, monkeypatch):
    monkeypatch.setattr(engine, "sync", lambda: None)
    with pytest.raises(UserError, match="does not sample from the trained adapter: with q_proj changed"):
        proof.prove_adapter(policy, engine, prompts, seed=0)


def test_an_engine_far_from_policy_and_base_stops_the_run(policy, engine, prompts, monkeypatch):
    """As with 4-bit weights that bitsandbytes packed for the CPU: every token is random, and no adapter shows."""
    parameters = [p for n, p in engine.model.named_parameters() if "_proj" in n]
    before = [p.detach().clone() for p in parameters]

    def scramble():
        for i, p in enumerate(parameters):
            p.data.normal_(std=float(before[i].std()), generator=torch.Generator().manual_seed(i))
        for product in engine.fused.to_pack():
            product.pack()

    monkeypatch.setattr(engine, "sync", scramble)
    with pytest.raises(UserError, match=r"where rounding explains at most 0\.0"):
        proof.prove_adapter(policy, engine, prompts, seed=0)
    with pytest.raises(UserError, match=r"does not sample from the model: .* where rounding explains at most 0\.0"):
        proof.base_gap(policy, engine, prompts, seed=0)
    monkeypatch.undo()
    for p, b in zip(parameters, before):
        p.data.copy_(b)
    engine.sync()
    assert proof.base_gap(policy, engine, prompts, seed=0)[0] < proof.rounding_gap(policy)


def test_rounding_explains_a_gap_that_grows_with_the_layers(policy):
    """8 nats of spread, rounded 2 L + 1 times to 8 bits: 0.094 nats for 4 layers, 0.244 for 30."""
    shape = SimpleNamespace(get_text_config=lambda: SimpleNamespace(num_hidden_layers=30))
    deep = SimpleNamespace(model=SimpleNamespace(config=shape))
    assert proof.rounding_gap(deep) == pytest.approx(8 / 256 * 61**0.5)
    layers = policy.model.config.num_hidden_layers
    assert proof.rounding_gap(policy) == pytest.approx(8 / 256 * (2 * layers + 1) ** 0.5)


@pytest.mark.parametrize("top_p", [0.5, 0.9])
def test_sampler_and_trainer_score_the_same_nucleus(policy, engine, prompts, top_p):
    rollouts = engine.generate(prompts, Sampling(n=8, max_tokens=30, top_p=top_p, seed=1))
    gap, _ = proof.sampler_gap(policy, rollouts, 1.0, top_p)
    over_all, _ = proof.sampler_gap(policy, rollouts, 1.0)
    assert gap < proof.rounding_gap(policy) and gap < over_all / 2


def test_one_withheld_projection_stops_the_run(policy, engine, prompts, monkeypatch):
    def without_up_proj():
        parameters = dict(engine.model.named_parameters())
        for name, weight in merged_weights(policy):
            if "up_proj" not in name:
                with torch.no_grad():
                    parameters[name].copy_(weight)
        for product in engine.fused.to_pack():
            product.pack()

    monkeypatch.setattr(engine, "sync", without_up_proj)
    with pytest.raises(UserError, match=r"refuted for up_proj\)"):
        proof.prove_adapter(policy, engine, prompts, seed=0)
    monkeypatch.undo()
    engine.sync()


def test_the_engine_that_is_chosen(monkeypatch):
    import importlib.util

    installed = set()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if name in installed else None)
    tiny, default = CONFIG, Config()
    assert choose(tiny, has_gpu=False)[0] == "transformers"
    with pytest.raises(UserError, match="vLLM is not installed here"):
        choose(dataclasses.replace(tiny, engine="vllm"), has_gpu=False)
    installed |= {"vllm", "unsloth"}
    assert choose(default, has_gpu=True)[0] == "shared"
    assert choose(default, has_gpu=False)[0] == "transformers"
    assert choose(dataclasses.replace(default, engine="vllm"), has_gpu=False)[0] == "vllm"
    assert choose(dataclasses.replace(default, engine="transformers"), has_gpu=True)[0] == "transformers"
    assert choose(dataclasses.replace(default, unsloth=False), has_gpu=True)[0] == "transformers"
    assert choose(dataclasses.replace(default, unsloth=False, load_in_4bit=False), has_gpu=True)[0] == "vllm"
