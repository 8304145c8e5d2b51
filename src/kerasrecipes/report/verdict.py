"""What a run amounts to, in sentences that claim no more than the run supports."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kerasrecipes.report.results import Results
from kerasrecipes.report.words import write_count, write_number, write_percent, write_with_unit

_FAR = 1.2
"""From this ratio of validation to training loss on, the report speaks of overfitting."""

_WORSE = 1.05
"""From this ratio of the last to the lowest validation loss on, training went on for too long."""

_MOST_TARGETS = 6
"""So many of several targets are told one by one; the table of scores has them all."""


@dataclass(frozen=True)
class Verdict:
    """The report's first words.

    Attributes:
        headline: What the model achieves on the rows it was tested on, or how far the run came.
        notes: What qualifies it, a sentence or two each.
    """

    headline: str
    notes: tuple[str, ...] = ()


def give_verdict(results: Results) -> Verdict:
    """Say what the run amounts to."""
    if not results.has_predictions:
        return Verdict(_describe_nothing(results), _drop_empty(describe_fit(results)))
    if results.is_classification:
        compared = [f"{describe_baseline(results)} {describe_most_confused(results)}"]
    elif len(results.targets) > 1:
        compared = _describe_baselines(results)
    else:
        compared = [describe_baseline(results)]
    return Verdict(
        describe_score(results),
        _drop_empty(*compared, describe_fit(results), _describe_draw(results)),
    )


def describe_score(results: Results) -> str:
    """Say how good the predictions are, with a 95% interval for classes."""
    if results.is_classification:
        return _describe_accuracy(results)
    if len(results.targets) > 1:
        return _describe_several(results)
    sentence = (
        f"Predicts {results.target} with a typical error of {_write_error(results)} "
        f"on {_count_rows(results)}"
    )
    r2 = _describe_r2(results)
    return f"{sentence}; {r2}." if r2 else f"{sentence}."


def describe_baseline(results: Results) -> str:
    """Say what a guess that ignores the inputs would score on the same rows."""
    if not results.is_classification:
        interval = _write_interval(results)
        return (
            f"The typical error is the mean absolute error{interval and f' ({interval})'}; "
            f"{_describe_guess(results)}."
        )
    trained = results.dataset.get("class_counts", {}).get("train")
    counts = trained or np.bincount(results.y_true)
    share = float(np.mean(results.y_true == np.argmax(counts)))
    whose = "the" if trained else f"these {results.noun}s'"
    sentence = f"Guessing {whose} most frequent class would give {write_percent(share)}"
    n_correct, n_samples = _count_correct(results)
    if _wilson_interval(n_correct, n_samples)[0] > share:
        return f"{sentence}."
    return f"{sentence}: the model is not clearly better."


def describe_most_confused(results: Results) -> str:
    """Say which class was most often taken for which other."""
    wrong = results.y_true != results.y_pred
    if not wrong.any():
        return f"Not one {results.part} {results.noun} got the wrong class."
    pairs, counts = np.unique(
        np.stack([results.y_true[wrong], results.y_pred[wrong]]), axis=1, return_counts=True
    )
    actual, predicted = (results.class_names[i] for i in pairs[:, np.argmax(counts)])
    times = write_count(counts.max(), "time")
    return f"Most often confused: {actual} taken for {predicted} ({times})."


def describe_fit(results: Results) -> str:
    """Say what the losses on the training and validation parts tell about overfitting.

    An evaluation has no such parts, and says nothing.
    """
    if results.evaluated:
        return ""
    curve = results.history.get("val_loss", [])
    train, validation = (
        results.metrics.get(part, {}).get("loss", next(reversed(column), float("nan")))
        for part, column in (("train", results.history.get("loss", [])), ("validation", curve))
    )
    if not curve or not np.isfinite([train, validation]).all():
        return (
            "" if curve else "No rows were held out for validation, so overfitting is not judged."
        )
    losses = f"loss is {write_number(train)} on the training part"
    both = f"{losses} and {write_number(validation)} on the validation part"
    best, last = results.best_epoch or 0, results.epochs_run
    lowest = curve[best - 1]
    sentence = f"Little sign of overfitting: the {both}."
    if train > 0 and train * _FAR < validation:
        sentence = f"Signs of overfitting: the {both}."
    if lowest > 0 and lowest * _WORSE < curve[-1]:
        return (
            f"{sentence} Validation loss was lowest after epoch {best:,} of {last:,} "
            f"({write_number(lowest)}) and ended at {write_number(curve[-1])}."
        )
    if best == last > 1:
        return f"{sentence} Validation loss was still at its lowest in the last epoch."
    return sentence


def _describe_nothing(results: Results) -> str:
    if results.evaluated:
        return f"No verdict: no {results.noun} of {results.evaluated} was predicted."
    epochs = write_count(results.epochs_run, "epoch")
    return f"No verdict yet: {epochs} finished, and no test {results.noun} was predicted."


def _describe_draw(results: Results) -> str:
    if results.evaluated:
        return (
            f"An interval covers only which {results.noun}s were evaluated. If the model was "
            "trained on some of them, these numbers flatter it."
        )
    seed = results.info.get("seed")
    of_seed = "One seed" if seed is None else f"One seed ({seed})"
    return (
        f"{of_seed} and one split are one draw: another would give somewhat different numbers, and "
        f"the interval covers only which {results.noun}s were tested. Train again with seed=1, "
        "seed=2 and so on to see the spread."
    )


def _describe_accuracy(results: Results) -> str:
    n_correct, n_samples = _count_correct(results)
    low, high = _wilson_interval(n_correct, n_samples)
    return (
        f"Names the right class for {write_percent(n_correct / n_samples)} of "
        f"{_count_rows(results)} "
        f"(95% interval {100 * low:.1f}–{write_percent(high)}, Wilson)."
    )


def _describe_several(results: Results) -> str:
    targets = results.split_targets()
    errors = [f"{each.target} {_write_error(each)}" for each in targets[:_MOST_TARGETS]]
    return (
        f"Predicts {len(targets)} targets; typical errors on {_count_rows(targets[0])}: "
        f"{', '.join(errors)}{_write_rest(results)}."
    )


def _describe_baselines(results: Results) -> list[str]:
    """A sentence on each of several targets, as ``describe_baseline`` has it for one."""
    sentences = ["A typical error is a mean absolute error."]
    for each in results.split_targets()[:_MOST_TARGETS]:
        facts = _drop_empty(_write_interval(each), _describe_guess(each), _describe_r2(each))
        sentences.append(f"{each.target}: {'; '.join(facts)}.")
    return sentences


def _write_rest(results: Results) -> str:
    rest = len(results.targets) - _MOST_TARGETS
    return f" and {write_count(rest, 'target')} more" if rest > 0 else ""


def _count_rows(results: Results) -> str:
    """The predicted rows in words, claiming of an evaluation's no more than where they are from."""
    n_samples = len(results.y_true)
    if results.evaluated:
        return f"{write_count(n_samples, results.noun)} of {results.evaluated}"
    if results.is_classification:
        return write_count(n_samples, f"test {results.noun}")
    return f"{write_count(n_samples, results.noun)} it never saw"


