"""Finds facts in a user's data before a recipe is written for them."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerasrecipes.errors import DataError, InputError
from kerasrecipes.recipe import Component, load_recipe
from kerasrecipes.recipe.endings import IMAGES
from kerasrecipes.recipe.schema import DatasetSpec, MissingValues
from kerasrecipes.rows import open_rows
from kerasrecipes.rows.arrays import Arrays
from kerasrecipes.rows.cells import Cells, Missing
from kerasrecipes.rows.dataset import Source
from kerasrecipes.rows.files.layout import HeaderMissing
from kerasrecipes.rows.files.raw import explain_damage
from kerasrecipes.rows.images import find_size
from kerasrecipes.rows.kinds import Column, NumberColumn, find_row_number
from kerasrecipes.rows.table import LoadedTable, Table, describe_words
from kerasrecipes.rows.target import MAX_CODES, check_type, recognise_target
from kerasrecipes.rows.texts import Texts, find_texts
from kerasrecipes.rows.words import ask_meant, list_columns

_FEWEST_ROWS = 10
_TARGET_NAMES = (
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
    "that divides them, such as csv.delimiter=whitespace."
)
_GRAY_MODES = ("1", "L", "LA", "I", "I;16", "F")
_LARGEST_SIDE = 160
_STEP = 8
_MOST_LOOKED_AT = 2_000
_WORDS_AS_CLASSES = ("None", "NA")
_FREQUENT = 0.05


@dataclass(frozen=True)
class Findings:
    """Findings in a user's data: rows as training with the recipe would have them, not yet split.

    ``spec`` is the recipe's ``dataset`` so far: how the data are read, and the target.
    """

    path: Path
    source: Source
    spec: DatasetSpec
    target_reason: str = ""  # why it was chosen, if --target was not given
    n_unanswered: int = 0  # rows without a target
    hints: tuple[str, ...] = ()  # points to check before training


def look_at(path: Path, target: str | None, changes: Sequence[str] = ()) -> Findings:
    """Look at a table, at arrays, or at a folder of images or texts; see ``draft_recipe``."""
    for change in changes:
        if not re.match(r"(dataset\.)?(csv|excel)\.", change):
            rule = "init takes --target NAME, and keys of csv and excel, such as csv.skip_rows=2"
            remedy = "Change other keys in the recipe that is written."
            raise InputError(f"{rule} (received: {change}). {remedy}")
    dataset = {"path": str(path), "missing": "median"} | ({"target": target} if target else {})
    overrides = [f"dataset.{change.removeprefix('dataset.')}" for change in changes]
    recipe = {"dataset": dataset, "layers": ["Flatten"], "loss": "mse"}
    spec = load_recipe(recipe, overrides).dataset
    with explain_damage(path.name):
        are_images = os.path.isdir(path) and find_texts(path) is None
    if are_images and target is not None:
        problem = "--target: the sub-folders are the classes of its images. Leave --target out."
        raise DataError(path.name, [problem])
    keys = _look_at_images(path) if are_images else {}
    rows = open_rows(None, spec)
    if isinstance(rows, Arrays) and rows.are_columns:
        rows = rows.as_table()
    if isinstance(rows, Table):
        spec = rows.add_parts(spec) if isinstance(rows, Texts) else spec
        found = _look_at_table(path, rows, spec)
    else:
        spec = spec.model_copy(update={"missing": "error", **keys})
        source = rows.load(spec)
        found = Findings(path, source, spec, hints=source.warnings)
    if len(classes := found.source.class_names) == 1:
        problem = f"a recipe needs two classes or more (received: {classes[0]}). Add another."
        raise DataError(path.name, [problem])
    n_rows = len(found.source.target)
    if n_rows < _FEWEST_ROWS:
        without = f", and {found.n_unanswered} without a target" if found.n_unanswered else ""
        problem = (
            f"a recipe needs {_FEWEST_ROWS} rows at least to train, validate and test on "
            f"(received: {n_rows}{without}). Add some."
        )
        raise DataError(path.name, [problem])
    return found


def _look_at_images(folder: Path) -> dict[str, Any]:
    """Find the keys that bring images to one size and channels, by the heads of up to 2,000."""
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


def _look_at_table(path: Path, rows: Table, spec: DatasetSpec) -> Findings:
    try:
        table = rows.read_some(spec)
    except HeaderMissing:
        spec = spec.change_csv(header="none")
        table = rows.read_some(spec)
    if table.notation.decimal == ",":  # One row to predict may not show what 1,234 means.
        spec = spec.change_csv(decimal=",")
    kept, kept_hints = _find_kept_words(table)
    keep = spec.model_copy(update={"missing_values": MissingValues(keep=kept)})
    table = table.with_missing(Missing.read(keep))
    target, reason = _choose_target(table, path.name, str(spec.target) if spec.target else None)
    missing, wrong_hints = _find_wrong_words(table, target, kept)
    found = {name: _find_kind(table, name) for name in table.names if name != target}
    found |= {"text": "text"} if isinstance(rows, Texts) else {}  # short ones, too
    texts = [name for name, kind in found.items() if kind == "text"]
    features = dict.fromkeys(texts, Component("features", "text"))
    known = {"target": target, "missing_values": missing, "features": features}
    spec = spec.model_copy(update=known)
    table = table.with_missing(Missing.read(spec))
    cells = table.take_cells(target)
    if problem := check_type(cells):
        raise DataError(path.name, [f"--{problem}"])
    if cells.n_values and len(cells.distinct) < 2:
        problem = f"--target: {target} has one value only, {cells.names[0]}. Choose another."
        raise DataError(path.name, [problem])
    source = rows.judge(table, spec)
    hints = [*wrong_hints, *kept_hints]
    if source.class_type == "text" and source.class_names and (words := describe_words(cells)):
        hints.append(f"{target}: {words}")
    if len(source.class_names) > MAX_CODES and (amounts := recognise_target(cells).hint):
        hints.append(f"{target}: {amounts}.")
    hints += [f"{note[0].upper()}{note[1:]}." for note in table.notes]
    hints += [_NO_HEADER] if spec.csv.header == "none" else []
    n_unanswered = len(table) - sum(map(len, (source, *source.own_parts.values())))
    return Findings(path, source, spec, reason, n_unanswered, (*hints, *table.remarks))


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
            if n >= max(2, _FREQUENT * len(table)) and 2 * n > len(cells) - cells.n_values:
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
    findings = {name: table.recognise(name) for name in table.names}
    findings[target] = recognise_target(table.take_cells(target))
    wrong = {name: finding for name, finding in findings.items() if finding.wrong}
    missing = MissingValues(keep=[*kept])
    for word in dict.fromkeys(word for finding in wrong.values() for word in finding.wrong):
        others = [name for name, finding in findings.items() if word not in finding.wrong]
        is_value = any(
            _has_value(table.take_cells(name), findings[name].column, word) for name in others
        )
        (missing.keep if is_value else missing.add).append(word)
    return missing, [
        f"{name}: {finding.hint.partition('; to have')[0]}; taken as missing, see missing_values."
        for name, finding in wrong.items()
    ]


def _has_value(cells: Cells, column: Column | None, word: str) -> bool:
    if not isinstance(column, NumberColumn):
        return column is not None and word in cells.names
    try:
        return bool((column.read_exact(cells)[0] == float(word)).any())
    except ValueError:  # not in Python's notation of numbers
        return cells.is_text and word in cells.names


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
    if len(names) == 1:
        problem = "a recipe needs a column to predict, and at least one to learn from."
        raise DataError(dataset, [f"{problem} {columns}"])
    usable: list[str] = []
    for name in names:
        kind, cells = _find_kind(table, name), table.take_cells(name)
        is_usable = kind not in (None, "date", "text") and len(cells.distinct) > 1
        if is_usable and not find_row_number(cells):
            usable.append(name)
    if not usable:
        problem = "no column can be the target: each is a date, or has one value only."
        raise DataError(dataset, [f"{problem} {columns}"])
    by_folded = {name.strip().casefold(): name for name in reversed(usable)}
    for known in _TARGET_NAMES:
        if known in by_folded:
            return by_folded[known], "Chosen by its name."
    return usable[-1], "The last usable column; no column is named target, label, class or y."


def _find_kind(table: LoadedTable, name: str) -> str | None:
    column = table.recognise(name).column
    return column.kind if column else None
