"""A table: its columns are recognised for training, and read alike for training and prediction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kerasrecipes.errors import DataError, raise_problems
from kerasrecipes.memory import find_free_memory
from kerasrecipes.recipe.components import Component
from kerasrecipes.recipe.names import find_meant
from kerasrecipes.recipe.rules import LossKind
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.recipe.yaml_file import write_value
from kerasrecipes.rows.cells import Cells, Missing, Notation
from kerasrecipes.rows.columns import (
    ROLES,
    check_names,
    find_columns,
    remark_on_columns,
    remark_on_rows,
)
from kerasrecipes.rows.dataset import Piece, Rows, Schema, Source
from kerasrecipes.rows.disk import ColumnFile, describe_stream
from kerasrecipes.rows.files.base import NO_ROWS, TableFile, TableInMemory
from kerasrecipes.rows.kinds import Column, DateColumn, Finding, NumberColumn, recognise_column
from kerasrecipes.rows.limits import check_memory
from kerasrecipes.rows.splits import add_roles, read_times
from kerasrecipes.rows.target import ColumnsRead, check_type, find_target, read_weights
from kerasrecipes.rows.windows import join_windows, make_series
from kerasrecipes.rows.words import count, find_repeated, list_columns, list_some

ROWS_AT_ONCE = 65_536
OpenFile = Callable[[DatasetSpec, Sequence[str] | None], TableFile]


class LoadedTable:
    """Rows of a table in memory, from row ``first_row`` on; their columns must differ in name."""

    def __init__(
        self,
        table: pa.Table,
        notation: Notation,
        name: str,
        first_row: int = 0,
        notes: tuple[str, ...] = (),
    ) -> None:
        # Readers of CSV and Excel files ignore white space around names.
        self.names: list[str] = [each.strip() for each in table.column_names]
        raise_problems(name, find_repeated(self.names))
        self.columns = dict(zip(self.names, table.columns, strict=True))
        self.name, self._n_rows = name, len(table)
        self.notation, self.first_row = notation, first_row
        self.notes = notes  # changes to the rows when they were read
        self.remarks: list[str] = []  # points to check, found when columns are read for training
        self._cells: dict[str, Cells] = {}
        self._findings: dict[str, Finding] = {}

    def __len__(self) -> int:
        return self._n_rows

    def take_cells(self, name: str) -> Cells:
        """The cells of one column, which keep their results."""
        if name not in self._cells:
            values = self.columns[name]
            self._cells[name] = Cells(name, values, self.notation, self.first_row, self.name)
        return self._cells[name]

    def recognise(self, name: str) -> Finding:
        """Find how one column is read, by its type and values; computed once."""
        if name not in self._findings:
            self._findings[name] = recognise_column(self.take_cells(name))
        return self._findings[name]

    def free(self, name: str) -> None:
        """Free a column's memory."""
        self.columns.pop(name, None)
        self._cells.pop(name, None)

    def with_missing(self, missing: Missing) -> LoadedTable:
        """The same rows, with different values that mean missing."""
        if missing == self.notation.missing:
            return self
        notation = replace(self.notation, missing=missing)
        return LoadedTable(pa.table(self.columns), notation, self.name, self.first_row, self.notes)

    def read_columns(self, columns: Sequence[Column], *, is_training: bool = False) -> ColumnsRead:
        """Read columns; in training, find remarks on each, and free it once it was read."""
        read = ColumnsRead(np.ones(len(self), dtype=bool))
        for column in columns:
            cells = self.take_cells(column.name)
            arrays = read.add(column, cells)
            if is_training:
                self.remarks += filter(None, [column.remark(cells, arrays) if arrays else ""])
                self.free(column.name)
        return read


