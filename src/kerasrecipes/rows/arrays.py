"""Arrays from .npz and .npy files or from memory: inputs with a target, or columns of a table."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kerasrecipes.errors import DataError, raise_problems
from kerasrecipes.memory import find_free_memory
from kerasrecipes.recipe.rules import LossKind
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.array_target import find_array_target, read_array_target, read_finite
from kerasrecipes.rows.cells import Cells
from kerasrecipes.rows.dataset import PARTS, Piece, Rows, Schema, Source, Weights, check_keys
from kerasrecipes.rows.disk import count_rows_of
from kerasrecipes.rows.files import TableFile, find_files
from kerasrecipes.rows.files.base import MEMORY_OF_VALUE, NO_ROWS, read_frame
from kerasrecipes.rows.files.raw import ARCHIVE_ERRORS, check_archive, describe_format, read_start
from kerasrecipes.rows.splits import add_roles
from kerasrecipes.rows.table import Table
from kerasrecipes.rows.target import make_cells, read_weights
from kerasrecipes.rows.words import list_some

_ERRORS = (*ARCHIVE_ERRORS, MemoryError, TypeError, SyntaxError, TokenError, AttributeError)
"""Exceptions of NumPy for a damaged header or member."""

_PIECE_BYTES = 32 << 20

_INPUTS = ("x", "inputs", "data", "features", "images")
_TARGETS = ("y", "target", "targets", "label", "labels")

_Names = tuple[str | None, str | None, str | None]
"""The arrays of a part: its inputs, target and weights, as far as there are any."""


class Arrays(Rows):
    """Named arrays of a .npz file, the one of a .npy file, or one in memory.

    A .npz file contains x and y (or inputs, data, features, images; target, targets, label,
    labels), or x_train, y_train, x_val, y_val, x_test and y_test, or equally long columns. A .npy
    file contains rows of columns named "0", "1", …, or a structured array; its name is "".
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]], name: str, origin: str) -> None:
        self._arrays = {key: np.atleast_1d(array) for key, array in arrays.items()}
        self.name, self._origin = name, origin

    @property
    def are_columns(self) -> bool:
        """Whether the arrays are the columns of a table."""
        if "" in self._arrays:
            return True
        if {f"{name}_train" for name in _INPUTS} & {*map(str.lower, self._arrays)}:
            return False
        shapes = {array.shape for array in self._arrays.values()}
        return len(shapes) == 1 and len(shapes.pop()) == 1

    def as_table(self) -> Table:
        """The table of which the arrays are the columns; raise DataError if they are none."""
        if isinstance(array := self._arrays.get(""), np.memmap):
            name = self.name
            return Table(lambda spec, _: _MappedColumns(array, spec, name), name, self._origin)
        return Table.hold(_make_table(self._arrays, self.name), self.name, self._origin)

    def load(self, spec: DatasetSpec, hint: LossKind | None = None) -> Source:
        """Read inputs and target, or the table of which the arrays are the columns."""
        if self.are_columns:
            return self.as_table().load(spec, hint)
        found = self._find_parts(spec)
        parts = {part: (x, y, weight) for part, (x, y, weight) in found.items()
                 if x is not None and y is not None}  # fmt: skip
        if "train" not in parts:
            raise DataError(self.name, [self._describe_roles(spec.target)])
        x, y, weight = parts["train"]
        parts["train"] = x, y, weight or spec.sample_weight
        self._check_pairs([(x, y) for x, y, _ in parts.values()])
        for key, name in (spec.roles | {"sample_weight": spec.sample_weight}).items():
            if name == y:
                raise DataError(self.name, [f"{key}: '{y}' is the target. Remove it from {key}."])
        inputs = [read_finite(self._check_inputs(name), f"{name}: ", self.name)
                  for name, *_ in parts.values()]  # fmt: skip
        if len({array.dtype for array in inputs}) > 1:  # pixels, and numbers of another kind
            inputs = [array.astype(np.float32) for array in inputs]
        check_keys(spec, self.name, "arrays", f"arrays of shape {inputs[0].shape[1:]}")
        values = np.concatenate([self._arrays[name] for _, name, _ in parts.values()])
        task = spec.task
        if x == y:  # an autoencoder
            values, task = np.concatenate(inputs), "regression"
        target, names, values = find_array_target(values, y, self.name, task, hint)
        has_weights = any(weight for *_, weight in parts.values())
        weights = [self._read_weights(name, weight) if has_weights else None
                   for name, _, weight in parts.values()]  # fmt: skip
        used = {name for several in parts.values() for name in several} | {*spec.roles.values()}
        unused = [name for name in self._arrays if name not in used]
        note = f"arrays not used: {list_some(unused)}. A part is a pair, such as x_test and y_test."
        ends = np.cumsum([len(array) for array in inputs])
        rows = zip(inputs, np.split(values, ends[:-1]), weights, strict=True)
        roles = {key: self._take_role(key, name, x) for key, name in spec.roles.items()}
        source = Source.join(
            dict(zip(parts, rows, strict=True)),
            task=target.task,
            target_names=names,
            class_names=target.class_names,
            origin=self._origin,
            warnings=(note,) if unused else (),
            class_type=target.class_type,
        )
        return add_roles(source, roles, spec, np.ones(len(source.target), dtype=bool))

    def iterate(
        self, schema: Schema, ids: Sequence[str] = (), *, with_target: bool = False
    ) -> Iterator[Piece]:
        if schema.columns:
            table = Table.hold(self._name_columns(schema), self.name, self._origin)
            yield from table.iterate(schema, ids, with_target=with_target)
            return
        spec = schema.spec
        if spec.target not in self._arrays and _find_stem(spec.target) not in _INPUTS:
            spec = spec.model_copy(update={"target": None})
        found = self._find_parts(spec)
        for part in ("test", "train"):
            x, y, weight = found[part]
            if x is not None and (y is not None or not with_target):
                break
        else:
            raise DataError(self.name, [self._describe_roles(spec.target)])
        values = weights = None
        if with_target and y is not None:
            self._check_pairs([(x, y)])
            values = read_array_target(self._arrays[y], y, self.name, schema.target)
            weights = self._read_weights(x, weight) if weight else None
        inputs = self._check_inputs(x)
        # A channel of one makes no difference.
        with_channel = {(*shape, 1) if len(shape) == 2 else shape
                        for shape in (inputs.shape[1:], schema.shape)}  # fmt: skip
        if len(with_channel) > 1:
            rule = f"the model takes rows of shape {schema.shape} (received: {inputs.shape[1:]})."
            is_row = inputs.size == np.prod(schema.shape)
            remedy = " If this is one row, put it into an array: x[None]." if is_row else ""
            raise DataError(self.name, [rule + remedy])
        if not len(inputs):
            raise DataError(self.name, [NO_ROWS])
        inputs = inputs.reshape(len(inputs), *schema.shape)
        n_at_once = count_rows_of(_PIECE_BYTES, inputs)
        for start in range(0, len(inputs), n_at_once):
            some = slice(start, start + n_at_once)
            rows = np.arange(start, min(start + n_at_once, len(inputs)))
            piece = read_finite(inputs[some], "", self.name, rows)
            beside = [each if each is None else each[some] for each in (values, weights)]
            yield Piece(piece, rows, beside[0], weights=beside[1])

    def _find_parts(self, spec: DatasetSpec) -> dict[str, _Names]:
        """The arrays of each part by their names, in whatever case: x or x_train, x_val, x_test."""
        arrays = [*self._arrays]
        named = [str(name) for name in (spec.target, spec.sample_weight) if name in arrays]
        by_name = {name.lower(): name for name in [*reversed(arrays), *named]}

        def find(names: Sequence[str], part: str) -> str | None:
            endings = [f"_{ending}" for ending in PARTS[part]]
            endings = ["", *endings] if part == "train" else endings
            wanted = (f"{name}{ending}" for ending in endings for name in names)
            return next((by_name[name] for name in wanted if name in by_name), None)

        stem = _find_stem(spec.target)
        is_autoencoder = stem in _INPUTS
        inputs = (stem, *_INPUTS) if is_autoencoder else _INPUTS
        targets = (stem,) if spec.target else _TARGETS
        found: dict[str, _Names] = {}
        for part in PARTS:
            x, y = find(inputs, part), find(targets, part)
            if part == "train" and len(arrays) == 1 and y is None:
                x = arrays[0]
            weight = find([_find_stem(spec.sample_weight or "sample_weight")], part)
            found[part] = x, x if is_autoencoder else y, weight
        return found

    def _read_weights(self, x: str, weight: str | None) -> Weights:
        """The weights of a part; rows count 1 each where only other parts have weights."""
        if weight is None:
            return np.ones(len(self._arrays[x]), np.float32)
        return read_weights(self._take_role("sample_weight", weight, x))

    def _take_role(self, key: str, name: str, x: str) -> Cells:
        """The values of a role for the rows of x."""
        shape = (len(self._arrays[x]),)
        if name not in self._arrays or self._arrays[name].shape != shape:
            problem = f"{key}: no array '{name}' of shape {shape}."
            raise DataError(self.name, [f"{problem} The arrays: {_describe_arrays(self._arrays)}."])
        return make_cells(self._arrays[name], self.name, name)

    def _check_pairs(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Raise DataError unless inputs and targets, of training and test, have the same rows."""
        problems = []
        for x, y in pairs:
            n_inputs, n_targets = len(self._arrays[x]), len(self._arrays[y])
            if n_inputs != n_targets:
                problems.append(
                    f"inputs and target must have the same length (received: {x} of "
                    f"{n_inputs:,}, {y} of {n_targets:,}). Save them again."
                )
            elif not (self._arrays[x].size and self._arrays[y].size):
                problems.append(f"{x} or {y} has no values. Add some.")
        for names in zip(*pairs, strict=True):
            if len({self._arrays[name].shape[1:] for name in names}) > 1:
                shapes = _describe_arrays({name: self._arrays[name] for name in names})
                problems.append(f"parts must have rows of one shape (received: {shapes}).")
        raise_problems(self.name, problems)

    def _check_inputs(self, name: str) -> NDArray[Any]:
        array = self._arrays[name]
        if array.dtype.kind not in "biuf":
            problem = (
                f"{name or 'the array'} must contain numbers, of shape (rows, …) (received: shape "
                f"{array.shape} of {array.dtype}). Save text and columns in a table, such as a CSV "
                "file."
            )
            raise DataError(self.name, [problem])
        return array if array.ndim > 1 else array[:, None]

    def _name_columns(self, schema: Schema) -> pa.Table:
        """Columns by name; nameless ones are those of training, in its order."""
        table = _make_table(self._arrays, self.name)
        names = [column.name for column in schema.columns]
        is_nameless = table.column_names == [str(i) for i in range(table.num_columns)]
        if not is_nameless or {*names} <= {*table.column_names}:
            return table
        if table.num_columns != len(names):
            problem = (
                f"the model takes rows of {len(names)} columns: {', '.join(names)} (received: "
                f"{table.num_columns} columns). Give a table with columns of these names."
            )
            raise DataError(self.name, [problem])
        return table.rename_columns(names)

    def _describe_roles(self, target: Any = None) -> str:
        names = target or f"{', '.join(_TARGETS)}, y_train"
        return (
            f"{'target: ' if target else ''}the file must contain inputs ({', '.join(_INPUTS)}, "
            f"x_train) and the target ({names}; received: {_describe_arrays(self._arrays)}). "
            "Rename one when it is saved: numpy.savez(path, x=…, y=…)."
        )


def _make_table(arrays: Mapping[str, NDArray[Any]], dataset: str) -> pa.Table:
    """Arrays as columns; those of a plain array of rows are named by their places."""
    import pandas as pd

    rows = arrays.get("")
    try:
        frame = pd.DataFrame(arrays if rows is None else rows)
    except ValueError:  # other shapes or unequal lengths
        frame = pd.DataFrame()
    is_list = rows is not None and rows.ndim == 1 and not rows.dtype.names
    if is_list or not frame.shape[1]:
        problem = (
            "arrays must be columns, of shape (rows,) and equally long, or one array of shape "
            f"(rows, columns) (received: {_describe_arrays(arrays)}). To train on inputs of other "
            "shapes, save them with the target: numpy.savez(path, x=…, y=…)."
        )
        raise DataError(dataset, [problem])
    return read_frame(frame)


def _describe_arrays(arrays: Mapping[str, NDArray[Any]]) -> str:
    return ", ".join(
        f"{name or 'an array'} of shape {array.shape}" for name, array in arrays.items()
    )


def _find_stem(name: Any) -> str:
    return str(name).lower().removesuffix("_train")


class _MappedColumns(TableFile):
    """Rows of columns in a .npy file, which are read piece by piece."""

    def __init__(self, array: NDArray[Any], spec: DatasetSpec, name: str) -> None:
        super().__init__(name, spec)
        self._array = array

    def read(self, as_text: Collection[str] = ()) -> pa.Table:
        return _make_table({"": self._array}, self.name)

    def estimate_memory(self) -> int:
        return MEMORY_OF_VALUE * self._array.size

    def iterate(
        self, wanted: Collection[str], numbers: Collection[str], n_rows: int
    ) -> Iterator[pa.Table]:
        for start in range(0, max(1, len(self._array)), n_rows):
            yield _make_table({"": self._array[start : start + n_rows]}, self.name)


def load_arrays(file: Path, stream: bool | None = False) -> Arrays:
    """Load the arrays of a .npz or .npy file.

    With ``stream``, those of a .npy file stay on disk; None means if memory has no room for them.
    """
    found = find_files(str(file))
    if len(found) > 1:
        received = f"received: {list_some([each.name for each in found])}"
        raise DataError(
            file.name, [f"path: arrays are read from one file ({received}). Join them."]
        )
    (file,) = found
    if not read_start(file).startswith((b"\x93NUMPY", b"PK")):
        what = describe_format(file) or "no array by its first bytes. Write it with numpy.save."
        raise DataError(file.name, [f"path: {file} is {what}"])
    # Parts are copies, and float64 becomes float32.
    maps = stream or (stream is None and 2 * file.stat().st_size > find_free_memory())
    try:
        loaded = np.load(file, mmap_mode="r" if maps else None, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return Arrays({"": loaded}, file.name, str(file))
        with loaded:
            check_archive(loaded.zip, file.stat().st_size, file.name)
            arrays = {name: loaded[name] for name in loaded.files}
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray):
                raise ValueError(f"'{name}' is no array")
            if array.dtype.kind == "S":
                with suppress(UnicodeDecodeError):  # they may be no text
                    arrays[name] = np.char.decode(array)
    except _ERRORS as error:
        reason = (str(error) or type(error).__name__).rstrip(".")
        if isinstance(error, TypeError | SyntaxError | TokenError) or "malformed" in reason:
            reason = "its header is damaged"
        remedy = "Write it again, with numbers or texts instead of Python objects."
        raise DataError(file.name, [f"path: {file} cannot be read: {reason}. {remedy}"]) from error
    if not arrays:
        raise DataError(file.name, [f"path: {file} contains no arrays. Save x and y in it."])
    return Arrays(arrays, file.name, str(file))
