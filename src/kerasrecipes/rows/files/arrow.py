"""Parquet and Arrow files, whole or batch by batch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.endings import PARQUET, find_ending
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.files.base import TableFile
from kerasrecipes.rows.files.raw import describe_format


class ArrowFile(TableFile):
    """A Parquet file, an Arrow file, or an Arrow stream written to a file.

    Args:
        file: Its path.
        spec: The recipe's ``dataset``.
    """

    def __init__(self, file: Path, spec: DatasetSpec) -> None:
        super().__init__(file.name, spec)
        self._file, self.notation = file, replace(self.notation, first_row=1)
        self._is_parquet = find_ending(file) in PARQUET

    def read(self, as_text: Collection[str] = ()) -> pa.Table:
        """Read every row; pandas's index of a DataFrame is left out."""
        with self._explain():
            if self._is_parquet:
                table = parquet.ParquetFile(self._file).read()
            else:
                table = pa.Table.from_batches(*self._open_arrow())
        names = [name for name in table.column_names if name.startswith("__index_level_")]
        return table.drop_columns(names)

    def list_names(self) -> list[str]:
        with self._explain():
            if self._is_parquet:
                names = parquet.ParquetFile(self._file).schema_arrow.names
            else:
                names = self._open_arrow()[1].names
        return [name for name in names if not name.startswith("__index_level_")]

    def iterate(
        self, wanted: Sequence[str], numbers: Collection[str], n_rows: int
    ) -> Iterator[pa.Table]:
        with self._explain():
            for batch in self._iterate_batches(wanted, n_rows):
                yield pa.Table.from_batches([batch])

    def _iterate_batches(self, wanted: Sequence[str], n_rows: int) -> Iterator[pa.RecordBatch]:
        if not self._is_parquet:
            yield from self._open_arrow()[0]
            return
        parts = parquet.ParquetFile(self._file)
        names = parts.schema_arrow.names
        columns = [*dict.fromkeys(wanted)] if {*wanted} <= {*names} else names
        yield from parts.iter_batches(batch_size=n_rows, columns=columns)

    def _open_arrow(self) -> tuple[Iterable[pa.RecordBatch], pa.Schema]:
        """The batches of an Arrow file, or of a stream written to a file."""
        try:
            reader: Any = pa.ipc.open_file(pa.OSFile(str(self._file)))
        except pa.ArrowInvalid:
            stream = pa.ipc.open_stream(pa.OSFile(str(self._file)))
            return stream, stream.schema
        return (reader.get_batch(i) for i in range(reader.num_record_batches)), reader.schema

    @contextmanager
    def _explain(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError) as error:
            reason = str(error).strip().split("\n")[0].rstrip(".")
            found = describe_format(self._file)
            what = f"it is {found}" if found else f"{reason}. Write it again."
            ending = find_ending(self._file)
            problem = f"path: {self._file} cannot be read as a {ending} file: {what}"
            raise DataError(self.name, [problem]) from error
