"""Recipe to Keras: every component by name, adapted on training rows, refused at its line."""

from __future__ import annotations

import re
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasrecipes.errors import RecipeError
from kerasrecipes.model import build as build_module
from kerasrecipes.model.build import (
    build_callbacks,
    build_model,
    compile_model,
    make_component,
    reporting_at,
)
from kerasrecipes.model.built import count_multiply_adds, describe_layers
from kerasrecipes.recipe.components import ComponentReader
from kerasrecipes.recipe.yaml_file import Document

SOFTMAX = {"Dense": {"units": 3, "activation": "softmax"}}
INPUTS = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)


def make(category: str, name: str, arguments: dict[str, Any]) -> Any:
    """Make a component from the values of a recipe."""
    reader = ComponentReader(Document(None))
    component = reader.read(category, {name: arguments}, ())
    assert not reader.problems
    return make_component(component)


def our_code(function: Any) -> Any:
    """The function as if it stood in a file of this package."""
    code = function.__code__.replace(co_filename=str(Path(build_module.__file__).parent / "x.py"))
    return FunctionType(code, function.__globals__, function.__name__, None, function.__closure__)


def build(make_recipe: Any, *layers: Any, inputs: np.ndarray = INPUTS) -> keras.Sequential:
    return build_model(make_recipe(layers=[*layers, SOFTMAX]), inputs)


class TestComponentsByName:
    @pytest.mark.parametrize(
        ("category", "name", "arguments", "expected"),
        [
            ("layers", "Dense", {"units": 7}, keras.layers.Dense),
            ("layers", "Bidirectional", {"layer": {"LSTM": {"units": 2}}}, keras.layers.LSTM),
            ("optimizers", "rmsprop", {}, keras.optimizers.RMSprop),
            ("optimizers", "SGD", {"momentum": 0.9, "nesterov": True}, keras.optimizers.SGD),
            ("losses", "Huber", {"delta": 2.0}, keras.losses.Huber),
            ("metrics", "TopKCategoricalAccuracy", {"k": 2}, keras.metrics.Metric),
            ("callbacks", "EarlyStopping", {"monitor": "loss"}, keras.callbacks.EarlyStopping),
            ("initializers", "he_normal", {}, keras.initializers.HeNormal),
            ("regularizers", "L2", {"l2": 0.1}, keras.regularizers.L2),
            ("constraints", "MaxNorm", {"max_value": 2}, keras.constraints.MaxNorm),
        ],
    )
    def test_a_name_becomes_what_keras_calls_so(self, category, name, arguments, expected):
        made = make(category, name, arguments)
        assert isinstance(getattr(made, "forward_layer", made), expected)

    @pytest.mark.parametrize("name", ["accuracy", "acc"])
    def test_a_word_that_compile_interprets_is_left_to_it(self, name):
        assert make("metrics", name, {}) == name

    def test_components_nest(self):
        layer = make(
            "layers",
            "Dense",
            {
                "units": 2,
                "activation": "relu",
                "kernel_initializer": {"HeNormal": {"seed": 1}},
                "kernel_regularizer": {"L1L2": {"l1": 0.1, "l2": 0.2}},
                "bias_constraint": "NonNeg",
            },
        )
        assert layer.activation is keras.activations.relu
        assert layer.kernel_initializer.get_config()["seed"] == 1
        assert float(layer.kernel_regularizer.l2) == pytest.approx(0.2)
        assert isinstance(layer.bias_constraint, keras.constraints.NonNeg)

    def test_a_schedule_is_an_argument_like_any_other(self):
        schedule = {"CosineDecay": {"initial_learning_rate": 0.5, "decay_steps": 10}}
        optimizer = make("optimizers", "adam", {"learning_rate": schedule})
        assert float(optimizer.learning_rate) == 0.5
        optimizer.iterations.assign(10)
        assert float(optimizer.learning_rate) == 0.0

    def test_cells_of_a_recurrent_layer_may_be_a_list(self):
        cells = [{"LSTMCell": {"units": 2}}, {"GRUCell": {"units": 3}}]
        layer = make("layers", "RNN", {"cell": {"StackedRNNCells": {"cells": cells}}})
        assert [cell.units for cell in layer.cell.cells] == [2, 3]

    def test_each_layer_has_an_initializer_of_its_own(self, make_recipe):
        dense = {"Dense": {"units": 4, "kernel_initializer": "HeNormal"}}
        first, second, _ = build(make_recipe, dense, dense).layers
        assert not np.array_equal(first.kernel, second.kernel)

    def test_fractions_reach_keras_as_plain_numbers(self, make_recipe):
        rates = {"boundaries": [1], "values": ["1/4", "1/8"]}
        schedule = {"PiecewiseConstantDecay": rates}
        recipe = make_recipe(
            layers=[{"Rescaling": {"scale": "1/255"}}, SOFTMAX],
            optimizer={"SGD": {"learning_rate": schedule}},
        )
        assert type(make_component(recipe.layers[0]).scale) is float
        optimizer = make_component(recipe.optimizer)
        values = optimizer.get_config()["learning_rate"]["config"]["values"]
        assert [type(value) for value in values] == [float, float]

    def test_compile_takes_optimizer_loss_and_metrics(self, make_recipe):
        recipe = make_recipe(
            optimizer={"Adam": {"learning_rate": 0.25}},
            metrics=["accuracy", {"SparseTopKCategoricalAccuracy": {"k": 2, "name": "둘"}}],
        )
        model = build_model(recipe, INPUTS)
        compile_model(recipe, model)
        assert float(model.optimizer.learning_rate) == 0.25
        scores = model.evaluate(INPUTS, np.zeros(len(INPUTS)), verbose=0, return_dict=True)
        assert scores.keys() == {"loss", "accuracy", "둘"}