class Table(Rows):
    """Rows of named columns; ``target`` is for recipes that name none.

    ``open_file`` opens the table by a recipe's ``dataset``, for the columns that will be read; None
    means all.
    """

    def __init__(
        self, open_file: OpenFile, name: str, origin: str, target: str | None = None
    ) -> None:
        self._open, self.name, self._origin, self._target = open_file, name, origin, target
        self.text: Component | None = None  # how a recipe's first layer takes columns of text

    @classmethod
    def hold(cls, table: pa.Table, name: str, origin: str, target: str | None = None) -> Table:
        """Rows that are in memory already."""
        return cls(lambda spec, wanted: TableInMemory(table, spec, name), name, origin, target)

    def load(self, spec: DatasetSpec, hint: LossKind | None = None) -> Source:
        file = self._open(spec, None)
        if (note := self._find_reason_to_stream(file, spec)) is None:
            uses = spec.features.items()
            as_text = [name for name, use in uses if not use.name.startswith("float")]
            return self.judge(self._hold(file.read(as_text), file), spec, hint)
        # Some rows of all columns; and of every row the targets and roles, which are no inputs.
        original = {name.strip(): name for name in file.infer_types()}
        names = [*original]
        targets = self._choose_targets(names, spec)
        wanted = [*targets, *spec.roles.values(), *filter(None, [spec.sample_weight])]
        raise_problems(self.name, check_names(names, spec, targets))
        columns, rows, step = file.read_sample([original[name] for name in dict.fromkeys(wanted)])
        table = self._hold(columns, file)
        table.notes += note
        return self.judge(table, spec, hint, self._hold(rows, file, step))

    def _find_reason_to_stream(self, file: TableFile, spec: DatasetSpec) -> tuple[str, ...] | None:
        """Say why inputs stay on disk; None if they are read into memory."""
        if spec.stream:
            return ()
        needed, free = file.estimate_memory(), find_free_memory()
        if self.text or spec.timeseries:
            check_memory(needed, self.name)
        if needed <= free or spec.stream is False:
            return None
        return (describe_stream("Inputs", needed, free).removesuffix("."),)

    def read_some(self, spec: DatasetSpec) -> LoadedTable:
        """Read every row, or a sample of the rows if memory has no room for all."""
        file = self._open(spec, None)
        if self._find_reason_to_stream(file, spec) is None:
            return self._hold(file.read(), file)
        _, rows, step = file.read_sample([])
        table = self._hold(rows, file, step)
        table.notes += (f"one of every {step} rows was read, because memory has no room for all",)
        return table

    def _hold(self, rows: pa.Table, file: TableFile, step: int = 1) -> LoadedTable:
        if not len(rows):
            raise DataError(self.name, [NO_ROWS])
        notation = replace(file.notation, step=step)
        return LoadedTable(rows, notation, self.name, notes=tuple(file.notes))

    def judge(
        self,
        table: LoadedTable,
        spec: DatasetSpec,
        hint: LossKind | None = None,
        sample: LoadedTable | None = None,
    ) -> Source:
        """Interpret the columns of every row, and free each once it is read.

        ``sample`` has some rows, where ``table`` lacks the inputs, which stay on disk.
        """
        whole = sample or table
        targets = self._choose_targets(whole.names, spec)
        columns, left_out = find_columns(whole, spec, targets, self.text)
        target_cells = [table.take_cells(target) for target in targets]
        raise_problems(self.name, filter(None, map(check_type, target_cells)))
        weights = read_weights(table.take_cells(spec.sample_weight)) if spec.sample_weight else None
        role_cells = {key: table.take_cells(name) for key, name in spec.roles.items()}
        whole.remarks += remark_on_columns(whole, columns, spec, targets)
        for name, _ in left_out:
            whole.free(name)
        read = whole.read_columns(columns, is_training=True)
        if sample:
            read = self._copy_to_disk(spec, columns, len(table))
        pa.default_memory_pool().release_unused()  # otherwise Arrow does not free its read buffers
        known = np.logical_and.reduce([cells.is_known for cells in target_cells])
        keep = known & read.complete if spec.missing == "drop" else known
        problems, target, values = [*read.problems], None, np.zeros(0)
        if keep.any():
            with _collecting(problems):
                target, values, is_read = find_target(target_cells, spec.task, hint, keep)
                known, keep = known & is_read, keep & is_read  # a kept word is no number
        left = _count_left_out(read, known, keep, target_cells)
        if known.any() and (spec.missing == "error" or spec.timeseries):
            problems += _refuse_gaps(read, known, target_cells, spec)
        elif not keep.any() and not problems:
            remedy = "Choose another target, leave out columns with drop, or write missing: median."
            problems.append(f"no row is left: {' and '.join(left)}. {remedy}")
        if problems or target is None:
            raise DataError(self.name, problems)
        whole.remarks += remark_on_rows(read, () if sample else columns, target, target_cells)
        source = Source(
            inputs=read.keep(keep),
            target=values[keep],
            task=target.task,
            target_names=targets,
            target_unit=str(target.columns[0].arguments.get("unit") or ""),
            class_names=target.class_names,
            origin=self._origin,
            rows=np.flatnonzero(keep),
            weights=None if weights is None else weights[keep],
            columns=columns,
            left_out=left_out,
            warnings=(
                *(f"{note}." for note in table.notes),
                *_warn_of_columns(left_out),
                *(describe_left_out(n, len(table), reason) for reason, n in left.items()),
                *([] if known.all() else filter(None, map(describe_words, target_cells))),
                *whole.remarks,
            ),
            class_type=target.class_type,
            target_columns=target.columns,
            place=table.notation.first_place,
        )
        source = add_roles(source, role_cells, spec, keep)
        return make_series(self.name, source, spec.timeseries) if spec.timeseries else source

    def _copy_to_disk(
        self, spec: DatasetSpec, columns: Sequence[Column], n_rows: int
    ) -> ColumnsRead:
        """Read every row's inputs piece by piece, and keep them in a temporary file."""
        file, read = ColumnFile(columns, n_rows), ColumnsRead(np.ones(n_rows, dtype=bool))
        for table in self._iterate_tables(spec, [column.name for column in columns], columns):
            piece, first = table.read_columns(columns), table.first_row
            raise_problems(self.name, piece.problems)
            file.write(first, piece.arrays)
            read.complete[first : first + len(table)] = piece.complete
            for name, (n, where) in piece.gaps.items():
                n_before, where = read.gaps.get(name, (0, where))
                read.gaps[name] = n_before + n, where
        read.arrays |= file.open_columns()
        return read

    def iterate(
        self, schema: Schema, ids: Sequence[str] = (), *, with_target: bool = False
    ) -> Iterator[Piece]:
        if not schema.columns:
            problem = f"this run takes {schema.takes} (received: a table). Give a file of these."
            raise DataError(self.name, [problem])
        spec, targets = schema.spec, schema.target.columns if with_target else ()
        others = [spec.sample_weight if targets else None, spec.time if spec.timeseries else None]
        names = [column.name for column in (*schema.columns, *targets)]
        wanted = [*dict.fromkeys([*names, *ids, *filter(None, others)])]
        kept = {*ids, *(column.name for column in targets)}
        inputs = [column for column in schema.columns if column.name not in kept]
        tables = self._iterate_tables(spec, wanted, inputs)
        pieces = (self._read_by(table, schema, [*dict.fromkeys(ids)], targets) for table in tables)
        if spec.timeseries:
            yield join_windows(self.name, pieces, spec.timeseries, with_target=with_target)
        else:
            yield from pieces

    def _iterate_tables(
        self, spec: DatasetSpec, wanted: Sequence[str], columns: Sequence[Column]
    ) -> Iterator[LoadedTable]:
        """Read the wanted columns of some rows at once; some are known to be plain numbers."""
        numbers = {c.name for c in columns if isinstance(c, NumberColumn) and c.is_plain}
        file = self._open(spec, wanted)
        if spec.timeseries:
            check_memory(file.estimate_memory(), self.name)
        # A program may give a DataFrame without rows; a file without rows is a mistake.
        is_in_memory = isinstance(file, TableInMemory)
        n_rows, n_notes = 0, 0
        for rows in _gather(file.iterate(wanted, numbers, ROWS_AT_ONCE), ROWS_AT_ONCE):
            notes, n_notes = tuple(file.notes[n_notes:]), len(file.notes)
            table = LoadedTable(rows, file.notation, self.name, n_rows, notes)
            if len(rows) or is_in_memory:
                yield table
            n_rows += len(rows)
        if not n_rows and not is_in_memory:
            raise DataError(self.name, [NO_ROWS])

    def _read_by(
        self, table: LoadedTable, schema: Schema, ids: Sequence[str], targets: Sequence[Column]
    ) -> Piece:
        """Read rows by a schema, with the checks of training."""
        spec = schema.spec
        problems = [*_check_names(table, (*schema.columns, *targets), ids)]
        read = table.read_columns([each for each in schema.columns if each.name in table.names])
        problems += read.problems
        values, weights, times, known = None, None, None, np.ones(len(table), dtype=bool)
        cells = [table.take_cells(one.name) for one in targets if one.name in table.names]
        if cells and len(cells) == len(targets):
            with _collecting(problems):
                values, known = schema.target.read(cells)
        keep = known
        if spec.missing == "drop" and targets:
            keep = known & read.complete
        elif spec.missing in ("error", "drop") and read.gaps:
            what = f"values are missing: {read.describe_gaps()}. The recipe's missing is"
            why = f"{spec.missing}, so the model has not learnt what to do with them."
            remedy = "Fill or remove these rows, or train with missing: median."
            problems.append(f"{what} {why} {remedy}")
        if targets and spec.sample_weight in table.names:
            with _collecting(problems):
                weights = read_weights(table.take_cells(spec.sample_weight))[keep]
        if spec.timeseries and spec.time in table.names:
            is_date = isinstance(table.recognise(spec.time).column, DateColumn)
            # Otherwise a few rows may not show how times are written.
            if is_date or table.take_cells(spec.time).is_number or spec.time in spec.features:
                times = read_times(table.take_cells(spec.time), spec)
        raise_problems(self.name, problems)
        return Piece(
            read.keep(keep),
            table.first_row + np.flatnonzero(keep),
            None if values is None else values[keep],
            {name: table.columns[name].cast(pa.string()) for name in ids},
            tuple(f"{note}." for note in table.notes),
            _count_left_out(read, known, keep, cells),
            weights,
            None if times is None else times[keep],
        )

    def check_names(self, spec: DatasetSpec) -> None:
        """Check the columns that a recipe names, if their names can be had without the rows."""
        names = self._open(spec, None).list_names()
        if names is not None:
            names = [name.strip() for name in names]
            raise_problems(self.name, check_names(names, spec, self._choose_targets(names, spec)))

    def _choose_targets(self, names: Sequence[str], spec: DatasetSpec) -> tuple[str, ...]:
        targets = spec.targets or ([self._target] if self._target else [])
        if not targets:
            problem = "dataset needs target: which column is to be predicted. "
            problems = [problem + list_columns(names), *check_names(names, spec, ())]
            raise DataError(self.name, problems)
        return tuple(dict.fromkeys(targets))


