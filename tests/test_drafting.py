"""What init writes: for each kind of data a recipe that explains itself, loads, and trains."""

from __future__ import annotations

import itertools
import resource
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from rich.cells import cell_len

from kerasrecipes import pipeline
from kerasrecipes.drafting import Draft, draft_recipe
from kerasrecipes.drafting.plan import (
    CommentedRecipe,
    choose_hidden,
    make_convolutions,
    plan_training,
    write_flow,
)
from kerasrecipes.errors import DataError, InputError
from kerasrecipes.recipe import load_recipe
from kerasrecipes.recipe.components import FEATURES
from kerasrecipes.recipe.names import make_printable
from kerasrecipes.recipe.schema import CsvSpec
from kerasrecipes.recipe.yaml_file import parse_yaml

NASTY = [
    "a: b",
    "q\"uo'te",
    "# hash",
    "line\nbreak",
    "- x, {y} [z]",
    "123",
    "null",
    "이름",
    "😀",
    "~",
]
N_ROWS = 120


@pytest.fixture(autouse=True)
def _in_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


def write_houses(random: np.random.Generator) -> Path:
    days = pd.Timestamp("2001-01-01") + pd.to_timedelta(random.integers(0, 7000, N_ROWS), "D")
    area = random.normal(100, 20, N_ROWS)
    table = pd.DataFrame(
        {
            "id": range(1, N_ROWS + 1),
            "area": area,
            "city": random.choice(["Seoul", "Busan", "Jeju"], N_ROWS),
            "built": days.strftime("%d.%m.%Y"),
            "garage": random.choice([True, False], N_ROWS),
            "note": [f"house {i}" for i in range(N_ROWS)],
            "country": "KR",
            "price": 3 * area + random.normal(size=N_ROWS),
        }
    )
    table.loc[4:9, "area"] = None
    table.loc[7:8, "city"] = None
    table.to_csv("houses.csv", index=False)
    return Path("houses.csv")


def write_churn(random: np.random.Generator) -> Path:
    x = random.normal(size=N_ROWS)
    leaves = np.where(x > 1, "leaves", "stays")
    pd.DataFrame({"y": leaves, "x": x, "z": -x}).to_csv("churn.csv", index=False)
    return Path("churn.csv")


def write_korean(random: np.random.Generator) -> Path:
    counts = [60, 30, 15, 10, 5]
    table = pd.DataFrame(
        {
            "정답": np.repeat(["가", "나", "다", "라", "마"], counts),
            "나이": random.integers(20, 60, N_ROWS),
            "도시": random.choice(["서울", "부산"], N_ROWS),
        }
    )
    table.loc[0, "정답"] = None
    table.to_csv("한국 자료.csv", index=False)
    return Path("한국 자료.csv")


def write_nasty(random: np.random.Generator) -> Path:
    table = pd.DataFrame(random.normal(size=(N_ROWS, len(NASTY))), columns=NASTY)
    table["답: '#1'\n?"] = random.choice(['yes: "it" #1', "no\nway"], N_ROWS)
    table.to_csv("nasty: # names.csv", index=False)
    return Path("nasty: # names.csv")


def write_images(random: np.random.Generator) -> Path:
    for shade, name in enumerate(["dark", "bright"]):
        Path("shades", name).mkdir(parents=True)
        for i in range(12):
            height, width = 24 + i, 36 + i
            pixels = random.integers(150 * shade, 150 * shade + 50, (height, width))
            Image.fromarray(pixels.astype(np.uint8)).save(f"shades/{name}/{i}.png")
    return Path("shades")


def write_arrays(random: np.random.Generator) -> Path:
    x = random.normal(3, 2, (N_ROWS, 5))
    np.savez("arrays.npz", x=x, y=x[:, :2] + 1)
    return Path("arrays.npz")


def write_digits(random: np.random.Generator) -> Path:
    x = random.integers(0, 17, (N_ROWS, 8, 8)).astype(np.uint8)
    y = np.arange(N_ROWS) % 3
    np.savez("digits.npz", x_train=x[:90], y_train=y[:90], x_test=x[90:], y_test=y[90:])
    return Path("digits.npz")


