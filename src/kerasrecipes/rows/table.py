"""A table: judged for training, and read by what was found, for training and prediction alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec, Task
from kerasrecipes.recipe.suggest import find_meant, suggest
from kerasrecipes.recipe.yaml_file import write_value
from kerasrecipes.rows.cells import Cells, Missing, Notation
from kerasrecipes.rows.columns import check_names, find_columns
from kerasrecipes.rows.dataset import Source
from kerasrecipes.rows.files.base import TableFile
from kerasrecipes.rows.kinds import Column, Finding, NumberColumn, recognise_column
from kerasrecipes.rows.precision import Merged, describe_merged, find_merged
from kerasrecipes.rows.rows import Piece, Rows, Schema
from kerasrecipes.rows.target import Target, check_type, find_target
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

    def load(self, spec: DatasetSpec, hint: Task | None = None) -> Source:
        as_text = [name for name, use in spec.features.items() if not use.name.startswith("float")]
        return self.judge(self.read(spec, as_text), spec, hint)

    def read(self, spec: DatasetSpec, as_text: Sequence[str] = ()) -> TableInHand:
        """Read every row, and leave what the columns mean open."""
        file = self._open(spec, None)
        table = file.read(as_text)
        return TableInHand(table, file.notation, self.name, notes=tuple(file.notes))

    def judge(self, table: TableInHand, spec: DatasetSpec, hint: Task | None = None) -> Source:
        """Find what the columns mean, and make a source; columns are freed once they are read.

        Raises:
            DataError: The recipe and the table do not fit; it lists everything.
        """
        targets = self._choose_targets(table.names, spec)
        if not len(table):
            raise DataError(self.name, ["there are no rows. Add some."])
        found = find_columns(table, spec, targets)
        for name, _ in found.left_out:
            table.free(name)
        target_cells = [table.take_cells(target) for target in targets]
        unfit = [problem for cells in target_cells if (problem := check_type(cells))]
        known = np.ones(len(table), dtype=bool)
        if not unfit:
            known = np.logical_and.reduce([cells.is_known for cells in target_cells])
        read = table.read_columns(found.columns, for_training=True)
        pa.default_memory_pool().release_unused()  # or Arrow keeps for itself what it read into
        keep = known & read.complete if spec.missing == "drop" else known
        problems, wrong_targets = [*read.problems, *unfit], list[str]()
        target, values = None, np.zeros(0)
        if keep.any() and not unfit:
            with _collecting(wrong_targets):
                target, values, is_read = find_target(target_cells, spec.task, hint, keep)
                known, keep = known & is_read, keep & is_read  # a kept word is no number
        if spec.missing == "error":
            problems += _refuse_gaps(read, known, target_cells)
        elif not keep.any() and not problems:
            problems.append(_describe_nothing_left(read, known, target_cells))
        problems += wrong_targets
        if problems or target is None:
            raise DataError(self.name, problems)
        return Source(
            inputs=read.keep(keep),
            target=values[keep],
            task=target.task,
            target_names=targets,
            target_unit=str(target.columns[0].arguments.get("unit") or ""),
            class_names=target.class_names,
            origin=self._origin,
            rows=None if keep.all() else np.flatnonzero(keep),
            columns=found.columns,
            left_out=found.left_out,
            warnings=(
                *(f"{note}." for note in table.notes),
                *_warn_of_columns(found.left_out),
                *_warn_of_rows(read, known, keep, target_cells),
                *_warn_of_merged(read.merged, target, target_cells),
            ),
            class_type=target.class_type,
            target_columns=target.columns,
        )

    def iterate(
        self, schema: Schema, ids: Sequence[str] = (), *, with_target: bool = False
    ) -> Iterator[Piece]:
        if not schema.is_table:
            problem = f"this run takes {schema.takes} (received: a table). Give a file of these."
            raise DataError(self.name, [problem])
        targets = schema.target.columns if with_target else ()
        wanted = [*dict.fromkeys([c.name for c in (*schema.columns, *targets)] + [*ids])]
        numbers = {c.name for c in schema.columns if isinstance(c, NumberColumn) and c.is_plain}
        numbers -= {*ids, *(column.name for column in targets)}
        file = self._open(schema.spec, wanted)
        n_rows, n_notes = 0, 0
        for rows in _gather(file.iterate(wanted, numbers, ROWS_AT_ONCE), ROWS_AT_ONCE):
            notes, n_notes = tuple(file.notes[n_notes:]), len(file.notes)
            table = TableInHand(rows, file.notation, self.name, n_rows, notes)
            yield self._read_by(table, schema, tuple(dict.fromkeys(ids)), with_target)
            n_rows += len(rows)

    def _read_by(
        self, table: TableInHand, schema: Schema, ids: Sequence[str], with_target: bool
    ) -> Piece:
        """Read rows by what training found, under the checks that training applied."""
        problems = [*_find_missing_columns(table.names, schema.columns), *table.check_ids(ids)]
        there = [column for column in schema.columns if table.names.count(column.name) == 1]
        read = table.read_columns(there)
        problems += [*read.problems, *read.infinite]
        values, known, cells = None, np.ones(len(table), dtype=bool), []
        if with_target:
            with _collecting(problems):
                cells = table.take_targets(schema)
                values, known = schema.target.read(cells)
        keep = known
        if schema.spec.missing == "drop" and with_target:
            keep = known & read.complete
        elif schema.spec.missing in ("error", "drop") and read.gaps:
            problems.append(
                f"values are missing: {read.describe_gaps()}. The recipe's missing is "
                f"{schema.spec.missing}, so the model has not learnt what to do with them. Fill or "
                "remove these rows, or train with missing: median."
            )
        if problems:
            raise DataError(self.name, problems)
        left_out = {
            f"{_name_targets(cells)} missing": int((~known).sum()),
            f"values are missing ({', '.join(read.gaps)})": int((known & ~keep).sum()),
        }
        return Piece(
            read.keep(keep),
            table.first_row + np.flatnonzero(keep),
            None if values is None else values[keep],
            {name: table.take_texts(name) for name in ids},
            tuple(f"{note}." for note in table.notes),
            {reason: n for reason, n in left_out.items() if n},
        )

    def _choose_targets(self, names: Sequence[str], spec: DatasetSpec) -> tuple[str, ...]:
        asked = [spec.target] if isinstance(spec.target, str) else spec.target
        asked = asked or ([self._default_target] if self._default_target else [])
        if not asked:
            problem = "dataset needs target: which column is to be predicted. "
            problems = [problem + list_columns(names), *check_names(names, spec, ())]
            raise DataError(self.name, problems)
        return tuple(dict.fromkeys(asked))


@dataclass
class ColumnsRead:
    """The arrays of columns, and what is to be said of their values.

    Attributes:
        arrays: By input, each of shape (n_rows,).
        complete: Which rows lack nothing.
        gaps: By column, how many values are missing, and where.
        problems: What is wrong with columns that could not be read.
        infinite: Where numbers are not finite.
        merged: By column, what float32 loses.
    """

    arrays: dict[str, NDArray[np.generic]]
    complete: NDArray[np.bool_]
    gaps: dict[str, tuple[int, str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    infinite: list[str] = field(default_factory=list)
    merged: dict[str, Merged] = field(default_factory=dict)

    def add(self, column: Column, cells: Cells) -> None:
        """Read a column's cells."""
        arrays, problem = column.read(cells)
        if problem:
            self.problems.append(problem)
            return
        self.arrays |= zip(column.inputs, arrays, strict=True)
        is_missing = column.find_missing(arrays[0])
        if is_missing.any():
            self.complete &= ~is_missing
            rows = np.flatnonzero(is_missing)
            self.gaps[column.name] = len(rows), cells.locate(rows)
        if not isinstance(column, NumberColumn):
            return
        if len(rows := np.flatnonzero(np.isinf(arrays[0]))):
            self.infinite.append(
                f"column {column.name}: no finite number in {cells.locate(rows)}. Correct or "
                "remove these rows."
            )

    def keep(self, keep: NDArray[np.bool_]) -> dict[str, NDArray[np.generic]]:
        """The arrays of some rows; each array is freed once its rows were taken."""
        if keep.all():
            return self.arrays
        return {name: self.arrays.pop(name)[keep] for name in [*self.arrays]}

    def describe_gaps(self) -> str:
        """How many values are missing in each column, and where."""
        return ", ".join(f"{name} {n:,} ({where})" for name, (n, where) in self.gaps.items())


