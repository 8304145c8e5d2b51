"""Small runs of every kind, trained once for all tests that ask them something."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

import kerasrecipes as kr
from kerasrecipes.runs import Run

HEAD = "report: []\nepochs: 2\n"
NUMBERS = "layers: [Dense: {{units: {}}}]\nloss: mse\n"
RECIPES = {
    "houses": "dataset: {path: houses.csv, target: price, missing: median, drop: [id, dear, rent], "
    "standardize_target: true, test_split: 0.25}\nmetrics: [mae]\n" + NUMBERS.format(1),
    "classes": "dataset: {path: whole.csv, target: dear, drop: [id, price, rent], test_split: 0.25}"
    "\nlayers: [Dense: {units: 2}]\nloss: {SparseCategoricalCrossentropy: {from_logits: true}}\n"
    "metrics: [accuracy]\nclass_weight: balanced\n",
    "two": "dataset: {path: houses.csv, target: [price, rent], drop: [id, dear], missing: drop, "
    "standardize_target: true, test_split: 0.25}\n" + NUMBERS.format(2),
    "images": "dataset: {path: images.npz, test_split: 0.25}\nlayers: [Flatten, Dense: {units: 3, "
    "activation: softmax}]\nloss: categorical_crossentropy\nmetrics: [accuracy]\n",
    "codes": "dataset: {path: codes.csv, target: y, test_split: 0.25}\nlayers: [Dense: {units: 3, "
    "activation: softmax}]\nloss: sparse_categorical_crossentropy\n",
    "truths": "dataset: {path: truths.csv, target: y, test_split: 0.25}\nlayers: [Dense: {units: 1,"
    " activation: sigmoid}]\nloss: binary_crossentropy\nmetrics: [accuracy]\n",
}


def list_warnings(run: Run) -> list[str]:
    """A run's warnings, without the one of a script that no installed font can draw."""
    return [text for text in run.info["warnings"] if "No installed font" not in text]


def make_houses() -> pd.DataFrame:
    """80 rows with every kind of column; ids have leading zeros, some areas are missing."""
    rng = np.random.default_rng(7)
    n = 80
    houses = pd.DataFrame(
        {
            "id": [f"{i:04}" for i in range(n)],
            "rooms": rng.integers(1, 9, n),
            "area": rng.normal(100, 30, n).round(1),
            "town": np.array(["Ulm", "Köln", "서울"])[np.arange(n) % 3],
            "sold": pd.date_range("2020-01-01", periods=n, freq="9D").strftime("%Y-%m-%d"),
            "garden": np.arange(n) % 2 == 0,
        }
    )
    houses["price"] = (houses["rooms"] * 20 + houses["area"] * 2).round(2)
    houses["rent"] = (houses["price"] / 200).round(3)
    houses["dear"] = np.where(houses["price"] > houses["price"].median(), "dear", "cheap")
    houses.loc[::17, "area"] = np.nan
    return houses


@cache
def train_runs(folder: Path) -> dict[str, Path]:
    """Train every recipe in a folder, and return the runs' folders by name."""
    folder.mkdir()
    houses = make_houses()
    houses.to_csv(folder / "houses.csv", index=False)
    houses.dropna().to_csv(folder / "whole.csv", index=False)
    rng = np.random.default_rng(7)
    images, codes = rng.integers(0, 255, (60, 4, 4)).astype(np.uint8), np.arange(60) % 3
    np.savez(folder / "images.npz", x=images, y=codes)
    truths = pd.DataFrame({"a": rng.normal(size=60), "y": np.arange(60) % 2 == 0})
    truths.to_csv(folder / "truths.csv", index=False)
    codes = pd.DataFrame({"code": ["007", "1.50", "abc"] * 20})
    codes["y"] = codes["code"].map({"007": "true", "1.50": "false", "abc": "unknown"})
    codes.to_csv(folder / "codes.csv", index=False)
    runs = {}
    for name, text in RECIPES.items():
        (folder / f"{name}.yaml").write_text(HEAD + text, encoding="utf-8")
        runs[name] = kr.train(folder / f"{name}.yaml", output_dir=folder / "runs").path
    return runs
