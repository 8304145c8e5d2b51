"""JSON lines, and JSON files of one array of objects, whole or block by block."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from kerasrecipes.data.encoding import Utf8Reader
from kerasrecipes.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK_BYTES = 4 << 20
_LINES_SHOWN = 5


def read_json(path: Path) -> pa.Table:
    """Read a whole file: an object on each line, or one array of objects.

    Raises:
        DataError: The file is no JSON, its lines are no objects, or a name has values of two types.
    """
    with _check_utf8(_open(path), path.name) as file:
        data = file.read()
    if data.lstrip()[:1] == b"[":
        data = _write_lines(data, path.name)
    return _parse(data, path.name, first_line=1)


def stream_json(source: Path | BinaryIO, dataset: str) -> Iterator[pa.Table]:
    """Read JSON lines block by block; types may differ from block to block."""
    with _check_utf8(_open(source) if isinstance(source, Path) else source, dataset) as file:
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


def _open(path: Path) -> Any:
    import pyarrow as pa

    return pa.input_stream(str(path), compression="detect")


def _check_utf8(file: BinaryIO, dataset: str) -> io.BufferedReader[Any]:
    return io.BufferedReader(
        Utf8Reader(file, "utf-8", told=False, dataset=dataset, is_choice=False)
    )


def _parse(data: bytes, dataset: str, first_line: int) -> pa.Table:
    import pyarrow as pa
    from pyarrow import json as arrow_json

    if not data.strip():
        raise DataError(dataset, ["the file is empty. It must hold a JSON object on each line."])
    try:
        table = arrow_json.read_json(
            pa.BufferReader(data),
            read_options=arrow_json.ReadOptions(block_size=max(len(data), _BLOCK_BYTES)),
        )
    except pa.ArrowInvalid as error:
        problems = [*_explain(data.decode(), first_line)] or [f"the file cannot be read: {error}."]
        raise DataError(dataset, problems) from error
    if table.num_rows == 1 and all(pa.types.is_list(kind) for kind in table.schema.types):
        raise DataError(
            dataset,
            [
                "a JSON file must hold an object on each line, or one array of objects (received: "
                "one object of lists). Write a row as an object: "
                "pandas.DataFrame(…).to_json(orient='records')."
            ],
        )
    return table


def _write_lines(data: bytes, dataset: str) -> bytes:
    """An array of objects, as JSON lines."""
    try:
        rows = json.loads(data)
    except json.JSONDecodeError as error:
        problem = f"line {error.lineno} is no JSON: {error.msg}, at column {error.colno}. Mend it."
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
    """Find the lines at fault; Python's reader is slow, but tells them."""
    types: dict[str, tuple[str, int]] = {}
    n_told = 0
    for number, line in enumerate(text.split("\n"), first_line):
        if not line.strip():
            continue
        problem = _explain_line(line, number, types)
        if problem:
            yield problem
            n_told += 1
        if n_told == _LINES_SHOWN:
            return


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
    clashes = [*_find_clashes(row, number, types)]
    return "; ".join(clashes)


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
                f"{kind} in line {number}). Mend these lines."
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
