"""Arrays from .npz and .npy files or from memory: inputs with a target, or columns of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kerasrecipes.errors import DataError, InputError
from kerasrecipes.recipe.schema import DatasetSpec, Task
from kerasrecipes.rows.cells import Cells
from kerasrecipes.rows.checks import check_keys
from kerasrecipes.rows.dataset import Source
from kerasrecipes.rows.files import find_files
from kerasrecipes.rows.files.frames import TableInMemory
from kerasrecipes.rows.kinds import NumberColumn
from kerasrecipes.rows.precision import describe_merged, find_merged
from kerasrecipes.rows.rows import Piece, Rows, Schema
from kerasrecipes.rows.table import ROWS_AT_ONCE, Table
from kerasrecipes.rows.target import Target, find_target, make_cells
from kerasrecipes.rows.words import ask_meant

ArraysByName = Mapping[str, NDArray[Any]]

INPUTS = ("x", "inputs", "data", "features", "images", "x_train")
TARGETS = ("y", "target", "targets", "label", "labels", "y_train")
CLASS_NAMES = ("class_names", "target_names")


class Arrays(Rows):
    """Named arrays of a .npz file, the one of a .npy file, or one in memory.

    A .npz file holds x and y (or inputs, data, features, images; target, targets, label, labels),
    or x_train, y_train, x_test and y_test, or equally long columns. A .npy file holds rows of
    numbers, whose columns are named "0", "1", …, or a structured array.

    Args:
        arrays: By name; the only one of a .npy file or from memory is named "".
        name: For messages.
        origin: Where they came from, in words.
    """

    def __init__(self, arrays: ArraysByName, name: str, origin: str) -> None:
        self._arrays, self.name, self._origin = arrays, name, origin

    @property
    def are_columns(self) -> bool:
        """Whether the arrays are the columns of a table."""
        if "" in self._arrays:
            return True
        are_flat = all(array.ndim == 1 for array in self._arrays.values())
        return are_flat and len({*map(len, self._arrays.values())}) == 1

    def as_table(self) -> Table:
        """The table of which the arrays are the columns.

        Raises:
            DataError: They are none.
        """
        return _make_rows(self._make_columns(), self.name, self._origin)

    def load(self, spec: DatasetSpec, hint: Task | None = None) -> Source:
        """Read inputs and target, or the table of which the arrays are the columns."""
        if self.are_columns:
            return self.as_table().load(spec, hint)
        source = _make_source(self._arrays, self.name, self._origin, spec, hint)
        shape = np.asarray(source.inputs).shape[1:]
        check_keys(spec, self.name, "arrays", f"arrays of shape {shape}")
        return source

    def iterate(
        self, schema: Schema, ids: Sequence[str] = (), *, with_target: bool = False
    ) -> Iterator[Piece]:
        if schema.is_table:
            columns = self._name_columns(schema)
            yield from _make_rows(columns, self.name, self._origin).iterate(
                schema, ids, with_target=with_target
            )
            return
        if ids:
            raise InputError(
                f"--id names columns of a table, and this run takes {schema.takes}. Remove it."
            )
        inputs, values = self._read(schema, with_target)
        for start in range(0, len(inputs), ROWS_AT_ONCE):
            some = slice(start, start + ROWS_AT_ONCE)
            rows = np.arange(start, min(start + ROWS_AT_ONCE, len(inputs)))
            yield Piece(inputs[some], rows, None if values is None else values[some])

    def _read(self, schema: Schema, with_target: bool) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """The inputs, and the target's values; test arrays are preferred to others."""
        arrays = self._arrays
        if with_target:
            if "" in arrays:
                problem = (
                    f"this run takes {schema.takes}, with answers (received: {self.name}). Give an "
                    ".npz file of inputs and target."
                )
                raise DataError(self.name, [problem])
            told = schema.spec.target if isinstance(schema.spec.target, str) else None
            told = told if told in arrays else None
            x, y = _find_roles(arrays, told, self.name, ("x_test",), ("y_test",))
            if len(arrays[x]) != len(arrays[y]):
                raise DataError(self.name, [_describe_lengths(arrays, x, y)])
            inputs, values = _read_inputs(arrays[x], x, self.name), self._read_labels(y, schema)
        elif "" in arrays:
            inputs, values = arrays[""], None
        else:
            name = (
                next(iter(arrays)) if len(arrays) == 1 else _find_key(arrays, ("x_test", *INPUTS))
            )
            if name is None:
                raise DataError(self.name, [_describe_keys(arrays, "inputs", INPUTS)])
            inputs, values = _read_inputs(arrays[name], name, self.name), None
        inputs = fit_shape(schema, inputs, self.name)
        if not len(inputs):
            raise DataError(self.name, ["there are no rows. Add rows."])
        return inputs, values

    def _read_labels(self, name: str, schema: Schema) -> NDArray[Any]:
        """Class numbers or numbers, by what training found."""
        values, named = self._arrays[name], _find_key(self._arrays, CLASS_NAMES)
        target, n_targets = schema.target, len(schema.target_names)
        if target.class_names and values.ndim == 2 and _is_one_hot(values):
            values = values.argmax(axis=1)
        values = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
        if named and values.dtype.kind in "iu":
            are_indices = values.min(initial=0) >= 0 and values.max(initial=0) < len(
                self._arrays[named]
            )
            values = self._arrays[named][values] if are_indices else values
        is_fitting = values.ndim == 1 if n_targets == 1 else values.shape[1:] == (n_targets,)
        if not is_fitting:
            wanted = "a class" if target.class_names else "a number"
            each = wanted if n_targets == 1 else f"{n_targets} numbers"
            problem = (
                f"target {name} must hold {each} for each row (received: shape {values.shape} of "
                f"{values.dtype}). Save it anew."
            )
            raise DataError(self.name, [problem])
        columns = values.reshape(len(values), -1).T
        cells = [make_cells(column, self.name, name) for column in columns]
        _check_known(cells)
        return target.read(cells)[0]

    def _make_columns(self) -> pa.Table:
        array = self._arrays.get("")
        if array is None:
            if not self.are_columns:
                problem = (
                    "the arrays must be columns, of shape (rows,) and equally long (received: "
                    f"{_describe(self._arrays)}). Save one for each column that the model was "
                    "trained on."
                )
                raise DataError(self.name, [problem])
            return _make_table(self._arrays, self.name)
        if array.dtype.names:
            return _make_table({name: array[name] for name in array.dtype.names}, self.name)
        if array.ndim != 2 or array.dtype.kind not in "biuf":
            problem = (
                f"a .npy file must hold rows of numbers, of shape (rows, columns) (received: shape "
                f"{array.shape} of {array.dtype}). Save inputs and target in one file: "
                "numpy.savez(path, x=…, y=…)."
            )
            raise DataError(self.name, [problem])
        return _make_table({str(i): column for i, column in enumerate(array.T)}, self.name)

    def _name_columns(self, schema: Schema) -> pa.Table:
        """Columns by name; nameless ones are those of training, in its order."""
        names = [column.name for column in schema.columns]
        array = self._arrays.get("")
        if array is not None and not array.dtype.names and array.ndim != 2:
            raise DataError(self.name, [_describe_width(names, f"shape {array.shape}")])
        if array is not None and array.dtype.kind in "OU":
            try:  # Each column may have a type of its own.
                columns = [pa.array(column.tolist()) for column in array.T]
            except pa.ArrowException as error:
                problem = f"a column's values must be of one type: {error}."
                raise DataError(self.name, [problem]) from error
            table = pa.table(columns, names=[str(i) for i in range(len(columns))])
        else:
            table = self._make_columns()
        is_nameless = table.column_names == [str(i) for i in range(table.num_columns)]
        if not is_nameless or {*names} <= {*table.column_names}:
            return table
        if table.num_columns != len(names):
            raise DataError(self.name, [_describe_width(names, f"{table.num_columns} columns")])
        return table.rename_columns(names)


