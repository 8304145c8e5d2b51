"""Run folders as a finished training leaves them, made of generated numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.report import choose_samples
from kerasrecipes.rows import Column
from kerasrecipes.rows.kinds import make_column
from kerasrecipes.runs import RunWriter

FASHION = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
LAYERS = [
    {"type": "Dense", "name": "dense", "output_shape": [200], "parameters": 2600}
    | {"arithmetic": "12×200+200", "trainable": 2600, "multiply_adds": 2400},
    {"type": "Dense", "name": "dense_1", "output_shape": [1000], "parameters": 201000}
    | {"arithmetic": "200×1000+1000", "trainable": 201000, "multiply_adds": 200000},
    {"type": "Dense", "name": "dense_2", "output_shape": [1], "parameters": 1001}
    | {"arithmetic": "1000×1+1", "trainable": 1001, "multiply_adds": 1000},
]
RECIPE = """\
# kerasrecipes train configs/boston.yaml
name: boston
seed: 42
dataset:
  name: boston_housing
layers:
  - Dense: {units: 200, activation: relu}
  - Dense: {units: 1000, activation: relu}
  - Dense: 1
optimizer: sgd
loss: mse
epochs: 500
batch_size: 64
"""

COLUMNS = (
    make_column("size", reason="number"),
    make_column("rooms", "float", reason="set in features"),
    make_column("garden", "boolean", reason="true or false"),
    make_column("age", "float_discretized", {"num_bins": 8}, reason="set in features"),
    make_column("lot", "float_rescaled", {"scale": 0.5}, reason="set in features"),
    make_column("city", "string_categorical", {"max_tokens": 100}, (), "3 distinct values"),
    make_column("street", "string_hashed", {"num_bins": 32}, (), "set in features"),
    make_column("sold", "date", {"format": "%Y-%m-%d"}, ("year", "month"), "dates of 2 years"),
)
"""One of each way in which a column can be taken."""


def write_run(folder: Path, dataset: dict[str, Any], n_epochs: int, **facts: Any) -> RunWriter:
    """Make a run folder with the facts that do not depend on the task."""
    folder.mkdir(parents=True)
    run = RunWriter(folder)
    run.write_recipe(RECIPE)
    common = {
        "status": "finished",
        "name": "boston",
        "description": "",
        "command": "kerasrecipes train configs/boston.yaml",
        "seed": 42,
        "started_at": "2026-01-31T12:00:00",
        "seconds": {"data": 0.21, "import": 10.4, "build": 0.6, "fit": 4.02, "evaluate": 0.4},
        "versions": {"kerasrecipes": "0.1.0", "tensorflow": "2.21.0", "keras": "3.15.1"},
        "device": "CPU (2 cores)",
        "git_commit": None,
        "layers": LAYERS,
        "parameters": 204601,
        "parameters_bytes": 818404,
        "multiply_adds": 203400,
        "epochs": n_epochs,
        "epochs_run": n_epochs,
        "batch_size": 64,
        "optimizer": "SGD",
        "loss": "mse",
        "warnings": [],
    }
    data = {"origin": "generated", "fingerprint": "9f2c" * 16, "target": "y", "target_unit": ""}
    run.update(**common | facts, dataset=data | dataset)
    return run


def write_regression(
    folder: Path, n_samples: int = 152, noise: float = 3.2, **facts: Any
) -> RunWriter:
    """A house price model of 500 epochs that overfits a little."""
    rng = np.random.default_rng(1)
    actual = np.clip(rng.gamma(6, 3.8, n_samples), 5, 50).round(1)
    predicted = 22.5 + 0.88 * (actual - 22.5) + rng.normal(0, noise, n_samples)
    dataset = {"name": "boston_housing", "task": "regression", "target": "MEDV"}
    dataset |= {"target_unit": "$1000s", "class_names": [], "standardized": True}
    dataset |= {"rows": {"train": 283, "validation": 71, "test": n_samples}}
    run = write_run(folder, dataset, 500, plots=["regplot"], **facts)
    epochs = np.arange(1, 501)
    train = 0.8 * epochs**-0.52 + 0.012 + rng.normal(0, 0.0015, 500) * 3 / np.sqrt(epochs)
    validation = 0.8 * epochs**-0.55 + 0.09 + 0.00012 * epochs + rng.normal(0, 0.002, 500)
    run.write_history(
        {"loss": train, "mae": np.sqrt(train), "val_loss": validation, "val_mae": validation**0.5}
    )
    run.write_metrics(
        {
            "train": {"loss": 0.0413, "mae": 0.15, "mae_original_units": 1.4, "r2": 0.957},
            "validation": {"loss": 0.151, "mae": 0.28, "mae_original_units": 2.6, "r2": 0.86},
            "test": {"loss": 0.138, "mae": 0.27, "mae_original_units": 2.5, "r2": 0.865},
        }
    )
    columns = {"row": np.arange(n_samples), "actual": actual, "predicted": predicted}
    run.write_predictions(columns)
    return run


def write_classification(
    folder: Path,
    class_names: tuple[str, ...] = FASHION,
    n_samples: int = 10_000,
    images: NDArray[Any] | None = None,
    with_validation: bool = True,
    **facts: Any,
) -> RunWriter:
    """A classifier that is right about 87 times in 100 and mixes up its first two classes most."""
    rng, n_classes = np.random.default_rng(2), len(class_names)
    y_true = rng.integers(0, n_classes, n_samples)
    logits = rng.normal(0, 1, (n_samples, n_classes))
    logits[np.arange(n_samples), y_true] += 2.6 + 0.4 * np.log(n_classes)
    logits[y_true == 0, 1] += 1.8
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    y_pred = probabilities.argmax(axis=1)
    rows = {"train": 48_000, "validation": 12_000, "test": n_samples}
    if not with_validation:
        del rows["validation"]
    dataset = {
        "name": "fashion_mnist",
        "task": "classification",
        "target": "label",
        "class_names": list(class_names),
        "standardized": False,
        "rows": rows,
        "class_counts": {
            part: rng.multinomial(n, [1 / n_classes] * n_classes).tolist()
            for part, n in rows.items()
        },
    }
    run = write_run(folder, dataset, 5, **{"name": "fashion_relu_adam", "loss": "scc", **facts})
    history = {"loss": [0.52, 0.38, 0.34, 0.31, 0.29], "accuracy": [0.82, 0.86, 0.88, 0.885, 0.89]}
    validation = {
        "val_loss": [0.43, 0.39, 0.352, 0.36, 0.357],
        "val_accuracy": [0.845, 0.86, 0.872, 0.87, 0.873],
    }
    run.write_history(history | validation if with_validation else history)
    parts = {"train": {"loss": 0.28, "accuracy": 0.9}}
    if with_validation:
        parts["validation"] = {"loss": 0.357, "accuracy": 0.873}
    run.write_metrics(
        parts | {"test": {"loss": 0.37, "accuracy": float((y_true == y_pred).mean())}}
    )
    names = np.array(class_names)
    run.write_predictions(
        {"row": np.arange(n_samples), "actual": names[y_true], "predicted": names[y_pred]}
        | {f"probability_{name}": probabilities[:, i] for i, name in enumerate(class_names)}
    )
    if images is not None:
        positions = choose_samples(y_true == y_pred, probabilities.max(axis=1))
        run.write_samples(images=images[y_true[positions]], positions=positions)
    return run


def draw_shapes(n_classes: int = 10, n_channels: int = 0) -> NDArray[np.uint8]:
    """One image of 28 × 28 for each class: discs that grow and hollow out."""
    y, x = np.mgrid[-1:1:28j, -1:1:28j]
    radius = np.hypot(x, y)
    discs = [
        255 * (np.cos(radius * (i + 2)) > 0) * (radius < 0.5 + i / 2 / n_classes)
        for i in range(n_classes)
    ]
    images = np.array(discs, dtype=np.uint8)
    if not n_channels:
        return images
    tint = np.linspace(0.3, 1, n_channels)
    return (images[..., None] * tint).astype(np.uint8)


def write_table(
    folder: Path,
    targets: tuple[str, ...] = ("price",),
    columns: tuple[Column, ...] = COLUMNS,
    left_out: tuple[tuple[str, str], ...] = (("id", "a row number, counted from 1"),),
    n_samples: int = 60,
    **facts: Any,
) -> RunWriter:
    """A regression of one's own mixed table, each target harder to predict than the one before."""
    rng = np.random.default_rng(3)
    dataset = {
        "name": "houses.csv",
        "task": "regression",
        "target": ", ".join(targets),
        "targets": list(targets),
        "class_names": [],
        "standardized": True,
        "rows": {"train": 180, "validation": 60, "test": n_samples},
        "columns": [column.to_dict() for column in columns],
        "left_out": [list(pair) for pair in left_out],
    }
    run = write_run(folder, dataset, 3, **{"name": "houses", **facts})
    run.write_history({"loss": [0.9, 0.5, 0.3], "val_loss": [0.8, 0.5, 0.4]})
    actual = rng.normal(20, 5, (len(targets), n_samples))
    noise = rng.normal(0, 1, actual.shape) * np.arange(1, len(targets) + 1)[:, None]
    of = [f"_{name}" for name in targets] if len(targets) > 1 else [""]
    run.write_predictions(
        {"row": np.arange(n_samples)}
        | {f"actual{name}": values for name, values in zip(of, actual, strict=True)}
        | {f"predicted{name}": values for name, values in zip(of, actual + noise, strict=True)}
    )
    scores = {"loss": 0.3} | {f"mae{name}_original_units": i + 0.8 for i, name in enumerate(of)}
    scores |= {f"r2{name}": 0.9 for name in of}
    run.write_metrics({"train": scores, "validation": scores, "test": scores})
    return run


