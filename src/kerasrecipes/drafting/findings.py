"""Finds facts in a user's data before a recipe is written for them."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import DataError, InputError
from kerasrecipes.recipe import Component, load_recipe
from kerasrecipes.recipe.endings import IMAGES
from kerasrecipes.recipe.schema import DatasetSpec, MissingValues
from kerasrecipes.rows import open_rows
from kerasrecipes.rows.cells import Cells, Missing
from kerasrecipes.rows.dataset import Source
from kerasrecipes.rows.files.layout import HeaderMissing
from kerasrecipes.rows.files.raw import explain_damage
from kerasrecipes.rows.images import find_size
from kerasrecipes.rows.kinds import Finding, NumberColumn, find_row_number
from kerasrecipes.rows.table import describe_words
from kerasrecipes.rows.target import MAX_CODES, check_type, recognise_target
from kerasrecipes.rows.texts import find_texts
from kerasrecipes.rows.words import ask_meant, list_columns

if TYPE_CHECKING:
    from kerasrecipes.rows.table import LoadedTable, Table

FEWEST_ROWS = 10
TARGET_NAMES = (
    *("target", "label", "labels", "class", "y", "outcome", "response"),
    *("정답", "레이블", "라벨", "목표", "타깃", "타겟"),
)
"""Usual names of the column to predict; earlier names win."""

_NO_HEADER = (
    "The first line looks like a row, so the columns are named column 1, column 2, …; write csv: "
    "{header: [a, b, …]} to name them, or header: first if it names them."
)
_ONE_COLUMN = (
    " The file is read as one column: write a comma between the values, or name the character "
    "that divides them in dataset.csv.delimiter."
)
_GRAY_MODES = ("1", "L", "LA", "I", "I;16", "F")
_LARGEST_SIDE = 160
_STEP = 8
_MOST_LOOKED_AT = 2_000
_WORDS_AS_CLASSES = ("None", "NA")
_FREQUENT = 0.05


@dataclass(frozen=True)
class Findings:
    """Findings in a user's data.

    Attributes:
        path: The file, pattern or folder; absolute.
        source: The rows, as training with the recipe would have them before they are split.
        spec: The recipe's ``dataset`` so far: how the data are read, and the target.
        target_reason: The reason for this choice, if --target was not given.
        drop: Columns that are better left out, and why.
        gaps: How many values each column lacks, where it lacks any.
        n_unanswered: Rows without a target.
        hints: Points to check before training.
    """

    path: Path
    source: Source
    spec: DatasetSpec
    target_reason: str = ""
    drop: Mapping[str, str] = field(default_factory=dict)
    gaps: Mapping[str, int] = field(default_factory=dict)
    n_unanswered: int = 0
    hints: tuple[str, ...] = ()


def look_at(path: Path, target: str | None, changes: Sequence[str] = ()) -> Findings:
    """Look at a file of a table or of arrays, or at a folder of images.

    Args:
        path: Absolute; may be a pattern such as "/data/*.csv".
        target: The column to predict; None chooses it by its name or place.
        changes: How the file is read, such as "csv.skip_rows=2".

    Raises:
        InputError: The data cannot be read, or no recipe would train on them.
    """
    spec = _read_spec(path, target, changes)
    with explain_damage(path.name):
        are_images = os.path.isdir(path) and find_texts(path) is None
    found = (_look_at_folder if are_images else _look_at_file)(path, spec)
    n_rows = len(found.source.target)
    if n_rows < FEWEST_ROWS:
        without = f", and {found.n_unanswered} without a target" if found.n_unanswered else ""
        problem = (
            f"a recipe needs {FEWEST_ROWS} rows at least to train, validate and test on "
            f"(received: {n_rows}{without}). Add some."
        )
        raise DataError(path.name, [problem])
    return found


def _read_spec(path: Path, target: str | None, changes: Sequence[str]) -> DatasetSpec:
    """The keys of ``dataset``, as a recipe with these changes has them."""
    for change in changes:
        if not re.match(r"(dataset\.)?(csv|excel)\.", change):
            rule = (
                f"init takes keys of csv and excel, such as csv.skip_rows=2 (received: {change})."
            )
            raise InputError(f"{rule} Change other keys in the recipe that is written.")
    dataset = {"path": str(path), "missing": "median"} | ({"target": target} if target else {})
    overrides = [f"dataset.{change.removeprefix('dataset.')}" for change in changes]
    recipe = {"dataset": dataset, "layers": ["Flatten"], "loss": "mse"}
    return load_recipe(recipe, overrides).dataset


def _look_at_folder(path: Path, spec: DatasetSpec) -> Findings:
    if spec.target is not None:
        problem = "--target: the sub-folders are the classes of its images. Leave --target out."
        raise DataError(path.name, [problem])
    spec = spec.model_copy(update={"missing": "error", **_look_at_images(path)})
    return Findings(path, open_rows(None, spec).load(spec), spec)


def _look_at_images(folder: Path) -> dict[str, Any]:
    """Find the keys that bring images to one size and to the same channels.

    The heads of up to 2,000 images are read, spread evenly over the sub-folders.
    """
    from PIL import Image

    found_files = (file for file in folder.glob("*/**/*") if file.suffix.lower() in IMAGES)
    files = sorted(file for file in found_files if os.path.isfile(file))
    found: list[tuple[int, int]] = []
    is_gray = True
    for file in files[:: max(1, -(-len(files) // _MOST_LOOKED_AT))]:
        try:
            with Image.open(file) as image:
                found.append(find_size(image))
                is_gray &= image.mode in _GRAY_MODES
        except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError):
            continue  # The loader opens all files and reports those that are not images.
    keys: dict[str, Any] = {"color_mode": "grayscale"} if is_gray and found else {}
    sizes = np.array(found or [(0, 0)])
    are_alike = bool((sizes == sizes[0]).all()) and len(files) <= _MOST_LOOKED_AT
    if not are_alike or sizes.max() > _LARGEST_SIDE:
        middle = np.median(sizes, axis=0)
        size = middle * min(1.0, _LARGEST_SIDE / float(middle.max()))
        keys["image_size"] = [max(_STEP, round(side / _STEP) * _STEP) for side in size.tolist()]
    return keys


def _look_at_file(path: Path, spec: DatasetSpec) -> Findings:
    from kerasrecipes.rows.arrays import Arrays
    from kerasrecipes.rows.table import Table

    rows = open_rows(None, spec)
    if isinstance(rows, Arrays) and rows.are_columns:
        rows = rows.as_table()
    if isinstance(rows, Table):
        return _look_at_table(path, rows, spec)
    spec = spec.model_copy(update={"missing": "error"})
    return Findings(path, rows.load(spec), spec)


def _read_table(rows: Table, spec: DatasetSpec) -> tuple[LoadedTable, DatasetSpec]:
    """The rows, and how they are read: the first line and the decimal mark."""

    def set_csv(**keys: Any) -> DatasetSpec:
        return spec.model_copy(update={"csv": spec.csv.model_copy(update=keys)})

    try:
        table = rows.read_some(spec)
    except HeaderMissing:
        spec = set_csv(header="none")
        table = rows.read_some(spec)
    if table.notation.decimal == ",":
        spec = set_csv(decimal=",")  # One row to predict may not show what 1,234 means.
    return table, spec


def _look_at_table(path: Path, rows: Table, spec: DatasetSpec) -> Findings:
    table, spec = _read_table(rows, spec)
    kept, kept_hints = _find_kept_words(table)
    keep = spec.model_copy(update={"missing_values": MissingValues(keep=kept)})
    table = table.with_missing(Missing.read(keep))
    target, reason = _choose_target(table, path.name, str(spec.target) if spec.target else None)
    missing, wrong_hints = _find_wrong_words(table, target, kept)
    texts = [name for name in table.names if name != target and _find_kind(table, name) == "text"]
    features = dict.fromkeys(texts, Component("features", "text"))
    known = {"target": target, "missing_values": missing, "features": features}
    spec = spec.model_copy(update=known)
    table = table.with_missing(Missing.read(spec))
    target_cells = table.take_cells(target)
    _check_target(target_cells, path.name)
    source = rows.judge(table, spec)
    hints = [*wrong_hints, *kept_hints]
    if source.class_type == "text" and source.class_names:
        hints += [f"{target}: {words}" for words in [describe_words(target_cells)] if words]
    if len(source.class_names) > MAX_CODES and (amounts := recognise_target(target_cells).hint):
        hints.append(f"{target}: {amounts}.")
    hints += [f"{note[0].upper()}{note[1:]}." for note in table.notes]
    hints += [_NO_HEADER] if spec.csv.header == "none" else []
    inputs = cast(dict[str, NDArray[Any]], source.inputs)
    gaps = {c.name: int(c.find_missing(inputs[c.inputs[0]]).sum()) for c in source.columns}
    return Findings(
        path,
        source,
        spec,
        reason,
        dict(source.left_out),
        {name: n for name, n in gaps.items() if n},
        len(table) - len(source.target),
        hints=(*hints, *table.remarks),
    )


def _find_kept_words(table: LoadedTable) -> tuple[list[str], list[str]]:
    """Usual words for missing that are frequent enough to be categories, and hints on them."""
    kept: dict[str, list[str]] = {}
    for name in table.names:
        cells = table.take_cells(name)
        if _find_kind(table, name) != "category":
            continue
        words = cells.words_for_missing
        for word in _WORDS_AS_CLASSES:
            n = words.get(word, 0)
            if n >= max(2, _FREQUENT * len(table)) and 2 * n > cells.n_missing:
                kept.setdefault(word, []).append(f"{name} ({n:,} rows)")
    hints = [
        f"'{word}' is taken as a category, as it is frequent in {', '.join(where)}; if it "
        "means missing, remove it from missing_values.keep."
        for word, where in kept.items()
    ]
    return [*kept], hints


def _find_wrong_words(
    table: LoadedTable, target: str, kept: Sequence[str]
) -> tuple[MissingValues, list[str]]:
    """Words among numbers or dates: their meaning in the recipe, and hints on them."""
    by_name = {name: table.take_cells(name) for name in table.names}
    findings = {
        name: recognise_target(cells) if name == target else table.recognise(name)
        for name, cells in by_name.items()
    }
    words = dict.fromkeys(word for finding in findings.values() for word in finding.wrong)
    values = [
        word
        for word in words
        if any(
            word not in findings[name].wrong and _has_value(cells, findings[name], word)
            for name, cells in by_name.items()
        )
    ]
    added = [word for word in words if word not in values]
    return MissingValues(add=[*added], keep=[*kept, *values]), [
        f"{name}: {finding.hint.partition('; to have')[0]}; taken as missing, see missing_values."
        for name, finding in findings.items()
        if finding.wrong
    ]


def _has_value(cells: Cells, finding: Finding, word: str) -> bool:
    if isinstance(finding.column, NumberColumn):
        try:
            return bool((finding.column.read_exact(cells)[0] == float(word)).any())
        except ValueError:  # not in Python's notation of numbers
            return cells.is_text and word in cells.names
    return finding.column is not None and word in cells.names


def _choose_target(table: LoadedTable, dataset: str, asked: str | None) -> tuple[str, str]:
    """The column to predict, and the reason if --target was not given."""
    names = table.names
    columns = list_columns(names) + _ONE_COLUMN * (len(names) == 1 and not table.notation.has_types)
    if asked is not None:
        by_words = {" ".join(name.split()): name for name in names}
        asked = asked if asked in names else by_words.get(asked, asked)  # a line break in a name
        if asked not in names:
            problem = f"--target: no column '{asked}'.{ask_meant(asked, names)}"
            raise DataError(dataset, [f"{problem} {columns}"])
        return asked, ""
    usable = [name for name in names if _can_be_target(table, name)]
    if not usable:
        problem = "no column can be the target: each is a date, or has one value only."
        raise DataError(dataset, [f"{problem} {columns}"])
    by_folded = {name.strip().casefold(): name for name in reversed(usable)}
    for known in TARGET_NAMES:
        if known in by_folded:
            return by_folded[known], "Chosen by its name."
    return usable[-1], "The last usable column; no column is named target, label, class or y."


def _can_be_target(table: LoadedTable, name: str) -> bool:
    kind, cells = _find_kind(table, name), table.take_cells(name)
    is_usable = kind not in (None, "date", "text") and len(cells.distinct) > 1
    return is_usable and not find_row_number(cells)


def _find_kind(table: LoadedTable, name: str) -> str | None:
    column = table.recognise(name).column
    return column.kind if column else None


def _check_target(cells: Cells, dataset: str) -> None:
    if problem := check_type(cells):
        raise DataError(dataset, [f"--{problem}"])
    if cells.n_values and len(cells.distinct) < 2:
        problem = f"--target: {cells.name} has one value only, {cells.names[0]}. Choose another."
        raise DataError(dataset, [problem])
