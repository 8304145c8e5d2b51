"""The public face fits one screen, and grows on purpose only."""

from __future__ import annotations

import importlib.metadata
import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kerasrecipes
from kerasrecipes.errors import InputError


def test_all_that_is_exported() -> None:
    assert kerasrecipes.__all__ == [
        *("Comparison", "Recipe", "Sweep", "TrainedRun"),
        *("compare", "load_recipe", "load_run", "sweep", "train"),
    ]
    assert dir(kerasrecipes) == sorted(kerasrecipes.__all__)


@pytest.mark.parametrize("name", kerasrecipes.__all__)
def test_every_export_is_there_and_says_what_it_does(name: str) -> None:
    assert inspect.getdoc(getattr(kerasrecipes, name))


def test_a_run_has_what_a_person_asks_it_for() -> None:
    for name in ("metrics", "history", "model", "report", "predict", "evaluate"):
        assert inspect.getdoc(getattr(kerasrecipes.TrainedRun, name))


def test_the_face_and_the_rooms_hold_the_same_things() -> None:
    from kerasrecipes import comparison, recipe, trained

    assert kerasrecipes.Comparison is comparison.Comparison
    assert kerasrecipes.compare is comparison.compare
    assert kerasrecipes.Recipe is recipe.Recipe
    assert kerasrecipes.load_recipe is recipe.load_recipe
    assert kerasrecipes.TrainedRun is trained.TrainedRun
    assert kerasrecipes.load_run is trained.load_run


def test_the_version_is_that_of_the_package() -> None:
    assert kerasrecipes.__version__ == importlib.metadata.version("kerasrecipes")


RECIPE = {
    "dataset": {"name": "iris"},
    "layers": [{"Dense": {"units": 3, "activation": "softmax"}}],
    "loss": "sparse_categorical_crossentropy",
}


@pytest.mark.parametrize("make", [dict, lambda keys: kerasrecipes.Recipe(**keys)])
def test_a_mapping_or_a_recipe_trains_with_changes(make, tmp_path: Path) -> None:
    run = kerasrecipes.train(make(RECIPE), "batch_size=50", epochs=2, output_dir=tmp_path)
    assert (run.info["epochs_run"], run.info["batch_size"]) == (2, 50)


def test_the_caller_s_callbacks_run_beside_those_of_the_recipe(tmp_path: Path) -> None:
    import keras

    class Count(keras.callbacks.Callback):
        seen = 0

        def on_epoch_end(self, epoch, logs=None):
            assert logs["loss"] > 0
            self.seen += 1

    count = Count()
    stop = {"EarlyStopping": {"monitor": "loss", "patience": 0, "min_delta": 1e9}}
    recipe = {**RECIPE, "epochs": 9, "callbacks": [stop]}
    run = kerasrecipes.train(recipe, callbacks=[count], output_dir=tmp_path)
    assert run.info["epochs_run"] == count.seen < 9


def test_names_are_no_callbacks_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="received: 'EarlyStopping'"):
        kerasrecipes.train(RECIPE, callbacks=["EarlyStopping"], output_dir=tmp_path)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("arguments", [(RECIPE, [1, 2]), ([1, 2], RECIPE), (None,)])
def test_what_is_no_recipe_and_no_change_of_one(tmp_path: Path, arguments) -> None:
    with pytest.raises(InputError, match="Rows are given by name: data=") as caught:
        kerasrecipes.train(*arguments, output_dir=tmp_path)
    assert f"received: {'NoneType' if arguments == (None,) else 'list'}" in str(caught.value)
    assert not [*tmp_path.iterdir()]


def test_rows_among_the_recipes_to_compare(tmp_path: Path) -> None:
    rows = np.zeros((3, 2))
    with pytest.raises(InputError, match=r"received: ndarray\). Rows are given by name: data="):
        kerasrecipes.compare(RECIPE, {**RECIPE, "name": "other"}, rows, output_dir=tmp_path)


def test_a_run_is_given_where_its_folder_can_be(tmp_path: Path) -> None:
    first = kerasrecipes.train(RECIPE, name="first", output_dir=tmp_path, callbacks=None)
    second = kerasrecipes.train(RECIPE, name="second", weights_from=first, output_dir=tmp_path)
    assert kerasrecipes.load_run(second).path == second.path
    compared = kerasrecipes.compare(first, second, output_dir=tmp_path)
    assert {"first", "second"} <= {row["recipe"] for row in compared.rows}


def test_a_class_is_no_callback_of_the_caller(tmp_path: Path) -> None:
    import keras

    class CB(keras.callbacks.Callback):
        pass

    for wrong in ([CB], "EarlyStopping"):
        with pytest.raises(InputError) as caught:
            kerasrecipes.train(RECIPE, callbacks=wrong, output_dir=tmp_path)
        assert "callbacks takes objects of keras.callbacks.Callback" in str(caught.value)
        assert "(received: 'E')" not in str(caught.value)
    assert not [*tmp_path.iterdir()]


def test_a_folder_is_not_the_value_of_resume(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"resume is True or False \(received: 'runs/boston'\)"):
        kerasrecipes.train(RECIPE, resume="runs/boston", output_dir=tmp_path)


def test_registered_classes_train_save_and_predict(tmp_path: Path) -> None:
    import keras

    @keras.saving.register_keras_serializable(package="tests")
    class Twice(keras.layers.Layer):
        def call(self, inputs):
            return 2 * inputs

    @keras.saving.register_keras_serializable(package="tests")
    def brier(actual, predicted):
        return keras.ops.mean((actual - predicted) ** 2, axis=-1)

    layers = ["tests>Twice", *RECIPE["layers"]]
    keys = {"layers": layers, "loss": "tests>brier", "metrics": ["tests>brier"]}
    run = kerasrecipes.train(RECIPE, output_dir=tmp_path, **keys)
    assert run.metrics["test"]["brier"] == pytest.approx(run.metrics["test"]["loss"])
    assert run.evaluate() == pytest.approx(run.metrics["test"], rel=1e-4)
    code = "import kerasrecipes as kr, sys; kr.load_run(sys.argv[1]).evaluate()"
    command = [sys.executable, "-c", code, str(run.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "No layer is registered as 'tests>Twice' in this process." in done.stderr


def test_what_is_not_there_is_said_as_python_says_it() -> None:
    with pytest.raises(AttributeError, match="module 'kerasrecipes' has no attribute 'fit'"):
        _ = kerasrecipes.fit


def test_a_trained_run_shows_what_a_user_may_do() -> None:
    run = kerasrecipes.TrainedRun(Path("runs/iris"))
    public = {name for name in dir(run) if not name.startswith("_")}
    files = {"path", "checkpoints_path", "log_path", "model_path", "profile_path"}
    files |= {"recipe_path", "report_path", "plots"}
    facts = {
        "info",
        "status",
        "epochs_run",
        "history",
        "metrics",
        "predictions",
        "residuals",
        "samples",
    }
    facts |= {"recipe_text", "has_network"}
    assert public == files | facts | {"model", "report", "predict", "evaluate"}
