"""The tiny base model in the package: its files, its tokenizer, how well it answers, how it is made."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import r1rl
from r1rl.commands.pretrain import tiny_model
from r1rl.commands.pretrain.word_problems import write_document
from r1rl.records import STOP_TEXT
from r1rl.tasks.prompts import SYSTEM_TEXT
from r1rl.tasks.word_problems import generate

FOLDER = Path(r1rl.__file__).parent / "models" / "tiny" / "word_problems"
FILES = {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
TEXTS = (
    SYSTEM_TEXT,
    "Weng earns $12 an hour. 50 minutes: 12/60 x 50 = <<12/60*50=10>>10",
    "naïve café, 漢字, Ελληνικά, עברית, 🎉🧮, ½ × 3 ≥ 1\u2009000",
    "\ttabs\n\n  spaces \r\n and \x00 bytes",
)


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(FOLDER)


@pytest.fixture(scope="module")
def model():
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(FOLDER)


def test_files_are_there_small_and_safe():
    assert {path.name for path in FOLDER.iterdir()} == FILES
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 5_000_000
    config = json.loads((FOLDER / "config.json").read_text())
    assert config["model_type"] == "qwen2" and config["tie_word_embeddings"]
    assert config["vocab_size"] % 64 == 0 and config["hidden_size"] % 64 == 0


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_survives_the_tokenizer(tokenizer, text):
    """Up to Unicode's composed form (NFC), which Qwen2's tokenizer brings every text into."""
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == unicodedata.normalize("NFC", text)


def test_each_digit_is_a_token(tokenizer):
    ids = tokenizer("12345 67,890")["input_ids"]
    assert [t for t in tokenizer.convert_ids_to_tokens(ids) if any(c.isdigit() for c in t)] == list("1234567890")


def test_special_tokens(tokenizer):
    assert tokenizer.is_fast and tokenizer.chat_template is None
    assert tokenizer.eos_token == "<|endoftext|>" and tokenizer.pad_token == "<|pad|>"
    assert len({tokenizer.convert_tokens_to_ids(t) for t in (*tiny_model.SPECIAL_TOKENS, "a")}) == 5


def test_every_id_decodes(tokenizer, model):
    assert len(tokenizer) == model.config.vocab_size
    assert all(isinstance(tokenizer.decode([i]), str) for i in range(len(tokenizer)))


def test_prompt_and_completion_have_the_tokens_of_the_whole(tokenizer):
    """So a completion's ids can be cut from its prompt's, and the stop text ends where a token ends."""
    for document in tiny_model.read_documents(seed=9, count=50):
        prompt, completion = document.prompt, document.completion
        whole = tokenizer(prompt + completion)["input_ids"]
        assert tokenizer(prompt)["input_ids"] + tokenizer(completion)["input_ids"] == whole
        closed = tokenizer(prompt + completion + "\n")["input_ids"]
        assert closed[: len(whole)] == whole
        assert completion.endswith(STOP_TEXT) or STOP_TEXT not in completion


def test_answers_some_problems_but_not_most(model, tokenizer):
    """A base model for RL must be right sometimes, or there is no signal, and wrong often."""
    accuracy = tiny_model.greedy_accuracy(model, tokenizer, generate("test", 0, 100))
    assert 0.10 <= accuracy <= 0.50


@pytest.mark.slow
def test_pretraining_learns_and_repeats_itself(tmp_path):
    def losses(folder: str, seed: int, steps: int = 8) -> list[float]:
        seen = []
        model, tokenizer = tiny_model.pretrain(
            tmp_path / folder, seed, steps, batch_size=8, report=lambda now: seen.append(now.loss)
        )
        assert len(tokenizer) == model.config.vocab_size
        return seen

    first = losses("first", 1)
    assert first[-1] < first[0] - 1
    assert losses("second", 1) == first
    weights = [(tmp_path / folder / "model.safetensors").read_bytes() for folder in ("first", "second")]
    assert weights[0] == weights[1]
    assert {path.name for path in (tmp_path / "first").iterdir()} == FILES
    assert losses("other", 2, steps=1)[0] != first[0]


def test_documents_show_every_habit():
    completions = [d.completion for d in tiny_model.read_documents(seed=3, count=1000)]
    guesses = sum("I think it is" in c for c in completions)
    assert 0.5 < guesses / 1000 < 0.7
    for sign in ("check", "not ", "which matches", "The answer is", "\n<reasoning>"):
        assert any(sign in c for c in completions), sign


def test_writing_is_seeded():
    worked = tiny_model.generate_worked("train", 0, 1)[0]
    texts = [write_document(worked, tiny_model.random.Random(4)) for _ in range(2)]
    assert texts[0] == texts[1]
