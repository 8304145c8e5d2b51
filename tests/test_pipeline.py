"""What a run does, from recipe to report, and what it leaves when it fails."""

from __future__ import annotations

import io
import os
import pickle
import random
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

from kerasrecipes import load_recipe, pipeline
from kerasrecipes.errors import InputError, RecipeError, RunFailed
from kerasrecipes.model.built import Built, build
from kerasrecipes.rows import load_for
from kerasrecipes.rows.kinds import make_column
from kerasrecipes.runs import list_runs
from kerasrecipes.terminal import TerminalListener

IRIS = {
    "name": "붓꽃",
    "dataset": {"name": "iris", "validation_split": 0.2},
    "layers": [
        {"Dense": {"units": 5, "activation": "relu"}},
        {"Dropout": {"rate": 0.2}},
        {"Dense": {"units": 3, "activation": "softmax"}},
    ],
    "metrics": ["accuracy"],
    "optimizer": "adam",
    "epochs": 3,
    "report": ["learning_curves"],
}
BOSTON = {
    "dataset": {"name": "boston_housing", "standardize_target": True},
    "layers": [{"Dense": {"units": 1}}],
    "loss": "mse",
    "report": ["residuals"],
}


@pytest.fixture
def make_iris(make_recipe):
    return lambda **keys: make_recipe(**(IRIS | keys))


def read_weights(run) -> list[bytes]:
    model = keras.saving.load_model(run.model_path, compile=False)
    return [np.asarray(weight).tobytes() for weight in model.weights]


def test_the_same_recipe_and_seed_give_the_same_bits(make_iris, tmp_path: Path):
    """The third run is of the resolved recipe.yaml that the first one left."""
    first = pipeline.train(make_iris(), tmp_path / "runs")
    again = pipeline.train(make_iris(), tmp_path / "runs")
    resolved = pipeline.train(load_recipe(first.recipe_path), tmp_path / "runs")
    other = pipeline.train(make_iris(seed=7), tmp_path / "runs")
    assert len({run.path for run in (first, again, resolved, other)}) == 4
    for run in (again, resolved):
        assert (run.path / "history.csv").read_bytes() == (first.path / "history.csv").read_bytes()
        assert read_weights(run) == read_weights(first)
        assert run.metrics == first.metrics
        assert run.recipe_text == first.recipe_text
    assert other.history["loss"] != first.history["loss"]
    # Rows held out depend on split_seed, not on the run's seed.
    assert other.predictions["row"] == first.predictions["row"]


def test_what_stopped_training_is_recorded_and_printed(make_iris, tmp_path: Path):
    out = io.StringIO()
    console = Console(file=out, width=80)
    patience = {"EarlyStopping": {"patience": 1, "min_delta": 100}}
    recipe = make_iris(epochs=9, callbacks=[patience])
    run = pipeline.train(recipe, tmp_path, TerminalListener(console))
    assert (run.info["epochs_run"], run.info["stopped_by"]) == (2, "EarlyStopping")
    assert "stopped after epoch 2 of 9 (EarlyStopping)\n" in out.getvalue()
    assert "weights_of_epoch" not in run.info


def test_the_epoch_of_restored_weights_is_recorded(make_iris, tmp_path: Path):
    restore = {"EarlyStopping": {"monitor": "loss", "mode": "max", "restore_best_weights": True}}
    run = pipeline.train(make_iris(epochs=4, callbacks=[restore]), tmp_path)
    losses = run.history["loss"]
    assert run.info["weights_of_epoch"] == 1 + losses.index(max(losses))


def test_the_test_part_is_encoded_only_when_it_is_scored(make_iris, tmp_path: Path, monkeypatch):
    """Encoded rows are most of a large run's memory."""
    seen: list[str] = []
    encode = Built.encode

    def encode_and_tell(built, dataset, part):
        seen.append(part)
        return encode(built, dataset, part)

    monkeypatch.setattr(Built, "encode", encode_and_tell)
    note = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: seen.append("an epoch"))
    pipeline.train(make_iris(epochs=1), tmp_path, callbacks=[note])
    assert seen == ["train", "validation", "an epoch", "test"]


