"""Answers are found and compared as exact numbers: a table of wordings and traps, properties, GSM8K."""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from r1rl.rewards.grading.numbers import FORMATS, extract, grade, is_correct, normalise, parse_gold, parse_number

DATA = Path(os.environ.get("R1RL_TEST_DATA", ROOT.parent / "shared" / "data"))

# fmt: off
RIGHT_ANSWERS = {  # gold -> ways to write it
    "72": [
        "72", " 72 ", "\n72\n", "72.", "72.0", "72.00", "72.", "+72", "072", "00072", "72,", "72;",
        "(72)", "[72]", '"72"', "'72'", "`72`", "*72*", "**72**", "**72** clips", "__72__", "#### 72",
        "# 72", "= 72", "$72", "$ 72", "72$", "$72.00", "72 $", "€72", "72€", "£72", "¥72", "₹72", "Rs. 72",
        "Rs.72", "US$72", "USD 72", "72 USD", "72 dollars", "$72 dollars", "about $72 dollars",
        "roughly 72", "72%", "72 %", "72 percent", "72 clips", "72 clips.", "72-clip",
        "72 paper clips in all", "Omar sold 72 clips", "The answer is 72", "The answer is: 72.",
        "Answer: 72", "x = 72", "n=72", "72 = x", "≈ 72", "~72", "72km", "72 km/h", "$72/hour",
        "72 miles per hour", "72 °C", "72°", "72 cm²", "72 cm^2", "72 m³", "72 square feet", "72 ft^2",
        "72nd", "72...", "...72", "…72", "72 ✓", "72 个", "答案72", "72 (72.0)", "72 = 72.0",
        "72 clips (72)", "$72 or $72.00", "72 clips, so the answer is 72", "144/2", "7.2e1", "7.2E+1",
        "720e-1", "7.2 x 10^1", "7.2 × 10^1", "7.2*10^1", "72e0", "\\boxed{72}", "$\\boxed{72}$",
        "\\boxed{\\boxed{72}}", "\\boxed{72\\text{ clips}}", "\\text{72}", "72\\text{ clips}",
        "72~\\mathrm{km}", "\\mathbf{72}", "\\$72", "\\$72.00", "72\\%", "$72\\%$", "\\(72\\)", "\\[72\\]",
        "$$72$$", "$72$", "$\\$72$", "72^\\circ", "72^{\\circ}", "72\\,\\text{cm}^2", "\\frac{144}{2}",
        "7.2 \\times 10^{1}", "7.2 \\cdot 10^1", "x \\approx 72", "\\left(72\\right)", "{72}", "72\\ clips",
        "７２", "٧٢", "𝟕𝟐", "\u00a072\u00a0", "\u200972", "\u202f72", "72\u200b", "\ufeff72", "＄７２．０",
    ],
    "1,080": [
        "1080", "1,080", "$1,080", "1,080.00", "1,080 dollars", "+1,080", "1080.", "$1,080.", "01080",
        "1{,}080", "1,\\!080", "1\\,080", "1\u00a0080", "1\u2009080", "1\u202f080", "1 080", "１，０８０", "1.08e3",
        "1.08 thousand", "10.8 hundred", "\\frac{2,160}{2}", "2,160/2", "1,080 (1080)", "1,080 = 1080",
    ],
    "1080": [
        "1,080", "1080", "$1,080.0",
    ],
    "192,000,000": [
        "192 million", "192000000", "$192 Million", "0.192 billion", "1.92e8", "192,000,000",
    ],
    "-5": [
        "-5", "−5", "–5", "－5", "-$5", "$-5", "(-5)", "-5.0", "-5 degrees",
        "x = -5", "-10/2",
    ],
    "0": [
        "0", "0.0", "-0", "+0", "$0", "0 clips", "00", "0/7", "0e9", "0%",
    ],
    "1/2": [
        "0.5", ".5", "1/2", "½", "\\frac{1}{2}", "\\dfrac12", "\\tfrac{2}{4}",
        "5e-1", "1⁄2",
    ],
    "1.5": [
        "1 1/2", "1½", "3/2", "1\\frac{1}{2}", "1\\frac12", "1.50", "1 ½", "+3/2",
    ],
    "-1.5": [
        "-1.5", "-3/2", "-1 1/2", "−1½", "-\\frac{3}{2}", "\\frac{-3}{2}",
    ],
    "1/3": [
        "1/3", "2/6", "⅓", "\\frac13",
    ],
    "3": [
        "3 pairs of shoes", "3 times", "3 times a day", "3rd", "3 hours each",
    ],
    "36": [
        "3 dozen", "3 dozens", "3 dozen eggs", "36 (thirty-six)", "thirty-six (36)",
    ],
}

