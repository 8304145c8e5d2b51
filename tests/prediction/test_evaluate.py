"""A saved model scored on rows with known answers, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import accuracy_score, mean_absolute_error, r2_score

import kerasrecipes as kr
from kerasrecipes.errors import InputError
from kerasrecipes.prediction import saved as evaluate_module
from kerasrecipes.prediction.predict import predict_file, predict_frame
from kerasrecipes.prediction.saved import PART, evaluate
from kerasrecipes.runs import Run
from prediction.saved_runs import list_warnings

Frame = pd.DataFrame


@pytest.mark.parametrize("name", ["houses", "classes", "two", "images", "truths"])
def test_without_data_the_test_part_is_scored_as_in_training(load, runs, name: str) -> None:
    run = evaluate(load(name), None, ["kerasrecipes", "evaluate", "runs/x y"])
    assert run.metrics[PART] == pytest.approx(Run(runs[name]).metrics["test"], rel=1e-6)
    trained = Run(runs[name]).predictions
    assert [*run.predictions] == [*trained]
    assert run.predictions["row"] == trained["row"]
    assert run.info["command"] == "kerasrecipes evaluate 'runs/x y'"
    assert run.info["evaluated"] == "the run's own test part"
    assert run.report_path.exists()


def test_numbers_are_scored_in_their_own_units(load, houses: Frame, here: Path) -> None:
    houses.to_csv("known.csv", index=False)
    run = evaluate(load("houses"), "known.csv")
    predicted = predict_frame(load("houses"), houses)["predicted"]
    scores = run.metrics[PART]
    wanted = mean_absolute_error(houses["price"], predicted)
    assert scores["mae_original_units"] == pytest.approx(wanted, rel=1e-5)
    assert scores["r2"] == pytest.approx(r2_score(houses["price"], predicted), rel=1e-5, abs=1e-5)
    assert {*scores} >= {"loss", "mae", "rmse_original_units"}
    assert run.info["dataset"]["rows"] == {PART: 80}


def test_classes_are_scored_by_their_names(load, houses: Frame) -> None:
    known = houses.dropna().sample(frac=1, random_state=0)
    run = evaluate(load("classes"), known)
    predicted = predict_frame(load("classes"), known)["predicted"]
    assert run.metrics[PART]["accuracy"] == pytest.approx(accuracy_score(known["dear"], predicted))
    assert run.predictions["actual"] == known["dear"].tolist()
    counts = [int((known["dear"] == name).sum()) for name in ("cheap", "dear")]
    assert run.info["dataset"]["class_counts"] == {PART: counts}


def test_a_single_row_has_no_r2(load, houses: Frame) -> None:
    assert "r2" not in evaluate(load("houses"), houses.head(1)).metrics[PART]


def test_truth_values_are_known_however_they_are_written(load, here: Path) -> None:
    scores = []
    for yes, no in (("True", "False"), ("true", "false")):
        Path("known.csv").write_text(f"y,a\n{yes},1\n{no},2\n")
        scores.append(evaluate(load("truths"), "known.csv").metrics[PART])
    assert scores[0] == scores[1]


def test_a_file_is_read_as_predict_reads_it(load, here: Path) -> None:
    frame = pd.DataFrame({"code": ["007", "1.50"] * 4, "y": ["true", "false"] * 4})
    frame.to_csv("known.csv", index=False)
    saved = load("codes")
    run = evaluate(saved, "known.csv")
    predict_file(saved, "known.csv", here / "answers.csv")
    assert (
        run.predictions["predicted"] == pd.read_csv("answers.csv", dtype=str)["predicted"].tolist()
    )
    assert run.predictions["actual"] == frame["y"].tolist()
    assert saved.list_warnings() == []


def test_images_by_class_and_arrays_score_alike(load, runs, here: Path) -> None:
    with np.load(runs["images"].parents[2] / "images.npz") as arrays:
        pixels, codes = arrays["x"][:9], arrays["y"][:9]
    for i, (image, code) in enumerate(zip(pixels, codes, strict=True)):
        (here / "known" / str(code)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(here / "known" / str(code) / f"{i}.png")
    np.savez("codes.npz", x=pixels, y=codes)
    np.savez("names.npz", images=pixels[..., None], labels=codes.astype(str))
    np.savez("one_hot.npz", x=pixels, y=np.eye(3)[codes])
    files = ["known", "codes.npz", "names.npz", "one_hot.npz"]
    first, *others = [evaluate(load("images"), data).metrics[PART] for data in files]
    assert others == [pytest.approx(first, rel=1e-6)] * 3


@pytest.mark.parametrize("name", ["houses.csv", "codes.csv", "truths.csv", "images.npz"])
def test_training_rows_among_the_rows_are_reported(load, runs, name: str) -> None:
    file, saved = runs["houses"].parents[2] / name, load(Path(name).stem)
    (warning,) = list_warnings(evaluate(saved, str(file)))
    rows = saved.run.info["dataset"]["rows"]
    some = f"{rows['train']} of these {sum(rows.values())} rows"
    assert warning.startswith(
        f"The model was trained on {some}, so these scores are probably too good."
    )
    if file.suffix == ".csv":
        frame = pd.read_csv(file, dtype=str)
        assert list_warnings(evaluate(saved, frame)) == [warning]
        assert list_warnings(evaluate(saved, frame.head(50))) == []


def test_more_rows_of_the_file_of_training_are_reported(load, houses: Frame, here: Path) -> None:
    saved = load("houses")
    houses.head(79).to_csv("now.csv", index=False)  # a row has been removed since
    dataset = saved.recipe.dataset.model_copy(update={"path": str(here / "now.csv")})
    saved = replace(saved, recipe=saved.recipe.model_copy(update={"dataset": dataset}))
    (warning,) = list_warnings(evaluate(saved, "now.csv"))
    assert warning.startswith(
        "The model was trained on rows of now.csv, unless they have been replaced, so these scores"
    )


def test_unseen_categories_are_told_of_each_evaluation_alone(load, houses: Frame) -> None:
    predict_frame(load("houses"), houses.assign(town="Rom"))
    assert list_warnings(evaluate(load("houses"), houses.head(70))) == []
    assert list_warnings(evaluate(load("houses"), houses.assign(town="Oslo"))) == [
        "town: 80 rows have a category that no training row had ('Oslo'); it is taken as unknown."
    ]


def test_evaluations_in_the_same_second_do_not_collide(load, houses, monkeypatch) -> None:
    moment = evaluate_module.datetime(2106, 1, 31, 12, 0, 0)  # after those of other tests

    class Clock:
        @staticmethod
        def now() -> object:
            return moment

    monkeypatch.setattr(evaluate_module, "datetime", Clock)
    folders = [evaluate(load("two"), houses.dropna()).path.name for _ in range(3)]
    assert folders == ["21060131-120000", "21060131-120000-2", "21060131-120000-3"]


def change(**columns) -> Callable[[Frame], Frame]:
    return lambda frame: frame.assign(**columns)


TABLES: list[tuple[str, Callable[[Frame], Frame], list[str]]] = [
    (
        "houses",
        lambda frame: frame.rename(columns={"price": "Price", "area": "aera"}),
        [
            "columns are missing: area (is it 'aera'?), price (is it 'Price'?). Add them, or "
            "rename your columns. The columns: id, rooms, aera, town, sold, garden, Price, rent, "
            "dear.",
        ],
    ),
    (
        "two",
        lambda frame: frame.dropna().drop(columns=["price", "rent"]),
        [
            "columns are missing: price, rent. Add them, or rename your columns. The columns: id, "
            "rooms, area, town, sold, garden, dear.",
        ],
    ),
    (
        "classes",
        lambda frame: frame.dropna().assign(dear="Cheep"),
        [
            "target dear has classes that the model was not trained on: 'Cheep' (line 2), 'Cheep' "
            "(line 3), 'Cheep' (line 4), 'Cheep' (line 5), 'Cheep' (line 6) and 70 more. Did you "
            "mean 'cheap'? The classes: cheap, dear."
        ],
    ),
    (
        "classes",
        lambda frame: frame.head(2).assign(dear="dear"),
        [
            "values are missing: area 1 (line 2). The recipe's missing is error, so the model has "
            "not learnt what to do with them. Fill or remove these rows, or train with missing: "
            "median."
        ],
    ),
]


@pytest.mark.parametrize(("run", "spoil", "problems"), TABLES)
def test_refused_tables(load, houses: Frame, here: Path, run: str, spoil, problems) -> None:
    spoil(houses).to_csv("in.csv", index=False)
    with pytest.raises(InputError) as caught:
        evaluate(load(run), "in.csv")
    assert str(caught.value) == "\n".join(f"dataset in.csv\n  {text}" for text in problems)


IMAGES = "images or arrays of shape (4, 4)"
FILES = [
    ("houses", "none.csv", "dataset none.csv\n  path: there is no file {here}/none.csv. Choose "
     "from: houses.csv, shape.npz, short.npz, unknown.npz, wide.npz, x.npz."),
    ("images", "houses.csv", f"dataset houses.csv\n  this run takes {IMAGES} (received: a "
     "table). Give a file of these."),
    ("images", "x.npz", "dataset x.npz\n  the file must contain inputs (x, inputs, data, features, "
     "images, x_train) and the target (y, target, targets, label, labels, y_train; received: x of "
     "shape (2, 4, 4)). Rename one when it is saved: numpy.savez(path, x=…, y=…)."),
    ("images", "short.npz", "dataset short.npz\n  inputs and target must have the same length "
     "(received: x of 2, y of 3). Save them again."),
    ("images", "unknown.npz", "dataset unknown.npz\n  target y has classes that the model was "
     "not trained on: '7' (row 1). The classes: 0, 1, 2."),
    ("images", "wide.npz", "dataset wide.npz\n  target y must contain a class for each row "
     "(received: shape (2, 2) of float64). Save it again."),
    ("images", "shape.npz", "dataset shape.npz\n  the model takes rows of shape (4, 4) (received: "
     "(5, 5))."),
]  # fmt: skip


@pytest.mark.parametrize(("run", "data", "message"), FILES)
def test_refused_files(load, houses: Frame, here: Path, run: str, data: str, message: str) -> None:
    houses.to_csv("houses.csv")
    x = np.zeros((2, 4, 4))
    np.savez("x.npz", x=x)
    np.savez("short.npz", x=x, y=[1, 2, 0])
    np.savez("unknown.npz", x=x, y=[1, 7])
    np.savez("wide.npz", x=x, y=[[1.0, 1.0], [1.0, 0.0]])
    np.savez("shape.npz", x=np.zeros((2, 5, 5)), y=[0, 1])
    with pytest.raises(InputError) as caught:
        evaluate(load(run), data)
    assert str(caught.value) == message.replace("{here}", str(here))


REMEDY = "Give rows that have the target: --data FILE, or evaluate(data) in Python."


@pytest.mark.parametrize("source", ["{}", "{path: rows.csv}"])
def test_the_test_part_must_be_what_it_was(here: Path, source: str) -> None:
    frame = pd.DataFrame({"x": np.arange(20.0) ** 2, "y": np.arange(20.0)})
    frame.to_csv("rows.csv", index=False)
    recipe = "dataset: {target: y}\nlayers: [Dense: {units: 1}]\nloss: mse\nreport: []\n"
    if source == "{}":
        message = f"This run was trained on a DataFrame, which is not saved. {REMEDY}"
    else:
        recipe = recipe.replace("{target", "{path: rows.csv, target")
        message = (
            "rows.csv has changed since this run was trained, so it is not known which of its rows "
            f"were trained on. {REMEDY}"
        )
    Path("line.yaml").write_text(recipe)
    run = kr.train("line.yaml", data=None if "path" in recipe else frame)
    (frame + 1).to_csv("rows.csv", index=False)
    with pytest.raises(InputError) as caught:
        run.evaluate()
    assert str(caught.value) == message
    assert "r2" in run.evaluate(frame)
