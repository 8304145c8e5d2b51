"""Runs on free text: raw text in, the same answers in plain Keras, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import kerasrecipes as kr
from kerasrecipes.errors import DataError, RecipeError
from kerasrecipes.model.built import build
from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.rows import load_for
from kerasrecipes.trained import TrainedRun
from report.snippets import call_snippet, take_inputs

WORDS = {"pos": "great loved superb 좋다", "neg": "awful boring weak 나쁘다"}
NEUTRAL = ["the", "film", "plot,", "actor", "scene", "was", "영화"]
SIGMOID = {"Dense": {"units": 1, "activation": "sigmoid"}}
EMBEDDING = {"Embedding": {"input_dim": 60, "output_dim": 8}}
IDS = [EMBEDDING, "GlobalAveragePooling1D", SIGMOID]


def make_reviews(n_rows: int = 120) -> pd.DataFrame:
    random = np.random.default_rng(0)
    rows = []
    for i in range(n_rows):
        label = ("pos", "neg")[i % 2]
        words = [*random.choice(NEUTRAL, 4 + i % 5)]
        words += [*random.choice(WORDS[label].split(), 2)]
        rows.append((i + 1, " ".join(words) + ".", float(i % 7), label))
    return pd.DataFrame(rows, columns=["id", "review", "stars", "label"])


@pytest.fixture(autouse=True)
def _in_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def reviews() -> pd.DataFrame:
    table = make_reviews()
    table.to_csv("reviews.csv", index=False)
    return table


def make(vectorization: Any, layers: Any = IDS, **dataset: Any) -> Recipe:
    first = [{"TextVectorization": vectorization}] if vectorization is not None else []
    keys = {
        "name": "texts",
        "dataset": {"path": "reviews.csv", "target": "label", "drop": ["stars"], **dataset},
        "layers": [*first, *layers],
        "optimizer": {"Adam": {"learning_rate": 0.05}},
        "loss": "binary_crossentropy",
        "metrics": ["accuracy"],
        "epochs": 8,
    }
    return load_recipe(keys, needs_source=False)


def predict_in_plain_keras(run: TrainedRun, table: pd.DataFrame) -> np.ndarray:
    """Answers of the snippet of the report, in a process that cannot import this package."""
    return call_snippet(run, take_inputs(run, table), Path())[0]


def answer(run: TrainedRun, table: Any) -> np.ndarray:
    return run.predict(table)[f"probability_{run.info['dataset']['class_names'][1]}"].to_numpy()


MANY = {"review": {"text": {"max_tokens": 40}}}


@pytest.mark.parametrize(
    ("recipe", "inputs"),
    [
        (lambda: make({"max_tokens": 60, "output_sequence_length": 12}), ["texts"]),
        pytest.param(
            lambda: make({"max_tokens": 60, "split": "character", "ngrams": 2}),
            ["texts"],
            marks=pytest.mark.slow,
        ),
        pytest.param(
            lambda: make({"output_mode": "tf_idf", "ngrams": [1, 2]}, [SIGMOID]),
            ["texts"],
            marks=pytest.mark.slow,
        ),
        (lambda: make(None, [SIGMOID], features=MANY, drop=[]), ["numbers", "texts"]),
    ],
)
def test_a_run_answers_raw_text_everywhere_alike(
    reviews: pd.DataFrame, recipe: Any, inputs: list[str]
) -> None:
    run = kr.train(recipe())
    assert run.metrics["test"]["accuracy"] > 0.7
    expected = answer(run, "reviews.csv")
    reviews.to_parquet("reviews.parquet")
    for rows in (reviews, "reviews.parquet"):
        np.testing.assert_array_equal(answer(run, rows), expected)
    fresh = predict_in_plain_keras(run, reviews)[:, 0]
    np.testing.assert_allclose(fresh, expected, atol=1e-6)
    evaluated = run.evaluate(reviews)
    right = (expected > 0.5) == (reviews["label"] == "pos")
    assert evaluated["accuracy"] == pytest.approx(right.mean())
    saved = keras.saving.load_model(run.path / "model.keras", compile=False)
    assert [each.name for each in saved.inputs] == inputs


def test_training_equals_plain_keras(reviews: pd.DataFrame) -> None:
    recipe = make({"max_tokens": 30, "output_sequence_length": 10})
    dataset = load_for(recipe)
    ours, _ = build(recipe, dataset).encode(dataset, "train")
    layer = keras.layers.TextVectorization(max_tokens=30, output_sequence_length=10)
    texts = dataset.parts["train"].inputs["review"]
    layer.adapt(texts)
    np.testing.assert_array_equal(ours, layer(texts).numpy())


def test_the_layer_table_and_the_vocabulary_are_those_of_training_rows(reviews) -> None:
    recipe = make({"max_tokens": 60, "name": "words"})
    dataset = load_for(recipe)
    built = build(recipe, dataset)
    texts = dataset.parts["train"].inputs["review"]
    layers = built.describe(recipe)["layers"]
    assert [row["type"] for row in layers][:2] == ["TextVectorization", "Embedding"]
    assert layers[0]["name"] == "words"
    longest = max(len(text.split()) for text in texts)
    assert layers[0]["output_shape"] == [longest]
    held_out = make({"max_tokens": 60}, test_split=0.99)
    n_rows = len(load_for(held_out).parts["train"])
    vocabulary = build(held_out, load_for(held_out)).encoder.model.layers[-1].get_vocabulary()
    assert len(vocabulary) < 2 + 9 * n_rows


def test_a_vocabulary_of_the_recipe_is_used_as_it_is(reviews: pd.DataFrame) -> None:
    recipe = make({"vocabulary": ["great", "awful"], "output_sequence_length": 9})
    layer = build(recipe, load_for(recipe)).encoder.model.layers[-1]
    assert layer.get_vocabulary() == ["", "[UNK]", "great", "awful"]


BREAKS = ["\u2028", "\u2029", "\x85", "\x1c", "\x0b"]


def test_keras_loses_an_adapted_vocabulary_with_line_separators() -> None:
    layer = keras.layers.TextVectorization()
    layer.adapt(["a\u2028b film"])
    keras.Sequential([keras.Input((), dtype="string"), layer]).save("adapted.keras")
    loaded = keras.saving.load_model("adapted.keras").layers[0]
    assert len(loaded.get_vocabulary()) > len(layer.get_vocabulary())


@pytest.mark.parametrize("split", ["whitespace", "character"])
def test_we_do_not(reviews: pd.DataFrame, split: str) -> None:
    reviews["review"] = [f"{text}{BREAKS[i % 5]}end" for i, text in enumerate(reviews["review"])]
    recipe = make({"max_tokens": 60, "split": split}, path=None)
    run = kr.train(recipe, data=reviews)  # verifies what the saved model answers
    saved = keras.saving.load_model(run.path / "model.keras", compile=False)
    rows = tf.constant(reviews[["review"]].to_numpy(object))
    np.testing.assert_allclose(saved(rows)[:, 0], answer(run, reviews), atol=1e-6)


def test_a_resumed_run_equals_one_that_was_not_interrupted(reviews: pd.DataFrame) -> None:
    recipe = make({"max_tokens": 60})
    whole = kr.train(recipe, output_dir="whole")
    half = kr.train(load_recipe(recipe.to_dict() | {"epochs": 4}))
    rest = kr.train(half.path, "epochs=8", resume=True)
    np.testing.assert_array_equal(answer(rest, reviews), answer(whole, reviews))


def test_a_missing_text_follows_missing(reviews: pd.DataFrame) -> None:
    reviews.loc[[3, 8], "review"] = ["", None]
    reviews.to_csv("reviews.csv", index=False)
    vectorization = {"max_tokens": 60}
    with pytest.raises(DataError, match=r"values are missing: review 2 \(lines 5, 10\)"):
        load_for(make(vectorization))
    assert sum(map(len, load_for(make(vectorization, missing="drop")).parts.values())) == 118
    filled = load_for(make(vectorization, missing="median"))
    texts = [text for part in filled.parts.values() for text in part.inputs["review"]]
    assert texts.count("") == 2


def refuse(recipe: Recipe) -> str:
    with pytest.raises((RecipeError, DataError)) as error:
        build(recipe, load_for(recipe))
    return str(error.value)


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (lambda: make({}, drop=[]), "takes the text of a table's only column"),
        (
            lambda: make(None, [SIGMOID, {"TextVectorization": {}}, *IDS], features=MANY),
            "layers[1].TextVectorization\n  TextVectorization is the first layer",
        ),
        (
            lambda: make({}, drop=["review"]),
            "takes the text of a table's only column",
        ),
        (
            lambda: make({"max_tokens": 61}),
            "layers[1].Embedding\n  An Embedding has a row for each of max_tokens ids (received: "
            "input_dim=60, max_tokens=61). Write max_tokens: 60.",
        ),
        (
            lambda: make({"output_mode": "multi_hot"}),
            "Embedding takes the ids of a single column of text",
        ),
        (lambda: make({}, [SIGMOID]), "(received: output_mode=int). Write output_mode: tf_idf."),
        (
            lambda: make(
                None,
                [SIGMOID],
                drop=[],
                features={"review": {"text": {"output_mode": "int"}}},
            ),
            "(received: output_mode=int). Write output_mode: tf_idf.",
        ),
        (
            lambda: make({"split": "words"}, [SIGMOID]),
            "Write output_mode: tf_idf.",
        ),
        (
            lambda: make({"split": "words"}),
            "layers[0]\n  Keras rejects this",
        ),
        (
            lambda: make({"vocabulary": [f"word{i}" for i in range(60)]}),
            "layers[0]\n  Keras rejects this",
        ),
        (
            lambda: make(None, [SIGMOID], drop=["stars", "id"]),
            "to use it: features: {review: text}",
        ),
    ],
)
def test_what_is_refused(reviews: pd.DataFrame, recipe: Any, said: str) -> None:
    assert said in refuse(recipe())


def test_two_columns_of_text_are_refused_before_one_layer(reviews: pd.DataFrame) -> None:
    reviews["title"] = reviews["review"].str[:9]
    reviews.to_csv("reviews.csv", index=False)
    assert "takes the text of a table's only column" in refuse(make({}))
    build(make({}, drop=["stars", "title"]), load_for(make({}, drop=["stars", "title"])))


@pytest.mark.parametrize("mode", ["one_hot", "tf-idf"])
def test_unknown_modes_are_refused_at_their_line(mode: str) -> None:
    with pytest.raises(RecipeError, match=f"must be tf_idf or count .*received: '{mode}'"):
        make({"output_mode": mode})


def test_arrays_are_no_text() -> None:
    np.savez("reviews.npz", x=np.zeros((40, 4), np.float32), y=np.arange(40) % 2)
    recipe = make({}, path="reviews.npz", target="y", drop=[])
    assert "takes the text of a table's only column" in refuse(recipe)


def test_numbers_are_no_text(reviews: pd.DataFrame) -> None:
    recipe = make(None, [SIGMOID], features={"stars": "text"}, drop=[])
    with pytest.raises(
        DataError, match="column stars must contain texts of at most 16 MB; its type is double"
    ):
        load_for(recipe, data=reviews)


def test_a_file_of_words_stands_beside_the_recipe(tmp_path: Path) -> None:
    vectorization = "TextVectorization: {vocabulary: words.txt}"
    layers = f"layers:\n  - {vectorization}\n  - Dense: {{units: 1}}\n"
    file = tmp_path / "recipe.yaml"
    file.write_text(f"name: words\ndataset: {{path: t.csv, target: y}}\n{layers}loss: mse\n")
    layer = load_recipe(file).layers[0]
    assert layer.arguments["vocabulary"] == str(tmp_path / "words.txt")
