"""Describes the results of a ranking in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from kerasrecipes.comparison.statistics import CONFIDENCE, Ranking, Standing, Verdict
from kerasrecipes.comparison.words import find_prefix

_LIMITS = {
    "seed": "All runs share one split, so these results apply to this split of the data only.",
    "split": "Each split holds out different rows; the test accounts for the rows that splits "
    "share.",
    "fold": "Scores are on test parts; the test accounts for the training rows that folds share.",
}
_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def describe(ranking: Ranking) -> str:
    """Describe the results of a ranking and their limits: a sentence per line, the verdict first.

    Names are written without their common prefix.
    """
    prefix = find_prefix([standing.name for standing in ranking.standings])
    best, *others = (replace(s, name=s.name.removeprefix(prefix)) for s in ranking.standings)
    n, unit = ranking.n, ranking.draw_name
    if not others:
        return f"Only {best.name} was run: there is nothing to compare it with."
    worse, too_few, noise = (
        [standing for standing in others if standing.verdict is verdict]
        for verdict in (Verdict.WORSE, Verdict.TOO_FEW, Verdict.WITHIN_NOISE)
    )
    sentences = [_describe_lead(best, others, worse, ranking.metric, f"{n} paired {unit}s")]
    if too_few and n == 1:
        sentences.append(f"One {unit} does not show how much scores vary. Run at least three.")
    elif too_few:
        would = "splits of this size would" if unit == "fold" else "would"
        rivals = [f"{rival.name} (about {rival.seeds_needed} {would})" for rival in too_few]
        sentences.append(
            f"{n} {unit}s cannot tell {best.name} from {_join(rivals, 'or')}, "
            "if the true difference is as large as the observed one."
        )
    if noise:
        sentences.append(
            f"The difference to {_join([rival.name for rival in noise])} is within the noise of "
            f"the {unit}s. This does not prove them equal."
        )
    sentences.append(_LIMITS[unit])
    return "\n".join(sentences)


def _describe_lead(
    best: Standing, others: Sequence[Standing], worse: Sequence[Standing], metric: str, seeds: str
) -> str:
    if best.verdict is Verdict.BETTER:
        runner_up, is_alone = others[0], len(others) == 1
        low, high = sorted(map(abs, runner_up.difference_interval))
        evidence = f"by the same {_round(abs(runner_up.difference))} each time"
        if not math.isnan(low):
            to_whom = "" if is_alone else f" to {runner_up.name}, the runner-up,"
            evidence = (
                f"{100 * CONFIDENCE:g}% interval of the difference{to_whom} "
                f"{_round(low)} to {_round(high)}"
            )
        count = _COUNTS[len(others)] if len(others) < len(_COUNTS) else len(others)
        rivals = runner_up.name if is_alone else f"the other {count}"
        return f"{best.name} is better than {rivals} on {metric} ({seeds}; {evidence})."
    if worse:
        rivals = _join([rival.name for rival in worse])
        return f"{best.name} leads on {metric} and is better than {rivals} ({seeds})."
    leaders = [standing.name for standing in (best, *others) if standing.rank == 1]
    if len(leaders) > 1:
        return f"{_join(leaders)} share the best mean on {metric}."
    return f"{best.name} leads on {metric}, but is not proven better."


def _round(value: float) -> str:
    """Write three significant digits, 12,345 without an exponent."""
    return f"{float(f'{value:.3g}'):g}"


def _join(words: Sequence[str], conjunction: str = "and") -> str:
    *most, last = words
    return f"{', '.join(most)} {conjunction} {last}" if most else last