WRONG_ANSWERS = {  # gold -> what does not answer it
    "72": [
        "", " ", ".", "...", "$", "$...", "%", "-", "+", "/", "I like turtles", "none", "None", "null",
        "N/A", "nan", "NaN", "inf", "Infinity", "-Infinity", "∞", "seventy-two", "x", "?", "\\boxed{}",
        "\\text{}", "<answer>", "7", "2", "27", "720", "172", "721", "-72", "−72", "–72", "72.1", "72.01",
        "71.9", "71.99999999999999999", "72.00000000000000000001", "0.72", "7.2", ".72", "7 2", "7,2",
        "72,0", "7\u00a02", "7\u20092", "7.2.0", "72 or 73", "72 and 73", "71-72", "72-73",
        "between 70 and 72", "72, 73", "72/73", "72:1", "1/72", "72 1/2", "70 + 2", "70 + 2 = 72",
        "8 * 9 = 72", "100% of 72", "1. 72", "72 clips in 2 months", "Day 3: 72", "6*12", "72, 72", "72 72",
        "72; 72", "72\n72", "72 - 72", "72 + 72", "72x72", "72 x (72)", "72(72)", "72^72", "72²", "72^2",
        "72^x", "√72", "\\sqrt{72}", "72!!2", "2^72", "±72", "\\pm 72", "|x| 73", "72π", "72 pi", "x72",
        "A72", "H72O", "x_72", "72x", "72 x", "72 * x", "72 / x", "x/72", "x - 72", "- 72", "--72", "+-72",
        "-(72)", "-(-72)", "- $72", "-\\boxed{72}", "<72", "> 72", "≥ 72", "≠ 72", "!=73", "not 72",
        "more than 72", "less than $72", "minus 72", "negative 72", "half of 72", "twice 72", "72 squared", "72!", "72 😀",
        "72 and a half", "72k", "72K", "72 thousand", "72 million", "72 hundredths", "72万", "七十二",
        "72 half", "72i", "72e", "72e1", "0x48", "0b1001000", "7_2", "1e999999999", "72e-999999999",
        "72e9999", "9" * 5000, "72" + "0" * 5000, "7²", "⁷²", "₇₂", "⑦②", "Ⅶ2", "LXXII", "7½2", "½72",
        "\\frac{72}{0}", "72/0", "144 / 2", "144/2/1", "\\frac{1}{72}", "\\frac72", "7\\frac{2}{1}",
        "72 <answer>", "</answer>72", "72 <br>", "72\x0072", "72 clips " * 200,
        "clips " * 200 + "72", "0" * 150 + "72",
    ],
    "1,080": [
        "1,08", "10,80", "1,0800", "1,,080", "1.080", "1  080", "1, 080", "1;080", "1'080", "1", "080", "80",
        "108",
    ],
    "1": [
        "1,2", "1, 2", "1,000", "01,000", "1/1/1", "1.0.0", "1-1", "1 1", "1 of 2",
    ],
    "5.5": [
        "3 5/2", "5,5", "5;5", "5 and a half", "5.5.0",
    ],
    "3,000,000": [
        "3 millionths", "3 millions", "3m", "3M", "3 mil", "3 million 1",
    ],
    "500": [
        "0,500", "00,500", ",5000", "500,00", "500,000",
    ],
    "0": [
        "", "-", "O", "o", "zero", "nothing", "0x0", "0/0", "1e-999999999", "0.000000001", "nan",
    ],
    "12": [
        "1,2", "1 2", "12:00", "12:12", "12:30", "1/2", "12/1/2024", "2024-12-12", "12am 12", "1.2e1.0",
    ],
    "18": [
        "...", "She makes $...", "$ a day", "18...19", "She makes $18 for 2 days",
    ],
    "3": [
        "3 and a third", "3 tenths", "3 hundred", "3 billions", "sqrt 3 + 1", "3 dozen", "3 quarters", "3!", "3 lakh", "3 over 1", "one over 3",
        "3 of 3",
    ],
}
# fmt: on

