"""The tiny base model of Knights and Knaves: its size, its tokenizer, how well it answers."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from r1rl.commands.pretrain import tiny_model
from r1rl.config.flags import TINY_KK_MODEL, TINY_MODELS
from r1rl.tasks.knights_knaves import KnightsKnaves
from r1rl.tasks.knights_knaves.wording import NAMES

FOLDER = TINY_MODELS[TINY_KK_MODEL]
READING = tiny_model.READINGS[KnightsKnaves.name]


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(FOLDER)


def test_all_base_models_together_are_small():
    sizes = [path.stat().st_size for folder in TINY_MODELS.values() for path in folder.iterdir()]
    assert sum(sizes) <= 8 * 2**20


def test_names_are_single_tokens(tokenizer):
    assert all(len(tokenizer.tokenize(before + name)) == 1 for name in NAMES for before in ("", " "))


def test_prompt_and_completion_have_the_tokens_of_the_whole(tokenizer):
    for document in READING.documents(9, 50, 0.5):
        prompt, completion = document.prompt, document.completion
        whole = tokenizer(prompt + completion)["input_ids"]
        assert tokenizer(prompt)["input_ids"] + tokenizer(completion)["input_ids"] == whole
        assert document.prompt.startswith(READING.head)


def test_answers_some_puzzles_but_not_most(tokenizer):
    """A base model for RL must be right sometimes, or there is no signal, and wrong often."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(FOLDER)
    problems = READING.held_out(0, 60)
    assert all(problem.level == 2 for problem in problems)
    accuracy = tiny_model.greedy_accuracy(model, tokenizer, problems, READING.answer_tokens)
    assert 0.10 <= accuracy <= 0.70