def test_scores_of_a_standardised_target_are_in_its_own_units(make_recipe, tmp_path: Path):
    run = pipeline.train(make_recipe(**BOSTON, epochs=2), tmp_path)
    actual = np.array(run.predictions["actual"], float)
    errors = np.array(run.predictions["predicted"], float) - actual
    test = run.metrics["test"]
    assert test["mae_original_units"] == pytest.approx(np.abs(errors).mean(), rel=1e-4)
    assert test["rmse_original_units"] == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-4)
    assert test["r2"] == pytest.approx(1 - (errors**2).mean() / actual.var(), rel=1e-4)
    assert test.keys() == run.metrics["train"].keys()


def test_images_leave_samples_for_the_report(make_recipe, tmp_path: Path):
    softmax = {"Dense": {"units": 10, "activation": "softmax"}}
    recipe = make_recipe(
        dataset={"name": "digits"}, layers=["Flatten", softmax], report=["samples"]
    )
    run = pipeline.train(recipe, tmp_path)
    assert run.samples is not None
    assert run.samples["images"].dtype == np.uint8
    assert run.samples["images"].shape[1:] == (8, 8)
    assert run.info["dataset"]["shape"] == [8, 8]


@pytest.mark.parametrize(
    ("keys", "plots"),
    [
        (
            {"report": None},
            [
                *("class_counts", "confusion_matrix", "importance", "learning_curves"),
                *("reliability", "roc_pr_curves"),
            ],
        ),
        ({"report": ["learning_curves"]}, ["learning_curves"]),
        ({"report": []}, []),
    ],
)
def test_the_report_has_the_plots_that_the_recipe_names(make_iris, tmp_path, keys, plots):
    """Those that suit the task where it names none, and none where its list is empty."""
    run = pipeline.train(make_iris(**keys), tmp_path / "runs")
    assert [*run.plots()] == plots
    page = run.report_path.read_text(encoding="utf-8")
    assert ('<h2 id="plots">' in page) == ('href="#plots"' in page) == bool(plots)
    assert page.count("<figure") == len(plots)
    again = pipeline.train(load_recipe(run.recipe_path), tmp_path / "again")
    assert [*again.plots()] == plots


class PressCtrlC(keras.callbacks.Callback):
    """Interrupts at the beginning of the epoch of this number, counted from 0."""

    epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def test_an_interrupt_before_the_run_has_facts_leaves_no_folder(make_iris, tmp_path, monkeypatch):
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "find_git_commit", interrupt)
    with pytest.raises(KeyboardInterrupt):
        pipeline.train(make_iris(), tmp_path / "runs", TerminalListener(Console(quiet=True)))
    assert list(tmp_path.glob("runs/*")) == []


@pytest.mark.parametrize("n_epochs", [0, 2])
def test_an_interrupted_run_keeps_what_it_learnt(make_iris, tmp_path, monkeypatch, n_epochs: int):
    """Also in its first epoch, when Keras has no history yet."""
    monkeypatch.setattr(PressCtrlC, "epoch", n_epochs)
    build_callbacks = "kerasrecipes.model.build.build_callbacks"
    monkeypatch.setattr(build_callbacks, lambda *arguments: [PressCtrlC()])
    out = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        pipeline.train(
            make_iris(), tmp_path / "runs", TerminalListener(Console(file=out, width=80))
        )
    (run,) = list_runs(tmp_path / "runs")
    assert run.info["status"] == "interrupted"
    assert run.info["error"] == ""
    assert run.info["epochs_run"] == n_epochs
    assert len(run.history["epoch"]) == n_epochs
    loaded = keras.saving.load_model(run.model_path, compile=False)
    assert loaded.predict(np.ones((2, 4)), verbose=0).shape == (2, 3)
    assert "Interrupted" in run.report_path.read_text(encoding="utf-8")
    *_, said, report = out.getvalue().splitlines()
    kept = "The model was saved with the weights at that moment."
    assert said == f"Interrupted after {n_epochs} of 3 epochs. {kept}"
    assert report == f"report  {run.report_path}"


