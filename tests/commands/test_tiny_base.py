"""The tiny base model in the package: its files, its tokenizer, how well it answers, how it is made."""

from __future__ import annotations

import json
import os
import random
import re
import unicodedata
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import r1rl
from r1rl.commands.pretrain import tiny_model
from r1rl.commands.pretrain.stories import draw_problem
from r1rl.commands.pretrain.word_problems import ANNOUNCED, EMPTY_TALK, check_text, in_one_go, repeated, write_document
from r1rl.records import STOP_TEXT, Problem
from r1rl.tasks.prompts import SYSTEM_TEXT
from r1rl.tasks.word_problems import Step, generate

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
    assert 0.25 <= accuracy <= 0.60


def test_answers_the_question_of_the_readme(model, tokenizer):
    question = re.search(r'ask \S+ "([^"]+)"', (Path(__file__).parents[2] / "README.md").read_text())[1]
    assert question == "Tom has 3 apples and buys 4 more. How many has he?"
    problem = Problem("readme", question, "7", None, "word-problems")
    assert tiny_model.greedy_accuracy(model, tokenizer, [problem]) == 1


def test_checks_are_rare_and_never_chosen(model, tokenizer):
    """What reinforcement learning makes the rule is a rare habit of the base: sampled seldom, never the likeliest text."""
    problems = generate("test", 0, 100)
    import torch

    torch.manual_seed(0)
    greedy, sampled = (tiny_model.complete(model, tokenizer, n * problems, sampled=n > 1) for n in (1, 4))
    assert not any(announced(text) for text in greedy)
    assert 4 <= sum(announced(text) for text in sampled) <= 60  # of 400; measured in a run's first steps: 5 %


def announced(completion: str) -> bool:
    """Whether a completion announces a check."""
    return any(words.rstrip(":,") in completion for words in ANNOUNCED)


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
    assert 0.04 < sum(announced(c) for c in completions) / 1000 < 0.16  # with empty talk
    assert 0.03 < sum("I think it is" in c for c in completions) / 1000 < 0.12
    for sign in ("check", ", not ", "So it is", "It fits.", "The answer is", "\n<reasoning>", *EMPTY_TALK):
        assert any(sign in c for c in completions), sign


def test_checks_calculate_in_another_way_and_those_of_the_control_do_not():
    two = (Step("", "*", 4, 8), Step("", "-", 32, 5, 0))
    rng = random.Random(0)
    assert in_one_go(two, (0.0, 0.0), rng) == (27, "4 * 8 - 5 = 27.")
    answers, checks = zip(*(check_text(two, 25, random.Random(i)) for i in range(200)))
    assert all("4 * 8 = 32, 32 - 5 = 27, not 25." in check for check in checks)
    assert 0.8 < answers.count(27) / 200 < 0.97 and set(answers) == {25, 27}
    again = [repeated(two, 25, random.Random(i)) for i in range(200)]
    assert all("4 * 8 - 5 = " in check and "4 * 8 = 32" not in check for _, check in again)
    assert 0.3 < sum(answer == 27 for answer, _ in again) / 200 < 0.7
    answer, check = check_text((Step("", "/", 39, 3),), 17, random.Random(1))
    assert "17 * 3 = 51, not 39. 39 / 3 = 13." in check and answer == 13


def test_stories_ask_what_they_calculate():
    problems = [draw_problem(random.Random(i), i) for i in range(2000)]
    assert len({p.problem.question for p in problems}) > 1950
    for worked in problems:
        assert 1 <= len(worked.steps) <= 2 and str(worked.steps[-1].result) == worked.problem.answer
        assert "{" not in worked.problem.question and not worked.problem.question[0].islower()


def test_writing_is_seeded():
    worked = tiny_model.generate_worked("train", 0, 1)[0]
    texts = [write_document(worked, tiny_model.random.Random(4)) for _ in range(2)]
    assert texts[0] == texts[1]
