"""Files of tables: one class a format, behind one function that opens them."""

from __future__ import annotations

import glob
import os
import sys
import tempfile
import weakref
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from kerasrecipes.errors import DataError, raise_problems
from kerasrecipes.recipe.endings import (
    ARRAYS,
    ARROW,
    DELIMITED,
    EXCEL,
    IMAGES,
    JSON,
    PARQUET,
    TABLES,
    find_ending,
)
from kerasrecipes.recipe.names import suggest
from kerasrecipes.recipe.rules import DataKind, find_table_kind
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.cells import name_values
from kerasrecipes.rows.files.arrow import ArrowFile
from kerasrecipes.rows.files.base import TYPE_ERRORS, FileOnDisk, TableFile, concatenate
from kerasrecipes.rows.files.delimited import DelimitedFile
from kerasrecipes.rows.files.excel import ExcelFile
from kerasrecipes.rows.files.json_lines import JsonFile
from kerasrecipes.rows.files.lines import SAMPLE_BYTES
from kerasrecipes.rows.files.raw import (
    explain_damage,
    find_encoding,
    is_hidden,
    is_plain,
    open_decompressed,
    read_start,
)
from kerasrecipes.rows.limits import check_streamed
from kerasrecipes.rows.words import find_repeated, list_some

__all__ = ["TableFile", "expand", "find_files", "find_kind", "open_stream", "open_table_file"]


_FORMATS: dict[str, type[FileOnDisk]] = {
    **dict.fromkeys(DELIMITED, DelimitedFile),
    **dict.fromkeys(JSON, JsonFile),
    **dict.fromkeys((*PARQUET, *ARROW), ArrowFile),
    **dict.fromkeys(EXCEL, ExcelFile),
}


def open_table_file(
    path: str, spec: DatasetSpec, wanted: Collection[str] | None = None
) -> TableFile:
    """Open a file of a table, or several files of the same columns as one table.

    Args:
        path: Absolute; a file, or a pattern such as "/data/*.csv", whose files are put together in
            the order of their names.
        spec: The recipe's ``dataset``.
        wanted: The columns that will be read; None means all.

    Raises:
        DataError: There is no such file, or it cannot be read as a table.
    """
    files = find_files(path)
    if len(files) > 1:
        return _SeveralFiles(files, spec, Path(path).name, wanted)
    return _open_file(files[0], spec, wanted)


def open_stream(
    stream: BinaryIO, spec: DatasetSpec, wanted: Collection[str] | None = None
) -> TableFile:
    """Open a stream of CSV or JSON lines, such as standard input; it may be compressed.

    It is kept in a temporary file, since a table is read more than once.
    """
    name = "standard input" if stream is sys.stdin.buffer else "the stream"
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name, "rows")
    with explain_damage(name):
        with path.open("wb") as kept:
            kept.write(head := stream.read(SAMPLE_BYTES))
            if is_plain(head):  # a device may give zeros without end
                find_encoding(head, spec.csv.encoding, name)
            for block in iter(partial(stream.read, SAMPLE_BYTES), b""):
                kept.write(block)
                check_streamed(kept.tell(), name)
        with open_decompressed(path, name) as opened:
            start = bytes(opened.read(1 << 12)).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    file = (JsonFile if start in (b"{", b"[") else DelimitedFile)(path, spec, name, wanted)
    weakref.finalize(file, folder.cleanup)
    return file


def find_kind(path: str) -> DataKind:
    """The kind of a table's file, or of those that match a pattern: delimited where one is.

    Raises:
        DataError: There is no such file.
    """
    kinds = {find_table_kind(find_ending(file)) for file in find_files(path)}
    return min(kinds, key=("delimited", "excel", "table").index)


def find_files(path: str) -> list[Path]:
    """The files that a path means.

    Raises:
        DataError: There are none, or some are empty or no regular files.
    """
    file = Path(path)
    with explain_damage(file.name):
        found = [each for each in expand(path) if not each.is_dir()]
        problems = [*filter(None, map(_describe_unreadable, found or [file]))]
    raise_problems(file.name, problems)
    return found


def expand(path: str) -> list[Path]:
    """The path of a file, or what a pattern matches, in the order of the names.

    "**" does not follow links, which may lead in a circle.

    Raises:
        DataError: The pattern is wrong.
    """
    file = Path(path)
    if not glob.has_magic(path) or os.path.lexists(path):
        return [file]
    try:
        found = sorted(Path(file.anchor).glob(str(file.relative_to(file.anchor))))
    except ValueError as error:
        raise DataError(file.name, [f"path: {error}. Correct the pattern."]) from error
    # Hidden files and folders are found only if they are named.
    return [each for each in found
            if not any(map(is_hidden, {*each.parts} - {*file.parts}))]  # fmt: skip


def _describe_unreadable(file: Path) -> str:
    """Why a path cannot be read as a file; empty where it can."""
    if file.is_file():
        is_empty = not read_start(file)
        return f"path: {file} is empty (0 bytes). Write the file again." if is_empty else ""
    if file.is_dir():
        return f"path: {file} is a folder. For the files in it, write {file}/*.csv."
    if file.exists():
        what = "is a device, a pipe or a socket, and not a file"
        return f"path: {file} {what}. Write its rows into a file, or pipe them to --data -."
    if file.is_symlink():
        return f"path: {file} is a link to {os.readlink(file)}, which is not there. Correct it."
    endings = (*TABLES, *ARRAYS, *IMAGES)
    others = file.parent.iterdir() if file.parent.is_dir() else ()
    hint = suggest(file.name, [other.name for other in others if find_ending(other) in endings])
    return f"path: there is no file {file}. {hint or 'Check the path.'}"


def _open_file(file: Path, spec: DatasetSpec, wanted: Collection[str] | None = None) -> TableFile:
    ending = find_ending(file)
    if ending not in _FORMATS:
        problem = (
            "path: the ending of a file says how it is read (received: "
            f"'{''.join(file.suffixes[-2:])}'). Choose from: {', '.join(sorted(_FORMATS))}."
        )
        raise DataError(file.name, [problem])
    return _FORMATS[ending](file, spec, file.name, wanted)


class _SeveralFiles(TableFile):
    """Files of the same columns as one table, in the order of their names."""

    def __init__(
        self, paths: Sequence[Path], spec: DatasetSpec, name: str, wanted: Collection[str] | None
    ) -> None:
        super().__init__(name, spec)
        self._paths, self._spec, self._wanted = paths, spec, wanted
        # A row of the whole has no line of its own in one of the files.
        notation = _open_file(paths[0], spec, wanted).notation
        self.notation = replace(notation, first_line=None, first_row=1)

    def read(self, as_text: Collection[str] = ()) -> pa.Table:
        tables = [file.read(as_text) for file in self._open_each()]
        names = tables[0].column_names
        # A column that is no number in one file is text in all of them.
        if clashing := self._compare([table.schema for table in tables]):
            tables = [file.read([*clashing, *as_text]) for file in self._open_each()]
        return concatenate(_align(names, [table.select(names) for table in tables], clashing))

    def list_names(self) -> list[str] | None:
        return next(self._open_each()).list_names()

    def iterate(
        self, wanted: Sequence[str], numbers: Collection[str], n_rows: int
    ) -> Iterator[pa.Table]:
        for file in self._open_each():
            yield from file.iterate(wanted, numbers, n_rows)

    def infer_types(self) -> dict[str, pa.DataType]:
        types = [file.infer_types() for file in self._open_each()]
        clashing = self._compare([pa.schema([*each.items()]) for each in types])
        return types[0] | dict.fromkeys(clashing, pa.string())

    def estimate_memory(self) -> int:
        return sum(file.estimate_memory() for file in self._open_each())

    def _open_each(self) -> Iterator[TableFile]:
        """The files one by one; the notes of each are kept once it was read."""
        for path in self._paths:
            file = _open_file(path, self._spec, self._wanted)
            yield file
            notes = [f"{file.name}: {note}" for note in file.notes]
            self.notes += [note for note in notes if note not in self.notes]

    def _compare(self, schemas: Sequence[pa.Schema]) -> list[str]:
        """The columns whose types have no common one, which only files without types may have."""
        first = schemas[0].names
        problems = []
        for path, schema in zip(self._paths, schemas, strict=True):
            problems += find_repeated(schema.names)
            if differ := {*first} ^ {*schema.names}:
                problems.append(
                    f"path: all files must have the columns of {self._paths[0].name} (received: "
                    f"{path.name} differs in {list_some(sorted(differ))}). Correct the file, or "
                    "leave it out of the pattern."
                )
        raise_problems(self.name, problems)
        clashing = {}
        for name in first:
            kinds = [_decode(schema.field(name).type) for schema in schemas]
            try:
                concatenate([pa.table({name: pa.array([], kind)}) for kind in kinds])
            except TYPE_ERRORS:
                clashing[name] = list_some([*dict.fromkeys(kinds)])
        if any(find_ending(path) not in (*DELIMITED, *EXCEL) for path in self._paths):
            rule = "must have one type in all files"
            raise_problems(self.name, [f"column {name} {rule} (received: {kinds}). Write one type."
                                       for name, kinds in clashing.items()])  # fmt: skip
        return [*clashing]


def _align(
    names: Sequence[str], tables: Sequence[pa.Table], clashing: Collection[str]
) -> Sequence[pa.Table]:
    """Make columns text that are numbers and text, and those that only some files encode."""
    for i, name in enumerate(names):
        if len({table.schema.field(i).type for table in tables}) > 1:
            columns = [table[i].cast(_decode(table[i].type)).combine_chunks() for table in tables]
            if name in clashing:
                columns = [pa.array(name_values(column), pa.string()) for column in columns]
            pairs = zip(tables, columns, strict=True)
            tables = [table.set_column(i, name, column) for table, column in pairs]
    return tables


def _decode(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind
