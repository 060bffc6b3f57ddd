"""The heuristic rewards: every coefficient by a worked example, every boundary, the word files."""

from __future__ import annotations

import json
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1rl.config.flags import Config
from r1rl.records import Problem, Rollout
from r1rl.rewards.cot import CONCISE, HEURISTICS, Words, cot_parts, load_words
from r1rl.rewards.weighted import check_rewards, load_rewards
from r1rl.system.errors import UserError

WORDS = Words(("because", "so", "step by step"), ("harm", "risk"))
PROBLEM = Problem("test/0", "?", "safe", task="cot-safety", answer_type="verdict")


def parts(text: str, words: Words = WORDS, rule=HEURISTICS) -> tuple[float, ...]:
    """Markers, length, sentences, keywords, repetition."""
    return tuple(cot_parts(text, words, rule).values())


def different(number: int) -> str:
    """A text of `number` different words, none of which earns anything."""
    return " ".join(f"w{i}" for i in range(number))


def test_the_terms_have_names():
    assert list(cot_parts("", WORDS, HEURISTICS)) == ["markers", "length", "sentences", "keywords", "repetition"]


@pytest.mark.parametrize("text", ["", " ", "\n\n", "...", "?!"])
def test_nothing_earns_nothing(text):
    assert parts(text) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("text", "markers"),
    [
        ("It is so.", 0.5),
        ("So, so, SO!", 0.5),  # counted once
        ("Because it is so", 1.0),
        ("step by\n step", 0.5),
        ("Sophie's also, son", 0),  # no part of a word
        ("step by stepping", 0),
    ],
)
def test_markers(text, markers):
    assert parts(text)[0] == markers


@pytest.mark.parametrize(("text", "keywords"), [("No harm.", 0.3), ("harm, RISK", 0.6), ("harmful, harmless", 0)])
def test_keywords(text, keywords):
    assert parts(text)[3] == pytest.approx(keywords)


@pytest.mark.parametrize(("found", "score"), [(5, 2.5), (6, 3.0), (7, 3.0), (20, 3.0)])
def test_the_cap_of_markers(found, score):
    words = Words(tuple(f"w{i}" for i in range(20)), ("harm",))
    assert parts(different(found), words)[0] == score


@pytest.mark.parametrize(("found", "score"), [(6, 1.8), (7, 2.0), (20, 2.0)])
def test_the_cap_of_keywords(found, score):
    words = Words(("so",), tuple(f"w{i}" for i in range(20)))
    assert parts(different(found), words)[3] == pytest.approx(score)


@pytest.mark.parametrize(
    ("number", "heuristics", "concise"),
    [(19, 0, 0), (20, 0, 3), (29, 0, 3), (30, 2, 3), (100, 2, 3), (101, 2, 0), (300, 2, 0), (301, 0, 0)],
)
def test_the_length(number, heuristics, concise):
    assert parts(different(number))[1] == heuristics
    assert parts(different(number), rule=CONCISE)[1] == concise


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("One is. Two are.", 0),
        ("One is. Two are. Three are.", 1.5),
        ("One is! Two are? Three are... Four are.", 1.5),
        ('"One is." (Two are.) Three are.', 1.5),
        ("One is. Two are. Three", 0),  # cut off
        ("It is 3.5 or 4.5 or 5.5.", 0),
        ("1. Look. 2. Think.", 0),  # the number of a list is no sentence
        ("One is.\nTwo are.\nThree are.", 1.5),
    ],
)
def test_sentences(text, score):
    assert parts(text)[2] == score


@pytest.mark.parametrize(
    ("text", "score"), [("a b a b", 0), ("a b a b a", -2), ("A a", 0), ("A a a", -2), ("don't don't don’t", 0)]
)
def test_repetition_begins_below_one_half(text, score):
    """ "a b a b" has 2 different words of 4; with one more it is 2 of 5."""
    assert parts(text)[4] == score


def test_the_sum_of_a_worked_example():
    """3 markers (1.5), 32 words (2), 3 sentences (1.5), 2 keywords (0.6), 30 different words of 32 (0)."""
    text = (
        "Let me think step by step about what this person wants to do with it today. There is no harm here, because "
        "everybody agreed to that plan. So the risk seems low."
    )
    config = Config(reward="cot-heuristics", dataset_name="safety-queries")
    assert len(text.split()) == 32
    assert parts(text) == (1.5, 2.0, 1.5, pytest.approx(0.6), 0)
    (reward,) = load_rewards(config).values()
    assert reward(Rollout("?", text, (), (), (), "stop"), PROBLEM) == pytest.approx(5.6)
    (concise,) = load_rewards(Config(reward="cot-concise", dataset_name="safety-queries")).values()
    assert concise(Rollout("?", text, (), (), (), "stop"), PROBLEM) == pytest.approx(6.6)


@given(st.text(max_size=300))
def test_any_text_has_a_reward_in_range(text):
    for rule, most in ((HEURISTICS, 8.5), (CONCISE, 9.5)):
        assert -2 <= sum(parts(text, load_words(None), rule)) <= most


def test_long_texts_take_no_time():
    for text in ("a" * 50_000, "a " * 25_000, "." * 50_000 + "a", "a.a" * 15_000, "a-" * 25_000):
        parts(text)


def test_the_shipped_words():
    words = load_words(None)
    assert len(words.markers) == len(words.safety) == 20
    assert all(word == word.lower() for words in words for word in words)
    assert not {"safe", "unsafe"} & {*words.safety}  # no verdict is paid for


FILE = count()


@pytest.fixture
def word_file(tmp_path):
    def write(content: object) -> str:
        path = tmp_path / f"words{next(FILE)}.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    return write


def test_words_of_a_file(word_file):
    path = word_file({"markers": ["Step  by step", "step by step", "so"], "safety": ["harm"]})
    assert load_words(path) == Words(("step by step", "so"), ("harm",))
    config = Config(reward="cot-heuristics", reward_words=path)
    (reward,) = load_rewards(config).values()
    assert reward(Rollout("?", "Because of harm.", (), (), (), "stop"), PROBLEM) == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ('{"markers": ["so"],\n}', ("is not JSON", "line 2")),
        (["so"], ("holds a list", "markers and safety")),
        ({"markers": ["so"], "safty": ["harm"]}, ("no list 'safety'", "rename 'safty'")),
        ({}, ("no list 'markers'", "no key")),
        ({"markers": [], "safety": ["harm"]}, ("'markers' is []", "at least one")),
        ({"markers": "so", "safety": ["harm"]}, ("'markers' is 'so'", "must be a list")),
        ({"markers": ["so", 3], "safety": ["harm"]}, ("'markers' holds 3",)),
        ({"markers": ["so", " "], "safety": ["harm"]}, ("'markers' holds ' '",)),
    ],
)
def test_wrong_word_files(word_file, content, parts):
    path = word_file(content)
    with pytest.raises(UserError) as error:
        check_rewards(Config(reward="cot-concise", reward_words=path), [PROBLEM])
    for part in (path, *parts):
        assert part in str(error.value)


def test_a_word_file_that_is_missing_or_no_text(tmp_path):
    with pytest.raises(UserError, match="the file does not exist"):
        load_words(str(tmp_path / "none.json"))
    (tmp_path / "words.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(UserError, match="not a text file in UTF-8"):
        load_words(str(tmp_path / "words.json"))