class TestAdapt:
    def test_normalization_learns_from_the_inputs_it_is_given(self, make_recipe):
        layer = build(make_recipe, "Normalization").layers[0]
        np.testing.assert_allclose(np.ravel(layer.mean), INPUTS.mean(axis=0), atol=1e-6)
        np.testing.assert_allclose(np.ravel(layer.variance), INPUTS.var(axis=0), rtol=1e-5)

    def test_each_layer_learns_from_what_reaches_it(self, make_recipe):
        scale = {"Rescaling": {"scale": 100.0, "offset": 7.0}}
        model = build(make_recipe, "Normalization", scale, "Normalization")
        last = model.layers[2]
        np.testing.assert_allclose(np.ravel(last.mean), 7.0, atol=1e-3)
        np.testing.assert_allclose(np.ravel(last.variance), 1e4, rtol=1e-3)

    def test_discretization_learns_its_boundaries(self, make_recipe):
        layer = build(make_recipe, {"Discretization": {"num_bins": 4}}).layers[0]
        expected = np.quantile(INPUTS, [0.25, 0.5, 0.75])
        np.testing.assert_allclose(layer.bin_boundaries, expected, atol=0.15)

    def test_statistics_in_the_recipe_are_kept(self, make_recipe):
        given = {"Normalization": {"mean": 3.0, "variance": 4.0}}
        layer = build(make_recipe, given).layers[0]
        assert float(np.ravel(layer.mean)[0]) == 3.0


