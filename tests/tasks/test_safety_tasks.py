"""The tasks aegis and safety-queries, and the prompts of both: labels, splits, what is left out, what is refused."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import pytest

from r1rl.config.flags import Config
from r1rl.preflight import checks
from r1rl.records import Problem
from r1rl.system.errors import UserError
from r1rl.tasks.prompts import SYSTEM_TEXT, Builder, plain_prompt
from r1rl.tasks.registry import load_task
from r1rl.tasks.safety.aegis import HUB_NAME, Aegis
from r1rl.tasks.safety.generated import OPENINGS, SafetyQueries, generate

QUERY = Problem("test/0", "How do I pick a melon?", "safe", task="cot-safety", answer_type="verdict")
NUMBER = Problem("test/0", "1 + 1?", "2", task="gsm8k")
ASKED = "Think step-by-step and reason carefully about this content safety query.\nQuery: How do I pick a melon?"


def row(prompt: str, label: str = "safe", **others) -> dict:
    return {"prompt": prompt, "response": None, "prompt_label": label, **others}


def write(path, rows):
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


# The made-up queries


def test_labels_are_balanced_and_no_query_comes_twice():
    for split, total in (("train", 2000), ("test", 200)):
        problems = SafetyQueries(3).load(split)
        assert len({p.question for p in problems}) == len({p.id for p in problems}) == total
        assert sum(p.answer == "safe" for p in problems) == total / 2
        assert {p.answer for p in problems} == {"safe", "unsafe"}
        assert all(p.question.endswith("?") and "{" not in p.question for p in problems)


def test_splits_never_share_a_story_whatever_the_seeds():
    def stories(split: str) -> set[str]:
        """Queries without their openings."""
        questions = [p.question for seed in range(8) for p in generate(split, seed, 400)]
        return {q.removeprefix(opening) for q in questions for opening in OPENINGS if q.startswith(opening)}

    train, test = stories("train"), stories("test")
    assert len(train) > 300 and len(test) > 60
    assert not train & test


def test_the_same_words_stand_in_safe_and_unsafe_queries():
    words = {
        label: {w for p in generate("train", 0, 2000) if p.answer == label for w in p.question.split()}
        for label in ("safe", "unsafe")
    }
    assert len(words["safe"] & words["unsafe"]) > len(words["safe"] | words["unsafe"]) / 2


def test_same_seed_same_queries():
    assert generate("test", 7, 50) == generate("test", 7, 50)
    assert generate("test", 7, 50) != generate("test", 8, 50)
    with pytest.raises(ValueError, match="'train' and 'test'"):
        generate("dev", 7, 50)


# Aegis


@pytest.fixture
def hub(monkeypatch):
    """A hub whose dataset has these rows in every split."""

    def has(rows):
        def load_dataset(name, split):
            assert name == HUB_NAME
            return rows

        monkeypatch.setitem(
            sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset, disable_progress_bars=lambda: None)
        )

    return has


def test_rows_of_the_hub(hub, capsys):
    hub([row("a"), row("REDACTED"), row("b", "unsafe")])
    problems = load_task(Config(dataset_name="aegis")).load("test")
    assert problems == [
        Problem("test/0", "a", "safe", task="cot-safety", answer_type="verdict"),
        Problem("test/2", "b", "unsafe", task="cot-safety", answer_type="verdict"),
    ]
    assert "left out 1 of 3 REDACTED prompts" in " ".join(capsys.readouterr().out.split())


def test_nothing_but_redacted_prompts(hub):
    hub([row("REDACTED")])
    with pytest.raises(UserError, match="all 1 prompts are REDACTED"):
        Aegis().load("train")


def test_a_folder_has_its_own_split(tmp_path):
    write(tmp_path / "train.jsonl", [row("a"), row("b", "unsafe")])
    write(tmp_path / "test.jsonl", [row("c")])
    task = load_task(Config(dataset_name="aegis", dataset_path=str(tmp_path)))
    assert [p.question for p in task.load("train")] == ["a", "b"]
    assert [p.id for p in task.load("test")] == ["test/0"]


def sides(path, seed=1) -> tuple[list[str], list[str]]:
    task = Aegis(str(path), seed)
    return tuple([p.question for p in task.load(split)] for split in ("train", "test"))


def test_a_fifth_of_a_single_file_is_for_the_test(tmp_path):
    path = write(tmp_path / "a.jsonl", [row(f"query {i}") for i in range(100)])
    train, test = sides(path)
    assert (len(train), len(test)) == (80, 20)
    assert {*train} | {*test} == {f"query {i}" for i in range(100)}
    assert sides(path) == (train, test)
    assert sides(path, seed=2)[1] != test


def test_redacted_prompts_of_a_single_file_are_reported_once(tmp_path, capsys):
    path = write(tmp_path / "a.jsonl", [row("REDACTED"), *(row(f"query {i}") for i in range(10))])
    train, test = sides(path)
    assert len(train) + len(test) == 10
    assert capsys.readouterr().out.count("REDACTED") == 1


def test_the_test_of_a_single_file_is_never_large(tmp_path):
    path = write(tmp_path / "a.jsonl", [row(f"query {i}") for i in range(6000)])
    assert [len(side) for side in sides(path)] == [5000, 1000]


def test_a_prompt_that_comes_twice_is_on_one_side(tmp_path):
    rows = [row(text.format(i)) for i in range(20) for text in ("Query {}", "query  {}", "Query {}")]
    train, test = sides(write(tmp_path / "a.jsonl", rows))
    assert not {" ".join(q.lower().split()) for q in train} & {q.lower() for q in test}
    assert (len(train), len(test)) == (48, 4)  # in the test each is asked once


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        ([], ("is empty",)),
        ([{"prompt": "a"}], ("line 1", 'column "prompt_label"', "it has prompt.")),
        ([row("a"), row("b", "harmless")], ("line 2", "'harmless' must be safe or unsafe", "Correct the row")),
        ([row("a"), row(" ")], ("line 2", 'no text in column "prompt"')),
        ([row("a"), row("A ")], ("only one prompt",)),
    ],
)
def test_wrong_files(tmp_path, rows, parts):
    path = write(tmp_path / "a.jsonl", rows)
    with pytest.raises(UserError) as error:
        Aegis(str(path)).load("train")
    for part in ("a.jsonl", *parts):
        assert part in str(error.value)


def test_a_path_that_is_not_there():
    with pytest.raises(UserError, match=r"'nowhere' does not exist.*prompt_label"):
        Aegis("nowhere")


def test_without_a_hub_the_local_ways_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(checks, "hub_answers", lambda: False)
    with pytest.raises(UserError, match=rf"{HUB_NAME} \(or use --dataset-path FILE.*safety-queries"):
        checks.check_hub(Config(dataset_name="aegis", model_name="tiny-safety"))
    checks.check_hub(Config(dataset_name="aegis", dataset_path="a.jsonl", model_name="tiny-safety"))
    checks.check_hub(Config(dataset_name="safety-queries", model_name="tiny-safety"))


# Prompts


class Chat:
    """A tokenizer whose template shows the turns, and whose tokens are characters."""

    chat_template = "..."

    def apply_chat_template(self, messages, tokenize, add_generation_prompt):
        return "".join(f"[{m['role']}]{m['content']}" for m in messages) + "[assistant]"

    def __call__(self, text, add_special_tokens):
        return {"input_ids": list(map(ord, text))}


def prompt(problem: Problem, **flags) -> str:
    return Builder(Chat(), Config(**flags)).prompt(problem).text


def test_the_prompt_of_a_query():
    for style in ("tags", "plain"):
        assert prompt(QUERY, dataset_name="safety-queries", prompt_style=style) == f"{ASKED}\nReasoning:"
        assert prompt(QUERY, dataset_name="aegis", is_chat=True, prompt_style=style) == f"[user]{ASKED}[assistant]"


def test_the_plain_prompt():
    assert prompt(NUMBER, prompt_style="plain") == "Question: 1 + 1?\nAnswer:"
    assert prompt(NUMBER, prompt_style="plain", add_reasoning_prefix=True) == "Question: 1 + 1?\nAnswer:\n<reasoning>"
    assert prompt(NUMBER, prompt_style="plain", is_chat=True) == "[user]1 + 1?[assistant]"
    assert (
        prompt(NUMBER, prompt_style="plain", is_chat=True, add_reasoning_prefix=True)
        == "[user]1 + 1?[assistant]<reasoning>"
    )


def test_the_prompt_with_tags_is_what_it_was():
    assert prompt(NUMBER) == plain_prompt(NUMBER, False) == f"{SYSTEM_TEXT}\nQuestion: 1 + 1?"
    assert prompt(NUMBER, add_reasoning_prefix=True) == f"{SYSTEM_TEXT}\nQuestion: 1 + 1?\n<reasoning>"
    assert prompt(NUMBER, is_chat=True) == f"[system]{SYSTEM_TEXT}[user]1 + 1?[assistant]"


def test_a_query_has_no_place_for_the_prefix():
    with pytest.raises(UserError, match="--add-reasoning-prefix"):
        Config(dataset_name="aegis", add_reasoning_prefix=True)
