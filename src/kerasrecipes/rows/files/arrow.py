"""Files that Arrow reads: Parquet, Arrow and JSON, whole or batch by batch."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import json as arrow_json
from pyarrow import parquet
from pyarrow.types import is_nested

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.endings import PARQUET, find_ending
from kerasrecipes.rows.files import raw
from kerasrecipes.rows.files.base import (
    MEMORY_OF_VALUE,
    TYPE_ERRORS,
    FileOnDisk,
    Names,
    concatenate,
)
from kerasrecipes.rows.limits import LONGEST_LINE, check_columns, check_line, check_unpacked
from kerasrecipes.rows.words import SHOWN

_ROWS_AT_ONCE = 1 << 17
_FIRST_BLOCK_BYTES, _BLOCK_BYTES = 1 << 16, 4 << 20
_MOST_DEPTH, _MOST_DIGITS, _MOST_SHOWN = 500, 4_000, 20
_MOST_CELLS, _MOST_TIMES_FILLED = 1 << 20, 400
_BRACKETS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS = bytes({*range(256)} - {*b"[{]}"})
_WRITE_ROWS = 'Write a row as {"name": value, …}.'
_TOO_DEEP = f"has too many arrays or objects within each other. {_WRITE_ROWS}"


class ArrowFile(FileOnDisk):
    """A Parquet file, an Arrow file, or an Arrow stream written to a file."""

    def read(self, as_text: Names = ()) -> pa.Table:
        with self._explain():
            return self._tidy(pa.Table.from_batches(*self._open()))

    def list_names(self) -> list[str]:
        with self._explain():
            _, schema = self._open()
        return self._tidy(schema.empty_table()).column_names

    def iterate(self, wanted: Names, numbers: Names, n_rows: int) -> Iterator[pa.Table]:
        with self._explain():
            for batch in self._open(wanted, n_rows)[0]:
                yield self._tidy(pa.Table.from_batches([batch]))

    def estimate_memory(self) -> int:
        if find_ending(self.path) not in PARQUET:
            return MEMORY_OF_VALUE // 8 * self.path.stat().st_size
        with self._explain():
            metadata = parquet.read_metadata(self.path)
        return MEMORY_OF_VALUE * metadata.num_rows * metadata.num_columns

    def _open(
        self, wanted: Names = (), n_rows: int = _ROWS_AT_ONCE
    ) -> tuple[Iterator[pa.RecordBatch], pa.Schema]:
        """The batches of a Parquet file, an Arrow file or a stream; and the file's schema.

        Of a Parquet file, only wanted columns are read if it has them.
        """
        if find_ending(self.path) in PARQUET:
            file = parquet.ParquetFile(self.path)
            schema, metadata = file.schema_arrow, file.metadata
            self._check_size(8 * metadata.num_rows * metadata.num_columns)
            is_there = wanted and {*wanted} <= {*schema.names}
            columns = [*dict.fromkeys(wanted)] if is_there else None
            return file.iter_batches(n_rows, columns=columns), schema
        source = pa.OSFile(str(self.path))
        if not raw.read_start(self.path).startswith(b"ARROW1"):
            stream = pa.ipc.open_stream(source)
            return self._limit(stream), stream.schema
        reader: Any = pa.ipc.open_file(source)
        return self._limit(map(reader.get_batch, range(reader.num_record_batches))), reader.schema

    def _limit(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Batches, until they take too much memory."""
        n_bytes = 0
        for batch in batches:
            n_bytes += batch.nbytes
            self._check_size(n_bytes)
            yield batch

    def _check_size(self, n_bytes: int) -> None:
        remedy = "If this is right, write it without compression, as .arrow"
        check_unpacked(n_bytes, self.path.stat().st_size, self.name, remedy)

    def _tidy(self, table: pa.Table) -> pa.Table:
        """Check all values, as Arrow 26 crashes on texts' wrong offsets; leave out the index."""
        for name, column in zip(table.column_names, table.columns, strict=True):
            try:
                column.validate(full=True)
            except pa.ArrowInvalid as error:
                problem = f"column {name} is damaged, or contains text that is not UTF-8. "
                raise DataError(self.name, [f"{problem}Write the file again."]) from error
        index = [name for name in table.column_names if name.startswith("__index_level_")]
        return table.drop_columns(index)

    @contextmanager
    def _explain(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            reason = str(error).strip().split("\n")[0].rstrip(".")
            found = raw.describe_format(self.path)
            what = f"it is {found}" if found else f"{reason}. Write it again."
            problem = f"path: {self.path} cannot be read as a {find_ending(self.path)} file: {what}"
            raise DataError(self.name, [problem]) from error


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
        with raw.explain_damage(self.name), raw.open_decompressed(self.path, self.name) as opened:
            chunks = raw.decode(opened, self.name)
            file: io.BufferedIOBase = io.BufferedReader(raw.ChunkReader(chunks))
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
                "objects). Write them with pandas.DataFrame(…).to_json(orient='records')."
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
        types = r"'\1' is of type \3, and of type \2 in a row above"
        reason = re.sub(r"Column\(/(.*)\) changed from (\w+) to (\w+)", types, match[1])
        return [f"{noun} {place} cannot be read: {reason}. Correct or remove it."]


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
