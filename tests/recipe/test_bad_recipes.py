# ruff: noqa: E501 - messages stand here as a person sees them
"""Bad recipes, and what is said of them: where, which rule, what was received, what to do."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from kerasrecipes.errors import RecipeError
from kerasrecipes.recipe import load_recipe

GOOD = """\
dataset: {name: iris}
layers:
  - Dense: {units: 3, activation: softmax}
loss: sparse_categorical_crossentropy
"""
BAD_RECIPES = [
    re.fullmatch(r"(.*?)\n(.*)--- says\n(.*?\n)\s*", case, re.DOTALL).groups()
    for case in Path(__file__).with_name("bad_recipes.txt").read_text("utf-8").split("\n=== ")[1:]
]
"""Title, recipe and message of each."""
BAD_OVERRIDES: list[tuple[str, str]] = [
    (
        "epochs",
        """\
override epochs
  An override is written key=value, such as epochs=10.
""",
    ),
    (
        "=3",
        """\
override =3
  An override is written key=value, such as epochs=10.
""",
    ),
    (
        "epochs=",
        """\
override epochs=  epochs
  epochs must be a valid integer (received: nothing).
""",
    ),
    (
        "epochs=ten",
        """\
override epochs=ten  epochs
  epochs must be a valid integer (received: 'ten').
""",
    ),
    (
        "optimizer=adam batch_size=8",
        """\
override optimizer=adam batch_size=8  optimizer
  Keras has no optimizer 'adam batch_size=8'. Choose from: Adadelta, Adafactor, Adagrad, Adam, AdamW, Adamax, Ftrl, Lamb, Lion, LossScaleOptimizer, Muon, Nadam, RMSprop, SGD, ScheduleFreeAdamW.
""",
    ),
    (
        "epoch=3",
        """\
override epoch=3  epoch
  There is no key 'epoch' here. Did you mean 'epochs'?
""",
    ),
    (
        "epochs={",
        """\