@pytest.mark.parametrize("error", [ValueError("a mistake"), InputError("a refusal")])
def test_an_exception_of_a_callback_keeps_what_was_learned(make_iris, tmp_path, error):
    class Raise(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise error

    with pytest.raises(type(error)):
        pipeline.train(make_iris(), tmp_path, callbacks=[Raise()])
    (run,) = list_runs(tmp_path)
    assert (run.info["status"], run.info["error"]) == ("failed", str(error))
    assert len(run.history["loss"]) == 1
    assert keras.saving.load_model(run.model_path, compile=False).layers
    assert run.report_path.exists()


def test_a_diverging_run_is_kept_as_failed(make_recipe, tmp_path: Path):
    recipe = make_recipe(**BOSTON, optimizer={"SGD": {"learning_rate": 1e9}}, epochs=20)
    with pytest.raises(RunFailed, match=r"became (nan|inf) in epoch \d+"):
        pipeline.train(recipe, tmp_path / "runs")
    (run,) = list_runs(tmp_path / "runs")
    assert run.info["status"] == "failed"
    assert "learning_rate (now 1e+09)" in run.info["error"]
    assert "Failed" in run.report_path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "keys",
    [
        {"layers": [{"Dense": {"units": 4, "activation": "softmax"}}]},
        {"layers": ["Flatten", {"Reshape": {"target_shape": [99]}}, *IRIS["layers"]]},
        {"metrics": [{"F1Score": {"average": "x"}}]},
        {"callbacks": [{"CSVLogger": {"filename": "../../escaped.csv"}}]},
    ],
    ids=["labels", "layer", "metric", "callback"],
)
def test_a_recipe_that_cannot_be_trained_leaves_no_folder(make_iris, tmp_path: Path, keys):
    with pytest.raises(RecipeError) as caught:
        pipeline.train(make_iris(**keys), tmp_path / "runs")
    assert caught.value.problems[0].location is not None
    assert list_runs(tmp_path / "runs") == []
    assert list(tmp_path.glob("runs/*")) == []


def write_flats(file: Path) -> None:
    """80 flats: numbers, words, dates, a few of them missing; names with spaces and Korean."""
    rng = np.random.default_rng(0)
    lines = ["area (m²),동,built,price,rent,kind"]
    for i in range(80):
        area = rng.normal(70, 20)
        town = rng.choice(["마포", "강남", ""])
        kind = "villa" if i % 5 == 0 else "flat"
        built = f"{2000 + i % 20}-0{1 + i % 9}-15"
        shown = "" if i % 17 == 3 else f"{area:.1f}"
        lines.append(f"{shown},{town},{built},{area * 10:.0f},{area / 2:.1f},{kind}")
    file.write_text("\n".join(lines), encoding="utf-8")


@pytest.fixture
def make_flats(make_recipe, tmp_path: Path):
    """A recipe over a CSV file, which stands beside it."""
    write_flats(tmp_path / "flats.csv")

    def make(keys, **dataset):
        described = {"path": "flats.csv", "missing": "median", "validation_split": 0.2, **dataset}
        return make_recipe(**{"dataset": described, "report": [], "epochs": 2, **keys})

    return make


SEVERAL = {"layers": [{"Dense": {"units": 2}}], "loss": "mse"}
KIND = {
    "layers": [{"Dense": {"units": 2, "activation": "softmax"}}],
    "loss": "sparse_categorical_crossentropy",
    "metrics": ["accuracy"],
}


def test_a_resolved_recipe_of_ones_own_data_trains_to_the_same_bits(make_flats, tmp_path: Path):
    recipe = make_flats(
        {**KIND, "class_weight": "balanced"},
        target="kind",
        features={"area (m²)": {"float_rescaled": {"scale": 0.01}}},
        missing_indicator=True,
    )
    first = pipeline.train(recipe, tmp_path / "runs")
    again = pipeline.train(load_recipe(first.recipe_path), tmp_path / "runs")
    assert again.recipe_text == first.recipe_text
    assert again.history == first.history
    assert again.metrics == first.metrics
    assert read_weights(again) == read_weights(first)
    assert again.info["dataset"]["fingerprint"] == first.info["dataset"]["fingerprint"]


def test_several_targets_are_scored_and_predicted_by_name(make_flats, tmp_path: Path):
    recipe = make_flats(SEVERAL, target=["price", "rent"], standardize_target=True, drop=["kind"])
    run = pipeline.train(recipe, tmp_path / "runs")
    assert list(run.predictions) == [
        *("row", "actual_price", "actual_rent", "predicted_price", "predicted_rent")
    ]
    for name in ("price", "rent"):
        actual, predicted = (
            np.array(run.predictions[f"{what}_{name}"], float) for what in ("actual", "predicted")
        )
        expected = np.abs(predicted - actual).mean()
        assert run.metrics["test"][f"mae_{name}_original_units"] == pytest.approx(
            expected, rel=1e-4
        )
    assert run.info["dataset"]["target"] == "price, rent"


