"""Tables as people have them: what init makes of each, what is refused, and what runs answer.

Every table is made here from the same rows: a flat's rent is ten times its size, and 50 a room.
"""

from __future__ import annotations

import bz2
import datetime
import gzip
import lzma
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import kerasrecipes as kr
from kerasrecipes.cli.app import main
from kerasrecipes.drafting import Draft, draft_recipe
from kerasrecipes.errors import DataError

N_ROWS = 60
RANDOM = np.random.default_rng(5)
SIZES = RANDOM.integers(20, 120, N_ROWS).tolist()
ROOMS = RANDOM.integers(1, 6, N_ROWS).tolist()
RENTS = [10.0 * size + 50 * rooms for size, rooms in zip(SIZES, ROOMS, strict=True)]
FLATS = {"size": SIZES, "rooms": ROOMS, "rent": RENTS}
NUMBERS = {"size": "float_normalized", "rooms": "float_normalized"}
LINES = [",".join(map(str, row)) for row in zip(*FLATS.values(), strict=True)]


@pytest.fixture(autouse=True)
def _in_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def call(monkeypatch, capsys) -> Callable[..., tuple[object, str]]:
    """Call the command line; return its exit code, and what it says to a person."""

    def call_main(*arguments: str) -> tuple[object, str]:
        monkeypatch.setattr(sys, "argv", ["kerasrecipes", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        return caught.value.code, captured.out + captured.err

    return call_main


def write(name: str, lines: Sequence[str], encoding: str = "utf-8") -> str:
    Path(name).write_text("\n".join(lines) + "\n", encoding=encoding)
    return name


def write_table(name: str, columns: dict[str, Sequence[Any]], **how: Any) -> str:
    pd.DataFrame(columns).to_csv(name, index=False, **how)
    return name


def draft(data: str, target: str | None = None, **how: Any) -> Draft:
    return draft_recipe(data, target, Path("recipe.yaml"), **how)


def list_features(found: Draft) -> dict[str, str]:
    return {column.name: column.feature for column in found.found.source.columns}


def find_column(found: Draft, name: str) -> Any:
    return next(column for column in found.found.source.columns if column.name == name)


def list_values(found: Draft, name: str) -> list[Any]:
    return np.asarray(found.found.source.inputs[name]).tolist()


def find_gaps(found: Draft) -> dict[str, int]:
    arrays = {column.name: column.inputs[0] for column in found.found.source.columns}
    missing = {name: pd.isna(found.found.source.inputs[one]) for name, one in arrays.items()}
    return {name: int(gaps.sum()) for name, gaps in missing.items() if gaps.any()}


def is_read_plainly(found: Draft) -> bool:
    """Whether the flats were found, each number where it belongs."""
    return (
        list_features(found) == NUMBERS
        and found.found.source.task == "regression"
        and list_values(found, "size") == SIZES
        and list_values(found, "rooms") == ROOMS
        and found.found.source.target.tolist() == RENTS
    )


def train(*changes: str, **keys: Any) -> kr.TrainedRun:
    return kr.train("recipe.yaml", "report=[]", *changes, **keys)


def with_few(values: Sequence[Any], other: Any) -> list[Any]:
    """The values, but another one in two rows."""
    return [other if i in (7, 31) else value for i, value in enumerate(values)]


# Targets


def test_a_target_with_a_few_words_is_a_number() -> None:
    found = draft(write_table("flats.csv", FLATS | {"rent": with_few(RENTS, "-")}), "rent")
    assert found.found.source.task == "regression"
    assert found.recipe.dataset.missing_values.add == ["-"]
    assert found.found.n_unanswered == 2
    assert found.found.hints == (
        "rent: 2 of 60 values are not numbers, such as '-' (line 9); taken as missing, see "
        "missing_values.",
    )


def test_training_names_the_words_in_a_target_of_numbers() -> None:
    write_table("flats.csv", FLATS | {"rent": with_few(RENTS, "-")})
    write(
        "recipe.yaml",
        ["dataset: {path: flats.csv, target: rent}", "layers: [Dense: {units: 1}]", "loss: mse"],
    )
    with pytest.raises(DataError) as caught:
        train()
    assert caught.value.problems == (
        "target rent must contain numbers; 2 values are not: '-' (line 9), '-' (line 33). Fix "
        "them, or add them to missing_values. If these are classes, write task: classification.",
    )


def test_a_row_of_units_is_missing_values() -> None:
    found = draft(write("flats.csv", ["size,rooms,rent", "m2,n,EUR", *LINES]), "rent").found
    assert found.spec.missing_values.add == ["m2", "n", "EUR"]
    assert found.source.target.tolist() == RENTS


@pytest.mark.parametrize("write_typed", ["to_json", "to_parquet", "to_feather", "to_excel"])
def test_numbers_as_texts_are_numbers_in_typed_files_too(write_typed: str) -> None:
    frame = pd.DataFrame(FLATS | {"rent": [f"{rent}" for rent in RENTS]})
    endings = {"to_json": "jsonl", "to_excel": "xlsx"}
    name = f"flats.{endings.get(write_typed, write_typed.removeprefix('to_'))}"
    how: dict[str, Any] = {"to_json": {"orient": "records", "lines": True}}.get(write_typed, {})
    how = {"index": False} if write_typed == "to_excel" else how
    getattr(frame, write_typed)(name, **how)
    assert is_read_plainly(draft(name, "rent"))


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}])
def test_a_target_of_lists_or_objects_is_refused(value: Any) -> None:
    pd.DataFrame(FLATS | {"rent": [value] * N_ROWS}).to_parquet("flats.parquet")
    with pytest.raises(DataError, match="target rent must contain numbers, texts or truth values"):
        draft("flats.parquet", "rent")


