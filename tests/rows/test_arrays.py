from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.rules import LossKind
from kerasrecipes.recipe.schema import DatasetSpec, Task
from kerasrecipes.rows import Schema
from kerasrecipes.rows.arrays import load_arrays
from kerasrecipes.rows.dataset import Source
from kerasrecipes.rows.kinds import make_column
from kerasrecipes.rows.target import Target

from .files.reading import list_values

NUMBERS, INTEGERS = LossKind.NUMBERS, LossKind.INTEGERS
IMAGES = np.arange(6 * 4, dtype=np.uint8).reshape(6, 2, 2)
CODES = np.array([2, 0, 2, 0, 2, 0])


def save(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "data.npz", **arrays)
    return folder / "data.npz"


def load(
    folder: Path, spec: DatasetSpec | None = None, hint: LossKind | None = None, **arrays: Any
) -> Source:
    return load_arrays(save(folder, **arrays)).load(spec or DatasetSpec(), hint)


def make_schema(class_names: tuple[str, ...] = ("0", "2")) -> Schema:
    """What a model takes that was trained on images of 2 × 2 pixels."""
    target = Target((make_column("y", "string_categorical"),), "classification", class_names)
    return Schema((), target, (2, 2), DatasetSpec())


def read_labels(path: Path, schema: Schema) -> list[int]:
    (piece,) = load_arrays(path).iterate(schema, with_target=True)
    assert piece.values is not None
    return list(piece.values.tolist())


def read_table(path: Path) -> dict[str, list[Any]]:
    table = load_arrays(path).as_table().read_some(DatasetSpec())
    return {name: list_values(table.take_cells(name)) for name in table.names}


@pytest.mark.parametrize(
    ("x", "y"),
    [("x", "y"), ("X", "Y"), ("inputs", "target"), ("data", "labels"), ("images", "label")],
)
def test_inputs_and_target_are_known_by_their_names(tmp_path: Path, x: str, y: str) -> None:
    source = load(tmp_path, **{y: CODES, x: IMAGES})
    assert source.inputs.dtype == np.uint8
    np.testing.assert_array_equal(source.inputs, IMAGES)
    assert source.target.tolist() == [1, 0, 1, 0, 1, 0]
    assert (source.task, source.class_names) == ("classification", ("0", "2"))
    assert source.target_names == (y,)
    assert not source.own_parts
    assert source.origin == str(tmp_path / "data.npz")


def test_both_parts_have_one_type(tmp_path: Path) -> None:
    arrays = {"x_train": IMAGES.astype(np.int64), "x_test": IMAGES[:2].astype(np.uint8)}
    source = load(tmp_path, y_train=CODES, y_test=CODES[:2], **arrays)
    assert isinstance(source.own_parts["test"].inputs, np.ndarray)
    assert (source.inputs.dtype, source.own_parts["test"].inputs.dtype) == (np.float32, np.float32)
    np.testing.assert_array_equal(source.own_parts["test"].inputs, IMAGES[:2])


def test_the_file_s_own_test_part(tmp_path: Path) -> None:
    source = load(
        tmp_path, x_train=IMAGES, y_train=CODES, x_test=IMAGES[:2], y_test=np.array([0, 1])
    )
    assert source.class_names == ("0", "1", "2")
    assert source.target.tolist() == CODES.tolist()
    np.testing.assert_array_equal(source.own_parts["test"].inputs, IMAGES[:2])
    assert source.own_parts["test"].target.tolist() == [0, 1]


@pytest.mark.parametrize("ending", ["val", "valid", "validation", "dev"])
def test_the_file_s_own_validation_part(tmp_path: Path, ending: str) -> None:
    own = {f"X_{ending}": IMAGES[:2], f"y_{ending}": CODES[:2]}
    source = load(tmp_path, X=IMAGES, y=CODES, x_test=IMAGES[:1], y_test=CODES[:1], **own)
    assert [*source.own_parts] == ["validation", "test"]
    np.testing.assert_array_equal(source.own_parts["validation"].inputs, IMAGES[:2])
    assert source.own_parts["validation"].target.tolist() == [1, 0]
    assert not source.warnings