def load_arrays(file: Path) -> Arrays:
    """Load the arrays of a .npz or .npy file.

    Raises:
        DataError: The file cannot be read.
    """
    return Arrays(_load(file), file.name, str(file))


def fit_shape(schema: Schema, rows: NDArray[Any], dataset: str) -> NDArray[Any]:
    """Rows in the shape that the model takes; a channel of one is no difference.

    Raises:
        DataError: They have another shape, or hold something else than finite numbers.
    """
    problems = []
    if rows.dtype.kind not in "biuf":
        problems.append(f"the model takes numbers (received: {rows.dtype}).")
    elif not rows.ndim or _leave_out_channel(rows.shape[1:]) != _leave_out_channel(schema.shape):
        hint = " This is one row: write array[None]." if rows.shape == schema.shape else ""
        problems.append(
            f"the model takes rows of shape {schema.shape} (received: {rows.shape[1:]}).{hint}"
        )
    elif rows.dtype.kind == "f" and not (finite := np.isfinite(rows)).all():
        bad = np.flatnonzero(~finite.reshape(len(rows), -1).all(axis=1))
        where = make_cells(rows.reshape(len(rows), -1)[:, 0], dataset, "").locate(bad)
        problems.append(f"values are not finite in {where}. Correct or remove these rows.")
    if problems:
        raise DataError(dataset, problems)
    return rows.reshape(len(rows), *schema.shape)


