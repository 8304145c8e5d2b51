"""How these tests read tables: whole, in pieces, and from a stream."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.cells import Cells, Notation
from kerasrecipes.rows.files import TableFile, open_stream, open_table_file
from kerasrecipes.rows.table import Table

Source = Path | bytes
"""A file's path, or the bytes of a stream."""


def open_source(source: Source, wanted: Sequence[str] | None = None, **keys: Any) -> TableFile:
    spec = DatasetSpec.model_validate(keys)
    if isinstance(source, bytes):
        return open_stream(io.BytesIO(source), "the stream", spec, wanted)
    return open_table_file(str(source), spec, wanted)


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(source: Source, **keys: Any) -> dict[str, list[Any]]:
    """Every row's values, None where one is missing."""
    file = open_source(source, **keys)
    return gather([file.read()], file.notation)


def read_pieces(
    source: Source,
    wanted: Sequence[str],
    numbers: Sequence[str] = (),
    n_rows: int = 10,
    **keys: Any,
) -> dict[str, list[Any]]:
    """The values of all pieces put together, and of the columns that they have."""
    file = open_source(source, wanted, **keys)
    return gather(list(file.iterate(wanted, numbers, n_rows)), file.notation)


def gather(tables: Iterable[pa.Table], notation: Notation) -> dict[str, list[Any]]:
    values: dict[str, list[Any]] = {}
    for table in tables:
        for name, column in zip(table.column_names, table.columns, strict=True):
            values.setdefault(name, []).extend(list_values(Cells(name, column, notation)))
    return values


def list_values(cells: Cells) -> list[Any]:
    if not cells.is_text:
        return list(cells.values.to_pylist())
    distinct = [*cells.distinct.to_pylist(), None]
    return [distinct[code] for code in cells.codes]


def find_problems(source: Source, **keys: Any) -> list[str]:
    table = Table(lambda spec, wanted: open_source(source, wanted, **keys), "data", "data")
    with pytest.raises(DataError) as caught:
        table.read_some(DatasetSpec())
    return list(caught.value.problems)


def find_problems_of_pieces(source: Source, wanted: Sequence[str], **keys: Any) -> list[str]:
    with pytest.raises(DataError) as caught:
        list(open_source(source, wanted, **keys).iterate(wanted, wanted, 10))
    return list(caught.value.problems)