override epochs={
  This is not YAML: while parsing a flow node, expected the node content, but found '<stream end>'.
""",
    ),
    (
        "optimizer={SGD: {momentum: 0.1, momentum: 0.2}}",
        """\
override optimizer={SGD: {momentum: 0.1, momentum: 0.2}}  optimizer.SGD.momentum
  The key 'momentum' is given twice. Keep one of them.
""",
    ),
    (
        "epochs.3=4",
        """\
override epochs.3=4  epochs
  epochs must be a valid integer (received: {3: 4}).
""",
    ),
    (
        "seed.x=3",
        """\
override seed.x=3  seed
  seed must be a valid integer (received: {x: 3}).
""",
    ),
    (
        "layers.0.Dense.unit=3",
        """\
override layers.0.Dense.unit=3  layers[0].Dense.unit
  Dense has no argument 'unit' (received: unit=3). Did you mean 'units'?
""",
    ),
    (
        "layers.0.units=4",
        """\
override layers.0.units=4  layers[0].units
  layers[0] is Dense. Its arguments follow layers.0.Dense. To replace it, write layers.0=...
""",
    ),
    (
        "layers.3.Dense.units=3",
        """\
override layers.3.Dense.units=3  layers[3]
  layers is a list of 1. Name an item by its number, from 0 (received: 3).
""",
    ),
    (
        "layers.x.Dense.units=3",
        """\
override layers.x.Dense.units=3  layers.x
  layers is a list of 1. Name an item by its number, from 0 (received: x).
""",
    ),
    (
        "layers.-1=Flatten",
        """\
override layers.-1=Flatten  layers.-1
  layers is a list of 1. Name an item by its number, from 0 (received: -1).
""",
    ),
    (
        "loss.from_logits=true",
        """\
override loss.from_logits=true  loss.from_logits
  loss is sparse_categorical_crossentropy. Its arguments follow loss.sparse_categorical_crossentropy. To replace it, write loss=...
""",
    ),
    (
        "loss.mse.reduction=sum",
        """\
override loss.mse.reduction=sum  loss.mse
  loss is sparse_categorical_crossentropy. Its arguments follow loss.sparse_categorical_crossentropy. To replace it, write loss=...
""",
    ),
    (
        "optimizer.learning_rate=0.1",
        """\
override optimizer.learning_rate=0.1  optimizer
  Each optimizer is a name, or one name with arguments: {Adam: {learning_rate: 0.01}} (received: {learning_rate: 0.1}).
""",
    ),
    (
        "optimizer=adm",
        """\
override optimizer=adm  optimizer
  Keras has no optimizer 'adm'. Did you mean 'Adam'?
""",
    ),
    (
        "metrics=accuracy",
        """\
override metrics=accuracy  metrics
  metrics must be a list, such as metrics: [accuracy] (received: 'accuracy').
""",
    ),
    (
        "metrics.0=accuracy",
        """\
override metrics.0=accuracy  metrics
  metrics must be a list, such as metrics: [accuracy] (received: {0: accuracy}).
""",
    ),
    (
        "dataset=iris",
        """\
override dataset=iris  dataset
  dataset must be a mapping, such as dataset: {name: fashion_mnist} or {path: houses.csv, target: price} (received: 'iris').
""",
    ),
    (
        "dataset.drop.0=x",
        """\
override dataset.drop.0=x  dataset.drop
  drop must be a list, such as drop: [...] (received: {0: x}).
""",
    ),
    (
        "extends=base.yaml",
        """\
override extends=base.yaml  extends
  A base is named in the recipe itself. Write extends there.
""",
    ),
    (
        "name=",
        """\
override name=  name
  name must be a valid string (received: nothing).
""",
    ),
    (
        "1=2",
        """\
override 1=2  1
  There is no key '1' here. Choose from: batch_size, calibrate, callbacks, class_weight, dataset, description, device, epochs, extends, jit_compile, layers, loss, metrics, name, optimizer, precision, report, seed, sweep, threshold.
""",
    ),
    (
        "a.b=1",
        """\
override a.b=1  a
  There is no key 'a' here. Choose from: batch_size, calibrate, callbacks, class_weight, dataset, description, device, epochs, extends, jit_compile, layers, loss, metrics, name, optimizer, precision, report, seed, sweep, threshold.
""",
    ),
]
JARGON = re.compile(
    r"Input should|model_type|dict\b|NoneType|\bNone\b|\bTrue\b|\bFalse\b|pydantic|Traceback|<class|str\b|\bint\b"
)


def complain(folder: Path, text: str, *overrides: str) -> str:
    """What is said of a recipe, its folder left out."""
    file = folder / "r.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        load_recipe(file, overrides)
    return f"{caught.value}\n".replace(f"{folder}/", "")


@pytest.mark.reliability("bad input")
@pytest.mark.parametrize(
    ("text", "message"), [case[1:] for case in BAD_RECIPES], ids=[case[0] for case in BAD_RECIPES]
)
def test_bad_recipes(tmp_path: Path, text: str, message: str) -> None:
    assert complain(tmp_path, text) == message


@pytest.mark.reliability("bad input")
@pytest.mark.parametrize(("override", "message"), BAD_OVERRIDES)
def test_bad_overrides(tmp_path: Path, override: str, message: str) -> None:
    assert complain(tmp_path, GOOD, override) == message


def test_bad_overrides_are_listed_as_they_were_typed(tmp_path: Path) -> None:
    said = complain(tmp_path, GOOD, "metrics=[acuracy]", "epochs", "batch_size=0", "epoch=3")
    heads = [line.split("  ")[0] for line in said.splitlines()[::2]]
    changes = ["metrics=[acuracy]", "epochs", "batch_size=0", "epoch=3"]
    assert heads == [f"override {change}" for change in changes]


def test_every_message_is_for_people() -> None:
    for message in [case[-1] for case in (*BAD_RECIPES, *BAD_OVERRIDES)]:
        assert not JARGON.search(message), message
        assert all(line.startswith(("r.yaml:", "override ", "  ")) for line in message.splitlines())


def test_six_mistakes_are_six_problems_at_their_lines(tmp_path: Path) -> None:
    text = """\
name: six
dataset:
  name: fashion_mnst
layers:
  - Flatten
  - Dense: {unit: 100, activation: relu}
  - Dense: {units: 10, activation: sigmoid}
optimizer: {adam: {lr: 0.1}}
loss: sparse_categorical_crossentropy
metrics: accuracy
epochs: 0
"""
    began = time.perf_counter()
    said = complain(tmp_path, text)
    assert time.perf_counter() - began < 5  # a second at the most on a quiet machine
    places = [line.split("  ")[0] for line in said.splitlines() if not line.startswith(" ")]
    assert places == [
        f"r.yaml:{place}" for place in ("3:9", "6:13", "7:36", "8:20", "10:10", "11:9")
    ]


def test_a_key_given_twice_hides_no_other_problem(tmp_path: Path) -> None:
    said = complain(tmp_path, f"{GOOD}epochs: 1\nepochs: 2\ndevice: GPU\n", "batch_size=0")
    assert said == (
        "r.yaml:6:1  epochs\n"
        "  The key 'epochs' is given twice (first in line 5). Keep one of them.\n"
        "r.yaml:7:9  device\n"
        "  device has no choice 'GPU'. Did you mean 'gpu'?\n"
        "override batch_size=0  batch_size\n"
        "  batch_size must be greater than or equal to 1 (received: 0).\n"
    )


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ("{name: imdb}", "The texts of imdb differ in length, and need one. Write maxlen: 100."),
        (
            "{name: iris, num_words: 500}",
            "num_words is for the built-in texts imdb and reuters. Remove it.",
        ),
        (
            "{path: data.npz, maxlen: 5}",
            "maxlen is for the built-in texts imdb and reuters. Remove it.",
        ),
    ],
)
def test_keys_of_built_in_texts(tmp_path: Path, dataset: str, message: str) -> None:
    text = f"dataset: {dataset}\nlayers: [{{Dense: {{units: 1}}}}]\nloss: mse\n"
    assert complain(tmp_path, text).strip().endswith(message)


def test_one_mistake_is_told_once(tmp_path: Path) -> None:
    """A misspelt activation is not also a wrong one; a misspelt key is not also missing."""
    for text in (GOOD.replace("softmax", "sofmax"), GOOD.replace("loss", "los")):
        assert complain(tmp_path, text).count("r.yaml") == 1


def test_a_hidden_layer_narrower_than_the_output_is_warned_of(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(GOOD.replace("layers:\n", "layers:\n  - Dense: {units: 2}\n"))
    assert [str(warning) for warning in load_recipe(file).warnings] == [
        f"{file}:3:20  layers[0].Dense.units\n"
        "  This hidden layer has fewer units than the output layer (2 < 3), which loses "
        "information that the output layer needs. Give it at least 3."
    ]
    autoencoder = "layers: [{Dense: {units: 2}}, {Dense: {units: 9}}]\nloss: mse\n"
    file.write_text(f"dataset: {{path: x.npz, target: x}}\n{autoencoder}")
    assert not load_recipe(file).warnings


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (
            "CategoricalAccuracy",
            "CategoricalAccuracy compares several units, and there is one. Write BinaryAccuracy.",
        ),
        (
            "sparse_categorical_accuracy",
            "sparse_categorical_accuracy compares several units, and there is one. Write BinaryAccuracy.",
        ),
        (
            "{TopKCategoricalAccuracy: {k: 1}}",
            "TopKCategoricalAccuracy compares several units, and there is one. Write BinaryAccuracy.",
        ),
        (
            "F1Score",
            "F1Score without threshold predicts the largest unit, whatever its value. Write threshold: 0.5.",
        ),
    ],
)
def test_metrics_that_are_always_the_same_are_warned_of(
    tmp_path: Path, metric: str, message: str
) -> None:
    file = tmp_path / "r.yaml"
    text = GOOD.replace("units: 3, activation: softmax", "units: 1, activation: sigmoid")
    text = text.replace("sparse_categorical", "binary")
    file.write_text(
        f"{text}metrics: [{metric}, binary_accuracy, {{F1Score: {{threshold: 0.5}}}}]\n"
    )
    (warning,) = load_recipe(file).warnings
    assert str(warning).endswith(f"  {message}")


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        GOOD.replace("activation: softmax", "activation: linear").replace(
            "sparse_categorical_crossentropy", "{SparseCategoricalCrossentropy: {from_logits: true}}"
        ),
        GOOD.replace("softmax}", "linear}\n  - Softmax"),
        GOOD + "optimizer: {SGD: {learning_rate: {CosineDecay: {initial_learning_rate: 1, decay_steps: 9}}}}\n",
        GOOD + "optimizer: {Adam: {learning_rate: 1/100}}\n",
        GOOD + "callbacks: [{EarlyStopping: {monitor: accuracy}}]\nmetrics: [accuracy]\n",
        GOOD.replace("iris}", "iris, validation_split: 1/5}") + "callbacks: [EarlyStopping]\n",
        GOOD.replace("layers:\n", "layers:\n  - Reshape: {target_shape: [4, 1]}\n  - Bidirectional: {layer: {LSTM: {units: 4}}}\n"),
        GOOD.replace("layers:\n", "layers:\n  - Conv2D: {filters: 3, kernel_size: [3, 3], padding: SAME}\n"),
        GOOD.replace("units: 3", "units: 3, kernel_initializer: , kernel_regularizer: l2"),
        GOOD + "optimizer: {SGD: {use_ema: true}}\ncallbacks: [SwapEMAWeights]\n",
        GOOD + "optimizer: {LossScaleOptimizer: {inner_optimizer: {SGD: {use_ema: true}}}}\ncallbacks: [SwapEMAWeights]\n",
        GOOD + "metrics: [AUC, Precision]\ncallbacks: [{EarlyStopping: {monitor: auc}}, {EarlyStopping: {monitor: precision}}]\n",
        GOOD.replace("{name: iris}", "{path: a.csv, missing_values: ['1,5'], target: '0,5'}"),
    ],
)  # fmt: skip
def test_good_recipes_are_left_in_peace(tmp_path: Path, text: str) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(text)
    assert load_recipe(file).warnings == []


EXTENDS = [
    ("extends: bas.yaml", "child.yaml:1:10  extends\n  There is no recipe 'bas.yaml'. Did you mean 'base.yaml'?"),
    ("extends: child.yaml", "child.yaml:1:10  extends\n  Recipes may not extend each other in a circle: child.yaml → child.yaml."),
    ("extends: loop.yaml", "loop.yaml:1:10  extends\n  Recipes may not extend each other in a circle: child.yaml → loop.yaml → child.yaml."),
    ("extends: [base.yaml]", "child.yaml:1:10  extends\n  There is no recipe [base.yaml]. Did you mean 'base.yaml'?"),
    ("extends:", "child.yaml:1:9  extends\n  There is no recipe nothing. Choose from: base.yaml, broken.yaml, list.yaml, loop.yaml, typo.yaml."),
    ("extends: list.yaml", "child.yaml:1:10  extends\n  list.yaml contains no recipe."),
    ("extends: broken.yaml", "broken.yaml:2:1\n  A comma is missing before this place, or the bracket opened in line 1 is not closed before it."),
    ("extends: typo.yaml", "typo.yaml:5:9  epochs\n  epochs must be greater than or equal to 1 (received: 0)."),
    ("extends: base.yaml\nepoch: 2", "child.yaml:2:1  epoch\n  There is no key 'epoch' here. Did you mean 'epochs'?"),
]  # fmt: skip


@pytest.mark.reliability("bad input")
@pytest.mark.parametrize(("text", "message"), EXTENDS)
def test_bad_bases(tmp_path: Path, text: str, message: str) -> None:
    files = {
        "base": GOOD,
        "child": f"{text}\n",
        "loop": "extends: child.yaml\n",
        "list": "- a\n",
        "broken": "a: [b\n",
        "typo": f"{GOOD}epochs: 0\n",
    }
    for name, content in files.items():
        (tmp_path / f"{name}.yaml").write_text(content)
    with pytest.raises(RecipeError) as caught:
        load_recipe(tmp_path / "child.yaml")
    assert str(caught.value).replace(f"{tmp_path}/", "").replace(str(tmp_path), ".") == message