class TableInHand:
    """Rows of a table in memory.

    Args:
        table: The rows.
        notation: How values are written.
        name: For messages.
        first_row: The number of the first row, counted from 0.
        notes: What was done to the rows when they were read.
    """

    def __init__(
        self,
        table: pa.Table,
        notation: Notation,
        name: str,
        first_row: int = 0,
        notes: tuple[str, ...] = (),
    ) -> None:
        self._table, self.name, self._n_rows = table, name, len(table)
        self.notation, self.first_row, self.notes = notation, first_row, notes
        self._cells: dict[str, Cells] = {}
        self._findings: dict[str, Finding] = {}

    def __len__(self) -> int:
        return self._n_rows

    @property
    def names(self) -> list[str]:
        """The columns' names."""
        return list(self._table.column_names)

    def take_cells(self, name: str) -> Cells:
        """The cells of one column, which keep what they compute."""
        if name not in self._cells:
            column = self._table.column(name)
            self._cells[name] = Cells(name, column, self.notation, self.first_row, self.name)
        return self._cells[name]

    def recognise(self, name: str) -> Finding:
        """How one column is taken by its type and values, found once."""
        if name not in self._findings:
            self._findings[name] = recognise_column(self.take_cells(name))
        return self._findings[name]

    def free(self, name: str) -> None:
        """Free a column's memory."""
        self._table = self._table.drop_columns([name])
        self._cells.pop(name, None)

    def take_texts(self, name: str) -> pa.ChunkedArray:
        """One column's values as the texts that they are."""
        return self._table.column(name).cast(pa.string())

    def take_targets(self, schema: Schema) -> list[Cells]:
        """The cells of the target's columns.

        Raises:
            DataError: They are not there.
        """
        others = [name for name in self.names if name not in {c.name for c in schema.columns}]
        problems = []
        for name in (column.name for column in schema.target.columns):
            if (n := self.names.count(name)) != 1:
                found = f"{n} columns are named '{name}'" if n else f"there is no '{name}'"
                hint = "" if n else suggest(name, others)
                problems.append(f"{found}, the target, to compare answers with. {hint}".rstrip())
        if problems:
            raise DataError(self.name, problems)
        return [self.take_cells(column.name) for column in schema.target.columns]

    def with_missing(self, missing: Missing) -> TableInHand:
        """The same rows, with other values that mean missing."""
        if missing == self.notation.missing:
            return self
        notation = replace(self.notation, missing=missing)
        return TableInHand(self._table, notation, self.name, self.first_row, self.notes)

    def read_columns(self, columns: Sequence[Column], *, for_training: bool = False) -> ColumnsRead:
        """Read columns; for training, find what float32 loses, and free each once it was read."""
        read = ColumnsRead({}, np.ones(len(self), dtype=bool))
        for column in columns:
            cells = self.take_cells(column.name)
            read.add(column, cells)
            if for_training:
                if isinstance(column, NumberColumn) and (found := find_merged(column, cells)):
                    read.merged[column.name] = found
                self.free(column.name)
        return read

    def check_ids(self, ids: Sequence[str]) -> Iterator[str]:
        """What is wrong with the columns that are to be copied beside answers."""
        for name in ids:
            if name not in self.names:
                yield f"--id: there is no column '{name}'. {suggest(name, self.names)}".rstrip()
            elif pa.types.is_nested(self._table.column(name).type):
                yield f"--id: column {name} holds lists or objects. Remove it."


