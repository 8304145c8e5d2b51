"""The run folder; all file names of a run folder are defined here.

    runs/<name>/<YYYYmmdd-HHMMSS>/
        recipe.yaml      resolved; trains again unchanged
        run.json         status, versions, device, data, layers, seconds, warnings
        history.csv      a row an epoch
        metrics.json     {"train": {...}, "validation": {...}, "test": {...}}
        predictions.csv  the test rows: actual, predicted, a probability for each class;
                         predictions.npz where these are arrays
        residuals.npz    absolute residuals of validation rows, for prediction intervals
        samples.npz      the test images that the report shows (image data only)
        model.keras      takes raw rows
        plots/*.png      the report's plots
        report.html      one file, opens anywhere
        log.txt          TensorFlow's messages
        checkpoints/     the state of training, to continue from
        profile/         a trace for TensorBoard (train --profile)
        .lock            locked by the process that trains the run

Every file is written under another name and then renamed, so that a reader never finds an
incomplete file. Nothing here imports TensorFlow.
"""

from __future__ import annotations

import csv
import io
import json
import os
import platform
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from glob import glob
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from kerasrecipes.durable import PARTIAL, write_file
from kerasrecipes.errors import InputError, RunDamaged, RunNotFound
from kerasrecipes.recipe.names import find_meant
from kerasrecipes.run_files import METRICS, RUN, check_file, check_place, report_damage

RUN_JSON = "run.json"
LOCK = ".lock"
_LOCK_TIMEOUT_S = 0.5
"""Long enough for a process that only looks whether the lock is held."""
_LARGEST_TEXT = 32_000_000  # bytes; as JSON it takes up to 0.8 GB of memory
_LARGEST_ARRAYS = 2_000_000_000
OWN_FILES = frozenset(
    f"{RUN_JSON} recipe.yaml history.csv metrics.json predictions.csv predictions.npz "
    "residuals.npz samples.npz model.keras report.html log.txt".split()
)
"""Files that every run writes itself; callbacks must not use these names."""


class Run:
    """One run's folder, read; a property raises ``RunDamaged`` if its file cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recipe_path = path / "recipe.yaml"
        self.model_path = path / "model.keras"
        self.report_path = path / "report.html"
        self.checkpoints_path = path / "checkpoints"
        self.profile_path = path / "profile"
        self.log_path = path / "log.txt"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r}, status={self.status!r})"

    @property
    def info(self) -> dict[str, Any]:
        """The content of run.json."""
        return self._read_json(RUN_JSON, RUN)

    @property
    def status(self) -> str:
        """The status: "running", "finished", "interrupted", "failed", "killed", or "damaged".

        A run is killed if its process has ended without writing another status. Whether a process
        of another host has ended cannot be known: its run is "running". A run is damaged if its
        run.json cannot be used.
        """
        try:
            info = self.info
            is_here = info.get("process", {}).get("host") == platform.node()
            if info["status"] == "running" and is_here and not self._is_held():
                return "killed"
            return str(info["status"])
        except RunDamaged:
            return "damaged"

    @property
    def epochs_run(self) -> int:
        """How many epochs are finished, as far as the run has noted it."""
        names = [file.name for file in self.checkpoints_path.glob("*.npz")]
        kept = max((int(name[:6]) for name in names if name[:6].isdecimal()), default=0)
        return max(kept, int(self.info.get("epochs_run", 0)))

    @property
    def has_network(self) -> bool:
        """Whether this is not a run of scikit-learn's model in a comparison."""
        return "layers" in self.info or self.status != "finished"

    def _is_held(self) -> bool:
        """Whether a process holds the run's lock; True if this cannot be determined."""
        from filelock import FileLock, Timeout

        check_place(self.path / LOCK)
        if not (self.path / LOCK).exists():
            return False
        try:
            FileLock(self.path / LOCK).acquire(timeout=0).lock.release()
        except (Timeout, OSError, NotImplementedError):  # or its file system has no locks
            return True
        return False

    @property
    def recipe_text(self) -> str:
        """The resolved recipe, as YAML; empty until written."""
        if not self._has("recipe.yaml"):
            return ""
        with self._reading("recipe.yaml", _LARGEST_TEXT) as file:
            return file.read_text(encoding="utf-8")

    @property
    def history(self) -> dict[str, list[float]]:
        """Columns of history.csv, by name: "epoch" (from 1), "loss", ...; empty until written."""
        columns = self._read_csv("history.csv", "epoch")
        with report_damage(self.path / "history.csv"):
            if len(columns) > 1 and "loss" not in columns:
                raise KeyError("loss")
            return {name: [*map(float, values)] for name, values in columns.items()}

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """The content of metrics.json: metric values by name, by part; empty until written."""
        return self._read_json("metrics.json", METRICS) if self._has("metrics.json") else {}

    @property
    def predictions(self) -> dict[str, Any]:
        """Columns of predictions.csv, by name: "row", "actual", ...; text; empty until written.

        Where rows have arrays as target, those of predictions.npz: "row", "actual" and "predicted"
        of shape (n_rows, ...), "probability" of predicted classes, and "known", false where a mask
        covers a step.
        """
        columns = self._read_csv("predictions.csv", "row")
        return columns or self._read_arrays("predictions.npz", "actual", "predicted")

    @property
    def samples(self) -> dict[str, Any] | None:
        """Images for the report, or None where the data are not images.

        Keys: "images" of shape (n_images, height, width) or (..., channels), raw values;
        "positions" of shape (n_images,), each one's line in predictions.csv, counted from 0;
        "drops" of shape (n_done, n_patches, n_patches), see ``training.assessment.occlude``.
        """
        arrays = self._read_arrays("samples.npz", "images", "positions")
        return {"drops": ()} | arrays if arrays else None

    @property
    def residuals(self) -> Any:
        """Absolute residuals of validation rows, see ``report.results``; None without them."""
        return self._read_arrays("residuals.npz", "residuals").get("residuals")

    def plots(self) -> dict[str, Path]:
        return {file.stem: file for file in sorted((self.path / "plots").glob("*.png"))}

    def _has(self, name: str) -> bool:
        return os.path.lexists(self.path / name)

    @contextmanager
    def _reading(self, name: str, largest: float = float("inf")) -> Iterator[Path]:
        """Give a file's path, and raise RunDamaged if it, or its content, cannot be used."""
        file = self.path / name
        check_file(file, largest)
        with report_damage(file):
            yield file

    def _read_json(self, name: str, shape: TypeAdapter[Any]) -> dict[str, Any]:
        with self._reading(name, _LARGEST_TEXT) as file:
            content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            shape.validate_python(content)
            return content

    def _read_csv(self, name: str, first: str) -> dict[str, list[str]]:
        """Columns by name, as text, of which the first has this name; empty until written."""
        if not self._has(name):
            return {}
        with self._reading(name) as file, open(file, encoding="utf-8", newline="") as opened:
            header, *rows = [*csv.reader(opened)] or [[]]
            if header[:1] != [first] or len({*header}) < len(header):
                raise ValueError(f"line 1 must name its columns, '{first}' first and each once")
            if any(len(row) != len(header) for row in rows):
                raise ValueError(f"every line must have {len(header)} values, as line 1 has")
            return {name: [row[i] for row in rows] for i, name in enumerate(header)}

    def _read_arrays(self, name: str, *needed: str) -> dict[str, Any]:
        """Arrays of an .npz file, by name; those that are needed are there; empty until written."""
        if not self._has(name):
            return {}
        import numpy as np

        with self._reading(name) as file:
            with zipfile.ZipFile(file) as archive:
                if sum(member.file_size for member in archive.infolist()) > _LARGEST_ARRAYS:
                    raise ValueError(f"it unpacks to more than {_LARGEST_ARRAYS:,} bytes")
            with np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in {*needed, *arrays.files}}


