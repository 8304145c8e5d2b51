"""Fit workloads: one recipe, trained by everyone on the same rows."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import measure
from benchmarks.measure import ROOT, Figures


@dataclass(frozen=True)
class Contender:
    """Someone who trains the workload's network.

    Attributes:
        label: For the page.
        module: Of ``benchmarks.contenders``; empty for the command.
        options: What it is told beside the workload's settings.
        needs: Modules without which it is shown as not installed.
    """

    label: str
    module: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class FitWorkload:
    """A recipe and its contenders; ``rows`` names the writer of its data in ``benchmarks.rows``."""

    title: str
    recipe: str
    contenders: Mapping[str, Contender]
    quick: tuple[str, ...]
    rows: str = ""


OURS = {
    "command": Contender("kerasrecipes, the command"),
    "ours": Contender("kerasrecipes, kr.train", "ours"),
}


def _make_keras(label: str, as_notes: bool, validates: bool) -> Contender:
    return Contender(label, "plain_keras", {"as_notes": as_notes, "validates": validates})


def _make_torch(threads: int) -> dict[str, Contender]:
    words = f"{threads} thread{'s' if threads > 1 else ''}"
    options = {"threads": threads}
    return {
        f"torch_{threads}": Contender(
            f"PyTorch by hand, {words}", "pytorch", options | {"has_loader": False}, ("torch",)
        ),
        f"loader_{threads}": Contender(
            f"PyTorch, DataLoader, {words}", "pytorch", options | {"has_loader": True}, ("torch",)
        ),
        f"lightning_{threads}": Contender(
            f"Lightning, {words}", "with_lightning", options, ("torch", "lightning")
        ),
    }


def _make_bare(threads: int | None) -> dict[str, Contender]:
    words = f"{threads} thread" if threads else "all threads"
    return {
        f"bare_{threads or 'all'}": Contender(
            f"bare tf.function epoch, {words}",
            "bare_tensorflow",
            {"threads": threads, "jit_compile": False},
        ),
        f"xla_{threads or 'all'}": Contender(
            f"bare XLA epoch, {words}",
            "bare_tensorflow",
            {"threads": threads, "jit_compile": True},
        ),
    }


NOTES = {"notes": _make_keras("the notes' own code", True, False)}
SCIKIT_LEARN = {"sklearn": Contender("scikit-learn's MLP", "scikit_learn")}
BARE = _make_bare(1) | _make_bare(None)
TORCH = _make_torch(1) | _make_torch(2)

FIT_WORKLOADS = {
    "boston": FitWorkload(
        "Boston housing, 500 epochs of 6 steps",
        "configs/boston.yaml",
        OURS | NOTES | TORCH | SCIKIT_LEARN | BARE,
        ("epochs=20",),
    ),
    "fashion": FitWorkload(
        "Fashion-MNIST, relu + Adam, 5 epochs of 1,500 steps",
        "configs/fashion_relu_adam.yaml",
        OURS
        | NOTES
        | {"validated": _make_keras("the notes' code with validation_data", True, True)}
        | TORCH
        | SCIKIT_LEARN
        | BARE,
        ("epochs=1",),
    ),
    "conv": FitWorkload(
        "Two convolutions of 32 and 64 filters on Fashion-MNIST, 1 epoch",
        "benchmarks/conv.yaml",
        OURS
        | {"keras": _make_keras("plain Keras on uint8 rows", False, True)}
        | NOTES
        | {key: TORCH[key] for key in ("torch_1", "torch_2")}
        # XLA's convolutions take minutes on a CPU (TensorFlow 2.21).
        | {key: BARE[key] for key in ("bare_1", "bare_all")},
        ("dataset.validation_split=0.9",),
    ),
    "lstm": FitWorkload(
        "An LSTM of 32 units over 100 steps, 10,000 rows, 3 epochs",
        "benchmarks/lstm.yaml",
        OURS
        | {"keras": _make_keras("plain Keras", False, True)}
        | {key: TORCH[key] for key in ("torch_1", "torch_2")},
        ("epochs=1", "dataset.validation_split=0.9"),
        "ids",
    ),
}


def prepare(workload: FitWorkload, folder: Path, is_quick: bool) -> dict[str, Any]:
    """Write the rows that all contenders share; return the settings of all."""
    overrides = list(workload.quick) if is_quick else []
    if workload.rows:
        file = folder / f"{workload.rows}.npz"
        run_rows({"kind": workload.rows, "file": str(file)})
        overrides.append(f"dataset.path={file}")
    wanted = {
        "kind": "recipe",
        "recipe_file": str(ROOT / workload.recipe),
        "overrides": overrides,
        "folder": str(folder),
    }
    run_rows(wanted)
    return json.loads((folder / "settings.json").read_text(encoding="utf-8"))


def run_rows(wanted: Mapping[str, Any]) -> None:
    """Call ``benchmarks.rows`` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.rows", json.dumps(dict(wanted))]
    subprocess.run(command, cwd=ROOT, check=True, stderr=subprocess.DEVNULL)


def run_once(contender: Contender, settings: Mapping[str, Any], torch_python: str) -> Figures:
    """Measure one contender once."""
    python = torch_python if "torch" in contender.needs else sys.executable
    missing = measure.find_missing(contender.needs, python) if contender.needs else ()
    if missing:
        return {"error": f"not installed: {', '.join(missing)}"}
    if not contender.module:
        return measure.run_train(settings["recipe"], settings["overrides"])
    return measure.run_contender(contender.module, {**settings, **contender.options}, python)


def count_all_steps(settings: Mapping[str, Any]) -> int:
    """Batches that a contender trains on, over all epochs."""
    return settings["epochs"] * -(-settings["n_train"] // settings["batch_size"])