def _leave_out_channel(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[:-1] if len(shape) == 3 and shape[-1] == 1 else shape


def _make_rows(table: pa.Table, name: str, origin: str) -> Table:
    return Table(lambda spec, wanted: TableInMemory(table, spec, name), name, origin)


def _load(file: Path) -> dict[str, NDArray[Any]]:
    """Every array by name; the one of a .npy file is named ""."""
    find_files(str(file))
    if not file.stat().st_size:
        raise DataError(file.name, [f"path: {file} is empty (0 bytes). Write the file anew."])
    name = ""
    try:
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"": loaded}
        with loaded:
            arrays = {}
            for name in loaded.files:
                arrays[name] = loaded[name]
    except (ValueError, OSError, EOFError, BadZipFile) as error:
        problem = f"path: {file} cannot be read: {str(error).rstrip('.')}. Write it anew."
        if "allow_pickle=False" in str(error) or "pickled" in str(error):
            which = f"array '{name}' " if name else "it "
            problem = (
                f"path: {which}holds Python objects, which are not loaded, as they can run code. "
                "Save numbers or texts: numpy.asarray(…, dtype='float32') or dtype='str'."
            )
        raise DataError(file.name, [problem]) from error
    if not arrays:
        raise DataError(file.name, [f"path: {file} holds no arrays. Save x and y in it."])
    return arrays


def _make_table(arrays: ArraysByName, dataset: str) -> pa.Table:
    columns = {}
    problems = []
    for name, array in arrays.items():
        try:
            array = np.char.decode(array) if array.dtype.kind == "S" else array
            columns[name] = pa.array(np.ascontiguousarray(array, array.dtype.newbyteorder("=")))
        except (pa.ArrowException, UnicodeDecodeError) as error:
            problems.append(f"array '{name}' of {array.dtype} cannot be a column: {error}.")
    if not next(iter(arrays.values())).size:
        problems.append("the file has no rows. Add rows.")
    if problems:
        raise DataError(dataset, problems)
    return pa.table(columns)


def _find_roles(
    arrays: ArraysByName,
    told: str | None,
    dataset: str,
    first_x: tuple[str, ...] = (),
    first_y: tuple[str, ...] = (),
) -> tuple[str, str]:
    """The names of the arrays that hold the inputs and the target.

    Args:
        arrays: By name.
        told: The target, where the recipe names it.
        dataset: For messages.
        first_x: Names that are preferred to the usual ones, for inputs.
        first_y: The same for the target.
    """
    problems = []
    y = told if told in arrays else None if told else _find_key(arrays, (*first_y, *TARGETS))
    others = {name: array for name, array in arrays.items() if name != y}
    x = _find_key(others, (*first_x, *INPUTS))
    if x is None and y is not None:
        x = _find_only_inputs(arrays, y)
    if x is None:
        problems.append(_describe_keys(arrays, "inputs", INPUTS))
    if y is None and told:
        meant = ask_meant(told, arrays)
        problems.append(f"target: no array '{told}'.{meant} The arrays: {_describe(arrays)}.")
    elif y is None:
        problems.append(_describe_keys(arrays, "the target", TARGETS))
    if x is None or y is None:
        raise DataError(dataset, problems)
    return x, y