def write_columns(random: np.random.Generator) -> Path:
    kinds = np.arange(N_ROWS, dtype=float) % 3
    np.save("columns.npy", np.column_stack([random.normal(size=(N_ROWS, 2)), kinds]))
    return Path("columns.npy")


def write_steps(random: np.random.Generator) -> Path:
    x = random.normal(size=(N_ROWS, 6, 2))
    np.savez("steps.npz", x=x, y=random.integers(0, 4, (N_ROWS, 6)), speed=x[:, 0, 0])
    return Path("steps.npz")


def write_texts_in_parts(random: np.random.Generator) -> Path:
    words = {"neg": ["bad", "film", "long"], "pos": ["good", "film", "short"]}
    for part, name, i in itertools.product(["train", "val"], words, range(12)):
        folder = Path("parts", part, name)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{i}.txt").write_text(" ".join(random.choice(words[name], 3)))
    return Path("parts")


ALL = [
    write_houses,
    write_churn,
    write_korean,
    write_nasty,
    write_images,
    write_arrays,
    write_digits,
    write_columns,
    write_steps,
    write_texts_in_parts,
]


@pytest.mark.parametrize("write", ALL)
def test_the_recipe_trains_as_it_stands(write: Callable[..., Path], random, tmp_path: Path) -> None:
    draft = draft_recipe(str(write(random)))
    assert draft.recipe.warnings == []
    recipe = load_recipe(draft.file, ["epochs=1"])
    run = pipeline.train(recipe, tmp_path / "runs")
    assert run.info["status"] == "finished"
    assert run.info["dataset"]["rows"] == {
        name: len(part) for name, part in draft.dataset.parts.items()
    }


@pytest.mark.parametrize("write", ALL)
def test_no_line_is_wider_than_a_terminal_unless_a_single_word_is(
    write: Callable[..., Path], random
) -> None:
    file = draft_recipe(str(write(random))).file
    for line in file.read_text(encoding="utf-8").splitlines():
        assert cell_len(line) <= 80, line


@pytest.mark.parametrize("write", ALL)
def test_any_yaml_reader_reads_it_alike(write: Callable[..., Path], random) -> None:
    text = draft_recipe(str(write(random))).file.read_text(encoding="utf-8")
    ours = parse_yaml(text, "x").value
    theirs = yaml.safe_load(text)
    assert theirs["dataset"] == ours["dataset"]


HOUSES = """\
# kerasrecipes train houses.yaml
# Drafted by kerasrecipes init for houses.csv. Change what you like.

name: houses
seed: 42                      # initial weights, row order, dropout

dataset:
  path: houses.csv            # relative to this file
  # The last usable column; no column is named target, label, class or y. Choose
  # another with init --target.
  target: price               # the column to predict
  task: regression            # from {low} to {high}
  # Missing numbers get the training rows' median, missing texts are a category
  # of their own. Others: mean, most_frequent, or drop for whole rows.
  missing: median
  # The type of each column, as in keras.utils.FeatureSpace.
  features:
    area: float_normalized    # number; 6 missing
    city: string_categorical  # 3 distinct values; 2 missing
    # dates from {first} to {last}: year, month, day, weekday
    built: {{date: {{format: '%d.%m.%Y'}}}}
    garage: boolean           # true or false
    country: string_categorical  # 1 distinct value
  # Columns that are left out.
  drop:
    - id                      # a row number, counted from 1
    # 120 distinct texts in 120 rows: an identifier or free text
    - note
  test_split: 0.2             # about 24 never trained on
  validation_split: 0.2       # about 19 of the rest, scored after every epoch
  split_seed: 42              # chooses the rows; about 77 train
  standardize_target: true    # in training; predictions are in its own unit

# The input shape comes from the data. Dropout zeroes units at random in
# training, against overfitting.
layers:
  - Dense: {{units: 128, activation: relu}}
  - Dropout: {{rate: 0.3}}
  - Dense: {{units: 64, activation: relu}}
  - Dropout: {{rate: 0.3}}
  - Dense: {{units: 1}}         # one unit for each number; no activation

optimizer: {{AdamW: {{learning_rate: 0.001, weight_decay: 0.05}}}}
loss: mse                     # mean squared error, of the standardised target
metrics: [mae]                # mean absolute error; the report adds R² and RMSE
epochs: 200                   # at most; EarlyStopping may end it earlier
batch_size: 8                 # about 10 steps an epoch

callbacks:
  - EarlyStopping: {{monitor: val_loss, patience: 20, restore_best_weights: true}}
"""


