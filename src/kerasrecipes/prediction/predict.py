"""Predicts raw rows: a file of any length in little memory, or rows in memory."""

from __future__ import annotations

import csv
import io
import os
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv
from pyarrow.parquet import ParquetWriter

from kerasrecipes.durable import replacing
from kerasrecipes.errors import DataError, InputError
from kerasrecipes.recipe.names import make_lines_printable
from kerasrecipes.rows.files import expand

if TYPE_CHECKING:
    import pandas as pd

    from kerasrecipes.prediction.saved import Saved

SUFFIXES = (".csv", ".parquet", ".jsonl", ".npz")

Answers = Mapping[str, Any]
"""Columns of equal length by name: NumPy arrays or Arrow's; an answer may be an array itself."""


def predict_file(
    saved: Saved,
    data: str,
    output: Path | None,
    ids: Sequence[str] = (),
    on_rows: Callable[[int], None] = lambda n_rows: None,
    interval: float | None = None,
) -> None:
    """Predict every row of a file, in its order; ``data`` is as for ``rows.open_rows``.

    The output appears once it is complete; None prints CSV. Columns ``ids`` are copied in front of
    the answers, and ``on_rows`` receives the number of rows so far.
    """
    check_output(output, data, saved.recipe.dataset.path)

    def answer() -> Iterator[Answers]:
        n_rows = 0
        for piece in saved.read(data, ids):
            answers = saved.predict(piece.inputs, interval)
            for name in piece.beside.keys() & answers.keys():
                problem = f"--id: '{name}' is the name of a column of the predictions."
                remedy = "Rename it in the file, or leave it out."
                raise DataError(Path(data).name, [f"{problem} {remedy}"])
            yield piece.beside | answers
            n_rows += len(piece.rows)
            on_rows(n_rows)

    suffix, answered = output.suffix.lower() if output else ".csv", answer()
    # The first piece is read before the output exists: a pattern such as *.csv may match it.
    first = next(answered)
    pieces = chain([first], answered)
    if saved.codec.is_array and suffix != ".npz":
        shape = first["predicted"].shape[1:]
        rule = f"The prediction of a row is an array of shape {shape}, which a table cannot"
        raise InputError(f"{rule} contain. Write it to an .npz file: -o predictions.npz.")
    tables = (pa.table(dict(piece)) for piece in pieces)
    if output is None:
        for i, table in enumerate(tables):  # a terminal may show them
            text = make_lines_printable(_write_csv(table, with_header=i == 0).decode())
            sys.stdout.buffer.write(text.encode())
        sys.stdout.flush()
        return
    with replacing(output) as partial, partial.open("wb") as sink:
        if suffix == ".npz":
            _write_arrays(sink, [*pieces])
        elif suffix == ".parquet":
            with ParquetWriter(sink, pa.table(dict(first)).schema) as writer:
                for table in tables:
                    writer.write_table(table)
        elif suffix == ".csv":
            for i, table in enumerate(tables):
                sink.write(_write_csv(table, with_header=i == 0))
        else:
            for frame in (table.to_pandas() for table in tables):
                text = frame.to_json(orient="records", lines=True, force_ascii=False)
                sink.write(text.encode())


def predict_frame(
    saved: Saved, data: object, interval: float | None = None
) -> pd.DataFrame | dict[str, Any]:
    """Predict the rows of a DataFrame, whose index is kept, an array or a file.

    Answers that are arrays stay arrays, by name.
    """
    import pandas as pd

    if data is None:  # otherwise the recipe's own rows
        raise InputError("Rows are needed (received: None). Some methods of pandas return None.")
    read, rows = list[Answers](), list[NDArray[np.int64]]()
    for piece in saved.read(data):
        read.append(piece.beside | saved.predict(piece.inputs, interval))
        rows.append(piece.rows)
    if saved.codec.is_array:
        return {name: np.concatenate([each[name] for each in read]) for name in read[0]}
    answers = pd.concat([pd.DataFrame(each) for each in read], ignore_index=True)
    if isinstance(data, pd.DataFrame):  # a window of a series has the index of its last row
        answers.index = data.index[np.concatenate(rows)]
    return answers


def check_output(output: Path | None, data: str, trained_on: str | None = None) -> None:
    """Raise InputError unless predictions can be written, and overwrite no rows that are read."""
    if output is None:
        return
    if output.suffix.lower() not in SUFFIXES:
        rule = f"Predictions are written to {', '.join(SUFFIXES)} files (received: {output})."
        raise InputError(f"{rule} Give the file one of these endings.")
    if not output.parent.is_dir():
        raise InputError(f"There is no folder {output.parent} to write {output.name} to. Make it.")
    held = {"the rows to predict": data, "rows that the run was trained on": trained_on}
    for what, path in held.items():
        file = Path(os.path.expanduser(path or "")).absolute()
        files = [each for each in expand(str(file)) if os.path.isfile(each)]
        if output.is_dir() or (output.exists() and any(map(output.samefile, files))):
            what = "other files" if output.is_dir() else what
            raise InputError(f"{output} contains {what}. Write the predictions to another file.")


def _write_arrays(sink: BinaryIO, pieces: Sequence[Answers]) -> None:
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in pieces[0]:
            columns = [piece[name] for piece in pieces]
            if hasattr(columns[0], "to_pylist"):  # of a table
                columns = [np.asarray(column.to_pylist(), str) for column in columns]
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.concatenate(columns), allow_pickle=False)


def _write_csv(table: pa.Table, *, with_header: bool) -> bytes:
    """Write rows; Arrow's own writer would put every text in quotation marks."""
    header = io.StringIO()
    if with_header:
        csv.writer(header, lineterminator="\n").writerow(table.column_names)
    for i, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True)):
        if pa.types.is_boolean(column.type):  # as class names are written; Arrow writes "true"
            table = table.set_column(i, name, pc.if_else(column, "True", "False"))
    options = arrow_csv.WriteOptions(include_header=False, batch_size=16_384, quoting_style="none")
    rows = io.BytesIO()
    try:
        arrow_csv.write_csv(table, rows, options)
    except pa.ArrowInvalid:  # texts with commas; "needed" puts each text in quotation marks
        options.quoting_style, rows = "needed", io.BytesIO()
        arrow_csv.write_csv(table, rows, options)
    return header.getvalue().encode() + rows.getvalue()