COMPLETIONS = [  # (text, format, gold, expected): where the answer stands
    ("<answer>72</answer>", "tag", "72", True),
    ("<reasoning>8*9</reasoning>\n<answer>\n72\n</answer>", "tag", "72", True),
    ("<answer>5</answer> no, wait: <answer>72</answer>", "tag", "72", True),
    ("<answer>72</answer> no, wait: <answer>5</answer>", "tag", "72", False),
    ("I put it in <answer> tags. <answer>72</answer>", "tag", "72", True),
    ("I write <answer>...</answer>. So <answer>72</answer>", "tag", "72", True),
    ("<answer><answer>72</answer></answer>", "tag", "72", True),
    ("<answer>5 <answer>72</answer>", "tag", "72", True),
    ("<answer>72</answer> <answer>5", "tag", "72", True),
    ("<answer>72</answer></answer>", "tag", "72", True),
    ("</answer>72<answer>", "tag", "72", False),
    ("</answer><answer>72</answer>", "tag", "72", True),
    ("<answer>72", "tag", "72", False),
    ("72</answer>", "tag", "72", False),
    ("The answer is 72.", "tag", "72", False),
    ("#### 72", "tag", "72", False),
    ("\\boxed{72}", "tag", "72", False),
    ("<answer></answer>72", "tag", "72", False),
    ("<answer>72</answer><answer></answer>", "tag", "72", False),
    ("<answer>\\boxed{72}</answer>", "tag", "72", True),
    ("<answer>#### 72</answer>", "tag", "72", True),
    ("<answer>I like turtles</answer>", "tag", "72", False),
    ("<answer>...</answer> She makes $72 a day", "tag", "72", False),
    ("<answer>8 * 9 = 72</answer>", "tag", "72", False),
    ("< answer>72</ answer>", "tag", "72", False),
    ("<answer>the result, one number and nothing else</answer>", "tag", "72", False),
    ("", "tag", "72", False),
    ("8*9=72\n#### 72", "hash", "72", True),
    ("#### 72\n\nQuestion: Next one?\n#### 5", "hash", "72", True),
    ("#### 5\n\nQuestion: Next one?\n#### 72", "hash", "72", False),
    ("#### 72 clips", "hash", "72", True),
    ("#### $72.00", "hash", "72", True),
    ("#### \\$72", "hash", "72", True),
    ("#### **72**", "hash", "72", True),
    ("####72", "hash", "72", True),
    ("#### -5", "hash", "-5", True),
    ("#### −5", "hash", "-5", True),
    ("#### 1/2", "hash", "0.5", True),
    ("#### \\frac{1}{2}", "hash", "0.5", True),
    ("#### \\boxed{72}", "hash", "72", True),
    ("#### 1,080", "hash", "1080", True),
    ("#### 72</answer>", "hash", "72", True),
    ("#### 72#### 5", "hash", "72", False),
    ("#### Step 1\n8*9\n#### 72", "hash", "72", True),
    ("#### 1. Find the price\n#### 72", "hash", "72", False),
    ("#### 2) Find the price\n#### 72", "hash", "72", False),
    ("#### Solution #### 72", "hash", "72", True),
    ("#### 72 or 73", "hash", "72", False),
    ("#### 70 + 2 = 72", "hash", "72", False),
    ("### 72", "hash", "72", False),
    ("##### 72", "hash", "72", False),
    ("######## 72", "hash", "72", False),
    ("####\n72", "hash", "72", True),
    ("#### ", "hash", "72", False),
    ("#### ...", "hash", "72", False),
    ("72", "hash", "72", False),
    ("<answer>72</answer>", "hash", "72", False),
    ("So \\boxed{72}.", "boxed", "72", True),
    ("\\boxed{5} hmm \\boxed{72}", "boxed", "72", True),
    ("\\boxed{72} hmm \\boxed{5}", "boxed", "72", False),
    ("\\boxed{72} and then \\boxed{5", "boxed", "72", False),
    ("\\boxed{5 and \\boxed{72}", "boxed", "72", False),
    ("\\boxed {72}", "boxed", "72", True),
    ("\\boxed{\\frac{144}{2}}", "boxed", "72", True),
    ("\\boxed{\\boxed{72}}", "boxed", "72", True),
    ("\\boxed{72 \\text{ clips \\{all\\}}}", "boxed", "72", False),
    ("{ { \\boxed{72}", "boxed", "72", True),
    ("} } \\boxed{72} }", "boxed", "72", True),
    ("\\boxed{x = 72}", "boxed", "72", True),
    ("\\boxed{}", "boxed", "72", False),
    ("\\boxed{72", "boxed", "72", False),
    ("boxed{72}", "boxed", "72", False),
    ("\\boxed 72", "boxed", "72", False),
    ("72", "boxed", "72", False),
    ("\\boxed{72, 73}", "boxed", "72", False),
    ("\\boxed{(7, 2)}", "boxed", "72", False),
    ("She makes $72 a day...", "auto", "72", True),
    ("5 people, 8 each; the answer is 72.", "auto", "72", True),
    ("The answer is 72. That took 3 steps", "auto", "72", False),
    ("<answer>72</answer> and 5", "auto", "72", True),
    ("<answer>5</answer> #### 72", "auto", "72", False),
    ("#### 72\nand \\boxed{5}", "auto", "72", True),
    ("#### 1. Find it\n\\boxed{72} 5", "auto", "72", False),
    ("\\boxed{72} is 8 times 9", "auto", "72", False),
    ("So the total is \\boxed{72} clips.", "auto", "72", True),
    ("$8 \\times 9 = \\boxed{72}$", "boxed", "72", True),
    ("It is not \\boxed{72}", "boxed", "72", False),
    ("\\boxed{72} or \\boxed{73}", "boxed", "73", False),
    ("If even, \\boxed{72}. Otherwise, \\boxed{73}.", "boxed", "73", False),
    ("<answer></answer> it is 72", "auto", "72", True),
    ("<answer>I like turtles</answer> 72", "auto", "72", False),
    ("<answer>72", "auto", "72", True),
    ("It costs $1,080.", "auto", "1080", True),
    ("It costs 1\u202f080", "auto", "1,080", True),
    ("That is −5", "auto", "-5", True),
    ("5-3", "auto", "3", False),
    ("That is \\frac{1}{2}", "auto", "0.5", True),
    ("That is \\frac{1}{2}", "auto", "2", False),
    ("That is 1½", "auto", "1.5", True),
    ("7²", "auto", "72", False),
    ("That is 3 million", "auto", "3,000,000", True),
    ("That is 3 million", "auto", "3", False),
    ("That is 1,08", "auto", "8", False),
    ("I like turtles", "auto", "72", False),
    ("...", "auto", "72", False),
    ("", "auto", "72", False),
]