def test_weights_of_classes_change_what_is_learnt(make_flats, tmp_path: Path):
    plain = pipeline.train(make_flats(KIND, target="kind"), tmp_path / "runs")
    weighted = make_flats({**KIND, "class_weight": {"villa": 4}}, target="kind")
    assert pipeline.train(weighted, tmp_path / "runs").history["loss"] != plain.history["loss"]


def test_the_run_says_how_each_column_was_taken(make_flats, tmp_path: Path):
    run = pipeline.train(make_flats(KIND, target="kind", drop=["rent"]), tmp_path / "runs")
    columns = {column["name"]: column for column in run.info["dataset"]["columns"]}
    assert list(columns) == ["area (m²)", "동", "built", "price"]
    kinds = [column["kind"] for column in columns.values()]
    assert kinds == ["number", "category", "date", "number"]
    for column in columns.values():
        again = make_column(**column)
        assert again.to_dict() | {"parts": [*again.parts]} == column


def test_only_categories_are_crossed(make_flats):
    """A cross of numbers is refused in words, not by Keras's traceback."""
    crosses = [{"feature_names": ["area (m²)", "동"], "crossing_dim": 8}]
    recipe = make_flats(KIND, target="kind", crosses=crosses)
    with pytest.raises(InputError, match="crosses"):
        load_for(recipe)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_computes_in_16_bits_and_answers_in_32(
    make_iris, tmp_path: Path, precision: str
):
    recipe = make_iris(precision=precision)
    built = build(recipe, load_for(recipe))
    hidden, _, last = built.model.layers
    assert (hidden.dtype_policy.name, last.dtype_policy.name) == (precision, "float32")
    assert hidden.kernel.dtype == "float32"
    run = pipeline.train(recipe, tmp_path)
    assert np.isfinite(run.history["loss"]).all()


def test_a_profile_says_where_time_went_and_leaves_a_trace(make_iris, tmp_path: Path):
    run = pipeline.train(make_iris(), tmp_path, profile=True)
    assert run.info["profile"].startswith("Of ")
    assert "% training steps" in run.info["profile"]
    assert list(run.profile_path.rglob("*.xplane.pb"))


def test_a_number_is_learnt_from_arrays_shaped_like_images(make_recipe, tmp_path: Path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 4, 3)).astype(np.float32)
    np.savez(tmp_path / "rows.npz", x=x, y=x.sum((1, 2)) * 0.5)
    recipe = make_recipe(
        dataset={"path": "rows.npz"}, layers=["Flatten", {"Dense": {"units": 1}}], loss="mse"
    )
    run = pipeline.train(recipe, tmp_path / "runs")
    assert run.info["status"] == "finished"
    assert len(run.predictions["predicted"]) == 8


def save_parts(folder: Path, **arrays: object) -> dict[str, np.ndarray]:
    """Rows of parts that a file brings, and more arrays."""
    rng = np.random.default_rng(0)
    parts = {f"x_{part}": rng.normal(size=(n, 4)) for part, n in (("train", 30), ("val", 10))}
    parts |= {name.replace("x", "y"): x.sum(axis=1) for name, x in parts.items()}
    np.savez(folder / "parts.npz", **parts, **arrays)
    return parts


STOP = {"EarlyStopping": {"monitor": "val_loss"}}
LINEAR = {"layers": [{"Dense": {"units": 1}}], "loss": "mse", "epochs": 2}


def test_a_file_s_own_validation_part_is_scored_and_monitored(make_recipe, tmp_path: Path):
    parts = save_parts(tmp_path)
    recipe = make_recipe(dataset={"path": "parts.npz"}, callbacks=[STOP], **LINEAR)
    run = pipeline.train(recipe, tmp_path / "runs")
    assert run.info["dataset"]["rows"] == {"train": 24, "validation": 10, "test": 6}
    model = keras.saving.load_model(run.model_path)
    answers = np.asarray(model(parts["x_val"].astype(np.float32)))[:, 0]
    loss = np.mean((answers - parts["y_val"]) ** 2)
    assert run.history["val_loss"][-1] == pytest.approx(loss, rel=1e-4)