class RunWriter(Run):
    """One run's folder, written: what training and evaluation use."""

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Hold the run's lock in the block, or raise InputError if another process holds it."""
        from filelock import FileLock, Timeout

        check_place(self.path / LOCK)
        lock = FileLock(self.path / LOCK)
        try:
            lock.acquire(timeout=_LOCK_TIMEOUT_S)
        except Timeout:
            raise InputError(describe_holder(self)) from None
        except NotImplementedError:  # the file system has no locks
            pass
        try:
            yield
        finally:
            lock.release()

    def begin(self, **facts: Any) -> None:
        """Write the facts of a run that begins or continues, and the process that trains it."""
        for half_written in self.path.rglob(f"{PARTIAL}*"):  # by a killed process
            half_written.unlink()
        process = {"host": platform.node(), "pid": os.getpid()}
        self.update(status="running", error="", process=process, **facts)

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
        self._write_text("recipe.yaml", text)

    def write_history(self, history: Mapping[str, Sequence[float]]) -> None:
        """Write columns of equal length, and the epoch's number (from 1) as the first."""
        n_epochs = len(next(iter(history.values()), ()))
        self._write_csv("history.csv", {"epoch": range(1, n_epochs + 1), **history})

    def write_metrics(self, metrics: Mapping[str, Mapping[str, float]]) -> None:
        self._write_json("metrics.json", metrics)

    def write_predictions(self, columns: Mapping[str, Iterable[Any]]) -> None:
        """Write columns of equal length, or arrays, named as in ``Run.predictions``."""
        if any(getattr(values, "ndim", 1) > 1 for values in columns.values()):
            self._write_arrays("predictions.npz", columns)
        else:
            self._write_csv("predictions.csv", columns)

    def write_samples(self, **arrays: Any) -> None:
        self._write_arrays("samples.npz", arrays)

    def write_residuals(self, residuals: Any) -> None:
        self._write_arrays("residuals.npz", {"residuals": residuals})

    def _write_arrays(self, name: str, arrays: Mapping[str, Any]) -> None:
        import numpy as np

        buffer = io.BytesIO()
        smallest: dict[str, Any] = {}
        for key, values in arrays.items():
            array = np.asarray(values)
            if array.dtype.kind == "i" and array.size:  # the smallest type that has all numbers
                ends = map(np.min_scalar_type, (array.min(), array.max()))
                array = array.astype(np.result_type(*ends))
            smallest[key] = array
        np.savez_compressed(buffer, **smallest)
        write_file(self.path / name, buffer.getvalue())

    def write_plot(self, name: str, png: bytes) -> None:
        folder = self.path / "plots"
        check_place(folder)
        folder.mkdir(exist_ok=True)
        write_file(folder / f"{name}.png", png)

    def write_report(self, html: str) -> None:
        self._write_text("report.html", html)

    def _write_text(self, name: str, text: str) -> None:
        # A file's name that is not UTF-8 has lone surrogates, which JSON writes as \\udce9.
        write_file(self.path / name, text.encode("utf-8", "backslashreplace"))

    def _write_json(self, name: str, value: Any) -> None:
        self._write_text(name, json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    def _write_csv(self, name: str, columns: Mapping[str, Iterable[Any]]) -> None:
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
        self._write_text(name, text.getvalue())


def check_network(run: Run) -> None:
    """Raise InputError if a run is one of scikit-learn's model in a comparison."""
    if not run.has_network:
        raise InputError(
            f"{run.path} is a run of {run.info.get('name')} in a comparison, whose model is not "
            "saved. Name the run of a network."
        )


def describe_holder(run: Run) -> str:
    """Describe the process that trains a run, for a message."""
    process = run.info.get("process", {})
    return (
        f"{run.path} is in training, by process {process.get('pid')} on {process.get('host')}. "
        "Wait until it ends, or stop that process."
    )


def create_folder(parent: Path, started_at: datetime) -> Path:
    """Make a folder named after a local time; if the newest is as late, its name is numbered."""
    stamp, n = started_at.strftime("%Y%m%d-%H%M%S"), 1
    for taken, number in map(_read_name, glob("*-*", root_dir=parent)):
        if re.fullmatch(r"\d{8}-\d{6}", taken):
            stamp, n = max((stamp, n), (taken, number + 1))
    while True:
        path = parent / (stamp if n == 1 else f"{stamp}-{n}")
        try:
            path.mkdir(parents=True)
            return path
        except OSError as error:
            if not os.path.lexists(path):  # such as a parent that is a link to nothing
                reason = f"No folder can be made in {parent}: {error.strerror}."
                raise InputError(reason) from error
            n += 1


def check_writable(folder: Path) -> None:
    """Make a folder if it is missing, and raise InputError if no files can be made in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise InputError(f"No file can be made in {folder}: {error.strerror}.") from error


def create_run(output_dir: Path, folder_name: str, started_at: datetime) -> RunWriter:
    """Make a run folder that no other run has, even one started in the same second."""
    if not 1980 <= started_at.year <= 2107:  # checked now, not when the trained model is saved
        raise InputError(
            f"This machine's clock says {started_at:%Y-%m-%d}. A model is saved as a ZIP file, "
            "whose dates lie between 1980 and 2107. Set the clock."
        )
    return RunWriter(create_folder(output_dir / folder_name, started_at))


def is_run(path: Path) -> bool:
    """Whether a folder is a run, which may be damaged, or may be one, since it cannot be read."""
    is_closed = os.path.isdir(path) and not os.access(path, os.R_OK | os.X_OK)
    return os.path.lexists(path / RUN_JSON) or is_closed


def find_run(path: Path) -> Run:
    """Find the run at a path, its own folder or the newest in ``runs/<name>``, or raise."""
    if is_run(path):
        return Run(path)
    if runs := list_runs_of(path):
        return runs[-1]
    folder = Path("runs") if path.parent == Path() else path.parent
    name = find_meant(path.stem, {run.path.parent.name for run in list_runs(folder)})
    meant = path.parent if is_run(path.parent) else name and folder / name
    hint = f"Did you mean '{meant}'?" if meant else "To see the runs: kerasrecipes ls runs"
    raise RunNotFound(
        f"{path} is not a run. A run is a folder such as runs/boston/20260131-120000, and "
        f"runs/boston alone means its newest one. {hint}"
    )


def list_runs(output_dir: Path) -> list[Run]:
    """Every run below the folder of all runs, by name, then oldest first."""
    if not output_dir.is_dir():
        return []
    return [run for folder in sorted(output_dir.iterdir()) for run in list_runs_of(folder)]


def list_runs_of(folder: Path) -> list[Run]:
    """Every run in ``runs/<name>``, oldest first."""
    if not folder.is_dir():
        return []
    if not os.access(folder, os.R_OK | os.X_OK):
        return [Run(folder)]
    names = [path.name for path in folder.iterdir() if is_run(path)]
    return [Run(folder / name) for name in sorted(names, key=_read_name)]


def _read_name(name: str) -> tuple[str, int]:
    """The time that a folder is named after, and its number among those of the same time."""
    date, _, rest = name.partition("-")
    time, _, number = rest.partition("-")
    return f"{date}-{time}", int(number) if number.isdecimal() else 1
