"""Files of raw rows to files of answers, and what is refused."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kerasrecipes.errors import InputError
from kerasrecipes.prediction.predict import check_output, predict_file, predict_frame
from kerasrecipes.rows import images, table

Frame = pd.DataFrame
OUT = Path("out.csv")


def answer(saved, frame: Frame, ids=(), suffix: str = ".csv", output: Path = OUT) -> Frame:
    file = Path(f"in{suffix}")
    if suffix == ".csv":
        frame.to_csv(file, index=False)
    elif suffix == ".parquet":
        frame.to_parquet(file, index=False)
    else:
        frame.to_json(file, orient="records", lines=True, force_ascii=False)
    predict_file(saved, str(file), output, ids)
    if output.suffix == ".parquet":
        return pd.read_parquet(output)
    if output.suffix == ".jsonl":
        return pd.read_json(output, lines=True, dtype=False)
    return pd.read_csv(output, dtype={"id": str})


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_columns_may_stand_in_any_order_and_beside_others(load, houses: Frame, suffix: str) -> None:
    expected = predict_frame(load("houses"), houses)
    mixed = houses[["town", "price", "garden", "sold", "area", "rooms"]].assign(other="x")
    answers = answer(load("houses"), mixed, suffix=suffix)
    np.testing.assert_allclose(answers["predicted"], expected["predicted"], rtol=1e-5)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("output", ["out.csv", "out.parquet", "out.jsonl", "OUT.CSV"])
def test_ids_are_handed_on_as_they_are(load, houses: Frame, output: str) -> None:
    houses.loc[3, "town"] = 'say "so", Köln'
    for text in ("old", None):  # a file that is there is replaced
        if text:
            Path(output).write_text(text)
        answers = answer(load("houses"), houses, ["id", "town", "id"], output=Path(output))
        assert [*answers] == ["id", "town", "predicted"]
        assert answers["id"].tolist() == houses["id"].tolist()
        assert answers["town"].tolist() == houses["town"].tolist()


@pytest.mark.usefixtures("here")
def test_csv_is_plain_where_it_can_be(load, houses: Frame) -> None:
    answer(load("classes"), houses.dropna().head(1), ["id"])
    header, row = OUT.read_text().splitlines()
    assert header == "id,predicted,probability_cheap,probability_dear"
    assert row.split(",")[:2] in (["0001", "cheap"], ["0001", "dear"])


def test_an_id_may_be_an_input_too(load, houses: Frame, here: Path) -> None:
    answers = answer(load("houses"), houses.assign(area="0100.50"), ["area"], output=here / "o.csv")
    assert (here / "o.csv").read_text().splitlines()[1].startswith("0100.50,")
    expected = predict_frame(load("houses"), houses.assign(area=100.5))
    np.testing.assert_allclose(answers["predicted"], expected["predicted"], rtol=1e-5)


@pytest.mark.usefixtures("here")
def test_rows_are_answered_a_chunk_at_a_time(load, houses: Frame, monkeypatch) -> None:
    monkeypatch.setattr(table, "ROWS_AT_ONCE", 32)
    told: list[int] = []
    held: list[int] = []
    saved = load("houses")
    predict = type(saved).predict
    monkeypatch.setattr(
        type(saved),
        "predict",
        lambda self, inputs, interval: (held.append(len(told)), predict(self, inputs, interval))[1],
    )
    houses.to_csv("in.csv", index=False)
    predict_file(saved, "in.csv", OUT, ["id"], told.append)
    # Each chunk is answered only once the one before it was written.
    assert (told, held) == ([32, 64, 80], [0, 1, 2])
    assert pd.read_csv(OUT, dtype=str)["id"].tolist() == houses["id"].tolist()


def test_an_error_in_a_late_chunk_leaves_no_file(
    load, houses: Frame, here: Path, monkeypatch
) -> None:
    monkeypatch.setattr(table, "ROWS_AT_ONCE", 32)
    houses["rooms"] = houses["rooms"].astype(object)
    houses.loc[77, "rooms"] = "many"
    houses.to_csv("in.csv", index=False)
    with pytest.raises(InputError, match=r"1 value is not: 'many' \(line 79\)"):
        predict_file(load("houses"), "in.csv", OUT)
    assert [file.name for file in here.iterdir()] == ["in.csv"]
    OUT.write_text("of before")
    with pytest.raises(InputError):
        predict_file(load("houses"), "in.csv", OUT)
    assert OUT.read_text() == "of before"


@pytest.mark.usefixtures("here")
def test_unseen_categories_are_counted(load, houses: Frame) -> None:
    saved = load("houses")
    answer(saved, houses.assign(town=["Rom", "Oslo", "Rom", "Ulm"] * 20))
    assert saved.list_warnings() == [
        "town: 60 rows have a category that no training row had ('Rom', 'Oslo'); it is taken "
        "as unknown."
    ]
    answer(saved, houses.assign(town=["Rom"] + ["Ulm"] * 79))
    assert saved.list_warnings() == [
        "town: 1 row has a category that no training row had ('Rom'); it is taken as unknown."
    ]
    answer(saved, houses.assign(town=None))
    assert saved.list_warnings() == [
        "town: 80 rows have a category that no training row had (missing); it is taken as unknown."
    ]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "write", [Frame.to_csv, lambda frame, **_: frame.to_json(orient="records", lines=True)]
)
def test_standard_input_to_standard_output(
    load, houses: Frame, monkeypatch, capfdbinary, write: Callable
) -> None:
    content = write(houses, index=False).encode()
    stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(content)))  # type: ignore[arg-type]
    monkeypatch.setattr(sys, "stdin", stdin)
    predict_file(load("houses"), "-", None)
    printed = pd.read_csv(io.BytesIO(capfdbinary.readouterr().out))
    expected = predict_frame(load("houses"), houses)
    np.testing.assert_allclose(printed["predicted"], expected["predicted"], rtol=1e-5)


KNOWN = {"images": "images.npz", "truths": "truths.csv", "codes": "codes.csv"}


@pytest.mark.parametrize(
    ("run", "classes"),
    [("images", {0, 1, 2}), ("truths", {True, False}), ("codes", {"true", "false", "unknown"})],
)
def test_classes_are_as_in_the_file(load, runs, run: str, classes: set[object]) -> None:
    file = runs["images"].parents[2] / KNOWN[run]
    answers = predict_frame(load(run), str(file))
    assert {*answers["predicted"].tolist()} <= classes
    assert {*map(type, answers["predicted"].tolist())} == {*map(type, classes)}
    assert {*answers.columns[1:]} == {f"probability_{name}" for name in classes}
    np.testing.assert_allclose(answers.iloc[:, 1:].sum(axis=1), 1, rtol=1e-5)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("run", "dtype"), [("images", "int64"), ("truths", "bool")])
def test_files_of_answers_hold_classes_as_they_are(load, runs, run: str, dtype: str) -> None:
    file = str(runs["images"].parents[2] / KNOWN[run])
    expected = predict_frame(load(run), file)["predicted"].tolist()
    for name in ("out.parquet", "out.jsonl", "out.csv"):
        predict_file(load(run), file, Path(name))
    parquet = pd.read_parquet("out.parquet")["predicted"]
    assert (parquet.dtype, parquet.tolist()) == (dtype, expected)
    lines = Path("out.jsonl").read_text().splitlines()
    assert [json.loads(line)["predicted"] for line in lines] == expected
    rows_of_text = Path("out.csv").read_text().splitlines()[1:]
    assert [row.partition(",")[0] for row in rows_of_text] == [*map(str, expected)]


def test_a_run_keeps_classes_by_their_names(load) -> None:
    assert {*load("truths").run.predictions["predicted"]} <= {"True", "False"}
    assert {*load("images").run.predictions["actual"]} <= {"0", "1", "2"}


def test_images_come_as_a_file_a_folder_a_pattern_or_arrays(load, runs, here: Path) -> None:
    saved = load("images")
    with np.load(runs["images"].parents[2] / "images.npz") as arrays:
        pixels = arrays["x"]
    expected = predict_frame(saved, pixels)
    assert len(expected) == 60
    (here / "some" / "deep").mkdir(parents=True)
    for i, name in enumerate(["a.png", "b.png", "deep/c.png"]):
        Image.fromarray(pixels[i]).save(here / "some" / name)
    np.save("some.npy", pixels[..., None])
    for data, n_rows, files in [
        ("some/b.png", 1, ["b.png"]),
        ("some", 3, ["a.png", "b.png", "deep/c.png"]),
        ("some/*.png", 2, ["a.png", "b.png"]),
        ("some.npy", 60, None),
    ]:
        answers = predict_frame(saved, data)
        assert len(answers) == n_rows
        assert "file" not in answers if files is None else answers.pop("file").tolist() == files
        first = 1 if data == "some/b.png" else 0
        wanted = expected.iloc[first : first + n_rows].reset_index(drop=True)
        pd.testing.assert_frame_equal(answers, wanted, rtol=1e-5)


def test_images_are_read_some_at_once(load, here: Path, monkeypatch) -> None:
    monkeypatch.setattr(images, "_VALUES_AT_ONCE", 2 * 16)
    for i in range(5):
        Image.new("L", (9, 9), i).save(here / f"{i}.png")
    chunks = [len(piece.rows) for piece in load("images").read(".")]
    assert chunks == [2, 2, 1]


def change(**columns) -> Callable[[Frame], Frame]:
    return lambda frame: frame.assign(**columns)


TABLES: list[tuple[str, Callable[[Frame], Frame], list[str], list[str]]] = [
    (
        "houses",
        lambda frame: frame.drop(columns=["area", "town"]),
        [],
        [
            "columns are missing: area, town. Add them, or rename your columns. The "
            "columns: id, rooms, sold, garden, price, rent, dear."
        ],
    ),
    (
        "houses",
        lambda frame: frame.rename(columns={"rooms": "Rooms", "town": "twon"}),
        ["ids"],
        [
            "columns are missing: rooms (is it 'Rooms'?), town (is it 'twon'?), ids (is it 'id'?). "
            "Add them, or rename your columns. The columns: id, Rooms, area, twon, sold, garden, "
            "price, rent, dear.",
        ],
    ),
    (
        "houses",
        change(rooms="many", sold="gestern", garden=["ja", *["no"] * 79]),
        [],
        [
            "column rooms must contain numbers; 80 values are not: 'many' (line 2), 'many' (line "
            "3), "
            "'many' (line 4), 'many' (line 5), 'many' (line 6) and 75 more. Fix them, or add them "
            "to missing_values.",
            "column sold must contain dates, such as 2024-12-31; 80 values are not: 'gestern' "
            "(line "
            "2), 'gestern' (line 3), 'gestern' (line 4), 'gestern' (line 5), 'gestern' (line 6) "
            "and 75 more. Fix them, or add them to missing_values.",
            "column garden must contain true or false (or yes and no, 1 and 0); 1 value is not: "
            "'ja' "
            "(line 2). Fix it, or add it to missing_values.",
        ],
    ),
    (
        "classes",
        change(rooms=[None, *[3] * 79], town=[*["Ulm"] * 79, None]),
        [],
        [
            "values are missing: rooms 1 (line 2), area 5 (lines 2, 19, 36, 53, 70), town 1 (line "
            "81). The recipe's missing is error, so the model has not learnt what to do with them. "
            "Fill or remove these rows, or train with missing: median."
        ],
    ),
    (
        "two",
        lambda frame: frame,
        [],
        [
            "values are missing: area 5 (lines 2, 19, 36, 53, 70). The recipe's missing is drop, "
            "so the model has not learnt what to do with them. Fill or remove these rows, or train "
            "with missing: median."
        ],
    ),
    (
        "houses",
        change(area=[1e300, *[1.0] * 78, np.inf]),
        [],
        ["column area: no finite number in lines 2, 81. Correct or remove these rows."],
    ),
    (
        "houses",
        lambda frame: frame.head(0),
        [],
        [
            "the file has column names (id, rooms, area, town, sold and 4 more) and no rows. Add "
            "rows."
        ],
    ),
    (
        "houses",
        change(predicted=1),
        ["predicted"],
        [
            "--id: 'predicted' is the name of a column of the predictions. Rename it in the file, "
            "or leave it out."
        ],
    ),
]


@pytest.mark.parametrize(("run", "spoil", "ids", "problems"), TABLES)
def test_refused_tables(
    load, houses: Frame, here: Path, run: str, spoil: Callable, ids, problems
) -> None:
    spoil(houses).to_csv("in.csv", index=False)
    with pytest.raises(InputError) as caught:
        predict_file(load(run), "in.csv", OUT, ids)
    assert str(caught.value) == "\n".join(f"dataset in.csv\n  {text}" for text in problems)
    assert not OUT.exists()


IMAGES = "images or arrays of shape (4, 4)"
FILES = [
    ("houses", "none.csv", "dataset none.csv\n  path: there is no file {here}/none.csv. Choose "
     "from: caret.csv, empty.csv, flat.npy, houses.csv, image.npz, nan.npy, picture.png."),
    ("houses", "hauses.csv", "dataset hauses.csv\n  path: there is no file {here}/hauses.csv. Did "
     "you mean 'houses.csv'?"),
    ("houses", "empty.csv", "dataset empty.csv\n  path: {here}/empty.csv is empty (0 bytes). Write "
     "the file again."),
    ("houses", "caret.csv", "dataset caret.csv\n  columns are missing: sold, garden. Add them, "
     "or rename your columns. The columns: rooms, area, town."),
    ("houses", "flat.npy", "dataset flat.npy\n  the model takes rows of 5 columns: rooms, area, "
     "town, sold, garden (received: 3 columns). Give a table with columns of these names."),
    ("houses", "image.npz", "dataset image.npz\n  arrays must be columns, of shape (rows,) and "
     "equally long, or one array of shape (rows, columns) (received: x of shape (2, 4, 5)). To "
     "train on inputs of other shapes, save them with the target: numpy.savez(path, x=…, y=…)."),
    ("images", "houses.csv", f"dataset houses.csv\n  this run takes {IMAGES} (received: a "
     "table). Give a file of these."),
    ("images", "-", f"dataset standard input\n  this run takes {IMAGES} (received: a "
     "table). Give a file of these."),
    ("images", "none.png", "dataset none.png\n  path: there is no file {here}/none.png. Choose "
     "from: caret.csv, empty.csv, flat.npy, houses.csv, image.npz, nan.npy, picture.png."),
    ("images", "picture.pgn", "dataset picture.pgn\n  path: there is no file {here}/picture.pgn. "
     "Did you mean 'picture.png'?"),
    ("images", "*.gif", "dataset *.gif\n  path: there is no file {here}/*.gif. Choose from: "
     "caret.csv, empty.csv, flat.npy, houses.csv, image.npz, nan.npy, picture.png."),
    ("images", "picture.png", "dataset picture.png\n  images cannot be read: picture.png "
     "(cannot identify image file '{here}/picture.png'). Correct or remove them."),
    ("images", "flat.npy", "dataset flat.npy\n  the model takes rows of shape (4, 4) (received: "
     "(3,))."),
    ("images", "image.npz", "dataset image.npz\n  the model takes rows of shape (4, 4) (received: "
     "(4, 5))."),
    ("images", "nan.npy", "dataset nan.npy\n  values are not finite in row 1. Correct or remove "
     "these rows."),
]  # fmt: skip


@pytest.mark.parametrize(("run", "data", "message"), FILES)
def test_refused_files(load, houses: Frame, here: Path, run: str, data: str, message: str) -> None:
    houses.to_csv("houses.csv")
    Path("empty.csv").touch()
    Path("caret.csv").write_text("rooms^area^town\n1^2^3\n")
    Path("picture.png").write_text("text")
    np.save("flat.npy", np.zeros((2, 3)))
    np.savez("image.npz", x=np.zeros((2, 4, 5)))
    np.save("nan.npy", np.array([np.zeros((4, 4)), np.full((4, 4), np.nan)]))
    with pytest.raises(InputError) as caught:
        predict_file(load(run), data, OUT)
    assert str(caught.value) == message.replace("{here}", str(here))
    assert not OUT.exists()


def test_ids_are_single_values(load, houses: Frame, here: Path) -> None:
    houses["id"] = [[1, 2]] * 80
    houses.to_parquet("in.parquet")
    with pytest.raises(InputError) as caught:
        predict_file(load("houses"), "in.parquet", OUT, ["id"])
    assert str(caught.value) == (
        "dataset in.parquet\n  --id: column id contains lists or objects. Remove it."
    )


OUTPUTS = [
    ("out.xls", "Predictions are written to .csv, .parquet, .jsonl, .npz files (received: "
     "out.xls). Give the file one of these endings."),
    ("nowhere/out.csv", "There is no folder nowhere to write out.csv to. Make it."),
    ("folder.csv", "folder.csv contains other files. Write the predictions to another file."),
    ("./in.csv", "in.csv contains the rows to predict. Write the predictions to another file."),
]  # fmt: skip


@pytest.mark.parametrize(("output", "message"), OUTPUTS)
def test_refused_outputs(load, houses: Frame, here: Path, output: str, message: str) -> None:
    houses.to_csv("in.csv")
    (here / "folder.csv").mkdir()
    with pytest.raises(InputError) as caught:
        predict_file(load("houses"), "in.csv", Path(output))
    assert str(caught.value) == message


def test_the_input_is_known_by_its_home(houses: Frame, here: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(here))
    houses.to_csv("in.csv")
    with pytest.raises(InputError) as caught:
        check_output(Path("in.csv"), "~/in.csv")
    assert str(caught.value) == OUTPUTS[-1][1]


@pytest.mark.parametrize("dtype", ["f8", "f4", ">f4", "f2", "i8", "u1", "?", "U4", "O"])
def test_arrays_of_any_type_have_columns(load, dtype: str) -> None:
    array = np.array([[1], [0]]).astype(dtype)
    (piece,) = load("truths").read(array)
    assert piece.inputs["a"].tolist() == [1, 0]


def test_ids_are_of_tables(load, runs) -> None:
    with pytest.raises(InputError) as caught:
        predict_file(load("images"), str(runs["images"].parents[2] / "images.npz"), None, ["id"])
    assert str(caught.value) == (
        f"--id names columns of a table, and this run takes {IMAGES}. Remove it."
    )


def test_answers_never_replace_the_rows_of_training(tmp_path: Path) -> None:
    trained, others = tmp_path / "houses.csv", tmp_path / "new.csv"
    for file in (trained, others):
        file.write_text("x\n1\n", encoding="utf-8")
    for trained_on in (str(trained), str(tmp_path / "h*.csv")):
        with pytest.raises(InputError, match="contains rows that the run was trained on"):
            check_output(trained, str(others), trained_on)
    check_output(tmp_path / "answers.csv", str(others), str(trained))