def test_a_whole_recipe(random) -> None:
    file = draft_recipe(str(write_houses(random))).file
    table = pd.read_csv("houses.csv")
    days = pd.to_datetime(table["built"], format="%d.%m.%Y")
    price = table["price"]
    assert file.read_text(encoding="utf-8") == HOUSES.format(
        low=f"{price.min():,.6g}",
        high=f"{price.max():,.6g}",
        first=days.min().date(),
        last=days.max().date(),
    )


def test_features_are_taken_as_inference_takes_them(random) -> None:
    draft = draft_recipe(str(write_houses(random)))
    trained, found = (
        [
            (c.name, c.feature, c.parts, c.reason, FEATURES[c.feature] | {**c.arguments})
            for c in columns
        ]
        for columns in (draft.dataset.columns, draft.found.source.columns)
    )
    assert trained == found


def test_nasty_names_stay_what_they_are(random) -> None:
    recipe = draft_recipe(str(write_nasty(random))).recipe
    assert [*recipe.dataset.features] == NASTY
    assert recipe.dataset.target == "답: '#1'\n?"


def test_two_classes(random) -> None:
    recipe = draft_recipe(str(write_churn(random))).recipe
    assert recipe.dataset.target == "y"
    assert recipe.dataset.task == "classification"
    assert recipe.layers[-1].arguments["units"] == 1
    assert recipe.layers[-1].arguments["activation"].name == "sigmoid"
    assert recipe.loss.name == "binary_crossentropy"
    assert [metric.name for metric in recipe.metrics] == ["accuracy", "AUC"]
    assert recipe.metrics[1].arguments == {}
    assert recipe.class_weight is None
    assert recipe.dataset.stratify


def test_the_auc_of_a_rare_class_has_many_thresholds(random) -> None:
    table = {"a": random.normal(size=500), "y": ["yes"] * 15 + ["no"] * 485}
    pd.DataFrame(table).to_csv("rare.csv", index=False)
    draft = draft_recipe("rare.csv")
    assert draft.recipe.metrics[1].arguments == {"num_thresholds": 10_000}
    text = " ".join(draft.file.read_text(encoding="utf-8").replace("#", "").split())
    assert "accuracy often falls. Always predicting no gives 97%." in text


def test_five_uneven_classes(random) -> None:
    draft = draft_recipe(str(write_korean(random)))
    recipe, text = draft.recipe, draft.file.read_text(encoding="utf-8")
    assert draft.file == Path("한국_자료.yaml")
    assert recipe.dataset.target == "정답"
    assert recipe.layers[-1].arguments["units"] == 5
    assert recipe.layers[-1].arguments["activation"].name == "softmax"
    assert recipe.loss.name == "sparse_categorical_crossentropy"
    assert recipe.class_weight is None
    assert not recipe.dataset.stratify
    assert "5 classes (가: 59, 나: " in text
    assert "1 row\n  # without 정답: left out.\n  missing: median\n" in text
    assert "# class_weight: balanced would give rows of rare classes more weight" in text


def test_images_of_several_sizes_are_brought_to_one(random) -> None:
    recipe = draft_recipe(str(write_images(random))).recipe
    assert recipe.dataset.image_size == [32, 40]
    assert recipe.dataset.color_mode == "grayscale"
    names = [layer.name for layer in recipe.layers]
    assert names[:2] == ["Rescaling", "Reshape"]
    assert names[-3:] == ["Flatten", "Dense", "Dense"]
    assert names.count("Conv2D") == names.count("MaxPooling2D") == 3


