"""Writes predictions to a file or to standard output, chunk by chunk; imports no TensorFlow."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from kerasrecipes.durable import replacing
from kerasrecipes.errors import InputError
from kerasrecipes.recipe.names import make_lines_printable
from kerasrecipes.rows.files import expand

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".csv", ".parquet", ".jsonl", ".npz")

_DEFLATED = zipfile.ZIP_DEFLATED

Answers = Mapping[str, Any]
"""Columns of equal length by name: NumPy arrays or Arrow's; an answer may be an array itself."""


def check_output(output: Path | None, data: str, trained_on: str | None = None) -> None:
    """Make sure that predictions can be written, before anything is computed.

    Args:
        output: Where they go; None is standard output.
        data: The rows to answer.
        trained_on: The file, or a pattern of files, that the run was trained on.

    Raises:
        InputError: The ending is unknown, the folder is missing, or the file contains input rows.
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
        file = Path(os.path.expanduser(path or "")).absolute()
        files = [each for each in expand(str(file)) if os.path.isfile(each)]
        if output.exists() and any(map(output.samefile, files)):
            raise InputError(f"{output} contains {what}. Give the answers a file of their own.")


@contextmanager
def open_answers(output: Path | None) -> Iterator[Callable[[Answers], None]]:
    """Give a function that writes a chunk of answers, all of which have the same columns.

    Args:
        output: A file that appears once it is complete; None means standard output, as CSV.

    Raises:
        InputError: Answers are arrays, and the output is a table.
    """
    import numpy as np
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    suffix = output.suffix.lower() if output else ".csv"
    sink: BinaryIO | None = None
    parquet: Any = None
    kept: list[Answers] = []
    with ExitStack() as stack:

        def write(answers: Answers) -> None:
            nonlocal sink, parquet
            if suffix == ".npz":
                kept.append(answers)
                return
            shapes = [np.shape(column) for column in answers.values()]
            if arrays := [shape[1:] for shape in shapes if len(shape) > 1]:
                raise InputError(
                    f"This run answers each row with an array of shape {arrays[0]}, which a table "
                    "cannot contain. Write it to an .npz file: -o answers.npz."
                )
            columns = [
                column if isinstance(column, pa.ChunkedArray) else pa.array(column)
                for column in answers.values()
            ]
            table = pa.table(columns, names=[*answers])
            is_first = sink is None
            if sink is None:  # opened late: a pattern such as *.csv must not match the output
                sink = stack.enter_context(_open_sink(output))
            if suffix == ".parquet":
                parquet = parquet or stack.enter_context(ParquetWriter(sink, table.schema))
                parquet.write_table(table)
            elif suffix == ".jsonl":
                _write_json_lines(sink, table)
            else:
                _write_csv(sink, table, with_header=is_first)

        yield write
        if suffix == ".npz":
            names = kept[0] if kept else ()
            with _open_sink(output) as sink, zipfile.ZipFile(sink, "w", _DEFLATED) as archive:
                for name in names:
                    array = np.concatenate([_to_numpy(piece[name]) for piece in kept])
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, array, allow_pickle=False)


def _to_numpy(column: Any) -> Any:
    import numpy as np

    return np.asarray(column.to_pylist(), str) if hasattr(column, "to_pylist") else column


class _StandardOutput(io.BytesIO):
    """Standard output, which a terminal may show; each write has whole characters."""

    def write(self, data: Any) -> int:
        text = make_lines_printable(bytes(data).decode("utf-8"))
        return sys.stdout.buffer.write(text.encode("utf-8"))


@contextmanager
def _open_sink(output: Path | None) -> Iterator[BinaryIO]:
    if output is None:
        yield _StandardOutput()
        sys.stdout.flush()
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


def _write_csv(sink: BinaryIO, table: pa.Table, *, with_header: bool) -> None:
    """Write rows; Arrow's own writer would put every text in quotation marks."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv as arrow_csv

    if with_header:
        header = io.StringIO()
        csv.writer(header, lineterminator="\n").writerow(table.column_names)
        sink.write(header.getvalue().encode("utf-8"))
    quoting = "none"
    for i, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True)):
        if pa.types.is_boolean(column.type):  # as class names are written; Arrow writes "true"
            table = table.set_column(i, name, pc.if_else(column, "True", "False"))
        is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        if is_text and pc.any(pc.match_substring_regex(column, '[",\r\n]')).as_py():
            quoting = "needed"
    options = arrow_csv.WriteOptions(include_header=False, batch_size=16_384, quoting_style=quoting)
    arrow_csv.write_csv(table, sink, options)


def _write_json_lines(sink: BinaryIO, table: pa.Table) -> None:
    names = table.column_names
    rows = zip(*map(_list_values, table.columns), strict=True)
    lines = (json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) for row in rows)
    sink.write("".join(f"{line}\n" for line in lines).encode("utf-8"))


def _list_values(column: pa.ChunkedArray) -> list[Any]:
    """Plain values; NumPy writes a float32's own digits, 0.1, Python 0.10000000149011612."""
    import pyarrow as pa

    if not pa.types.is_float32(column.type):
        return list(column.to_pylist())
    return [float(str(value)) for value in column.to_numpy()]
