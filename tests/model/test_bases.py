"""Models of keras.applications as layers. Nothing is downloaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import kerasrecipes as kr
from kerasrecipes.errors import RecipeError
from kerasrecipes.model.built import build
from kerasrecipes.model.serving import find_trained
from kerasrecipes.prediction.model_file import load_run_model
from kerasrecipes.recipe import load_recipe
from kerasrecipes.recipe.keras_names import find_definition, list_bases
from kerasrecipes.rows import load_for
from kerasrecipes.runs import Run

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 255, (12, 32, 32, 3), np.uint8)
SMALL = {"alpha": 0.25, "include_top": False, "weights": None, "pooling": "avg"}
CENTRE = {"Rescaling": {"scale": 1 / 127.5, "offset": -1}}
HEAD = {"Dense": {"units": 1, "activation": "sigmoid"}}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    file = tmp_path / "images.npz"
    np.savez(file, x=IMAGES, y=np.arange(12) % 2)
    return file


def make(data: Path, *layers: Any, **keys: Any) -> dict[str, Any]:
    return {
        "name": "base",
        "dataset": {"path": str(data), "test_split": 0.25},
        "layers": [*layers, HEAD],
        "loss": "binary_crossentropy",
        "batch_size": 4,
        "report": [],
        **keys,
    }


def build_base(data: Path, **arguments: Any) -> keras.Model:
    recipe = load_recipe(make(data, {"MobileNet": SMALL | arguments}))
    return build(recipe, load_for(recipe)).network.layers[0]


def save_weights(file: Path) -> list[np.ndarray]:
    """Save weights in which each batch normalisation has other statistics than the first."""
    made = keras.applications.MobileNet(input_shape=(32, 32, 3), **SMALL)
    made.set_weights([w + 0.1 * RNG.random(w.shape) for w in made.get_weights()])
    made.save_weights(file)
    return made.get_weights()


def test_every_model_of_keras_is_a_layer() -> None:
    exported = {name for name in dir(keras.applications) if name[0].isupper()}
    assert set(list_bases()) == exported
    for name in exported:
        definition = find_definition("layers", name)
        assert definition.is_class
        assert {"weights", "include_top", "pooling", "trainable"} <= definition.arguments.keys()


def test_a_frozen_base_normalises_with_its_own_statistics(data: Path) -> None:
    base = build_base(data, trainable=False)
    before = base.get_weights()
    in_training = base(IMAGES.astype(np.float32), training=True)
    assert base.trainable_weights == []
    for old, new in zip(before, base.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_allclose(in_training, base(IMAGES.astype(np.float32)), atol=1e-6)


@pytest.mark.slow
def test_a_frozen_base_keeps_weights_and_statistics(data: Path, tmp_path: Path) -> None:
    weights = save_weights(tmp_path / "mine.weights.h5")
    base = {"MobileNet": SMALL | {"weights": "mine.weights.h5", "trainable": False}}
    file = tmp_path / "recipe.yaml"
    file.write_text(load_recipe(make(data, CENTRE, base)).to_yaml().replace(f"{Path.cwd()}/", ""))
    run = kr.train(file, output_dir=tmp_path, epochs=2)
    trained = find_trained(load_run_model(Run(run.path)))
    for before, after in zip(weights, trained.layers[1].get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    row = run.info["layers"][1]
    assert (row["type"], row["output_shape"], row["arithmetic"]) == ("MobileNet", [256], "")
    assert (row["parameters"], row["trainable"]) == (218_544, 0)


def test_multiply_adds_are_those_of_the_layers_inside(data: Path) -> None:
    recipe = load_recipe(make(data, {"VGG16": {"weights": None, "include_top": False}}, "Flatten"))
    row = build(recipe, load_for(recipe)).describe(recipe)["layers"][0]
    sizes = [(32, 3, 64), (32, 64, 64), (16, 64, 128), (16, 128, 128), (8, 128, 256)]
    sizes += [(8, 256, 256)] * 2 + [(4, 256, 512)] + [(4, 512, 512)] * 2 + [(2, 512, 512)] * 3
    assert row["multiply_adds"] == sum(side**2 * 9 * a * b for side, a, b in sizes)


@pytest.mark.slow
def test_a_run_equals_plain_keras(data: Path, tmp_path: Path) -> None:
    save_weights(tmp_path / "mine.weights.h5")
    base = SMALL | {"weights": str(tmp_path / "mine.weights.h5"), "trainable": False}
    recipe = make(data, CENTRE, {"MobileNet": base}, epochs=3, batch_size=64)
    recipe["optimizer"] = {"SGD": {"learning_rate": 1e-3}}
    run = kr.train(recipe, output_dir=tmp_path)
    script = "import sys, keras, numpy as np\nm = keras.saving.load_model(sys.argv[1])\n"
    script += "np.save(sys.argv[3], m.predict(np.load(sys.argv[2])['x'], verbose=0))"
    files = [str(run.path / "model.keras"), str(data), str(tmp_path / "answers.npy")]
    subprocess.run([sys.executable, "-c", script, *files], check=True, capture_output=True)
    answers = np.load(tmp_path / "answers.npy").ravel()
    assert run.predict(IMAGES)["probability_1"].to_numpy() == pytest.approx(answers, abs=1e-6)

    dataset = load_for(load_recipe(recipe))
    train = dataset.parts["train"]
    model = build(load_recipe(recipe), dataset, computes_once=False).model
    history = model.fit(train.inputs, train.target, epochs=3, batch_size=64, verbose=0)
    assert run.history["loss"] == pytest.approx(history.history["loss"], rel=1e-5)


def list_trained(data: Path, *layers: Any) -> list[str]:
    recipe = load_recipe(make(data, *layers))
    model = build(recipe, load_for(recipe)).model
    return [type(layer).__name__ for layer in model.layers]


FROZEN = {"MobileNet": SMALL | {"trainable": False}}


def test_outputs_of_a_frozen_base_are_inputs_of_what_is_trained(data: Path) -> None:
    dropout = {"Dropout": {"rate": 0.2}}
    assert list_trained(data, CENTRE, FROZEN, dropout) == ["Dropout", "Dense"]
    unpooled = {"MobileNet": SMALL | {"pooling": None, "trainable": False}}
    assert list_trained(data, CENTRE, unpooled, "Flatten") == ["Dense"]


@pytest.mark.parametrize(
    "layers",
    [
        [CENTRE, {"MobileNet": SMALL}],
        [{"RandomFlip": {"mode": "horizontal"}}, FROZEN],
        [
            {"EfficientNetB0": {"include_top": False, "weights": None, "trainable": False}},
            "Flatten",
        ],
        [{"BatchNormalization": {"center": False, "scale": False}}, FROZEN],
        [CENTRE, "Flatten"],
    ],
    ids=["trained", "random before", "random inside", "statistics before", "no base"],
)
def test_a_base_computes_in_each_step_where_its_outputs_change(data: Path, layers: Any) -> None:
    n_layers = len(layers) + 1
    assert len(list_trained(data, *layers)) == n_layers


@pytest.mark.slow
def test_computing_once_changes_no_result(data: Path, tmp_path: Path) -> None:
    callbacks = [
        {"ModelCheckpoint": {"filepath": "whole.keras"}},
        {"ModelCheckpoint": {"filepath": "last.weights.h5", "save_weights_only": True}},
    ]
    recipe = make(data, CENTRE, FROZEN, {"Dropout": {"rate": 0.2}}, epochs=3, callbacks=callbacks)
    once = kr.train(recipe, output_dir=tmp_path)
    each_step = kr.train(recipe, output_dir=tmp_path, callbacks=[keras.callbacks.Callback()])
    assert once.history["loss"] == pytest.approx(each_step.history["loss"], rel=1e-5)
    assert once.metrics["test"]["loss"] == pytest.approx(each_step.metrics["test"]["loss"])
    answers = once.predict(IMAGES)["probability_1"].to_numpy()
    whole = keras.saving.load_model(once.path / "whole.keras")
    assert whole.predict(IMAGES, verbose=0).ravel() == pytest.approx(answers, abs=1e-6)
    network = find_trained(whole)
    network.load_weights(once.path / "last.weights.h5")
    assert whole.predict(IMAGES, verbose=0).ravel() == pytest.approx(answers, abs=1e-6)


@pytest.mark.slow
def test_a_run_with_a_frozen_base_goes_on(data: Path, tmp_path: Path) -> None:
    recipe = make(data, CENTRE, FROZEN, {"Dropout": {"rate": 0.2}})
    longer = kr.train(recipe, output_dir=tmp_path / "longer", epochs=3)
    shorter = kr.train(recipe, output_dir=tmp_path / "shorter", epochs=1)
    continued = kr.train(
        shorter.path, resume=True, allow_changes=True, epochs=3, output_dir=tmp_path / "shorter"
    )
    assert continued.history["loss"] == longer.history["loss"]
    assert continued.metrics == longer.metrics


@pytest.mark.slow
def test_a_base_is_thawed_in_a_second_run(data: Path, tmp_path: Path) -> None:
    frozen = {"MobileNet": SMALL | {"trainable": False}}
    first = kr.train(make(data, CENTRE, frozen), output_dir=tmp_path)
    thawed = make(data, CENTRE, {"MobileNet": SMALL})
    second = kr.train(thawed, output_dir=tmp_path, weights_from=first.path)
    lines = second.info["weights_from"]["layers"]
    assert [line.endswith("copied") and len(line) < 120 for line in lines] == [True, True]
    assert second.info["layers"][1]["trainable"] == 213_072


@pytest.mark.parametrize(("name", "value"), [("MobileNet", 1.0), ("VGG16", 151.061)])
def test_preprocessing_is_a_part_of_the_base(data: Path, name: str, value: float) -> None:
    arguments = {"include_top": False, "weights": None, "include_preprocessing": True}
    recipe = load_recipe(make(data, {name: arguments}, "Flatten"))
    base = build(recipe, load_for(recipe)).network.layers[0]
    convolution = next(layer for layer in base.layers if isinstance(layer, keras.layers.Conv2D))
    scale = keras.Model(base.inputs[0], convolution.input)
    white = np.asarray(scale(np.full((1, 32, 32, 3), 255.0)))
    assert white[0, 16, 16, 0] == pytest.approx(value, abs=1e-3)


def test_weights_of_a_base_without_preprocessing_fit_one_with_it(
    data: Path, tmp_path: Path
) -> None:
    weights = save_weights(tmp_path / "mine.weights.h5")
    file = str(tmp_path / "mine.weights.h5")
    base = build_base(data, weights=file, include_preprocessing=True)
    for mine, read in zip(weights, base.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, read)


def refuse(recipe: dict[str, Any], tmp_path: Path) -> str:
    with pytest.raises(RecipeError) as error:
        kr.train(recipe, output_dir=tmp_path)
    return str(error.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_shape": [32, 32, 3]}, "The input shape comes from the data: remove it."),
        ({"trainable": "no"}, "must be true or false"),
        ({"poling": "avg"}, "Did you mean 'pooling'?"),
        ({"weights": "none.weights.h5"}, "the path to the weights file to be loaded"),
    ],
)
def test_wrong_arguments(data: Path, tmp_path: Path, arguments: Any, message: str) -> None:
    assert message in refuse(make(data, {"MobileNet": SMALL | arguments}), tmp_path)


def test_images_that_are_too_small(tmp_path: Path) -> None:
    np.savez(tmp_path / "small.npz", x=IMAGES[:, :20, :20], y=np.arange(12) % 2)
    said = refuse(make(tmp_path / "small.npz", {"MobileNet": SMALL}), tmp_path)
    assert said == (
        "layers[0]\n  Keras rejects this: Input size must be at least 32x32; Received: "
        "input_shape=(20, 20, 3)"
    )


def test_rows_that_are_no_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", x=np.zeros((12, 5)), y=np.arange(12) % 2)
    said = refuse(make(tmp_path / "rows.npz", {"MobileNet": SMALL}), tmp_path)
    assert said == "layers[0]\n  MobileNet takes images (received: rows of (5,))."


def test_a_base_with_its_top(data: Path) -> None:
    top = {"include_top": True, "classes": 4, "classifier_activation": "sigmoid"}
    assert build_base(data, **top).output_shape == (None, 4)


def test_weights_that_cannot_be_downloaded(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get_file(name: str, origin: str, **_: Any) -> str:
        raise Exception(f"URL fetch failure on {origin}: None -- no route to host")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    np.savez(data, x=np.zeros((4, 128, 128, 3), np.uint8), y=[0, 1, 0, 1])
    base = {"MobileNet": SMALL | {"weights": "imagenet"}}
    said = refuse(make(data, base), tmp_path)
    assert "mobilenet_2_5_128_tf_no_top.h5" in said
    assert f"Put the file into {tmp_path}/models (KERAS_HOME moves it), or give its path" in said


IMAGENET = {"weights": "imagenet"}
HALVE = {"Rescaling": {"scale": 1 / 255}}


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([{"MobileNetV2": IMAGENET}], "Write include_preprocessing: true and no other scaling"),
        ([HALVE, {"MobileNetV2": {}}], "Write include_preprocessing: true and no other scaling"),
        ([HALVE, {"VGG16": IMAGENET}], "Write include_preprocessing: true and no other scaling"),
        ([HALVE, {"EfficientNetB0": {}}], "scales pixels from 0 to 255 itself. Remove Rescaling."),
        (
            [CENTRE, {"MobileNetV2": {"include_preprocessing": True}}],
            "scales pixels from 0 to 255 itself. Remove Rescaling.",
        ),
        ([CENTRE, {"MobileNetV2": IMAGENET}], ""),
        ([{"MobileNetV2": {"include_preprocessing": True}}], ""),
        ([HALVE, {"MobileNetV2": {"include_preprocessing": False}}], ""),
        ([HALVE, {"MobileNet": SMALL}], ""),
        ([{"EfficientNetV2B0": IMAGENET}], ""),
    ],
)
def test_pixels_that_are_not_scaled_as_in_training(
    data: Path, layers: list[Any], message: str
) -> None:
    warnings = load_recipe(make(data, *layers)).warnings
    assert [message in str(warning) for warning in warnings] == ([True] if message else [])


def test_a_base_reads_each_image_of_a_video(tmp_path: Path) -> None:
    videos = RNG.integers(0, 255, (8, 2, 32, 32, 3), np.uint8)
    np.savez(tmp_path / "videos.npz", x=videos, y=np.arange(8) % 2)
    layer = {"TimeDistributed": {"layer": {"MobileNet": SMALL}}}
    recipe = make(tmp_path / "videos.npz", layer, "GlobalAveragePooling1D")
    recipe = load_recipe(recipe)
    row = build(recipe, load_for(recipe)).describe(recipe)["layers"][0]
    assert (row["output_shape"], row["arithmetic"]) == ([2, 256], "")


@pytest.mark.parametrize("name", ["ConvNeXtTiny", "EfficientNetV2B0", "MobileNetV3Small"])
@pytest.mark.slow
def test_saved_models_of_other_kinds(data: Path, tmp_path: Path, name: str) -> None:
    base = {name: {"include_top": False, "weights": None, "pooling": "avg", "trainable": False}}
    assert len(kr.train(make(data, base), output_dir=tmp_path).predict(IMAGES)) == 12
