"""Files of tables: read whole for training, or piece by piece for prediction."""

from __future__ import annotations

import glob
import io
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from kerasrecipes.data.dataset import Kind
from kerasrecipes.data.delimited import read_delimited, stream_delimited
from kerasrecipes.data.excel import read_excel
from kerasrecipes.data.json_lines import read_json, stream_json
from kerasrecipes.data.missing import mark_missing
from kerasrecipes.errors import DataError
from kerasrecipes.recipe.endings import (
    ARROW,
    DELIMITED,
    EXCEL,
    JSON_LINES,
    PARQUET,
    TABLES,
    ZIPPED,
    find_ending,
)
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.recipe.suggest import suggest

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["has_delimited", "mark_missing", "read_batches", "read_table"]

STANDARD_INPUT = "-"

_NAMES_SHOWN = 10
_NO_ROWS = "the file has no rows. Add rows."


def read_table(path: str, spec: DatasetSpec, as_text: Collection[str] = ()) -> pa.Table:
    """Read a table's file, or several files of the same columns as one table.

    Args:
        path: Absolute; a file, or a pattern such as "/data/*.csv", whose files are put together in
            the order of their names.
        spec: The recipe's ``dataset``.
        as_text: Columns whose types are not to be inferred where a file has none.

    Returns:
        Every row; what is missing is null.

    Raises:
        DataError: There is no such file, or it cannot be read as a table.
    """
    files = _find_files(path)
    tables = [_read_file(file, spec, as_text) for file in files]
    _check_same_columns(files, tables, Path(path).name)
    names = tables[0].column_names
    tables = [table.select(names) for table in tables]
    if len(files) > 1:
        tables = _agree_on_types(files, tables, spec, Path(path).name, as_text)
    return mark_missing(_concatenate(tables), spec)


def read_batches(
    path: str | BinaryIO,
    spec: DatasetSpec,
    column_kinds: Mapping[str, Kind],
    chunk_rows: int,
    also: Sequence[str] = (),
) -> Iterator[pa.Table]:
    """Read some columns of a table's file, a bounded number of rows at once.

    Values that are not of their column's kind stay text, and where a column is not there, all that
    the file has are handed on: ``columns.read_columns`` says so, and which one may be meant.

    Args:
        path: As in ``read_table``; "-" or an open binary file is CSV or JSON lines.
        spec: The recipe's ``dataset``.
        column_kinds: The columns to read, and what they hold.
        chunk_rows: How many rows to hand over at once, at most.
        also: Columns to hand on as the texts that they are.

    Yields:
        Rows in the file's order; what is missing is null.

    Raises:
        DataError: As ``read_table``.
    """
    keep = [name for name in also if name not in column_kinds]
    wanted = [*column_kinds, *keep]
    for table in _gather(_iterate(path, spec, column_kinds, also, chunk_rows), chunk_rows):
        if {*wanted} <= {*table.column_names}:
            table = table.select([name for name in table.column_names if name in wanted])
        yield mark_missing(_write_texts(table, also), spec, keep)


def has_delimited(path: str) -> bool:
    """Whether a file, or one of those that are like a pattern, is delimited text.

    Raises:
        DataError: There is no such file.
    """
    return any(find_ending(file) in DELIMITED for file in _find_files(path))


def _find_files(path: str) -> list[Path]:
    file = Path(path)
    if file.is_file():
        return [file]
    if glob.has_magic(path):
        found = sorted(Path(name) for name in glob.glob(path, recursive=True))
        if files := [file for file in found if file.is_file()]:
            return files
        raise DataError(file.name, [f"path: no file is like {path}. Check the pattern."])
    if file.is_dir():
        raise DataError(
            file.name, [f"path: {path} is a folder. For the files in it, write {path}/*.csv."]
        )
    folder = file.parent
    if not folder.is_dir():
        raise DataError(file.name, [f"path: there is no folder {folder}. Check the path."])
    others = [other.name for other in folder.iterdir() if find_ending(other) in TABLES]
    hint = suggest(file.name, others) or "Check the path."
    raise DataError(file.name, [f"path: there is no file {path}. {hint}"])


