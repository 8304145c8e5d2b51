"""Tables that scikit-learn carries, or downloads: its own data sets, and those of openml.org."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.recipe.suggest import suggest
from kerasrecipes.rows.downloads import Say, downloading, name_stand_in, say_nothing

if TYPE_CHECKING:
    import pyarrow as pa

EMBEDDED = ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine")
STAND_INS = {"california_housing": "diabetes", "covtype": "wine", "kddcup99": "breast_cancer"}
"""The data sets that scikit-learn downloads, and an embedded one like each."""


def load_openml(spec: DatasetSpec, say: Say = say_nothing) -> tuple[pa.Table, str | None]:
    """Load a data set of openml.org through scikit-learn, which keeps it in its cache.

    Args:
        spec: The recipe's ``dataset``; ``openml`` is a name, "name:version" or a number.
        say: Receives scikit-learn's warnings, such as several versions of one name.

    Returns:
        Every column, and the name of the target; None where the data set has not just one.

    Raises:
        DataUnavailable: It could not be downloaded.
        DataError: There is no such data set, or it is no table.
    """
    from sklearn.datasets import fetch_openml

    openml = spec.openml
    name = str(openml)
    arguments: dict[str, Any] = {"name": name}
    title, colon, version = name.rpartition(":")
    if isinstance(openml, int):
        arguments = {"data_id": openml}
    elif colon and version.isdecimal():
        arguments = {"name": title, "version": int(version)}
    fetch = partial(fetch_openml, **arguments, as_frame=True, parser="auto")
    remedy = "on a machine with network, download it as a file; then give path instead of openml"
    try:
        bunch = _fetch(name, fetch, "download from openml.org", remedy, say)
    except (ValueError, KeyError, ImportError) as error:
        problem = f"openml: {str(error).strip(chr(39)).rstrip('.')}. See https://www.openml.org."
        raise DataError(name, [problem]) from error
    return _make_table(bunch)


def load_sklearn(spec: DatasetSpec, say: Say = say_nothing) -> tuple[pa.Table, str | None]:
    """Load a data set of scikit-learn's, by its loader's name without "load_" or "fetch_".

    Returns:
        Every column, classes by their names; and the target, as in ``load_openml``.

    Raises:
        DataUnavailable: It could not be downloaded.
        DataError: There is no such data set.
    """
    from sklearn import datasets

    name = str(spec.sklearn)
    names = (*EMBEDDED, *STAND_INS)
    if name in EMBEDDED:
        return _make_table(getattr(datasets, f"load_{name}")(as_frame=True))
    if name not in STAND_INS:
        problem = (
            f"sklearn: scikit-learn has no table of that name (received: '{name}'). "
            f"{suggest(name.removeprefix('load_').removeprefix('fetch_'), names)}"
        )
        raise DataError(name, [problem])
    fetch = partial(getattr(datasets, f"fetch_{name}"), as_frame=True)
    remedy = name_stand_in(f"dataset.sklearn={STAND_INS[name]}")
    return _make_table(_fetch(name, fetch, "download through scikit-learn", remedy, say))


def _fetch(name: str, fetch: Callable[[], Any], way: str, remedy: str, say: Say) -> Any:
    from sklearn.datasets import get_data_home

    home = get_data_home()
    source = f"scikit-learn's cache {home}, then {way}"
    copy = f"copy {home} from a machine that has it (SCIKIT_LEARN_DATA moves it)"
    with (
        downloading(name, source, [copy, remedy], OSError, HTTPException),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        bunch = fetch()
    for warning in caught:
        say(f"{name}: {str(warning.message).strip()}")
    return bunch


def _make_table(bunch: Any) -> tuple[pa.Table, str | None]:
    import pyarrow as pa

    frame, target, class_names = bunch.frame, bunch.target, bunch.get("target_names")
    name = str(target.name) if target is not None and target.ndim == 1 else None
    # For tables of numbers, scikit-learn's target_names are names of columns.
    if name and class_names is not None and name not in list(class_names):
        frame = frame.assign(**{name: [str(class_names[code]) for code in target]})
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for i, field in enumerate(table.schema):
        if pa.types.is_binary(field.type):
            table = table.set_column(i, field.name, table.column(i).cast(pa.string()))
    return table, name
