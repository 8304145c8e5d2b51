"""JSON lines, and JSON files of one array of objects, whole or block by block."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
from pyarrow import json as arrow_json
from pyarrow.types import is_nested

from kerasrecipes.errors import DataError
from kerasrecipes.rows.files.base import TYPE_ERRORS, FileOnDisk, Names, concatenate
from kerasrecipes.rows.files.raw import ChunkReader, decode, explain_damage, open_decompressed
from kerasrecipes.rows.limits import LONGEST_LINE, check_columns, check_line
from kerasrecipes.rows.words import SHOWN

_FIRST_BLOCK_BYTES, _BLOCK_BYTES = 1 << 16, 4 << 20
_MOST_DEPTH, _MOST_DIGITS, _MOST_SHOWN = 500, 4_000, 20
_MOST_CELLS, _MOST_TIMES_FILLED = 1 << 20, 400
_BRACKETS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS = bytes({*range(256)} - {*b"[{]}"})
_WRITE_ROWS = 'Write a row as {"name": value, …}.'
_TOO_DEEP = f"has too many arrays or objects within each other. {_WRITE_ROWS}"


class JsonFile(FileOnDisk):
    """An object on each line, or one array of objects; read block by block."""

    def read(self, as_text: Names = ()) -> pa.Table:
        tables = [*self.iterate((), (), 0)]
        try:
            return concatenate(tables)
        except TYPE_ERRORS as error:
            problem = f"the values of a name must be of one type in all rows: {error}."
            raise DataError(self.name, [problem]) from error

    def iterate(self, wanted: Names, numbers: Names, n_rows: int) -> Iterator[pa.Table]:
        names: dict[str, None] = {}
        for lines, n_before in self._iterate_lines():
            table = self._parse(lines, n_before)
            # A row may leave out what it has no value for, and so may all rows of a block.
            for name in names.keys() - {*table.column_names}:
                table = table.append_column(name, pa.nulls(len(table)))
            names |= dict.fromkeys(table.column_names)
            check_columns(len(names), self.name)
            n_cells = table.num_rows * table.num_columns
            n_filled = n_cells - sum(column.null_count for column in table.columns)
            # Names of its own in each row would become columns of all rows.
            if n_cells > max(_MOST_CELLS, _MOST_TIMES_FILLED * n_filled):
                received = f"received: {table.num_columns:,} names in {table.num_rows:,} rows"
                problem = f"rows must have the same names ({received})."
                raise DataError(self.name, [f"{problem} Write what differs as values."])
            yield table

    def _iterate_lines(self) -> Iterator[tuple[bytes, int]]:
        """Blocks of whole lines, and the number of lines before each; an array's rows as lines."""
        with explain_damage(self.name), open_decompressed(self.path, self.name) as opened:
            chunks = decode(opened, self.name)
            file: io.BufferedIOBase = io.BufferedReader(ChunkReader(chunks))
            if file.peek(1).lstrip().startswith(b"["):  # type: ignore[attr-defined]
                file = io.BytesIO(self._write_lines(file.read()))
            else:
                self.notation = replace(self.notation, first_line=1)
            n_lines, size, is_empty = 0, _FIRST_BLOCK_BYTES, True
            while block := file.read(size):
                rest = file.readline(LONGEST_LINE + 1)
                check_line(len(rest), n_lines + block.count(b"\n") + 1, self.name)
                block += rest
                if block.strip():
                    yield block, n_lines
                    is_empty = False
                n_lines += block.count(b"\n")
                size = min(2 * size, _BLOCK_BYTES)
            if is_empty:
                problem = "the file is empty. It must contain a JSON object on each line."
                raise DataError(self.name, [problem])

    def _parse(self, data: bytes, n_before: int) -> pa.Table:
        """Read JSON lines that follow ``n_before`` others."""
        parse = arrow_json.ParseOptions()
        read = arrow_json.ReadOptions(block_size=max(len(data), _BLOCK_BYTES))
        try:
            # Arrow 26 crashes where a file begins with null, and where arrays are deep in others.
            steps = np.frombuffer(data.translate(_BRACKETS, _NO_BRACKETS), np.int8)
            depth = np.cumsum(steps, dtype=np.int64).max(initial=0)
            if not data.lstrip().startswith(b"{") or depth > _MOST_DEPTH:
                raise pa.ArrowInvalid("it must contain objects")
            table = arrow_json.read_json(pa.BufferReader(data), read, parse)
            names = table.column_names
            dates = [field.name for field in table.schema if pa.types.is_timestamp(field.type)]
            if dates:  # Text is text here, as in CSV: the next block may contain another word.
                parse.explicit_schema = pa.schema([(name, pa.string()) for name in dates])
                table = arrow_json.read_json(pa.BufferReader(data), read, parse).select(names)
        except pa.ArrowInvalid as error:
            problems = self._find_faults(data, n_before, str(error))
            raise DataError(self.name, problems[:SHOWN]) from error
        if table.num_rows == 1 and table.schema.types and all(map(is_nested, table.schema.types)):
            problem = (
                "rows must be objects on lines, or in one array (received: one object of lists or "
                "objects). Write them so: pandas.DataFrame(…).to_json(orient='records')."
            )
            raise DataError(self.name, [problem])
        if table.num_rows != data.rstrip().count(b"\n") + 1:
            self.notation = replace(self.notation, first_line=None)
        return table

    def _write_lines(self, data: bytes) -> bytes:
        """An array of objects, as JSON lines."""
        try:
            rows = json.loads(data, parse_int=_parse_int)
        except json.JSONDecodeError as error:
            problem = f"line {error.lineno} is no JSON: {error.msg}, at column {error.colno}."
            raise DataError(self.name, [problem]) from None
        except RecursionError:
            raise DataError(self.name, [f"the file {_TOO_DEEP}"]) from None
        if not rows:
            raise DataError(self.name, ["the file contains an array without rows. Add rows."])
        return "".join(f"{json.dumps(row)}\n" for row in rows).encode()

    def _find_faults(self, data: bytes, n_before: int, error: str) -> list[str]:
        """Find the lines at fault; Python's reader is slow, but counts lines."""
        texts = enumerate(data.decode().split("\n"), n_before + 1)
        lines = [(i, line) for i, line in texts if line.strip()]
        faults = ((i, _find_fault(line)) for i, line in lines)
        noun, _ = self.notation.first_place
        problems = [f"{noun} {i} {fault}" for i, fault in faults if fault]
        match = re.fullmatch(r"(?:JSON parse error: )?(.*?)\.? in row (\d+)", error)
        if problems or not match:
            return problems or [f"the file cannot be read: {error.rstrip('.')}."]
        # Arrow counts lines that are not blank, from 0.
        place, _ = lines[min(int(match[2]), len(lines) - 1)]
        return [f"{noun} {place} cannot be read: {match[1]}. Correct or remove it."]


def _find_fault(line: str) -> str:
    """Why a line is no row; empty if it may be one."""
    try:
        row = json.loads(line, parse_int=_parse_int)
    except json.JSONDecodeError as error:
        return f"is no JSON: {error.msg}, at column {error.colno}. {_WRITE_ROWS}"
    except RecursionError:
        return _TOO_DEEP
    if isinstance(row, dict):
        return ""
    return f"must contain an object (received: {line.strip()[:_MOST_SHOWN]}). {_WRITE_ROWS}"


def _parse_int(digits: str) -> float:
    return int(digits) if len(digits) < _MOST_DIGITS else float(digits)