def _write_error(results: Results) -> str:
    error = np.abs(results.y_true - results.y_pred).mean()
    return f"±{write_with_unit(error, results.unit)}"


def _write_interval(results: Results) -> str:
    if len(results.y_true) < 2:
        return ""
    ends = _mean_interval(np.abs(results.y_true - results.y_pred))
    return f"95% interval {'–'.join(write_number(end) for end in ends)}"


def _describe_guess(results: Results) -> str:
    guess = np.abs(results.y_true - results.y_true.mean()).mean()
    return (
        f"guessing these {results.noun}s' mean every time would be off by "
        f"{write_with_unit(guess, results.unit)}"
    )


def _describe_r2(results: Results) -> str:
    from sklearn.metrics import r2_score

    if len(results.y_true) < 2:
        return ""
    r2 = r2_score(results.y_true, results.y_pred)
    if r2 > 0:
        return f"explains {r2:.0%} of the variance (R²)"
    return f"explains none of the variance (R² {write_number(r2)})"


def _count_correct(results: Results) -> tuple[int, int]:
    return int(np.sum(results.y_true == results.y_pred)), len(results.y_true)


def _wilson_interval(n_correct: int, n_samples: int) -> tuple[float, float]:
    """Wilson's score interval of a share at 95%, doi:10.1080/01621459.1927.10502953."""
    from scipy.stats import binomtest

    interval = binomtest(n_correct, n_samples).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def _mean_interval(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float, float]:
    """Student's interval of a mean at 95%."""
    from scipy.stats import sem, t

    half = float(sem(values) * t.ppf(0.975, len(values) - 1))
    return max(float(values.mean()) - half, 0.0), float(values.mean()) + half


def _drop_empty(*sentences: str) -> tuple[str, ...]:
    return tuple(sentence for sentence in sentences if sentence)
