from __future__ import annotations

import socket
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

import kerasrecipes as kr
from kerasrecipes.errors import DataError, DataUnavailable, RecipeError
from kerasrecipes.recipe.schema import DatasetName, DatasetSpec
from kerasrecipes.rows.builtin import ARRAYS, CIFAR100_CLASSES, TABLES, load_builtin

from .conftest import FakeKeras


def load(name: Any) -> Any:
    return load_builtin(DatasetSpec(name=name))


def test_every_name_that_a_recipe_may_use_has_a_loader() -> None:
    assert {*TABLES, *ARRAYS} == {*get_args(DatasetName)}


@pytest.mark.parametrize(
    ("name", "n_rows", "n_columns", "target", "unit", "first", "class_names"),
    [
        ("boston_housing", 506, 13, "MEDV", "$1000s", {"CRIM": 0.00632, "LSTAT": 4.98}, ()),
        ("diabetes", 442, 10, "progression", "", {"age": 59.0, "bmi": 32.1}, ()),
        (
            "breast_cancer",
            569,
            30,
            "diagnosis",
            "",
            {"mean radius": 17.99},
            ("malignant", "benign"),
        ),
        (
            "iris",
            150,
            4,
            "species",
            "",
            {"sepal length (cm)": 5.1},
            ("setosa", "versicolor", "virginica"),
        ),
        (
            "wine",
            178,
            13,
            "cultivar",
            "",
            {"alcohol": 14.23, "od280_od315_of_diluted_wines": 3.92},
            ("class_0", "class_1", "class_2"),
        ),
    ],
)
def test_embedded_tables(
    name: str,
    n_rows: int,
    n_columns: int,
    target: str,
    unit: str,
    first: dict[str, float],
    class_names: tuple[str, ...],
) -> None:
    source = load(name)
    assert len(source.inputs) == n_columns
    for column in source.inputs.values():
        assert (column.shape, column.dtype) == ((n_rows,), np.float32)
    assert {column: source.inputs[column][0] for column in first} == pytest.approx(first)
    assert (source.target_names, source.target_unit) == ((target,), unit)
    assert source.class_names == class_names
    assert source.task == ("classification" if class_names else "regression")
    assert source.target.dtype == (np.int64 if class_names else np.float32)
    assert not source.own_parts


def test_column_names_are_ones_that_keras_takes() -> None:
    assert not [
        column
        for name in ("breast_cancer", "iris", "wine", "diabetes")
        for column in load(name).inputs
        if "/" in column
    ]


def test_digits_are_images() -> None:
    source = load("digits")
    assert (source.inputs.shape, source.inputs.dtype) == ((1797, 8, 8), np.uint8)
    assert (source.inputs.max(), source.class_names) == (16, tuple("0123456789"))


def test_cifar100_has_a_hundred_names_in_alphabetical_order() -> None:
    assert len(set(CIFAR100_CLASSES)) == 100
    assert sorted(CIFAR100_CLASSES) == list(CIFAR100_CLASSES)


@pytest.mark.parametrize(
    ("name", "shape", "n_classes"),
    [("mnist", (28, 28), 10), ("cifar10", (32, 32, 3), 10), ("cifar100", (32, 32, 3), 100)],
)
def test_images_through_keras(
    fake_keras: FakeKeras, name: str, shape: tuple[int, ...], n_classes: int
) -> None:
    labels = np.array([[3], [1]], np.uint8)
    fake_keras(
        **{
            name: lambda: (
                (np.ones((2, *shape), np.uint8), labels),
                (np.ones((1, *shape), np.uint8), labels[:1]),
            )
        }
    )
    source = load(name)
    assert source.inputs.shape == (2, *shape)
    assert source.own_parts["test"].inputs.shape == (1, *shape)
    assert source.inputs.dtype == source.own_parts["test"].inputs.dtype == np.uint8
    assert source.target.tolist() == [3, 1]
    assert source.own_parts["test"].target.tolist() == [3]
    assert source.target.dtype == np.int64
    assert len(source.class_names) == n_classes


def test_california_housing_is_one_table_of_all_rows(fake_keras: FakeKeras) -> None:
    def load_data(test_split: float) -> Any:
        assert test_split == 0.0
        x = np.array([[-122.23, 37.88, 41.0, 880.0, 129.0, 322.0, 126.0, 8.3252]], np.float32)
        return (x, np.array([452600.0], np.float32)), (x[:0], x[:0, 0])

    fake_keras(california_housing=load_data)
    source = load("california_housing")
    assert (source.target_names, source.target_unit) == (("median_house_value",), "$")
    assert source.inputs["longitude"] == pytest.approx(-122.23)
    assert source.inputs["total_rooms"] == 880.0
    assert source.inputs["median_income"] == pytest.approx(8.3252)
    assert source.target.tolist() == [452600.0]
    assert not source.own_parts


def fail(**arguments: Any) -> Any:
    raise Exception("URL fetch failure on https://example.org: None -- no route to host")