def _refuse_gaps(
    read: ColumnsRead, known: NDArray[np.bool_], targets: Sequence[Cells]
) -> Iterator[str]:
    rows = np.flatnonzero(~known)
    if len(rows):
        yield (
            f"{_name_targets(targets)} missing in {len(rows):,} of {count(len(known), 'row')} "
            f"({targets[0].locate(rows)}). Fill it in, or leave these rows out with missing: "
            f"drop.{describe_words(targets)}"
        )
    if read.gaps:
        yield (
            f"values are missing: {read.describe_gaps()}. Fill them with missing: median, "
            "leave these rows out with missing: drop, or leave the columns out with drop: "
            f"{write_value([*read.gaps], 200)}."
        )


def _describe_nothing_left(
    read: ColumnsRead, known: NDArray[np.bool_], targets: Sequence[Cells]
) -> str:
    if not known.any() or not read.gaps:
        return f"{_name_targets(targets)} missing in every row. Choose another target."
    worst = max(read.gaps, key=lambda name: read.gaps[name][0])
    return (
        f"missing: drop leaves no row, as each lacks a value; most are missing in {worst}, "
        f"{read.gaps[worst][0]:,} of {len(known):,}. Leave it out with drop: "
        f"{write_value([worst])}, or write missing: median."
    )