def _make_source(
    arrays: ArraysByName, dataset: str, origin: str, spec: DatasetSpec, hint: Task | None
) -> Source:
    told = spec.target if isinstance(spec.target, str) else None
    x, y = _find_roles(arrays, told, dataset)
    tests = [_find_key(arrays, (_name_test(name),)) for name in (x, y)]
    pairs = [(x, y)]
    if tests[0] is not None and tests[1] is not None:
        pairs.append((tests[0], tests[1]))
    return _pair(arrays, pairs, dataset, origin, spec.task, hint)


def _name_test(name: str) -> str:
    return name.lower().replace("_train", "") + "_test"


def _pair(
    arrays: ArraysByName,
    pairs: list[tuple[str, str]],
    dataset: str,
    origin: str,
    told: Task | None,
    hint: Task | None,
) -> Source:
    """Make a source of inputs and target, and of those of the file's own test part."""
    problems = []
    for x, y in pairs:
        lengths = [arrays[name].shape[0] if arrays[name].ndim else 0 for name in (x, y)]
        if lengths[0] != lengths[1]:
            problems.append(_describe_lengths(arrays, x, y))
        elif not lengths[0]:
            problems.append(f"{x} and {y} have no rows. Add rows.")
    x_shapes = {arrays[x].shape[1:] for x, _ in pairs}
    if len(x_shapes) > 1:
        problems.append(f"{pairs[0][0]} and {pairs[1][0]} must have rows of one shape.")
    if problems:
        raise DataError(dataset, problems)
    inputs = [_read_inputs(arrays[x], x, dataset) for x, _ in pairs]
    if len({array.dtype for array in inputs}) > 1:  # pixels, and numbers of another kind
        inputs = [array.astype(np.float32) for array in inputs]
    x, y = pairs[0]
    n_train = len(arrays[y])
    targets = np.concatenate([arrays[y] for _, y in pairs])
    values, target, warnings = _encode(targets, dataset, y, told, hint)
    numbers = {x: arrays[x]} | ({y: targets} if target.task == "regression" else {})
    class_names, class_type = target.class_names, target.class_type
    used = {name for pair in pairs for name in pair}
    named = _find_key(arrays, CLASS_NAMES)
    if named is not None and class_names == tuple(map(str, range(len(arrays[named])))):
        class_names = tuple(map(str, arrays[named].tolist()))
        used.add(named)
        class_type = "text"
    has_test = len(pairs) > 1
    n_targets = values.shape[1] if values.ndim > 1 else 1
    return Source(
        inputs=inputs[0],
        target=values[:n_train],
        task=target.task,
        target_names=(y,) if n_targets == 1 else tuple(f"{y} {i}" for i in range(n_targets)),
        class_names=class_names,
        test_inputs=inputs[1] if has_test else None,
        test_target=values[n_train:] if has_test else None,
        origin=origin,
        left_out=tuple((name, "not named x or y") for name in arrays if name not in used),
        warnings=(*warnings, *_warn_of_merged(numbers)),
        class_type=class_type,
    )


def _warn_of_merged(arrays: ArraysByName) -> Iterator[str]:
    """Warn of columns that become float32, of arrays of shape (rows,) or (rows, columns)."""
    found = {
        f"{name}[:, {i}]" if array.ndim == 2 else name: find_merged(
            NumberColumn(name, "float"), make_cells(column, "", name)
        )
        for name, array in arrays.items()
        if array.ndim <= 2 and not np.can_cast(array.dtype, np.float32)
        for i, column in enumerate(array.reshape(len(array), -1).T)
    }
    if merged := {name: counts for name, counts in found.items() if counts}:
        yield describe_merged(merged)


