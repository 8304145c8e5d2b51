"""Whatever init drafts for a table trains, and its run answers and scores the very same file."""

from __future__ import annotations

import csv
import datetime
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import kerasrecipes as kr
from kerasrecipes.drafting import draft_recipe
from kerasrecipes.runs import Run

N_ROWS = 40
Values = list[Any]

NAMES = st.sampled_from(
    [
        *("größe", "나이", "a b", "x,y", 'q"q', "line\nbreak", "#1", "1.5", "", "-", "2019", "😀"),
        *("id", "Unnamed: 0", "None", "NA", "total", "[a]", "{b: c}", "a.b", "date", "- x", "~"),
    ]
)
DATE_FORMATS = st.sampled_from(
    [
        *("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%Y%m%d", "%d-%b-%Y", "%b %d, %Y", "%d.%m.%y"),
        *("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S UTC", "%m/%d/%Y %I:%M %p", "%Y년 %m월 %d일"),
        *("%Y-%m", "%b-%y", "%H:%M", "%H:%M:%S", "%I:%M %p", "%H.%M.%S", "%A", "%d %b"),
    ]
)
NUMBER_FORMATS = st.sampled_from(
    [
        *("{:.1f}", "{:.0f}", "${:,.2f}", "{:.1f} %", "{:.1f} kg", "{:,.0f}", "EUR {:.2f}"),
        *("({:.1f})", "\u2212{:.1f}", "{:.2e}", "{:03.0f}", "~{:.1f}", "{:.0f}K", "+{:.1f}"),
    ]
)
WORDS = st.sampled_from(
    [
        ["red", "green", "blue"],
        ["yes", "no"],
        ["Y", "N"],
        ["true", "false"],
        ["None", "Minor", "Severe"],
        ["NA", "EU", "SA"],
        ["007", "008", "010"],
        ["1", "2", "3 or more"],
        ["10-19", "20-29", "30+"],
        ["4/5", "5/5"],
        ["-", "+"],
        ['say "so"', "two\nlines", "x, y", " padded "],
        ["only"],
        ["서울", "부산"],
    ]
)
MISSING = st.sampled_from([None, "-", "n/a", "NA", "?", "unknown", "0", ""])


@st.composite
def draw_column(draw: st.DrawFn) -> Values:
    """Values of some kind, some of them missing in some way."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    kind = draw(st.sampled_from(["number", "text", "date", "words", "truth", "free", "whole"]))
    if kind == "number":
        values: Values = rng.uniform(1, 5000, N_ROWS).round(1).tolist()
    elif kind == "text":
        form = draw(NUMBER_FORMATS)
        values = [form.format(number) for number in rng.uniform(1, 5000, N_ROWS)]
    elif kind == "date":
        form = draw(DATE_FORMATS)
        start = datetime.datetime(2019, 1, 1)
        minutes = rng.integers(0, 1_000_000, N_ROWS).tolist()
        values = [(start + datetime.timedelta(minutes=m)).strftime(form) for m in minutes]
    elif kind == "words":
        values = rng.choice(draw(WORDS), N_ROWS).tolist()
    elif kind == "truth":
        values = (rng.random(N_ROWS) > 0.5).tolist()
    elif kind == "free":
        values = [f'remark "{i}"\nof a person, {rng.integers(99)}' for i in range(N_ROWS)]
    else:
        values = rng.integers(0, draw(st.sampled_from([2, 9, 10**4, 10**17])), N_ROWS).tolist()
    missing = draw(MISSING)
    gaps = rng.random(N_ROWS) < draw(st.sampled_from([0, 0, 0.05, 0.3]))
    return [missing if gap else value for gap, value in zip(gaps, values, strict=True)]


@st.composite
def draw_target(draw: st.DrawFn) -> Values:
    """Numbers, or classes of which none is rare."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    kind = draw(st.sampled_from(["{:.2f}", "${:,.2f}", "{:.1f} kg", "words", "truth", "code"]))
    if kind in ("words", "truth", "code"):
        classes = {"words": ["None", "a", "b"], "truth": [True, False], "code": ["00", "01"]}[kind]
        values: Values = rng.permutation(np.resize(classes, N_ROWS)).tolist()
    else:
        values = [kind.format(number) for number in rng.uniform(1, 5000, N_ROWS)]
    gap = draw(st.sampled_from([None, "", "NaN"]))
    return [gap, *values[1:]] if draw(st.booleans()) else values


TABLES = st.dictionaries(NAMES, draw_column(), min_size=1, max_size=5)


def write(path: Path, columns: dict[str, Values]) -> None:
    """Write columns as a CSV, JSON lines or Parquet file; values of several types become text."""
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
        return
    uniform = {
        name: values
        if len({type(value) for value in values} - {type(None)}) < 2
        else [None if value is None else str(value) for value in values]
        for name, values in columns.items()
    }
    if path.suffix == ".jsonl":
        rows = zip(*uniform.values(), strict=True)
        lines = (json.dumps(dict(zip(uniform, row, strict=True))) + "\n" for row in rows)
        path.write_text("".join(lines), encoding="utf-8")
    else:
        pd.DataFrame(uniform).to_parquet(path, index=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # shrinking would train hundreds of times
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    columns=TABLES,
    target=draw_target(),
    suffix=st.sampled_from([".csv", ".jsonl", ".parquet"]),
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_init_drafts_trains_and_answers_its_own_file(
    folder: Path, columns: dict[str, Values], target: Values, suffix: str
) -> None:
    number = len(list(folder.iterdir()))
    rows, recipe = folder / f"{number}{suffix}", folder / f"{number}.yaml"
    write(rows, {**columns, "x": [i * 1.5 % 7 for i in range(N_ROWS)], "answer": target})
    draft = draft_recipe(str(rows), "answer", recipe)
    run = kr.train(recipe, "report=[]", epochs=1, output_dir=folder / "runs")
    answers = run.predict(rows)
    assert len(answers) == N_ROWS
    assert answers.notna().all(axis=None)
    scores = run.evaluate(rows)
    assert np.isfinite([*scores.values()]).all()
    (evaluation,) = (run.path / "evaluations").iterdir()
    n_evaluated = Run(evaluation).info["dataset"]["rows"]["evaluated"]
    assert n_evaluated == N_ROWS - draft.found.n_unanswered >= N_ROWS - 1