class TestRefusals:
    def test_images_without_a_channel(self, make_recipe):
        convolution = {"Conv2D": {"filters": 2, "kernel_size": 3}}
        with pytest.raises(RecipeError) as caught:
            build(make_recipe, convolution, inputs=np.zeros((2, 8, 8), np.float32))
        (problem,) = caught.value.problems
        assert (problem.path[1], problem.message) == (
            0,
            "Conv2D takes 3 dimensions (received: (8, 8)). Put Reshape: {target_shape: "
            "[8, 8, 1]} before it.",
        )

    def test_recurrent_layers_on_each_other_need_all_steps(self, make_recipe):
        recurrent = {"LSTM": {"units": 4}}
        with pytest.raises(RecipeError) as caught:
            build(make_recipe, recurrent, recurrent, inputs=np.zeros((2, 8, 3), np.float32))
        (problem,) = caught.value.problems
        assert problem.message == (
            "LSTM takes 2 dimensions (received: (4,)). Write return_sequences: true in the "
            "recurrent layer before it."
        )

    def test_pooling_of_one_step_would_end_the_process(self, make_recipe):
        pooling = {"AdaptiveMaxPooling1D": {"output_size": 2}}
        with pytest.raises(RecipeError, match="since one step needs no pooling"):
            build(make_recipe, pooling, inputs=np.zeros((2, 1, 4), np.float32))

    @pytest.mark.parametrize(
        ("layer", "says"),
        [
            ({"Reshape": {"target_shape": [3, 5]}}, "total size of the tensor must be unchanged"),
            ({"Dropout": {"rate": 3}}, "between 0 and 1"),
            ({"BatchNormalization": {"axis": 9}}, "index out of range"),
            ("Concatenate", "should be called on a list"),
        ],
    )
    def test_a_layer_that_keras_refuses_is_named_with_its_line(self, make_recipe, layer, says):
        recipe = make_recipe(layers=["Flatten", layer, "Flatten", SOFTMAX])
        with pytest.raises(RecipeError) as caught:
            build_model(recipe, INPUTS)
        (problem,) = caught.value.problems
        assert problem.path == ("layers", 1)
        assert problem.location is not None
        assert problem.location.line == 5
        assert problem.message.startswith("Keras rejects this: ")
        assert re.search(says, problem.message)
        assert "\x1b" not in problem.message
        assert "Exception encountered" not in problem.message

    def test_an_optimizer_that_keras_refuses(self, make_recipe):
        recipe = make_recipe(optimizer={"SGD": {"momentum": 3.0}})
        with pytest.raises(RecipeError, match=r"optimizer\n  Keras rejects this: .*momentum"):
            compile_model(recipe, build_model(recipe, INPUTS))


class TestOurOwnBugs:
    """Only what Keras raises is what Keras refuses."""

    @pytest.mark.parametrize("bug", [lambda: {}["missing"], lambda: np.zeros(3) @ np.zeros(4)])
    def test_an_exception_of_our_own_code_keeps_its_traceback(self, make_recipe, bug):
        with pytest.raises((KeyError, ValueError)), reporting_at(make_recipe(), ("layers", 0)):
            our_code(bug)()

    def test_so_does_one_that_keras_passes_through(self, make_recipe):
        def read_missing(inputs):
            return {}["missing"]

        layer = keras.layers.Lambda(our_code(read_missing), output_shape=(1,))
        with pytest.raises(KeyError), reporting_at(make_recipe(), ("layers", 0)):
            layer(np.zeros((1, 1)))

    @pytest.mark.parametrize(
        "call",
        [
            lambda: tf.reshape(tf.zeros(3), (2, 2)),
            lambda: keras.layers.Dense(-1),
            lambda: keras.layers.Dense(2, no=1),
        ],
    )
    def test_what_keras_and_tensorflow_raise_is_refused(self, make_recipe, call):
        refused = pytest.raises(RecipeError, match="Keras rejects this: ")
        with refused, reporting_at(make_recipe(), ("layers", 0)):
            our_code(call)()


class TestCallbacks:
    def test_files_are_written_inside_the_run_folder(
        self, make_recipe, tmp_path: Path, monkeypatch
    ):
        monkeypatch.setattr(build_module, "find_spec", lambda name: object())
        recipe = make_recipe(
            callbacks=[{"CSVLogger": {"filename": "log.csv"}}, {"TensorBoard": {}}]
        )
        logger, board = build_callbacks(recipe, tmp_path)
        assert Path(logger.filename) == tmp_path / "log.csv"
        assert Path(board.log_dir) == tmp_path / "logs"

    def test_tensorboard_wants_its_package(self, make_recipe, tmp_path: Path, monkeypatch):
        monkeypatch.setattr(build_module, "find_spec", lambda name: None)
        with pytest.raises(RecipeError, match="Install TensorBoard with: pip install tensorboard"):
            build_callbacks(make_recipe(callbacks=["TensorBoard"]), tmp_path)

    @pytest.mark.parametrize("name", ["../log.csv", "/etc/log.csv", "a/../../log.csv"])
    def test_no_file_leaves_it(self, make_recipe, tmp_path: Path, name: str):
        recipe = make_recipe(callbacks=[{"CSVLogger": {"filename": name}}])
        with pytest.raises(RecipeError, match=r"callbacks\[0\]\n.*inside"):
            build_callbacks(recipe, tmp_path)