def test_images_of_one_small_size_keep_it() -> None:
    for name in ("a", "b"):
        Path("images", name).mkdir(parents=True)
        for i in range(8):
            Image.new("RGB", (16, 16), (i, 0, 0)).save(f"images/{name}/{i}.png")
    recipe = draft_recipe("images").recipe
    assert recipe.dataset.image_size is None
    assert recipe.dataset.color_mode == "rgb"


def test_large_images_are_made_smaller_and_keep_their_shape() -> None:
    for name in ("a", "b"):
        Path("images", name).mkdir(parents=True)
        for i in range(5):
            Image.new("RGB", (640, 320), (i, 0, 0)).save(f"images/{name}/{i}.jpg")
    assert draft_recipe("images").recipe.dataset.image_size == [80, 160]


def test_images_of_one_class_are_refused() -> None:
    Path("images", "cat").mkdir(parents=True)
    for i in range(12):
        Image.new("RGB", (16, 16), (i, 0, 0)).save(f"images/cat/{i}.png")
    with pytest.raises(DataError, match=r"a recipe needs two classes or more \(received: cat\)"):
        draft_recipe("images")


def test_arrays_with_their_own_test_part(random) -> None:
    recipe = draft_recipe(str(write_digits(random))).recipe
    assert recipe.dataset.test_split is None
    assert recipe.layers[0].arguments == {"scale": 1 / 16}
    assert [layer.name for layer in recipe.layers[1:3]] == ["Reshape", "Conv2D"]


def test_few_whole_numbers_of_each_step_are_classes(random) -> None:
    draft = draft_recipe(str(write_steps(random)))
    assert draft.recipe.dataset.task == "classification"
    assert draft.dataset.class_names == ("0", "1", "2", "3")
    assert draft.found.hints == (
        "arrays not used: speed. A part is a pair, such as x_test and y_test.",
    )
    x, counts = random.normal(size=(N_ROWS, 6)), random.integers(20, 60, (N_ROWS, 6))
    for name, y in {"many": counts, "below_0": counts % 4 - 1, "gaps": 2 * (counts % 4)}.items():
        np.savez(f"{name}.npz", x=x, y=y)
        assert draft_recipe(f"{name}.npz").recipe.dataset.task == "regression"


def test_several_numbers_to_predict(random) -> None:
    recipe = draft_recipe(str(write_arrays(random))).recipe
    assert recipe.layers[0].name == "Normalization"
    assert recipe.layers[-1].arguments == {"units": 2}
    assert recipe.dataset.standardize_target


@pytest.mark.parametrize(("top", "loss"), [(1, "sparse_categorical_crossentropy"), (255, "mse")])
def test_each_pixel_of_a_mask_has_outputs_of_its_own(top: int, loss: str, random) -> None:
    x = random.integers(0, 256, (N_ROWS, 8, 12), dtype=np.uint8)
    np.savez("masks.npz", x=x, y=(x > 128) * np.uint8(top))
    draft = draft_recipe("masks.npz")
    assert draft.recipe.loss.name == loss
    names = [layer.name for layer in draft.recipe.layers]
    assert names[:6] == ["Rescaling", "Reshape", *["Conv2D"] * 4]
    assert names[6:] == (["Softmax"] if top == 1 else ["Reshape"])  # only where it is needed
    assert "Dropout" not in draft.file.read_text()


# ---- the target that nobody named -------------------------------------------------------------


def write_table(random: np.random.Generator, **columns: Any) -> Path:
    number = {name: random.normal(size=N_ROWS) for name, made in columns.items() if made is None}
    pd.DataFrame({name: number.get(name, made) for name, made in columns.items()}).to_csv(
        "table.csv", index=False
    )
    return Path("table.csv")


BY_NAME = "Chosen by its name."
LAST = "The last usable column; no column is named target, label, class or y."


