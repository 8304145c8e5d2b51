"""Contenders as finished trainings leave them: Fashion-MNIST's numbers, generated."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from kerasrecipes.comparison import Comparison
from kerasrecipes.comparison.comparison import rank_contenders
from kerasrecipes.comparison.contenders import Contender
from report.fake_runs import write_run

OPTIMIZERS = {
    "adam": ("Adam: {learning_rate: 0.001}", 0.8775, 0.52),
    "nesterov": ("SGD: {learning_rate: 0.01, momentum: 0.9, nesterov: true}", 0.8742, 0.55),
    "rmsprop": ("RMSprop: {learning_rate: 0.001, rho: 0.9}", 0.8705, 0.53),
    "sgd_lr01": ("SGD: {learning_rate: 0.1}", 0.8701, 0.62),
    "sgd": ("SGD: {learning_rate: 0.01}", 0.8432, 1.02),
    "adagrad": ("Adagrad: {learning_rate: 0.001}", 0.7921, 1.30),
}
"""Each optimizer as a recipe has it, its final validation accuracy, and its first loss."""

RECIPE = """\
name: {name}
seed: {seed}
dataset: {{name: fashion_mnist, validation_split: 0.2, split_seed: 42}}
layers:
  - Rescaling: {{scale: 1/255}}
  - Flatten
  - Dense: {{units: 100, activation: relu}}
  - Dense: {{units: 10, activation: softmax}}
optimizer:
  {optimizer}
loss: sparse_categorical_crossentropy
metrics: [accuracy]
epochs: 5
batch_size: 32
"""
DATASET = {
    "name": "fashion_mnist",
    "task": "classification",
    "origin": "/usr/share/datasets/fashion-mnist",
    "rows": {"train": 48_000, "validation": 12_000, "test": 10_000},
}


def write_contender(
    folder: Path,
    name: str,
    kind: str = "adam",
    n_seeds: int = 5,
    lengths: Sequence[int] = (5,),
    with_validation: bool = True,
) -> Contender:
    """A recipe's runs, one per seed; their numbers of epochs are ``lengths``, over and over."""
    optimizer, final, first_loss = OPTIMIZERS[kind]
    runs = []
    for i in range(n_seeds):
        rng = np.random.default_rng([*kind.encode(), i])
        epochs = np.arange(1, lengths[i % len(lengths)] + 1)
        accuracy = final + rng.normal(0, 0.0022) - 0.16 * first_loss * (epochs**-1.4 - 0.105)
        accuracy += rng.normal(0, 0.0035, len(epochs))
        loss = 1.28 - 1.05 * accuracy + 0.25 * first_loss * epochs**-1.5
        curves = {"loss": loss - 0.02, "accuracy": accuracy + 0.01}
        if with_validation:
            curves |= {"val_loss": loss, "val_accuracy": accuracy}
        run = write_run(
            folder / "runs" / kind / f"20260131-12000{i}",
            DATASET | {"rows": {k: v for k, v in DATASET["rows"].items() if curves}},
            len(epochs),
            name=name,
            seed=42 + i,
            parameters=79_510,
            seconds={"import": 10.2, "fit": round(float(rng.normal(3.9, 0.2)), 2)},
        )
        run.write_recipe(RECIPE.format(name=json.dumps(name), seed=42 + i, optimizer=optimizer))
        run.write_history(curves)
        part = {"loss": float(loss[-1]), "accuracy": float(accuracy[-1])}
        parts = ("train", "validation", "test") if with_validation else ("train", "test")
        run.write_metrics(dict.fromkeys(parts, part))
        runs.append(run)
    return Contender(name, tuple(runs))


def write_optimizers(
    folder: Path, n_seeds: int = 5, names: Mapping[str, str] | None = None
) -> list[Contender]:
    """One contender for each optimizer; ``names`` are by optimizer."""
    names = names or {kind: f"fashion_relu_{kind}" for kind in OPTIMIZERS}
    return [write_contender(folder, name, kind, n_seeds) for kind, name in names.items()]


def compare(
    contenders: Sequence[Contender],
    part: str = "validation",
    metric: str = "accuracy",
    higher_is_better: bool = True,
) -> Comparison:
    """The comparison of contenders, with its page beside the runs' folders."""
    ranked, ranking = rank_contenders(contenders, part, metric, higher_is_better, "seed")
    runs = contenders[0].runs[0].path.parents[1]
    page = runs / "comparisons" / "20260131-130000" / "report.html"
    return Comparison(ranked, ranking, part, page)
