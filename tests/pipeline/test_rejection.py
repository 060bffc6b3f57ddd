"""Rejection sampling: each reason to fall, counts that add up, and a file that TRL's SFTTrainer learns from."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1rl.pipeline.filtering import REASONS, filter_completions, jaccard, write_sft_jsonl
from r1rl.records import Problem, Rollout, Scored

QUESTION = "Natalia sold clips to 48 of her friends in April. How many clips did she sell?"


def scored(reasoning="We add the two numbers.", problem="train/0", correct=True, finish="stop", **other) -> Scored:
    completion = other.get("completion", f"<reasoning>{reasoning}</reasoning><answer>72</answer>")
    rollout = Rollout("?", completion, (), (1,), (), finish)
    return Scored(rollout, Problem(problem, QUESTION, "72", level=2), "72", correct, {}, 1.0)


WORDS = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet", "kilo"]
FAULTS = {
    "wrong": scored(correct=False, finish="length"),  # the first reason counts
    "cut short": scored(finish="length"),
    "tags not closed": scored(completion="<reasoning>We add.<answer>72</answer>"),
    "languages mixed": scored("We add the numbers 然后得到七十二。"),
    "repetitive": scored("we add the numbers and " * 20),
}


@pytest.mark.parametrize("reason", FAULTS)
def test_each_fault(reason):
    assert filter_completions([FAULTS[reason]], 4).rejected == {reason: 1}


def test_formulas_without_words_are_no_mixed_language():
    assert len(filter_completions([scored("$48 + 24 = 72$")], 1).kept) == 1


def test_near_duplicates_and_too_many():
    first, same, other = scored(), scored(), scored("Half of 48 is 24, and the sum of both is 72.")
    third = scored("In May she sold 24, so in both months together it was 72.")
    filtered = filter_completions([first, same, other, third], per_problem=2)
    assert filtered.kept == [first, other]
    assert filtered.rejected == {"near-duplicate": 1, "one too many": 1}
    assert filtered.describe() == "kept 2 of 4 completions (1 near-duplicate, 1 one too many)"


def test_problems_do_not_compete():
    same = [scored(problem=f"train/{i}") for i in range(3)]
    assert filter_completions(same, per_problem=1).kept == same


def test_jaccard_by_hand():
    assert jaccard({1, 2, 3}, {2, 3, 4}) == 0.5
    assert (jaccard(set(), set()), jaccard({1}, set())) == (1, 0)


def test_less_than_one_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        filter_completions([], 0)


ANY = st.builds(
    scored,
    reasoning=st.lists(st.sampled_from([*WORDS, "所以", "\ud800", "</reasoning>"]), max_size=20).map(" ".join),
    problem=st.sampled_from(["a", "b", "c"]),
    correct=st.booleans(),
    finish=st.sampled_from(["stop", "stop", "length"]),
)


@settings(deadline=None)
@given(st.lists(ANY, max_size=30), st.integers(1, 4))
def test_every_completion_is_kept_or_counted_once(candidates, per_problem):
    filtered = filter_completions(candidates, per_problem)
    assert len(filtered.kept) + filtered.rejected.total() == len(candidates)
    assert set(filtered.rejected) <= set(REASONS)
    assert all(n <= per_problem for n in Counter(s.problem.id for s in filtered.kept).values())
    assert all(s.correct and s.rollout.finish == "stop" for s in filtered.kept)
    assert filter_completions(filtered.kept, per_problem).kept == filtered.kept  # nothing more falls the second time


def test_the_file_has_conversations_in_utf8(tmp_path):
    path = tmp_path / "sft.jsonl"
    write_sft_jsonl(path, [scored("We add \ud800 and 所以.")])
    (line,) = path.read_text(encoding="utf-8").splitlines()
    row = json.loads(line)
    assert [m["role"] for m in row["messages"]] == ["user", "assistant"]
    assert row["messages"][0]["content"] == QUESTION
    assert "We add \ufffd and 所以." in row["messages"][1]["content"]
    assert (row["problem_id"], row["level"], row["answer"]) == ("train/0", 2, "72")
    assert [p.name for p in tmp_path.iterdir()] == ["sft.jsonl"]


def test_trl_learns_from_the_file(tmp_path):
    import datasets
    import torch
    import transformers
    import trl

    from r1rl.config.flags import TINY_MODELS

    path = tmp_path / "sft.jsonl"
    write_sft_jsonl(path, [scored(problem=f"train/{i}") for i in range(4)])
    rows = datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    tokenizer = transformers.AutoTokenizer.from_pretrained(TINY_MODELS["tiny"])
    tokenizer.chat_template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    model = transformers.AutoModelForCausalLM.from_pretrained(TINY_MODELS["tiny"], dtype=torch.float32)
    before = model.get_input_embeddings().weight.detach().clone()
    settings = trl.SFTConfig(
        output_dir=str(tmp_path / "out"),
        max_steps=1,
        per_device_train_batch_size=2,
        learning_rate=1e-3,
        report_to="none",
        save_strategy="no",
        use_cpu=True,
        bf16=False,
    )

    class OnCpu(trl.SFTTrainer):
        """TRL's own loss is a triton kernel, which no CPU has."""

        compute_loss = transformers.Trainer.compute_loss

    trainer = OnCpu(model=model, args=settings, train_dataset=rows, processing_class=tokenizer)
    text = tokenizer.decode(trainer.train_dataset[0]["input_ids"])
    assert "assistant: <reasoning>We add the two numbers.</reasoning><answer>72</answer>" in text
    assert trainer.train().training_loss > 0
    assert not torch.equal(before, model.get_input_embeddings().weight)