@pytest.mark.parametrize(
    ("columns", "target", "reason"),
    [
        ({"a": None, "b": None}, "b", LAST),
        ({"Target": None, "b": None}, "Target", BY_NAME),
        ({"y": None, "LABEL": None, "c": None}, "LABEL", BY_NAME),
        ({"레이블": None, "b": None}, "레이블", BY_NAME),
        ({"a": None, "b": None, "when": "2024-01-01"}, "b", LAST),
        ({"a": None, "b": None, "one": 1}, "b", LAST),
        ({"a": None, "b": None, "row": range(N_ROWS)}, "b", LAST),
        ({"a": None, "b": None, "id": [f"k{i}" for i in range(N_ROWS)]}, "b", LAST),
        ({"y": 1, "a": None, "b": None}, "b", LAST),
    ],
)
def test_the_target_is_guessed_and_said(columns, target: str, reason: str, random) -> None:
    draft = draft_recipe(str(write_table(random, **columns)))
    assert (draft.recipe.dataset.target, draft.found.target_reason) == (target, reason)
    comment = " ".join(
        line.strip(" #") for line in draft.file.read_text().splitlines() if line.startswith("  #")
    )
    assert f"{reason} Choose another with init --target." in comment


def test_beside_a_target_that_was_named_a_column_may_be_called_as_a_number_is(random) -> None:
    columns = {"0.5": None, "price": None}
    assert draft_recipe(str(write_table(random, **columns)), "price").dataset.target_names == (
        "price",
    )


def test_a_target_that_was_named_needs_no_reason(random) -> None:
    draft = draft_recipe(str(write_table(random, a=None, b=None)), "a")
    assert draft.recipe.dataset.target == "a"
    assert "--target" not in draft.file.read_text()


def test_whole_numbers_that_missing_ones_made_floats_are_classes(random) -> None:
    kinds = [None, *(i % 3 for i in range(N_ROWS - 1))]
    draft = draft_recipe(str(write_table(random, a=None, kind=kinds)))
    assert draft.dataset.class_names == ("0", "1", "2")


@pytest.mark.parametrize(
    ("name", "rows_by_level", "is_class"),
    [
        ("stars", [2, 10, 25, 45, 30, 8], False),  # rises to one peak and falls
        ("visits", [70, 25, 13, 7, 3, 2], False),  # falls from the first
        ("grade", [9, 1, 2, 4, 8, 15, 9, 14, 6, 9, 3, 2], False),  # more than ten, uneven
        ("month", [10] * 12, True),  # even
        ("digit", [12] * 10, True),
        ("crop", [30, 5, 40, 5, 30, 10], True),  # several peaks
        ("CoverType", [2, 10, 25, 45, 30, 8], True),  # the name says so
        ("looks", [5, 20, 60, 30, 5], True),  # few levels
    ],
)
def test_ratings_and_counts_are_numbers_and_codes_are_classes(
    name: str, rows_by_level: list[int], is_class: bool, random
) -> None:
    levels = np.repeat(range(len(rows_by_level)), rows_by_level)
    x = random.normal(size=len(levels))
    pd.DataFrame({"x": x, name: random.permutation(levels)}).to_csv("table.csv", index=False)
    draft = draft_recipe("table.csv", name)
    assert draft.recipe.dataset.task == ("classification" if is_class else "regression")


# ---- columns ----------------------------------------------------------------------------------