def _read_inputs(array: NDArray[Any], name: str, dataset: str) -> NDArray[Any]:
    """Pixels stay bytes; all else becomes float32."""
    if array.dtype.kind not in "biuf" or array.ndim < 2:
        problem = (
            f"{name} must hold numbers, of shape (rows, …) (received: shape {array.shape} of "
            f"{array.dtype}). Save text and columns in a table, such as a CSV file."
        )
        raise DataError(dataset, [problem])
    return array if array.dtype == np.uint8 else array.astype(np.float32)


def _encode(
    values: NDArray[Any], dataset: str, name: str, task: Task | None, hint: Task | None
) -> tuple[NDArray[Any], Target, tuple[str, ...]]:
    """A target's values as training wants them, what it asks for, and warnings."""
    if values.dtype.kind not in "biufU" or values.ndim > 2:
        problem = (
            f"target {name} must hold a number or text for each row (received: shape "
            f"{values.shape} of {values.dtype}). Save it anew."
        )
        raise DataError(dataset, [problem])
    columns = values.reshape(len(values), -1).T
    if len(columns) > 1 and (task or hint) != "regression":
        if _is_one_hot(values):
            names = tuple(map(str, range(len(columns))))
            warning = f"{name} is one-hot: its {len(names)} columns are taken as classes 0, 1, …"
            target = Target((), "classification", names, "integer")
            return values.argmax(axis=1), target, (warning,)
        if task == "classification":
            problem = (
                f"target {name} must hold one class for each row (received: shape {values.shape}, "
                "not one-hot). Save class numbers or names, of shape (rows,)."
            )
            raise DataError(dataset, [problem])
    cells = [make_cells(column, dataset, name) for column in columns]
    _check_known(cells)
    target, encoded, _ = find_target(cells, task, hint, np.ones(len(values), dtype=bool))
    return encoded, target, ()


def _check_known(several: Sequence[Cells]) -> None:
    known = np.logical_and.reduce([cells.is_known for cells in several])
    if not known.all():
        cells = several[0]
        problem = (
            f"target {cells.name} is missing ({cells.locate(np.flatnonzero(~known))}). Fill it in, "
            "or remove these rows."
        )
        raise DataError(cells.dataset, [problem])


def _is_one_hot(target: NDArray[Any]) -> bool:
    if target.dtype.kind == "U":
        return False
    return bool(((target == 0) | (target == 1)).all() and (target.sum(axis=1) == 1).all())


def _find_key(arrays: ArraysByName, choices: tuple[str, ...]) -> str | None:
    """The array that has one of some names, in whatever case."""
    names = {name.lower(): name for name in reversed([*arrays])}
    return next((names[choice] for choice in choices if choice in names), None)


def _find_only_inputs(arrays: ArraysByName, y: str) -> str | None:
    """The one other array that is as long as the target."""
    found = [
        name
        for name, array in arrays.items()
        if name != y and array.ndim > 1 and len(array) == len(arrays[y])
    ]
    return found[0] if len(found) == 1 else None


def _describe_keys(arrays: ArraysByName, what: str, choices: tuple[str, ...]) -> str:
    return (
        f"an array must hold {what}: {', '.join(choices)} (received: {_describe(arrays)}). Rename "
        "one when it is saved: numpy.savez(path, x=…, y=…)."
    )


def _describe_width(names: Sequence[str], received: str) -> str:
    return (
        f"the model takes rows of {len(names)} columns: {', '.join(names)} (received: {received}). "
        "Give a table with columns of these names."
    )


def _describe_lengths(arrays: ArraysByName, x: str, y: str) -> str:
    return (
        f"inputs and target must be equally long (received: {x} of {len(arrays[x]):,}, {y} of "
        f"{len(arrays[y]):,}). Save them anew."
    )


def _describe(arrays: ArraysByName) -> str:
    return ", ".join(f"{name} of shape {array.shape}" for name, array in arrays.items())