def test_classes_of_which_hardly_any_recurs_are_refused(call) -> None:
    names = [f"name {i // 2}" for i in range(N_ROWS - 20)] + [f"other {i}" for i in range(20)]
    write_table("names.csv", {"size": SIZES, "who": names})
    code, said = call("init", "names.csv", "--target", "who")
    assert code == 2
    assert "(received: 40 classes in 60 rows" in " ".join(said.split())


def test_a_target_of_numbers_with_marks_says_how_to_predict_them(call) -> None:
    hint = "numbers with marks, such as '$2.0M' and '$2.1M'; write them as plain numbers to use"
    rents = [f"${2 + i / 10:.1f}M" for i in range(40)] * 2
    found = draft(write_table("flats.csv", {"size": range(80), "rent": rents}), "rent")
    assert found.found.hints[0] == f"rent: {hint} them."
    write_table("few.csv", {"size": range(60), "rent": rents[:60]})
    code, said = call("init", "few.csv", "--target", "rent")
    assert code == 2
    assert hint in " ".join(said.split())


@pytest.mark.parametrize("word", ["None", "NA"])
def test_a_frequent_word_for_missing_is_a_class(word: str) -> None:
    classes = [(word, "Minor", "Severe")[i % 3] for i in range(N_ROWS)]
    sizes = [{word: 0.0, "Minor": 5.0, "Severe": 9.0}[name] for name in classes]
    found = draft(write_table("damage.csv", {"size": sizes, "damage": classes}), "damage")
    assert found.recipe.dataset.missing_values.keep == [word]
    assert found.found.n_unanswered == 0
    assert found.found.hints[0] == (
        f"'{word}' is taken as a category, as it is frequent in damage (20 rows); if it means "
        "missing, remove it from missing_values.keep."
    )
    run = train("optimizer.AdamW.learning_rate=0.1", epochs=30)
    assert set(run.predict("damage.csv")["predicted"]) == {word, "Minor", "Severe"}
    assert run.evaluate("damage.csv")["accuracy"] > 0.9


def test_a_word_kept_as_a_category_means_missing_among_numbers() -> None:
    columns = FLATS | {"region": [("NA", "EU", "SA")[i % 3] for i in range(N_ROWS)]}
    found = draft(write_table("r.csv", columns | {"size": with_few(SIZES, "NA")}), "region")
    assert found.found.source.class_names == ("EU", "NA", "SA")
    assert find_column(found, "size").kind == "number"
    assert find_gaps(found) == {"size": 2}


def test_most_classes_may_be_a_word_kept_as_a_category() -> None:
    regions = [("NA", "NA", "EU")[i % 3] for i in range(N_ROWS)]
    found = draft(write_table("r.csv", FLATS | {"region": regions}), "region")
    assert found.found.source.class_names == ("EU", "NA")


@pytest.mark.parametrize(
    ("column", "word", "values"),
    [
        ("sign", "-", ["+", "-"]),
        ("floor", "0", [0, 1, 2]),
        ("year", "2019", [2018, 2019, 2020]),
    ],
)
def test_a_word_among_dates_takes_nothing_from_other_columns(
    column: str, word: str, values: list[Any]
) -> None:
    days = [f"2021-0{i % 9 + 1}-1{i % 10}" for i in range(N_ROWS)]
    other = [values[i % len(values)] for i in range(N_ROWS)]
    table = {"since": with_few(days, word), column: other, "rent": RENTS}
    found = draft(write_table("flats.csv", table), "rent")
    assert find_column(found, "since").kind == "date"
    assert find_gaps(found) == {"since": 2}
    assert list_values(found, column) == other