def _refuse_gaps(
    read: ColumnsRead, known: NDArray[np.bool_], targets: Sequence[Cells], spec: DatasetSpec
) -> Iterator[str]:
    # A series needs every row.
    remedy = [] if spec.timeseries else ["leave these rows out with missing: drop"]
    if not known.all():
        rows, names = np.flatnonzero(~known), ", ".join(cells.name for cells in targets)
        words = " ".join(["", *filter(None, map(describe_words, targets))])
        where = f"in {len(rows):,} of {count(len(known), 'row')} ({targets[0].locate(rows)})"
        yield f"target {names} is missing {where}. {', or '.join(['Fill it in', *remedy])}.{words}"
    if read.gaps and spec.missing == "error":
        remedies = ["Fill them with missing: median", *remedy, "or leave the columns out with drop"]
        what = f"values are missing: {read.describe_gaps()}"
        yield f"{what}. {', '.join(remedies)}: {write_value([*read.gaps], 200)}."


def _count_left_out(
    read: ColumnsRead, known: NDArray[np.bool_], keep: NDArray[np.bool_], targets: Sequence[Cells]
) -> dict[str, int]:
    """How many rows are left out, by the reason."""
    names = ", ".join(cells.name for cells in targets)
    counts = {f"target {names} is missing": int((~known).sum())}
    counts[f"values are missing ({', '.join(read.gaps)})"] = int((known & ~keep).sum())
    return {reason: n for reason, n in counts.items() if n}


