"""Raw rows to answers: a file in little memory whatever its length, or rows on hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerasrecipes.data.dataset import count_rows
from kerasrecipes.errors import DataError, InputError
from kerasrecipes.prediction.answers import Answers, check_output, open_answers
from kerasrecipes.prediction.rows import fit_shape, iterate_rows, name_columns, read_frame_table
from kerasrecipes.prediction.saved import Saved

if TYPE_CHECKING:
    import pandas as pd

OnRows = Callable[[int], None]


def predict_file(
    saved: Saved,
    data: str,
    output: Path | None,
    ids: Sequence[str] = (),
    on_rows: OnRows = lambda n_rows: None,
) -> int:
    """Answer every row of a file, in its order.

    Args:
        saved: The model.
        data: A table's file, images, or arrays; "-" is standard input, CSV or JSON lines.
        output: A .csv, .parquet or .jsonl file, there once it is whole; None prints CSV.
        ids: Columns of the file that are handed on in front of the answers.
        on_rows: Told how many rows were answered, now and then.

    Returns:
        The number of rows.

    Raises:
        DataError: The file lacks columns, or holds what the model cannot take.
        InputError: The output cannot be written, or an id is called as an answer is.
    """
    check_output(output, data)
    saved.unseen.clear()
    n_rows = 0
    with open_answers(output) as write:
        for answers, n_more in _answer_file(saved, data, ids):
            write(answers)
            n_rows += n_more
            on_rows(n_rows)
    return n_rows


def predict_frame(saved: Saved, data: object) -> pd.DataFrame:
    """Answer the rows of a DataFrame, an array or a file, as a DataFrame with the same index.

    Raises:
        DataError: As ``predict_file``.
        InputError: ``data`` is something else.
    """
    import pandas as pd

    saved.unseen.clear()
    if isinstance(data, str):
        chunks = [pd.DataFrame(answers) for answers, _ in _answer_file(saved, data)]
        return pd.concat(chunks, ignore_index=True)
    if isinstance(data, pd.DataFrame):
        inputs = saved.read_table(read_frame_table(saved, data), "DataFrame")
        return pd.DataFrame(saved.predict(inputs), index=data.index)
    if not isinstance(data, np.ndarray):
        kind = type(data).__name__
        hint = " For one row, write data.to_frame().T." if isinstance(data, pd.Series) else ""
        raise InputError(f"predict takes a DataFrame, an array or a file (received: {kind}).{hint}")
    if saved.is_table:
        return pd.DataFrame(saved.predict(saved.read_table(name_columns(saved, data), "array")))
    return pd.DataFrame(saved.predict(fit_shape(saved, data, "array")))


def _answer_file(saved: Saved, data: str, ids: Sequence[str] = ()) -> Iterator[tuple[Answers, int]]:
    for handed_on, inputs in iterate_rows(saved, data, ids):
        answers = saved.predict(inputs)
        if clashing := [name for name in handed_on if name in answers]:
            problem = (
                f"--id: '{clashing[0]}' is what a column of the answers is called. Rename it in "
                "the file, or leave it out."
            )
            raise DataError(Path(data).name, [problem])
        yield handed_on | answers, count_rows(inputs)
