"""Each fault that a rule names is in the installed Keras, and the rule names it exactly."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from kerasrecipes.errors import RecipeError
from kerasrecipes.recipe import load_recipe
from kerasrecipes.recipe.rules import LOST_ARGUMENTS

SAVES = ["EarlyStopping", {"ModelCheckpoint": {"filepath": "best.keras"}}]


def make(loss: object, **keys: object) -> dict[str, object]:
    dataset = {"name": "diabetes", "validation_split": 0.2}
    return {"dataset": dataset, "layers": [{"Dense": {"units": 1}}], "loss": loss, **keys}


class TestLostArguments:
    @pytest.mark.parametrize("name", LOST_ARGUMENTS)
    def test_keras_loses_them(self, name: str) -> None:
        ((argument, default),) = LOST_ARGUMENTS[name].items()
        saved = keras.losses.serialize(getattr(keras.losses, name)(**{argument: default + 1}))
        assert argument not in saved["config"]

    def test_no_other_loss_loses_any(self) -> None:
        for name in set(dir(keras.losses)) - {"Loss"}:
            loss = getattr(keras.losses, name)
            if isinstance(loss, type) and name not in LOST_ARGUMENTS:
                made = loss()
                given = {"fn", *made.get_config(), *getattr(made, "_fn_kwargs", ())}
                assert given == {"fn", *made.get_config()}, name

    def test_a_model_that_a_callback_saves_is_warned_of(self) -> None:
        recipe = load_recipe(make({"Huber": {"delta": 2.0}}, callbacks=SAVES))
        assert [str(warning) for warning in recipe.warnings] == [
            "callbacks[1].ModelCheckpoint\n"
            "  A model that ModelCheckpoint saves reloads with Huber's default delta (keras "
            "#23286). Before evaluating or training it further, compile it with this loss again. "
            "The run's own model is not affected."
        ]

    @pytest.mark.parametrize(
        ("loss", "callbacks"),
        [
            ("Huber", SAVES),
            ({"Huber": {"delta": 1.0}}, SAVES),
            ({"Huber": {"delta": 2.0}}, []),
            (
                {"Huber": {"delta": 2.0}},
                [{"ModelCheckpoint": {"filepath": "a.weights.h5", "save_weights_only": True}}],
            ),
            ({"CategoricalCrossentropy": {"label_smoothing": 0.1, "from_logits": True}}, SAVES),
        ],
    )
    def test_nothing_else_is(self, loss: object, callbacks: list[object]) -> None:
        assert load_recipe(make(loss, callbacks=callbacks)).warnings == []

    def test_our_own_evaluation_keeps_them(self, tmp_path: Path) -> None:
        import kerasrecipes as kr

        run = kr.train(make({"Huber": {"delta": 9.0}}), output_dir=tmp_path)
        assert run.evaluate()["loss"] == pytest.approx(run.metrics["test"]["loss"], rel=1e-5)


class TestAdjustedR2:
    def test_keras_counts_rows_once_per_target(self) -> None:
        rng = np.random.default_rng(0)
        actual = rng.normal(size=(20, 2)).astype(np.float32)
        answers = actual + rng.normal(size=(20, 2)).astype(np.float32)
        metric = keras.metrics.R2Score(num_regressors=4)
        metric.update_state(actual, answers)
        assert float(metric.num_samples) == 40

    def test_it_is_refused(self) -> None:
        metric = {"R2Score": {"num_regressors": 4}}
        with pytest.raises(RecipeError, match=r"metrics\[0\].*num_regressors\n.*#23334"):
            load_recipe(make("mse", metrics=[metric]))

    def test_the_plain_one_is_not(self) -> None:
        metrics = ["R2Score", {"R2Score": {"name": "r", "num_regressors": 0}}]
        assert load_recipe(make("mse", metrics=metrics)).warnings == []


class TestTversky:
    def test_keras_weighs_false_negatives_by_alpha(self) -> None:
        loss = keras.losses.Tversky(alpha=0.9, beta=0.1)
        actual, answers = np.array([[1.0, 1.0]]), np.array([[0.0, 1.0]])
        assert float(loss(actual, answers)) == pytest.approx(1 - 1 / 1.9, rel=1e-3)

    def test_different_weights_are_warned_of(self) -> None:
        (warning,) = load_recipe(make({"Tversky": {"alpha": 0.7}})).warnings
        assert str(warning) == (
            "loss.Tversky\n"
            "  In Keras 3.15, alpha weighs false negatives and beta false positives, the reverse "
            "of its documentation (keras #23333). Exchange the two if you chose them by it."
        )

    def test_equal_weights_are_not(self) -> None:
        loss = {"Tversky": {"alpha": 0.3, "beta": 0.3}}
        assert load_recipe(make(loss)).warnings == []


class TestPoolingOverAll:
    @pytest.mark.parametrize("n", [1, 2, 3])
    def test_tensorflow_ends_the_process(self, n: int) -> None:
        script = (
            "import keras, numpy as np; x = np.zeros((2, *[4] * {0}, 1), 'float32'); "
            "keras.layers.AdaptiveMaxPooling{0}D(1)(x)"
        )
        done = subprocess.run([sys.executable, "-c", script.format(n)], check=False, timeout=120)
        assert done.returncode == -signal.SIGFPE

    @pytest.mark.parametrize("size", [1, [2, 1]])
    def test_it_is_refused(self, size: object) -> None:
        layers = [{"AdaptiveMaxPooling2D": {"output_size": size}}, {"Dense": {"units": 1}}]
        with pytest.raises(RecipeError) as caught:
            load_recipe(make("mse", layers=layers))
        assert str(caught.value) == (
            "layers[0].AdaptiveMaxPooling2D.output_size\n"
            "  AdaptiveMaxPooling2D's argument 'output_size' must exceed 1, since TensorFlow 2.21 "
            f"ends the process at 1: write GlobalMaxPooling2D (received: {size})."
        )
