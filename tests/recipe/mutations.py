"""Mutated recipes: the shipped ones and the corpus of bad ones, changed at random."""

from __future__ import annotations

import copy
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from kerasrecipes.errors import RecipeError
from kerasrecipes.recipe import load_recipe
from kerasrecipes.recipe.load import list_shipped
from kerasrecipes.recipe.yaml_file import parse_yaml

CORPUS = Path(__file__).with_name("bad_recipes.txt").read_text("utf-8").split("\n=== ")[1:]
BAD = [case.partition("\n")[2].partition("--- says\n")[0] for case in CORPUS]
RICH = """\
name: 작은 rich
description: Every kind of key
seed: 7
dataset:
  path: houses.csv
  target: [price, rent]
  task: regression
  features:
    rooms: float_normalized
    city: {string_categorical: {max_tokens: 9}}
    zip: {string_hashed: {num_bins: 32}}
  crosses: [{feature_names: [city, zip], crossing_dim: 8}]
  drop: [id]
  missing: median
  missing_indicator: true
  missing_values: {add: [-1, n/a], keep: [None]}
  csv: {delimiter: ';', encoding: cp949, decimal: ',', skip_rows: 1}
  validation_split: 0.2
  test_split: 1/5
  standardize_target: true
layers:
  - Reshape: {target_shape: [4, 1]}
  - Bidirectional: {layer: {LSTM: {units: 4, kernel_regularizer: {L2: {l2: 0.01}}}}}
  - RNN: {cell: {StackedRNNCells: {cells: [{GRUCell: {units: 3}}, {LSTMCell: {units: 2}}]}}}
  - Dense: {units: 8, activation: relu, kernel_initializer: {RandomNormal: {stddev: 0.01}}}
  - BatchNormalization
  - Dropout: {rate: 0.5}
  - Dense: {units: 2, kernel_constraint: {MaxNorm: {max_value: 2}}}
optimizer:
  Adam: {learning_rate: {CosineDecay: {initial_learning_rate: 0.1, decay_steps: 9}}, use_ema: true}
loss: {Huber: {delta: 1.0}}
metrics: [mae, {R2Score: {name: r2}}]
epochs: 3
batch_size: 16
callbacks: [{EarlyStopping: {monitor: val_loss, patience: 2}}, SwapEMAWeights]
device: cpu
precision: float32
jit_compile: false
report: [regplot, residuals]
"""
CLASSES = """\
dataset: {name: iris, validation_split: 0.2, stratify: true, split_seed: 3}
layers:
  - &hidden {Dense: {units: 9, activation: relu}}
  - *hidden
  - Dense: {units: 3}
loss: {SparseCategoricalCrossentropy: {from_logits: true}}
optimizer: {SGD: {learning_rate: 1e-2, momentum: 0.9, nesterov: true}}
metrics: [accuracy]
class_weight: {setosa: 1, versicolor: 2.5, virginica: 1}
callbacks: [{ReduceLROnPlateau: {monitor: val_accuracy}}, {ModelCheckpoint: {filepath: best.keras}}]
"""
GOOD = [load_recipe(name).to_yaml() for name in list_shipped()] + [RICH, CLASSES] * 4
""""Recipes without a mistake: some of them twice, so that all kinds of keys are as likely."""

WORDS = [
    *(
        "layers",
        "dataset",
        "loss",
        "metrics",
        "callbacks",
        "optimizer",
        "epochs",
        "name",
        "extends",
    ),
    *("class_weight", "features", "crosses", "csv", "excel", "missing_values", "report", "target"),
    *("Dense", "Conv2D", "LSTM", "Bidirectional", "TimeDistributed", "Embedding", "Normalization"),
    *("units", "activation", "learning_rate", "layer", "cells", "from_logits", "monitor", "cell"),
    *("softmax", "Adam", "LossScaleOptimizer", "ExponentialDecay", "EarlyStopping", "AUC", "mse"),
    *("StackedRNNCells", "RNN", "ModelCheckpoint", "Package>Name", "Lambda", "string_hashed"),
]
SCALARS = [
    *("", "~", "0", "-1", "1e400", "-1e400", ".nan", "-.inf", "1/0", "1/255", "9/1e9", "0,5", "²"),
    *("٣", "0x" + "9" * 5000, "0o7" * 3, "9" * 301, "9" * 5000, "-" + "9" * 299, "1" + "0" * 29),
    *(
        "true",
        "yes",
        "null",
        "'",
        '"',
        "|",
        ">",
        "%",
        "@",
        "`",
        "!",
        "&a",
        "*a",
        "<<",
        "? a",
        "- a",
    ),
    *("!!python/name:os.system", "!!python/object/apply:os.system [ls]", "!!binary aGk=", "!!set"),
    *("{}", "[]", "[[]]", "{a: {}}", "{1: 2}", "{~: 1}", "{[a]: 1}", "[1, a, ~]", "2024-01-01"),
    *("/dev/zero", "../../x", "a\x00b", "\x1b[31m", "\ufeff", "\u202e", "\x85", "\u2028", "\t"),
    *('"\\ud800"', '"\\0"', "x" * 2000, "한글", "👩‍👩‍👧", "[" * 60, "{a: " * 60, "-  " * 60),
]
USUAL = [1, 2, 3, 4, 8, 0.1, 0.25, 0.5, "relu", "adam", "same", "accuracy", "l2", "zeros"]
VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**299, 0.0, -0.5, 1e308),
    *(float("inf"), float("nan"), "", " ", "0,5", "1e-3", "None", "한글", "\x1b[2J", "\ud800"),
    *("a\nb", "x" * 500, "mse", "Dense", "relu", "/dev/null", "a\x00b", [], {}, [[]], [None]),
    *({"": None}, {None: 1}, {1: 2}, {True: 1}, {"Dense": None}, {"Dense": {"units": 10**12}}),
    *({"a": 1, "b": 2}, {1: 1, "b": 2}, {"LSTM": []}, [1, "a", None], {"Adam": {"name": "\x1b"}}),
]
_TOKEN = re.compile(r"\w+|[^\w\s]|\s+")
_PIECES = st.sampled_from(
    [*WORDS, *SCALARS, ": ", ", ", "{", "}", "[", "]", "\n", "\n  ", "#", "---"]
)