def test_arrays_that_are_not_used_are_named(tmp_path: Path) -> None:
    source = load(tmp_path, x=IMAGES, y=CODES, x_val=IMAGES[:2], notes=np.arange(3))
    assert source.warnings == (
        "arrays not used: x_val, notes. A part is a pair, such as x_test and y_test.",
    )


def test_target_may_name_an_array(tmp_path: Path) -> None:
    spec = DatasetSpec(target="age")
    source = load(tmp_path, spec, x=IMAGES, age=np.linspace(0, 1, 6), ids=CODES)
    assert source.task == "regression"
    assert source.target.dtype == np.float32
    assert source.target_names == ("age",)
    assert source.warnings == (
        "arrays not used: ids. A part is a pair, such as x_test and y_test.",
    )


@pytest.mark.parametrize(
    ("y", "task", "expected", "class_names"),
    [
        (np.array(["b", "a"] * 3), "classification", [1, 0, 1, 0, 1, 0], ("a", "b")),
        (np.array([b"b", b"a"] * 3), "classification", [1, 0, 1, 0, 1, 0], ("a", "b")),
        (CODES.reshape(-1, 1), "classification", [1, 0, 1, 0, 1, 0], ("0", "2")),
        (CODES / 4, "regression", [0.5, 0, 0.5, 0, 0.5, 0], ()),
        (np.eye(3)[CODES], "classification", CODES.tolist(), ("0", "1", "2")),
        (np.eye(3)[CODES] * 2, "regression", (np.eye(3)[CODES] * 2).tolist(), ()),
    ],
)  # fmt: skip
def test_what_the_target_is(
    tmp_path: Path, y: Any, task: str, expected: Any, class_names: tuple[str, ...]
) -> None:
    source = load(tmp_path, x=IMAGES / 2, y=y)
    assert (source.task, source.class_names) == (task, class_names)
    assert source.target.tolist() == expected
    assert source.inputs.dtype == np.float32


def test_labels_may_be_words(tmp_path: Path) -> None:
    y = np.array([["yes", "No"], ["no", "yes"]] * 3)
    for spec, hint in ((DatasetSpec(), LossKind.BINARY), (DatasetSpec(task="multilabel"), None)):
        source = load(tmp_path, spec, hint, x=IMAGES, y=y)
        assert (source.task, source.target_names) == ("multilabel", ("y 0", "y 1"))
        assert source.target.tolist() == [[1, 0], [0, 1]] * 3
    tags = load(tmp_path, hint=LossKind.BINARY, x=IMAGES, y=np.array([["B", "I"]] * 6))
    assert (tags.task, tags.target.shape) == ("classification", (6, 2))


@pytest.mark.parametrize("n_test", [2, 6])
def test_numbers_of_parts_are_rows_of_one_number(tmp_path: Path, n_test: int) -> None:
    x = np.arange(6.0)
    own = {"x_test": x[:n_test], "y_test": x[:n_test] / 3}
    source = load(tmp_path, x_train=x, y_train=x / 3, **own)
    assert (source.inputs.shape, source.own_parts["test"].inputs.shape) == ((6, 1), (n_test, 1))


def test_bytes_that_are_no_text_do_not_matter_to_other_arrays(tmp_path: Path) -> None:
    assert load(tmp_path, x=IMAGES, y=CODES, digest=np.array([b"\xff"])).task == "classification"


def test_a_pattern_means_one_file_of_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "a1.npz", x=IMAGES, y=CODES)
    assert load_arrays(tmp_path / "a*.npz").name == "a1.npz"
    np.savez(tmp_path / "a2.npz", x=IMAGES, y=CODES)
    with pytest.raises(DataError, match=r"from one file \(received: a1.npz, a2.npz\)"):
        load_arrays(tmp_path / "a*.npz")


