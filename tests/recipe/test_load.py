"""A recipe file, its bases and its overrides become one Recipe that knows where all of it stood."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kerasrecipes.errors import RecipeError
from kerasrecipes.recipe import Component, Recipe, load_recipe
from kerasrecipes.recipe.schema import CsvSpec, ExcelSpec, MissingValues
from kerasrecipes.recipe.yaml_file import parse_yaml

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
BASE = """\
name: the base
description: says nothing of those built on it
dataset: {name: iris, validation_split: 0.2}
layers:
  - Dense: {units: 8, activation: relu}
  - Dense: {units: 3, activation: softmax}
optimizer: {SGD: {learning_rate: 0.1, momentum: 0.9}}
loss: sparse_categorical_crossentropy
metrics: [accuracy]
epochs: 5
"""
Load = Callable[..., Recipe]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write files, and load the last of them with overrides."""

    def load_last(*overrides: str, **files: str) -> Recipe:
        for name, text in files.items():
            (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
        return load_recipe(tmp_path / f"{name}.yaml", overrides)

    return load_last


class TestDefaults:
    def test_what_a_recipe_leaves_out(self, load: Load) -> None:
        recipe = load(short="dataset: {name: wine}\nlayers: [Flatten]\nloss: mse\n")
        assert recipe.name == "short"  # the file's
        assert recipe.seed == recipe.dataset.split_seed == 42
        assert (recipe.epochs, recipe.batch_size) == (1, 32)
        assert recipe.optimizer == Component("optimizers", "rmsprop")
        assert (recipe.metrics, recipe.callbacks, recipe.report) == ([], [], None)
        assert (recipe.device, recipe.jit_compile) == ("auto", "auto")
        assert (recipe.precision, recipe.class_weight) == ("float32", None)
        assert recipe.warnings == []

    def test_a_name_in_any_script(self, load: Load) -> None:
        assert load(a=BASE.replace("the base", "패션 MNIST 모델")).name == "패션 MNIST 모델"

    def test_components_with_and_without_arguments(self, load: Load) -> None:
        text = BASE.replace(
            "layers:\n", "layers:\n  - Flatten\n  - Dropout: {rate: 1/4}\n  - ReLU:\n"
        )
        layers = load(a=text).layers
        assert layers[0] == Component("layers", "Flatten", {})
        assert layers[1] == Component("layers", "Dropout", {"rate": 0.25})
        assert layers[2] == Component("layers", "ReLU", {})


class TestExtends:
    def test_mappings_merge(self, load: Load) -> None:
        child = (
            "extends: base.yaml\ndataset: {split_seed: 7}\noptimizer: {SGD: {learning_rate: 1}}\n"
        )
        recipe = load(base=BASE, child=child)
        assert recipe.dataset.model_dump(exclude_unset=True) == {
            "name": "iris",
            "validation_split": 0.2,
            "split_seed": 7,
        }
        assert recipe.optimizer.arguments == {"learning_rate": 1, "momentum": 0.9}
        assert recipe.epochs == 5

    def test_lists_replace(self, load: Load) -> None:
        child = (
            "extends: base.yaml\nlayers:\n  - Dense: {units: 3, activation: softmax}\nmetrics: []\n"
        )
        recipe = load(base=BASE, child=child)
        assert len(recipe.layers) == 1
        assert recipe.metrics == []

    @pytest.mark.parametrize(
        ("written", "arguments"),
        [("adam", {}), ("{Adam: {beta_1: 0.8}}", {"beta_1": 0.8}), ("{Adam: }", {})],
    )
    def test_a_component_of_another_name_replaces(
        self, load: Load, written: str, arguments: dict[str, Any]
    ) -> None:
        recipe = load(base=BASE, child=f"extends: base.yaml\noptimizer: {written}\n")
        assert recipe.optimizer.name.lower() == "adam"
        assert recipe.optimizer.arguments == arguments

    def test_a_nested_component_of_another_name_replaces(self, load: Load) -> None:
        cosine = "{CosineDecay: {initial_learning_rate: 1, decay_steps: 9}}"
        inverse = "{InverseTimeDecay: {initial_learning_rate: 1, decay_steps: 9, decay_rate: 2}}"
        recipe = load(
            base=BASE.replace("learning_rate: 0.1", f"learning_rate: {cosine}"),
            child=f"extends: base.yaml\noptimizer: {{SGD: {{learning_rate: {inverse}}}}}\n",
        )
        assert recipe.optimizer.arguments["learning_rate"].name == "InverseTimeDecay"
        assert recipe.optimizer.arguments["momentum"] == 0.9

    def test_name_and_description_are_the_childs_own(self, load: Load) -> None:
        recipe = load(base=BASE, child="extends: base.yaml\n")
        assert (recipe.name, recipe.description) == ("child", "")
        recipe = load(base=BASE, child="extends: base.yaml\nname: mine\ndescription: too\n")
        assert (recipe.name, recipe.description) == ("mine", "too")

    def test_a_chain_of_three_in_other_folders(self, load: Load, tmp_path: Path) -> None:
        (tmp_path / "deep").mkdir()
        (tmp_path / "deep" / "base.yaml").write_text(BASE)
        middle = "extends: deep/base.yaml\nepochs: 6\nbatch_size: 16\n"
        recipe = load(middle=middle, child="extends: middle.yaml\nepochs: 7\n")
        assert (recipe.epochs, recipe.batch_size, recipe.dataset.name) == (7, 16, "iris")

    def test_places_are_those_of_the_file_that_says_it(self, load: Load, tmp_path: Path) -> None:
        child = "extends: base.yaml\ndataset:\n  split_seed: 7\nlayers:\n  - Dense: {units: 3}\n"
        child += "loss: hinge\n"
        recipe = load("batch_size=8", base=BASE, child=child)

        def place(*path: str | int) -> str:
            return str(recipe.problem(path, "").location).replace(f"{tmp_path}/", "")

        assert place("epochs") == "base.yaml:10:9"
        assert place("dataset", "name") == "base.yaml:3:17"
        assert place("dataset", "split_seed") == "child.yaml:3:15"
        assert place("layers", 0, "Dense", "units") == "child.yaml:5:20"
        assert place("layers", 1) == "child.yaml:5:3"  # the list that has no such item
        assert place("batch_size") == "override batch_size=8"

    def test_problems_of_base_and_child_come_together(self, load: Load, tmp_path: Path) -> None:
        with pytest.raises(RecipeError) as caught:
            load(
                base=BASE.replace("epochs: 5", "epochs: 0"),
                child="extends: base.yaml\ndevice: GPU\nseed: 1\nseed: 2\n",
            )
        places = [str(problem.location) for problem in caught.value.problems]
        assert places == [
            f"{tmp_path}/{p}" for p in ("base.yaml:10:9", "child.yaml:2:9", "child.yaml:4:1")
        ]


OWN = """\
dataset: {path: data/houses.csv, target: price}
layers: [Dense: {units: 1}]
loss: mse
"""


class TestDataPath:
    """A file's path is seen from that file; one typed at the prompt, from where it is typed."""

    @pytest.fixture(autouse=True)
    def elsewhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        folder = tmp_path / "elsewhere"
        folder.mkdir()
        monkeypatch.chdir(folder)
        return folder

    def test_it_is_relative_to_the_recipe(self, load: Load, tmp_path: Path) -> None:
        assert load(a=OWN).dataset.path == f"{tmp_path}/data/houses.csv"

    def test_a_recipe_named_relatively_gives_an_absolute_path_too(
        self, load: Load, tmp_path: Path
    ) -> None:
        load(a=OWN)
        path = load_recipe("../a.yaml").dataset.path
        assert path is not None
        assert Path(path).is_absolute()
        assert Path(path).resolve() == tmp_path / "data" / "houses.csv"

    def test_from_a_base_it_is_relative_to_the_base(self, load: Load, tmp_path: Path) -> None:
        (tmp_path / "deep").mkdir()
        (tmp_path / "deep" / "base.yaml").write_text(OWN)
        child = "extends: deep/base.yaml\ndataset: {target: rent}\n"
        recipe = load(child=child)
        assert recipe.dataset.path == f"{tmp_path}/deep/data/houses.csv"
        assert recipe.dataset.target == "rent"

    def test_a_childs_own_is_relative_to_the_child(self, load: Load, tmp_path: Path) -> None:
        (tmp_path / "deep").mkdir()
        (tmp_path / "deep" / "base.yaml").write_text(OWN)
        recipe = load(child="extends: deep/base.yaml\ndataset: {path: flats.csv}\n")
        assert recipe.dataset.path == f"{tmp_path}/flats.csv"

    @pytest.mark.parametrize(
        "override", ["dataset.path=flats.csv", "dataset={path: flats.csv, target: rent}"]
    )
    def test_an_overrides_is_relative_to_the_working_folder(
        self, load: Load, elsewhere: Path, override: str
    ) -> None:
        assert load(override, a=OWN).dataset.path == f"{elsewhere}/flats.csv"
        assert load("dataset.path=my run=1.csv", a=OWN).dataset.path == f"{elsewhere}/my run=1.csv"

    @pytest.mark.parametrize("written", ["/abs/houses.csv", "~/houses.csv"])
    def test_absolute_and_home_paths_stay(
        self, load: Load, monkeypatch: pytest.MonkeyPatch, written: str
    ) -> None:
        monkeypatch.setenv("HOME", "/abs")
        recipe = load(a=OWN.replace("data/houses.csv", written))
        assert recipe.dataset.path == "/abs/houses.csv"

    def test_a_tilde_that_is_nobodys_home_is_a_name(self, load: Load, tmp_path: Path) -> None:
        recipe = load(a=OWN.replace("data/houses.csv", "~nobody-here/a.csv"))
        assert recipe.dataset.path == f"{tmp_path}/~nobody-here/a.csv"

    def test_patterns_spaces_and_korean_are_left_as_they_are(
        self, load: Load, tmp_path: Path
    ) -> None:
        recipe = load(a=OWN.replace("data/houses.csv", "'서울 집값/*.csv'"))
        assert recipe.dataset.path == f"{tmp_path}/서울 집값/*.csv"


class TestSource:
    def test_rows_on_hand_need_no_source(self, tmp_path: Path) -> None:
        file = tmp_path / "a.yaml"
        file.write_text(OWN.replace("path: data/houses.csv, ", ""))
        with pytest.raises(RecipeError, match="dataset needs one of the keys name, path"):
            load_recipe(file)
        dataset = load_recipe(file, needs_source=False).dataset
        assert (dataset.path, dataset.target) == (None, "price")

    def test_rows_on_hand_excuse_no_other_mistake(self, tmp_path: Path) -> None:
        file = tmp_path / "a.yaml"
        file.write_text(OWN.replace("path: data/houses.csv", "features: {a: flot}"))
        with pytest.raises(RecipeError, match="There is no feature 'flot'"):
            load_recipe(file, needs_source=False)

    def test_a_base_s_source_is_put_aside_by_null(self, load: Load, tmp_path: Path) -> None:
        child = "extends: base.yaml\ndataset: {name: null, path: a.csv, target: b}\n"
        dataset = load(base=BASE, child=child).dataset
        assert (dataset.name, dataset.path) == (None, f"{tmp_path}/a.csv")
        dataset = load("dataset.name=", "dataset.path=/a.csv", base=BASE).dataset
        assert (dataset.name, dataset.path) == (None, "/a.csv")

    @pytest.mark.parametrize(
        ("written", "source"),
        [("openml: 1590", 1590), ("openml: adult", "adult"), ("sklearn: wine", "wine")],
    )
    def test_collections(self, load: Load, written: str, source: str | int) -> None:
        dataset = load(a=OWN.replace("path: data/houses.csv", written)).dataset
        assert source in (dataset.openml, dataset.sklearn)


def test_everything_that_a_table_can_be_told(load: Load) -> None:
    text = """\
dataset:
  path: a.csv
  target: [price, rent]
  features:
    rooms: {float_rescaled: {scale: 1/255}}
    area: {float: {unit: m², decimal: ',', thousands: .}}
    우편 번호: {string_categorical: {max_tokens: 50}}
    day: {date: {format: '%d/%m/%Y'}}
    garden: boolean
    '2019': float
  crosses: [{feature_names: [우편 번호, garden], crossing_dim: 16}]
  missing: median
  missing_values: ['?', -1, 9.5]
  csv: {delimiter: "\t", decimal: ','}
layers: [Dense: {units: 2}]
loss: mse
class_weight: {cat: 1/2, 3: 2}
"""
    recipe = load(a=text)
    dataset = recipe.dataset
    assert dataset.target == ["price", "rent"]
    assert {name: use.name for name, use in dataset.features.items()} == {
        "rooms": "float_rescaled",
        "area": "float",
        "우편 번호": "string_categorical",
        "day": "date",
        "garden": "boolean",
        "2019": "float",
    }
    assert dataset.features["rooms"].arguments == {"scale": 1 / 255}
    assert dataset.crosses[0].feature_names == ["우편 번호", "garden"]
    assert dataset.missing_values == MissingValues(add=["?", -1, 9.5])
    assert dataset.csv == CsvSpec(delimiter="\t", decimal=",")
    assert recipe.class_weight == {"cat": 0.5, "3": 2}


@pytest.mark.parametrize(
    ("keys", "name", "expected"),
    [
        (
            "missing_values: {add: [-1], keep: [NA]}",
            "missing_values",
            MissingValues(add=[-1], keep=["NA"]),
        ),
        ("missing_values: {keep: [None]}", "missing_values", MissingValues(keep=["None"])),
        ("csv: {header: none, skip_rows: 2}", "csv", CsvSpec(header="none", skip_rows=2)),
        ("csv: {header: [a, b], comment: '#'}", "csv", CsvSpec(header=["a", "b"], comment="#")),
        ("csv: {delimiter: whitespace}", "csv", CsvSpec(delimiter="whitespace")),
        ("csv: {decimal: ',', thousands: .}", "csv", CsvSpec(decimal=",", thousands=".")),
        ("excel: {sheet: 2, header_row: 3}", "excel", ExcelSpec(sheet=2, header_row=3)),
        ("excel: {sheet: '2'}", "excel", ExcelSpec(sheet="2")),
    ],
)
def test_how_a_file_is_written(load: Load, keys: str, name: str, expected: Any) -> None:
    ending = "xlsx" if name == "excel" else "csv"
    text = f"dataset:\n  path: a.{ending}\n  target: y\n  {keys}\nlayers: [Flatten]\nloss: mse\n"
    recipe = load(a=text)
    assert getattr(recipe.dataset, name) == expected
    # The run's own copy of the recipe says it again.
    assert yaml.safe_load(recipe.to_yaml())["dataset"][name] == yaml.safe_load(f"{{{keys}}}")[name]


OVERRIDES: list[tuple[str, tuple[str | int, ...], Any]] = [
    ("epochs=10", ("epochs",), 10),
    ("epochs = 10", ("epochs",), 10),
    ("layers.1.Dense.activation=softmax", ("layers", 1, "Dense", "activation"), "softmax"),
    ("layers[0].Dense.units=200", ("layers", 0, "Dense", "units"), 200),
    ("layers.0=Flatten", ("layers", 0), "Flatten"),
    ("layers.0.Dense.use_bias=false", ("layers", 0, "Dense", "use_bias"), False),
    ("layers.0.Dense.kernel_regularizer.L2.l2=1e-3",
     ("layers", 0, "Dense", "kernel_regularizer"), {"L2": {"l2": 0.001}}),
    ("optimizer=rmsprop", ("optimizer",), "rmsprop"),
    ("optimizer={Adam: {learning_rate: 1/100}}", ("optimizer",), {"Adam": {"learning_rate": 0.01}}),
    ("optimizer.SGD.nesterov=true", ("optimizer", "SGD", "nesterov"), True),
    ("metrics.0={AUC: }", ("metrics", 0), {"AUC": None}),
    ("metrics=[accuracy, mse]", ("metrics",), ["accuracy", "mse"]),
    ("dataset.drop=[a]", ("dataset", "drop"), ["a"]),
    ("dataset.validation_split=1/3", ("dataset", "validation_split"), 1 / 3),
    ('name="a: b=c"', ("name",), "a: b=c"),
    ("name='007'", ("name",), "007"),
    ("description=a=b", ("description",), "a=b"),
    ("description=# 1", ("description",), "# 1"),
    ("description=:", ("description",), ":"),
    ("description=|", ("description",), "|"),
    ("report=[]", ("report",), []),
]  # fmt: skip


@pytest.mark.parametrize(("override", "path", "value"), OVERRIDES)
def test_overrides(load: Load, override: str, path: tuple[str | int, ...], value: Any) -> None:
    tree: Any = load(override, base=BASE).to_dict()
    for part in path:
        tree = tree[part]
    assert tree == value


def test_a_component_named_alone_takes_arguments_by_override(load: Load) -> None:
    text = BASE.replace("{SGD: {learning_rate: 0.1, momentum: 0.9}}", "adam")
    for override in ("optimizer.adam.learning_rate=0.5", "optimizer.Adam.learning_rate=0.5"):
        assert load(override, base=text).optimizer.arguments == {"learning_rate": 0.5}


def test_overrides_reach_what_the_base_says(load: Load) -> None:
    recipe = load("optimizer.SGD.momentum=0", "epochs=1", base=BASE, child="extends: base.yaml\n")
    assert recipe.optimizer.arguments == {"learning_rate": 0.1, "momentum": 0}
    assert recipe.epochs == 1


def test_a_number_in_an_override_names_no_key_of_a_mapping(load: Load) -> None:
    with pytest.raises(RecipeError, match="Keras has no loss '0'"):
        load("loss.0=", base=BASE.replace("loss: sparse_categorical_crossentropy\n", ""))


def test_of_two_overrides_the_last_counts(load: Load) -> None:
    assert load("epochs=1", "epochs=2", base=BASE).epochs == 2


def test_an_override_mends_what_the_file_has_wrong(load: Load) -> None:
    assert load("epochs=1", base=BASE.replace("epochs: 5", "epochs: 0")).epochs == 1


@pytest.mark.parametrize("file", CONFIGS, ids=[file.stem for file in CONFIGS])
def test_a_resolved_recipe_loads_again_as_the_same(file: Path, tmp_path: Path) -> None:
    recipe = load_recipe(file, ["seed=7", "batch_size=17"])
    copy = tmp_path / "copy.yaml"
    copy.write_text(recipe.to_yaml(), encoding="utf-8")
    again = load_recipe(copy)
    assert again.model_dump() == recipe.model_dump()
    assert again.to_yaml() == recipe.to_yaml()
    assert "extends" not in recipe.to_dict()
    assert (again.seed, again.batch_size, again.name) == (7, 17, recipe.name)


def test_a_resolved_recipe_keeps_the_form_and_writes_defaults_out(load: Load) -> None:
    text = BASE.replace("units: 8", "units: 8, kernel_regularizer: {L2: {l2: 1/100}}")
    resolved = load("name='1e3'", base=text).to_yaml()
    assert "l2: 0.01" in resolved
    assert "name: '1e3'" in resolved
    tree = parse_yaml(resolved, "").value
    assert tree["optimizer"] == {"SGD": {"learning_rate": 0.1, "momentum": 0.9}}
    assert tree["batch_size"] == 32
    assert tree["dataset"]["split_seed"] == 42
    assert list(tree)[:4] == ["name", "description", "seed", "dataset"]


def test_a_resolved_recipe_of_ones_own_data_loads_anywhere(load: Load, tmp_path: Path) -> None:
    text = OWN.replace("price}", "price, missing: drop, csv: {decimal: ','}, features: {a: float}}")
    recipe = load(a=f"{text}precision: mixed_bfloat16\n")
    copy = tmp_path / "runs" / "7" / "recipe.yaml"
    copy.parent.mkdir(parents=True)
    copy.write_text(recipe.to_yaml(), encoding="utf-8")
    again = load_recipe(copy)
    assert again.model_dump() == recipe.model_dump()
    assert again.to_yaml() == recipe.to_yaml()
    assert again.dataset.path == f"{tmp_path}/data/houses.csv"
    assert again.to_dict()["dataset"] == {
        "path": f"{tmp_path}/data/houses.csv",
        "target": "price",
        "features": {"a": "float"},
        "missing": "drop",
        "csv": {"decimal": ","},
        "split_seed": 42,
    }


def test_a_resolved_recipe_leaves_out_defaults_that_say_nothing(load: Load) -> None:
    assert load(a=OWN).to_dict().keys() == {
        *("name", "seed", "dataset", "layers", "optimizer", "loss"),
        *("epochs", "batch_size", "device", "jit_compile"),
    }
    assert load(a=BASE).to_dict()["dataset"] == {
        "name": "iris",
        "validation_split": 0.2,
        "split_seed": 42,
    }


@pytest.mark.parametrize("written", ["missing: error", "csv: {}", "color_mode: rgb"])
def test_a_default_that_was_written_is_kept(load: Load, written: str) -> None:
    key = written.partition(":")[0]
    recipe = load(a=OWN.replace("houses.csv, target: price", f"houses, {written}"))
    assert key in recipe.to_dict()["dataset"]


@pytest.mark.parametrize(
    "written",
    [
        "path: a.TSV, csv: {delimiter: ' '}",
        "path: a.csv.gz, csv: {decimal: ','}, missing: median",
        "path: a.parquet, csv: {}, missing_indicator: false, missing_values: ['?']",
        "path: a.npz, features: {x: float}, missing: drop",  # its arrays may be columns
        "path: a.npy, target: '3', crosses: []",
        "path: pets, image_size: [8, 8], color_mode: grayscale",
        "path: data/*, csv: {encoding: cp949}",
        "path: pets.2024, color_mode: rgb",
        "path: pets, missing: error",
        "openml: credit-g, target: class, missing: drop, missing_values: ['?']",
    ],
)
def test_what_data_of_a_kind_can_use_is_taken(load: Load, written: str) -> None:
    dataset = load(a=OWN.replace("path: data/houses.csv, target: price", written)).dataset
    source, _, value = written.partition(",")[0].partition(": ")
    assert str(getattr(dataset, source)).endswith(value)


@pytest.mark.parametrize(
    "callback",
    [
        "EarlyStopping: {monitor: loss}",
        "EarlyStopping: {monitor: mae}",
        "ModelCheckpoint: {filepath: best.keras, monitor: mae, save_best_only: true}",
        "TensorBoard: {log_dir: log}",
    ],
)
def test_names_of_the_user_s_own_are_no_choices(load: Load, callback: str) -> None:
    recipe = load(a=f"{OWN}metrics: [mae]\ncallbacks:\n  - {callback}\n")
    assert [made.name for made in recipe.callbacks] == [callback.partition(":")[0]]


def test_rows_on_hand_may_come_with_what_files_for_predict_need(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(OWN.replace("path: data/houses.csv", "csv: {decimal: ','}"), encoding="utf-8")
    assert load_recipe(file, needs_source=False).dataset.csv.decimal == ","
