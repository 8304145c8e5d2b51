"""Occlusion: the drop is largest where the cover hides what the prediction depends on."""

import numpy as np
import pytest

import kerasrecipes as kr
from kerasrecipes.training.assessment import occlude

IMAGES = np.zeros((3, 24, 24, 1), np.uint8)
IMAGES[:, :6, :6] = 200


def see_corner(images):
    """Two classes; the second one's probability is the mean of the top left corner."""
    chance = np.asarray(images)[:, :6, :6].mean(axis=(1, 2, 3)) / 200
    return np.column_stack([1 - chance, chance])


@pytest.mark.parametrize("units", [1, 2])
def test_the_drop_is_largest_where_the_class_is_recognised(units):
    def predict(images):
        return see_corner(images)[:, -units:]

    drops = occlude(predict, IMAGES, predict(IMAGES), limit_s=60)
    assert drops.shape == (3, 12, 12)
    assert np.unravel_index(drops[0].argmax(), (12, 12)) in [(0, 0), (0, 1), (1, 0), (1, 1)]
    hidden = 1 - IMAGES.mean() // 1 / 200  # the patch of mean colour covers the whole corner
    assert drops[0].max() == pytest.approx(hidden, abs=0.05)
    assert not drops[0, 5:, 5:].any()


def test_of_one_unit_the_first_class_counts_too():
    def predict(images):
        return 1 - see_corner(images)[:, 1:]

    assert occlude(predict, IMAGES, predict(IMAGES), limit_s=60)[0, 0, 0] > 0.5


def test_no_image_begins_after_the_limit():
    assert len(occlude(see_corner, IMAGES, see_corner(IMAGES), limit_s=0)) == 1


def test_the_report_shows_it_under_a_question(tmp_path):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 80)
    x = rng.integers(0, 50, (80, 12, 12)).astype(np.uint8)
    x[y == 1, :4, :4] += 200
    np.savez(tmp_path / "corners.npz", x=x, y=y.astype(str))
    recipe = {
        "name": "corners",
        "dataset": {"path": str(tmp_path / "corners.npz")},
        "layers": [
            {"Rescaling": {"scale": 1 / 255}},
            "Flatten",
            {"Dense": {"units": 1, "activation": "sigmoid"}},
        ],
        "optimizer": {"Adam": {"learning_rate": 0.05}},
        "loss": "binary_crossentropy",
        "metrics": ["accuracy"],
        "epochs": 20,
    }
    run = kr.train(recipe, output_dir=tmp_path / "runs")
    drops, positions = run.samples["drops"], run.samples["positions"]
    of_second = [i for i in range(len(drops)) if run.predictions["predicted"][positions[i]] == "1"]
    mean = drops[of_second].mean(axis=0)
    assert mean[:3, :3].max() == mean.max()
    assert (
        "<summary>Which places of an image are important?</summary>"
        in run.report_path.read_text(encoding="utf-8")
    )
    run.evaluate()
    (evaluation,) = (run.path / "evaluations").iterdir()
    assert "Which places of an image are important?" not in (evaluation / "report.html").read_text(
        encoding="utf-8"
    )