def _check_file(file: Path) -> str:
    """A file's suffix, once it is known that the file can be read."""
    suffix = find_ending(file)
    if suffix not in TABLES:
        raise DataError(
            file.name,
            [
                "path: the ending of a file says how it is read (received: "
                f"'{''.join(file.suffixes[-2:])}'). Choose from: {', '.join(sorted(TABLES))}; "
                f"{', '.join(ZIPPED)} may end in .gz too."
            ],
        )
    if not file.stat().st_size:
        raise DataError(file.name, [f"path: {file} is empty (0 bytes). Write the file anew."])
    return suffix


def _read_file(file: Path, spec: DatasetSpec, as_text: Collection[str] = ()) -> pa.Table:
    import pyarrow as pa

    suffix = _check_file(file)
    if suffix in DELIMITED:
        return read_delimited(file, spec, as_text)
    try:
        if suffix in EXCEL:
            table = read_excel(file, spec)
        elif suffix in PARQUET:
            from pyarrow import parquet

            table = parquet.ParquetFile(file).read()
        elif suffix in ARROW:
            table = pa.Table.from_batches(*_open_arrow(file))
        else:
            table = read_json(file)
    except (pa.ArrowException, OSError) as error:
        raise _make_unreadable(file, suffix, error) from error
    table = _leave_out_index(table)
    _check_table(table, file.name)
    return table


def _make_unreadable(file: Path, suffix: str, error: Exception) -> DataError:
    reason = str(error).strip().split("\n")[0].rstrip(".")
    problem = f"path: {file} is no {suffix} file that can be read: {reason}. Write it anew."
    return DataError(file.name, [problem])


def _open_arrow(file: Path) -> tuple[Iterable[pa.RecordBatch], pa.Schema]:
    """The batches of an Arrow file, or of a stream written to a file."""
    import pyarrow as pa

    try:
        reader: Any = pa.ipc.open_file(pa.OSFile(str(file)))
    except pa.ArrowInvalid:
        stream = pa.ipc.open_stream(pa.OSFile(str(file)))
        return stream, stream.schema
    return (reader.get_batch(i) for i in range(reader.num_record_batches)), reader.schema


def _leave_out_index(table: pa.Table) -> pa.Table:
    """Leave out what pandas wrote of a DataFrame's nameless index."""
    return table.drop_columns(
        [name for name in table.column_names if name.startswith("__index_level_")]
    )


def _check_table(table: pa.Table, dataset: str) -> None:
    names = table.column_names
    problems = [
        f"column names must differ (received: '{name}' {names.count(name)} times). Rename all but "
        "one."
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if not table.num_rows:
        problems.append(_NO_ROWS)
    if problems:
        raise DataError(dataset, problems)


def _check_same_columns(files: Sequence[Path], tables: Sequence[pa.Table], dataset: str) -> None:
    first = dict.fromkeys(tables[0].column_names)
    problems = []
    for file, table in zip(files, tables, strict=True):
        names = dict.fromkeys(table.column_names)
        lacks = [name for name in first if name not in names]
        others = [name for name in names if name not in first]
        words = [f"lacks {_list(lacks)}"] if lacks else []
        words += [f"has {_list(others)} besides"] if others else []
        if words:
            problems.append(
                f"path: all files must have the columns of {files[0].name} (received: {file.name} "
                f"{' and '.join(words)}). Mend the file, or leave it out of the pattern."
            )
    if problems:
        raise DataError(dataset, problems)


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f"{', '.join(names[:_NAMES_SHOWN])}{more}"


def _agree_on_types(
    files: Sequence[Path],
    tables: Sequence[pa.Table],
    spec: DatasetSpec,
    dataset: str,
    as_text: Collection[str],
) -> list[pa.Table]:
    """Take a column as text in all delimited files where it is no number in one of them."""
    clashing = [name for name in tables[0].column_names if _clash(tables, name)]
    if not clashing:
        return list(tables)
    if not all(find_ending(file) in DELIMITED for file in files):
        problems = []
        for name in clashing:
            kinds = {str(table.schema.field(name).type): file.name
                     for file, table in zip(files, tables, strict=True)}  # fmt: skip
            shown = ", ".join(f"{kind} in {file}" for kind, file in kinds.items())
            problems.append(f"column {name} must have one type in all files (received: {shown}).")
        raise DataError(dataset, problems)
    return [
        _read_file(file, spec, [*clashing, *as_text]).select(table.column_names)
        for file, table in zip(files, tables, strict=True)
    ]


def _clash(tables: Sequence[pa.Table], name: str) -> bool:
    import pyarrow as pa

    try:
        _concatenate([table.select([name]).slice(0, 0) for table in tables])
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return True
    return False


def _concatenate(tables: Sequence[pa.Table]) -> pa.Table:
    import pyarrow as pa

    return tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="permissive")


def _iterate(
    path: str | BinaryIO,
    spec: DatasetSpec,
    column_kinds: Mapping[str, Kind],
    also: Sequence[str],
    chunk_rows: int,
) -> Iterator[pa.Table]:
    """The wanted columns, at least, in pieces of any size."""
    import pyarrow as pa

    if not isinstance(path, str) or path == STANDARD_INPUT:
        stream = sys.stdin.buffer if isinstance(path, str) else path
        yield from _iterate_stream(stream, spec, column_kinds, also)
        return
    for file in _find_files(path):
        suffix = _check_file(file)
        if suffix in DELIMITED:
            yield from stream_delimited(file, spec, column_kinds, also, file.name)
        elif suffix in JSON_LINES:
            yield from stream_json(file, file.name)
        elif suffix in (*PARQUET, *ARROW):
            try:
                n_rows = 0
                for batch in _iterate_binary(file, suffix, [*column_kinds, *also], chunk_rows):
                    yield pa.Table.from_batches([batch])
                    n_rows += len(batch)
            except (pa.ArrowException, OSError) as error:
                raise _make_unreadable(file, suffix, error) from error
            if not n_rows:
                raise DataError(file.name, [_NO_ROWS])
        else:
            yield _read_file(file, spec)


def _iterate_binary(
    file: Path, suffix: str, wanted: Sequence[str], chunk_rows: int
) -> Iterator[pa.RecordBatch]:
    if suffix in ARROW:
        yield from _open_arrow(file)[0]
        return
    from pyarrow import parquet

    parts = parquet.ParquetFile(file)
    names = parts.schema_arrow.names
    columns = [*dict.fromkeys(wanted)] if {*wanted} <= {*names} else names
    yield from parts.iter_batches(batch_size=chunk_rows, columns=columns)


def _iterate_stream(
    stream: BinaryIO, spec: DatasetSpec, column_kinds: Mapping[str, Kind], also: Sequence[str]
) -> Iterator[pa.Table]:
    name = "standard input" if stream is sys.stdin.buffer else "the stream"
    if not hasattr(stream, "peek"):
        stream = io.BufferedReader(stream)  # type: ignore[type-var]
    start = stream.peek(1).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if start in (b"{", b"["):
        yield from stream_json(stream, name)
    else:
        yield from stream_delimited(stream, spec, column_kinds, also, name)


def _gather(pieces: Iterable[pa.Table], chunk_rows: int) -> Iterator[pa.Table]:
    """Bring pieces to ``chunk_rows`` rows each; a change of types ends a chunk early."""
    import pyarrow as pa

    held: list[pa.Table] = []
    n_held = 0
    for piece in pieces:
        if held and held[0].schema != piece.schema:
            yield pa.concat_tables(held)
            held, n_held = [], 0
        while n_held + len(piece) >= chunk_rows:
            cut = chunk_rows - n_held
            yield pa.concat_tables([*held, piece[:cut]])
            held, n_held, piece = [], 0, piece[cut:]
        if len(piece):
            held.append(piece)
            n_held += len(piece)
    if held:
        yield pa.concat_tables(held)


def _write_texts(table: pa.Table, names: Sequence[str]) -> pa.Table:
    import pyarrow as pa

    for i, name in enumerate(table.column_names):
        if name in names and not pa.types.is_nested(table.schema.field(i).type):
            table = table.set_column(i, name, table.column(i).cast(pa.string()))
    return table
