"""Intervals and tests for the numbers a run reports; each formula with its source."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from fractions import Fraction
from statistics import NormalDist


def wilson(correct: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval for the proportion correct / n; it holds near 0 and 1, where the usual +- one fails.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference", Journal of
    the American Statistical Association 22, pages 209-212. Example: 0 of 10 gives 0 to 0.278.
    Raises ValueError unless 0 <= correct <= n and n > 0.
    """
    _check_count(correct, n)
    _check_confidence(confidence)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    p = correct / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low = 0.0 if correct == 0 else centre - half  # exact there, rounding would leave 1e-17
    high = 1.0 if correct == n else centre + half
    return low, high


def format_accuracy(correct: int, n: int) -> str:
    """For example "61 / 200, 30.5 %, 95 % interval 24.5 to 37.2 %"."""
    low, high = wilson(correct, n)
    return f"{correct} / {n}, {100 * correct / n:.1f} %, 95 % interval {100 * low:.1f} to {100 * high:.1f} %"


def mcnemar_exact(before: Sequence[bool], after: Sequence[bool]) -> float:
    """Two-sided p-value for "after solves as many of the same problems as before".

    Only problems that changed count; had nothing been learned, each would be as likely gained as lost:
    p = P(|X - m/2| >= |gained - m/2|) with X binomial(m, 1/2) and m = gained + lost.
    Source: McNemar 1947, "Note on the sampling error of the difference between correlated proportions or
    percentages", Psychometrika 12, pages 153-157, with the exact binomial in place of its chi-square.
    Example: 1 lost, 5 gained gives 2 (1 + 6) / 64 = 0.219. Raises ValueError for unequal lengths.
    """
    _check_pairs(before, after)
    lost = sum(bool(b) and not a for b, a in zip(before, after))
    gained = sum(bool(a) and not b for b, a in zip(before, after))
    changed = lost + gained
    tail = sum(math.comb(changed, i) for i in range(min(lost, gained) + 1))
    return min(1.0, float(Fraction(2 * tail, 2**changed)))


def pass_at_k(n: int, c: int, k: int) -> float:
    """The chance that k of n samples, c of them correct, hold a correct one: 1 - C(n - c, k) / C(n, k).

    Unbiased, unlike 1 - (1 - c / n) ** k. Source: Chen et al. 2021, arXiv:2107.03374, equation 1.
    Example: n = 4, c = 1, k = 2 gives 1 - 3 / 6 = 0.5. Raises ValueError unless 0 <= c <= n and 1 <= k <= n.
    """
    _check_count(c, n)
    _check_k(k, n)
    return 1 - math.comb(n - c, k) / math.comb(n, k)


def maj_at_k(answers: Sequence[Hashable | None], correct: Sequence[bool], k: int) -> float:
    """The chance that a majority vote over k of the sampled answers of one problem is right.

    The exact mean over all subsets of size k, as in pass@k. Answers must be normalised: equal ones vote
    together. None does not vote, a tie goes to each of its answers alike, and no votes at all are wrong.
    Source: Wang et al. 2022, arXiv:2203.11171 (majority voting); Lewkowycz et al. 2022, arXiv:2206.14858
    (maj1@k). Example: 7, 7, 5 with 7 right, k = 2: one pair is 7, 7 and two are ties, so (1 + 2/2) / 3.
    Raises ValueError unless 1 <= k <= n, and where of two equal answers one is right.
    """
    _check_pairs(answers, correct)
    _check_k(k, len(answers))
    votes = Counter(answer for answer in answers if answer is not None)
    right = {answer for answer, flag in zip(answers, correct) if flag}
    if None in right or any(answer in right and not flag for answer, flag in zip(answers, correct)):
        raise ValueError(
            "equal answers must be all right or all wrong, and a missing one wrong: normalise them first."
        )
    silent = len(answers) - votes.total()
    won = sum(
        _ways_to_win(votes[answer], [votes[other] for other in votes if other != answer], silent, k)
        for answer in right
    )
    return float(won / math.comb(len(answers), k))


def _ways_to_win(own: int, others: list[int], silent: int, k: int) -> Fraction:
    """How many subsets of size k an answer with `own` votes wins, a tie of t answers counting 1/t."""
    total = Fraction(0)
    for height in range(1, min(own, k) + 1):
        ways = {(0, 1): math.comb(own, height)}  # (votes of others drawn, answers at this height) -> subsets
        for size in others:
            longer = Counter()
            for (drawn, tied), count in ways.items():
                for more in range(min(size, height, k - height - drawn) + 1):
                    longer[drawn + more, tied + (more == height)] += count * math.comb(size, more)
            ways = longer
        for (drawn, tied), count in ways.items():
            total += Fraction(count * math.comb(silent, k - height - drawn), tied)
    return total


def bootstrap_interval(
    values: Sequence[float], confidence: float = 0.95, seed: int = 0, resamples: int = 10_000
) -> tuple[float, float]:
    """Percentile interval for the mean of one value a problem (pass@k, reward), by resampling problems.

    The same seed gives the same interval; it is too narrow for few problems, and a point where all values
    are equal. Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13.
    Raises ValueError for no values or a confidence outside 0 to 1.
    """
    import numpy as np  # not at the top: the command line's help needs none of it

    _check_confidence(confidence)
    if len(values) == 0:
        raise ValueError("no values: the interval of a mean needs at least one problem.")
    sample, rng = np.asarray(values, dtype=float), np.random.default_rng(seed)
    means = [sample[rng.integers(len(sample), size=len(sample))].mean() for _ in range(resamples)]
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def paired_bootstrap(
    before: Sequence[float],
    after: Sequence[float],
    confidence: float = 0.95,
    seed: int = 0,
    resamples: int = 10_000,
) -> tuple[float, float]:
    """Percentile interval for the mean of after - before over the same problems (see `bootstrap_interval`).

    Raises ValueError for unequal lengths or no values.
    """
    _check_pairs(before, after)
    return bootstrap_interval([a - b for b, a in zip(before, after)], confidence, seed, resamples)


def _check_count(correct: int, n: int) -> None:
    if not 0 <= correct <= n or n == 0:
        raise ValueError(f"{correct} correct of {n}: it must be 0 <= correct <= n with n > 0.")


def _check_k(k: int, n: int) -> None:
    if not 1 <= k <= n:
        raise ValueError(f"k = {k} with {n} samples: k must be 1 to {n}, sample more or lower k.")


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence}: it must lie between 0 and 1, for example 0.95.")


def _check_pairs(first: Sequence, second: Sequence) -> None:
    if len(first) != len(second):
        raise ValueError(
            f"{len(first)} and {len(second)} values: they must belong to the same problems, in one order."
        )