def test_whole_numbers_are_what_the_task_says(tmp_path: Path) -> None:
    told = load(tmp_path, DatasetSpec(task="regression"), INTEGERS, x=IMAGES, y=CODES)
    assert told.task == "regression"


@pytest.mark.parametrize(
    ("y", "hint", "task"),
    [
        (CODES, NUMBERS, "regression"),
        (CODES / 1, INTEGERS, "classification"),
        (CODES / 4, INTEGERS, "regression"),
        (np.array(["b", "a"] * 3), NUMBERS, "classification"),
        (CODES > 0, NUMBERS, "classification"),
        (np.eye(3)[CODES], NUMBERS, "regression"),
        (np.eye(3)[CODES] / 2, INTEGERS, "regression"),
    ],
)
def test_the_loss_says_what_whole_numbers_are(
    tmp_path: Path, y: Any, hint: LossKind, task: Task
) -> None:
    assert load(tmp_path, hint=hint, x=IMAGES, y=y).task == task


@pytest.mark.parametrize(
    ("y", "class_names"),
    [
        (np.array([2, 0]), ("0", "2")),
        (np.array([0, -1]), ("-1", "0")),
        (np.array(["dog", "cat"]), ("cat", "dog")),
        (np.array([[0.0, 1.0], [1.0, 0.0]]), ("0", "1")),
        (np.array([[1], [0]]), ("0", "1")),
    ],
)
def test_answers_to_compare_with_are_class_numbers(
    tmp_path: Path, y: Any, class_names: tuple[str, ...]
) -> None:
    assert read_labels(save(tmp_path, x=IMAGES[:2], y=y), make_schema(class_names)) == [1, 0]


def test_the_test_part_is_evaluated(tmp_path: Path) -> None:
    parts = {"x_train": IMAGES, "y_train": CODES, "x_test": IMAGES[:2], "y_test": CODES[1:3]}
    assert read_labels(save(tmp_path, **parts), make_schema()) == [0, 1]


@pytest.mark.parametrize(
    ("y", "problem"),
    [
        (
            [0, 3],
            "target y has classes that the model was not trained on: '3' (row 1). The classes: 0, "
            "2.",
        ),
        (
            [0, np.nan],
            "target y is missing (row 1). Fill it in, or remove these rows.",
        ),
        (
            [[0, 2], [2, 2]],
            "target y must contain a class for each row (received: shape (2, 2) of int64). Save it "
            "again.",
        ),
        (
            [0],
            "inputs and target must have the same length (received: x of 2, y of 1). Save them "
            "again.",
        ),
    ],
)
def test_bad_answers_to_compare_with(tmp_path: Path, y: Any, problem: str) -> None:
    path = save(tmp_path, x=IMAGES[:2], y=np.array(y))
    with pytest.raises(DataError) as caught:
        read_labels(path, make_schema())
    assert caught.value.problems == (problem,)


def test_columns_of_one_length_are_a_table(tmp_path: Path) -> None:
    path = save(
        tmp_path,
        x=np.array([1.5, np.nan]),
        word=np.array(["a", "b"]),
        code=np.array([b"u", b"v"]),
        day=np.array(["2024-01-01", "2024-01-02"], "M8[D]"),
    )
    assert read_table(path) == {
        "x": [1.5, None],
        "word": ["a", "b"],
        "code": ["u", "v"],
        "day": [datetime(2024, 1, 1), datetime(2024, 1, 2)],
    }


def test_rows_of_numbers_are_a_table_of_numbered_columns(tmp_path: Path) -> None:
    np.save(tmp_path / "data.npy", np.array([[1, 2], [3, 4]]))
    assert read_table(tmp_path / "data.npy") == {"0": [1, 3], "1": [2, 4]}
    assert DatasetSpec(target=1, drop=[0]) == DatasetSpec(target="1", drop=["0"])


