"""``stream: true``: the same rows give the same run, from memory and from a disk."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import kerasrecipes as kr
from kerasrecipes import pipeline
from kerasrecipes.drafting import draft_recipe
from kerasrecipes.errors import DataError, RecipeError
from kerasrecipes.recipe import load_recipe
from kerasrecipes.resuming import plan_resumption
from kerasrecipes.rows import images, load_for, table
from kerasrecipes.rows.files import base
from kerasrecipes.training import steps

N_ROWS = 900
DENSE = [{"Dense": {"units": 8, "activation": "relu"}}, {"Dense": {"units": 1}}]


def make_frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=N_ROWS)
    frame = pd.DataFrame(
        {
            "x": np.where(rng.random(N_ROWS) < 0.1, np.nan, x),
            "n": rng.integers(0, 300, N_ROWS),
            "kind": np.array(["red", "green", "blue", "하늘"])[rng.integers(0, 4, N_ROWS)],
            "day": pd.date_range("2024-01-01", periods=N_ROWS, freq="7h").astype("str"),
            "who": [f"p{i}" for i in rng.integers(0, 40, N_ROWS)],
            "weight": rng.random(N_ROWS).round(3),
        }
    )
    return frame.assign(y=(x + frame["n"] / 100 + (frame["kind"] == "red")).round(4))


def write(frame: pd.DataFrame, folder: Path, form: str) -> str:
    if form == "parts":
        for i in range(3):
            frame[i * 300 : (i + 1) * 300].to_csv(folder / f"part{i}.csv", index=False)
        return str(folder / "part*.csv")
    file = folder / f"rows.{form}"
    {"csv": frame.to_csv, "parquet": frame.to_parquet}[form](file, index=False)
    return str(file)


def train(path: Any, folder: Path, stream: bool | None, **keys: Any) -> Any:
    recipe: dict[str, Any] = {
        "name": "rows",
        "dataset": {"path": str(path), "target": "y", "validation_split": 0.2, "shuffle": False},
        "layers": DENSE,
        "loss": "mse",
        "metrics": ["mae"],
        "epochs": 2,
        "report": ["learning_curves"],
    }
    dataset = recipe["dataset"] | {"stream": stream} | keys.pop("dataset", {})
    return kr.train(recipe | keys | {"dataset": dataset}, output_dir=folder / str(stream))


def assert_same_columns(found: Any, expected: Any) -> None:
    assert [*found] == [*expected]
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


def assert_equal(runs: list[Any]) -> None:
    memory, disk = runs
    assert [run.info["dataset"]["on_disk"] for run in runs] == [False, True]
    for key in ("fingerprint", "target_fingerprint", "columns", "rows", "split", "left_out"):
        if key in memory.info["dataset"]:
            assert disk.info["dataset"][key] == memory.info["dataset"][key], key
    assert disk.history == memory.history
    assert disk.metrics == memory.metrics
    assert_same_columns(disk.predictions, memory.predictions)


@pytest.mark.parametrize(
    ("form", "dataset"),
    [
        ("csv", {"missing": "median", "sample_weight": "weight", "missing_indicator": True}),
        ("parquet", {"missing": "drop", "time": "day", "drop": ["weight", "who"]}),
        ("parts", {"missing": "mean", "features": {"n": "integer_categorical"}}),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_table_on_disk_gives_the_run_of_one_in_memory(
    form: str, dataset: dict[str, Any], tmp_path: Path
) -> None:
    path = write(make_frame(), tmp_path, form)
    assert_equal([train(path, tmp_path, each, dataset=dataset) for each in (False, True)])


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_classes_and_several_targets_stay_the_same(tmp_path: Path) -> None:
    frame = make_frame().drop(columns=["x", "day", "who"])
    path = write(frame.assign(y=np.where(frame["y"] > 2, "high", "low")), tmp_path, "csv")
    keys = {"layers": [*DENSE[:1], {"Dense": {"units": 2, "activation": "softmax"}}]}
    keys |= {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    keys |= {"class_weight": "balanced"}
    assert_equal([train(path, tmp_path, each, **keys) for each in (False, True)])
    (tmp_path / "two").mkdir()
    path = write(frame, tmp_path / "two", "csv")
    keys = {"layers": [*DENSE[:1], {"Dense": {"units": 2}}], "dataset": {"target": ["y", "n"]}}
    assert_equal([train(path, tmp_path / "two", each, **keys) for each in (False, True)])


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_random_parts_have_the_rows_that_they_have_in_memory(tmp_path: Path) -> None:
    path = write(make_frame().drop(columns="x"), tmp_path, "csv")
    for dataset in ({"shuffle": True}, {"shuffle": True, "group": "who"}):
        runs = [train(path, tmp_path, each, dataset=dataset) for each in (False, True)]
        rows = [[*map(int, run.predictions["row"])] for run in runs]
        assert sorted(rows[0]) == rows[1]
        assert runs[0].info["dataset"]["fingerprint"] == runs[1].info["dataset"]["fingerprint"]
        assert runs[0].metrics["test"]["mae"] == pytest.approx(
            runs[1].metrics["test"]["mae"], rel=0.3
        )


def test_a_mapped_array_gives_the_run_of_one_in_memory(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(N_ROWS, 4))  # float64, which becomes float32
    file, keys = tmp_path / "rows.npy", {"dataset": {"target": "4"}}
    np.save(file, np.c_[x, x.sum(axis=1)])
    runs = [train(file, tmp_path, each, **keys) for each in (False, True)]
    assert_equal(runs)
    answers = [run.predict(file) for run in runs]
    pd.testing.assert_frame_equal(answers[0], answers[1])


def write_images(folder: Path, n_images: int = 90) -> None:
    rng = np.random.default_rng(0)
    for i in range(n_images):
        part = ("train", "train", "validation", "test")[i % 4 if i % 8 else 0]
        file = folder / part / "ab"[i // 4 % 2] / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (9, 8, 3), np.uint8) // (1 + i // 4 % 2)
        Image.fromarray(pixels).save(file)


IMAGES: dict[str, Any] = {
    "layers": [
        {"Rescaling": {"scale": 1 / 255}},
        {"Conv2D": {"filters": 4, "kernel_size": 3}},
        "GlobalAveragePooling2D",
        {"Dense": {"units": 2, "activation": "softmax"}},
    ],
    "loss": "sparse_categorical_crossentropy",
    "metrics": ["accuracy"],
}


@pytest.mark.parametrize("color_mode", ["rgb", "grayscale"])
def test_images_in_their_files_give_the_run_of_those_in_memory(
    color_mode: str, tmp_path: Path
) -> None:
    write_images(tmp_path / "images")
    dataset = {"target": None, "validation_split": 0.0, "shuffle": True, "color_mode": color_mode}
    runs = [
        train(tmp_path / "images", tmp_path, each, **IMAGES, dataset=dataset)
        for each in (False, True)
    ]
    assert [run.info["dataset"]["on_disk"] for run in runs] == [False, True]
    assert runs[0].history == runs[1].history
    assert runs[0].metrics == runs[1].metrics
    assert_same_columns(runs[1].predictions, runs[0].predictions)


def test_images_in_their_files_are_decoded_once_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_images(tmp_path / "images", n_images=600)
    decoded, read = [], images._Reader.read

    def note(reader: Any, files: Any) -> Any:
        decoded.extend(files)
        return read(reader, files)

    monkeypatch.setattr(images._Reader, "read", note)
    dataset = {"path": str(tmp_path / "images"), "stream": True, "color_mode": "grayscale"}
    load_for(load_recipe(IMAGES | {"name": "decoded", "dataset": dataset}))
    assert len(set(decoded)) == 600
    assert len(decoded) < 1000  # once for the fingerprint, and a sample that may be windows


def test_sizes_and_damage_of_images_are_found_before_training(tmp_path: Path) -> None:
    write_images(tmp_path / "images")
    dataset = {"target": None, "validation_split": 0.0, "shuffle": True}
    odd = tmp_path / "images" / "train" / "a" / "8.png"
    Image.new("RGB", (5, 7)).save(odd)
    with pytest.raises(
        DataError, match=r"8\.png \(height × width \(7, 5\), and the first has \(9, 8\)"
    ):
        train(tmp_path / "images", tmp_path, True, **IMAGES, dataset=dataset)
    odd.write_bytes(b"no image")
    with pytest.raises(DataError, match=r"8\.png \(cannot identify image"):
        train(tmp_path / "images", tmp_path, True, **IMAGES, dataset=dataset)


def test_a_cut_image_ends_training_with_its_name(tmp_path: Path) -> None:
    write_images(tmp_path / "images")
    dataset = {"target": None, "validation_split": 0.0, "shuffle": True}
    cut = tmp_path / "images" / "train" / "a" / "8.png"
    cut.write_bytes(cut.read_bytes()[:150])
    with pytest.raises(DataError, match=r"8\.png"):
        train(tmp_path / "images", tmp_path, True, **IMAGES, dataset=dataset)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_rows_that_do_not_fit_into_memory_stay_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(make_frame(), tmp_path, "parquet")
    keys = {"dataset": {"missing": "median"}}
    assert not train(path, tmp_path, None, **keys).info["dataset"]["on_disk"]
    monkeypatch.setattr(table, "find_free_memory", lambda: 50_000)
    run = train(path, tmp_path, None, **keys)
    assert run.info["dataset"]["on_disk"]
    assert any(w.startswith("Inputs stay on disk: in memory") for w in run.info["warnings"])
    assert not train(path, tmp_path, False, **keys).info["dataset"]["on_disk"]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_run_stopped_within_an_epoch_continues_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "CHUNK_BYTES", 4000)
    monkeypatch.setattr(steps, "_BLOCK_BYTES", 128)
    path = write(make_frame().drop(columns=["x", "who", "day"]), tmp_path, "csv")
    layers = [*DENSE[:1], {"Dropout": {"rate": 0.3}}, *DENSE[1:]]
    keys: dict[str, Any] = {"layers": layers, "epochs": 3}
    whole = train(path, tmp_path / "whole", True, **keys)

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            time.sleep(0.3)  # the checkpoint before this batch is written meanwhile
            if self.model.optimizer.iterations >= 33:
                raise KeyboardInterrupt

    recipe, folder = load_recipe(Path(whole.path) / "recipe.yaml"), tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        pipeline.train(recipe, folder, callbacks=[Stop()], checkpoint_every_s=0)
    plan = plan_resumption(folder / "rows", (), folder)
    resumed = pipeline.train(plan.recipe, folder, resumption=plan)
    assert resumed.info["continued"][0]["step"] > 0
    assert resumed.history == whole.history
    assert resumed.metrics == whole.metrics


def test_a_run_may_continue_from_disk_or_from_memory(tmp_path: Path) -> None:
    path = write(make_frame()[["n", "kind", "y"]], tmp_path, "csv")
    first = train(path, tmp_path, None, epochs=1)
    for word, on_disk in (("true", True), ("null", True), ("false", False)):
        n_epochs = first.info["epochs"] + 1
        changes = (f"dataset.stream={word}", f"epochs={n_epochs}")
        plan = plan_resumption(first.path, changes, tmp_path)
        first = pipeline.train(plan.recipe, tmp_path / word, resumption=plan)
        assert first.info["dataset"]["on_disk"] == on_disk
        assert (len(first.history["loss"]), first.status) == (n_epochs, "finished")


def test_a_value_of_another_kind_is_reported_with_its_place(tmp_path: Path) -> None:
    frame = make_frame().drop(columns="x")
    frame["n"] = frame["n"].astype(object)
    frame.loc[700, "n"] = "many"
    path = write(frame, tmp_path, "csv")
    with pytest.raises(DataError, match=r"column n: .*'many' \(line 702\)"):
        train(path, tmp_path, True)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"timeseries": {"sequence_length": 5}}, "timeseries"),
        ({"path": None, "name": "iris", "target": None}, "stream is for data of your own"),
    ],
)
def test_stream_where_it_has_no_use(keys: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = write(make_frame(), tmp_path, "csv")
    with pytest.raises(RecipeError, match=message):
        train(path, tmp_path, True, dataset=keys)


@pytest.mark.parametrize("form", ["csv", "parquet", "parts"])
def test_init_reads_a_sample_of_a_table_that_memory_has_no_room_for(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "find_free_memory", lambda: 1000)
    monkeypatch.setattr(base, "_MOST_SAMPLED", 250)
    path = write(make_frame(), tmp_path, form)
    found = draft_recipe(path, "y", tmp_path / "draft.yaml")
    words = (tmp_path / "draft.yaml").read_text(encoding="utf-8").replace("\n#", "").split()
    said = "One of every 11 rows was read, because memory has no room for all."
    assert said in " ".join(words)
    assert {column.name: column.kind for column in found.dataset.columns}["kind"] == "category"
    assert len(found.dataset.parts["train"].target) > 500  # the check reads every row


def write_parts(folder: Path, form: str, *frames: pd.DataFrame) -> str:
    folder.mkdir(exist_ok=True)
    for i, frame in enumerate(frames):
        getattr(frame, f"to_{form}")(folder / f"{i}.{form}", index=False)
    return str(folder / f"*.{form}")


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_files_of_other_columns_are_refused_as_in_memory(form: str, tmp_path: Path) -> None:
    frame = make_frame()[["n", "kind", "y"]]
    for i, other in enumerate([frame.assign(zz=1), frame.drop(columns="n")]):
        path = write_parts(tmp_path / f"{form}{i}", form, frame, other)
        messages = []
        for stream in (False, True):
            with pytest.raises(DataError) as caught:
                train(path, tmp_path, stream)
            messages.append(str(caught.value))
        assert "all files must have the columns of" in messages[0]
        assert messages[0] == messages[1]


def test_files_of_other_types_are_read_as_in_memory(tmp_path: Path) -> None:
    frame = make_frame()[["n", "kind", "y"]]
    texts = frame.assign(n="k" + frame["n"].astype("str"))
    path = write_parts(tmp_path / "parquet", "parquet", frame, texts)
    for stream in (False, True):
        with pytest.raises(DataError, match="column n must have one type in all files"):
            train(path, tmp_path, stream)
    path = write_parts(tmp_path / "csv", "csv", frame, texts)
    keys = {"dataset": {"drop": ["kind"], "features": {"n": "string_categorical"}}}
    assert_equal([train(path, tmp_path, stream, **keys) for stream in (False, True)])


def test_a_sample_of_files_of_few_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_MOST_SAMPLED", 250)
    frame = make_frame()[["n", "kind", "y"]]
    path = write_parts(tmp_path / "csv", "csv", frame, frame[:3], frame[3:4])
    recipe = {"dataset": {"path": path, "target": "y", "stream": True}}
    dataset = load_for(load_recipe(recipe | {"layers": [{"Dense": {"units": 1}}], "loss": "mse"}))
    assert sum(map(len, dataset.parts.values())) == len(frame) + 4


def test_a_file_without_rows(tmp_path: Path) -> None:
    path = write(make_frame()[:0], tmp_path, "parquet")
    with pytest.raises(DataError, match="there are no rows"):
        train(path, tmp_path, True)


def test_the_same_warnings_as_in_memory(tmp_path: Path) -> None:
    frame = make_frame()[["x", "y"]].assign(big=2**53 + np.arange(N_ROWS)).dropna()
    frame = pd.concat([frame[:600], frame[:300]])
    path = write(frame, tmp_path, "csv")
    warnings = []
    for stream in (False, True):
        with pytest.warns(UserWarning, match="test rows"):
            run = train(path, tmp_path, stream, dataset={"shuffle": True})
        warnings.append(run.info["warnings"])
    for words in ("cannot distinguish numbers so large", "are training rows, too"):
        assert [sum(words in warning for warning in each) for each in warnings] == [1, 1]
