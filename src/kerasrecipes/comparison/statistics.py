"""Statistics of scores: intervals, paired tests, and the results in sentences.

Recipes are compared pair by pair, on the differences of scores that share a seed (or a split), and
each pair by the spread of its own differences: recipes vary by different amounts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from kerasrecipes.errors import InputError
from kerasrecipes.report.words import write_number

_Floats = npt.NDArray[np.float64]

CONFIDENCE = 0.95  # of every interval; 1 - CONFIDENCE is the chance of any unfounded claim
POWER = 0.8  # the chance of finding a difference that exists: Cohen 1988, doi:10.4324/9780203771587
MOST_SEEDS = 30  # a difference that needs more seeds counts as noise

_LIMITS = {
    "seed": "All runs share one split, so these results apply to this split of the data only.",
    "split": "Each split holds out different rows; the test accounts for the rows that splits "
    "share.",
    "fold": "Scores are on test parts; the test accounts for the training rows that folds share.",
}


class Verdict(StrEnum):
    """What the tests show about one recipe; all but the first two, by its difference to the best.

    If a difference is not proven, but `MOST_SEEDS` seeds or fewer would find one as large with
    power `POWER`, there are too few seeds to tell. Noise is no proof of equality.
    """

    BETTER = "better"  # the best mean, proven better than every other recipe
    LEADS = "leads"  # the best mean
    WORSE = "worse"  # Holm-adjusted p is at most 1 - CONFIDENCE
    WITHIN_NOISE = "within noise"
    TOO_FEW = "too few seeds to tell"


@dataclass(frozen=True)
class Standing:
    """One recipe's scores and test results, in the metric's units; nan if n = 1 is too few."""

    name: str
    scores: tuple[float, ...]  # in the order of the seeds (or splits)
    mean: float
    sd: float  # n - 1 in the denominator
    interval: tuple[float, float]  # t interval of the mean of this recipe alone
    rank: int  # 1 is the best mean; equal means share a rank
    difference: float = 0.0  # mean paired difference, this recipe minus the reference
    # At the level that Holm's correction leaves to this pair, so it excludes 0 exactly when the
    # verdict is WORSE; nan if the difference did not vary.
    difference_interval: tuple[float, float] = (0.0, 0.0)
    p_value: float = math.nan  # Holm-adjusted, two-sided
    verdict: Verdict = Verdict.LEADS
    # Small samples overestimate differences, so it is a lower bound.
    seeds_needed: int | None = None


@dataclass(frozen=True)
class Ranking:
    """Recipes from best to worst."""

    metric: str
    higher_is_better: bool
    reference: str  # with the best mean; equal means are ordered by name
    standings: tuple[Standing, ...]
    n: int  # scores per recipe
    method: str
    test_share: float | None = None  # rows scored / rows trained on, if each score has its split
    draw_name: str = "seed"  # what varies between runs of a recipe: a seed; with it split or fold


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
    2003, doi:10.1023/A:1024068626366. test_share is rows scored / rows trained on, and None for a
    single split. Scores of folds are correlated, too (Bouckaert and Frank 2004,
    doi:10.1007/978-3-540-24775-3_3); test_share is then the mean over folds.

    *No variation.* If all differences are equal (to the rounding of float32, in which Keras
    computes scores), a t-test has no spread to measure by, and only signs count: n differences of
    the same sign have probability 2^(1-n) if neither recipe is better. Identical scores have p = 1.

    The i-th scores of all recipes share a seed (or split).
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
    """Test every pair of recipes; list the last five attributes of each `Standing` but the first.

    Scores have the shape (n_recipes, n), the reference first; the share of one split is 0.
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

    An effect is the mean difference / the standard deviation of the differences. With N scores,
    the t statistic of a difference has the noncentral t distribution with N - 1 degrees of freedom
    and noncentrality effect / √(1/N + share) (Cohen 1988). None means that `MOST_SEEDS` are not
    enough. The number plans the next comparison and is no evidence in this one: Hoenig and Heisey
    2001, doi:10.1198/000313001300339897.
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
    if n == 1:
        return f"One {unit} for each recipe: nothing could be tested."
    test, share = "Paired t-tests", ""
    if test_share is not None:
        test = "Corrected resampled t-tests (Nadeau and Bengio 2003)"
        share = f", with {test_share:.2g} scored rows per training row"
    holm = f", with Holm's correction across all {k * (k - 1) // 2} pairs" if k > 2 else ""
    return f"{test} over {n} {unit}s{share}, two-sided at {100 * (1 - CONFIDENCE):g}%{holm}."


def describe(ranking: Ranking) -> str:
    """Describe the results of a ranking and their limits, a sentence per line."""
    names = shorten_names([standing.name for standing in ranking.standings])
    standings = zip(ranking.standings, names, strict=True)
    best, *others = (replace(standing, name=name) for standing, name in standings)
    n, unit = ranking.n, ranking.draw_name
    worse, noise = (
        [standing.name for standing in others if standing.verdict is verdict]
        for verdict in (Verdict.WORSE, Verdict.WITHIN_NOISE)
    )
    sentences = [_describe_lead(best, others, worse, ranking.metric, f"{n} paired {unit}s")]
    would = "splits of this size would" if unit == "fold" else "would"
    needed = [f"{o.name} (about {o.seeds_needed} {would})" for o in others if o.seeds_needed]
    if n == 1:
        sentences.append(f"One {unit} does not show how much scores vary. Run at least three.")
    elif needed:
        sentences.append(
            f"{n} {unit}s cannot tell {best.name} from {_join(needed, 'or')}, "
            "if the true difference is as large as the observed one."
        )
    if noise:
        sentences.append(
            f"The difference to {_join(noise)} is within the noise of {n} {unit}s. This does not "
            "prove them equal."
        )
    sentences.append(_LIMITS[unit])
    return "\n".join(sentences)


def _describe_lead(
    best: Standing, others: Sequence[Standing], worse: Sequence[str], metric: str, seeds: str
) -> str:
    if worse:
        verb = "is better" if best.verdict is Verdict.BETTER else "leads and is better"
        runner_up = next(standing for standing in others if standing.name in worse)
        low, high = sorted(map(abs, runner_up.difference_interval))
        evidence = f"by the same {write_number(abs(runner_up.difference))} each time"
        if not math.isnan(low):
            evidence = (
                f"{100 * CONFIDENCE:g}% interval of the difference to {runner_up.name}: "
                f"{write_number(low)} to {write_number(high)}"
            )
        return f"{best.name} {verb} than {_join(worse)} on {metric} ({seeds}; {evidence})."
    leaders = [standing.name for standing in (best, *others) if standing.rank == 1]
    if len(leaders) > 1:
        return f"{_join(leaders)} share the best mean on {metric}."
    return f"{best.name} leads on {metric}, but is not proven better."


def _join(words: Sequence[str], conjunction: str = "and") -> str:
    *most, last = words
    return f"{', '.join(most)} {conjunction} {last}" if most else last


def shorten_names(names: Sequence[str]) -> list[str]:
    """Remove the common prefix of names, which ends with a space or mark: ``fashion_relu_``.

    Numbers keep the word before them, since "2 leads" would not be understood.
    """
    marks = [mark.end() for mark in re.finditer(r"[\s_./:-]", names[0])]
    for end in reversed(marks):
        prefix = names[0][:end]
        if all(name.startswith(prefix) and re.match(r"\D", name[end:]) for name in names):
            return [name.removeprefix(prefix) for name in names]
    return [*names]


def lower_first(metric: str) -> str:
    """Write a metric's name as inside a sentence: ``accuracy``, but ``MAE``."""
    return metric[0].lower() + metric[1:] if metric[:2].istitle() else metric
