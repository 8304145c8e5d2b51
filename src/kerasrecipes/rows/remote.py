"""Tables that scikit-learn carries, or downloads: its own data sets, and those of openml.org."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.names import suggest
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.downloads import downloading, name_stand_in

if TYPE_CHECKING:
    import pyarrow as pa

EMBEDDED = ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine")
STAND_INS = {"california_housing": "diabetes", "covtype": "wine"}
"""The data sets that scikit-learn downloads, and an embedded one like each."""


def load_openml(spec: DatasetSpec) -> tuple[pa.Table, str | None]:
    """Load a data set of openml.org through scikit-learn, which keeps it in its cache.

    Args:
        spec: The recipe's ``dataset``; ``openml`` is a name or a number.

    Returns:
        Every column, and the name of the target; None where the data set has not just one.

    Raises:
        DataUnavailable: It could not be downloaded.
        DataError: There is no such data set, or it is no table.
    """
    from sklearn.datasets import fetch_openml

    name = str(spec.openml)
    key = "data_id" if isinstance(spec.openml, int) else "name"
    fetch = partial(fetch_openml, **{key: spec.openml}, as_frame=True, parser="auto")
    remedy = "on a machine with network, download it as a file; then give path instead of openml"
    try:
        return _fetch(name, fetch, "openml.org", remedy)
    except (ValueError, KeyError, ImportError) as error:
        problem = f"openml: {str(error).strip(chr(39)).rstrip('.')}. See https://www.openml.org."
        raise DataError(name, [problem]) from error


def load_sklearn(spec: DatasetSpec) -> tuple[pa.Table, str | None]:
    """Load a data set of scikit-learn's, by its loader's name without "load_" or "fetch_".

    Returns:
        Every column, classes by their names; and the target, as in ``load_openml``.

    Raises:
        DataUnavailable: It could not be downloaded.
        DataError: There is no such data set.
    """
    from sklearn import datasets

    name = str(spec.sklearn)
    if name in EMBEDDED:
        return _make_table(getattr(datasets, f"load_{name}")(as_frame=True))
    if name not in STAND_INS:
        meant = name.removeprefix("load_").removeprefix("fetch_")
        problem = (
            f"sklearn: scikit-learn has no table of that name (received: '{name}'). "
            f"{suggest(meant, (*EMBEDDED, *STAND_INS))}"
        )
        raise DataError(name, [problem])
    fetch = partial(getattr(datasets, f"fetch_{name}"), as_frame=True)
    remedy = name_stand_in(f"dataset.sklearn={STAND_INS[name]}")
    return _fetch(name, fetch, "scikit-learn's source", remedy)


def _fetch(
    name: str, fetch: Callable[[], Any], source: str, remedy: str
) -> tuple[pa.Table, str | None]:
    from sklearn.datasets import get_data_home

    home = get_data_home()
    copy = f"copy {home} from a machine that has it (SCIKIT_LEARN_DATA moves it)"
    tried = f"scikit-learn's cache {home}, then {source}"
    with downloading(name, tried, [copy, remedy], OSError, HTTPException):
        bunch = fetch()
    return _make_table(bunch)


def _make_table(bunch: Any) -> tuple[pa.Table, str | None]:
    import pyarrow as pa

    frame, target, class_names = bunch.frame, bunch.target, bunch.get("target_names")
    name = str(target.name) if target is not None and target.ndim == 1 else None
    # For tables of numbers, scikit-learn's target_names are names of columns.
    if name and class_names is not None and name not in list(class_names):
        frame = frame.assign(**{name: [str(class_names[code]) for code in target]})
    return pa.Table.from_pandas(frame, preserve_index=False), name
