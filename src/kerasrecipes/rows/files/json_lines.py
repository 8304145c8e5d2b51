"""JSON lines, and JSON files of one array of objects, whole or block by block."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import json as arrow_json

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.cells import Missing, Notation
from kerasrecipes.rows.files.base import TYPE_ERRORS, TableFile, check_columns, concatenate
from kerasrecipes.rows.files.encoding import Utf8Reader
from kerasrecipes.rows.files.raw import explain_damage, open_decompressed

_BLOCK_BYTES = 4 << 20
_LINES_SHOWN = 5


class JsonFile(TableFile):
    """An object on each line, or one array of objects; read block by block.

    Args:
        source: A path, or an open binary file.
        spec: The recipe's ``dataset``.
        name: For messages.
    """

    def __init__(self, source: Path | BinaryIO, spec: DatasetSpec, name: str) -> None:
        self._source, self.name = source, name
        self.notation, self.notes = Notation(Missing.read(spec)), []

    def read(self, as_text: Collection[str] = ()) -> pa.Table:
        """Read every row; a name has values of one type in all of them."""
        tables = [*self.iterate((), (), 0)]
        try:
            table = concatenate(tables)
        except TYPE_ERRORS as error:
            problem = f"the values of a name must be of one type in all rows: {error}."
            raise DataError(self.name, [problem]) from error
        return check_columns(table, self.name)

    def iterate(
        self, wanted: Sequence[str], numbers: Collection[str], n_rows: int
    ) -> Iterator[pa.Table]:
        """Read objects block by block; types may differ from block to block."""
        met: dict[str, None] = {}
        for table in self._iterate_blocks():
            # A row may leave out what it has no value for, and so may all rows of a block.
            for name in met:
                if name not in table.column_names:
                    table = table.append_column(name, pa.nulls(len(table)))
            met |= dict.fromkeys(table.column_names)
            yield table

    def _iterate_blocks(self) -> Iterator[pa.Table]:
        dataset = self.name
        with explain_damage(dataset), _check_utf8(self._open(), dataset) as file:
            line, rest = 1, b""
            is_array = None
            while block := file.read(_BLOCK_BYTES):
                rest += block
                if is_array is None and rest.strip():
                    is_array = rest.lstrip()[:1] == b"["
                end = 0 if is_array else rest.rfind(b"\n") + 1
                if rest[:end].strip():
                    yield _parse(rest[:end], dataset, line)
                line += rest.count(b"\n", 0, end)
                rest = rest[end:]
            if rest.strip() or is_array is None:
                yield _parse(_write_lines(rest, dataset) if is_array else rest, dataset, line)

    def _open(self) -> Any:
        return open_decompressed(self._source) if isinstance(self._source, Path) else self._source


def _check_utf8(file: BinaryIO, dataset: str) -> io.BufferedReader[Any]:
    return io.BufferedReader(
        Utf8Reader(file, "utf-8", told=False, dataset=dataset, is_choice=False)
    )


def _parse(data: bytes, dataset: str, first_line: int) -> pa.Table:
    if not data.strip():
        raise DataError(dataset, ["the file is empty. It must hold a JSON object on each line."])
    try:
        if not data.lstrip().startswith(b"{"):
            raise pa.ArrowInvalid("it must hold objects")  # Arrow 26 crashes where it is null.
        options = arrow_json.ReadOptions(block_size=max(len(data), _BLOCK_BYTES))
        table = arrow_json.read_json(pa.BufferReader(data), read_options=options)
        dates = [field.name for field in table.schema if pa.types.is_timestamp(field.type)]
        if dates:  # Text is text here, as in CSV: the next block may hold another word.
            texts = pa.schema([(name, pa.string()) for name in dates])
            table = arrow_json.read_json(
                pa.BufferReader(data),
                read_options=options,
                parse_options=arrow_json.ParseOptions(explicit_schema=texts),
            ).select(table.column_names)
    except pa.ArrowInvalid as error:
        problems = [*_explain(data.decode(), first_line)] or [f"the file cannot be read: {error}."]
        raise DataError(dataset, problems) from error
    if table.num_rows == 1 and all(pa.types.is_nested(kind) for kind in table.schema.types):
        raise DataError(
            dataset,
            [
                "a JSON file must hold an object on each line, or one array of objects (received: "
                "one object of lists or objects). Write a row as an object: "
                "pandas.DataFrame(…).to_json(orient='records')."
            ],
        )
    return table


def _write_lines(data: bytes, dataset: str) -> bytes:
    """An array of objects, as JSON lines."""
    try:
        rows = json.loads(data)
    except json.JSONDecodeError as error:
        problem = f"line {error.lineno} is no JSON: {error.msg}, at column {error.colno}."
        raise DataError(dataset, [problem]) from None
    except RecursionError:
        problem = "the file holds too many arrays within arrays. Write an object for each row."
        raise DataError(dataset, [problem]) from None
    for i, row in enumerate(rows):
        if not isinstance(row, dict):
            problem = (
                f"a JSON array must hold objects, one for each row (received: {_name_type(row)} "
                f'at place {i}). Write rows as {{"name": value, …}}.'
            )
            raise DataError(dataset, [problem])
    if not rows:
        raise DataError(dataset, ["the file holds an array without rows. Add rows."])
    return "\n".join(json.dumps(row) for row in rows).encode()


def _explain(text: str, first_line: int) -> Iterator[str]:
    """Find the lines at fault; Python's reader is slow, but counts lines."""
    types: dict[str, tuple[str, int]] = {}
    lines = enumerate(text.split("\n"), first_line)
    problems = (_explain_line(line, number, types) for number, line in lines if line.strip())
    yield from islice(filter(None, problems), _LINES_SHOWN)


def _explain_line(line: str, number: int, types: dict[str, tuple[str, int]]) -> str:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        return (
            f"line {number} is no JSON: {error.msg}, at column {error.colno}. Each line must hold "
            "one object."
        )
    if not isinstance(row, dict):
        return (
            f"line {number} must hold an object (received: {_name_type(row)}). Write a row as "
            '{"name": value, …}.'
        )
    return "; ".join(_find_clashes(row, number, types))


def _find_clashes(
    row: Mapping[str, Any], number: int, types: dict[str, tuple[str, int]]
) -> Iterator[str]:
    for name, value in row.items():
        kind = _name_type(value)
        if value is None:
            continue
        before, line = types.setdefault(name, (kind, number))
        if kind != before:
            yield (
                f"the values of '{name}' must be of one type (received: {before} in line {line}, "
                f"{kind} in line {number}). Correct these lines."
            )


def _name_type(value: Any) -> str:
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, list):
        return "an array"
    return "an object" if isinstance(value, dict) else "null"
