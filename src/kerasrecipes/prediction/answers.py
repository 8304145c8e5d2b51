"""Answers on their way to a file or to standard output, chunk by chunk; imports no TensorFlow."""

from __future__ import annotations

import csv
import glob
import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from kerasrecipes.errors import InputError
from kerasrecipes.runs import replacing

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".csv", ".parquet", ".jsonl")

Answers = Mapping[str, Any]
"""Columns of equal length by name: NumPy arrays or Arrow's."""


def check_output(output: Path | None, data: str, trained_on: str | None = None) -> None:
    """Make sure that answers can be written, before anything is computed.

    Args:
        output: Where they go; None is standard output.
        data: The rows to answer.
        trained_on: The file, or a pattern of files, that the run was trained on.

    Raises:
        InputError: The file's ending is not known, its folder is not there, or it holds rows.
    """
    if output is None:
        return
    if output.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"Answers are written to {', '.join(SUFFIXES)} files (received: {output}). Give the "
            "file one of these endings."
        )
    if not output.parent.is_dir():
        raise InputError(f"There is no folder {output.parent} to write {output.name} to. Make it.")
    if output.is_dir():
        raise InputError(f"{output} is a folder. Give the answers a file of their own.")
    held = {"the rows to answer": data, "rows that the run was trained on": trained_on}
    for what, path in held.items():
        file = str(Path(path or "").expanduser())
        files = [name for name in (file, *glob.glob(file, recursive=True)) if Path(name).is_file()]
        if output.exists() and any(map(output.samefile, files)):
            raise InputError(f"{output} holds {what}. Give the answers a file of their own.")


@contextmanager
def open_answers(output: Path | None) -> Iterator[Callable[[Answers], None]]:
    """Give a function that writes a chunk of answers, all of which have the same columns.

    Args:
        output: Is there once it is whole, and not at all after an error; None means standard
            output, as CSV.
    """
    import pyarrow as pa

    writer: Any = None
    with ExitStack() as stack:

        def write(answers: Answers) -> None:
            nonlocal writer
            columns = (
                column if isinstance(column, pa.ChunkedArray) else pa.array(column)
                for column in answers.values()
            )
            table = pa.table([*columns], names=[*answers])
            if writer is None:  # not before there are answers, or it would stand among the inputs
                sink = stack.enter_context(_open_sink(output))
                writer = _make_writer(sink, output.suffix if output else ".csv", table.schema)
            writer.write_table(table)

        yield write
        if writer is not None:
            writer.close()


@contextmanager
def _open_sink(output: Path | None) -> Iterator[BinaryIO]:
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with replacing(output) as partial:
        try:
            file = open(partial, "wb")  # noqa: SIM115
        except OSError as error:
            raise InputError(
                f"Nothing can be written to {output.parent}: {error.strerror}."
            ) from error
        with file:
            yield file


def _make_writer(sink: BinaryIO, suffix: str, schema: pa.Schema) -> Any:
    if suffix.lower() == ".jsonl":
        return _JsonLinesWriter(sink)
    if suffix.lower() == ".csv":
        return _CsvWriter(sink, schema.names)
    from pyarrow.parquet import ParquetWriter

    return ParquetWriter(sink, schema)


class _CsvWriter:
    """What pyarrow has for Parquet; its own for CSV puts every text in quotation marks."""

    def __init__(self, sink: BinaryIO, names: list[str]) -> None:
        self._sink = sink
        header = io.StringIO()
        csv.writer(header, lineterminator="\n").writerow(names)
        sink.write(header.getvalue().encode("utf-8"))

    def write_table(self, table: pa.Table) -> None:
        from pyarrow import csv as arrow_csv

        table = _write_truths(table)
        needs_quotes = any(_needs_quotes(column) for column in table.columns)
        options = arrow_csv.WriteOptions(
            include_header=False,
            batch_size=16_384,
            quoting_style="needed" if needs_quotes else "none",
        )
        arrow_csv.write_csv(table, self._sink, options)

    def close(self) -> None:
        """Nothing is held back."""


def _write_truths(table: pa.Table) -> pa.Table:
    """Truth values as the class names that they have elsewhere; Arrow would write "true"."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for i, field in enumerate(table.schema):
        if pa.types.is_boolean(field.type):
            table = table.set_column(i, field.name, pc.if_else(table.column(i), "True", "False"))
    return table


def _needs_quotes(column: pa.ChunkedArray) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return False
    return bool(pc.any(pc.match_substring_regex(column, '[",\r\n]')).as_py())


class _JsonLinesWriter:
    """What pyarrow has for Parquet, for JSON lines."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink

    def write_table(self, table: pa.Table) -> None:
        columns = [_list_values(column) for column in table.columns]
        lines = []
        for row in zip(*columns, strict=True):
            values = dict(zip(table.column_names, row, strict=True))
            lines.append(json.dumps(values, ensure_ascii=False) + "\n")
        self._sink.write("".join(lines).encode("utf-8"))

    def close(self) -> None:
        """Nothing is held back."""


def _list_values(column: pa.ChunkedArray) -> list[Any]:
    """Plain values; NumPy writes a float32's own digits, 0.1, Python 0.10000000149011612."""
    import pyarrow as pa

    if not pa.types.is_float32(column.type):
        return list(column.to_pylist())
    return [float(str(value)) for value in column.to_numpy()]