@pytest.mark.parametrize(
    ("name", "stand_in"),
    [
        ("mnist", "digits"),
        ("cifar10", "digits"),
        ("cifar100", "digits"),
        ("california_housing", "diabetes"),
    ],
)
def test_a_failed_download_lists_remedies(
    fake_keras: FakeKeras,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    stand_in: str,
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    fake_keras(**{name: fail})
    with pytest.raises(DataUnavailable) as caught:
        load(name)
    cache = tmp_path / "datasets"
    assert str(caught.value) == (
        f"dataset {name} is not available. Tried:\n"
        f"  1. Keras's cache {cache}, then download through Keras: "
        "URL fetch failure on https://example.org: None -- no route to host\n"
        "What you can do:\n"
        f"  - copy {cache} from a machine that has {name} in it (KERAS_HOME moves it)\n"
        f"  - to train without network, add dataset.name={stand_in} to the command: "
        "most layers work unchanged, because the input shape comes from the data"
    )


def test_keras_is_quiet_and_no_server_may_be_silent_for_ever(
    fake_keras: FakeKeras, capsys: pytest.CaptureFixture[str]
) -> None:
    def load_data() -> Any:
        print("Downloading")
        assert socket.getdefaulttimeout() is not None
        images, labels = np.ones((1, 28, 28), np.uint8), np.ones(1, np.uint8)
        return (images, labels), (images, labels)

    fake_keras(mnist=load_data)
    load("mnist")
    assert capsys.readouterr().out == ""


REVIEWS = [[11, 40, 7], [5, 6], [9, 8, 7, 6, 5], [1000, 3], [4], [2, 3]]
"""Word ids as Keras's files have them: without the start, and 3 less than load_data gives."""


def write_texts(file: Path, **arrays: Any) -> None:
    """Write texts in the format of Keras's own files: pickled lists of ids."""
    for name, value in arrays.items():
        if name.startswith("x"):
            arrays[name] = np.empty(len(value), object)
            arrays[name][:] = value
    np.savez(file, **arrays)


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small imdb.npz and reuters.npz in the place of those that Keras downloads and checks."""
    labels = np.array([0, 1, 0, 1, 0, 1])
    write_texts(
        tmp_path / "imdb.npz",
        x_train=REVIEWS,
        y_train=labels,
        x_test=REVIEWS[:2],
        y_test=labels[:2],
    )
    write_texts(tmp_path / "reuters.npz", x=REVIEWS, y=np.array([3, 4, 45, 0, 1, 2]))
    for name in ("imdb", "reuters"):
        monkeypatch.setattr(
            f"keras.src.datasets.{name}.get_file", lambda fname, **_: str(tmp_path / fname)
        )


@pytest.mark.usefixtures("texts")
def test_imdb_equals_load_data_and_pad_sequences() -> None:
    import keras

    source = load_builtin(DatasetSpec(name="imdb", num_words=30, maxlen=4))
    (x, y), (x_test, y_test) = keras.datasets.imdb.load_data(num_words=30)
    padded = keras.utils.pad_sequences
    np.testing.assert_array_equal(source.inputs, padded(x, maxlen=4))
    np.testing.assert_array_equal(source.own_parts["test"].inputs, padded(x_test, maxlen=4))
    assert (source.target.tolist(), source.own_parts["test"].target.tolist()) == (
        y.tolist(),
        y_test.tolist(),
    )
    assert (source.target_names, source.class_names) == (("sentiment",), ("negative", "positive"))
    assert sorted(map(tuple, source.inputs.tolist())) == [
        (0, 0, 1, 7), (0, 1, 2, 6), (0, 1, 5, 6), (0, 1, 8, 9), (1, 14, 2, 10), (11, 10, 9, 8),
    ]  # fmt: skip


@pytest.mark.usefixtures("texts")
def test_reuters_has_its_own_test_part_and_46_named_topics() -> None:
    source = load_builtin(DatasetSpec(name="reuters", maxlen=7, padding="post"))
    assert (source.inputs.shape, source.own_parts["test"].inputs.shape) == ((4, 7), (2, 7))
    assert (source.inputs[:, 0] == 1).all()
    assert (source.inputs[:, -1] == 0).all()
    assert len(source.class_names) == 46
    assert {source.class_names[i] for i in (*source.target, *source.own_parts["test"].target)} == {
        *("cocoa", "grain", "veg-oil", "earn", "acq", "lead")
    }


@pytest.mark.usefixtures("texts")
def test_a_model_of_imdb_trains_and_predicts_arrays_of_ids(tmp_path: Path) -> None:
    recipe: dict[str, Any] = {
        "name": "reviews",
        "dataset": {"name": "imdb", "num_words": 30, "maxlen": 4},
        "layers": [
            {"Embedding": {"input_dim": 30, "output_dim": 2}},
            "GlobalAveragePooling1D",
            {"Dense": {"units": 1, "activation": "sigmoid"}},
        ],
        "loss": "binary_crossentropy",
        "epochs": 1,
    }
    trained = kr.train(recipe, output_dir=tmp_path, report=[])
    np.save(tmp_path / "ids.npy", np.array([[1, 14, 2, 10], [0, 0, 1, 7]]))
    answers = trained.predict(tmp_path / "ids.npy")
    assert set(answers["predicted"]) <= {"negative", "positive"}
    np.save(tmp_path / "large.npy", np.array([[1, 14, 2, 30]]))
    with pytest.raises(DataError, match="numbers from 0 to 29"):
        trained.predict(tmp_path / "large.npy")
    recipe["layers"][0] = {"Embedding": {"input_dim": 12, "output_dim": 2}}
    with pytest.raises(RecipeError, match=r"Embedding takes ids, .* from 0 to 11"):
        kr.train(recipe, output_dir=tmp_path)
