"""Predicts raw rows: a file of any length in little memory, or rows in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import DataError
from kerasrecipes.prediction.answers import Answers, check_output, open_answers
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
    interval: float | None = None,
) -> int:
    """Predict every row of a file, in its order.

    Args:
        saved: The model.
        data: See ``rows.open_rows``.
        output: A .csv, .parquet, .jsonl or .npz file, which appears once it is complete; None
            prints CSV.
        ids: Columns of the file to copy in front of the answers.
        on_rows: Called with the number of rows predicted so far.
        interval: See ``Saved.predict``.

    Returns:
        The number of rows.

    Raises:
        DataError: The file lacks columns, or contains values that the model does not accept.
        InputError: The output cannot be written, or an id is named as an answer is.
    """
    check_output(output, data, saved.recipe.dataset.path)
    n_rows = 0
    with open_answers(output) as write:
        for answers, rows in _answer(saved, data, ids, interval):
            write(answers)
            n_rows += len(rows)
            on_rows(n_rows)
    return n_rows


def predict_frame(
    saved: Saved, data: object, interval: float | None = None
) -> pd.DataFrame | dict[str, Any]:
    """Predict the rows of a DataFrame, an array or a file; a DataFrame's index is kept.

    Answers that are arrays stay arrays, by name.

    Raises:
        DataError: As ``predict_file``.
        InputError: ``data`` is something else.
    """
    import pandas as pd

    answered = [*_answer(saved, data, (), interval)]
    pieces = [answers for answers, _ in answered]
    if saved.codec.is_array:
        return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    chunks = [pd.DataFrame(answers) for answers in pieces]
    answers = pd.concat(chunks, ignore_index=True) if chunks else pd.DataFrame()
    if isinstance(data, pd.DataFrame):
        # A window of a series has the index of its last row.
        rows = np.concatenate([np.zeros(0, np.int64), *(rows for _, rows in answered)])
        answers.index = data.index[rows]
    return answers


def _answer(
    saved: Saved, data: Any, ids: Sequence[str], interval: float | None
) -> Iterator[tuple[Answers, NDArray[np.int64]]]:
    for piece in saved.read(data, ids):
        answers = saved.predict(piece.inputs, interval)
        if clashing := [name for name in piece.beside if name in answers]:
            problem = (
                f"--id: '{clashing[0]}' is the name of a column of the answers. Rename it in the "
                "file, or leave it out."
            )
            raise DataError(Path(str(data)).name, [problem])
        yield piece.beside | answers, piece.rows
