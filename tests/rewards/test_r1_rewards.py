"""The rewards of the R1 pipeline: worked numbers, traps, ranges; and --reward with names and weights."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1rl.config.flags import Config, reward_weights
from r1rl.records import Problem, Prompt, Rollout
from r1rl.rewards.no_gold import HARMLESS, classify, read_rules
from r1rl.rewards.r1 import cosine_scale
from r1rl.rewards.text import repetition, share_in_language_of, without_code, words
from r1rl.rewards.weighted import load_rewards
from r1rl.runs.evaluation import score
from r1rl.system.errors import UserError

QUESTION = "Natalia sold clips to 48 of her friends in April. How many clips did she sell?"
NUMBER = Problem("test/0", QUESTION, "72", task="gsm8k")
LATEX = Problem("test/1", "What is half of one?", r"\frac{1}{2}", task="math", answer_type="latex")


def rollout(completion: str, tokens: int = 10) -> Rollout:
    return Rollout("?", completion, (), tuple(range(tokens)), (), "stop")


def reward_of(name: str, completion: str, problem: Problem = NUMBER, tokens: int = 10, **flags) -> float | None:
    (reward,) = load_rewards(Config(reward=name, dataset_name=problem.task, **flags)).values()
    return reward(rollout(completion, tokens), problem)


def tagged(answer: str, reasoning: str = "Hm.", tag: str = "reasoning") -> str:
    return f"<{tag}>\n{reasoning}\n</{tag}>\n<answer>\n{answer}\n</answer>"


def test_accuracy_of_numbers_and_of_latex():
    assert [reward_of("accuracy", tagged(a)) for a in ("72", "$72.0", "71", "")] == [1, 1, 0, 0]
    assert [reward_of("accuracy", tagged(a), LATEX) for a in ("0.5", r"\boxed{1/2}", "1", "")] == [1, 1, 0, 0]


def test_an_unreadable_gold_is_left_out():
    broken = Problem("test/9", "?", r"\frac{1", task="math", answer_type="latex")
    assert reward_of("accuracy", tagged("1"), broken) is None
    assert reward_of("cosine", tagged("1"), broken) is None
    config = Config(reward="accuracy,format=0.5", dataset_name="math")
    scored = score(rollout(tagged("1")), Prompt(broken, "?", ()), load_rewards(config), config)
    assert scored.rewards == {"accuracy": None, "format": 1.0} and scored.reward == 0.5


# The pattern of the source takes the tags with white space outside; ours neither a second pair nor a nested one.
@pytest.mark.parametrize(
    ("completion", "value"),
    [
        (tagged("72"), 1),
        (f"  {tagged('72')}\n", 1),
        (tagged(""), 1),
        ("", 0),
        ("72", 0),
        (tagged("72") + "!", 0),
        ("Well. " + tagged("72"), 0),
        (tagged("72") * 2, 0),
        (tagged("<answer>72</answer>"), 0),
        (tagged("72", reasoning="<reasoning>a</reasoning>"), 0),
        (tagged("72", reasoning=r"$\text{<answer>}$"), 0),  # a tag inside LaTeX is a tag: it could be read as one
        ("<reasoning>a</reasoning><answer>72", 0),
        ("<answer>72</answer><reasoning>a</reasoning>", 0),
        (tagged("72", tag="think"), 0),
    ],
)
def test_format(completion, value):
    assert reward_of("format", completion) == value


def test_format_with_the_other_tag():
    assert reward_of("format", tagged("72", tag="think"), think_tag="think") == 1
    assert reward_of("format", tagged("72"), think_tag="think") == 0


@pytest.mark.parametrize(
    ("completion", "marks"),
    [
        ("", 0),
        ("I think it is 72.", 0),
        ("Step 1: add", 1),
        ("1. add\n2) subtract", 2),
        ("- add\n* subtract", 2),
        ("First, add. Second, subtract.", 2),
        ("First, a. Next, b. Finally, c. Second, d.", 4),
        ("3.5 is the sum\n*bold*\n-5 is negative\n---", 0),
        ("First we add, the Next, Nexter, thing", 1),
        ("```\n- old\n- new\n- newer\n```", 0),
        ("```\n- old\n- new\n", 2),  # a block that is never closed hides nothing
        ("第一步：相加", 0),
    ],
)
def test_reasoning_steps(completion, marks):
    assert reward_of("reasoning_steps", completion) == min(1, marks / 3)


@pytest.mark.parametrize(
    ("right", "tokens", "value"),
    [
        (True, 0, 1.0),  # 0.8 + 0.1 (1 + cos 0)
        (True, 500, 0.9),  # 0.8 + 0.1 (1 + cos pi/2)
        (True, 1000, 0.8),
        (True, 2000, 0.8),  # clamped: the source's cosine would be back at 1.0
        (False, 0, -0.5),  # -0.1 - 0.2 (1 + cos 0)
        (False, 250, -0.1 - 0.2 * (1 + math.sqrt(0.5))),
        (False, 1000, -0.1),
        (False, 3000, -0.1),
    ],
)
def test_cosine(right, tokens, value):
    assert cosine_scale(right, tokens) == pytest.approx(value)
    assert reward_of("cosine", tagged("72" if right else "71"), tokens=tokens) == pytest.approx(value)


def test_repetition():
    assert repetition("a b a b a b a b") == pytest.approx(1 - 2 / 6)  # aba bab, three times each
    assert reward_of("repetition_penalty", "a b a b a b a b") == pytest.approx(-0.1 * 4 / 6)
    assert str(reward_of("repetition_penalty", "the sum of all is seven")) == "0.0"
    assert [reward_of("repetition_penalty", text) for text in ("", "a", "a a")] == [0, 0, 0]
    assert reward_of("repetition_penalty", "A a A a A") == pytest.approx(-0.1 * 2 / 3)  # capital letters do not count
    assert reward_of("repetition_penalty", "相加" * 50) == pytest.approx(-0.1 * (1 - 2 / 98))  # no spaces needed


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("First we add the numbers, and then we get 72 clips in all.", 1),
        ("首先我们把两个数相加，得到七十二", 0),
        ("First we add. 然后得到七十二", 3 / 10),  # a Chinese character is a word
        ("Zuerst addieren wir die Zahlen, und dann erhalten wir im Ganzen 72 Klammern.", 0),
        ("It costs $5 and 中文中文 $6.", 3 / 7),  # nothing is hidden between two dollars
        (r"So $x^2 + \frac{a}{b}$ is the sum, and ``` print(x) ``` shows it to us all.", 1),
        ("", 0),
        ("2 + 2 = 4", 0),
    ],
)
def test_language(text, share):
    assert reward_of("language", tagged("72", text)) == pytest.approx(share)


def test_the_language_is_that_of_the_question():
    french = "Combien de pommes Jean a-t-il en tout ?"
    assert share_in_language_of(french, "Jean a trois pommes et il en achète quatre, donc il en a sept.") == 1
    assert share_in_language_of(french, "Jean has three apples and he buys four, so he has seven.") == 0
    chinese = "小明有三个苹果，又买了四个，一共有几个？"
    assert share_in_language_of(chinese, "他一共有七个苹果。") == 1
    assert share_in_language_of("2 + 2 = ?", "Four.") is None


def test_the_answer_is_no_part_of_the_reasoning():
    assert reward_of("language", tagged("七十二", "We add the two numbers.")) == 1


def test_code_and_words():
    assert without_code("a ```b``` c ```d") == "a \n c \nd"
    assert words("The sum is 7. 所以") == ["the", "sum", "is", "7.", "所", "以"]


def test_rules_of_the_users_own(tmp_path):
    path = tmp_path / "rules.json"
    path.write_text(
        json.dumps(
            {
                "min_words": 2,
                "max_words": 6,
                "rules": [
                    {"pattern": "(?i)thank", "score": 0.5, "why": "polite"},
                    {"pattern": "stupid", "score": -0.7, "why": "rude"},
                    {"pattern": "please", "score": 0.8, "why": "polite"},
                ],
            }
        )
    )

    def value(text):
        return reward_of("rules", text, reward_rules=str(path))

    assert value("Thank you") == 0.5
    assert value("Thank you, stupid") == pytest.approx(-0.2)
    assert value("Thank you, please") == 1  # at most
    assert [value(text) for text in ("", "one", "a b c d e f g")] == [-1, -1, -1]


def test_the_shipped_rules():
    rules = read_rules(HARMLESS)
    assert rules.score("The sum is seven.") == 0
    assert rules.score("You are stupid.") == -1
    assert rules.score("Please see a doctor.") == pytest.approx(0.2)


def test_a_pattern_that_never_ends_is_cut_short(tmp_path, capsys):
    path = tmp_path / "rules.json"
    path.write_text(json.dumps([{"pattern": "^(a|a)+$", "score": -1, "why": "?"}]))
    assert reward_of("rules", "a" * 10_000 + "b", reward_rules=str(path)) == 0
    assert "took more than" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read as JSON"),
        ("{}", 'a list "rules"'),
        ('[{"score": 1}]', 'rule 1 must have a text "pattern"'),
        ('[{"pattern": "a", "score": true}]', 'a number "score"'),
        ('[{"pattern": "(", "score": 1}]', "not a regular expression"),
        ('{"rules": [], "min_words": "x"}', "min_words is 'x'"),
    ],
)
def test_wrong_rule_files(tmp_path, content, message):
    path = tmp_path / "rules.json"
    path.write_text(content)
    with pytest.raises(UserError, match=message):
        reward_of("rules", "?", reward_rules=str(path))


@pytest.mark.parametrize("labels", [1, 2])
def test_a_reward_model_with_one_label_and_with_several(tmp_path, labels):
    import torch
    import transformers

    from r1rl.config.flags import TINY_MODELS

    tokenizer = transformers.AutoTokenizer.from_pretrained(TINY_MODELS["tiny"])
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        num_labels=labels,
    )
    model = transformers.BertForSequenceClassification(config)
    folder = tmp_path / "classifier"
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    value = reward_of("reward-model", tagged("72"), reward_model=str(folder))
    model.eval()
    with torch.no_grad():
        logits = model(
            **tokenizer(QUESTION, "72", truncation="longest_first", max_length=64, return_tensors="pt")
        ).logits[0]
    expected = torch.sigmoid(logits[0]) if labels == 1 else torch.softmax(logits, -1)[-1]
    assert value == pytest.approx(float(expected), abs=1e-5)
    assert 0 <= classify(tokenizer, model, "x" * 5000, "\ud800" + "y" * 5000) <= 1


def test_a_folder_that_is_no_classifier(tmp_path):
    with pytest.raises(UserError, match="is not a sequence classifier"):
        reward_of("reward-model", "?", reward_model=str(tmp_path))


def test_names_and_weights():
    assert reward_weights("correctness") == {"correctness": 1}
    assert reward_weights("accuracy=1, format=0.5,cosine") == {"accuracy": 1, "format": 0.5, "cosine": 1}
    assert reward_weights("my/own.py:fun=2") == {"my/own.py:fun": 2}
    assert list(load_rewards(Config(reward="format=2,accuracy"))) == ["format", "accuracy"]


def test_the_total_is_weighted_and_the_parts_are_not():
    config = Config(reward="accuracy=2,format=0.5,cosine=-1,reasoning_steps=0")
    scored = score(rollout(tagged("72", "Step 1: add"), 1000), Prompt(NUMBER, "?", ()), load_rewards(config), config)
    assert scored.rewards == {
        "accuracy": 1,
        "format": 1,
        "cosine": pytest.approx(0.8),
        "reasoning_steps": pytest.approx(1 / 3),
    }
    assert scored.reward == pytest.approx(2 * 1 + 0.5 * 1 - 0.8)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"reward": "acuracy=1"}, "unknown --reward 'acuracy': did you mean 'accuracy'"),
        ({"reward": "accuracy,formt=1"}, "unknown --reward 'formt': did you mean 'format'"),
        ({"reward": "accuracy=much"}, "the weight of 'accuracy' is 'much' and must be a number"),
        ({"reward": "accuracy="}, "the weight of 'accuracy' is ''"),
        ({"reward": "accuracy=nan"}, "must be a number"),
        ({"reward": "accuracy=inf"}, "must be a number"),
        ({"reward": "accuracy,,format"}, "a part without a name"),
        ({"reward": ""}, "a part without a name"),
        ({"reward": "accuracy,accuracy=2"}, "names 'accuracy' twice"),
        ({"reward": "accuracy=0,format=0"}, "only weights of 0"),
        ({"reward": "accuracy,logic-rl=1"}, "--reward logic-rl grades roles"),
        ({"reward": "reward-model"}, "add --reward-model with"),
        ({"reward_model": "x"}, "does not use it"),
        ({"reward_rules": "x.json"}, "does not use it"),
        ({"reward": "rules", "reward_rules": "x.json"}, "there is no such file"),
        ({"dataset_name": "math", "answer_format": "hash"}, "leave it out"),
        (
            {"dataset_name": "math", "answer_tolerance": 0.1},
            "compare numbers, and --dataset-name math has other answers",
        ),
        ({"think_tag": "thinking"}, "unknown --think-tag 'thinking'"),
    ],
)
def test_wrong_flags(flags, message):
    with pytest.raises(UserError, match=message):
        Config(**flags)


RANGES = {
    "accuracy": (0, 1),
    "format": (0, 1),
    "reasoning_steps": (0, 1),
    "cosine": (-0.5, 1),
    "repetition_penalty": (-0.1, 0),
    "language": (0, 1),
    "rules": (-1, 1),
}
PARTS = ["<reasoning>", "</reasoning>", "<answer>", "</answer>", "72", "```", "$", "\\boxed{", "}", "\n- ", "Step 1:",
         "所以", "the sum", "\0", "\ud800", "ｗ", "ß", "<", "1. "]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PARTS) | st.text(max_size=8), max_size=25).map("".join)
ALL = load_rewards(Config(reward=",".join(RANGES)))


@settings(deadline=None)
@given(TEXTS, st.integers(0, 5000))
def test_no_completion_breaks_a_reward_or_leaves_its_range(completion, tokens):
    for name, reward in ALL.items():
        low, high = RANGES[name]
        assert low <= reward(rollout(completion, tokens), NUMBER) <= high, name


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_any_two_texts_have_a_share_of_language(question, text):
    share = share_in_language_of(question, text)
    assert share is None or 0 <= share <= 1


@given(st.text(st.characters(max_codepoint=0x2FF)))
def test_words_of_text_with_spaces_are_those_of_split(text):
    assert words(text) == text.lower().split()


@pytest.mark.parametrize("piece", ["```", "$ ", "- ", "\n", "Step 1: ", "<answer>", "a ", "所", "1", "\\["])
def test_long_completions_take_no_time(piece):
    text = piece * (100_000 // len(piece))
    for reward in ALL.values():
        reward(rollout(text), NUMBER)
