"""The wordings of the pretraining text: every form is complete, and the questions of the benchmark are other ones."""

from __future__ import annotations

import json
import random
import re
import string

import pytest
from conftest import ROOT

from r1rl.commands.pretrain import stories
from r1rl.commands.pretrain.stories import draw_numbers, draw_words, steps_of, write_question
from r1rl.commands.pretrain.wordings import KINDS, RELATIONS
from r1rl.commands.pretrain.wordings.relation import CHOICE, Relation
from r1rl.tasks.word_problems import LARGEST
from r1rl.tasks.word_problems.templates import TEMPLATES


def fields(text: str) -> set[str]:
    """Returns the names of the places of a text."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def forms(wording: str) -> list[str]:
    """Returns forms of a wording in which each part of each choice occurs."""
    most = max([1, *(choice.count("|") + 1 for choice in CHOICE.findall(wording))])
    return [
        CHOICE.sub(lambda choice, i=i: (parts := choice[1].split("|"))[i % len(parts)], wording) for i in range(most)
    ]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__.rpartition(".")[2])
def test_every_form_has_its_numbers_and_only_known_places(kind):
    words = set(draw_words(random.Random(0)))
    for relation in kind.RELATIONS:
        numbers = {part for line in relation.calculations for part in line.split() if part.isalpha()}
        assert numbers == set(relation.ranges)
        for wording in relation.wordings:
            for form in forms(wording):
                assert not set("[]|") & set(form), wording
                assert numbers <= fields(form) <= numbers | words, wording
                assert form.endswith(("?", ".")), wording


def test_numbers_give_whole_results_in_range():
    for relation in RELATIONS:
        for seed in range(5):
            numbers, steps = draw_numbers(relation, random.Random(seed))
            assert all(low <= numbers[letter] <= high for letter, (low, high) in relation.ranges.items())
            assert all(1 <= step.result <= LARGEST for step in steps)
            assert all(step.left % step.right == 0 for step in steps if step.operator == "/")


def test_calculations_are_worked_in_order():
    steps = steps_of(("a + b", "200 - #1"), {"a": 30, "b": 50})
    assert [(s.left, s.operator, s.right, s.result, s.right_step) for s in steps] == [
        (30, "+", 50, 80, None),
        (200, "-", 80, 120, 0),
    ]
    assert steps_of(("a / b",), {"a": 7, "b": 2}) is None  # not whole
    assert steps_of(("a * b", "#1 - 150"), {"a": 10, "b": 30}) is None  # 300 is too large
    assert steps_of(("a - b",), {"a": 5, "b": 5}) is None  # 0


def test_a_wording_is_written_with_articles_spaces_and_capitals():
    words = draw_words(random.Random(1)) | {"n": "a farmer", "t": "apple", "he": "she"}
    wording = "{n} has a {t} [|] and {a} more [|]. {he} [eats|eats] one [|]. How many now [|]?"
    question = write_question(wording, {"a": 3}, words, random.Random(0))
    assert question == "A farmer has an apple and 3 more. She eats one. How many now?"
    assert write_question("[{a}|{b}] or", {"a": 1, "b": 2}, words, random.Random(0)) in ("1 or", "2 or")


def test_wordings_are_many_and_differ_from_each_other():
    wordings = [wording for relation in RELATIONS for wording in relation.wordings]
    assert len(wordings) >= 1000 and len(set(wordings)) == len(wordings)
    calculations = {relation.calculations for relation in RELATIONS}
    assert {len(c) for c in calculations} == {1, 2} and len(calculations) >= 20


def test_each_wording_is_drawn_about_as_often_as_any_other(monkeypatch):
    made = tuple((Relation(("a + b",), {"a": (1, 9), "b": (1, 9)}, ()), f"What W{i} {{a}} {{b}}?") for i in range(4))
    monkeypatch.setattr(stories, "WORDINGS", made)
    rng = random.Random(0)
    drawn = [stories.draw_problem(rng, i).problem.question for i in range(400)]
    counts = [sum(f"W{i}" in question for question in drawn) for i in range(4)]
    assert all(70 < count < 130 for count in counts)


def pattern(wording: str) -> re.Pattern[str]:
    """Returns what matches each question in a wording, whatever its numbers and words are."""

    def literal(text: str) -> str:
        parts = re.split(r"(\{\w+\})", text)
        return "".join(
            (r"\$?\w+" if part[1:-1] in "abde" else ".{1,25}?") if part.startswith("{") else re.escape(part)
            for part in parts
        )

    parts = re.split(r"(\[[^\[\]]*\])", wording)
    choices = [
        f"(?:{'|'.join(map(literal, part[1:-1].split('|')))})" if part[:1] == "[" else literal(part) for part in parts
    ]
    return re.compile(re.sub(r"(\\ )+", r"\\s*", "".join(choices)), re.IGNORECASE)


def test_the_questions_of_the_benchmark_are_in_other_wordings():
    """One of the hundred is in a wording of the text by chance, and none in one of the task."""
    lines = (ROOT / "benchmarks" / "questions" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line)["question"] for line in lines]
    known = [pattern(wording) for relation in RELATIONS for wording in relation.wordings]
    assert known[0].fullmatch(
        write_question(RELATIONS[0].wordings[0], {"a": 3, "b": 4}, draw_words(random.Random(2)), random.Random(2))
    )
    assert len(questions) == 100 and sum(any(k.fullmatch(q) for k in known) for q in questions) <= 1
    task = [pattern(template.question) for template in TEMPLATES]
    assert not [q for q in questions if any(t.fullmatch(q) for t in task)]