def test_a_column_that_gives_the_answer_away_is_reported() -> None:
    grades = [i % 4 for i in range(2 * N_ROWS)]
    results = ["pass" if grade > 1 else "fail" for grade in grades]
    found = draft(write_table("c.csv", {"size": SIZES * 2, "Grade": grades, "Result": results}))
    (check,) = (each for each in found.dataset.checks if "Grade" in each)
    assert check.startswith("Grade alone predicts Result right for 100.0% of rows")
    assert check.endswith("Leave it out with drop: [Grade] if it is not known before Result is.")


def test_codes_keep_their_zeros() -> None:
    grades = [f"00{i % 3}" for i in range(N_ROWS)]
    zips = [("02139", "10115", "00501")[i % 3] for i in range(N_ROWS)]
    found = draft(write_table("zips.csv", {"zip": zips, "size": SIZES, "grade": grades}), "grade")
    assert found.found.source.class_names == ("000", "001", "002")
    assert find_column(found, "zip").feature == "string_categorical"
    assert list_values(found, "zip") == zips


# Numbers


@pytest.mark.parametrize(
    ("form", "arguments"),
    [
        ("${:,.2f}", {"unit": "$", "thousands": ","}),
        ("{:.1f}%", {"unit": "%"}),
        ("{:.1f} %", {"unit": "%"}),
        ("{:.1f} kg", {"unit": "kg"}),
        ("{:,}", {"thousands": ","}),
        ("US$ {:,.2f}", {"unit": "US$", "thousands": ","}),
        ("{:,}원", {"unit": "원", "thousands": ","}),
        ("-{}°C", {"unit": "°C"}),
        ("\u2212{}", {}),
        ("({})", {}),
        ("(${:,})", {"unit": "$", "thousands": ","}),
    ],
)
def test_numbers_with_marks_are_numbers(form: str, arguments: dict[str, str]) -> None:
    incomes = [size * 137 for size in SIZES]
    texts = [form.format(income) for income in incomes]
    found = draft(write_table("people.csv", {"income": texts, "rent": RENTS}), "rent")
    column = find_column(found, "income")
    assert (column.kind, column.arguments) == (
        "number",
        arguments,
    )
    sign = -1 if form[0] in "-\u2212(" else 1
    assert list_values(found, "income") == [sign * income for income in incomes]


def test_a_decimal_comma_within_a_comma_separated_file() -> None:
    heights = [f"{size},5" for size in SIZES]
    found = draft(write_table("people.csv", {"height": heights, "rent": RENTS}), "rent")
    assert list_values(found, "height") == [size + 0.5 for size in SIZES]


def test_marks_that_cannot_be_read_are_reported() -> None:
    prices = [f"{size}.{i}{'KM'[i % 2]}" for i, size in enumerate(SIZES)]
    found = draft(write_table("p.csv", {"price": prices, "size": SIZES, "rent": RENTS}), "rent")
    reason = dict(found.found.source.left_out)["price"]
    assert f"numbers with marks, such as '{prices[0]}' and '{prices[1]}'" in reason


POINTS = [size * 41 for size in SIZES]
POINTED = [f"{number:,}".replace(",", ".") for number in POINTS]


