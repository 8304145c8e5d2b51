"""Mappings, Recipes and keyword arguments are sources of a recipe like files and overrides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import keras
import numpy as np
import pytest

from kerasrecipes.errors import InputError, RecipeError
from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.recipe.load import list_shipped
from kerasrecipes.recipe.rules import LossKind, find_loss_kind, name_in_logs
from kerasrecipes.recipe.yaml_file import dump_yaml

KEYS: dict[str, Any] = {
    "dataset": {"name": "iris", "validation_split": 0.2},
    "layers": [{"Dense": {"units": 8}}, {"Dense": {"units": 3, "activation": "softmax"}}],
    "optimizer": {"SGD": {"learning_rate": 0.1}},
    "loss": "sparse_categorical_crossentropy",
}


def complain(*arguments: Any, **keys: Any) -> str:
    with pytest.raises(RecipeError) as caught:
        load_recipe(*arguments, **keys)
    return str(caught.value)


class TestMappings:
    def test_a_mapping_is_as_good_as_a_file(self, tmp_path: Path) -> None:
        file = tmp_path / "recipe.yaml"
        file.write_text(dump_yaml(KEYS))
        assert load_recipe(KEYS).model_dump() == load_recipe(file).model_dump()
        assert load_recipe(MappingProxyType(KEYS)).to_yaml() == load_recipe(file).to_yaml()

    def test_recipe_itself_checks_all_of_it(self) -> None:
        assert Recipe(**KEYS) == Recipe.model_validate(KEYS) == load_recipe(KEYS)
        with pytest.raises(RecipeError, match="Did you mean 'units'"):
            Recipe(**KEYS | {"layers": [{"Dense": {"unit": 3}}]})

    def test_recipe_itself_waits_for_its_rows(self) -> None:
        recipe = Recipe(**KEYS | {"dataset": {"target": "y"}})
        assert load_recipe(recipe, needs_source=False).dataset.target == "y"
        assert "dataset needs one of the keys name, path" in complain(recipe)

    def test_overrides_and_keys_change_it_and_leave_the_mapping(self) -> None:
        recipe = load_recipe(KEYS, ["layers.0.Dense.units=9"], epochs=7)
        assert (recipe.layers[0].arguments["units"], recipe.epochs) == (9, 7)
        assert KEYS["layers"][0] == {"Dense": {"units": 8}}
        assert load_recipe(KEYS, "epochs=7").epochs == 7

    def test_problems_name_the_key(self) -> None:
        layers = [{"Dense": {"units": 3, "activaton": "softmax"}}]
        assert complain({**KEYS, "layers": layers, "epoch": 3}) == (
            "layers[0].Dense.activaton\n"
            "  Dense has no argument 'activaton' (received: activaton='softmax'). Did you mean "
            "'activation'?\n"
            "epoch\n"
            "  There is no key 'epoch' here. Did you mean 'epochs'?"
        )

    def test_paths_are_seen_from_the_working_folder(self, tmp_path: Path, monkeypatch) -> None:
        monkeypatch.chdir(tmp_path)
        dataset = {"path": Path("houses.csv"), "target": "price"}
        recipe = load_recipe({**KEYS, "dataset": dataset})
        assert recipe.dataset.path == str(tmp_path / "houses.csv")

    def test_it_may_extend_a_file(self, tmp_path: Path, monkeypatch) -> None:
        monkeypatch.chdir(tmp_path)
        Path("base.yaml").write_text(dump_yaml(KEYS))
        recipe = load_recipe({"extends": "base.yaml", "epochs": 4})
        assert (recipe.name, recipe.epochs, recipe.loss.name) == ("recipe", 4, KEYS["loss"])


class TestRecipes:
    def test_changes_make_a_new_recipe(self) -> None:
        first = load_recipe(KEYS, epochs=3)
        second = load_recipe(first, ["optimizer.SGD.momentum=0.9"], epochs=5, batch_size=4)
        assert (first.epochs, first.optimizer.arguments) == (3, {"learning_rate": 0.1})
        assert (second.epochs, second.batch_size) == (5, 4)
        assert second.optimizer.arguments == {"learning_rate": 0.1, "momentum": 0.9}

    def test_places_stay_those_of_the_file(self, tmp_path: Path) -> None:
        file = tmp_path / "a.yaml"
        file.write_text(dump_yaml(KEYS))
        recipe = load_recipe(load_recipe(file), epochs=2)
        assert str(recipe.problem(("loss",), "x").location) == f"{file}:7:7"
        assert recipe.name == "a"


class TestKeys:
    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("metrics", ["accuracy"] * 40),
            ("description", "it's \"so\": [1, 'two"),
            ("description", "null"),
            ("class_weight", None),
            ("class_weight", {"setosa": 1.5, "3": 2}),
            ("report", []),
        ],
    )
    def test_values_arrive_as_they_are(self, key: str, value: Any) -> None:
        assert getattr(load_recipe(KEYS, **{key: value}), key) == value or key == "metrics"
        assert load_recipe(KEYS, **{key: value}).to_dict()[key] == value

    def test_numbers_of_numpy_are_numbers(self) -> None:
        layers = [{"Dense": {"units": np.int32(3)}}]
        recipe = load_recipe(KEYS, seed=np.int64(7), loss="mse", layers=layers)
        assert type(recipe.seed) is int
        assert type(recipe.layers[0].arguments["units"]) is int
        dataset = {"path": "a.csv", "target": "y", "drop": np.array(["a", "b"])}
        assert load_recipe(KEYS, dataset=dataset).dataset.drop == ["a", "b"]

    def test_a_wrong_one_is_named(self) -> None:
        assert complain(KEYS, epochs=None) == (
            "argument epochs  epochs\n  epochs must be a valid integer (received: nothing)."
        )
        assert "argument extends" in complain(KEYS, extends="base.yaml")

    @pytest.mark.parametrize(
        ("key", "value", "place", "kind"),
        [
            ("optimizer", keras.optimizers.Adam(), "optimizer", "Adam"),
            ("layers", [keras.layers.Dense(1)], "layers[0]", "Dense"),
            ("loss", lambda actual, predicted: 0, "loss", "function"),
            ("loss", keras.losses.Huber, "loss", "Huber"),
            ("metrics", [{"AUC": {"name": object()}}], "metrics[0].AUC.name", "object"),
        ],
    )
    def test_objects_are_refused_by_key_and_kind(
        self, key: str, value: Any, place: str, kind: str
    ) -> None:
        for said in (complain(KEYS, **{key: value}), complain({**KEYS, key: value})):
            head, message = said.split("\n", 1)
            assert head.removeprefix(f"argument {key}  ") == place
            assert f"{kind})." in message
            assert message.startswith("  A recipe cannot contain Python objects (received: ")
            assert "register_keras_serializable" in message


class TestShippedRecipes:
    def test_a_name_means_a_shipped_recipe(self, tmp_path: Path, monkeypatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert load_recipe("boston").name == "boston"
        assert {"boston", "fashion_softmax"} <= {*list_shipped()}

    def test_a_file_of_that_name_comes_first(self, tmp_path: Path, monkeypatch) -> None:
        monkeypatch.chdir(tmp_path)
        Path("boston").write_text(dump_yaml({**KEYS, "name": "mine"}))
        assert load_recipe("boston").name == "mine"

    @pytest.mark.parametrize("file", ["configs/boston.yaml", "bostn"])
    def test_what_is_no_file_names_the_shipped_recipe(
        self, file: str, tmp_path: Path, monkeypatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert complain(file) == (
            f"{file}\n  There is no such file. The package ships a recipe 'boston'. Write: boston"
        )


class TestRegistered:
    """Classes that the caller registered with Keras, in this process."""

    @pytest.fixture(autouse=True)
    def registered(self) -> Iterator[None]:
        known = {**keras.saving.get_custom_objects()}
        register = keras.saving.register_keras_serializable(package="ours")

        @register
        class Scale(keras.layers.Layer):
            def __init__(self, factor: float, **keys: Any) -> None:
                super().__init__(**keys)
                self.factor = factor

            def get_config(self) -> dict[str, Any]:
                return {**super().get_config(), "factor": self.factor}

        @register
        class Crossentropy(keras.losses.SparseCategoricalCrossentropy):
            pass

        @register
        class HitRate(keras.metrics.Metric):
            pass

        yield
        for name in keras.saving.get_custom_objects().keys() - known:
            del keras.saving.get_custom_objects()[name]

    def test_they_are_named_by_package_and_class(self) -> None:
        layers = [{"ours>Scale": {"factor": 2, "name": "x"}}, *KEYS["layers"]]
        recipe = load_recipe(
            KEYS, layers=layers, loss="ours>Crossentropy", metrics=["ours>HitRate"]
        )
        assert recipe.layers[0].arguments == {"factor": 2, "name": "x"}
        assert find_loss_kind(recipe.loss) is LossKind.INTEGERS
        assert name_in_logs(recipe.metrics[0]) == "hit_rate"

    def test_their_arguments_are_checked(self) -> None:
        said = complain(KEYS, layers=["ours>Scale", {"ours>Scale": {"factr": 2}}, *KEYS["layers"]])
        assert "ours>Scale needs factor." in said
        assert "ours>Scale has no argument 'factr' (received: factr=2). Did you mean" in said

    def test_another_kind_is_refused(self) -> None:
        assert "No loss is registered as 'ours>Scale'" in complain(KEYS, loss="ours>Scale")

    def test_rules_of_keras_apply_to_a_loss_that_extends_one_of_its_own(self) -> None:
        said = complain(KEYS, layers=[{"Dense": {"units": 3}}], loss="ours>Crossentropy")
        assert (
            "sparse_categorical_crossentropy needs a last layer with activation 'softmax'" in said
        )


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("AUC", "auc"),
        ("Precision", "precision"),
        ("SparseTopKCategoricalAccuracy", "sparse_top_k_categorical_accuracy"),
        ("R2Score", "r2_score"),
        ("mae", "mae"),
        ("MeanAbsoluteError", "mean_absolute_error"),
        ({"AUC": {"name": "prc"}}, "prc"),
        ({"FalsePositives": {"thresholds": 0.3}}, "false_positives"),
    ],
)
def test_metrics_are_named_as_keras_logs_them(metric: Any, name: str) -> None:
    recipe = load_recipe(KEYS, metrics=[metric])
    assert name_in_logs(recipe.metrics[0]) == name
    if isinstance(metric, str) and metric != "mae":
        keras.backend.clear_session()
        assert getattr(keras.metrics, metric)().name == name


def test_every_refusal_is_an_input_error() -> None:
    with pytest.raises(InputError):
        load_recipe({})