def write_evaluation(run: RunWriter, evaluated: str = "houses_new.csv") -> RunWriter:
    """What ``prediction.evaluate`` leaves inside a run's folder, with the run's own predictions."""
    facts, predictions = run.info, run.predictions
    n_rows = len(predictions["row"])
    dataset = facts["dataset"] | {"origin": evaluated, "rows": {"evaluated": n_rows}}
    if class_names := dataset["class_names"]:
        counts = [predictions["actual"].count(name) for name in class_names]
        dataset["class_counts"] = {"evaluated": counts}
    kept = ("name", "description", "seed", "versions", "device", "loss", "optimizer", "parameters")
    folder = run.path / "evaluations" / "20260201-120000"
    folder.mkdir(parents=True)
    evaluation = RunWriter(folder)
    evaluation.update(
        **{key: facts[key] for key in kept},
        status="finished",
        evaluated=evaluated,
        command=f"kerasrecipes evaluate houses --data {evaluated}",
        dataset=dataset,
        started_at="2026-02-01T12:00:00",
        warnings=[],
        plots=["regplot", "residuals"],
    )
    evaluation.write_recipe(run.recipe_text)
    evaluation.write_predictions(predictions)
    evaluation.write_metrics({"evaluated": run.metrics["test"]})
    return evaluation