def test_of_many_columns_only_the_unusual_are_written_one_by_one(random) -> None:
    columns = {f"x{i}": None for i in range(50)} | {"kind": ["a", "b"] * (N_ROWS // 2), "y": None}
    draft = draft_recipe(str(write_table(random, **columns)))
    assert [*draft.recipe.dataset.features] == ["kind"]
    text = draft.file.read_text()
    assert "50 more columns are" in text


def test_numbers_that_float32_cannot_distinguish_give_a_hint(random) -> None:
    columns = {"n": 10**11 + 2 * np.arange(N_ROWS), "x": None, "y": 10**9 + random.random(N_ROWS)}
    hints = draft_recipe(str(write_table(random, **columns))).found.hints
    assert hints[0].startswith("n: float32, in which networks compute, cannot distinguish")
    assert hints[1].startswith("y: float32")


# ---- where the file goes ----------------------------------------------------------------------


def test_the_path_is_relative_to_the_recipe(random, tmp_path: Path) -> None:
    write_churn(random)
    (tmp_path / "recipes").mkdir()
    draft = draft_recipe("churn.csv", file=Path("recipes/mine.yaml"))
    assert "  path: ../churn.csv " in draft.file.read_text()
    assert draft.recipe.name == "mine"


def test_the_path_is_right_through_a_symbolic_link(random, tmp_path: Path) -> None:
    write_churn(random)
    (tmp_path / "deep" / "recipes").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "recipes")
    draft = draft_recipe("churn.csv", file=Path("link/mine.yaml"))
    assert "  path: ../../churn.csv " in draft.file.read_text()


def test_several_files(random, tmp_path: Path) -> None:
    (tmp_path / "years").mkdir()
    for year in (2023, 2024):
        write_churn(random).rename(f"years/{year}.csv")
    draft = draft_recipe("years/*.csv")
    assert draft.file == Path("years.yaml")
    assert sum(map(len, draft.dataset.parts.values())) == 2 * N_ROWS


def test_a_full_disk_leaves_no_file_behind(random) -> None:
    write_churn(random)
    before, limit = sorted(Path().iterdir()), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limit[1]))
    try:
        with pytest.raises(OSError, match=r"File too large: 'churn.yaml'"):
            draft_recipe("churn.csv")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert sorted(Path().iterdir()) == before


BAD = [
    ({}, "churn.csv", "z_", None, DataError,
     "dataset churn.csv\n  --target: no column 'z_'. Did you mean 'z'? The columns: y, x, z."),
    ({}, "churn.csv", None, "there.yaml", InputError,
     "there.yaml exists already and is not changed. Name another file with -o."),
    ({}, "churn.csv", None, "nowhere/x.yaml", InputError,
     "There is no folder nowhere for the recipe. Make it, or use -o."),
    ({"few": "a,b\n1,2\n3,4\n"}, "few.csv", None, None, DataError,
     "dataset few.csv\n  a recipe needs 10 rows at least to train, validate and test on "
     "(received: 2). Add some."),
    ({"few": "a,b\n" + "1,\n" * 9 + "2,1\n3,2\n"}, "few.csv", None, None, DataError,
     "dataset few.csv\n  a recipe needs 10 rows at least to train, validate and test on "
     "(received: 2, and 9 without a target). Add some."),
    ({"same": "a,b\n" + "1,2.5\n" * 20}, "same.csv", "b", None, DataError,
     "dataset same.csv\n  --target: b has one value only, 2.5. Choose another."),
    ({"same": "a,b\n" + "1,2.5\n" * 20}, "same.csv", None, None, DataError,
     "dataset same.csv\n  no column can be the target: each is a date, or has one value only. "
     "The columns: a, b."),
    ({"one": "a\n" + "1\n2\n" * 20}, "one.csv", None, None, DataError,
     "dataset one.csv\n  a recipe needs a column to predict, and at least one to learn from. The "
     "columns: a. The file is read as one column: write a comma between the values, or name the "
     "character that divides them, such as csv.delimiter=whitespace."),
    ({}, "shades", "class", None, DataError,
     "dataset shades\n  --target: the sub-folders are the classes of its images. Leave "
     "--target out."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "received"),
    [
        ("shades", "a folder of images"),
        ("a.npz", "path={folder}/a.npz"),
        ("a.parquet", "path={folder}/a.parquet"),
    ],
)
def test_an_encoding_is_for_text(tmp_path: Path, data: str, received: str) -> None:
    Path("shades").mkdir()
    np.savez("a.npz", x=np.zeros((20, 2)), y=np.arange(20))
    pd.DataFrame({"x": np.arange(20.0), "y": np.arange(20.0)}).to_parquet("a.parquet")
    with pytest.raises(InputError) as caught:
        draft_recipe(data, changes=["csv.encoding=cp949"])
    received = received.format(folder=tmp_path)
    rule = f"csv is for delimited text such as CSV files (received: {received}). Remove it."
    assert rule in str(caught.value)