def test_arrays_without_a_validation_part_have_nothing_to_monitor(make_recipe, tmp_path: Path):
    np.savez(tmp_path / "rows.npz", x=np.ones((9, 2)), y=np.arange(9) / 2)
    recipe = make_recipe(dataset={"path": "rows.npz"}, callbacks=[STOP], **LINEAR)
    with pytest.raises(RecipeError, match="There is no validation part"):
        pipeline.train(recipe, tmp_path / "runs")


@pytest.mark.parametrize(
    ("shape", "dtype", "layers", "expected"),
    [
        ((6, 6), np.uint8, ["Flatten"], True),
        ((6, 9), np.uint8, ["Flatten"], True),
        ((6, 6), np.float32, ["Flatten"], True),
        ((6, 9), np.float32, ["Flatten"], False),
        ((6, 6), np.float32, [{"LSTM": {"units": 2}}], False),
        ((6, 6), np.float32, [{"Conv1D": {"filters": 2, "kernel_size": 3}}, "Flatten"], False),
        ((6, 6, 3), np.float32, ["Flatten"], True),
        ((6, 6, 5), np.float32, ["Flatten"], False),
    ],
)
def test_series_are_not_drawn_as_images(make_recipe, tmp_path, shape, dtype, layers, expected):
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 200, (40, *shape)).astype(dtype), np.arange(40) % 2
    np.savez(tmp_path / "rows.npz", x_train=X, y_train=y)
    sigmoid = {"Dense": {"units": 1, "activation": "sigmoid"}}
    recipe = make_recipe(
        dataset={"path": str(tmp_path / "rows.npz")},
        layers=[*layers, sigmoid],
        loss="binary_crossentropy",
        epochs=1,
    )
    run = pipeline.train(recipe, tmp_path / "runs")
    assert ("samples" in run.info["plots"], run.samples is not None) == (expected, expected)


def read_process() -> dict[str, object]:
    return {
        "Python's random numbers": random.getstate(),
        "NumPy's random numbers": pickle.dumps(np.random.get_state()),
        "standard error": os.fstat(2)[:3],
        "switch interval": sys.getswitchinterval(),
        "socket timeout": socket.getdefaulttimeout(),
        "threads": tf.config.threading.get_intra_op_parallelism_threads(),
    }


def test_a_call_leaves_the_process_as_it_was(make_iris, tmp_path: Path):
    named = keras.layers.Dense(1).name
    before = read_process()
    seen = []
    look = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: seen.append(read_process()))
    pipeline.train(make_iris(epochs=1), tmp_path, callbacks=[look])
    assert [*seen, read_process()] == [before, before]
    number = int(named.rpartition("_")[2]) if "_" in named else 0
    assert keras.layers.Dense(1).name == f"dense_{number + 1}"


def test_layers_and_metrics_are_called_alike_whatever_was_built_before(make_iris, tmp_path: Path):
    recipe = make_iris(
        metrics=["accuracy", {"F1Score": {"average": "macro"}}, "AUC"],
        loss="categorical_crossentropy",
    )
    runs = [pipeline.train(recipe, tmp_path) for _ in range(2)]
    names = [[layer["name"] for layer in run.info["layers"]] for run in runs]
    assert names == [["dense", "dropout", "dense_1"]] * 2
    assert runs[0].history.keys() == runs[1].history.keys()
    assert {"auc", "val_auc", "f1_score"} <= runs[0].history.keys()


def test_two_threads_train_as_one(make_iris, tmp_path: Path):
    recipes = [make_iris(seed=1), make_iris(seed=2)]
    alone = [pipeline.train(recipe, tmp_path / "alone").history for recipe in recipes]
    with ThreadPoolExecutor(2) as pool:
        runs = pool.map(lambda recipe: pipeline.train(recipe, tmp_path / "both"), recipes)
        assert [run.history for run in runs] == alone


def test_progress_may_go_to_standard_error(make_iris, tmp_path: Path, capfd):
    pipeline.train(make_iris(), tmp_path, TerminalListener(Console(stderr=True, width=80)))
    assert "epoch 3/3" in capfd.readouterr().err
