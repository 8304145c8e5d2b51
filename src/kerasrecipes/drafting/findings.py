"""What there is to know of somebody's data before a recipe can be written for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.data.columns import infer_columns, list_columns
from kerasrecipes.data.dataset import Column, Source
from kerasrecipes.data.files import has_delimited, read_table
from kerasrecipes.data.missing import mark_missing
from kerasrecipes.data.table import make_source
from kerasrecipes.data.target import encode_target, read_target
from kerasrecipes.data.values import find_missing, name_value, show_rows
from kerasrecipes.errors import DataError
from kerasrecipes.recipe.endings import has_arrays
from kerasrecipes.recipe.schema import CsvSpec, DatasetSpec, Task
from kerasrecipes.recipe.suggest import find_meant

if TYPE_CHECKING:
    import pyarrow as pa

    from kerasrecipes.drafting.image_sizes import ImageFacts

FEWEST_ROWS = 10
TARGET_NAMES = (
    *("target", "label", "labels", "class", "y", "outcome", "response"),
    *("정답", "레이블", "라벨", "목표", "타깃", "타겟"),
)
"""What people call the column to predict; earlier names win."""


@dataclass(frozen=True)
class Findings:
    """What was found in somebody's data.

    Attributes:
        path: The file, pattern or folder; absolute.
        source: The rows, as training with the recipe would have them before they are split.
        target: The column to predict; empty where files and folders say it by themselves.
        target_reason: Why that one, where nobody named it.
        drop: Columns that are better left out, and why.
        gaps: How many values each column lacks, where it lacks any.
        n_unanswered: Rows without a target.
        images: Of a folder of images, what they are like.
        encoding: Of a CSV file, where it was named.
    """

    path: Path
    source: Source
    target: str = ""
    target_reason: str = ""
    drop: Mapping[str, str] = field(default_factory=dict)
    gaps: Mapping[str, int] = field(default_factory=dict)
    n_unanswered: int = 0
    images: ImageFacts | None = None
    encoding: str | None = None

    @property
    def n_inputs(self) -> int:
        """How many numbers a row gives the first layer."""
        inputs = self.source.inputs
        if not isinstance(inputs, dict):
            return int(np.prod(inputs.shape[1:]))
        total = 0
        for column in self.source.columns:
            total += len(column.inputs)
            if column.kind == "category":
                n_places = column.arguments.get("max_tokens") or column.arguments["num_bins"]
                n_distinct = len(set(inputs[column.name].tolist()))
                total += min(n_distinct, n_places) - 1
        return total


def look_at(path: Path, target: str | None, encoding: str | None = None) -> Findings:
    """Look at a file of a table or of arrays, or at a folder of images.

    Args:
        path: Absolute; may be a pattern such as "/data/*.csv".
        target: The column to predict; None lets its name or its place say so.
        encoding: Of a CSV file, a codec that Python knows.

    Raises:
        DataError: The data cannot be read, or no recipe would train on them.
    """
    spec = DatasetSpec(
        path=str(path), target=target, missing="median", csv=CsvSpec(encoding=encoding)
    )
    is_folder = path.is_dir()
    if encoding is not None and (is_folder or has_arrays(path) or not has_delimited(str(path))):
        problem = (
            "--encoding is for delimited text such as CSV files (received: "
            f"'{encoding}' for {path.name}). Leave it out."
        )
        raise DataError(path.name, [problem])
    found = _look_at_folder(path, target) if is_folder else _look_at_file(path, spec, target)
    found = replace(found, encoding=encoding)
    n_rows = len(found.source.target)
    if n_rows < FEWEST_ROWS:
        what = "images" if found.images else "rows with a target" if found.n_unanswered else "rows"
        problem = (
            f"a recipe needs {FEWEST_ROWS} {what} at least to train, validate and test on "
            f"(received: {n_rows}). Add some."
        )
        raise DataError(path.name, [problem])
    return found


def _look_at_folder(path: Path, asked: str | None) -> Findings:
    from kerasrecipes.data.images import load_image_folder
    from kerasrecipes.drafting.image_sizes import look_at_images

    if asked is not None:
        problem = (
            f"--target: the sub-folders of {path.name} are the classes of its images (received: "
            f"'{asked}'). Leave --target out."
        )
        raise DataError(path.name, [problem])
    facts = look_at_images(path)
    size = list(facts.image_size) if facts.image_size else None
    spec = DatasetSpec(path=str(path), image_size=size, color_mode=facts.color_mode)
    return Findings(path, load_image_folder(str(path), spec), images=facts)


def _look_at_file(path: Path, spec: DatasetSpec, asked: str | None) -> Findings:
    if not has_arrays(path):
        return _look_at_table(path, read_table(str(path), spec), spec, asked)
    from kerasrecipes.data.arrays import read_arrays

    rows = read_arrays(str(path), spec.model_copy(update={"target": asked}))
    if isinstance(rows, Source):
        return Findings(path, rows, asked or "")
    return _look_at_table(path, mark_missing(rows, spec), spec, asked)


def _look_at_table(path: Path, table: pa.Table, spec: DatasetSpec, asked: str | None) -> Findings:
    n_rows = len(table)
    target, reason = _choose_target(table, spec, path.name, asked)
    task = _find_task(table, target, path.name)
    spec = spec.model_copy(update={"target": target})
    source = make_source(table, spec, path.name, str(path), task)
    inputs = cast(dict[str, NDArray[Any]], source.inputs)
    useless = dict(_find_useless(source, inputs))
    if len(useless) == len(source.columns):
        useless = {}
    columns = tuple(column for column in source.columns if column.name not in useless)
    inputs = {name: inputs[name] for column in columns for name in column.inputs}
    return Findings(
        path,
        replace(source, inputs=inputs, columns=columns),
        target,
        reason,
        dict(source.left_out) | useless,
        dict(_count_gaps(columns, inputs)),
        n_rows - len(source.target),
    )


def _choose_target(
    table: pa.Table, spec: DatasetSpec, dataset: str, asked: str | None
) -> tuple[str, str]:
    """The column to predict, and why it was chosen where nobody named it."""
    names = table.column_names
    if asked is not None:
        if asked not in names:
            meant = find_meant(asked, names)
            hint = f" Did you mean '{meant}'?" if meant else ""
            problem = f"--target: no column '{asked}'.{hint} {list_columns(names)}"
            raise DataError(dataset, [problem])
        return asked, ""
    columns, _ = infer_columns(table, spec, (), dataset)
    usable = [
        column.name
        for column in columns
        if column.kind != "date" and not _is_constant_column(table, column.name)
    ]
    if not usable:
        problem = "no column can be the target: each is a date, or has one value only."
        raise DataError(dataset, [f"{problem} {list_columns(names)}"])
    by_folded = {name.strip().casefold(): name for name in reversed(usable)}
    for known in TARGET_NAMES:
        if known in by_folded:
            return by_folded[known], "by its name"
    which = "last column" if usable[-1] == names[-1] else "last column that can be one"
    return usable[-1], f"as the {which}: none is called target, label, class or y"


def _is_constant_column(table: pa.Table, name: str) -> bool:
    import pyarrow.compute as pc

    return bool(pc.count_distinct(table.column(name), mode="only_valid").as_py() < 2)


def _find_task(table: pa.Table, target: str, dataset: str) -> Task | None:
    """The task of a target of whole numbers that its missing ones made floats; else None."""
    values, _ = read_target(table, target, dataset)
    if not len(values):
        return None
    if (values == values[0]).all():
        problem = (
            f"--target: {target} has one value only, {name_value(values[0])}: there is nothing to "
            "predict. Choose another."
        )
        raise DataError(dataset, [problem])
    if values.dtype.kind != "f" or not (np.isfinite(values) & (values == np.rint(values))).all():
        return None
    if np.abs(values).max() > np.iinfo(np.int32).max:
        return None
    return encode_target(values.astype(np.int64), dataset, target, None)[1]


def _find_useless(source: Source, inputs: Mapping[str, NDArray[Any]]) -> Iterator[tuple[str, str]]:
    rows = np.arange(len(source.target)) if source.rows is None else source.rows
    for column in source.columns:
        arrays = [inputs[name] for name in column.inputs]
        infinite = [np.flatnonzero(np.isinf(a)) for a in arrays if a.dtype != object]
        if any(map(len, infinite)):
            yield column.name, f"infinite values in {show_rows(rows[infinite[0]])}"
        elif all(_has_one_value(values) for values in arrays):
            yield column.name, "one value only: nothing to learn from"


def _has_one_value(values: NDArray[Any]) -> bool:
    """Whether all values are alike; missing numbers are filled in, a missing text is a value."""
    known = values if values.dtype == object else values[~np.isnan(values)]
    return bool((known == known[:1]).all())


def _count_gaps(
    columns: tuple[Column, ...], inputs: Mapping[str, NDArray[Any]]
) -> Iterator[tuple[str, int]]:
    for column in columns:
        if count := int(np.count_nonzero(find_missing(inputs[column.inputs[0]]))):
            yield column.name, count
