"""What a comparison proves, in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from kerasrecipes.compare.statistics import Comparison, Standing, Verdict

_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def describe(comparison: Comparison) -> str:
    """Say what a comparison proves, and what it does not: a sentence a line, the verdict first."""
    best, *others = comparison.standings
    n, unit = comparison.n, "seed" if comparison.test_share is None else "split"
    if not others:
        return f"Only {best.name} was run: there is nothing to compare it with."
    worse, too_few, noise = (
        [standing for standing in others if standing.verdict is verdict]
        for verdict in (Verdict.WORSE, Verdict.TOO_FEW, Verdict.WITHIN_NOISE)
    )
    sentences = [_describe_lead(comparison, worse, f"{n} paired {unit}s")]
    if too_few and n == 1:
        sentences.append(
            f"One {unit} cannot tell: it does not show how much scores vary. Run at least three."
        )
    elif too_few:
        rivals = [f"{rival.name} (about {rival.seeds_needed} would)" for rival in too_few]
        sentences.append(
            f"{n} {unit}s cannot tell {best.name} from {_join(rivals, 'or')}, "
            "supposing a difference as large as the one seen."
        )
    if noise:
        sentences.append(
            f"Against {_join([rival.name for rival in noise])} the difference is within the noise "
            f"of the {unit}s, which does not prove them equal."
        )
    sentences.append(
        "The split stayed the same, so all this holds for this split of the data."
        if comparison.test_share is None
        else "Every split held out other rows, and the test allows for the rows that splits share."
    )
    return "\n".join(sentences)


def _describe_lead(comparison: Comparison, worse: list[Standing], seeds: str) -> str:
    best, runner_up, *others = comparison.standings
    metric = comparison.metric
    if best.verdict is Verdict.BETTER:
        low, high = sorted(map(abs, runner_up.difference_interval))
        if math.isnan(low):
            evidence = f"by the same {_round(abs(runner_up.difference))} each time"
        else:
            evidence = (
                f"{100 * comparison.confidence:g}% interval of the difference"
                f"{f' to {runner_up.name}, the runner-up,' if others else ''} "
                f"{_round(low)} to {_round(high)}"
            )
        rivals = f"the other {_count(1 + len(others))}" if others else runner_up.name
        return f"{best.name} is better than {rivals} on {metric} ({seeds}; {evidence})."
    if worse:
        rivals = _join([rival.name for rival in worse])
        return f"{best.name} leads on {metric} and is better than {rivals} ({seeds})."
    leaders = [standing.name for standing in comparison.standings if standing.rank == 1]
    if len(leaders) > 1:
        return f"{_join(leaders)} share the best mean on {metric}."
    return f"{best.name} leads on {metric}, but is not proven better."


def _round(value: float) -> str:
    """Write three significant digits, 12,345 without an exponent."""
    return f"{float(f'{value:.3g}'):g}"


def _count(number: int) -> str:
    return _COUNTS[number] if number < len(_COUNTS) else str(number)


def _join(words: Sequence[str], conjunction: str = "and") -> str:
    *most, last = words
    return f"{', '.join(most)} {conjunction} {last}" if most else last
