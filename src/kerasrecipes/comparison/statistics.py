"""Statistics of scores: intervals, paired tests and a verdict in words.

Recipes are compared pair by pair, on the differences of scores that share a seed (or a split), and
each pair by the spread of its own differences: recipes vary by different amounts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from kerasrecipes.errors import InputError

_Floats = npt.NDArray[np.float64]

CONFIDENCE = 0.95
"""Of every interval; 1 - CONFIDENCE is the chance of any unfounded claim."""
POWER = 0.8
"""Chance of finding a difference that exists; the usual choice since Cohen 1988,
Statistical Power Analysis for the Behavioral Sciences, doi:10.4324/9780203771587."""
MOST_SEEDS = 30
"""A difference that needs more seeds counts as noise."""


class Verdict(StrEnum):
    """What the tests show about one recipe.

    The reference, which has the best mean, is ``BETTER`` if it is proven better than every other
    recipe, and ``LEADS`` otherwise. Every other recipe is rated by its difference to it:

    - ``WORSE``: the difference is proven (Holm-adjusted p is at most 1 - CONFIDENCE).
    - ``TOO_FEW``: not proven, but `MOST_SEEDS` seeds or fewer would find a difference as large as
      the observed one with power `POWER`; or there is only one seed.
    - ``WITHIN_NOISE``: not proven, and too small for that. It is no proof of equality.
    """

    LEADS = "leads"
    BETTER = "better"
    WORSE = "worse"
    WITHIN_NOISE = "within noise"
    TOO_FEW = "too few seeds to tell"


@dataclass(frozen=True)
class Standing:
    """One recipe's scores and test results, in the metric's units; nan if n = 1 is too few.

    Attributes:
        name: The recipe.
        scores: One score per seed (or split), in the order of the seeds.
        mean: Mean of the scores.
        sd: Standard deviation of the scores (n - 1 in the denominator).
        interval: t interval of the mean of this recipe alone.
        rank: 1 is the best mean; equal means share a rank.
        difference: Mean paired difference, this recipe minus the reference.
        difference_interval: t interval of that difference at the level that Holm's correction
            leaves to this pair: it excludes 0 exactly when the verdict is ``WORSE``. nan if the
            difference did not vary.
        p_value: Holm-adjusted, two-sided; nan for the reference.
        verdict: The same in words.
        seeds_needed: For ``TOO_FEW``, about how many seeds would find a difference as large as the
            observed one. Small samples overestimate differences, so it is a lower bound.
    """

    name: str
    scores: tuple[float, ...]
    mean: float
    sd: float
    interval: tuple[float, float]
    rank: int
    difference: float = 0.0
    difference_interval: tuple[float, float] = (0.0, 0.0)
    p_value: float = math.nan
    verdict: Verdict = Verdict.LEADS
    seeds_needed: int | None = None

    @property
    def verdict_in_full(self) -> str:
        """The verdict, with the number of seeds that would do."""
        return self.verdict + (f" (run about {self.seeds_needed})" if self.seeds_needed else "")


@dataclass(frozen=True)
class Ranking:
    """Recipes from best to worst.

    Attributes:
        metric: The metric's name.
        higher_is_better: Direction of the metric.
        reference: The recipe with the best mean; equal means are ordered by name.
        standings: One per recipe, best first.
        n: Scores per recipe.
        method: The test, in one sentence.
        test_share: Rows scored / rows trained on, if each score has a split of its own; or None.
        draw_name: What varies between runs of a recipe: a seed, or a split or fold with a seed.
    """

    metric: str
    higher_is_better: bool
    reference: str
    standings: tuple[Standing, ...]
    n: int
    method: str
    test_share: float | None = None
    draw_name: str = "seed"


def rank_scores(
    scores: Mapping[str, Sequence[float]],
    metric: str,
    *,
    higher_is_better: bool,
    test_share: float | None = None,
    draw_name: str = "seed",
) -> Ranking:
    """Rank recipes by their mean score and test each difference to the best.

    The test is a paired t-test (Student 1908, doi:10.1093/biomet/6.1.1). It is two-sided, because
    the same scores chose which recipe comes first. Holm's correction (1979, Scandinavian Journal
    of Statistics 6, 65-70) covers **all** pairs, although only those with the reference are
    reported: whichever recipe comes first, its pairs belong to that family.

    *Several splits.* Training parts of repeated hold-out overlap, so their scores are correlated.
    The variance of a mean of n scores is s² (1/n + test_share) instead of s²/n: Nadeau and Bengio
    2003, doi:10.1023/A:1024068626366. Scores of folds are correlated, too (Bouckaert
    and Frank 2004, doi:10.1007/978-3-540-24775-3_3); test_share is then the mean over folds.

    *No variation.* If all differences are equal (to the rounding of float32, in which Keras
    computes scores), a t-test has no spread to measure by, and only signs count: n differences of
    the same sign have probability 2^(1-n) if neither recipe is better. Identical scores have p = 1.

    Args:
        scores: By recipe, n scores; the i-th scores of all recipes share a seed (or split).
        metric: The metric's name.
        higher_is_better: Direction of the metric.
        test_share: For repeated hold-out, where each score has a random split of its own: rows
            scored / rows trained on (0.25 for a split of 80% and 20%). None for a single split.
        draw_name: As in ``Ranking``.

    Raises:
        InputError: A score is not finite.
    """
    for name, row in scores.items():
        if not all(map(math.isfinite, row)):
            received = f"{name}: {', '.join(map(str, row))}"
            raise InputError(
                f"Scores must be finite (received: {received}). Leave out this recipe."
            )
    n = len(next(iter(scores.values())))
    sign = 1 if higher_is_better else -1
    # fsum does not depend on the order of the summands, so equal scores have equal means.
    means = {name: math.fsum(values) / n for name, values in scores.items()}
    ranked = sorted(scores, key=lambda name: (-sign * means[name], name))
    values = np.array([scores[name] for name in ranked], dtype=np.float64)

    sds = _measure_sd(values)
    half_widths = _t_critical(n, 1 - CONFIDENCE) * sds * math.sqrt(1 / n + (test_share or 0))
    others = _judge(values, test_share or 0)
    is_better = others and all(other["verdict"] is Verdict.WORSE for other in others)
    judgements = [{"verdict": Verdict.BETTER if is_better else Verdict.LEADS}, *others]
    standings = tuple(
        Standing(
            name=name,
            scores=tuple(values[i].tolist()),
            mean=means[name],
            sd=float(sds[i]),
            interval=_center(means[name], half_widths[i]),
            rank=1 + sum(sign * other > sign * means[name] for other in means.values()),
            **judgements[i],
        )
        for i, name in enumerate(ranked)
    )
    method = _describe_method(len(scores), n, test_share, draw_name)
    return Ranking(metric, higher_is_better, ranked[0], standings, n, method, test_share, draw_name)


def _judge(values: _Floats, share: float) -> list[dict[str, Any]]:
    """Test every pair of recipes; give a verdict for the pairs with the reference.

    Args:
        values: Scores of shape (n_recipes, n), the reference first.
        share: Rows scored / rows trained on; 0 for a single split.

    Returns:
        For each recipe but the reference, the last five attributes of its `Standing`.
    """
    from scipy.special import stdtr

    k, n = values.shape
    first, second = np.triu_indices(k, 1)  # the pairs with the reference come first
    differences = values[second] - values[first]
    mean, sd = differences.mean(axis=1), _measure_sd(differences)
    error = sd * math.sqrt(1 / n + share)

    largest = np.abs(values).max(axis=1)
    rounding = np.finfo(np.float32).eps * np.maximum(largest[first], largest[second])
    constant = sd <= rounding
    t = np.divide(mean, error, out=np.zeros_like(mean), where=~constant)
    p = 2 * stdtr(n - 1, -np.abs(t))
    p[constant & (np.abs(mean) > rounding)] = 2.0 ** (1 - n)

    # Holm 1979, https://www.jstor.org/stable/4615733: the smallest of m p-values is multiplied by
    # m, the next by m - 1, and so on; none is then below that of a smaller p.
    order = np.argsort(p, kind="stable")
    factor = np.arange(p.size, 0, -1, dtype=np.float64)
    adjusted = np.maximum.accumulate(factor * p[order])
    np.divide(adjusted, p[order], out=factor, where=p[order] > 0)
    factor[order] = factor.copy()

    level = (1 - CONFIDENCE) / factor
    half_width = np.where(constant, math.nan, _t_critical(n, level) * error)
    judgements = []
    for i in range(k - 1):
        needed, verdict = None, Verdict.WORSE
        if not p[i] <= level[i]:  # nan for one seed
            if not constant[i]:
                needed = _count_seeds_needed(abs(mean[i]) / sd[i], n, level[i], share)
            elif p[i] < 1:
                needed = math.ceil(1 - math.log2(level[i]))  # 2^(1-N) is at most the level
            verdict = Verdict.TOO_FEW if needed or n == 1 else Verdict.WITHIN_NOISE
        judgements.append(
            {
                "difference": float(mean[i]),
                "difference_interval": _center(mean[i], half_width[i]),
                "p_value": float(np.minimum(1, factor[i] * p[i])),
                "verdict": verdict,
                "seeds_needed": needed,
            }
        )
    return judgements


def _count_seeds_needed(effect: float, n: int, level: float, share: float) -> int | None:
    """Count the fewest scores per recipe, above n, that find an effect with power `POWER`.

    With N scores, the t statistic of a difference has the noncentral t distribution with N - 1
    degrees of freedom and noncentrality effect / √(1/N + share) (Cohen 1988). The number plans the
    next comparison and is no evidence in this one: Hoenig and Heisey 2001,
    doi:10.1198/000313001300339897.

    Args:
        effect: Mean difference / standard deviation of the differences; at least 0.
        n: Scores per recipe so far.
        level: Two-sided level of this pair's test.
        share: Rows scored / rows trained on; 0 for a single split.

    Returns:
        The number, or None if `MOST_SEEDS` are not enough.
    """
    from scipy.special import nctdtr

    counts = np.arange(n + 1, MOST_SEEDS + 1)
    noncentrality = effect / np.sqrt(1 / counts + share)
    # P(T > c) is taken as P(-T < -c): nctdtr gives nan far out in the other tail (scipy 25470).
    power = nctdtr(counts - 1, -noncentrality, -_t_critical(counts, level))
    return next(iter(counts[power >= POWER].tolist()), None)


def _center(middle: float, half_width: float) -> tuple[float, float]:
    return float(middle - half_width), float(middle + half_width)


def _measure_sd(rows: _Floats) -> _Floats:
    """Standard deviation of each row, n - 1 in the denominator; nan for rows of one value."""
    return rows.std(axis=1, ddof=1) if rows.shape[1] > 1 else np.full(len(rows), math.nan)


def _t_critical(n: npt.ArrayLike, level: npt.ArrayLike) -> _Floats:
    """The value that |t| of n scores exceeds with probability `level`; nan for one score."""
    from scipy.special import stdtrit

    critical: _Floats = -stdtrit(np.asarray(n) - 1, np.asarray(level) / 2)
    return critical


def _describe_method(k: int, n: int, test_share: float | None, unit: str) -> str:
    if k == 1:
        return "One recipe: nothing was tested."
    if n == 1:
        return f"One {unit} for each recipe: nothing could be tested."
    test = (
        "Paired t-tests"
        if test_share is None
        else "Corrected resampled t-tests (Nadeau and Bengio 2003)"
    )
    holm = f", with Holm's correction across all {k * (k - 1) // 2} pairs" if k > 2 else ""
    share = "" if test_share is None else f", with {test_share:.2g} scored rows per training row"
    return f"{test} over {n} {unit}s{share}, two-sided at {100 * (1 - CONFIDENCE):g}%{holm}."
