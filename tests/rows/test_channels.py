"""Gray images of shape (height, width) before layers that take a channel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

import kerasrecipes as kr
from kerasrecipes.errors import RecipeError
from kerasrecipes.recipe import load_recipe
from kerasrecipes.rows import load_for
from kerasrecipes.rows.compatibility import find_doubts

RNG = np.random.default_rng(0)
CONV = {"Conv2D": {"filters": 2, "kernel_size": 3}}
POOL = "GlobalAveragePooling2D"
FLIP = {"RandomFlip": {"mode": "horizontal"}}
AS_BYTES = RNG.integers(0, 255, (20, 6, 9), np.uint8)


def make(folder: Path, x: np.ndarray, *layers: Any) -> dict[str, Any]:
    np.savez(folder / "images.npz", x=x, y=np.arange(len(x)) % 2)
    head = {"Dense": {"units": 1, "activation": "sigmoid"}}
    return {
        "name": "gray",
        "dataset": {"path": str(folder / "images.npz")},
        "layers": [*layers, head],
        "loss": "binary_crossentropy",
    }


def load_shape(recipe: dict[str, Any]) -> tuple[tuple[int, ...], list[str]]:
    said: list[str] = []
    dataset = load_for(load_recipe(recipe), said.append)
    return np.shape(dataset.parts["train"].inputs)[1:], said


@pytest.mark.parametrize(
    ("shape", "layers", "is_doubted"),
    [
        ((3, 8, 8), [CONV, "Flatten"], True),
        ((1, 8, 8), [{"Rescaling": {"scale": 1 / 255}}, CONV, "Flatten"], True),
        ((8, 8, 3), [CONV, "Flatten"], False),
        ((3, 8, 8), [{"Permute": {"dims": [2, 3, 1]}}, CONV, "Flatten"], False),
        ((3, 8, 8), ["Flatten"], False),
    ],
)
def test_images_with_channels_first_are_pointed_out(
    tmp_path: Path, shape: tuple[int, ...], layers: list[Any], is_doubted: bool
) -> None:
    recipe = load_recipe(make(tmp_path, np.zeros((20, *shape), np.uint8), *layers))
    doubt = (
        f"layers: images have the shape {shape}, and Conv2D takes channels last. Change the order: "
        "np.moveaxis(images, 1, -1)."
    )
    assert [*find_doubts(recipe, load_for(recipe))] == [doubt] * is_doubted


@pytest.mark.parametrize(
    ("layers", "name"),
    [
        ([CONV, "Flatten"], "Conv2D"),
        (["MaxPooling2D", "Flatten"], "MaxPooling2D"),
        ([FLIP, CONV, POOL], "RandomFlip"),
        ([{"Rescaling": {"scale": 1 / 255}}, CONV, POOL], "Conv2D"),
        ([{"Pipeline": {"layers": [FLIP]}}, CONV, POOL], "RandomFlip"),
        ([{"SpectralNormalization": {"layer": CONV}}, POOL], "Conv2D"),
    ],
)
def test_gray_images_get_a_channel(tmp_path: Path, layers: list[Any], name: str) -> None:
    assert load_shape(make(tmp_path, AS_BYTES, *layers)) == (
        (6, 9, 1),
        [f"{name} takes a channel: images of 6×9 become 6×9×1"],
    )


@pytest.mark.parametrize(
    "layers",
    [
        ["Flatten"],
        [{"Reshape": {"target_shape": [6, 9, 1]}}, CONV, POOL],
        [{"LSTM": {"units": 2}}],
        [{"Conv1D": {"filters": 2, "kernel_size": 3}}, "GlobalAveragePooling1D"],
    ],
)
def test_other_networks_get_the_rows_as_they_are(tmp_path: Path, layers: list[Any]) -> None:
    assert load_shape(make(tmp_path, AS_BYTES, *layers)) == ((6, 9), [])


def test_a_series_is_no_image(tmp_path: Path) -> None:
    series = RNG.normal(size=(20, 6, 9)).astype(np.float32)
    with pytest.raises(RecipeError, match=r"Put Reshape: {target_shape: \[6, 9, 1\]} before it"):
        kr.train(make(tmp_path, series, CONV, POOL), output_dir=tmp_path)


def test_images_of_numbers_are_square(tmp_path: Path) -> None:
    images = RNG.random((20, 7, 7), np.float32)
    assert load_shape(make(tmp_path, images, CONV, POOL))[0] == (7, 7, 1)


def test_a_channel_makes_no_difference_to_prediction(tmp_path: Path) -> None:
    run = kr.train(make(tmp_path, AS_BYTES, CONV, POOL), output_dir=tmp_path, report=[])
    answers = run.predict(AS_BYTES)
    assert answers.equals(run.predict(AS_BYTES[..., None]))
    Image.fromarray(AS_BYTES[0]).save(tmp_path / "one.png")
    one = run.predict(tmp_path / "one.png")
    assert one["probability_1"][0] == pytest.approx(answers["probability_1"][0], abs=1e-6)
    saved = keras.saving.load_model(run.path / "model.keras")
    for images in (AS_BYTES, AS_BYTES[..., None]):
        raw = np.asarray(saved(images)).ravel()
        assert raw == pytest.approx(answers["probability_1"].to_numpy(), abs=1e-6)