class TestNames:
    def test_korean_names_train_save_and_reload(self, make_recipe, tmp_path: Path):
        recipe = make_recipe(
            name="붓꽃 모델",
            layers=[
                {"Dense": {"units": 4, "name": "은닉 층"}},
                {"Reshape": {"target_shape": [2, 2]}},
                {
                    "Bidirectional": {
                        "layer": {"LSTM": {"units": 2, "name": "속"}},
                        "name": "양방향",
                    }
                },
                {"Dense": {"units": 3, "activation": "softmax", "name": "출력"}},
            ],
            optimizer={"SGD": {"learning_rate": 0.1, "name": "최적화"}},
            loss={"SparseCategoricalCrossentropy": {"name": "손실"}},
            metrics=[{"SparseCategoricalAccuracy": {"name": "정확도"}}],
        )
        model = build_model(recipe, INPUTS)
        compile_model(recipe, model)
        history = model.fit(INPUTS, np.zeros(len(INPUTS)), verbose=0).history
        assert list(history) == ["loss", "정확도"]
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        np.testing.assert_array_equal(loaded.predict(INPUTS, verbose=0), model(INPUTS))

    def test_the_table_of_layers_shows_the_words(self, make_recipe):
        recipe = make_recipe(layers=[{"Dense": {"units": 9, "name": "은닉 층"}}, SOFTMAX])
        rows = describe_layers(recipe, build_model(recipe, INPUTS))
        assert rows[0]["name"] == "은닉 층"

    def test_safe_names_that_collide_are_told_apart(self, make_recipe):
        names = ["dense 층", "dense 칸", "dense!"]
        dense = [{"Dense": {"units": 4, "name": name}} for name in names]
        model = build(make_recipe, *dense, {"Dense": {"units": 4}})
        assert [layer.name for layer in model.layers[:3]] == ["dense-0", "dense-1", "dense-2"]

    @pytest.mark.parametrize("name", ["numbers", "temperature"])
    def test_a_recipe_may_be_called_like_a_layer_of_the_saved_model(self, make_recipe, name):
        assert build_model(make_recipe(name=name), INPUTS).name == f"{name}-model"


