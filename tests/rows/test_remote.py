from __future__ import annotations

import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError

import pandas as pd
import pytest
from sklearn import datasets
from sklearn.utils import Bunch

from kerasrecipes.errors import DataError, DataUnavailable
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.builtin import EMBEDDED, STAND_INS, load_by_sklearn

Answer = Callable[..., Any]


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "get_data_home", lambda: "/home/me/scikit_learn_data")


def sklearn(name: str) -> tuple[dict[str, list[Any]], str | None]:
    table, target = load_by_sklearn(DatasetSpec(sklearn=name))
    return table.to_pydict(), target


@pytest.mark.parametrize(
    ("name", "n_columns", "n_rows", "target", "first"),
    [
        ("wine", 14, 178, "target", "class_0"),
        ("iris", 5, 150, "target", "setosa"),
        ("breast_cancer", 31, 569, "target", "malignant"),
        ("digits", 65, 1797, "target", "0"),
        ("diabetes", 11, 442, "target", 151.0),
        ("linnerud", 6, 20, None, None),
    ],
)
def test_tables_that_scikit_learn_carries(
    name: str, n_columns: int, n_rows: int, target: str | None, first: Any
) -> None:
    columns, found = sklearn(name)
    assert (len(columns), {len(column) for column in columns.values()}) == (n_columns, {n_rows})
    assert found == target
    if target:
        assert columns[target][0] == first


def test_every_name_has_a_loader() -> None:
    assert all(hasattr(datasets, f"load_{name}") for name in (*EMBEDDED, *STAND_INS.values()))
    assert all(hasattr(datasets, f"fetch_{name}") for name in STAND_INS)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("load_wines", "Did you mean 'wine'?"),
        ("fetch_covtype", "Did you mean 'covtype'?"),
        (
            "moons",
            "Choose from: breast_cancer, california_housing, covtype, diabetes, digits, iris, "
            "linnerud, wine.",
        ),
    ],
)
def test_a_name_that_scikit_learn_does_not_know(name: str, hint: str) -> None:
    with pytest.raises(DataError) as caught:
        sklearn(name)
    assert caught.value.problems == (
        f"sklearn: scikit-learn has no table of that name (received: '{name}'). {hint}",
    )


def test_tables_that_scikit_learn_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame({"MedInc": [8.3], "MedHouseVal": [4.526]})
    bunch = Bunch(frame=frame, target=frame["MedHouseVal"], target_names=["MedHouseVal"])

    def fetch(*, as_frame: bool) -> Any:
        assert as_frame
        assert socket.getdefaulttimeout() is not None
        return bunch

    monkeypatch.setattr(datasets, "fetch_california_housing", fetch)
    assert sklearn("california_housing") == (
        {"MedInc": [8.3], "MedHouseVal": [4.526]},
        "MedHouseVal",
    )
    assert socket.getdefaulttimeout() is None


def test_no_network_for_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(**arguments: Any) -> Any:
        raise URLError("no route to host")

    monkeypatch.setattr(datasets, "fetch_covtype", fetch)
    with pytest.raises(DataUnavailable) as caught:
        sklearn("covtype")
    assert str(caught.value) == (
        "dataset covtype is not available. Tried:\n"
        "  1. scikit-learn's cache /home/me/scikit_learn_data, then scikit-learn's source: "
        "<urlopen error no route to host>\n"
        "What you can do:\n"
        "  - copy /home/me/scikit_learn_data from a machine that has it (SCIKIT_LEARN_DATA moves "
        "it)\n"
        "  - to train without network, add dataset.sklearn=wine to the command: most layers "
        "work unchanged, because the input shape comes from the data"
    )


@pytest.mark.parametrize(
    ("asked", "arguments"),
    [
        ("adult", {"name": "adult"}),
        ("a:b", {"name": "a:b"}),
        (1590, {"data_id": 1590}),
    ],
)
def test_openml_by_name_or_number(
    monkeypatch: pytest.MonkeyPatch, asked: Any, arguments: dict[str, Any]
) -> None:
    frame = pd.DataFrame({"age": [39.0, None], "class": pd.Categorical([">50K", "<=50K"])})
    received = SimpleNamespace()

    def fetch(**arguments: Any) -> Any:
        received.arguments = arguments
        return Bunch(frame=frame, target=frame["class"], target_names=["class"])

    monkeypatch.setattr(datasets, "fetch_openml", fetch)
    table, target = load_by_sklearn(DatasetSpec(openml=asked))
    assert received.arguments == arguments | {"as_frame": True, "parser": "auto"}
    assert table.to_pydict() == {"age": [39.0, None], "class": [">50K", "<=50K"]}
    assert target == "class"


@pytest.mark.parametrize("targets", [None, ["a", "b"]])
def test_openml_without_one_target(
    monkeypatch: pytest.MonkeyPatch, targets: list[str] | None
) -> None:
    frame = pd.DataFrame({"a": [1.0], "b": [2.0]})
    bunch = Bunch(frame=frame, target=targets and frame[targets], target_names=targets or [])
    monkeypatch.setattr(datasets, "fetch_openml", lambda **arguments: bunch)
    table, target = load_by_sklearn(DatasetSpec(openml="a"))
    assert (table.column_names, target) == (["a", "b"], None)


def test_openml_does_not_know_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(**arguments: Any) -> Any:
        raise ValueError("No active dataset adlut found.")

    monkeypatch.setattr(datasets, "fetch_openml", fetch)
    with pytest.raises(DataError) as caught:
        load_by_sklearn(DatasetSpec(openml="adlut"))
    assert caught.value.problems == (
        "openml: No active dataset adlut found. See https://www.openml.org.",
    )


@pytest.mark.parametrize("error", [URLError("no route to host"), TimeoutError("timed out")])
def test_no_network_for_openml(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fetch(**arguments: Any) -> Any:
        raise error

    monkeypatch.setattr(datasets, "fetch_openml", fetch)
    with pytest.raises(DataUnavailable) as caught:
        load_by_sklearn(DatasetSpec(openml="adult"))
    assert str(caught.value) == (
        "dataset adult is not available. Tried:\n"
        "  1. scikit-learn's cache /home/me/scikit_learn_data, then openml.org: "
        f"{error}\n"
        "What you can do:\n"
        "  - copy /home/me/scikit_learn_data from a machine that has it (SCIKIT_LEARN_DATA moves "
        "it)\n"
        "  - on a machine with network, download it as a file; then give path instead of openml"
    )
