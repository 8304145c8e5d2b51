"""The Python face of a run: predict, evaluate, and what a notebook shows."""

from __future__ import annotations

import io
import re
import shutil
import warnings
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

import kerasrecipes as kr
from kerasrecipes.errors import InputError, RunNotFound
from kerasrecipes.runs import RunWriter
from prediction.saved_runs import make_houses, train_runs

Runs = dict[str, kr.TrainedRun]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folders = train_runs(tmp_path_factory.getbasetemp() / "saved_runs")
    return {name: kr.load_run(folder) for name, folder in folders.items()}


@pytest.fixture
def houses() -> pd.DataFrame:
    return make_houses()


def test_answers_keep_the_index(runs: Runs, houses: pd.DataFrame) -> None:
    shuffled = houses.set_index("id").sample(frac=1, random_state=1)
    answers = runs["houses"].predict(shuffled)
    assert [*answers.columns] == ["predicted"]
    assert answers.index.equals(shuffled.index)
    plain = runs["houses"].predict(houses)
    np.testing.assert_allclose(
        answers.sort_index()["predicted"], plain["predicted"], rtol=1e-5, atol=1e-5
    )
    assert runs["houses"].predict(houses.head(0)).empty


def test_several_targets_and_classes_have_columns_of_their_own(runs: Runs, houses) -> None:
    whole = houses.dropna()
    assert [*runs["two"].predict(whole)] == ["predicted_price", "predicted_rent"]
    answers = runs["classes"].predict(whole)
    assert [*answers] == ["predicted", "probability_cheap", "probability_dear"]
    dear = answers["probability_dear"] > 0.5
    assert ((answers["predicted"] == "dear") == dear).all()


def test_types_of_pandas_are_taken_as_the_file_was(runs: Runs, houses: pd.DataFrame) -> None:
    typed = houses.assign(
        rooms=houses["rooms"].astype("Int64"),
        town=houses["town"].astype("category"),
        sold=pd.to_datetime(houses["sold"]),
        garden=houses["garden"].astype(str),
    )
    pd.testing.assert_frame_equal(
        runs["houses"].predict(typed), runs["houses"].predict(houses), rtol=1e-5
    )


def test_files_and_arrays(runs: Runs, houses: pd.DataFrame, tmp_path: Path) -> None:
    houses.to_csv(tmp_path / "new.csv", index=False)
    from_file = runs["houses"].predict(tmp_path / "new.csv")
    pd.testing.assert_frame_equal(from_file, runs["houses"].predict(houses), rtol=1e-5)
    assert len(runs["images"].predict(np.zeros((3, 4, 4)))) == 3
    # The columns of an array are those of training, in its order.
    named = runs["truths"].predict(pd.DataFrame({"a": [0.5, 2.0]}))
    assert runs["truths"].predict(np.array([[0.5], [2.0]])).equals(named)


def test_unseen_categories_warn_where_they_are_asked_about(runs: Runs, houses) -> None:
    message = r"town: 80 rows have a category that no training row had \('Rom'\)"
    for ask in (runs["houses"].predict, runs["houses"].evaluate):
        with pytest.warns(UserWarning, match=message) as caught:
            ask(houses.assign(town="Rom"))
        assert [warning.filename for warning in caught] == [__file__]


def test_evaluate_gives_scores_and_leaves_a_report(runs: Runs, houses, tmp_path: Path) -> None:
    run = runs["houses"]
    assert run.evaluate() == pytest.approx(run.metrics["test"], rel=1e-6)
    houses.to_csv(tmp_path / "known.csv", index=False)
    assert run.evaluate(tmp_path / "known.csv") == pytest.approx(run.evaluate(houses), rel=1e-6)
    assert len([*(run.path / "evaluations").glob("*/report.html")]) >= 3


def test_what_else_a_run_has(runs: Runs) -> None:
    run = runs["houses"]
    assert isinstance(run.model, keras.Model)
    assert run.history["epoch"] == [1, 2]
    assert run.report == run.path / "report.html"
    assert repr(run) == f"TrainedRun({str(run.path)!r}, status='finished')"


def test_a_notebook_shows_the_report_in_a_frame(tmp_path: Path) -> None:
    run = kr.TrainedRun(tmp_path)
    writer = RunWriter(tmp_path)
    writer.update(name='<b>"x"', status="running")
    assert run._repr_html_() == (
        f"<code>TrainedRun(&#x27;{tmp_path}&#x27;, status=&#x27;running&#x27;)</code>"
    )
    writer.write_report('<p title="a">&</p>')
    shown = run._repr_html_()
    assert 'srcdoc="&lt;p title=&quot;a&quot;&gt;&amp;&lt;/p&gt;"' in shown
    assert 'title="Report of &lt;b&gt;&quot;x&quot;"' in shown
    assert shown.count("<") == 2


def test_load_run_takes_a_run_or_a_name(runs: Runs) -> None:
    folder = runs["two"].path
    assert kr.load_run(str(folder)).path == kr.load_run(folder.parent).path == folder
    with pytest.raises(RunNotFound):
        kr.load_run(folder.parent / "nothing")