def describe_left_out(n: int, n_rows: int, reason: str) -> str:
    """Say how many rows are left out, and why."""
    return f"{n:,} of {count(n_rows, 'row')} {'is' if n == 1 else 'are'} left out: {reason}."


@contextmanager
def _collecting(problems: list[str]) -> Iterator[None]:
    """Go on after a ``DataError``, so that all problems are reported together."""
    try:
        yield
    except DataError as error:
        problems += error.problems


def _gather(pieces: Iterable[pa.Table], n_rows: int) -> Iterator[pa.Table]:
    """Cut large pieces, and join small ones; a change of types ends a piece early."""
    held: list[pa.Table] = []
    for piece in pieces:
        for start in range(0, max(1, len(piece)), n_rows):
            if held and (sum(map(len, held)) >= n_rows or held[0].schema != piece.schema):
                yield pa.concat_tables(held)
                held = []
            held.append(piece.slice(start, n_rows))
    if held:
        yield pa.concat_tables(held)


def _check_names(
    table: LoadedTable, columns: Sequence[Column], ids: Sequence[str]
) -> Iterator[str]:
    """Check the columns of rows for a trained model."""
    needed = [*dict.fromkeys([*(column.name for column in columns), *ids])]
    others = [name for name in table.names if name not in needed]
    missing = [
        f"{name} (is it '{meant}'?)" if (meant := find_meant(name, others)) else name
        for name in needed
        if name not in table.names
    ]
    if missing:
        what = f"columns are missing: {', '.join(missing)}"
        yield f"{what}. Add them, or rename your columns. {list_columns(table.names)}"
    for name in ids:
        if name in table.names and pa.types.is_nested(table.take_cells(name).type):
            yield f"--id: column {name} contains lists or objects. Remove it."


def describe_words(cells: Cells) -> str:
    """The words that a target's missing values are written as, where these may be classes."""
    words = {word: n for word, n in cells.words_for_missing.items() if any(map(str.isalpha, word))}
    if not words:
        return ""
    shown = list_some([f"'{word}' ({count(n, 'row')})" for word, n in words.items()])
    keep = write_value({"keep": [*words]}, 200)
    return f"{shown} means missing; if it is a class, write missing_values: {keep}."


def _warn_of_columns(left_out: Sequence[tuple[str, str]]) -> Iterator[str]:
    names_by_reason: dict[str, list[str]] = {}
    for name, reason in left_out:
        if reason not in ROLES.values():  # the recipe names them
            names_by_reason.setdefault(reason, []).append(name)
    for reason, names in names_by_reason.items():
        noun = f"column {names[0]} is" if len(names) == 1 else f"columns {', '.join(names)} are"
        yield f"{noun} left out: {reason}."
