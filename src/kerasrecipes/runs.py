"""The run folder; all file names of a run folder are defined here.

    runs/<name>/<YYYYmmdd-HHMMSS>/
        recipe.yaml      resolved; trains again unchanged
        run.json         status, versions, device, data, layers, seconds, warnings
        history.csv      a row an epoch
        metrics.json     {"train": {...}, "validation": {...}, "test": {...}}
        predictions.csv  the test rows: actual, predicted, a probability for each class
        samples.npz      the test images that the report shows (image data only)
        model.keras      takes raw rows
        plots/*.png      the report's plots
        report.html      one file, opens anywhere
        log.txt          TensorFlow's messages
        profile/         a trace for TensorBoard (train --profile)

Every file is written under another name and then renamed, so that a reader never finds an
incomplete file. Nothing here imports TensorFlow.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from kerasrecipes.errors import InputError, RunNotFound

RUN_JSON = "run.json"
OWN_FILES = frozenset(
    {
        RUN_JSON,
        "recipe.yaml",
        "history.csv",
        "metrics.json",
        "predictions.csv",
        "samples.npz",
        "model.keras",
        "report.html",
        "log.txt",
    }
)
"""Files that every run writes itself; callbacks must not use these names."""


class Run:
    """One run's folder, read.

    Attributes:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r}, status={self.info.get('status')!r})"

    @property
    def info(self) -> dict[str, Any]:
        """The content of run.json."""
        return dict(json.loads((self.path / RUN_JSON).read_text(encoding="utf-8")))

    @property
    def recipe_text(self) -> str:
        """The resolved recipe, as YAML; empty until written."""
        file = self.recipe_path
        return file.read_text(encoding="utf-8") if file.exists() else ""

    @property
    def history(self) -> dict[str, list[float]]:
        """Columns of history.csv, by name: "epoch" (from 1), "loss", ...; empty until written."""
        return {
            name: [float(value) for value in values]
            for name, values in self._read_csv("history.csv").items()
        }

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """The content of metrics.json: metric values by name, by part; empty until written."""
        file = self.path / "metrics.json"
        return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}

    @property
    def predictions(self) -> dict[str, list[str]]:
        """Columns of predictions.csv, by name: "row", "actual", ...; text; empty until written."""
        return self._read_csv("predictions.csv")

    @property
    def samples(self) -> dict[str, Any] | None:
        """Images for the report, or None where the data are not images.

        Keys: "images" of shape (n_images, height, width) or (..., channels), raw values;
        "positions" of shape (n_images,), each one's line in predictions.csv, counted from 0.
        """
        file = self.path / "samples.npz"
        if not file.exists():
            return None
        import numpy as np

        with np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)

    @property
    def recipe_path(self) -> Path:
        """The resolved recipe's file."""
        return self.path / "recipe.yaml"

    @property
    def model_path(self) -> Path:
        """The saved model, which takes raw rows."""
        return self.path / "model.keras"

    @property
    def report_path(self) -> Path:
        """The report, one self-contained page."""
        return self.path / "report.html"

    @property
    def profile_path(self) -> Path:
        """A trace of the fit for TensorBoard, written by ``train --profile``."""
        return self.path / "profile"

    @property
    def log_path(self) -> Path:
        """Messages of TensorFlow and other libraries."""
        return self.path / "log.txt"

    def plots(self) -> dict[str, Path]:
        """The report's plots by name, sorted by name."""
        return {file.stem: file for file in sorted((self.path / "plots").glob("*.png"))}

    def _read_csv(self, name: str) -> dict[str, list[str]]:
        if not (self.path / name).exists():
            return {}
        with open(self.path / name, encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        return {key: [row[i] for row in rows] for i, key in enumerate(header)}


class RunWriter(Run):
    """One run's folder, written: what training and evaluation use."""

    def update(self, **facts: Any) -> None:
        """Merge facts into run.json."""
        known = self.info if (self.path / RUN_JSON).exists() else {}
        self._write_json(RUN_JSON, known | facts)

    def discard(self) -> None:
        """Remove the folder of a run that did not begin."""
        shutil.rmtree(self.path)
        with suppress(OSError):  # other runs of this name are still there
            self.path.parent.rmdir()

    def write_recipe(self, text: str) -> None:
        """Write the resolved recipe, as YAML."""
        self._write_text("recipe.yaml", text)

    def write_history(self, history: Mapping[str, Sequence[float]]) -> None:
        """Write columns of equal length, and the epoch's number (from 1) as the first."""
        n_epochs = len(next(iter(history.values()), ()))
        self._write_csv("history.csv", {"epoch": range(1, n_epochs + 1), **history})

    def write_metrics(self, metrics: Mapping[str, Mapping[str, float]]) -> None:
        """Write metric values by name, by part."""
        self._write_json("metrics.json", metrics)

    def write_predictions(self, columns: Mapping[str, Iterable[Any]]) -> None:
        """Write columns of equal length, named as in ``Run.predictions``."""
        self._write_csv("predictions.csv", columns)

    def write_samples(self, **arrays: Any) -> None:
        """Write images for the report; keys as in ``Run.samples``."""
        import numpy as np

        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        write_file(self.path / "samples.npz", buffer.getvalue())

    def write_plot(self, name: str, png: bytes) -> None:
        """Write a plot to plots/<name>.png."""
        (self.path / "plots").mkdir(exist_ok=True)
        write_file(self.path / "plots" / f"{name}.png", png)

    def write_report(self, html: str) -> None:
        """Write the report's page."""
        self._write_text("report.html", html)

    def _write_text(self, name: str, text: str) -> None:
        write_file(self.path / name, text.encode("utf-8"))

    def _write_json(self, name: str, value: Any) -> None:
        self._write_text(name, json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    def _write_csv(self, name: str, columns: Mapping[str, Iterable[Any]]) -> None:
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
        self._write_text(name, text.getvalue())


def write_file(file: Path, content: bytes) -> None:
    """Write a file so that a reader never finds it incomplete."""
    with replacing(file) as partial:
        partial.write_bytes(content)


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Give a path to write to; on success it replaces ``file`` in one step.

    The suffix is kept, since Keras chooses its format by it.
    """
    partial = file.with_name(f".partial-{file.name}")
    try:
        yield partial
        os.replace(partial, file)
    finally:
        partial.unlink(missing_ok=True)


def create_folder(parent: Path, started_at: datetime) -> Path:
    """Make a folder named after a local time; a second one of the same second is numbered."""
    stamp = started_at.strftime("%Y%m%d-%H%M%S")
    n = 1
    while True:
        path = parent / (stamp if n == 1 else f"{stamp}-{n}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            n += 1
        except OSError as error:
            raise InputError(f"No folder can be made in {parent}: {error.strerror}.") from error
        else:
            return path


def create_run(output_dir: Path, folder_name: str, started_at: datetime) -> RunWriter:
    """Make a run folder that no other run has, even one started in the same second.

    Args:
        output_dir: The folder of all runs, made if it is missing.
        folder_name: The recipe's name, safe for a file name.
        started_at: Local time.
    """
    return RunWriter(create_folder(output_dir / folder_name, started_at))


def find_run(path: Path) -> Run:
    """Find the run at a path: its own folder, or the newest in ``runs/<name>``.

    Raises:
        RunNotFound: Neither contains a run.
    """
    if (path / RUN_JSON).is_file():
        return Run(path)
    runs = list_runs_of(path)
    if runs:
        return runs[-1]
    what = "it contains no run" if path.is_dir() else "there is no such folder"
    why = f": {what}.{_suggest_folder(path)}"
    if below := _list_folders(path):
        why = f". Choose one below it: {', '.join(map(str, below))}."
    raise RunNotFound(
        f"{path} is not a run{why}\n"
        "  A run is a folder such as runs/boston/20260131-120000, and runs/boston alone means its "
        "newest one.\n  To see the runs there are: kerasrecipes ls runs"
    )


def _suggest_folder(path: Path) -> str:
    from kerasrecipes.recipe.suggest import find_meant

    folders = _list_folders(path.parent if path.parent.name else Path("runs"))
    by_name = {folder.name: folder for folder in folders}
    meant = find_meant(path.name, by_name)
    return f" Did you mean {by_name[meant]}?" if meant else ""


def _list_folders(output_dir: Path) -> list[Path]:
    """Every ``runs/<name>`` in the folder of all runs."""
    return sorted({file.parents[1] for file in output_dir.glob(f"*/*/{RUN_JSON}")})


def list_runs(output_dir: Path) -> list[Run]:
    """Every run below the folder of all runs, by name, then oldest first."""
    if not output_dir.is_dir():
        return []
    return [run for folder in sorted(output_dir.iterdir()) for run in list_runs_of(folder)]


def list_runs_of(folder: Path) -> list[Run]:
    """Every run in ``runs/<name>``, oldest first."""
    if not folder.is_dir():
        return []

    def started(path: Path) -> tuple[str, int]:
        stamp, _, n = path.name.partition("-")
        time, _, again = n.partition("-")
        return f"{stamp}-{time}", int(again) if again.isdigit() else 1

    found = (child for child in folder.iterdir() if (child / RUN_JSON).is_file())
    return [Run(path) for path in sorted(found, key=started)]
