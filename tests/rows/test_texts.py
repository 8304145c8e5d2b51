"""Texts from files: classes by their folders, and any files for prediction."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

import kerasrecipes as kr
from kerasrecipes.errors import DataError
from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows import load_for
from kerasrecipes.rows.texts import find_texts
from kerasrecipes.trained import TrainedRun

CLASSES = ("neg", "pos")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for i in range(40):
        write(f"reviews/{CLASSES[i % 2]}/{i}.txt", f"film {i} was {CLASSES[i % 2]}\n아주 좋다\n")
    write("reviews/urls_pos.txt", "http://example.com")
    write("reviews/pos/.hidden.txt", "no")
    write("reviews/pos/.cache/0.txt", "no")
    return tmp_path / "reviews"


def write(name: str, text: str | bytes) -> None:
    file = Path(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode() if isinstance(text, str) else text)


def make(path: str = "reviews", layers: Sequence[object] = ()) -> Recipe:
    vectorization = {"max_tokens": 60, "output_sequence_length": 8}
    embedding = {"Embedding": {"input_dim": 60, "output_dim": 4}}
    keys = {
        "name": "reviews",
        "dataset": {"path": path},
        "layers": [
            *(layers or [{"TextVectorization": vectorization}, embedding, "Flatten"]),
            {"Dense": {"units": 1, "activation": "sigmoid"}},
        ],
        "optimizer": {"Adam": {"learning_rate": 0.05}},
        "loss": "binary_crossentropy",
        "epochs": 5,
    }
    return load_recipe(keys)


def test_classes_and_files_are_those_of_keras(folder: Path) -> None:
    dataset = load_for(make())
    assert dataset.class_names == CLASSES
    texts, labels = [], []
    rows = keras.utils.text_dataset_from_directory(folder, shuffle=False, verbose=False)
    for some, classes in rows:
        texts += [text.decode().strip() for text in some.numpy()]
        labels += classes.numpy().tolist()
    is_ours = {text for text in texts if text != "no"}  # Keras reads hidden files
    parts = dataset.parts.values()
    assert {text for part in parts for text in part.inputs["text"]} == is_ours
    for part in parts:
        for text, number, row in zip(part.inputs["text"], part.target, part.rows, strict=True):
            assert f"was {CLASSES[number]}" in text
            assert number == int(row >= 20)


@pytest.fixture
def run() -> TrainedRun:
    return kr.train(make())


def test_a_run_predicts_and_evaluates_folders_and_files(run: TrainedRun, folder: Path) -> None:
    write("new/b.txt", "film 1 was pos")
    write("new/a.txt", "film 1 was neg\n")
    write("new/inner/c.txt", "film 1 was pos")
    answers = run.predict("new")
    assert answers["file"].tolist() == ["a.txt", "b.txt", "inner/c.txt"]
    assert [*answers] == ["file", "predicted", "probability_neg", "probability_pos"]
    assert run.predict("new/*.txt")["file"].tolist() == ["a.txt", "b.txt"]
    assert run.predict("new/b.txt")["file"].tolist() == ["b.txt"]
    table = pd.DataFrame({"text": ["film 1 was neg", "film 1 was pos"]})
    columns = ["probability_pos"]
    expected = answers[columns].to_numpy()[:2]
    np.testing.assert_allclose(run.predict(table)[columns], expected, atol=1e-6)
    table.to_csv("rows.csv", index=False)
    np.testing.assert_allclose(run.predict("rows.csv")[columns], expected, atol=1e-6)
    assert run.evaluate("reviews").keys() >= {"loss"}
    assert run.evaluate().keys() >= {"loss"}
    with pytest.raises(DataError, match=r"has no column 'class' \(the target\)|sub-folder for"):
        run.evaluate("new/*.txt")


def test_a_text_may_be_a_column_beside_tf_idf(folder: Path) -> None:
    recipe = make(layers=[{"Dense": {"units": 4}}])
    with pytest.raises(DataError, match=r"text is left out: .*features: \{text: "):
        load_for(recipe)
    keys = recipe.to_dict()
    keys["dataset"] = {"path": "reviews", "features": {"text": "text"}}
    assert load_for(load_recipe(keys)).columns[0].kind == "text"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a.txt": "x", "b.txt": "y"}, "must have a sub-folder for each class (received: none)"),
        (
            {"train/a.txt": "x", "test/b.txt": "y", "README": "z"},
            "must have a sub-folder for each class (received: test, train)",
        ),
        (
            {"pos/a.txt": "x", "neg/b.txt": "한글".encode("cp949")},
            "texts must be UTF-8 (received: neg/b.txt, 'utf-8' codec can't decode byte 0xc7 in "
            "position 0",
        ),
        ({"pos/a.txt": "x", "pos/b.txt": "y"}, "(received: 1 class in 2 rows"),
        ({"pos/a.txt": "", "neg/b.txt": " ", "neg/c.txt": "x"}, "values are missing: text 2"),
    ],
)
def test_what_is_refused(files: dict[str, str | bytes], said: str) -> None:
    for name, text in files.items():
        write(f"other/{name}", text)
    with pytest.raises(DataError) as error:
        load_for(make("other"))
    assert said in str(error.value)


def test_folders_of_parts_are_kept_to(folder: Path) -> None:
    for i in range(24):
        part = ("train", "Val", "test")[max(i - 12, 0) // 4]
        write(f"parts/{part}/{CLASSES[i % 2]}/{i}.txt", f"film {i} was {CLASSES[i % 2]}")
    write("parts/urls.txt", "http://example.com")
    dataset = load_for(make("parts"))
    assert {name: len(part) for name, part in dataset.parts.items()} == {
        "train": 16,
        "validation": 4,
        "test": 4,
    }
    assert dataset.parts["test"].inputs["text"].tolist()[0] == "film 20 was neg"
    assert dataset.class_names == CLASSES
    assert [column.name for column in dataset.columns] == ["text"]
    run = kr.train(make("parts"))
    assert run.evaluate() == pytest.approx(run.metrics["test"], rel=1e-5)
    assert len(run.predict("parts/test")) == 4
    for folder_of_parts in ("parts/test", "parts"):
        again = run.evaluate(folder_of_parts)
        assert again == pytest.approx(run.metrics["test"], rel=1e-5)
    keys = make("parts").to_dict()
    keys["dataset"]["test_split"] = 0.3
    with pytest.raises(DataError, match="has a test part of its own, of 4 rows"):
        load_for(load_recipe(keys))


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    write("marked/pos/a.txt", b"\xef\xbb\xbfgood")
    table = find_texts(Path("marked"))
    assert table is not None
    cells = table.read_some(make().dataset).take_cells("text")
    assert cells.names == ["good"]


def test_a_folder_with_images_is_one_of_images() -> None:
    write("mixed/pos/a.txt", "notes")
    write("mixed/pos/b.png", "no image")
    assert find_texts(Path("mixed")) is None


def test_a_file_of_a_table_may_end_in_txt() -> None:
    assert find_texts(Path("new/b.txt"), "rows.csv") is None
    assert find_texts(Path("reviews/pos/1.txt"), None) is None
    assert find_texts(Path("reviews/pos/1.txt"), "reviews") is not None


def test_keys_of_other_data_are_refused() -> None:
    keys = make().to_dict()
    keys["dataset"] = {"path": "reviews", "image_size": [8, 8]}
    with pytest.raises(DataError, match="image_size is for folders of images"):
        load_for(load_recipe(keys))


def test_runs_beside_the_classes_are_no_class(tmp_path: Path) -> None:
    for name in ("neg/a.txt", "pos/b.txt", "runs/mine/20260101-000000/log.txt"):
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name).write_text("good film", encoding="utf-8")
    (tmp_path / "mine/runs/mine/20260101-000000/run.json").write_text("{}", encoding="utf-8")
    texts = find_texts(tmp_path / "mine")
    assert texts is not None
    read = texts.read_some(DatasetSpec())
    assert sorted(read.take_cells("class").names) == ["neg", "pos"]
