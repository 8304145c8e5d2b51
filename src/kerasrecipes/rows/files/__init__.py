"""Files of tables: one class a format, behind one function that opens them."""

from __future__ import annotations

import glob
import io
import sys
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
from kerasrecipes.rows.files.raw import explain_damage, open_stream_decompressed
from kerasrecipes.rows.words import list_some

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
    """Open a stream of CSV or JSON lines, such as standard input; it may be compressed."""
    name = "standard input" if stream is sys.stdin.buffer else "the stream"
    if not hasattr(stream, "peek"):
        stream = io.BufferedReader(stream)  # type: ignore[type-var]
    with explain_damage(name):
        opened = open_stream_decompressed(stream, name)
        start = opened.peek(1).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if start in (b"{", b"["):
        return JsonFile(opened, spec, name)
    return DelimitedFile(opened, spec, name, wanted)


def find_kind(path: str) -> DataKind:
    """The kind of a table's file, or of those that are like a pattern: delimited where one is.

    Raises:
        DataError: There is no such file.
    """
    kinds = {find_table_kind(find_ending(file)) for file in find_files(path)}
    return min(kinds, key=("delimited", "excel", "table").index)


def find_files(path: str) -> list[Path]:
    """The files that a path means.

    Raises:
        DataError: There are none.
    """
    file = Path(path)
    if file.is_file():
        return [file]
    if glob.has_magic(path):
        found = sorted(Path(name) for name in glob.glob(path, recursive=True))
        if files := [file for file in found if file.is_file()]:
            return files
        raise DataError(file.name, [f"path: no file is like {path}. Check the pattern."])
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
    if not file.stat().st_size:
        raise DataError(file.name, [f"path: {file} is empty (0 bytes). Write the file anew."])
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
        self.name, self._paths = name, files
        self._open = partial(_open_file, spec=spec, wanted=wanted)
        # A row number of the whole has no line in one of the files.
        self.notation = replace(self._open(files[0]).notation, first_line=None)
        self.notes = []

    def read(self, as_text: Collection[str] = ()) -> pa.Table:
        tables = [self._read_file(file, as_text) for file in self._paths]
        self._check_same_columns(tables)
        names = tables[0].column_names
        tables = [table.select(names) for table in tables]
        return concatenate(self._agree_on_types(tables, as_text))

    def iterate(
        self, wanted: Sequence[str], numbers: Collection[str], n_rows: int
    ) -> Iterator[pa.Table]:
        for path in self._paths:
            file = self._open(path)
            yield from file.iterate(wanted, numbers, n_rows)
            self._note(file)

    def _read_file(self, path: Path, as_text: Collection[str]) -> pa.Table:
        file = self._open(path)
        table = file.read(as_text)
        self._note(file)
        return table

    def _note(self, file: TableFile) -> None:
        self.notes += [
            note for text in file.notes if (note := f"{file.name}: {text}") not in self.notes
        ]

    def _check_same_columns(self, tables: Sequence[pa.Table]) -> None:
        first = dict.fromkeys(tables[0].column_names)
        problems = []
        for file, table in zip(self._paths, tables, strict=True):
            names = dict.fromkeys(table.column_names)
            lacks = [name for name in first if name not in names]
            others = [name for name in names if name not in first]
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

    def _agree_on_types(self, tables: list[pa.Table], as_text: Collection[str]) -> list[pa.Table]:
        """Take a column as text in all delimited files where it is no number in one of them."""
        clashing = [name for name in tables[0].column_names if _clash(tables, name)]
        if not clashing:
            return tables
        if not all(find_ending(file) in DELIMITED for file in self._paths):
            problems = []
            for name in clashing:
                kinds = {str(table.schema.field(name).type): file.name
                         for file, table in zip(self._paths, tables, strict=True)}  # fmt: skip
                shown = ", ".join(f"{kind} in {file}" for kind, file in kinds.items())
                problems.append(
                    f"column {name} must have one type in all files (received: {shown})."
                )
            raise DataError(self.name, problems)
        names = tables[0].column_names
        return [self._read_file(f, [*clashing, *as_text]).select(names) for f in self._paths]


def _clash(tables: Sequence[pa.Table], name: str) -> bool:
    try:
        concatenate([table.select([name]).slice(0, 0) for table in tables])
    except TYPE_ERRORS:
        return True
    return False
