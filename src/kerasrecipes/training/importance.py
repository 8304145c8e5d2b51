"""How much predictions depend on the columns of a table, and on the places of an image."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.model.built import Built
from kerasrecipes.rows import Column
from kerasrecipes.rows.dataset import Part, count_rows, sample_rows, take_rows
from kerasrecipes.rows.windows import mix_rows
from kerasrecipes.training.baselines import Predict
from kerasrecipes.training.scores import find_interval, measure_errors

_REPEATS = 5
_FEWEST_ROWS = 100
_PATCHES = 12
"""Along each side of an image."""


def measure_importance(
    built: Built, predict: Predict, part: Part, answers: NDArray[Any], limit_s: float
) -> dict[str, Any]:
    """Shuffle each column between rows, and measure how much the error increases.

    Breiman 2001, doi:10.1023/A:1010933404324. A date is shuffled as a whole, and a column of a
    series window by window. Of many rows, a sample is used.

    Returns:
        For run.json: by column, the mean increase and its 95% interval over the rows; or the
        reason why nothing was measured.
    """
    if len(part) < 2:
        return {"left_out": "there is only one test row"}
    columns, some = built.encoder.columns, take_rows(part.inputs, slice(1024))
    predict(some)  # traces the graph
    started_s = time.perf_counter()
    predict(some)
    row_s = (time.perf_counter() - started_s) / count_rows(some)
    n_affordable = limit_s / row_s / len(columns)
    repeats = min(_REPEATS, int(n_affordable / min(len(part), _FEWEST_ROWS)))
    if repeats < 1:
        return {"left_out": "it would take more than a tenth of the time of the run"}
    rows = sample_rows(len(part), int(n_affordable / repeats))
    rng, repeated, found = np.random.default_rng(0), np.tile(rows, repeats), {}
    errors = measure_errors(built.codec, part.target[rows], answers[rows])
    for column in columns:
        shuffled = np.concatenate([rng.permutation(rows) for _ in range(repeats)])
        taken = {key: shuffled if key in column.inputs else repeated for key in part.inputs}
        outputs = predict(mix_rows(part.inputs, taken))
        worse = measure_errors(built.codec, part.target[repeated], outputs)
        found[column.name] = find_interval(worse.reshape(repeats, -1).mean(axis=0) - errors)
    return {"columns": found, "rows": len(rows), "of_rows": len(part), "repeats": repeats}


def rank_inputs(info: Mapping[str, Any], columns: Sequence[Column]) -> list[str]:
    """The first input of each column, the most important first, if the report draws them.

    Args:
        info: The content of run.json.
    """
    found = info.get("importance", {}).get("columns", {})
    known = [each for each in columns if each.name in found]
    known.sort(key=lambda column: -found[column.name][0])
    return [column.inputs[0] for column in known if "residuals_by_column" in info["plots"]]


def occlude(
    predict: Predict, images: NDArray[Any], answers: NDArray[Any], limit_s: float
) -> NDArray[np.float32]:
    """Measure how much a patch of mean colour lowers the probability of the predicted class.

    Zeiler and Fergus 2014, arXiv:1311.2901. A patch is a quarter of the image high and wide.

    Args:
        images: Shape (n_images, height, width, ...).
        answers: The saved model's probabilities, of shape (n_images, n_units).
        limit_s: Seconds after which no further image is begun.

    Returns:
        By the patch's place, of shape (n_done, n_patches, n_patches).
    """
    started_s, found = time.perf_counter(), []
    if answers.shape[1] == 1:
        answers = np.hstack([1 - answers, answers])
    height, width = images.shape[1:3]
    rows, columns = (np.arange(size) / size for size in (height, width))
    centres = (np.arange(_PATCHES) + 0.5) / _PATCHES
    down, right = (abs(each - centres[:, None]) <= 1 / 8 for each in (rows, columns))
    is_hidden = (down[:, None, :, None] & right[None, :, None, :]).reshape(-1, height, width)
    for image, chances in zip(images, answers, strict=True):
        hidden = np.repeat(image[None], len(is_hidden), axis=0)
        hidden[is_hidden] = images.mean(axis=(0, 1, 2))
        outputs = predict(hidden)
        place = int(chances.argmax())
        left = outputs[:, place] if outputs.shape[1] > 1 else abs(1 - place - outputs[:, 0])
        found.append(chances[place] - left)
        if time.perf_counter() - started_s > limit_s:
            break
    return np.array(found, np.float32).reshape(-1, _PATCHES, _PATCHES)
