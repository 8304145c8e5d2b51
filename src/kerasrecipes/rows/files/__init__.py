"""Files of tables: one class a format, behind one function that opens them."""

from __future__ import annotations

import glob
import shutil
import sys
import tempfile
import weakref
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.dataset_rules import DataKind, find_table_kind
from kerasrecipes.recipe.endings import (
    ARRAYS,
    COMPRESSED,
    DELIMITED,
    EXCEL,
    IMAGES,
    JSON,
    TABLES,
    ZIPPED,
    find_ending,
)
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.recipe.suggest import suggest
from kerasrecipes.rows.files.arrow import ArrowFile
from kerasrecipes.rows.files.base import TYPE_ERRORS, TableFile, concatenate
from kerasrecipes.rows.files.delimited import DelimitedFile
from kerasrecipes.rows.files.excel import ExcelFile
from kerasrecipes.rows.files.json_lines import JsonFile
from kerasrecipes.rows.files.raw import explain_damage, open_decompressed
from kerasrecipes.rows.words import find_repeated, list_some

__all__ = ["TableFile", "find_files", "find_kind", "open_stream", "open_table_file"]


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
            shutil.copyfileobj(stream, kept)
        with open_decompressed(path, name) as opened:
            start = bytes(opened.read(1 << 12)).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    is_json = start in (b"{", b"[")
    file = JsonFile(path, spec, name) if is_json else DelimitedFile(path, spec, name, wanted)
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
        DataError: There are none, or some are empty.
    """
    file = Path(path)
    found = [file]
    if not file.is_file() and glob.has_magic(path):
        found = sorted(Path(name) for name in glob.glob(path, recursive=True))
    if files := [file for file in found if file.is_file()]:
        empty = [f"path: {file} is empty (0 bytes). Write the file again."
                 for file in files if not file.stat().st_size]  # fmt: skip
        if empty:
            raise DataError(file.name, empty)
        return files
    if glob.has_magic(path):
        raise DataError(file.name, [f"path: no file matches {path}. Check the pattern."])
    if file.is_dir():
        problem = f"path: {path} is a folder. For the files in it, write {path}/*.csv."
        raise DataError(file.name, [problem])
    folder = file.parent
    if not folder.is_dir():
        raise DataError(file.name, [f"path: there is no folder {folder}. Check the path."])
    endings = (*TABLES, *ARRAYS, *IMAGES)
    others = [other.name for other in folder.iterdir() if find_ending(other) in endings]
    hint = suggest(file.name, others) or "Check the path."
    raise DataError(file.name, [f"path: there is no file {path}. {hint}"])


def _open_file(file: Path, spec: DatasetSpec, wanted: Collection[str] | None = None) -> TableFile:
    ending = find_ending(file)
    if ending not in TABLES:
        problem = (
            "path: the ending of a file says how it is read (received: "
            f"'{''.join(file.suffixes[-2:])}'). Choose from: {', '.join(sorted(TABLES))}; "
            f"{', '.join(ZIPPED)} may end in {', '.join(COMPRESSED)} too."
        )
        raise DataError(file.name, [problem])
    if ending in DELIMITED:
        return DelimitedFile(file, spec, file.name, wanted)
    if ending in JSON:
        return JsonFile(file, spec, file.name)
    return ExcelFile(file, spec) if ending in EXCEL else ArrowFile(file, spec)


class _SeveralFiles(TableFile):
    """Files of the same columns as one table, in the order of their names."""

    def __init__(
        self, files: Sequence[Path], spec: DatasetSpec, name: str, wanted: Collection[str] | None
    ) -> None:
        super().__init__(name, spec)
        self._paths = files
        self._open = partial(_open_file, spec=spec, wanted=wanted)
        # A row of the whole has no line of its own in one of the files.
        self.notation = replace(self._open(files[0]).notation, first_line=None, first_row=1)

    def list_names(self) -> list[str] | None:
        return self._open(self._paths[0]).list_names()

    def read(self, as_text: Collection[str] = ()) -> pa.Table:
        tables = [self._read_file(path, as_text) for path in self._paths]
        names = self._check_same_columns(tables)
        fields = {name: [table.schema.field(name) for table in tables] for name in names}
        # A column that is no number in one delimited file is text in all of them.
        clashing = [name for name in names if not _have_common_type(fields[name])]
        if clashing and all(find_ending(path) in DELIMITED for path in self._paths):
            tables = [self._read_file(path, [*clashing, *as_text]) for path in self._paths]
        elif clashing:
            problems = []
            for name in clashing:
                pairs = zip(fields[name], self._paths, strict=True)
                files = {str(field.type): path.name for field, path in pairs}
                shown = ", ".join(f"{kind} in {file}" for kind, file in files.items())
                problem = f"column {name} must have one type in all files (received: {shown})."
                problems.append(problem)
            raise DataError(self.name, problems)
        return concatenate([table.select(names) for table in tables])

    def iterate(
        self, wanted: Sequence[str], numbers: Collection[str], n_rows: int
    ) -> Iterator[pa.Table]:
        for path in self._paths:
            file = self._open(path)
            yield from file.iterate(wanted, numbers, n_rows)
            self._keep_notes(file)

    def _read_file(self, path: Path, as_text: Collection[str]) -> pa.Table:
        file = self._open(path)
        table = file.read(as_text)
        self._keep_notes(file)
        return table

    def _keep_notes(self, file: TableFile) -> None:
        notes = [f"{file.name}: {note}" for note in file.notes]
        self.notes += [note for note in notes if note not in self.notes]

    def _check_same_columns(self, tables: Sequence[pa.Table]) -> list[str]:
        """The names of the columns, which all files must have."""
        first = tables[0].column_names
        problems = find_repeated(first)
        for file, table in zip(self._paths, tables, strict=True):
            lacks = [name for name in first if name not in table.column_names]
            others = [name for name in table.column_names if name not in first]
            words = [f"lacks {list_some(lacks)}"] if lacks else []
            words += [f"has {list_some(others)} besides"] if others else []
            if words:
                problems.append(
                    f"path: all files must have the columns of {self._paths[0].name} (received: "
                    f"{file.name} {' and '.join(words)}). Correct the file, or leave it out of the "
                    "pattern."
                )
        if problems:
            raise DataError(self.name, problems)
        return list(first)


def _have_common_type(fields: Sequence[pa.Field]) -> bool:
    try:
        pa.unify_schemas([pa.schema([field]) for field in fields], promote_options="permissive")
    except TYPE_ERRORS:
        return False
    return True