def test_keys_that_say_how_a_file_is_read_are_written_into_the_recipe() -> None:
    rows = [f"{i % 7}<>{i},{i % 3}00" for i in range(20)]
    Path("a.csv").write_text("\n".join(["made by hand", "x<>y", *rows]), encoding="utf-8")
    changes = ["csv.skip_rows=1", "dataset.csv.delimiter=<>", "csv.decimal=','"]
    draft = draft_recipe("a.csv", "y", changes=changes)
    assert draft.recipe.dataset.csv == CsvSpec(skip_rows=1, delimiter="<>", decimal=",")
    assert draft.dataset.parts["train"].target.max() > 10
    for sheet, factor in (("first", 1), ("second", -1)):
        mode = {"mode": "a"} if sheet == "second" else {}
        with pd.ExcelWriter("a.xlsx", engine="openpyxl", **mode) as writer:
            frame = pd.DataFrame({"x": range(20), "y": [factor * i * i for i in range(20)]})
            frame.to_excel(writer, sheet_name=sheet, index=False)
    draft = draft_recipe("a.xlsx", "y", Path("b.yaml"), ["excel.sheet=2"])
    assert draft.recipe.dataset.excel.sheet == 2
    assert draft.dataset.parts["train"].target.max() < 1


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("epochs=3", "init takes --target NAME, and keys of csv and excel, such as "
         "csv.skip_rows=2 (received: epochs=3). Change other keys in the recipe that is written."),
        ("csv.delimeter=;", "There is no key 'delimeter' here. Did you mean 'delimiter'?"),
        ("csv.skip_rows=two", "skip_rows must be a valid integer (received: 'two')."),
        ("csv.delimiter='\\t'", "delimiter must be the text between two values, such as \"\\t\" "
         "for a tab, or whitespace (received: '\\t')."),
    ],
)  # fmt: skip
def test_other_keys_are_refused_before_data_are_read(change: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        draft_recipe("a.csv", changes=[change])
    assert str(caught.value).endswith(problem)


@pytest.mark.parametrize(("files", "data", "target", "file", "kind", "message"), BAD)
def test_bad_input(
    files: dict[str, str],
    data: str,
    target: str | None,
    file: str | None,
    kind: type[InputError],
    message: str,
    random,
) -> None:
    write_churn(random)
    Path("shades").mkdir()
    Path("there.yaml").write_text("mine")
    for name, text in files.items():
        Path(f"{name}.csv").write_text(text)
    with pytest.raises(kind) as caught:
        draft_recipe(data, target, Path(file) if file else None)
    assert str(caught.value) == message
    assert [path.read_text() for path in Path().glob("**/*.yaml")] == ["mine"]


def test_a_recipe_that_would_not_train_leaves_no_file(random) -> None:
    y = random.normal(size=N_ROWS)
    y[5] = np.inf
    with pytest.raises(DataError, match="target y: no finite number in line 7"):
        draft_recipe(str(write_table(random, a=None, y=y)))
    assert not Path("table.yaml").exists()


# ---- sizes and writing ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_rows", "n_outputs", "widths", "dropout"),
    [
        (10, 1, [128, 64], 0.3),
        (999, 3, [128, 64], 0.3),
        (1_000, 1, [128, 64], 0.2),
        (10_000, 1, [128, 64], 0.1),
        (20_000, 1, [256, 128], 0.1),
        (1_000, 100, [128, 128], 0.2),
    ],
)
def test_rows_choose_width_and_dropout(n_rows, n_outputs, widths, dropout) -> None:
    layers = choose_hidden(SimpleNamespace(inputs={}, columns=()), n_rows, n_outputs)
    assert [layer["Dense"]["units"] for layer in layers[::2]] == widths
    assert layers[1::2] == [{"Dropout": {"rate": dropout}}] * 2


@pytest.mark.parametrize(("n_rows", "size"), [(50, 8), (800, 16), (5_000, 128), (10**6, 512)])
def test_batches_are_a_power_of_two(n_rows: int, size: int) -> None:
    plan = CommentedRecipe()
    plan_training(plan, SimpleNamespace(inputs={}, task="regression"), n_rows)
    assert f"\nbatch_size: {size} " in plan.write()


@pytest.mark.parametrize(("side", "n_blocks"), [(2, 0), (8, 1), (28, 3), (160, 4)])
def test_images_are_halved_until_little_is_left(side: int, n_blocks: int) -> None:
    assert len(make_convolutions((side, side, 3))) == 2 * n_blocks


