"""What a comparison's scores prove: intervals, paired tests and a plain verdict.

Contenders are compared pair by pair on the differences of scores that share a seed (or a split).
Recipes differ widely in how much their scores vary, so every pair is judged by its own differences
and no variance is pooled: Tukey's test, which pools, finds more, but of six equal recipes of which
one scatters five times as much it would tell some apart in 14% of comparisons (simulated, 5 seeds).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kerasrecipes.errors import InputError

_Floats = npt.NDArray[np.float64]

POWER = 0.8
"""Chance of finding a difference that is there; the usual choice since Cohen 1988,
Statistical Power Analysis for the Behavioral Sciences, doi:10.4324/9780203771587."""

MOST_SEEDS = 30
"""Nobody trains more for one comparison: a difference that asks for more counts as noise."""


class Verdict(StrEnum):
    """What the scores say of one contender.

    The reference, which is the contender of the best mean, is ``BETTER`` where it is proven better
    than every other one, and otherwise ``BEST``: the best so far, with nothing proven by the word.
    Every other contender is judged by its difference to the reference:

    - ``WORSE``: the difference is proven (Holm-adjusted p at most 1 - confidence).
    - ``TOO_FEW``: not proven, yet at most `MOST_SEEDS` seeds would find a difference as large as
      the one seen with 80% power; or there is one seed only, and so no telling.
    - ``WITHIN_NOISE``: not proven, and so small against the spread from seed to seed that even
      `MOST_SEEDS` seeds would not do. It is no proof of equality.
    """

    BEST = "best"
    BETTER = "better"
    WORSE = "worse"
    WITHIN_NOISE = "within noise"
    TOO_FEW = "too few seeds to tell"


@dataclass(frozen=True)
class Standing:
    """One contender's scores and what they prove.

    Scores, means and differences are in the metric's own units.

    Attributes:
        name: The contender.
        scores: One score per seed (or split), in the order of the seeds.
        mean: Mean of the scores.
        sd: Standard deviation of the scores (n - 1 in the denominator); nan for one seed.
        interval: t interval of the mean, for this contender alone; nan for one seed.
        rank: 1 is the best mean; equal means share a rank.
        difference: Mean paired difference, this contender minus the reference; 0 for the reference.
        difference_interval: t interval of that difference at the level that Holm's correction left
            to this pair, so that it excludes 0 exactly where the verdict is ``WORSE``. Each such
            interval holds with at least the confidence asked for; all of them together with
            slightly less (simulated: 93% or more for 95%). nan for one seed, and where the
            difference did not vary.
        p_value: Holm-adjusted, two-sided; nan for one seed, and for the reference.
        verdict: The same in words.
        seeds_needed: Where the verdict is ``TOO_FEW``: about how many seeds would find a
            difference as large as the one seen with 80% power at this pair's level; None for one
            seed. Small samples flatter differences, so take it as a lower bound.
    """

    name: str
    scores: tuple[float, ...]
    mean: float
    sd: float
    interval: tuple[float, float]
    rank: int
    difference: float
    difference_interval: tuple[float, float]
    p_value: float
    verdict: Verdict
    seeds_needed: int | None


@dataclass(frozen=True)
class Comparison:
    """Contenders from best to worst.

    Attributes:
        metric: The metric's name, as people should read it.
        higher_is_better: Direction of the metric.
        reference: Name of the contender of the best mean; equal means go by name.
        standings: One per contender, best first.
        n: Scores per contender.
        paired: Whether scores of the same position share a seed (or split): always, so far.
        method: What was tested, in one sentence.
        test_share: Rows scored / rows trained on, where each score has a split of its own; None
            where the split stayed put.
        confidence: Of every interval; 1 - confidence is the level of the tests.
    """

    metric: str
    higher_is_better: bool
    reference: str
    standings: tuple[Standing, ...]
    n: int
    paired: bool
    method: str
    test_share: float | None = None
    confidence: float = 0.95


def compare_scores(
    scores: Mapping[str, Sequence[float]],
    metric: str,
    *,
    higher_is_better: bool,
    test_share: float | None = None,
    confidence: float = 0.95,
) -> Comparison:
    """Rank contenders by their mean score and say what is proven.

    A contender is tested against the one of the best mean by a paired t-test (Student 1908,
    doi:10.1093/biomet/6.1.1), two-sided, since the scores themselves chose who comes first.

    *Several contenders.* Holm's correction (1979, Scandinavian Journal of Statistics 6, 65-70)
    runs across **all** k(k-1)/2 pairs, though only the k-1 pairs with the reference are told.
    Whichever contender the scores put first, its pairs belong to that family; thus the chance of a
    single unfounded "better" or "worse" is at most 1 - confidence, whatever the contenders'
    variances and correlations, as far as differences are roughly normal. Across the k-1 told pairs
    alone it would not be: of three or more equal recipes the luckiest comes first and stands out
    from the unluckiest (simulated: 6% of comparisons for three, 8% for six).

    *Several splits.* Training parts of repeated hold-out overlap, which makes scores more alike
    than independent ones. The variance of a mean of n scores is therefore s² (1/n + test_share)
    instead of s²/n: Nadeau and Bengio 2003, doi:10.1023/A:1024068626366.

    *No variation.* Differences that are all the same (to the rounding of float32, in which Keras
    scores) leave a t-test no noise to measure by. They are judged by signs alone: that n
    differences all point one way has probability 2^(1-n) where neither is better, so with two
    contenders six seeds prove what five do not. Identical scores have p = 1.

    Args:
        scores: By contender, n scores; the i-th of each come from the same seed (or split).
        metric: The metric's name, as people should read it.
        higher_is_better: Direction of the metric.
        test_share: For repeated hold-out, where each score has a random split of its own: number of
            rows scored / number of rows trained on, in one split (80% for training and 20% for
            scoring: 0.25). None where the split stayed put and only the seed varied.
        confidence: Of the intervals, between 0 and 1.

    Raises:
        InputError: Names every contender whose scores are missing, too many, or not finite.
    """
    _check_scores(scores, test_share, confidence)
    n = len(next(iter(scores.values())))
    sign = 1 if higher_is_better else -1
    # fsum does not depend on the order of the summands, so equal scores have equal means.
    means = {name: math.fsum(values) / n for name, values in scores.items()}
    ranked = sorted(scores, key=lambda name: (-sign * means[name], name))
    values = np.array([scores[name] for name in ranked], dtype=np.float64)

    sds = _measure_sd(values)
    error = sds * math.sqrt(1 / n + (test_share or 0))
    ends = np.outer([-1, 1], _t_critical(n, 1 - confidence) * error) + values.mean(axis=1)
    outcomes = _test_against_first(values, test_share or 0, 1 - confidence)
    proven = bool(outcomes) and all(outcome.verdict is Verdict.WORSE for outcome in outcomes)
    first = _Outcome(0.0, (0.0, 0.0), math.nan, Verdict.BETTER if proven else Verdict.BEST, None)
    standings = tuple(
        Standing(
            name,
            tuple(values[i].tolist()),
            means[name],
            float(sds[i]),
            (float(ends[0, i]), float(ends[1, i])),
            1 + sum(sign * other > sign * means[name] for other in means.values()),
            *outcome,
        )
        for i, (name, outcome) in enumerate(zip(ranked, [first, *outcomes], strict=True))
    )
    method = _name_method(len(scores), n, test_share, confidence)
    return Comparison(
        metric, higher_is_better, ranked[0], standings, n, True, method, test_share, confidence
    )


class _Outcome(NamedTuple):
    """One contender against the reference: the last five fields of a `Standing`."""

    difference: float
    difference_interval: tuple[float, float]
    p_value: float
    verdict: Verdict
    seeds_needed: int | None


def _test_against_first(values: _Floats, share: float, alpha: float) -> list[_Outcome]:
    """Test every pair of rows, and tell the pairs with the first row.

    Args:
        values: Scores of shape (n_contenders, n), best mean first.
        share: Rows scored / rows trained on; 0 where the split stayed put.
        alpha: Chance that is allowed to any unfounded claim.

    Returns:
        One outcome for each row after the first.
    """
    from scipy.special import stdtr

    k, n = values.shape
    first, second = np.triu_indices(k, 1)  # the pairs of row 0 come first
    differences = values[second] - values[first]
    mean, sd = differences.mean(axis=1), _measure_sd(differences)
    error = sd * math.sqrt(1 / n + share)

    largest = np.abs(values).max(axis=1)
    rounding = np.finfo(np.float32).eps * np.maximum(largest[first], largest[second])
    constant = sd <= rounding
    t = np.divide(mean, error, out=np.zeros_like(mean), where=~constant)
    p = 2 * stdtr(n - 1, -np.abs(t))
    p[constant & (np.abs(mean) > rounding)] = 2.0 ** (1 - n)

    factor = _find_holm_factors(p)
    adjusted, level = np.minimum(1, factor * p), alpha / factor
    half_width = np.where(constant, math.nan, _t_critical(n, level) * error)
    outcomes = []
    for i in range(k - 1):
        verdict, needed = Verdict.WORSE, None
        if not p[i] <= level[i]:
            if not constant[i]:
                needed = _count_seeds_needed(abs(mean[i]) / sd[i], n, level[i], share)
            elif p[i] < 1:
                needed = math.ceil(1 - math.log2(level[i]))  # 2^(1-N) is at most the level
            verdict = Verdict.TOO_FEW if needed or n == 1 else Verdict.WITHIN_NOISE
        interval = (float(mean[i] - half_width[i]), float(mean[i] + half_width[i]))
        outcomes.append(_Outcome(float(mean[i]), interval, float(adjusted[i]), verdict, needed))
    return outcomes


def _find_holm_factors(p: _Floats) -> _Floats:
    """By how much Holm's correction multiplies each p-value (before it stops at 1).

    The smallest of m is multiplied by m, the next by m - 1, and so on, and none may come out below
    a smaller one's: Holm 1979, https://www.jstor.org/stable/4615733. SciPy has no such function.

    Args:
        p: p-values of shape (m,).
    """
    order = np.argsort(p, kind="stable")
    plain = np.arange(p.size, 0, -1, dtype=np.float64)
    adjusted = np.maximum.accumulate(plain * p[order])
    factors = np.empty_like(p)
    factors[order] = np.divide(adjusted, p[order], out=plain, where=p[order] > 0)
    return factors


def _count_seeds_needed(effect: float, n: int, level: float, share: float) -> int | None:
    """Fewest scores per contender, above n, that find an effect with power `POWER`.

    With N scores the t statistic of a difference has the noncentral t distribution of N - 1
    degrees of freedom and noncentrality effect / √(1/N + share); finding the difference means that
    t passes the critical value on the right side (Cohen 1988, doi:10.4324/9780203771587). The
    number plans the next comparison; it is no evidence in this one, where power at the effect seen
    only repeats the p-value (below 69% for every test that fails): Hoenig and Heisey 2001,
    doi:10.1198/000313001300339897.

    Args:
        effect: Mean difference / standard deviation of the differences; at least 0.
        n: Scores per contender so far.
        level: Two-sided level of this pair's test.
        share: Rows scored / rows trained on; 0 where the split stayed put.

    Returns:
        The number, or None where `MOST_SEEDS` would not do.
    """
    from scipy.special import nctdtr

    counts = np.arange(n + 1, MOST_SEEDS + 1)
    noncentrality = effect / np.sqrt(1 / counts + share)
    # P(T > c) is taken as P(-T < -c): nctdtr gives nan far out in the other tail (scipy 25470).
    power = nctdtr(counts - 1, -noncentrality, -_t_critical(counts, level))
    enough = counts[power >= POWER]
    return int(enough[0]) if enough.size else None


def _measure_sd(rows: _Floats) -> _Floats:
    """Standard deviation of each row, n - 1 in the denominator; nan where a row has one value."""
    return rows.std(axis=1, ddof=1) if rows.shape[1] > 1 else np.full(len(rows), math.nan)


def _t_critical(n: npt.ArrayLike, level: npt.ArrayLike) -> _Floats:
    """What |t| of n scores exceeds with probability `level`; nan for one score."""
    from scipy.special import stdtrit

    critical: _Floats = -stdtrit(np.asarray(n) - 1, np.asarray(level) / 2)
    return critical


def _check_scores(
    scores: Mapping[str, Sequence[float]], test_share: float | None, confidence: float
) -> None:
    """Raise InputError with everything that makes scores impossible to compare."""
    counts = {name: len(values) for name, values in scores.items()}
    problems = []
    if not counts or min(counts.values()) == 0 or len(set(counts.values())) > 1:
        received = ", ".join(f"{name}: {count}" for name, count in counts.items())
        problems.append(
            "Every contender needs one score for each seed, and at least one "
            f"(received: {received or 'no contenders'})."
        )
    problems += [
        f"Scores must be finite (received: {name}: {', '.join(map(str, values))}). "
        "Leave a contender out whose training failed."
        for name, values in scores.items()
        if not all(map(math.isfinite, values))
    ]
    if test_share is not None and not 0 < test_share < math.inf:
        problems.append(
            f"test_share is rows scored / rows trained on, above 0 (received: {test_share})."
        )
    if not 0 < confidence < 1:
        problems.append(f"confidence lies between 0 and 1 (received: {confidence}).")
    if problems:
        raise InputError("\n".join(problems))


def _name_method(k: int, n: int, test_share: float | None, confidence: float) -> str:
    if k == 1:
        return "One contender: nothing was tested."
    unit = "seed" if test_share is None else "split"
    if n == 1:
        return f"One {unit} for each contender: nothing could be tested."
    test = (
        "Paired t-tests"
        if test_share is None
        else "Corrected resampled t-tests (Nadeau and Bengio 2003)"
    )
    holm = f", with Holm's correction across all {k * (k - 1) // 2} pairs" if k > 2 else ""
    return f"{test} over {n} {unit}s, two-sided at {100 * (1 - confidence):g}%{holm}."
