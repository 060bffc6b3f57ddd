"""Statistics of the reported numbers: intervals, tests, pass@k and maj@k; each formula with its source."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import NormalDist


def wilson(correct: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Returns the score interval for the proportion correct / n, which is valid near 0 and 1, unlike the normal one.

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


def wilson_clustered(groups: Sequence[tuple[int, int]], confidence: float = 0.95) -> tuple[float, float]:
    """Returns `wilson` for completions in groups of the same problem; `groups` holds (correct, n) of each.

    Completions of one problem are correlated, so n of them carry less information than n independent ones. Their
    number is divided by the design effect (the variance of the share over groups divided by the binomial
    variance, at least 1). If all or none are correct, each group counts once.
    Sources: Kish 1965, "Survey Sampling", section 8.2 (design effect); Dean and Pagano 2015, Journal of
    Survey Statistics and Methodology 3, pages 484-503 (Wilson's interval with the effective sample size).
    Example: groups of 8 that are all correct or all wrong count as one observation each.
    Raises ValueError for no completions.
    """
    correct, n = sum(c for c, _ in groups), sum(m for _, m in groups)
    _check_count(correct, n)
    k, p = len(groups), correct / n
    if p in (0, 1):
        effect = n / k
    else:
        between = sum((c - p * m) ** 2 for c, m in groups) * k / max(1, k - 1) / n**2
        effect = max(1.0, between / (p * (1 - p) / n)) if k > 1 else n
    return wilson(correct / effect, n / effect, confidence)


def format_accuracy(correct: int, n: int) -> str:
    """Returns for example "61 / 200, 30.5 %, 95 % interval 24.5 to 37.2 %"."""
    low, high = wilson(correct, n)
    return f"{correct} / {n}, {100 * correct / n:.1f} %, 95 % interval {100 * low:.1f} to {100 * high:.1f} %"


def mcnemar_exact(before: Sequence[bool], after: Sequence[bool]) -> float:
    """Returns the two-sided p-value of the hypothesis that `after` solves as many problems as `before`.

    Only problems whose verdict changed count. Under the hypothesis each is gained or lost with equal probability:
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


@dataclass(frozen=True, slots=True)
class Paired:
    """Two evaluations of the same problems: scores, changed problems, and the mean change with its 95 % interval."""

    before: list[float]
    after: list[float]
    gained: int
    lost: int
    difference: float
    low: float
    high: float


def compared(first: Mapping[str, float], last: Mapping[str, float]) -> Paired | None:
    """Returns the comparison over the problems that both have, by name; None without one. The bootstrap is seeded."""
    pairs = [(first[problem], last[problem]) for problem in first if problem in last]
    if not pairs:
        return None
    before, after = [b for b, _ in pairs], [a for _, a in pairs]
    gained, lost = sum(a > b for b, a in pairs), sum(a < b for b, a in pairs)
    difference = (sum(after) - sum(before)) / len(pairs)
    return Paired(before, after, gained, lost, difference, *paired_bootstrap(before, after, seed=0))


def sign_flip(before: Sequence[float], after: Sequence[float], seed: int = 0, resamples: int = 10_000) -> float:
    """Returns the two-sided p-value of the hypothesis that the mean of after - before is 0, by random signs.

    Under the hypothesis each problem's difference is as likely as its negative. For single completions, whose differences
    are -1, 0 and 1, the exact form of this test is McNemar's. The same seed gives the same p-value, which is at least
    1 / (resamples + 1). Sources: Fisher 1935, "The Design of Experiments", section 21; Phipson and Smyth 2010, Statistical
    Applications in Genetics and Molecular Biology 9, article 39 (the two ones in (1 + extreme) / (1 + resamples)).
    Raises ValueError for unequal lengths.
    """
    import numpy as np  # not at the top, so that --help is fast

    _check_pairs(before, after)
    differences = np.asarray(after, dtype=float) - np.asarray(before, dtype=float)
    differences = differences[differences != 0]
    rng, found = np.random.default_rng(seed), abs(differences.sum()) - 1e-9  # sums of shares are rounded
    flipped = (differences @ rng.integers(0, 2, len(differences)) for _ in range(resamples))  # their sum
    extreme = sum(abs(differences.sum() - 2 * value) >= found for value in flipped)
    return float((1 + extreme) / (1 + resamples))


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns the p-values of several tests, corrected so that one below 0.05 occurs by chance in at most 5 % of all cases.

    The i-th smallest of m is multiplied by m - i + 1, and is at least the one before it and at most 1. It holds for any
    dependence between the tests. Source: Holm 1979, "A simple sequentially rejective multiple test procedure", Scandinavian
    Journal of Statistics 6, pages 65-70. Example: 0.01, 0.04, 0.03 gives 0.03, 0.06, 0.06.
    """
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        corrected[i] = largest
    return corrected


def pass_at_k(n: int, c: int, k: int) -> float:
    """Returns the probability that k of n samples, c of them correct, hold a correct one: 1 - C(n - c, k) / C(n, k).

    Unbiased, unlike 1 - (1 - c / n) ** k. Source: Chen et al. 2021, arXiv:2107.03374, equation 1.
    Example: n = 4, c = 1, k = 2 gives 1 - 3 / 6 = 0.5. Raises ValueError unless 0 <= c <= n and 1 <= k <= n.
    """
    _check_count(c, n)
    _check_k(k, n)
    return 1 - math.comb(n - c, k) / math.comb(n, k)


def maj_at_k(answers: Sequence[Hashable | None], correct: Sequence[bool], k: int) -> float:
    """Returns the probability that a majority vote over k of the sampled answers of one problem is correct.

    It is the exact mean over all subsets of size k, as in pass@k. Answers must be normalised, so that equal ones
    vote together. None does not vote, a tie is divided equally, and a vote without answers is wrong.
    Source: Wang et al. 2022, arXiv:2203.11171 (majority voting); Lewkowycz et al. 2022, arXiv:2206.14858
    (maj1@k). Example: 7, 7, 5 with 7 correct, k = 2: one pair is 7, 7 and two are ties, so (1 + 2/2) / 3.
    Raises ValueError unless 1 <= k <= n, and if of two equal answers only one is correct.
    """
    _check_pairs(answers, correct)
    _check_k(k, len(answers))
    votes = Counter(answer for answer in answers if answer is not None)
    right = {answer for answer, flag in zip(answers, correct) if flag}
    if None in right or any(answer in right and not flag for answer, flag in zip(answers, correct)):
        raise ValueError(
            "equal answers must be all correct or all wrong, and a missing one wrong: normalise them first."
        )
    silent = len(answers) - votes.total()
    won = sum(
        _ways_to_win(votes[answer], [votes[other] for other in votes if other != answer], silent, k) for answer in right
    )
    return float(won / math.comb(len(answers), k))


def _ways_to_win(votes: int, others: list[int], silent: int, k: int) -> Fraction:
    """Returns in how many subsets of size k an answer with this number of votes wins; a tie of t answers counts 1/t."""
    total = Fraction(0)
    for height in range(1, min(votes, k) + 1):
        ways = {(0, 1): math.comb(votes, height)}  # (votes of others drawn, answers at this height) -> subsets
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
    """Returns the percentile interval for the mean of one value per problem (pass@k, reward), by resampling problems.

    The same seed gives the same interval. It is too narrow for few problems, and a point if all values are
    equal. Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13.
    Raises ValueError for no values or a confidence outside 0 to 1.
    """
    import numpy as np  # not at the top, so that --help is fast

    _check_confidence(confidence)
    if len(values) == 0:
        raise ValueError("no values: the interval of a mean needs at least one problem.")
    sample, rng = np.asarray(values, dtype=float), np.random.default_rng(seed)
    means = [sample[rng.integers(len(sample), size=len(sample))].mean() for _ in range(resamples)]
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def paired_bootstrap(
    before: Sequence[float], after: Sequence[float], confidence: float = 0.95, seed: int = 0, resamples: int = 10_000
) -> tuple[float, float]:
    """Returns the percentile interval for the mean of after - before over the same problems (see `bootstrap_interval`).

    Raises ValueError for unequal lengths or no values.
    """
    _check_pairs(before, after)
    return bootstrap_interval([a - b for b, a in zip(before, after)], confidence, seed, resamples)


def minimal_difference(n: int, changed: float, power: float = 0.8, confidence: float = 0.95) -> float:
    """Returns the smallest true difference in accuracy that McNemar's test on n problems finds with this power.

    `changed` is the share of problems whose verdict changes in either direction; the more change by chance, the larger
    the difference must be. Solves n d^2 = (z sqrt(changed) + z' sqrt(changed - d^2))^2 for d, which is at most `changed`.
    Source: Connor 1987, "Sample size for testing differences in proportions for the paired-sample design",
    Biometrics 43, pages 207-211. Example: 200 problems of which 20 % change show 8.8 points.
    Raises ValueError unless n > 0 and 0 <= changed <= 1.
    """
    _check_count(changed * n, n)
    _check_confidence(confidence)
    _check_confidence(power)
    z, z_power = NormalDist().inv_cdf((1 + confidence) / 2), NormalDist().inv_cdf(power)
    low, high = 0.0, changed
    for _ in range(60):  # the wanted number of problems falls as d grows
        d = (low + high) / 2
        wanted = (z * math.sqrt(changed) + z_power * math.sqrt(max(0.0, changed - d * d))) ** 2
        low, high = (d, high) if n * d * d < wanted else (low, d)
    return high


def learning_slope(
    steps: Sequence[float], verdicts: Sequence[Sequence[float]], confidence: float = 0.95, seed: int = 0
) -> tuple[float, float, float]:
    """Returns (slope, low, high): accuracy gained per step, by least squares through the evaluations of a run.

    `verdicts` holds a row per problem, with its share of correct answers at each of `steps`. The slope of the
    mean is the mean of the problems' slopes, so the interval comes from resampling problems, which takes into
    account that each evaluation uses the same problems. Sources: least squares as in any textbook; the interval
    as in `bootstrap_interval`. Example: steps 0, 10 and one problem, wrong then correct: 0.1 per step.
    Raises ValueError for fewer than two different steps, no problems, or rows of other lengths.
    """
    centre = sum(steps) / max(1, len(steps))
    spread = sum((s - centre) ** 2 for s in steps)
    if spread == 0:
        raise ValueError("a slope needs evaluations at two different steps.")
    slopes = []
    for row in verdicts:
        _check_pairs(steps, row)
        slopes.append(sum((s - centre) * v for s, v in zip(steps, row)) / spread)
    low, high = bootstrap_interval(slopes, confidence, seed)
    return sum(slopes) / len(slopes), low, high


def format_share(correct: int, n: int, low: float, high: float) -> str:
    """Returns for example "31 % of 200 (25 to 37)": the short form for tables of 80 columns."""
    return f"{100 * correct / n:.0f} % of {n:,} ({100 * low:.0f} to {100 * high:.0f})"


def _check_count(correct: float, n: float) -> None:
    if not 0 <= correct <= n or n == 0:
        raise ValueError(f"{correct} correct of {n}: it must be 0 <= correct <= n with n > 0.")


def _check_k(k: int, n: int) -> None:
    if not 1 <= k <= n:
        raise ValueError(f"k = {k} with {n} samples: k must be 1 to {n}; sample more or use a smaller k.")


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence}: it must lie between 0 and 1, for example 0.95.")


def _check_pairs(first: Sequence, second: Sequence) -> None:
    if len(first) != len(second):
        raise ValueError(
            f"{len(first)} and {len(second)} values: they must belong to the same problems, in the same order."
        )
