"""Arrays from .npz and .npy files or from memory: inputs with a target, or columns of a table."""

from __future__ import annotations

import math
import mmap
import struct
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kerasrecipes.errors import DataError, InputError, raise_problems
from kerasrecipes.memory import find_free_memory
from kerasrecipes.recipe.rules import LossKind
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.array_target import find_array_target, read_array_target, read_finite
from kerasrecipes.rows.cells import Cells
from kerasrecipes.rows.dataset import PARTS, Source, Weights, check_keys
from kerasrecipes.rows.disk import DiskRows, are_on_disk, count_rows_of
from kerasrecipes.rows.files import TableFile, find_files
from kerasrecipes.rows.files.base import MEMORY_OF_VALUE, NO_ROWS
from kerasrecipes.rows.files.raw import ARCHIVE_ERRORS, check_archive, describe_format, read_start
from kerasrecipes.rows.roles import add_roles
from kerasrecipes.rows.rows import Piece, Rows, Schema
from kerasrecipes.rows.table import Table
from kerasrecipes.rows.target import make_cells, read_weights
from kerasrecipes.rows.words import ask_meant, list_some

_ERRORS = (*ARCHIVE_ERRORS, MemoryError, TypeError, SyntaxError, TokenError, AttributeError)
"""Exceptions of NumPy for a damaged header or member."""

_PIECE_BYTES = 32 << 20

INPUTS = ("x", "inputs", "data", "features", "images", "x_train")
WEIGHTS = "sample_weight"
TARGETS = ("y", "target", "targets", "label", "labels", "y_train")