@pytest.mark.parametrize("weights", [["1,5", "20,25"], ["3", "20"]], ids=["commas", "no fraction"])
def test_points_between_thousands_are_no_fractions(weights: list[str]) -> None:
    table = {"weight": POINTED, "depth": weights * (N_ROWS // 2), "worth": RENTS}
    table["worth"] = [f"{number // 2}" for number in POINTS]
    found = draft(write_table("mix.csv", table, sep=";"), "worth")
    assert find_column(found, "weight").arguments["thousands"] == "."
    assert list_values(found, "weight") == POINTS
    assert found.found.source.target.tolist() == [number // 2 for number in POINTS]


def test_points_between_thousands_in_the_target() -> None:
    write_table("towns.csv", {"size": SIZES, "people": POINTED}, sep=";")
    assert draft("towns.csv", "people").found.source.target.tolist() == POINTS


def test_a_run_answers_1_000_as_a_thousand() -> None:
    worths = [f"{number / 2:.1f}".replace(".", ",") for number in POINTS]
    draft(write_table("mix.csv", {"weight": POINTED, "worth": worths}, sep=";"), "worth")
    changes = ("layers=[{Dense: {units: 1}}]", "optimizer={Adam: {learning_rate: 0.1}}")
    run = train(*changes, epochs=150)
    write("asked.csv", ["weight", "999", "1.000", "3.000", "200"])
    answers = run.predict("asked.csv")["predicted"]
    np.testing.assert_allclose(answers, [499.5, 500, 1500, 100], atol=20)


def test_one_bad_cell_leaves_numbers_numbers() -> None:
    heights = [f"{size + 100}.{i % 10}" for i, size in enumerate(SIZES)]
    heights[4] = "173,2"
    results = ["pass" if i % 2 else "fail" for i in range(N_ROWS)]
    found = draft(write_table("class.csv", {"Height (cm)": heights, "Result": results}), "Result")
    assert find_column(found, "Height (cm)").feature == "float_normalized"
    assert found.recipe.dataset.missing_values.add == ["173,2"]
    assert find_gaps(found) == {"Height (cm)": 1}
    assert "1 of 60 values is not a number, such as '173,2' (line 6)" in found.found.hints[0]


def test_sentinels_are_reported() -> None:
    levels = with_few(SIZES, -200)
    ends = with_few([f"2019-0{i % 9 + 1}-02" for i in range(N_ROWS)], "9999-12-31")
    found = draft(write_table("s.csv", {"no2": levels, "until": ends, "y": RENTS}), "y")
    assert [hint.split(" is far")[0] for hint in found.found.hints] == [
        "no2: -200",
        "until: 9999-12-31",
    ]
    assert "write missing_values: [-200] and missing: median." in found.found.hints[0]


def test_minus_200_is_reported_beside_a_wide_range() -> None:
    levels = [-200 if i % 4 == 0 else i * 25 for i in range(N_ROWS)]
    found = draft(write_table("s.csv", {"nox": levels, "y": RENTS}), "y")
    assert found.found.hints[0].startswith("nox: -200 is far")


def test_identifiers_are_left_out_with_their_reason() -> None:
    order = np.random.default_rng(0).permutation(N_ROWS)
    table = {"": order, "client_id": order + 15600000, "orderNo": order + 7}
    found = draft(write_table("clients.csv", table | {"size": SIZES, "y": RENTS}), "y")
    assert list_features(found) == {"size": "float_normalized"}
    reason = "60 distinct numbers in 60 rows: an identifier by its name"
    drop = {name: reason.split(";")[0] for name, reason in found.found.source.left_out}
    assert drop == {
        "Unnamed: 0": "a row number, counted from 0",
        "client_id": reason,
        "orderNo": reason,
    }


def test_ten_and_ten_point_zero_are_one_category() -> None:
    codes = [(10, 20, 30)[i % 3] for i in range(N_ROWS)]
    levels = [{10: 100.0, 20: 5.0, 30: 50.0}[code] + i / 100 for i, code in enumerate(codes)]
    draft(write_table("codes.csv", {"code": codes, "y": levels}), "y")
    changes = ("dataset.features={code: string_categorical}", "layers=[{Dense: {units: 1}}]")
    run = train(*changes, "optimizer={Adam: {learning_rate: 0.1}}", epochs=80)
    answers = run.predict(pd.DataFrame({"code": [10.0, 20.0, 30.0]}))["predicted"]
    np.testing.assert_allclose(answers, [100, 5, 50], atol=5)
    write("new.csv", ["code,x", "10.0,1", "20.0,1", "30.0,1"])
    np.testing.assert_array_equal(run.predict("new.csv")["predicted"], answers)


def test_rare_categories_are_reported_apart_from_unseen_ones() -> None:
    towns = [f"town {i % 130}" for i in range(260)]
    draft(write_table("towns.csv", {"town": towns, "y": [i / 7 for i in range(260)]}), "y")
    run = train("dataset.test_split=0.05", "dataset.validation_split=0.05", epochs=1)
    with pytest.warns(UserWarning, match="rare in training .*; rare ones share a place"):
        run.predict("towns.csv")
    with pytest.warns(
        UserWarning, match=r"1 row has a category that no training row had \('Rom'\)"
    ):
        run.predict(pd.DataFrame({"town": ["Rom"]}))


# Dates

START = datetime.datetime(2019, 1, 3, 6, 40)
MOMENTS = [START + datetime.timedelta(minutes=i * 18_731) for i in range(N_ROWS)]
DAY = ("year", "month", "day", "weekday")


@pytest.mark.parametrize(
    ("date_format", "parts"),
    [
        ("%m/%d/%Y %I:%M:%S %p", (*DAY, "hour", "minute")),
        ("%Y%m%dT%H%M%S", (*DAY, "hour", "minute")),
        ("%Y-%m-%d %H:%M:%S UTC", (*DAY, "hour", "minute")),
        ("%a %b %d %H:%M:%S %Y", (*DAY, "hour", "minute")),
        ("%d-%b-%Y", DAY),
        ("%d.%m.%y", DAY),
        ("%m/%d/%y", DAY),
        ("%b %d, %Y", DAY),
        ("%d. %B %Y", DAY),
        ("%Y년%m월%d일", DAY),
        ("%Y年%m月%d日", DAY),
        ("%Y-%m", ("year", "month")),
        ("%b-%y", ("year", "month")),
        ("%H:%M", ("hour", "minute")),
        ("%I:%M %p", ("hour", "minute")),
        ("%H.%M.%S", ("hour", "minute")),
        ("%Hh%M", ("hour", "minute")),
    ],
)
def test_dates_are_read_as_they_are_written(date_format: str, parts: tuple[str, ...]) -> None:
    texts = [moment.strftime(date_format) for moment in MOMENTS]
    found = draft(write_table("days.csv", {"when": texts, "y": RENTS}), "y")
    column = find_column(found, "when")
    assert (column.arguments["format"], column.parts) == (date_format, parts)
    assert found.recipe.dataset.features["when"].arguments["format"] == date_format
    for part in {*parts} - {"weekday"}:
        assert list_values(found, f"when ({part})") == [getattr(m, part) for m in MOMENTS]


def test_quarters_are_dates() -> None:
    texts = [f"{moment.year}Q{(moment.month + 2) // 3}" for moment in MOMENTS]
    found = draft(write_table("days.csv", {"when": texts, "y": RENTS}), "y")
    assert find_column(found, "when").arguments["format"] == "%YQ%q"
    assert set(list_values(found, "when (month)")) <= {1, 4, 7, 10}


def test_seconds_are_kept() -> None:
    laps = [f"00:00:{40 + i % 20}" for i in range(N_ROWS)]
    found = draft(write_table("laps.csv", {"lap": laps, "y": RENTS}), "y")
    assert list_values(found, "lap (second)") == [40 + i % 20 for i in range(N_ROWS)]


def test_one_date_that_is_none_is_missing() -> None:
    texts = [moment.strftime("%Y-%m-%d") for moment in MOMENTS]
    texts[9] = "0000-00-00"
    found = draft(write_table("days.csv", {"when": texts, "y": RENTS}), "y")
    assert find_column(found, "when").parts == DAY
    assert found.recipe.dataset.missing_values.add == ["0000-00-00"]


def test_dates_in_two_styles_are_reported() -> None:
    styles = ("%m/%d/%Y", "%Y-%m-%d")
    texts = [moment.strftime(styles[i % 2]) for i, moment in enumerate(MOMENTS)]
    found = draft(write_table("days.csv", {"when": texts, "size": SIZES, "y": RENTS}), "y")
    assert (
        "dates in several formats, such as '01/03/2019' (line 2) and '2019-01-16' (line 3)"
        in dict(found.found.source.left_out)["when"]
    )


@pytest.mark.parametrize("date_format", ["%d-%b", "%b %d"])
def test_days_without_a_year_are_no_years(date_format: str) -> None:
    texts = [moment.strftime(date_format) for moment in MOMENTS]
    found = draft(write_table("days.csv", {"when": texts, "size": SIZES, "y": RENTS}), "y")
    assert "when (year)" not in found.found.source.inputs


def test_numbers_of_four_digits_are_no_dates() -> None:
    prices = with_few([f"{2000 + size}.{i % 10}" for i, size in enumerate(SIZES)], "-")
    found = draft(write_table("p.csv", {"price": prices, "y": RENTS}), "y")
    assert find_column(found, "price").kind == "number"


def test_times_of_day_train_and_predict() -> None:
    times = [moment.strftime("%H:%M") for moment in MOMENTS]
    draft(write_table("calls.csv", {"start": times, "calls": RENTS}), "calls")
    run = train(epochs=1)
    answers = run.predict("calls.csv")
    assert len(answers) == N_ROWS
    assert set(run.evaluate("calls.csv")) >= {"loss", "r2"}
    typed = pa.table({"start": [moment.time() for moment in MOMENTS], "calls": RENTS})
    pd.testing.assert_frame_equal(run.predict(typed), answers)


# How files are laid out


@pytest.mark.parametrize(
    ("lines", "note"),
    [
        (["size,rooms,rent,", *LINES], None),
        (["size,rooms,rent", *(f"{line}," for line in LINES)], None),
        (["sep=,", "size,rooms,rent", *LINES], None),
        (["# made by a tool", "# v2", "size,rooms,rent", *LINES], None),
        (
            ["Monthly report", "made in May", "", "size,rooms,rent", *LINES],
            "The column names are in line 4; what is above is skipped.",
        ),
        (
            ["Monthly report,,", ",,", "size,rooms,rent", *LINES],
            "The column names are in line 3; what is above is skipped.",
        ),
        (
            ["Monthly report, May", "size,rooms,rent", *LINES],
            "The column names are in line 2; what is above is skipped.",
        ),
        (
            ["size,rooms,rent", *(f"{i},{line}" for i, line in enumerate(LINES, 1))],
            "The first value of each row has no column name; it is read as a name of the row.",
        ),
        (
            ["size,rooms,rent", *LINES[:30], "size,rooms,rent", *LINES[30:]],
            "Rows that repeat the column names are left out, the first in line 32.",
        ),
    ],
)
def test_what_stands_around_the_rows_is_understood(lines: list[str], note: str | None) -> None:
    found = draft(write("flats.csv", lines), "rent")
    rents = found.found.source.target.tolist()
    assert (list_features(found), rents) == (NUMBERS, RENTS)
    assert found.found.hints == ((note,) if note else ())


@pytest.mark.parametrize("delimiter", ["^", ":", " ", "   ", "~", "|", "\t", ";"])
def test_any_delimiter_is_found(delimiter: str) -> None:
    lines = ["size,rooms,rent", *LINES]
    found = draft(write("flats.txt", [line.replace(",", delimiter) for line in lines]), "rent")
    assert is_read_plainly(found)


@pytest.mark.parametrize(
    ("lines", "target"),
    [
        ([f"{size},{i % 2}" for i, size in enumerate(SIZES)], ["0", "1"]),
        (
            [f"{('blue', 'red')[i % 2]},{('no', 'yes')[i % 2]}" for i in range(N_ROWS)],
            ["no", "yes"],
        ),
        ([f"{moment:%Y-%m-%d},{i % 2}" for i, moment in enumerate(MOMENTS)], ["0", "1"]),
    ],
    ids=["whole numbers", "words", "dates"],
)
def test_a_first_line_that_is_a_row_stays_a_row(lines: list[str], target: list[str]) -> None:
    found = draft(write("rows.csv", lines))
    assert found.recipe.dataset.target == "column 2"
    assert list(found.found.source.class_names) == target
    assert len(found.found.source.target) == N_ROWS
    assert found.found.hints[0].startswith("The first line looks like a row")
    assert found.recipe.dataset.csv.header == "none"


def test_years_are_names_of_columns() -> None:
    lines = [f"country {i},{size},{size + 1}" for i, size in enumerate(SIZES)]
    found = draft(write("years.csv", ["country,1990,1995", *lines]), "1995")
    assert list_features(found) == {"1990": "float_normalized"}


@pytest.mark.parametrize("label", ["Total", "Summe", "합계", "Grand Total:"])
def test_a_row_of_totals_is_reported(label: str) -> None:
    towns = [f"{'NSW'[i % 3]},{line}" for i, line in enumerate(LINES)]
    total = f"{label},{sum(SIZES)},{sum(ROOMS)},{sum(RENTS)}"
    found = draft(write("sales.csv", ["town,size,rooms,rent", *towns, total]), "rent")
    assert found.found.hints == (
        "The last row, line 62, looks like a total: size, rooms, rent there is the sum of the "
        "other rows. Remove it from the file.",
    )


def test_totals_in_the_first_row_are_reported() -> None:
    towns = [f"{'NSW'[i % 3]},{line}" for i, line in enumerate(LINES)]
    total = f"합 계,{sum(SIZES)},{sum(ROOMS)},{sum(RENTS)}"
    found = draft(write("sales.csv", ["town,size,rooms,rent", total, *towns]), "rent")
    assert found.found.hints == (
        "The first row, line 2, looks like a total: size, rooms, rent there is the sum of the "
        "other rows. Remove it from the file.",
    )


def test_totals_are_reported_where_their_label_stands_among_numbers() -> None:
    total = f"Total,{sum(ROOMS)},{sum(RENTS)}"
    found = draft(write("sales.csv", ["size,rooms,rent", *LINES, total]), "rent")
    assert "The last row, line 62, looks like a total" in found.found.hints[1]


def test_columns_without_names_and_values_are_left_out() -> None:
    found = draft(write("flats.csv", ["size,rooms,rent,,", *(f"{line},," for line in LINES)]))
    assert is_read_plainly(found)
    assert dict(found.found.source.left_out) == {
        "Unnamed: 3": "no values",
        "Unnamed: 4": "no values",
    }


def test_an_index_saved_twice_is_two_columns() -> None:
    lines = [f"{i},{i},{line}" for i, line in enumerate(LINES)]
    found = draft(write("flats.csv", [",Unnamed: 0,size,rooms,rent", *lines]), "rent")
    assert is_read_plainly(found)


@pytest.mark.parametrize("ending", ["\n", ""])
def test_names_without_rows_are_refused(call, ending: str) -> None:
    Path("one.csv").write_text(f"size,rooms,rent{ending}")
    code, said = call("init", "one.csv")
    assert (code, said) == (
        2,
        "dataset one.csv\n  the file has column names (size, rooms, rent) and no rows. Add rows.\n",
    )


# What files are


TEXT = "\n".join(["size,rooms,rent", *LINES]).encode()


def compress(kind: str) -> bytes:
    if kind == "zip":
        with zipfile.ZipFile("made.zip", "w") as archive:
            archive.writestr("flats.csv", TEXT)
        return Path("made.zip").read_bytes()
    if kind == "zst":
        return bytes(pa.Codec("zstd").compress(TEXT, asbytes=True))
    return {"gz": gzip, "bz2": bz2, "xz": lzma}[kind].compress(TEXT)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zst", "zip"])
@pytest.mark.parametrize("name", ["flats.csv.{}", "flats.csv"])
def test_compressed_files_are_known_by_their_bytes(kind: str, name: str) -> None:
    path = Path(name.format(kind))
    path.write_bytes(compress(kind))
    assert is_read_plainly(draft(str(path), "rent"))


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("cut.csv.gz", gzip.compress(TEXT, mtime=0)[:60], "is damaged or ends too early"),
        ("cut.csv.xz", lzma.compress(TEXT)[:60], "is damaged or ends too early"),
        ("old.xlsx", b"\xd0\xcf\x11\xe0" + bytes(60), "old.xlsx is an old .xls file"),
        ("t.csv", b"PAR1" + bytes(60), "t.csv is a Parquet file by its first bytes. Save it with"),
        ("t.csv", b'{"size": 3, "rent": 5}\n' * 20, "is JSON. Name it with the ending"),
        (
            "t.csv",
            b"<!DOCTYPE html>\n<p>Not found",
            "is HTML or XML. Download it again, or export it as CSV",
        ),
    ],
)
def test_files_that_are_something_else_are_named(
    call, name: str, content: bytes, problem: str
) -> None:
    Path(name).write_bytes(content)
    code, said = call("init", name, "--target", "rent")
    assert code == 2
    assert problem in said


def test_an_encoding_is_shown_by_the_characters_that_need_it(call) -> None:
    lines = [f"a long remark about the visit to the café number {i},{i},{i}" for i in range(30)]
    write("long.csv", ["text,n,y", *lines], encoding="cp1252")
    code, said = call("init", "long.csv")
    assert code == 2
    assert "There cp1252 reads 't to the café number 0" in said


def test_rows_in_utf_8_are_read_by_a_run_of_another_encoding(call) -> None:
    drinks = [("thé", "eau", "café")[i % 3] for i in range(N_ROWS)]
    usual = {"thé": 30.0, "eau": 10.0, "café": 20.0}
    costs = [usual[drink] + i / 100 for i, drink in enumerate(drinks)]
    write_table("bar.csv", {"drink": drinks, "cost": costs}, encoding="cp1252")
    draft("bar.csv", "cost", changes=["csv.encoding=cp1252"])
    changes = ("layers=[{Dense: {units: 1}}]", "optimizer={Adam: {learning_rate: 0.1}}")
    run = train(*changes, epochs=80)
    write("new.csv", ["drink", "thé", "eau", "café"])
    np.testing.assert_allclose(run.predict("new.csv")["predicted"], [30, 10, 20], atol=1)
    write("utf-16.csv", ["drink", "thé", "eau"], encoding="utf-16-le")
    code, _ = call("predict", str(run.path), "--data", "utf-16.csv", "-o", "answers.csv",
                   "--encoding", "utf-16-le")  # fmt: skip
    assert code == 0
    np.testing.assert_allclose(pd.read_csv("answers.csv")["predicted"], [30, 10], atol=1)


def write_sheets(sheets: dict[str, list[list[Any]]]) -> str:
    with pd.ExcelWriter("book.xlsx") as book:
        for name, rows in sheets.items():
            pd.DataFrame(rows).to_excel(book, sheet_name=name, index=False, header=False)
    return "book.xlsx"


SHEET = [[*FLATS], *map(list, zip(*FLATS.values(), strict=True))]


@pytest.mark.parametrize(
    ("sheets", "hint"),
    [
        ({"Empty": [], "Data": SHEET}, "Sheet 'Data' is read, of 2 sheets (Empty not)"),
        (
            {"Notes": [["about these data"], ["made in May"]], "Data": SHEET},
            "Sheet 'Data' is read, of 2 sheets (Notes not)",
        ),
        ({"Data": [["Report"], [], *SHEET]}, "The column names are in row 3"),
        ({"Data": [["Flats", None, "Money"], *SHEET]}, ""),
    ],
)
def test_the_table_of_an_excel_file_is_found(sheets: dict[str, list[list[Any]]], hint: str) -> None:
    if not hint:
        write("recipe.yaml", ["dataset: {path: book.xlsx, target: rent, excel: {header_row: 2}}",
                              "layers: [Dense: {units: 1}]", "loss: mse"])  # fmt: skip
        write_sheets(sheets)
        assert [c["name"] for c in train(epochs=1).info["dataset"]["columns"]] == [*NUMBERS]
        return
    found = draft(write_sheets(sheets), "rent")
    assert is_read_plainly(found)
    assert found.found.hints[0].startswith(hint)


def test_a_note_below_numbers_in_excel_leaves_them_numbers() -> None:
    features = list_features(draft(write_sheets({"Data": [*SHEET, ["Source: us"]]}), "rent"))
    assert features == NUMBERS


def test_years_name_columns_in_excel_as_in_csv() -> None:
    sheet = [[2019, 2020, "rent"], *map(list, zip(*FLATS.values(), strict=True))]
    assert set(list_features(draft(write_sheets({"Data": sheet}), "rent"))) == {"2019", "2020"}


# Frames and typed files


@pytest.mark.parametrize("write_typed", ["to_parquet", "to_feather"])
@pytest.mark.parametrize("target", ["rent", None])
def test_categories_of_pandas_are_categories(write_typed: str, target: str | None) -> None:
    kinds = pd.Categorical(["ab"[i % 2] for i in range(N_ROWS)])
    name = f"c.{write_typed.removeprefix('to_')}"
    getattr(pd.DataFrame({"kind": kinds, "size": SIZES, "rent": RENTS}), write_typed)(name)
    found = draft(name, target)
    assert list_features(found) == {"kind": "string_categorical", "size": "float_normalized"}


def make_columns() -> Iterator[Any]:
    days = pd.to_datetime(MOMENTS)
    yield pytest.param(pd.cut(SIZES, 3), "string_categorical", id="pd.cut")
    yield pytest.param(pd.qcut(SIZES, 4), "string_categorical", id="pd.qcut")
    yield pytest.param([10**30 + 10**28 * i for i in SIZES], "float_normalized", id="big numbers")
    yield pytest.param(days.to_period("M"), "date", id="months")
    yield pytest.param(days.to_period("Q"), "date", id="quarters")
    yield pytest.param(pd.arrays.SparseArray(SIZES), "float_normalized", id="sparse")
    yield pytest.param(pd.array(SIZES, "Int64"), "float_normalized", id="Int64")


@pytest.mark.parametrize(("values", "feature"), make_columns())
def test_a_frame_of_any_type_trains_and_predicts(values: Any, feature: str) -> None:
    frame = pd.DataFrame({"v": values, "size": SIZES, "rent": RENTS})
    write("recipe.yaml", ["dataset: {target: rent}", "layers: [Dense: {units: 1}]", "loss: mse"])
    run = train(data=frame, epochs=1)
    found = {column["name"]: column["feature"] for column in run.info["dataset"]["columns"]}
    assert found == {"v": feature, "size": "float_normalized"}
    assert len(run.predict(frame)) == N_ROWS


def test_evaluate_leaves_out_what_train_left_out() -> None:
    rents = [None if i in (3, 40) else rent for i, rent in enumerate(RENTS)]
    draft(write_table("flats.csv", FLATS | {"rent": rents}), "rent")
    run = train(epochs=1)
    with pytest.warns(UserWarning, match="2 of 60 rows are left out: target rent is missing"):
        scores = run.evaluate("flats.csv")
    assert np.isfinite([*scores.values()]).all()