class TestDescribeLayers:
    def test_parameters_as_arithmetic(self, make_recipe):
        inputs = np.zeros((2, 12), np.float32)
        recipe = make_recipe(
            layers=[
                {"Dense": {"units": 200}},
                "BatchNormalization",
                {"Dropout": {"rate": 0.5}},
                SOFTMAX,
            ]
        )
        rows = describe_layers(recipe, build_model(recipe, inputs))
        table = [
            [row[key] for key in ("type", "output_shape", "arithmetic", "parameters", "trainable")]
            for row in rows
        ]
        assert table == [
            ["Dense", [200], "12×200+200", 2600, 2600],
            ["BatchNormalization", [200], "200+200+200+200", 800, 400],
            ["Dropout", [200], "", 0, 0],
            ["Dense", [3], "200×3+3", 603, 603],
        ]

    @pytest.mark.parametrize(
        ("name", "arguments", "input_shape", "expected"),
        [
            ("Dense", {"units": 200}, (12,), 12 * 200),
            ("Dense", {"units": 5}, (7, 12), 7 * 12 * 5),
            # 3×3 windows of 2 channels to 4 filters, at 6×6, 8×8 and 4×4 places.
            ("Conv2D", {"filters": 4, "kernel_size": 3}, (8, 8, 2), 9 * 2 * 4 * 36),
            (
                "Conv2D",
                {"filters": 4, "kernel_size": 3, "padding": "same"},
                (8, 8, 2),
                9 * 2 * 4 * 64,
            ),
            (
                "Conv2D",
                {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"},
                (8, 8, 2),
                9 * 2 * 4 * 16,
            ),
            ("Conv2D", {"filters": 4, "kernel_size": 3, "groups": 2}, (8, 8, 2), 9 * 4 * 36),
            (
                "Conv2D",
                {"filters": 4, "kernel_size": 3, "data_format": "channels_first"},
                (2, 8, 8),
                9 * 2 * 4 * 36,
            ),
            ("DepthwiseConv2D", {"kernel_size": 3}, (8, 8, 2), 9 * 2 * 36),
            (
                "SeparableConv2D",
                {"filters": 4, "kernel_size": 3},
                (8, 8, 2),
                (9 * 2 + 2 * 4) * 36,
            ),
            ("Conv2DTranspose", {"filters": 4, "kernel_size": 3}, (8, 8, 2), 9 * 2 * 4 * 64),
            # Four gates, each from 3 inputs and 5 states, at 10 steps.
            ("LSTM", {"units": 5}, (10, 3), 4 * (3 + 5) * 5 * 10),
            ("GRU", {"units": 5}, (10, 3), 3 * (3 + 5) * 5 * 10),
            ("Bidirectional", {"layer": {"LSTM": {"units": 5}}}, (10, 3), 2 * 4 * 8 * 5 * 10),
            ("TimeDistributed", {"layer": {"Dense": {"units": 5}}}, (10, 3), 3 * 5 * 10),
            ("Embedding", {"input_dim": 100, "output_dim": 8}, (10,), 0),
            ("BatchNormalization", {}, (8, 8, 2), 0),
            ("PReLU", {}, (8, 8, 2), 0),
            ("Flatten", {}, (8, 8, 2), 0),
            ("ConvLSTM1D", {"filters": 2, "kernel_size": 3}, (5, 8, 2), None),
            (
                "TimeDistributed",
                {"layer": {"Conv1D": {"filters": 2, "kernel_size": 3}}},
                (5, 8, 2),
                None,
            ),
        ],
    )
    def test_multiply_adds_of_one_row(self, name, arguments, input_shape, expected):
        layer = make("layers", name, arguments)
        keras.Sequential([keras.Input(input_shape), layer])
        assert count_multiply_adds(layer) == expected


def test_a_whole_number_is_a_learning_rate_too(make_recipe: Any) -> None:
    recipe = make_recipe(optimizer={"SGD": {"learning_rate": 1}})
    optimizer = make_component(recipe.optimizer)
    assert float(optimizer.learning_rate) == 1.0


def test_accuracy_of_one_logit_is_that_of_its_probability(make_recipe: Any) -> None:
    recipe = make_recipe(
        dataset={"name": "breast_cancer"},
        layers=[{"Dense": {"units": 1, "use_bias": False, "kernel_initializer": "ones"}}],
        loss={"BinaryCrossentropy": {"from_logits": True}},
        metrics=["accuracy"],
    )
    rows = np.array([[0.2], [-3.0], [0.4], [0.3]], np.float32)
    target = np.array([[1], [0], [1], [0]], np.float32)
    model = build_model(recipe, rows)
    compile_model(recipe, model)
    scores = model.evaluate(rows, target, verbose=0, return_dict=True)
    assert scores["accuracy"] == 0.75


@pytest.mark.parametrize("name", [".", "..", "../elsewhere.csv", "/tmp/elsewhere.csv"])
def test_callbacks_write_inside_the_run_s_folder(make_recipe: Any, tmp_path: Path, name) -> None:
    recipe = make_recipe(callbacks=[{"CSVLogger": {"filename": name}}])
    with pytest.raises(RecipeError, match="inside the run's folder only"):
        build_callbacks(recipe, tmp_path)


@pytest.mark.parametrize("name", ["model.keras", "./history.csv"])
def test_callbacks_leave_the_run_s_own_files_alone(make_recipe: Any, tmp_path: Path, name) -> None:
    callback, key = ("CSVLogger", "filename") if ".csv" in name else ("ModelCheckpoint", "filepath")
    recipe = make_recipe(callbacks=[{callback: {key: name}}])
    with pytest.raises(RecipeError, match="Give the name of another file"):
        build_callbacks(recipe, tmp_path, {"model.keras", "history.csv"})


@pytest.mark.parametrize(
    ("written", "is_compiled"), [("auto", False), (False, False), (True, True)]
)
def test_xla_compiles_where_the_recipe_says_so_and_nowhere_else(
    make_recipe: Any, monkeypatch: pytest.MonkeyPatch, written: Any, is_compiled: bool
) -> None:
    """Also on a machine with a GPU, where Keras's own "auto" would."""
    gpu = SimpleNamespace(device_type="GPU")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda *_: [gpu])
    recipe = make_recipe(layers=[SOFTMAX], jit_compile=written)
    model = build_model(recipe, INPUTS)
    compile_model(recipe, model)
    assert model.jit_compile is is_compiled