def test_rows_of_several_fields_are_a_table_of_named_columns(tmp_path: Path) -> None:
    np.save(tmp_path / "data.npy", np.array([(1, "a"), (2, "b")], [("n", "i8"), ("word", "U1")]))
    assert read_table(tmp_path / "data.npy") == {"n": [1, 2], "word": ["a", "b"]}


def test_inputs_alone(tmp_path: Path) -> None:
    np.save(tmp_path / "data.npy", IMAGES[..., None])  # a channel of one is no difference
    others: list[dict[str, Any]] = [
        {"anything": IMAGES},
        {"y": CODES, "x": IMAGES},
        {"x_train": IMAGES[:1], "x_test": IMAGES},
    ]
    files = [load_arrays(tmp_path / "data.npy")]
    files += [load_arrays(save(tmp_path, **arrays)) for arrays in others]
    for file in files:
        (piece,) = file.iterate(make_schema())
        np.testing.assert_array_equal(piece.inputs, IMAGES)
        assert (piece.rows.tolist(), piece.values) == ([*range(6)], None)


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        (
            {"a": IMAGES, "b": IMAGES},
            "the file must contain inputs (x, inputs, data, features, images, x_train) and the "
            "target (y, target, targets, label, labels, y_train; received: a of shape (6, 2, 2), b "
            "of shape (6, 2, 2)). Rename one when it is saved: numpy.savez(path, x=…, y=…).",
        ),
        (
            {"x": IMAGES[0]},
            "the model takes rows of shape (2, 2) (received: (2,)). If this is one row, put it "
            "into an array: x[None].",
        ),
        (
            {"x": np.array([[[1, np.nan], [2, 3]]])},
            "values are not finite in row 0. Correct or remove these rows.",
        ),
        ({"x": IMAGES[:0]}, "there are no rows. Add rows."),
    ],
)
def test_bad_inputs_to_predict(tmp_path: Path, arrays: dict[str, Any], problem: str) -> None:
    with pytest.raises(DataError) as caught:
        next(load_arrays(save(tmp_path, **arrays)).iterate(make_schema()))
    assert caught.value.problems == (problem,)


BAD_ARRAYS: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    (
        {"a": IMAGES, "b": CODES},
        {},
        [
            "the file must contain inputs (x, inputs, data, features, images, x_train) and the "
            "target (y, target, targets, label, labels, y_train; received: a of shape (6, 2, 2), b "
            "of shape (6,)). Rename one when it is saved: numpy.savez(path, x=…, y=…).",
        ],
    ),
    (
        {"x": IMAGES, "label": CODES},
        {"target": "labels"},
        [
            "target: the file must contain inputs (x, inputs, data, features, images, x_train) and "
            "the target (labels; received: x of shape (6, 2, 2), label of shape (6,)). Rename one "
            "when it is saved: numpy.savez(path, x=…, y=…)."
        ],
    ),
    (
        {"x": IMAGES, "y": CODES[:5]},
        {},
        [
            "inputs and target must have the same length (received: x of 6, y of 5). Save them "
            "again."
        ],
    ),
    ({"x": IMAGES[:0], "y": CODES[:0]}, {}, ["x or y has no values. Add some."]),
    ({"x": IMAGES[:, :0], "y": CODES}, {}, ["x or y has no values. Add some."]),
    (
        {"x_train": IMAGES, "y_train": CODES, "x_test": IMAGES, "y_test": CODES[:, None]},
        {},
        [
            "parts must have rows of one shape (received: y_train of shape (6,), y_test of shape "
            "(6, 1))."
        ],
    ),
    (
        {"x": IMAGES, "y": np.array(3)},
        {},
        [
            "inputs and target must have the same length (received: x of 6, y of 1). Save them "
            "again."
        ],
    ),
    (
        {"x": np.array([[1, np.nan], [2, 3], [np.inf, 3]]), "y": CODES[:3]},
        {},
        ["x: values are not finite in rows 0, 2. Correct or remove these rows."],
    ),
    (
        {"x": np.array([["a", "b"]]), "y": CODES[:1]},
        {},
        [
            "x must contain numbers, of shape (rows, …) (received: shape (1, 2) of <U1). Save text "
            "and columns in a table, such as a CSV file."
        ],
    ),
    (
        {"x": IMAGES, "y": IMAGES * 1j},
        {},
        [
            "target y must contain a number or text for each row (received: shape (6, 2, 2) of "
            "complex128). Save it again."
        ],
    ),
    ({"x": IMAGES, "y": np.zeros((6, 0), np.uint8)}, {}, ["x or y has no values. Add some."]),
    (
        {"x": IMAGES, "y": np.full((6, 2), 0.5)},
        {"task": "classification"},
        [
            "target y must contain class numbers from 0 on (received: 0.5). Use loss: mse if these "
            "are numbers."
        ],
    ),
    (
        {"x": IMAGES, "y": np.array(["a", None] * 3, dtype=object)},
        {},
        [
            "path: {path} cannot be read: Object arrays cannot be loaded when allow_pickle=False. "
            "Write it again, with numbers or texts instead of Python objects."
        ],
    ),
]


