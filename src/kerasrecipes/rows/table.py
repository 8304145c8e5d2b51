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
from kerasrecipes.recipe.rules import LossKind
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.recipe.suggest import find_meant
from kerasrecipes.recipe.yaml_file import write_value
from kerasrecipes.rows.cells import Cells
from kerasrecipes.rows.columns import (
    ROLES,
    check_names,
    find_columns,
    remark_on_columns,
    remark_on_rows,
)
from kerasrecipes.rows.dataset import Piece, Rows, Schema, Source
from kerasrecipes.rows.disk import ColumnFile, describe_stream
from kerasrecipes.rows.files.base import NO_ROWS, TableFile
from kerasrecipes.rows.files.frames import TableInMemory
from kerasrecipes.rows.kinds import Column, NumberColumn
from kerasrecipes.rows.limits import check_memory
from kerasrecipes.rows.loaded_table import ColumnsRead, LoadedTable
from kerasrecipes.rows.roles import add_roles, read_known_times
from kerasrecipes.rows.series import join_windows, make_series
from kerasrecipes.rows.target import check_type, find_target, read_weights
from kerasrecipes.rows.words import count, list_columns, list_some

ROWS_AT_ONCE = 65_536


class Table(Rows):
    """Rows of named columns.

    Args:
        open_file: Opens the table by a recipe's ``dataset``, for the columns that will be read;
            None means all.
        name: The table's name, for messages.
        origin: Where the rows came from, in words.
        default_target: The target where the recipe names none.

    Attributes:
        text: How the recipe's first layer takes columns of text, if it does.
    """

    def __init__(
        self,
        open_file: Callable[[DatasetSpec, Sequence[str] | None], TableFile],
        name: str,
        origin: str,
        default_target: str | None = None,
    ) -> None:
        self._open, self.name, self._origin = open_file, name, origin
        self._default_target = default_target
        self.text: Component | None = None

    @classmethod
    def hold(cls, table: pa.Table, name: str, origin: str, target: str | None = None) -> Table:
        """Rows that are in memory already."""
        return cls(lambda spec, wanted: TableInMemory(table, spec, name), name, origin, target)

    def load(self, spec: DatasetSpec, hint: LossKind | None = None) -> Source:
        if (note := self._find_reason_to_stream(spec)) is not None:
            sample, table = self._read_sample(spec)
            table.notes += note
            return self.judge(table, spec, hint, accepts_infinite=False, sample=sample)
        as_text = [name for name, use in spec.features.items() if not use.name.startswith("float")]
        return self.judge(self.read(spec, as_text), spec, hint, accepts_infinite=False)

    def _find_reason_to_stream(self, spec: DatasetSpec) -> tuple[str, ...] | None:
        """Say why inputs stay on disk; None if they are read into memory."""
        if spec.stream is not None or spec.timeseries or self.text:
            return () if spec.stream else None
        needed, free = self._open(spec, None).estimate_memory(), find_free_memory()
        if needed <= free:
            return None
        return (describe_stream("Inputs", needed, free).removesuffix("."),)

    def _read_sample(self, spec: DatasetSpec) -> tuple[LoadedTable, LoadedTable]:
        """Read some rows, and of every row the targets and roles, which are no inputs."""
        file = self._open(spec, None)
        original = {name.strip(): name for name in file.infer_types()}
        names = [*original]
        targets = self._choose_targets(names, spec)
        wanted = [*targets, *spec.roles.values(), *filter(None, [spec.sample_weight])]
        raise_problems(self.name, check_names(names, spec, targets))
        columns, rows, step = file.read_sample([original[name] for name in dict.fromkeys(wanted)])
        return self._hold(rows, file, step), self._hold(columns, file)

    def _copy_to_disk(
        self, spec: DatasetSpec, columns: Sequence[Column], n_rows: int
    ) -> ColumnsRead:
        """Read every row's inputs piece by piece, and keep them in a temporary file."""
        file, read = ColumnFile(columns, n_rows), ColumnsRead(np.ones(n_rows, dtype=bool))
        for table in self._iterate_tables(spec, [column.name for column in columns], columns):
            piece = table.read_columns(columns)
            raise_problems(self.name, piece.problems)
            file.write(table.first_row, piece.arrays)
            read.add_piece(piece, table.first_row)
        read.arrays |= file.open_columns()
        return read

    def read(self, spec: DatasetSpec, as_text: Sequence[str] = ()) -> LoadedTable:
        """Read every row, without interpreting the columns."""
        file = self._open(spec, None)
        if self.text or spec.timeseries:
            check_memory(file.estimate_memory(), self.name)
        table = self._hold(file.read(as_text), file)
        if not len(table):
            raise DataError(self.name, [NO_ROWS])
        return table

    def read_some(self, spec: DatasetSpec) -> LoadedTable:
        """Read every row, or a sample of the rows if memory has no room for all."""
        if self._find_reason_to_stream(spec) is None:
            return self.read(spec)
        file = self._open(spec, None)
        _, rows, step = file.read_sample([])
        table = self._hold(rows, file, step)
        table.notes += (f"one of {step} rows was read, as memory has no room for all",)
        return table

    def _hold(self, rows: pa.Table, file: TableFile, step: int = 1) -> LoadedTable:
        notation, notes = replace(file.notation, step=step), tuple(file.notes)
        return LoadedTable(rows, notation, self.name, notes=notes)

    def judge(
        self,
        table: LoadedTable,
        spec: DatasetSpec,
        hint: LossKind | None = None,
        *,
        accepts_infinite: bool = True,
        sample: LoadedTable | None = None,
    ) -> Source:
        """Interpret the columns, and make a source; columns are freed once they are read.

        Args:
            table: Every row.
            sample: Some rows, where ``table`` lacks the inputs, which stay on disk.

        Raises:
            DataError: The recipe and the table do not fit; it lists everything.
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
        problems = [*read.problems, *([] if accepts_infinite else read.infinite)]
        target, values = None, np.zeros(0)
        if keep.any():
            with _collecting(problems):
                target, values, is_read = find_target(target_cells, spec.task, hint, keep)
                known, keep = known & is_read, keep & is_read  # a kept word is no number
        left = _count_left_out(read, known, keep, target_cells)
        if known.any() and (spec.missing == "error" or spec.timeseries):
            problems += _refuse_gaps(read, known, target_cells, spec)
        elif not keep.any() and not problems:
            why = " and ".join(left)
            problems.append(
                f"no row is left: {why}. Choose another target, leave out columns with drop, or "
                "write missing: median."
            )
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

    def iterate(
        self, schema: Schema, ids: Sequence[str] = (), *, with_target: bool = False
    ) -> Iterator[Piece]:
        pieces = self._iterate(schema, ids, with_target)
        if timeseries := schema.spec.timeseries:
            yield join_windows(self.name, pieces, timeseries, with_target=with_target)
        else:
            yield from pieces

    def _iterate(self, schema: Schema, ids: Sequence[str], with_target: bool) -> Iterator[Piece]:
        if not schema.is_table:
            problem = f"this run takes {schema.takes} (received: a table). Give a file of these."
            raise DataError(self.name, [problem])
        targets = schema.target.columns if with_target else ()
        weight, time = schema.spec.sample_weight, schema.spec.time
        others = [weight if with_target else None, time if schema.spec.timeseries else None]
        names = [column.name for column in (*schema.columns, *targets)]
        wanted = [*dict.fromkeys([*names, *ids, *filter(None, others)])]
        kept = {*ids, *(column.name for column in targets)}
        inputs = [column for column in schema.columns if column.name not in kept]
        for table in self._iterate_tables(schema.spec, wanted, inputs):
            yield self._read_by(table, schema, tuple(dict.fromkeys(ids)), with_target)

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
        self, table: LoadedTable, schema: Schema, ids: Sequence[str], with_target: bool
    ) -> Piece:
        """Read rows by a schema, with the checks of training."""
        targets = schema.target.columns if with_target else ()
        problems = [*_check_names(table, (*schema.columns, *targets), ids)]
        there = [column for column in schema.columns if column.name in table.names]
        read = table.read_columns(there)
        problems += [*read.problems, *read.infinite]
        values, known = None, np.ones(len(table), dtype=bool)
        cells = [table.take_cells(one.name) for one in targets if one.name in table.names]
        if cells and len(cells) == len(targets):
            with _collecting(problems):
                values, known = schema.target.read(cells)
        keep = known
        if schema.spec.missing == "drop" and targets:
            keep = known & read.complete
        elif schema.spec.missing in ("error", "drop") and read.gaps:
            problems.append(
                f"values are missing: {read.describe_gaps()}. The recipe's missing is "
                f"{schema.spec.missing}, so the model has not learnt what to do with them. Fill or "
                "remove these rows, or train with missing: median."
            )
        weights, weight = None, schema.spec.sample_weight
        if with_target and weight in table.names:
            with _collecting(problems):
                weights = read_weights(table.take_cells(weight))[keep]
        times, time = None, schema.spec.time
        if schema.spec.timeseries and time in table.names:
            times = read_known_times(table.take_cells(time), schema.spec)
            times = None if times is None else times[keep]
        raise_problems(self.name, problems)
        return Piece(
            read.keep(keep),
            table.first_row + np.flatnonzero(keep),
            None if values is None else values[keep],
            {name: table.take_texts(name) for name in ids},
            tuple(f"{note}." for note in table.notes),
            _count_left_out(read, known, keep, cells),
            weights,
            times,
        )

    def check_names(self, spec: DatasetSpec) -> None:
        """Check the columns that a recipe names, where the table's names cost no reading of rows.

        Raises:
            DataError: The recipe names columns that are not there; it lists all.
        """
        names = self._open(spec, None).list_names()
        if names is not None:
            names = [name.strip() for name in names]
            raise_problems(self.name, check_names(names, spec, self._choose_targets(names, spec)))

    def _choose_targets(self, names: Sequence[str], spec: DatasetSpec) -> tuple[str, ...]:
        targets = [spec.target] if isinstance(spec.target, str) else spec.target
        targets = targets or ([self._default_target] if self._default_target else [])
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
        yield (
            f"target {names} is missing in {len(rows):,} of {count(len(known), 'row')} "
            f"({targets[0].locate(rows)}). {', or '.join(['Fill it in', *remedy])}.{words}"
        )
    if read.gaps and spec.missing == "error":
        remedies = ["Fill them with missing: median", *remedy, "or leave the columns out with drop"]
        yield (
            f"values are missing: {read.describe_gaps()}. {', '.join(remedies)}: "
            f"{write_value([*read.gaps], 200)}."
        )


def _count_left_out(
    read: ColumnsRead,
    known: NDArray[np.bool_],
    keep: NDArray[np.bool_],
    targets: Sequence[Cells],
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
        yield (
            f"columns are missing: {', '.join(missing)}. Add them, or rename your columns. "
            f"{list_columns(table.names)}"
        )
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