def _warn_of_rows(
    read: ColumnsRead,
    known: NDArray[np.bool_],
    keep: NDArray[np.bool_],
    targets: Sequence[Cells],
) -> Iterator[str]:
    """Warn of rows that training leaves out."""
    n_rows, n_unknown, n_dropped = len(known), int((~known).sum()), int((known & ~keep).sum())
    if n_unknown:
        reason = f"{_name_targets(targets)} missing"
        yield describe_left_out(n_unknown, n_rows, reason) + describe_words(targets)
    if n_dropped:
        counts = ", ".join(f"{name} {n:,}" for name, (n, _) in read.gaps.items())
        yield describe_left_out(n_dropped, n_rows, f"values are missing ({counts})")


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
    """Bring pieces to ``n_rows`` rows each; a change of types ends a piece early.

    A table without rows is one empty piece.
    """
    held: list[pa.Table] = []
    n_held = n_given = 0
    for piece in pieces:
        if held and held[0].schema != piece.schema:
            if n_held:
                yield pa.concat_tables(held)
            held, n_held, n_given = [], 0, n_given + n_held
        while n_held + len(piece) >= n_rows:
            cut = n_rows - n_held
            yield pa.concat_tables([*held, piece[:cut]])
            held, n_held, n_given, piece = [], 0, n_given + n_rows, piece[cut:]
        if len(piece) or not (held or n_given):
            held.append(piece)
            n_held += len(piece)
    if held:
        yield pa.concat_tables(held)


def _find_missing_columns(table_names: Sequence[str], columns: Sequence[Column]) -> Iterator[str]:
    names = Counter(table_names)
    needed = {column.name for column in columns}
    free = [name for name in names if name not in needed]
    missing = []
    for column in columns:
        if names[column.name] > 1:
            yield f"{names[column.name]} columns are named '{column.name}'. Keep one of them."
        elif not names[column.name]:
            meant = find_meant(column.name, free)
            missing.append(f"{column.name} (is it '{meant}'?)" if meant else column.name)
    if missing:
        noun = "columns are" if len(missing) > 1 else "column is"
        yield (
            f"{len(missing)} {noun} missing: {', '.join(missing)}. Add them, or rename those that "
            f"are meant. {list_columns([*names])}"
        )


def _name_targets(targets: Sequence[Cells]) -> str:
    names = [cells.name for cells in targets]
    return f"target {names[0]} is" if len(names) == 1 else f"one of {', '.join(names)} is"


def describe_words(targets: Sequence[Cells]) -> str:
    """The words that a target's missing values are written as, where these may be classes."""
    texts = []
    for cells in targets:
        words = {
            word: n for word, n in cells.words_for_missing.items() if any(map(str.isalpha, word))
        }
        if words:
            shown = list_some([f"'{word}' ({count(n, 'row')})" for word, n in words.items()])
            keep = write_value({"keep": [*words]}, 200)
            texts.append(f" {shown} means missing; if it is a class, write missing_values: {keep}.")
    return "".join(texts)


def _warn_of_columns(left_out: Sequence[tuple[str, str]]) -> Iterator[str]:
    names_by_reason: dict[str, list[str]] = {}
    for name, reason in left_out:
        names_by_reason.setdefault(reason, []).append(name)
    for reason, names in names_by_reason.items():
        noun = f"column {names[0]} is" if len(names) == 1 else f"columns {', '.join(names)} are"
        yield f"{noun} left out: {reason}."


def _warn_of_merged(
    columns: dict[str, Merged], target: Target, targets: Sequence[Cells]
) -> Iterator[str]:
    if columns:
        names = write_value([*columns], 200)
        yield describe_merged(columns, f", or leave these columns out with drop: {names}")
    if target.class_names:
        return
    found = {
        f"target {cells.name}": find_merged(column, cells)
        for column, cells in zip(target.columns, targets, strict=True)
        if isinstance(column, NumberColumn)
    }
    if merged := {name: counts for name, counts in found.items() if counts}:
        yield describe_merged(merged)