@pytest.mark.parametrize("text", [*NASTY, "", " ", "a\u2028b", "\a", "1/255", "true", "x" * 300])
def test_any_text_is_written_in_one_line_and_read_back(text: str) -> None:
    written = write_flow(text)
    assert "\n" not in written
    assert parse_yaml(f"{written}: 1\n", "x").value == {text: 1}
    plan = CommentedRecipe()
    plan.add(("name",), text, beside=f"a {text} b", above=text)
    assert parse_yaml(plan.write(), "x").value == {"name": text}


def test_a_comment_cannot_be_ended() -> None:
    assert make_printable("a\nb\u2028c") == "a\\nb\\u2028c"


def test_draft_is_what_it_says(random) -> None:
    draft = draft_recipe(str(write_churn(random)))
    assert isinstance(draft, Draft)
    assert draft.recipe.to_yaml() == load_recipe(draft.file).to_yaml()


def write_reviews(random: np.random.Generator, **columns: Any) -> None:
    words = ["film", "plot", "actor", "scene", "good", "bad", "very", "영화"]
    texts = [" ".join(random.choice(words, 6 + i % 5)) + f" {i}" for i in range(60)]
    labels = ["pos" if "good" in text else "neg" for text in texts]
    table = pd.DataFrame({"id": range(1, 61), "review": texts, **columns, "label": labels})
    table.to_csv("reviews.csv", index=False)


def test_free_text_alone_is_embedded(random: np.random.Generator) -> None:
    write_reviews(random)
    draft = draft_recipe("reviews.csv")
    assert [layer.name for layer in draft.recipe.layers[:3]] == [
        "TextVectorization",
        "Embedding",
        "GlobalAveragePooling1D",
    ]
    assert draft.recipe.layers[0].arguments["output_sequence_length"] == 16
    assert draft.found.source.left_out == (
        ("id", "a row number, counted from 1; to use it: features: {id: float_normalized}"),
    )
    text = draft.file.read_text(encoding="utf-8")
    assert "review: text" in text
    assert "words on average" in text
    run = pipeline.train(load_recipe(draft.file, ["epochs=1"]))
    assert run.status == "finished"


def test_free_text_beside_other_columns_becomes_tf_idf(random: np.random.Generator) -> None:
    write_reviews(random, stars=random.normal(size=60), kind=["a", "b", "c"] * 20)
    draft = draft_recipe("reviews.csv")
    assert [column.feature for column in draft.found.source.columns] == [
        "text",
        "float_normalized",
        "string_categorical",
    ]
    assert draft.recipe.layers[0].name == "Dense"


def test_a_folder_of_texts_is_drafted(random: np.random.Generator) -> None:
    write_reviews(random)
    for row in pd.read_csv("reviews.csv").itertuples():
        folder = Path("texts", row.label)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{row.id}.txt").write_text(row.review, encoding="utf-8")
    draft = draft_recipe("texts")
    assert draft.recipe.layers[0].name == "TextVectorization"
    assert draft.dataset.class_names == ("neg", "pos")


def test_texts_in_folders_of_parts_keep_these(random: np.random.Generator) -> None:
    draft = draft_recipe(str(write_texts_in_parts(random)))
    assert draft.recipe.layers[0].name == "TextVectorization"  # although the texts are short
    assert {name: len(part) for name, part in draft.dataset.parts.items()} == {
        "train": 19,
        "validation": 24,
        "test": 5,
    }
    assert draft.recipe.dataset.drop == []
    assert draft.found.n_unanswered == 0


def test_rows_in_order_of_time_are_split_at_random_with_a_warning() -> None:
    times = pd.date_range("2024-03-01 06:00", periods=300, freq="h")
    table = pd.DataFrame({"at": times, "wind": np.arange(300) % 7, "degrees": np.arange(300.0)})
    table.to_csv("weather.csv", index=False)
    draft = draft_recipe("weather.csv")
    assert draft.recipe.dataset.timeseries is None
    assert draft.found.hints[0].startswith("The rows are in the order of at.")