CASES = [
    *((f"<answer>{text}</answer>", "tag", gold, True) for gold, texts in RIGHT_ANSWERS.items() for text in texts),
    *((f"<answer>{text}</answer>", "tag", gold, False) for gold, texts in WRONG_ANSWERS.items() for text in texts),
    *COMPLETIONS,
]


@pytest.mark.parametrize(("text", "answer_format", "gold", "expected"), CASES)
def test_grade(text, answer_format, gold, expected):
    result = grade(text, gold, answer_format)
    assert result.correct is expected
    assert result.extracted == extract(text, answer_format)
    if expected:
        assert Fraction(result.value) == parse_number(gold)


def test_table_is_large():
    assert len(set(CASES)) >= 220


@pytest.mark.parametrize("answer", ["1,2", "1,2,3", "12,34", "0,500", "1,0000", "1,,000", ",", "1.000,5", "1,000,00"])
def test_commas_out_of_place_make_no_number(answer):
    assert normalise(answer) is None
    assert normalise(answer, remove_comma=False) is None


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        ("1,080", "1,080", True),
        ("$1,080 dollars", "1,080", True),
        ("-1,080", "-1,080", True),
        ("1{,}080", "1,080", True),
        ("١,٠٨٠", "1,080", True),
        ("1080", "1,080", False),
        ("1,080", "1080", False),
        ("1,080.0", "1,080", False),
        ("1,080 = 1080", "1,080", False),
        ("1,080 thousand", "1,080", False),
        ("1,08", "1,08", False),
        ("72.0", "72", True),
        ("$72", "72", True),
        ("1\u00a0080", "1080", True),
    ],
)
def test_kept_commas(answer, gold, expected):
    assert is_correct(answer, gold, remove_comma=False) is expected
    assert is_correct(gold, answer, remove_comma=False) is expected


