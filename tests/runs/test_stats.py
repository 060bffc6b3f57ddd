"""Statistics against numbers worked by hand, against scipy, and against counting every case."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from statistics import fmean

import pytest
from scipy.stats import binomtest, linregress

from r1rl.runs.stats import (
    bootstrap_interval,
    format_accuracy,
    format_share,
    holm,
    learning_slope,
    maj_at_k,
    mcnemar_exact,
    minimal_difference,
    paired_bootstrap,
    pass_at_k,
    sign_flip,
    wilson,
    wilson_clustered,
)


@pytest.mark.parametrize("n", [1, 2, 10, 37, 200, 1319])
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.99])
def test_wilson_equals_scipy(n, confidence):
    for correct in sorted({0, 1, n // 3, n // 2, n - 1, n}):
        expected = binomtest(correct, n).proportion_ci(confidence, method="wilson")
        assert wilson(correct, n, confidence) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_by_hand():
    # z = 1.95996, z^2 = 3.84146: 0 of 10 gives 0 to z^2 / (10 + z^2)
    assert wilson(0, 10) == pytest.approx((0, 3.84146 / 13.84146), abs=1e-6)
    assert wilson(10, 10) == pytest.approx((10 / 13.84146, 1), abs=1e-6)


@pytest.mark.parametrize("n", [1, 3, 1319, 10**9])
def test_wilson_ends_exactly_at_0_and_1(n):
    assert wilson(0, n)[0] == 0
    assert wilson(n, n)[1] == 1


def test_wilson_covers_the_truth_about_as_often_as_it_says():
    rng = random.Random(0)
    for truth in (0.02, 0.5, 0.97):
        draws = [sum(rng.random() < truth for _ in range(100)) for _ in range(2000)]
        covered = [low <= truth <= high for low, high in (wilson(draw, 100) for draw in draws)]
        assert 0.92 < fmean(covered) < 0.985


@pytest.mark.parametrize(("correct", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_impossible_counts_are_errors(correct, n):
    for function in (wilson, format_accuracy):
        with pytest.raises(ValueError, match="0 <= correct <= n"):
            function(correct, n)


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_impossible_confidence_is_an_error(confidence):
    with pytest.raises(ValueError, match=r"for example 0\.95"):
        wilson(1, 2, confidence)


def test_format_accuracy():
    assert format_accuracy(61, 200) == "61 / 200, 30.5 %, 95 % interval 24.5 to 37.2 %"
    assert format_accuracy(0, 10) == "0 / 10, 0.0 %, 95 % interval 0.0 to 27.8 %"
    assert format_accuracy(10, 10) == "10 / 10, 100.0 %, 95 % interval 72.2 to 100.0 %"


def paired_outcomes(lost: int, gained: int, same: int = 3) -> tuple[list[bool], list[bool]]:
    return [True] * lost + [False] * gained + [True] * same, [False] * lost + [True] * gained + [True] * same


@pytest.mark.parametrize(
    ("lost", "gained", "expected"),
    [(0, 0, 1.0), (1, 0, 1.0), (0, 5, 2 / 32), (1, 5, 14 / 64), (3, 3, 1.0), (2, 8, 2 * (1 + 10 + 45) / 1024)],
)
def test_mcnemar_by_hand(lost, gained, expected):
    assert mcnemar_exact(*paired_outcomes(lost, gained)) == pytest.approx(expected)
    assert mcnemar_exact(*paired_outcomes(gained, lost, same=0)) == pytest.approx(expected)


def test_mcnemar_equals_scipy():
    for lost, gained in itertools.product([0, 1, 2, 7, 20, 90, 700], repeat=2):
        if lost + gained:
            expected = binomtest(lost, lost + gained, 0.5).pvalue
            assert mcnemar_exact(*paired_outcomes(lost, gained)) == pytest.approx(expected, rel=1e-9, abs=1e-200)


def test_mcnemar_needs_pairs():
    with pytest.raises(ValueError, match="2 and 1 values"):
        mcnemar_exact([True, False], [True])


@pytest.mark.parametrize(
    ("p_values", "expected"),
    [
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),  # 3 * 0.01, 2 * 0.03, and 1 * 0.04, which may not be below 0.06
        ([0.005, 0.03, 0.01, 0.02], [0.02, 0.04, 0.03, 0.04]),
        ([0.6, 0.5], [1.0, 1.0]),
        ([0.02], [0.02]),
        ([], []),
    ],
)
def test_holm_by_hand(p_values, expected):
    assert holm(p_values) == pytest.approx(expected)


def test_holm_refuses_what_uncorrected_tests_would_find():
    """Of 20 tests of nothing one has p = 0.04; only p = 0.0025 and less would be a finding."""
    assert min(holm([0.04] + [0.5] * 19)) == pytest.approx(0.8)
    assert holm([0.0024] + [0.5] * 19)[0] < 0.05 < holm([0.0026] + [0.5] * 19)[0]


def test_random_signs_equal_mcnemar_for_single_completions():
    before, after = paired_outcomes(lost=2, gained=8)
    assert sign_flip(before, after, resamples=4000) == pytest.approx(mcnemar_exact(before, after), abs=0.015)
    assert sign_flip(before, before, resamples=10) == 1


def test_random_signs_by_counting_all():
    """Differences 0.5, 0.25, -0.25 and 0.75 sum up to 1.25; 6 of the 16 signs reach that in either direction."""
    p = sign_flip([0.0, 0.5, 0.25, 0.25], [0.5, 0.75, 0.0, 1.0], resamples=4000)
    assert p == pytest.approx(6 / 16, abs=0.025)
    assert p == sign_flip([0.0, 0.5, 0.25, 0.25], [0.5, 0.75, 0.0, 1.0], resamples=4000)


def test_pass_at_k_by_hand():
    assert pass_at_k(4, 1, 2) == 0.5
    assert pass_at_k(4, 1, 1) == 0.25
    assert pass_at_k(5, 0, 3) == 0
    assert pass_at_k(5, 3, 3) == 1  # only two wrong ones to draw
    assert pass_at_k(10_000, 5000, 1) == 0.5


def test_pass_at_k_equals_counting():
    for n in range(1, 8):
        for c, k in itertools.product(range(n + 1), range(1, n + 1)):
            samples = [True] * c + [False] * (n - c)
            counted = fmean(any(subset) for subset in itertools.combinations(samples, k))
            assert pass_at_k(n, c, k) == pytest.approx(counted)


@pytest.mark.parametrize(("n", "c", "k"), [(4, 1, 5), (4, 1, 0), (4, 5, 1), (4, -1, 1), (0, 0, 1)])
def test_pass_at_k_of_the_impossible_is_an_error(n, c, k):
    with pytest.raises(ValueError, match="must be"):
        pass_at_k(n, c, k)


def vote(answers: tuple, gold: str) -> float:
    counts = Counter(answer for answer in answers if answer is not None)
    winners = [answer for answer in counts if counts[answer] == max(counts.values())]
    return winners.count(gold) / len(winners) if winners else 0.0


@pytest.mark.parametrize(
    ("answers", "k", "expected"),
    [
        (["7", "7", "5"], 3, 1.0),
        (["7", "7", "5"], 2, 2 / 3),
        (["7", "7", "5"], 1, 2 / 3),
        (["7", "5"], 2, 0.5),
        (["7", "5", "3", "7", "5"], 5, 0.5),
        (["7", None, None, None], 4, 1.0),
        ([None, None], 2, 0.0),
        (["5", "5", "7"], 3, 0.0),
        (["5", "3"], 1, 0.0),
    ],
)
def test_maj_at_k_by_hand(answers, k, expected):
    assert maj_at_k(answers, [answer == "7" for answer in answers], k) == pytest.approx(expected)


def test_maj_at_k_equals_counting():
    rng = random.Random(0)
    for _ in range(150):
        answers = [rng.choice(["7", "7", "5", "3", None]) for _ in range(rng.randint(1, 9))]
        k = rng.randint(1, len(answers))
        counted = fmean(vote(subset, "7") for subset in itertools.combinations(answers, k))
        assert maj_at_k(answers, [answer == "7" for answer in answers], k) == pytest.approx(counted)


def test_maj_at_1_is_accuracy_of_64_samples():
    answers = [str(i % 9) for i in range(64)]
    assert maj_at_k(answers, [answer == "3" for answer in answers], 1) == pytest.approx(7 / 64)
    assert 0 < maj_at_k(answers, [answer == "3" for answer in answers], 32) < 7 / 64 + 0.02


@pytest.mark.parametrize(
    ("answers", "correct", "message"),
    [
        (["7", "7"], [True, False], "all correct or all wrong"),
        ([None, "7"], [True, True], "a missing one wrong"),
        (["7"], [True, False], "1 and 2 values"),
    ],
)
def test_maj_at_k_of_contradictions_is_an_error(answers, correct, message):
    with pytest.raises(ValueError, match=message):
        maj_at_k(answers, correct, 1)


def test_bootstrap_is_close_to_the_normal_interval_and_repeats():
    values = [float(i % 5 == 0) for i in range(1000)]
    low, high = bootstrap_interval(values, seed=3, resamples=2000)
    half = 1.96 * (0.2 * 0.8 / 1000) ** 0.5
    assert (low, high) == pytest.approx((0.2 - half, 0.2 + half), abs=0.003)
    assert bootstrap_interval(values, seed=3, resamples=2000) == (low, high)
    assert bootstrap_interval(values, seed=4, resamples=2000) != (low, high)
    narrow = bootstrap_interval(values, confidence=0.5, seed=3, resamples=2000)
    assert low < narrow[0] < 0.2 < narrow[1] < high


def test_bootstrap_of_equal_values_is_a_point():
    assert bootstrap_interval([0.25] * 7, resamples=50) == (0.25, 0.25)


def test_bootstrap_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="at least one problem"):
        bootstrap_interval([])


def test_paired_bootstrap_needs_pairs():
    with pytest.raises(ValueError, match="2 and 1 values"):
        paired_bootstrap([0.1, 0.2], [0.1])


def test_paired_bootstrap_sees_a_gain_that_the_spread_between_problems_hides():
    rng = random.Random(0)
    before = [rng.random() for _ in range(300)]
    after = [value + 0.05 + rng.gauss(0, 0.05) for value in before]
    low, high = paired_bootstrap(before, after, resamples=1000)
    assert 0.03 < low < fmean(after) - fmean(before) < high < 0.07
    assert (low, high) == bootstrap_interval([a - b for b, a in zip(before, after)], resamples=1000)
    assert bootstrap_interval(before, resamples=1000)[1] > bootstrap_interval(after, resamples=1000)[0]


def test_clustered_wilson_equals_wilson_where_groups_say_nothing():
    singles = [(1, 1)] * 30 + [(0, 1)] * 70
    assert wilson_clustered(singles) == pytest.approx(wilson(30, 100), rel=0.02)
    assert wilson_clustered([(2, 4)] * 10) == pytest.approx(wilson(20, 40))  # never narrower than that


def test_clustered_wilson_counts_equal_completions_once():
    alike = [(8, 8)] * 6 + [(0, 8)] * 14
    low, high = wilson_clustered(alike)
    assert (low, high) == pytest.approx(wilson(6, 20), rel=0.05)
    assert wilson_clustered([(8, 8)] * 20) == wilson(20, 20)


def test_clustered_wilson_covers_the_truth():
    """Where completions of one problem are alike the plain interval covers too rarely."""
    rng = random.Random(1)
    clustered = plain = 0
    for _ in range(600):
        groups = []
        for _ in range(40):
            p = rng.betavariate(0.5, 0.5)
            groups.append((sum(rng.random() < p for _ in range(8)), 8))
        low, high = wilson_clustered(groups)
        clustered += low <= 0.5 <= high
        low, high = wilson(sum(c for c, _ in groups), 320)
        plain += low <= 0.5 <= high
    assert clustered / 600 > 0.92 > 0.75 > plain / 600


def test_minimal_difference_by_hand_and_by_simulation():
    # n d^2 = (1.96 sqrt(0.2) + 0.8416 sqrt(0.2 - d^2))^2 holds for d = 0.0881 and n = 200
    d = minimal_difference(200, 0.2)
    assert d == pytest.approx(0.0881, abs=1e-4)
    assert minimal_difference(100, 0) == 0
    rng = random.Random(2)
    found = 0
    for _ in range(400):
        draws = [rng.random() for _ in range(200)]
        gained = sum(x < (0.2 + d) / 2 for x in draws)
        lost = sum((0.2 + d) / 2 <= x < 0.2 for x in draws)
        before = [False] * gained + [True] * lost
        found += mcnemar_exact(before, [not b for b in before]) < 0.05
    assert 0.7 < found / 400 < 0.87  # the exact test is a little weaker than its approximation


def test_learning_slope_equals_scipy():
    rng = random.Random(3)
    steps = [0, 20, 40, 60]
    rows = [[float(rng.random() < 0.3 + 0.01 * s) for s in steps] for _ in range(200)]
    slope, low, high = learning_slope(steps, rows)
    assert slope == pytest.approx(linregress(steps, [fmean(r[i] for r in rows) for i in range(4)]).slope)
    assert low < slope < high and low < 0.01 < high
    assert learning_slope([0, 10], [[0, 1]])[0] == pytest.approx(0.1)
    with pytest.raises(ValueError, match="two different steps"):
        learning_slope([5], [[1.0]])


def test_short_form_of_a_share():
    assert format_share(61, 200, *wilson(61, 200)) == "30 % of 200 (25 to 37)"
