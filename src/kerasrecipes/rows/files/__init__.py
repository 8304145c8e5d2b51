"""Files of tables: one class a format, behind one function that opens them."""

from __future__ import annotations

import glob
import os
import re
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from kerasrecipes.errors import DataError, raise_problems
from kerasrecipes.recipe import endings
from kerasrecipes.recipe.names import suggest
from kerasrecipes.recipe.rules import DataKind, find_table_kind
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows import limits
from kerasrecipes.rows.cells import name_values
from kerasrecipes.rows.files import raw
from kerasrecipes.rows.files.arrow import ArrowFile, JsonFile
from kerasrecipes.rows.files.base import TYPE_ERRORS, FileOnDisk, Names, TableFile, concatenate
from kerasrecipes.rows.files.delimited import SAMPLE_BYTES, DelimitedFile
from kerasrecipes.rows.files.excel import ExcelFile
from kerasrecipes.rows.words import find_repeated, list_some

__all__ = ["TableFile", "expand", "find_files", "find_kind", "open_stream", "open_table_file"]


_FORMATS: dict[str, type[FileOnDisk]] = {
    **dict.fromkeys(endings.DELIMITED, DelimitedFile),
    **dict.fromkeys(endings.JSON, JsonFile),
    **dict.fromkeys((*endings.PARQUET, *endings.ARROW), ArrowFile),
    **dict.fromkeys(endings.EXCEL, ExcelFile),
}


def open_table_file(path: str, spec: DatasetSpec, wanted: Names | None = None) -> TableFile:
    """Open a file of a table, or files of the same columns as one, in the order of their names.

    ``path`` is absolute; ``wanted`` are the columns that will be read, and None means all.
    """
    files = [_open_file(file, spec, wanted) for file in find_files(path)]
    return files[0] if len(files) == 1 else _SeveralFiles(files, Path(path).name, spec)


def _open_file(file: Path, spec: DatasetSpec, wanted: Names | None) -> TableFile:
    ending = endings.find_ending(file)
    if ending not in _FORMATS:
        problem = (
            "path: the ending of a file says how it is read (received: "
            f"'{''.join(file.suffixes[-2:])}'). Choose from: {', '.join(sorted(_FORMATS))}."
        )
        raise DataError(file.name, [problem])
    return _FORMATS[ending](file, spec, file.name, wanted)


def open_stream(
    stream: BinaryIO, name: str, spec: DatasetSpec, wanted: Names | None = None
) -> TableFile:
    """Open a stream of CSV or JSON lines, such as standard input; it may be compressed.

    It is kept in a temporary file, since a table is read more than once.
    """
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name, "rows")
    with raw.explain_damage(name):
        with path.open("wb") as kept:
            kept.write(head := stream.read(SAMPLE_BYTES))
            if raw.is_plain(head):  # a device may give zeros without end
                raw.find_encoding(head, spec.csv.encoding, name)
            while block := stream.read(SAMPLE_BYTES):
                kept.write(block)
                if kept.tell() > limits.MOST_STREAMED:  # such as one that never ends
                    arrived = f"over {limits.MOST_STREAMED >> 20:,} MB arrived"
                    raise DataError(name, [f"{arrived}. Save the rows to a file instead."])
        with raw.open_decompressed(path, name) as opened:
            start = bytes(opened.read(1 << 12)).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    file = (JsonFile if start in (b"{", b"[") else DelimitedFile)(path, spec, name, wanted)
    weakref.finalize(file, folder.cleanup)
    return file


def find_kind(path: str) -> DataKind:
    """The kind of a table's file, or of the first one that matches a pattern."""
    return find_table_kind(endings.find_ending(find_files(path)[0]))


def find_files(path: str) -> list[Path]:
    """The files that a path means; it raises DataError if some are empty or no regular files."""
    file = Path(path)
    with raw.explain_damage(file.name):
        found = [each for each in expand(path) if not each.is_dir()]
        problems = [*filter(None, map(_describe_unreadable, found or [file]))]
    raise_problems(file.name, problems)
    return found


