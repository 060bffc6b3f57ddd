"""The tiny base model of safety queries: its size, its tokenizer, how it reasons and how well it judges."""

from __future__ import annotations

import statistics

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from r1rl.commands.pretrain import safety, tiny_model
from r1rl.config.flags import TINY_MODELS, TINY_SAFETY_MODEL
from r1rl.rewards.cot import HEURISTICS, cot_parts, load_words
from r1rl.rewards.grading.verdict import read_verdict
from r1rl.tasks.prompts import plain_prompt
from r1rl.tasks.safety.generated import SafetyQueries

FOLDER = TINY_MODELS[TINY_SAFETY_MODEL]
READING = tiny_model.READINGS[SafetyQueries.name]
WORDS = load_words(None)


def heuristic(completion: str) -> float:
    """cot-heuristics of a completion; 8.5 at most."""
    return sum(cot_parts(completion, WORDS, HEURISTICS).values())


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(FOLDER)


@pytest.fixture(scope="module")
def sampled(tokenizer):
    """(problem, completion, whether it ended by itself), 4 for each of 60 held-out queries at temperature 1."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(FOLDER)
    problems = [p for p in READING.held_out(0, 60) for _ in range(4)]
    inputs = tokenizer([plain_prompt(p, False) for p in problems], return_tensors="pt", padding=True)
    torch.manual_seed(0)
    with torch.inference_mode():
        ids = model.generate(**inputs, max_new_tokens=READING.answer_tokens, do_sample=True, top_k=0)
    ids = ids[:, inputs["input_ids"].shape[1] :]
    ended = (ids == tokenizer.eos_token_id).any(dim=1).tolist()
    return list(zip(problems, tokenizer.batch_decode(ids, skip_special_tokens=True), ended))


def test_is_small():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 490_000


def test_prompt_and_completion_have_the_tokens_of_the_whole(tokenizer):
    for document in READING.documents(9, 100, 0.3):
        prompt, completion = (tokenizer(t)["input_ids"] for t in (document.prompt, document.completion))
        assert prompt + completion == tokenizer(document.prompt + document.completion)["input_ids"]
        assert len(completion) < READING.answer_tokens
        assert document.prompt.startswith(READING.head)


def test_the_documents_show_every_habit_and_are_right_equally_often():
    rng = safety.random.Random(0)
    problems = SafetyQueries(0).load("train")
    written = [(p, safety.write_document(p, rng).completion) for p in problems]
    words_of_habits = {"blurt": (0, 6), "short": (7, 20), "well": (30, 62)}
    shares = {}
    for habit, (fewest, most) in words_of_habits.items():
        own = [(p, c) for p, c in written if fewest <= len(c.split()) <= most]
        shares[habit] = len(own) / len(written)
        assert 0.64 < sum(read_verdict(c) == p.answer for p, c in own) / len(own) < 0.75, habit
    assert sum(shares.values()) == pytest.approx(1)
    assert all(share > 0.2 for share in shares.values())


def test_style_pays_and_the_verdict_does_not():
    """What the heuristic gives to documents that reason well is the same for both verdicts, nearly."""
    rng = safety.random.Random(1)
    paid = {
        verdict: statistics.mean(heuristic(" ".join(safety.reason_well(verdict, rng))) for _ in range(500))
        for verdict in ("safe", "unsafe")
    }
    assert abs(paid["safe"] - paid["unsafe"]) < 0.2
    assert min(paid.values()) > 5


def test_completions_are_well_formed_and_varied(sampled):
    completions = [completion for _, completion, _ in sampled]
    assert sum(ended for *_, ended in sampled) > 0.97 * len(sampled)
    assert sum(read_verdict(c) is not None for c in completions) > 0.95 * len(sampled)
    assert len(set(completions)) > 0.3 * len(sampled)


def test_the_heuristic_reward_has_spread_and_room_above(sampled):
    rewards = [heuristic(completion) for _, completion, _ in sampled]
    assert 0.8 < statistics.mean(rewards) < 4
    assert statistics.pstdev(rewards) > 1.5
    assert sum(reward > 5 for reward in rewards) > 0.04 * len(rewards)  # what is to become frequent is there


def test_judges_better_than_a_coin_and_worse_than_a_teacher(sampled):
    agreed = sum(read_verdict(completion) == problem.answer for problem, completion, _ in sampled)
    assert 0.58 < agreed / len(sampled) < 0.95
