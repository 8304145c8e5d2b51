"""Parquet and Arrow files, whole or batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.endings import PARQUET, find_ending
from kerasrecipes.rows.files.base import MEMORY_OF_VALUE, FileOnDisk, Names
from kerasrecipes.rows.files.raw import describe_format, read_start
from kerasrecipes.rows.limits import check_unpacked


class ArrowFile(FileOnDisk):
    """A Parquet file, an Arrow file, or an Arrow stream written to a file."""

    def read(self, as_text: Names = ()) -> pa.Table:
        with self._explain():
            if parquet_file := self._open_parquet():
                return self._tidy(parquet_file.read())
            return self._tidy(pa.Table.from_batches(*self._open_arrow()))

    def list_names(self) -> list[str]:
        with self._explain():
            parquet_file = self._open_parquet()
            schema = parquet_file.schema_arrow if parquet_file else self._open_arrow()[1]
        return self._tidy(schema.empty_table()).column_names

    def iterate(self, wanted: Names, numbers: Names, n_rows: int) -> Iterator[pa.Table]:
        with self._explain():
            if parquet_file := self._open_parquet():
                is_there = wanted and {*wanted} <= {*parquet_file.schema_arrow.names}
                columns = [*dict.fromkeys(wanted)] if is_there else None
                batches = parquet_file.iter_batches(batch_size=n_rows, columns=columns)
            else:
                batches, _ = self._open_arrow()
            for batch in batches:
                yield self._tidy(pa.Table.from_batches([batch]))

    def estimate_memory(self) -> int:
        with self._explain():
            if parquet_file := self._open_parquet():
                metadata = parquet_file.metadata
                return MEMORY_OF_VALUE * metadata.num_rows * metadata.num_columns
        return MEMORY_OF_VALUE // 8 * self.path.stat().st_size

    def _open_parquet(self) -> parquet.ParquetFile | None:
        """Open the file; None where its ending is not that of Parquet."""
        if find_ending(self.path) not in PARQUET:
            return None
        file = parquet.ParquetFile(self.path)
        self._check_size(8 * file.metadata.num_rows * file.metadata.num_columns)
        return file

    def _open_arrow(self) -> tuple[Iterator[pa.RecordBatch], pa.Schema]:
        """The batches of an Arrow file, or of a stream written to a file; and their schema."""
        source = pa.OSFile(str(self.path))
        if not read_start(self.path).startswith(b"ARROW1"):
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
        remedy = "If it is meant, write it without compression, as .arrow"
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
            found = describe_format(self.path)
            what = f"it is {found}" if found else f"{reason}. Write it again."
            problem = f"path: {self.path} cannot be read as a {find_ending(self.path)} file: {what}"
            raise DataError(self.name, [problem]) from error