def expand(path: str) -> list[Path]:
    """The path of a file, or what a pattern matches, in the order of the names.

    "**" does not follow links, which may lead in a circle. A wrong pattern raises DataError.
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
            if not any(map(raw.is_hidden, {*each.parts} - {*file.parts}))]  # fmt: skip


def _describe_unreadable(file: Path) -> str:
    """Why a path cannot be read as a file; empty where it can."""
    if file.is_file():
        is_empty = not raw.read_start(file)
        return f"path: {file} is empty (0 bytes). Write the file again." if is_empty else ""
    if file.is_dir():
        return f"path: {file} is a folder. For the files in it, write {file}/*.csv."
    if file.exists():
        what = "is a device, a pipe or a socket, and not a file"
        return f"path: {file} {what}. Write its rows into a file, or pipe them to --data -."
    if file.is_symlink():
        return f"path: {file} is a link to {os.readlink(file)}, which is not there. Correct it."
    if re.search(r"/(https?|ftp|s3|gs):/", str(file)):
        return f"path: {file.name} is at a URL. Download it, and give the path of the file."
    readable = (*endings.TABLES, *endings.ARRAYS, *endings.IMAGES)
    others = file.parent.iterdir() if file.parent.is_dir() else ()
    names = [other.name for other in others if endings.find_ending(other) in readable]
    return f"path: there is no file {file}. {suggest(file.name, names) or 'Check the path.'}"


class _SeveralFiles(TableFile):
    """Files of the same columns as one table, in the order of their names."""

    def __init__(self, files: Sequence[TableFile], name: str, spec: DatasetSpec) -> None:
        super().__init__(name, spec)
        self._files = files
        # A row of the whole has no line of its own in one of the files.
        self.notation = replace(files[0].notation, first_line=None, first_row=1)

    def read(self, as_text: Names = ()) -> pa.Table:
        tables = [file.read(as_text) for file in self._read_each()]
        names = tables[0].column_names
        # A column that is no number in one file is text in all of them.
        if clashing := self._find_clashing([table.schema for table in tables]):
            tables = [file.read([*clashing, *as_text]) for file in self._read_each()]
        return pa.table({name: _join([table[name] for table in tables], as_text=name in clashing)
                         for name in names})  # fmt: skip

    def list_names(self) -> list[str] | None:
        return self._files[0].list_names()

    def iterate(self, wanted: Names, numbers: Names, n_rows: int) -> Iterator[pa.Table]:
        for file in self._read_each():
            yield from file.iterate(wanted, numbers, n_rows)

    def infer_types(self) -> dict[str, pa.DataType]:
        types = [file.infer_types() for file in self._files]
        clashing = self._find_clashing([pa.schema(each) for each in types])
        return types[0] | dict.fromkeys(clashing, pa.string())

    def estimate_memory(self) -> int:
        return sum(file.estimate_memory() for file in self._files)

    def _read_each(self) -> Iterator[TableFile]:
        """The files one by one; the notes of each are kept once it was read."""
        for file in self._files:
            yield file
            notes = [f"{file.name}: {note}" for note in file.notes]
            self.notes += [note for note in notes if note not in self.notes]

    def _find_clashing(self, schemas: Sequence[pa.Schema]) -> list[str]:
        """The columns whose types have no common one, which only files without types may have."""
        first = schemas[0].names
        problems = []
        for file, schema in zip(self._files, schemas, strict=True):
            problems += find_repeated(schema.names)
            if differ := {*first} ^ {*schema.names}:
                problems.append(
                    f"path: all files must have the columns of {self._files[0].name} (received: "
                    f"{file.name} differs in {list_some(sorted(differ))}). Correct the file, or "
                    "leave it out of the pattern."
                )
        raise_problems(self.name, problems)
        clashing = {}
        for name in first:
            kinds = [*dict.fromkeys(_decode(schema.field(name).type) for schema in schemas)]
            try:
                concatenate([pa.table({name: pa.array([], kind)}) for kind in kinds])
            except TYPE_ERRORS:
                clashing[name] = list_some(kinds)
        if not all(isinstance(file, DelimitedFile | ExcelFile) for file in self._files):
            rule = "must have one type in all files"
            raise_problems(self.name, [f"column {name} {rule} (received: {kinds}). Write one type."
                                       for name, kinds in clashing.items()])  # fmt: skip
        return [*clashing]


def _join(columns: Sequence[pa.ChunkedArray], *, as_text: bool) -> pa.ChunkedArray:
    """A column of all files; it is decoded where only some files encode it."""
    if len({column.type for column in columns}) > 1:
        columns = [column.cast(_decode(column.type)).combine_chunks() for column in columns]
        if as_text:
            columns = [pa.array(name_values(column), pa.string()) for column in columns]
    return concatenate([pa.table({"column": column}) for column in columns])["column"]


def _decode(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind
