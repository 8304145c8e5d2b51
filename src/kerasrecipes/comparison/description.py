"""Describes the results of a ranking in sentences."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace

from kerasrecipes.comparison.statistics import CONFIDENCE, Ranking, Standing, Verdict
from kerasrecipes.report.words import write_number

_LIMITS = {
    "seed": "All runs share one split, so these results apply to this split of the data only.",
    "split": "Each split holds out different rows; the test accounts for the rows that splits "
    "share.",
    "fold": "Scores are on test parts; the test accounts for the training rows that folds share.",
}


def describe(ranking: Ranking) -> str:
    """Describe the results of a ranking and their limits: a sentence per line, the verdict first.

    Names are written without their common prefix.
    """
    names = shorten_names([standing.name for standing in ranking.standings])
    standings = zip(ranking.standings, names, strict=True)
    best, *others = (replace(standing, name=name) for standing, name in standings)
    n, unit = ranking.n, ranking.draw_name
    if not others:
        return f"Only {best.name} was run: there is nothing to compare it with."
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
    """Remove the common prefix of names, which ends with a space or mark: ``fashion_relu_``."""
    marks = [mark.end() for mark in re.finditer(r"[\s_./:-]", names[0])]
    for end in reversed(marks):
        prefix = names[0][:end]
        if len(names) > 1 and all(name.startswith(prefix) and name != prefix for name in names):
            return [name.removeprefix(prefix) for name in names]
    return [*names]


def lower_first(metric: str) -> str:
    """Write a metric's name as inside a sentence: ``accuracy``, but ``MAE``."""
    return metric[0].lower() + metric[1:] if metric[:2].istitle() else metric
