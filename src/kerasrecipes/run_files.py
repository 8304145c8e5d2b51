"""The content of run.json, and checks of a run's files, which may come from someone else."""

from __future__ import annotations

import csv
import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, FiniteFloat, TypeAdapter, ValidationError, create_model

from kerasrecipes.errors import RunDamaged
from kerasrecipes.recipe.components import FEATURES

_STRICT = ConfigDict(strict=True)
_RAISED = (
    *(OSError, EOFError, TypeError, ValueError, LookupError, RuntimeError, MemoryError),
    *(csv.Error, zlib.error, zipfile.BadZipFile),
)


def _shape(*groups: tuple[Any, str], default: Any = None) -> Any:
    """A mapping with strict types: pairs of a type and the keys that have it."""
    keys = {key: (kind, default) for kind, names in groups for key in names.split()}
    return create_model("Facts", __config__=_STRICT, **keys)  # type: ignore[call-overload]


_Count = Annotated[int, Field(ge=0, lt=2**63)]
_Counts: Any = list[_Count]
_ARGUMENTS = _shape(
    (FiniteFloat, "scale offset"),
    (_Count, "num_bins max_tokens"),
    (str | None, "format unit decimal thousands zone"),
)
_COLUMN = _shape(
    (str, "kind name reason"),
    (Literal[*FEATURES], "feature"),
    (list[str], "parts"),
    (_ARGUMENTS, "arguments"),
    default=...,
)
_DATA = _shape(
    (str, "name origin task target fingerprint target_fingerprint split"),
    (str | None, "target_unit"),
    (list[str], "targets class_names"),
    (bool, "standardized weighted is_image"),
    (list[_COLUMN], "columns target_columns"),  # type: ignore[valid-type]
    (list[Annotated[list[str], Field(min_length=2, max_length=2)]], "left_out"),
    (_Counts, "shape"),
    (_Count, "n_steps period"),
    (dict[str, _Count], "rows"),
    (dict[str, _Counts], "class_counts"),
)
_CODEC = _shape(
    (str, "kind"),
    (list[str], "class_names names"),
    (_Count, "n_units"),
    (list[FiniteFloat], "mean scale thresholds"),
    (str, "threshold_reason"),
    (Annotated[FiniteFloat, Field(ge=0.01, le=100)], "temperature"),
    (bool, "from_logits"),
    (Literal["text", "integer", "boolean"], "class_type"),
    (_Counts, "steps"),
    (bool, "is_multilabel"),
)
_LAYER = _shape(
    (str, "type name arithmetic"),
    (_Count, "parameters trainable"),
    (_Count | None, "multiply_adds"),
    (list[_Count | None], "output_shape"),
    default=...,
)
_ORIGIN = _shape((str, "run"), (_Count, "epoch step"), default=...)
_WEIGHTS = _shape((str, "run"), (list[str], "layers"), default=...)
_Interval = Annotated[list[FiniteFloat], Field(min_length=3, max_length=3)]  # mean and ends
_LINEAR_MODEL = _shape(
    (str, "left_out"),
    (_Count, "rows of_rows"),
    (dict[str, dict[str, float]], "scores"),
    (FiniteFloat, "error"),
    (_Interval, "gain"),
)
_IMPORTANCE = _shape(
    (dict[str, _Interval], "columns"), (_Count, "rows of_rows repeats"), (str, "left_out")
)
_FACTS = _shape(
    (str, "name command started_at finished_at stopped_by error evaluated device"),
    (str, "profile optimizer loss model_sha256"),
    (str | None, "description git_commit"),
    (int | None, "seed"),
    (_Count, "epochs epochs_run weights_of_epoch batch_size parameters parameters_bytes workers"),
    (_Count | None, "multiply_adds"),
    (list[str], "warnings plots"),
    (dict[str, str], "versions"),
    (dict[str, str | int], "process"),
    (list[_ORIGIN], "continued"),  # type: ignore[valid-type]
    (_WEIGHTS, "weights_from"),
    (dict[str, list[str]], "rare_categories"),
    (list[Annotated[FiniteFloat, Field(ge=0)]], "class_weights"),
    (dict[str, bool | None], "higher_is_better"),
    (dict[str, Annotated[FiniteFloat, Field(ge=0)]], "seconds"),
    (_DATA, "dataset"),
    (_CODEC, "codec"),
    (list[_LAYER], "layers"),  # type: ignore[valid-type]
    (_LINEAR_MODEL, "linear_model"),
    (_IMPORTANCE, "importance"),
)
RUN = TypeAdapter(create_model("Run", __base__=_FACTS, status=(str, ...)))
"""The content of run.json; an unfinished run has fewer facts."""
METRICS = TypeAdapter(dict[str, dict[str, float]], config=_STRICT)
"""The content of metrics.json: metric values by name, by part."""


@contextmanager
def report_damage(file: Path) -> Iterator[None]:
    """Raise RunDamaged where a file cannot be read, or its content not be used."""
    try:
        yield
    except _RAISED as error:
        reason = str(error).rstrip(".")
        if isinstance(error, ValidationError):
            first = error.errors(include_url=False)[0]
            reason = f"{'.'.join(map(str, first['loc'])) or 'content'}: {first['msg']}"
        elif isinstance(error, OSError):
            reason = error.strerror or reason
        elif isinstance(error, LookupError):
            reason = f"{error} is missing or unknown"
        raise RunDamaged(file, reason) from error


def check_place(path: Path) -> None:
    """Raise RunDamaged if a path of a run is a link that leads out of its folder."""
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(path.parent)):
        raise RunDamaged(path, "it is a link that leads out of the run's folder")


def check_file(file: Path, largest: float = float("inf")) -> None:
    """Raise RunDamaged if a file is not a regular one inside its folder, or has more bytes."""
    check_place(file)
    with report_damage(file):
        if file.stat().st_size > largest:
            raise ValueError(f"it has more than {largest:,} bytes")
        if not file.is_file():
            raise ValueError("it is not a regular file")


def hash_file(file: Path) -> str:
    """Compute a file's SHA-256, in hexadecimal digits."""
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