@pytest.mark.parametrize(("arrays", "keys", "problems"), BAD_ARRAYS)
def test_bad_arrays(
    tmp_path: Path, arrays: dict[str, Any], keys: dict[str, Any], problems: list[str]
) -> None:
    with pytest.raises(DataError) as caught:
        load(tmp_path, DatasetSpec(**keys), **arrays)
    path = tmp_path / "data.npz"
    assert list(caught.value.problems) == [each.replace("{path}", str(path)) for each in problems]
    assert caught.value.dataset == "data.npz"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.npz", None, "path: there is no file {path}. Did you mean 'nine.npz'?"),
        ("data.npz", b"", "path: {path} is empty (0 bytes). Write the file again."),
        (
            "data.npz",
            b"PK\x03\x04",
            "path: {path} cannot be read: File is not a zip file. Write it again, with numbers or "
            "texts instead of Python objects.",
        ),
        (
            "data.npy",
            b"hello",
            "path: {path} is no array by its first bytes. Write it with numpy.save.",
        ),
    ],
)
def test_bad_array_files(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    (tmp_path / "nine.npz").touch()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        load_arrays(tmp_path / name)
    assert caught.value.problems == (message.format(path=tmp_path / name),)


def test_an_npy_file_of_images_has_no_target(tmp_path: Path) -> None:
    np.save(tmp_path / "data.npy", IMAGES)
    with pytest.raises(DataError) as caught:
        load_arrays(tmp_path / "data.npy").load(DatasetSpec())
    assert caught.value.problems == (
        "arrays must be columns, of shape (rows,) and equally long, or one array of shape (rows, "
        "columns) (received: an array of shape (6, 2, 2)). To train on inputs of other shapes, "
        "save them with the target: numpy.savez(path, x=…, y=…).",
    )


@pytest.mark.parametrize(
    ("y", "more", "expected"),
    [
        (CODES, {}, "integer"),
        (CODES.astype(np.float32)[:, None], {}, "integer"),
        (CODES.astype(str), {}, "text"),
        (CODES == 2, {}, "boolean"),
        (np.eye(3, dtype=bool)[CODES], {}, "integer"),
        (np.linspace(0, 1, 6), {}, "text"),
    ],
)
def test_classes_keep_what_they_were(tmp_path: Path, y: Any, more: Any, expected: str) -> None:
    hint = NUMBERS if y.dtype == np.float64 else INTEGERS
    assert load(tmp_path, hint=hint, x=IMAGES, y=y, **more).class_type == expected