@st.composite
def mutated_texts(draw: st.DrawFn) -> str:
    """A recipe's text with one to three changes to its characters, tokens or lines."""
    text = draw(st.sampled_from(GOOD) | st.sampled_from(BAD))
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["character", "token", "line", "value", "cut"]))
        if kind == "character":
            at = draw(st.integers(0, len(text)))
            width = draw(st.integers(0, 2))
            text = text[:at] + draw(st.text(max_size=2)) + text[at + width :]
        elif kind == "token":
            tokens = _TOKEN.findall(text) or [""]
            at = draw(st.integers(0, len(tokens) - 1))
            others = st.sampled_from([*tokens, ""])
            tokens[at] = draw(_PIECES | others)
            text = "".join(tokens)
        elif kind == "line":
            lines = text.split("\n")
            at, to = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
            change = draw(st.sampled_from(["move", "copy", "indent", "tab", "drop"]))
            line = lines[at] if change == "copy" else lines.pop(at)
            if change != "drop":
                prefix = {"indent": "  ", "tab": "\t"}.get(change, "")
                lines.insert(at if prefix else to, prefix + line)
            text = "\n".join(lines)
        elif kind == "value":
            places = [found.end() for found in re.finditer(r": *", text)] or [0]
            at = draw(st.sampled_from(places))
            end = (
                min(place for place in (text.find(c, at) for c in ",}\n") if place >= 0)
                if any(c in text[at:] for c in ",}\n")
                else len(text)
            )
            text = text[:at] + draw(st.sampled_from([*SCALARS, *map(str, USUAL)])) + text[end:]
        else:
            text = text[: draw(st.integers(0, len(text)))]
    return text


@st.composite
def mutated_trees(draw: st.DrawFn) -> dict[str, Any]:
    """A recipe's values with one to three of them replaced, renamed, moved or nested."""
    tree = copy.deepcopy(draw(st.sampled_from(GOOD_TREES) | st.sampled_from(BAD_TREES)))
    for _ in range(draw(st.integers(1, 3))):
        tree.setdefault("name", "mutated")
        parent, key = draw(st.sampled_from(list(_list_places(tree))))
        change = draw(st.sampled_from(["value", "key", "drop", "nest", "list", "swap"]))
        old = parent[key]
        new: Any = draw(st.sampled_from(VALUES) | st.sampled_from(USUAL + WORDS))
        if change == "value":
            parent[key] = copy.deepcopy(new)
        elif change == "key" and isinstance(parent, dict):
            renamed = draw(st.sampled_from(WORDS) | st.sampled_from([0, None, True, "", "\x1b"]))
            parent[renamed] = parent.pop(key)
        elif change == "drop":
            del parent[key]
        elif change == "nest":
            parent[key] = {draw(st.sampled_from(WORDS)): old}
        elif change == "list":
            parent[key] = [old] * draw(st.integers(1, 3))
        else:
            other, at = draw(st.sampled_from(list(_list_places(tree))))
            parent[key] = copy.deepcopy(other[at])
    return tree


def _list_places(value: Any) -> Any:
    """Every mapping or list with each of its keys or positions."""
    if isinstance(value, dict | list):
        for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
            yield value, key
            yield from _list_places(inner)


def overrides() -> st.SearchStrategy[str]:
    """A change such as "layers.0.Dense.units=5", right or wrong."""
    steps = st.sampled_from([*WORDS, "0", "1", "-1", "99", "²", "٣", "9" * 20, "", "\x1b", "한"])
    paths = st.lists(steps, min_size=0, max_size=5).flatmap(
        lambda parts: st.sampled_from([".".join(parts), "[".join(parts), "".join(parts)])
    )
    known = st.sampled_from(["epochs", "layers.0.Dense.units", "layers[0]", "optimizer", "loss"])
    values = st.sampled_from(SCALARS) | st.text(max_size=8)
    return st.tuples(paths | known, st.sampled_from(["=", "", "=="]), values).map("".join)


def _read_trees(texts: list[str]) -> list[dict[str, Any]]:
    trees = []
    for text in texts:
        with suppress(RecipeError):
            tree = parse_yaml(text, "").value
            trees += [tree] if isinstance(tree, dict) else []
    return trees


GOOD_TREES, BAD_TREES = _read_trees(GOOD), _read_trees(BAD)
