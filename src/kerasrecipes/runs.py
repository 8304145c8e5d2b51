"""The run folder: the only place that knows its file names.

    runs/<name>/<YYYYmmdd-HHMMSS>/
        recipe.yaml      resolved; trains again as it stands
        run.json         status, versions, device, data, layers, seconds, warnings
        history.csv      a row an epoch
        metrics.json     {"train": {...}, "validation": {...}, "test": {...}}
        predictions.csv  the test rows: actual, predicted, a probability for each class
        samples.npz      the test images that the report shows (image data only)
        model.keras      takes raw rows
        plots/*.png      the report's pictures
        report.html      one file, opens anywhere
        log.txt          what TensorFlow said
        profile/         a trace for TensorBoard (train --profile)

Every file is written under another name and then renamed, so that a reader finds it whole or not
at all. Nothing here imports TensorFlow.
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
"""What every run writes into its folder, and nobody else may."""


class Run:
    """One run's folder, read and written.

    Attributes:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, status={self.info.get('status')!r})"

    @property
    def info(self) -> dict[str, Any]:
        """What run.json says."""
        return dict(json.loads((self.path / RUN_JSON).read_text(encoding="utf-8")))

    def update(self, **facts: Any) -> None:
        """Merge facts into run.json."""
        known = self.info if (self.path / RUN_JSON).exists() else {}
        self._write_json(RUN_JSON, known | facts)

    def discard(self) -> None:
        """Remove the folder of a run that never began."""
        shutil.rmtree(self.path)
        with suppress(OSError):  # other runs of this name are still there
            self.path.parent.rmdir()

    @property
    def recipe_text(self) -> str:
        """The resolved recipe, as YAML."""
        return self.recipe_path.read_text(encoding="utf-8")

    @property
    def recipe_path(self) -> Path:
        """The resolved recipe's file."""
        return self.path / "recipe.yaml"

    def write_recipe(self, text: str) -> None:
        """Keep the resolved recipe."""
        self._write_text("recipe.yaml", text)

    @property
    def history(self) -> dict[str, list[float]]:
        """Columns of history.csv, by name: "epoch" (from 1), "loss", ...; a row an epoch."""
        return {
            name: [float(value) for value in values]
            for name, values in self._read_csv("history.csv").items()
        }

    def write_history(self, history: Mapping[str, Sequence[float]]) -> None:
        """Write columns of equal length, the epoch's number first (from 1)."""
        n_epochs = len(next(iter(history.values()), ()))
        self._write_csv("history.csv", {"epoch": range(1, n_epochs + 1), **history})

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """What metrics.json says: metric values by name, by part."""
        return dict(json.loads((self.path / "metrics.json").read_text(encoding="utf-8")))

    def write_metrics(self, metrics: Mapping[str, Mapping[str, float]]) -> None:
        """Write metric values by name, by part."""
        self._write_json("metrics.json", metrics)

    @property
    def predictions(self) -> dict[str, list[str]]:
        """Columns of predictions.csv, by name: "row", "actual", "predicted", ...; as text."""
        return self._read_csv("predictions.csv")

    def write_predictions(self, columns: Mapping[str, Iterable[Any]]) -> None:
        """Write columns of equal length; see the module's docstring for their names."""
        self._write_csv("predictions.csv", columns)

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

    def write_samples(self, **arrays: Any) -> None:
        """Keep images for the report; keys as in ``samples``."""
        import numpy as np

        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        self._write_bytes("samples.npz", buffer.getvalue())

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
        """A trace of the fit for TensorBoard, where one was asked for."""
        return self.path / "profile"

    @property
    def log_path(self) -> Path:
        """What TensorFlow and other libraries said."""
        return self.path / "log.txt"

    def plots(self) -> dict[str, Path]:
        """The pictures there are, by name, in the order of the names."""
        return {file.stem: file for file in sorted((self.path / "plots").glob("*.png"))}

    def write_plot(self, name: str, png: bytes) -> None:
        """Keep a picture as plots/<name>.png."""
        (self.path / "plots").mkdir(exist_ok=True)
        self._write_bytes(f"plots/{name}.png", png)

    def write_report(self, html: str) -> None:
        """Keep the report's page."""
        self._write_text("report.html", html)

    def _write_bytes(self, name: str, content: bytes) -> None:
        write_file(self.path / name, content)

    def _write_text(self, name: str, text: str) -> None:
        self._write_bytes(name, text.encode("utf-8"))

    def _write_json(self, name: str, value: Any) -> None:
        self._write_text(name, json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    def _write_csv(self, name: str, columns: Mapping[str, Iterable[Any]]) -> None:
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
        self._write_text(name, text.getvalue())

    def _read_csv(self, name: str) -> dict[str, list[str]]:
        with open(self.path / name, encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        return {key: [row[i] for row in rows] for i, key in enumerate(header)}


def write_file(file: Path, content: bytes) -> None:
    """Write a file that a reader finds whole or not at all."""
    with replacing(file) as partial:
        partial.write_bytes(content)


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Give a path to write to; on success it takes the place of ``file`` at once.

    The suffix is kept, since Keras chooses its format by it.
    """
    partial = file.with_name(f".partial-{file.name}")
    try:
        yield partial
        os.replace(partial, file)
    finally:
        partial.unlink(missing_ok=True)


def create_folder(parent: Path, started_at: datetime) -> Path:
    """Make a folder named after a local time that no other call was given, in the same second."""
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


def create_run(output_dir: Path, folder_name: str, started_at: datetime) -> Run:
    """Make a run folder that no other run has, even one started in the same second.

    Args:
        output_dir: The folder of all runs, made if it is missing.
        folder_name: The recipe's name, safe for a file name.
        started_at: Local time.
    """
    return Run(create_folder(output_dir / folder_name, started_at))


def find_run(path: Path) -> Run:
    """Find the run at a path: its own folder, or the newest in ``runs/<name>``.

    Raises:
        RunNotFound: Neither holds a run.
    """
    if (path / RUN_JSON).is_file():
        return Run(path)
    runs = list_runs_of(path)
    if runs:
        return runs[-1]
    what = "it holds no run" if path.is_dir() else "there is no such folder"
    raise RunNotFound(
        f"{path} is not a run: {what}.\n"
        "  A run is a folder such as runs/boston/20260131-120000, and runs/boston alone means its "
        "newest one.\n  To see the runs there are: kerasrecipes ls runs"
    )


def list_runs(output_dir: Path) -> list[Run]:
    """Every run below the folder of all runs, by name, then oldest first."""
    names = (
        sorted(child for child in output_dir.iterdir() if child.is_dir())
        if (output_dir.is_dir())
        else []
    )
    return [run for name in names for run in list_runs_of(name)]


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
