"""JSON lines, and JSON files of one array of objects, whole or block by block."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
from pyarrow import json as arrow_json

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.files.base import TYPE_ERRORS, TableFile, concatenate
from kerasrecipes.rows.files.encoding import ChunkReader, decode
from kerasrecipes.rows.files.raw import explain_damage, open_decompressed
from kerasrecipes.rows.words import SHOWN

_BLOCK_BYTES = 4 << 20
_TYPES = {
    bool: "a truth value",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


class JsonFile(TableFile):
    """An object on each line, or one array of objects; read block by block.

    Args:
        path: Its path.
        spec: The recipe's ``dataset``.
        name: For messages.
    """

    def __init__(self, path: Path, spec: DatasetSpec, name: str) -> None:
        super().__init__(name, spec)
        self._path = path
        self.notation = replace(self.notation, first_line=1)

    def read(self, as_text: Collection[str] = ()) -> pa.Table:
        """Read every row; a name has values of one type in all of them."""
        tables = [*self.iterate((), (), 0)]
        try:
            return concatenate(tables)
        except TYPE_ERRORS as error:
            problem = f"the values of a name must be of one type in all rows: {error}."
            raise DataError(self.name, [problem]) from error

    def iterate(
        self, wanted: Sequence[str], numbers: Collection[str], n_rows: int
    ) -> Iterator[pa.Table]:
        """Read objects block by block; types may differ from block to block."""
        names: dict[str, None] = {}
        for table in self._iterate_blocks():
            # A row may leave out what it has no value for, and so may all rows of a block.
            for name in names:
                if name not in table.column_names:
                    table = table.append_column(name, pa.nulls(len(table)))
            names |= dict.fromkeys(table.column_names)
            yield table

    def _iterate_blocks(self) -> Iterator[pa.Table]:
        with explain_damage(self.name), open_decompressed(self._path, self.name) as opened:
            file = io.BufferedReader(ChunkReader(decode(opened, self.name)))
            n_lines, rest = 0, b""
            is_array = None
            while block := file.read(_BLOCK_BYTES):
                rest += block
                if is_array is None and rest.strip():
                    is_array = rest.lstrip()[:1] == b"["
                end = 0 if is_array else rest.rfind(b"\n") + 1
                if rest[:end].strip():
                    yield self._parse(rest[:end], n_lines)
                n_lines += rest.count(b"\n", 0, end)
                rest = rest[end:]
            if is_array:
                self._count_rows()
                rest = self._write_lines(rest)
            if rest.strip() or is_array is None:
                yield self._parse(rest, n_lines)

    def _count_rows(self) -> None:
        """Name the row in messages, where rows and lines differ."""
        self.notation = replace(self.notation, first_line=None, first_row=1)

    def _parse(self, data: bytes, n_before: int) -> pa.Table:
        """Read JSON lines that follow ``n_before`` others."""
        if not data.strip():
            problem = "the file is empty. It must contain a JSON object on each line."
            raise DataError(self.name, [problem])
        parse = arrow_json.ParseOptions()
        read = arrow_json.ReadOptions(block_size=max(len(data), _BLOCK_BYTES))
        try:
            if not data.lstrip().startswith(b"{"):
                raise pa.ArrowInvalid(
                    "it must contain objects"
                )  # Arrow 26 crashes where it is null.
            table = arrow_json.read_json(pa.BufferReader(data), read, parse)
            names = table.column_names
            dates = [field.name for field in table.schema if pa.types.is_timestamp(field.type)]
            if dates:  # Text is text here, as in CSV: the next block may contain another word.
                parse.explicit_schema = pa.schema([(name, pa.string()) for name in dates])
                table = arrow_json.read_json(pa.BufferReader(data), read, parse).select(names)
        except pa.ArrowInvalid as error:
            problems = self._find_faults(data.decode(), n_before)
            raise DataError(
                self.name, problems or [f"the file cannot be read: {error}."]
            ) from error
        if table.num_rows == 1 and all(pa.types.is_nested(kind) for kind in table.schema.types):
            problem = (
                "a JSON file must contain an object on each line, or one array of objects "
                "(received: one object of lists or objects). Write a row as an object: "
                "pandas.DataFrame(…).to_json(orient='records')."
            )
            raise DataError(self.name, [problem])
        if table.num_rows != data.rstrip().count(b"\n") + 1:
            self._count_rows()
        return table

    def _write_lines(self, data: bytes) -> bytes:
        """An array of objects, as JSON lines."""
        try:
            rows = json.loads(data)
        except json.JSONDecodeError as error:
            problem = f"line {error.lineno} is no JSON: {error.msg}, at column {error.colno}."
            raise DataError(self.name, [problem]) from None
        except RecursionError:
            problem = (
                "the file contains too many arrays within arrays. Write an object for each row."
            )
            raise DataError(self.name, [problem]) from None
        if not rows:
            raise DataError(self.name, ["the file contains an array without rows. Add rows."])
        return "\n".join(map(json.dumps, rows)).encode()

    def _find_faults(self, text: str, n_before: int) -> list[str]:
        """Find the lines at fault; Python's reader is slow, but counts lines."""
        types: dict[str, tuple[str, str]] = {}
        problems: list[str] = []
        for number, line in enumerate(text.split("\n"), n_before + 1):
            if line.strip() and len(problems) < SHOWN:
                place = f"{self.notation.place} {number}"
                problems += self._find_fault(line, place, types)
        return problems

    def _find_fault(
        self, line: str, place: str, types: dict[str, tuple[str, str]]
    ) -> Iterator[str]:
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            what = f"{error.msg}, at column {error.colno}"
            yield f"{place} is no JSON: {what}. Each line must contain one object."
            return
        if not isinstance(row, dict):
            example = 'Write a row as {"name": value, …}.'
            yield f"{place} must contain an object (received: {_TYPES[type(row)]}). {example}"
            return
        for name, value in row.items():
            kind = _TYPES[type(value)]
            before, first = types.setdefault(name, (kind, place)) if kind != "null" else (kind, "")
            if kind != before:
                yield (
                    f"the values of '{name}' must be of one type (received: {before} in {first}, "
                    f"{kind} in {place}). Correct these {self.notation.place}s."
                )