@pytest.mark.parametrize("nothing", [None, "", " ", "...", "I like turtles", "nan", "72 or 73", "1,2"])
def test_what_is_missing_or_unreadable_equals_nothing(nothing):
    for other in (None, "", "...", "I like turtles", "nan", "72 or 73", "1,2", "0", "72"):
        assert not is_correct(nothing, other)
        assert not is_correct(other, nothing)


@pytest.mark.parametrize(
    ("text", "answer_format", "expected"),
    [
        ("<answer>\n about $72 \n</answer>", "tag", "about $72"),
        ("<answer> </answer>", "tag", None),
        ("#### 1,080 clips\nand", "hash", "1,080 clips"),
        ("\\boxed{ \\frac{1}{2} }", "boxed", "\\frac{1}{2}"),
        ("She makes $18 a day...", "auto", "$18"),
        ("nothing", "auto", None),
    ],
)
def test_extract_gives_the_answer_as_written(text, answer_format, expected):
    assert extract(text, answer_format) == expected


def test_unknown_format_names_the_known_ones():
    with pytest.raises(ValueError, match=r"'tags'.*tag, hash, boxed, auto"):
        extract("72", "tags")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("1,080", "1,080"),
        (" 72\n", "72"),
        (72, "72"),
        (72.0, "72.0"),
        ("She pays <<8*9=72>>72 dollars.\n#### 72", "72"),
        ("It is 3.\n#### -1,080\n", "-1,080"),
        ("So $\\boxed{\\frac{1}{2}}$.", "\\frac{1}{2}"),
        ("$72", "$72"),
    ],
)
def test_parse_gold(raw, expected):
    assert parse_gold(raw) == expected


@pytest.mark.parametrize(
    "raw",
    [
        None,
        "",
        "  ",
        "####",
        "#### ",
        "#### none",
        "8 * 9 = 72",
        "turtles",
        float("nan"),
        float("inf"),
        True,
        "\\boxed{x}",
    ],
)
def test_gold_that_no_answer_could_equal_is_an_error(raw):
    with pytest.raises(ValueError, match=r"gold answer is .*must be one number.*because.*correct the row"):
        parse_gold(raw)


def test_gold_error_shows_the_end_of_a_long_text():
    with pytest.raises(ValueError, match=r"'\.\.\.a+ the end'"):
        parse_gold("a" * 5000 + " the end")


# Properties

ANY_TEXT = st.text(max_size=60) | st.text(
    st.sampled_from("0123456789.,-+/$%€ ={}()\\<>#ex²½ \u2009milfrac"), max_size=40
)
FAST = settings(max_examples=300, deadline=None)


@FAST
@given(ANY_TEXT, st.sampled_from(FORMATS), st.booleans())
def test_any_text_is_graded_without_a_crash(text, answer_format, remove_comma):
    result = grade(text, "72", answer_format, remove_comma)
    assert result.correct == (result.value == "72")


@FAST
@given(ANY_TEXT, st.booleans())
def test_normalising_twice_changes_nothing(text, remove_comma):
    number = normalise(text, remove_comma)
    if number is not None:
        assert normalise(number, remove_comma) == number


@FAST
@given(st.text(), st.sampled_from(FORMATS))
def test_text_without_a_digit_is_never_right(text, answer_format):
    # Neither plain digits nor characters that stand for numbers
    wordy = "".join(c for c in text if not c.isnumeric())
    for gold in ("0", "1", "72"):
        assert not grade(wordy, gold, answer_format).correct
        assert not grade(f"<answer>{wordy}</answer>", gold, answer_format).correct


WAYS = [
    "{}", "{}.", "{}.0", "{}.00", "{} clips", "about {} of them", "\\boxed{{{}}}", "\\text{{{}}}", "**{}**",
    "x = {}", "{} ({})", "{} = {}.0", "{}%", "({})", "{}/1", "{}e0", "\\({}\\)", "The answer is {}.", "${}$",
]  # fmt: skip


@FAST
@given(st.integers(-(10**12), 10**12), st.sampled_from(WAYS), st.booleans(), st.integers(1, 10**6))
def test_an_integer_equals_itself_in_any_wording_and_no_other(n, way, with_commas, difference):
    answer = way.format(*[f"{n:,}" if with_commas else n] * 2)
    assert is_correct(answer, str(n))
    assert not is_correct(answer, str(n + difference))
    assert not is_correct(answer, str(n - difference))