def test_a_name_means_its_newest_run_with_a_model(runs: Runs, tmp_path: Path) -> None:
    older = shutil.copytree(runs["two"].path, tmp_path / "20260131-110000")
    failed = RunWriter(tmp_path / "20260131-120000")
    failed.path.mkdir()
    failed.update(status="failed")
    message = re.escape(f"{failed.path} has no model; using {older}")
    with pytest.warns(UserWarning, match=message) as caught:
        run = kr.load_run(tmp_path)
    assert [warning.filename for warning in caught] == [__file__]
    assert run.path == older
    assert isinstance(run.model, keras.Model)
    assert kr.load_run(failed.path).path == failed.path


def test_train_takes_keys_and_a_frame(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.arange(20.0) ** 2, "y": np.arange(20.0)})
    file = tmp_path / "line.yaml"
    file.write_text("dataset: {target: y}\nlayers: [Dense: {units: 1}]\nloss: mse\nreport: []\n")
    run = kr.train(file, "batch_size=4", data=frame, epochs=3, output_dir=tmp_path / "runs")
    assert (run.info["epochs_run"], run.info["batch_size"]) == (3, 4)
    assert len(run.predict(frame)) == 20


def test_warnings_of_a_run_are_python_s_where_no_console_shows_them(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [np.nan, *np.arange(19.0) ** 2], "y": np.arange(20.0)})
    recipe = {
        "dataset": {"target": "y", "missing": "drop"},
        "layers": [{"Dense": {"units": 1}}],
        "loss": "mse",
        "report": [],
    }
    message = r"1 of 20 rows is left out: values are missing \(x\)"
    with pytest.warns(UserWarning, match=message) as caught:
        run = kr.train(recipe, data=frame, output_dir=tmp_path)
    ours = [warning for warning in caught if warning.filename == __file__]
    assert [str(warning.message) for warning in ours] == run.info["warnings"]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        kr.train(recipe, data=frame, output_dir=tmp_path, console=Console(quiet=True))


IMAGES = "images or arrays of shape (4, 4)"
ROWS = (
    "Rows are a DataFrame, an array, a path or a file of bytes (received: {}). Make a DataFrame "
    "of them (of one row: pandas.DataFrame([row]))."
)
REFUSED = [
    ("houses", "predict", [[1, 2]], ROWS.format("list")),
    ("houses", "predict", {"a": 1}, ROWS.format("dict")),
    ("houses", "predict", None, "Rows are needed (received: None). Some methods of pandas return "
     "None."),
    ("houses", "predict", make_houses().iloc[0], ROWS.format("Series")),
    ("houses", "predict", io.StringIO("rooms,area\n1,2"), ROWS.format("StringIO")),
    ("houses", "predict", np.zeros((2, 3)), "dataset array\n  the model takes rows of 5 columns: "
     "rooms, area, town, sold, garden (received: 3 columns). Give a table with columns of these "
     "names."),
    ("houses", "predict", np.zeros(5), "dataset array\n  arrays must be columns, of shape (rows,) "
     "and equally long, or one array of shape (rows, columns) (received: an array of shape (5,)). "
     "To train on inputs of other shapes, save them with the target: numpy.savez(path, x=…, y=…)."),
    ("images", "predict", make_houses(), f"dataset DataFrame\n  this run takes {IMAGES} (received: "
     "a table). Give a file of these."),
    ("images", "predict", np.zeros((4, 4)), "dataset array\n  the model takes rows of shape (4, 4) "
     "(received: (4,)). If this is one row, put it into an array: x[None]."),
    ("images", "predict", np.full((1, 4, 4), "a"), "dataset array\n  the array must contain "
     "numbers, of shape (rows, …) (received: shape (1, 4, 4) of <U1). Save text and columns in "
     "a table, such as a CSV file."),
    ("houses", "evaluate", [[1, 2]], ROWS.format("list")),
    ("images", "evaluate", np.zeros((2, 4, 4)), "dataset array\n  the file must contain inputs (x, "
     "inputs, data, features, images, x_train) and the target (y, target, targets, label, labels, "
     "y_train; received: an array of shape (2, 4, 4)). Rename one when it is saved: "
     "numpy.savez(path, x=…, y=…)."),
]  # fmt: skip


@pytest.mark.parametrize(("run", "verb", "data", "message"), REFUSED)
def test_refused_data(runs: Runs, run: str, verb: str, data: object, message: str) -> None:
    with pytest.raises(InputError) as caught:
        getattr(runs[run], verb)(data)
    assert str(caught.value) == message


@pytest.mark.parametrize("data", ["houses.csv", (np.zeros((9, 2)), np.zeros(9))])
def test_data_are_a_frame(runs: Runs, data: object) -> None:
    file = runs["houses"].path.parents[2] / "houses.yaml"
    with pytest.raises(InputError) as caught:
        kr.train(file, data=data)
    assert str(caught.value) == (
        f"data must be a pandas or Polars DataFrame (received: {type(data).__name__}). Make "
        "one with pandas.DataFrame(data), or name a file in the recipe: dataset: {path: "
        "data.npz}. Save arrays to one with numpy.savez('data.npz', x=x, y=y)."
    )