class Arrays(Rows):
    """Named arrays of a .npz file, the one of a .npy file, or one in memory.

    A .npz file contains x and y (or inputs, data, features, images; target, targets, label,
    labels), or x_train, y_train, x_val, y_val, x_test and y_test, or equally long columns. A .npy
    file contains rows of columns named "0", "1", …, or a structured array.

    Args:
        arrays: By name; the only one of a .npy file or from memory is named "".
        name: For messages.
        origin: Where they came from, in words.
    """

    has_steps = False  # whether the columns of a target are steps of a sequence, however few

    def __init__(self, arrays: Mapping[str, NDArray[Any]], name: str, origin: str) -> None:
        self._arrays = {key: np.atleast_1d(array) for key, array in arrays.items()}
        self.name, self._origin = name, origin

    @property
    def are_columns(self) -> bool:
        """Whether the arrays are the columns of a table."""
        if "" in self._arrays:
            return True
        shapes = {array.shape for array in self._arrays.values()}
        return len(shapes) == 1 and len(shapes.pop()) == 1

    def as_table(self) -> Table:
        """The table of which the arrays are the columns.

        Raises:
            DataError: They are none.
        """
        if isinstance(array := self._arrays.get(""), np.memmap):
            file = partial(_MappedColumns, array, name=self.name)
            return Table(lambda spec, wanted: file(spec), self.name, self._origin)
        return Table.hold(self._make_table(), self.name, self._origin)

    def load(self, spec: DatasetSpec, hint: LossKind | None = None) -> Source:
        """Read inputs and target, or the table of which the arrays are the columns."""
        if self.are_columns:
            return self.as_table().load(spec, hint)
        if isinstance(spec.target, list):
            problem = f"target: arrays have one target (received: {', '.join(spec.target)}). Save "
            raise DataError(self.name, [f"{problem}its numbers as the columns of one array."])
        x, y = self._find_roles(spec.target)
        named = spec.roles | {"sample_weight": spec.sample_weight}
        wrong = [key for key, name in named.items() if name == y]
        problems = [f"{key}: '{y}' is the target. Remove it from {key}." for key in wrong]
        raise_problems(self.name, problems)
        own = self._find_parts(x, y)
        pairs = [*own.values()]
        self._check_pairs(pairs)
        weights = {part: self._read_weights(spec, name, part) for part, (name, _) in own.items()}
        inputs = [self._take_inputs(name) for name, _ in pairs]
        if are_on_disk(inputs[0]) and x == y:
            problem = "stream: inputs that are the target, too, cannot stay on disk. Remove stream."
            raise DataError(self.name, [problem])
        if len({array.dtype for array in inputs}) > 1:  # pixels, and numbers of another kind
            inputs = [array.astype(np.float32) for array in inputs]
        check_keys(spec, self.name, "arrays", f"arrays of shape {inputs[0].shape[1:]}")
        if x == y:  # an autoencoder
            found = find_array_target(np.concatenate(inputs), y, self.name, "regression", hint)
        else:
            values = np.concatenate([self._arrays[name] for _, name in pairs])
            found = find_array_target(
                values, y, self.name, spec.task, hint, has_steps=self.has_steps
            )
        target = found.target
        warnings: tuple[str, ...] = (found.note,) if found.note else ()
        ends = np.cumsum([len(array) for array in inputs])
        lacking = [part for part, array in weights.items() if array is None]
        if "train" in lacking and spec.sample_weight:
            problem = f"sample_weight: no array '{spec.sample_weight}'."
            raise DataError(self.name, [f"{problem} The arrays: {self._describe_arrays()}."])
        if 0 < len(lacking) < len(own):
            warnings += (f"{WEIGHTS}: each row of the {list_some(lacking)} part counts 1.",)
            n_rows = {part: len(self._arrays[y]) for part, (_, y) in own.items()}
            weights |= {part: np.ones(n_rows[part], np.float32) for part in lacking}
        parts = zip(inputs, np.split(found.values, ends[:-1]), weights.values(), strict=True)
        used = {name for pair in pairs for name in pair} | {*spec.roles.values()}
        used |= {str(self._find_array(spec.sample_weight or WEIGHTS, part)) for part in own}
        if unused := [name for name in self._arrays if name not in used]:
            warnings += (
                f"arrays not used: {list_some(unused)}. Parts are x_val, y_val, x_test, …",
            )
        roles = {key: self._take_role(key, name, x) for key, name in spec.roles.items()}
        source = Source.join(
            dict(zip(own, parts, strict=True)),
            task=target.task,
            target_names=found.names,
            class_names=target.class_names,
            origin=self._origin,
            warnings=warnings,
            class_type=target.class_type,
        )
        return add_roles(source, roles, spec, np.ones(len(source.target), dtype=bool))

    def iterate(
        self, schema: Schema, ids: Sequence[str] = (), *, with_target: bool = False
    ) -> Iterator[Piece]:
        if schema.is_table:
            table = Table.hold(self._name_columns(schema), self.name, self._origin)
            yield from table.iterate(schema, ids, with_target=with_target)
            return
        if ids:
            raise InputError(
                f"--id names columns of a table, and this run takes {schema.takes}. Remove it."
            )
        name, values, weights = self._name_inputs(), None, None
        if with_target:
            name, values, weights = self._read_pair(schema)
        inputs = self._fit_shape(schema, self._check_inputs(name))
        n_at_once = count_rows_of(_PIECE_BYTES, inputs)
        for start in range(0, len(inputs), n_at_once):
            some = slice(start, start + n_at_once)
            rows = np.arange(start, min(start + n_at_once, len(inputs)))
            piece = read_finite(inputs[some], "", self.name, rows)
            beside = [each if each is None else each[some] for each in (values, weights)]
            yield Piece(piece, rows, beside[0], weights=beside[1])

    def _name_inputs(self) -> str:
        """The only array, or the one with inputs; a test part's is preferred."""
        only = next(iter(self._arrays)) if len(self._arrays) == 1 else None
        name = self._find_key(("x_test", *INPUTS)) if only is None else only
        if name is None:
            raise DataError(self.name, [self._describe_roles("inputs", INPUTS)])
        return name

    def _read_pair(self, schema: Schema) -> tuple[str, NDArray[Any], Weights | None]:
        """The inputs' name, the target's values as training read them, and the rows' weights."""
        is_own_target = str(schema.spec.target).lower() in INPUTS  # an autoencoder
        if "" in self._arrays and not is_own_target:
            problem = (
                f"this run takes {schema.takes}, with answers (received: {self.name}). Give an "
                ".npz file of inputs and target."
            )
            raise DataError(self.name, [problem])
        if is_own_target:
            x = y = self._name_inputs()
        else:
            named = schema.spec.target if schema.spec.target in self._arrays else None
            if named:
                x, y = self._find_roles(str(named))
                x, y = self._find_parts(x, y).get("test", (x, y))
            else:
                x, y = self._find_roles(None, is_test=True)
        self._check_pairs([(x, y)])
        values = read_array_target(self._arrays[y], y, self.name, schema.target)
        part = "test" if x.lower() == "x_test" else "train"
        return x, values, self._read_weights(schema.spec, x, part)

    def _find_roles(self, target: str | None, *, is_test: bool = False) -> tuple[str, str]:
        """The names of the arrays of the inputs and the target.

        Args:
            target: The target, where the recipe names it.
            is_test: Whether those of a test part are preferred.
        """
        problems = []
        y = target if target in self._arrays else None
        if target is None:
            y = self._find_key(["y_test", *TARGETS] if is_test else TARGETS)
        x = self._find_key(["x_test", *INPUTS] if is_test else INPUTS, y)
        if y is not None and y.lower() in INPUTS:  # an autoencoder
            x = y
        if x is None and y is not None:
            n_rows = len(self._arrays[y])
            others = [name for name, array in self._arrays.items()
                      if name != y and array.ndim > 1 and len(array) == n_rows]  # fmt: skip
            x = others[0] if len(others) == 1 else None
        if x is None:
            problems.append(self._describe_roles("inputs", INPUTS))
        if y is None and target:
            meant = ask_meant(target, self._arrays)
            problems.append(
                f"target: no array '{target}'.{meant} The arrays: {self._describe_arrays()}."
            )
        elif y is None:
            problems.append(self._describe_roles("the target", TARGETS))
        if x is None or y is None:
            raise DataError(self.name, problems)
        return x, y

    def _find_parts(self, x: str, y: str) -> dict[str, tuple[str, str]]:
        """Inputs and target of the parts that the file brings, such as x_val and y_val."""
        found = {"train": (x, y)}
        for part in ("validation", "test"):
            own_x, own_y = (self._find_array(name, part) for name in (x, y))
            if own_x and own_y:
                found[part] = own_x, own_y
        return found

    def _find_array(self, name: str, part: str) -> str | None:
        """An array of a part, such as x_val; of the training part also x."""
        stem = name.lower().removesuffix("_train")
        plain = [stem] if part == "train" else []
        return self._find_key([*plain, *(f"{stem}_{ending}" for ending in PARTS[part])])

    def _read_weights(self, spec: DatasetSpec, x: str, part: str) -> Weights | None:
        name, n_rows = self._find_array(spec.sample_weight or WEIGHTS, part), len(self._arrays[x])
        if name is None:
            return None
        if self._arrays[name].shape != (n_rows,):
            rule = f"{name} must have a number for each of {x}'s {n_rows:,} rows"
            received = f"(received: shape {self._arrays[name].shape})"
            raise DataError(self.name, [f"sample_weight: {rule} {received}. Save it again."])
        return read_weights(make_cells(self._arrays[name], self.name, name))

    def _take_role(self, key: str, name: str, x: str) -> Cells:
        """The values of a role for the rows of x; parts that the file brings have none."""
        shape = (len(self._arrays[x]),)
        if name not in self._arrays or self._arrays[name].shape != shape:
            meant = "" if name in self._arrays else ask_meant(name, self._arrays)
            problem = f"{key}: no array '{name}' of shape {shape}.{meant}"
            raise DataError(self.name, [f"{problem} The arrays: {self._describe_arrays()}."])
        return make_cells(self._arrays[name], self.name, name)

    def _find_key(self, choices: Sequence[str], taken: str | None = None) -> str | None:
        """The array that has one of some names, in whatever case."""
        names = {name.lower(): name for name in reversed([*self._arrays]) if name != taken}
        return next((names[choice] for choice in choices if choice in names), None)

    def _check_pairs(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Raise DataError unless inputs and targets, of training and test, have the same rows."""
        problems = []
        for x, y in pairs:
            n_inputs, n_targets = len(self._arrays[x]), len(self._arrays[y])
            if n_inputs != n_targets:
                problems.append(
                    f"inputs and target must be equally long (received: {x} of {n_inputs:,}, {y} "
                    f"of {n_targets:,}). Save them again."
                )
            elif not n_inputs:
                problems.append(f"{x} and {y} have no rows. Add rows.")
        for names in zip(*pairs, strict=True):
            if len({self._arrays[name].shape[1:] for name in names}) > 1:
                problems.append(f"{' and '.join(names)} must have rows of one shape.")
        raise_problems(self.name, problems)

    def _take_inputs(self, name: str) -> Any:
        """Pixels stay bytes; all else becomes finite float32, on a disk when it is read."""
        array = self._check_inputs(name)
        if not isinstance(array, np.memmap):
            return read_finite(array, "", self.name)
        mapping: Any = array.base

        def read(rows: NDArray[np.int64]) -> NDArray[Any]:
            values = read_finite(np.asarray(array[rows]), "", self.name, rows)
            mapping.madvise(mmap.MADV_DONTNEED)  # pages that were read are no memory of ours
            return values

        dtype = np.uint8 if array.dtype == np.uint8 else np.float32
        return DiskRows(read, array.shape, dtype)

    def _check_inputs(self, name: str) -> NDArray[Any]:
        array = self._arrays[name]
        if array.dtype.kind not in "biuf" or array.ndim < 2:
            problem = (
                f"{name or 'the array'} must contain numbers, of shape (rows, …) (received: shape "
                f"{array.shape} of {array.dtype}). Save text and columns in a table, such as a CSV "
                "file."
            )
            raise DataError(self.name, [problem])
        return array

    def _fit_shape(self, schema: Schema, inputs: NDArray[Any]) -> NDArray[Any]:
        """Inputs in the shape that the model takes; a channel of one makes no difference."""
        problem = ""
        if _leave_out_channel(inputs.shape[1:]) != _leave_out_channel(schema.shape):
            hint = " This is one row: write array[None]." if inputs.shape == schema.shape else ""
            received = inputs.shape[1:]
            problem = f"the model takes rows of shape {schema.shape} (received: {received}).{hint}"
        elif not len(inputs):
            problem = NO_ROWS
        if problem:
            raise DataError(self.name, [problem])
        return inputs.reshape(len(inputs), *schema.shape)

    def _make_table(self) -> pa.Table:
        """The arrays as columns; those of a plain array of rows are named by their places."""
        arrays, problems = self._arrays, []
        if (rows := arrays.get("")) is not None and rows.dtype.names:
            arrays = {name: rows[name] for name in rows.dtype.names}
        elif rows is not None and rows.ndim == 2:
            arrays = {str(i): column for i, column in enumerate(rows.T)}
        elif rows is not None:
            problems.append(
                "an array must contain rows of columns, of shape (rows, columns) (received: shape "
                f"{rows.shape} of {rows.dtype}). Give such rows. To train, save inputs and target "
                "in one file: numpy.savez(path, x=…, y=…)."
            )
        elif not self.are_columns:
            problems.append(
                "the arrays must be columns, of shape (rows,) and equally long (received: "
                f"{self._describe_arrays()}). Save one for each column that the model was trained "
                "on."
            )
        columns = {}
        for name, array in arrays.items() if not problems else ():
            try:
                if array.dtype.kind == "S":
                    array = np.char.decode(array)
                if array.dtype.kind == "O":  # Each column may have a type of its own.
                    columns[name] = pa.array(array.tolist())
                else:
                    native = array.dtype.newbyteorder("=")
                    columns[name] = pa.array(np.ascontiguousarray(array, native))
            except (pa.ArrowException, UnicodeDecodeError) as error:
                problems.append(f"array '{name}' of {array.dtype} cannot be a column: {error}.")
        if not columns and not problems:
            problems.append("the array has no columns. Give it at least two.")
        raise_problems(self.name, problems)
        return pa.table(columns)

    def _name_columns(self, schema: Schema) -> pa.Table:
        """Columns by name; nameless ones are those of training, in its order."""
        table, names = self._make_table(), [column.name for column in schema.columns]
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

    def _describe_roles(self, what: str, choices: Sequence[str]) -> str:
        return (
            f"an array must contain {what}: {', '.join(choices)} (received: "
            f"{self._describe_arrays()}). Rename one when it is saved: numpy.savez(path, x=…, y=…)."
        )

    def _describe_arrays(self) -> str:
        return ", ".join(f"{name} of shape {array.shape}" for name, array in self._arrays.items())


class _MappedColumns(TableFile):
    """Rows of columns in a .npy file, which are read piece by piece."""

    def __init__(self, array: NDArray[Any], spec: DatasetSpec, name: str) -> None:
        super().__init__(name, spec)
        self._array = array

    def read(self, as_text: Collection[str] = ()) -> pa.Table:
        return Arrays({"": self._array}, self.name, "")._make_table()

    def estimate_memory(self) -> int:
        return MEMORY_OF_VALUE * self._array.size

    def iterate(
        self, wanted: Sequence[str], numbers: Collection[str], n_rows: int
    ) -> Iterator[pa.Table]:
        for start in range(0, max(1, len(self._array)), n_rows):
            yield Arrays({"": self._array[start : start + n_rows]}, self.name, "")._make_table()


def load_arrays(file: Path, stream: bool | None = False) -> Arrays:
    """Load the arrays of a .npz or .npy file.

    Args:
        stream: Whether their values stay on disk, which a compressed .npz file does not allow;
            None means that they do if memory has no room for them.

    Raises:
        DataError: The file cannot be read.
    """
    find_files(str(file))
    arrays, name = {}, ""
    # Parts are copies, and float64 becomes float32.
    maps = stream or (stream is None and 2 * file.stat().st_size > find_free_memory())
    try:
        if not read_start(file).startswith((b"\x93NUMPY", b"PK")):
            what = describe_format(file) or "no array by its first bytes. Write it with numpy.save."
            raise DataError(file.name, [f"path: {file} is {what}"])
        with file.open("rb") as opened:
            is_array = opened.read(1) == b"\x93"
            opened.seek(0)
            if is_array and maps:
                return Arrays({"": np.load(file, mmap_mode="r")}, file.name, str(file))
            loaded = np.load(opened, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return Arrays({"": loaded}, file.name, str(file))
            check_archive(loaded.zip, file.stat().st_size, file.name)
            for name in loaded.files:
                array = _map_member(loaded.zip, name, file) if maps else None
                if array is None and stream and name.lower() in INPUTS:
                    problem = (
                        f"stream: {name} is compressed, and cannot stay on disk. Write it with "
                        "numpy.savez, or remove stream."
                    )
                    raise DataError(file.name, [problem])
                array = loaded[name] if array is None else array
                if not isinstance(array, np.ndarray):
                    raise ValueError(f"'{name}' is no array")
                arrays[name] = array
    except _ERRORS as error:
        reason = (str(error) or type(error).__name__).rstrip(".")
        if isinstance(error, TypeError | SyntaxError | TokenError) or "malformed" in reason:
            reason = "its header is damaged"
        problem = f"path: {file} cannot be read: {reason}. Write it again."
        if "allow_pickle=False" in str(error) or "pickled" in str(error):
            which = f"array '{name}' " if name else "it "
            problem = (
                f"path: {which}contains Python objects, which are not loaded, as they can run "
                "code. Save numbers or texts: numpy.asarray(…, dtype='float32') or dtype='str'; "
                "lists of unequal lengths: keras.utils.pad_sequences(…)."
            )
        raise DataError(file.name, [problem]) from error
    if not arrays:
        raise DataError(file.name, [f"path: {file} contains no arrays. Save x and y in it."])
    return Arrays(arrays, file.name, str(file))


def _map_member(archive: zipfile.ZipFile, name: str, file: Path) -> NDArray[Any] | None:
    """Map an array of a .npz file into memory; None if it is compressed or not plain."""
    member = archive.getinfo(f"{name}.npy")
    if member.compress_type != zipfile.ZIP_STORED:
        return None
    with archive.open(member) as opened:
        version = np.lib.format.read_magic(opened)
        if version != (1, 0):
            return None
        shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(opened)
        header_bytes = opened.tell()
    if dtype.hasobject or not math.prod(shape) or len(shape) < 2:
        return None
    with file.open("rb") as opened:
        opened.seek(member.header_offset + 26)
        lengths = struct.unpack("<HH", opened.read(4))  # of the name and of the extra field
    start = member.header_offset + 30 + sum(lengths) + header_bytes
    order: Any = "F" if is_fortran else "C"
    return np.memmap(file, dtype, "r", start, shape, order)


def _leave_out_channel(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[:-1] if len(shape) == 3 and shape[-1] == 1 else shape