@FAST
@given(st.decimals(-(10**9), 10**9, places=6), st.sampled_from(["{}", "{} miles", "${}$", "{}000"]))
def test_a_decimal_is_compared_exactly(number, way):
    assert parse_number(way.format(f"{number:f}")) == Fraction(number)
    assert not is_correct(way.format(f"{number:f}"), f"{number + 1:f}")


@FAST
@given(st.fractions(-(10**6), 10**6, max_denominator=10**6), st.sampled_from(["{}/{}", "\\frac{{{}}}{{{}}}"]))
def test_a_fraction_is_compared_exactly(fraction, way):
    assert parse_number(way.format(fraction.numerator, fraction.denominator)) == fraction


@FAST
@given(
    st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from([" or ", " and ", ", ", "  ", "-", " = ", ": ", "\n"])
)
def test_two_different_numbers_are_no_answer(first, second, between):
    if first != second:
        assert normalise(f"{first}{between}{second}") is None
        assert not is_correct(f"{first}{between}{second}", str(first))
        assert not is_correct(f"{first}{between}{second}", str(second))


HOSTILE = [
    *(
        "1",
        "1,",
        "1.",
        "1 ",
        " ",
        "$",
        "-",
        "<answer>",
        "</answer>",
        "<answer>1</answer>",
        "\\boxed{",
        "{",
        "}",
        "####",
    ),
    *(
        "#### 1 ",
        "1/",
        "1e",
        "(",
        "\\frac{1",
        "\\frac",
        "1\u2009000",
        "1 x 10^",
        "m^2",
        "\\",
        "\\boxed ",
        "½",
        "..",
        "*",
    ),
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text_takes_linear_time(piece):
    text = piece * (100_000 // len(piece))
    start = time.process_time()
    for answer_format in FORMATS:
        grade(text, "72", answer_format)
    assert time.process_time() - start < 5  # takes about 0.1 s; quadratic time would be minutes


# GSM8K


@pytest.fixture(scope="module")
def gsm8k_solutions() -> list[str]:
    files = [DATA / "gsm8k" / f"{split}.jsonl" for split in ("train", "test")]
    if not all(file.is_file() for file in files):
        pytest.skip("needs GSM8K's train.jsonl and test.jsonl in the folder gsm8k under $R1RL_TEST_DATA")
    return [json.loads(line)["answer"] for file in files for line in file.open(encoding="utf-8")]


def test_every_gsm8k_gold_is_right_for_itself(gsm8k_solutions):
    assert len(gsm8k_solutions) == 8792
    for solution in gsm8k_solutions:
        gold = parse_gold(solution)
        number = gold.replace(",", "")
        assert gold == solution.rsplit("#### ", 1)[1]
        assert normalise(gold) == str(int(number))
        assert grade(solution, gold, "hash").correct
    for gold in {parse_gold(solution) for solution in gsm8k_solutions}:
        for text in (gold, gold.replace(",", ""), f"${gold}.00", f"{gold} clips", f"\\boxed{{{gold}}}"):
            assert grade(f"<answer>{text}</answer>", gold).correct


def test_every_gsm8k_gold_is_wrong_for_every_other(gsm8k_solutions):
    golds = {parse_gold(solution) for solution in gsm8k_solutions}
    integers = {gold: int(gold.replace(",", "")) for gold in golds}
    # is_correct compares normalised texts, so golds are told apart if these are as many as the integers
    assert len({normalise(gold) for gold in golds}) == len(set(integers.values()))
    some = random.Random(0).sample(sorted(golds), 150)
    for answer in some:
        assert [gold for gold in some if is_correct(answer, gold)] == [
            gold for gold in some if integers[gold] == integers[answer]
        ]


def test_kept_commas_leave_every_gsm8k_gold_right_for_itself(gsm8k_solutions):
    golds = Counter(parse_gold(solution) for solution in gsm8k_solutions)
    with_comma = [gold for gold in golds if "," in gold]
    assert sum(golds[gold] for gold in with_comma) == 79 + 14
    assert all(is_correct(gold, gold, remove_comma=False) for gold in golds)
    assert not any(is_correct(gold.replace(",", ""), gold, remove_comma=False) for gold in with_comma)
