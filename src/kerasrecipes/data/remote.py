"""Tables that scikit-learn carries, or downloads: its own data sets, and those of openml.org."""

from __future__ import annotations

import contextlib
import socket
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from kerasrecipes.data.keras_cache import STALL_TIMEOUT_S, Say, say_nothing
from kerasrecipes.errors import DataError, DataUnavailable
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.recipe.suggest import suggest

if TYPE_CHECKING:
    import pyarrow as pa

EMBEDDED = ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine")
STAND_INS = {"california_housing": "diabetes", "covtype": "wine", "kddcup99": "breast_cancer"}
"""The data sets that scikit-learn downloads, and an embedded one like each."""


def load_openml(spec: DatasetSpec, say: Say = say_nothing) -> tuple[pa.Table, str | None]:
    """Load a data set of openml.org through scikit-learn, which keeps it in its cache.

    Args:
        spec: The recipe's ``dataset``; ``openml`` is a name, "name:version" or a number.
        say: Told what scikit-learn warns of, such as several versions of one name.

    Returns:
        Every column, and the name of the target; None where the data set has not just one.

    Raises:
        DataUnavailable: It could not be downloaded.
        DataError: There is no such data set, or it is no table.
    """
    from sklearn.datasets import fetch_openml

    asked = spec.openml
    name = str(asked)
    arguments: dict[str, Any] = {"name": name}
    title, colon, version = name.rpartition(":")
    if isinstance(asked, int):
        arguments = {"data_id": asked}
    elif colon and version.isdecimal():
        arguments = {"name": title, "version": int(version)}
    fetch = partial(fetch_openml, **arguments, as_frame=True, parser="auto")
    remedies = ["download it as a file where there is a network, and write path in place of openml"]
    try:
        bunch = _fetch(name, fetch, "download from openml.org", remedies, say)
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
    remedies = [
        "train now, with no network, by adding dataset.sklearn="
        f"{STAND_INS[name]} to the command: the same layer stack trains, because input shapes "
        "come from the data"
    ]
    return _make_table(_fetch(name, fetch, "download through scikit-learn", remedies, say))


def _fetch(name: str, fetch: Callable[[], Any], way: str, remedies: Sequence[str], say: Say) -> Any:
    from sklearn.datasets import get_data_home

    home = get_data_home()
    try:
        with _stall_timeout(), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            bunch = fetch()
    except (OSError, HTTPException) as error:
        raise DataUnavailable(
            name,
            [(f"scikit-learn's cache {home}, then {way}", str(error))],
            [f"copy {home} from a machine that has it (SCIKIT_LEARN_DATA moves it)", *remedies],
        ) from error
    for warning in caught:
        say(f"{name}: {str(warning.message).strip()}")
    return bunch


def _make_table(bunch: Any) -> tuple[pa.Table, str | None]:
    import pyarrow as pa

    frame = bunch.frame
    targets = (
        bunch.target.to_frame()
        if bunch.target is not None and bunch.target.ndim == 1
        else bunch.target
    )
    names = [] if targets is None else [str(name) for name in targets.columns]
    class_names = bunch.get("target_names")
    # For tables of numbers, scikit-learn's target_names are names of columns.
    if class_names is not None and len(names) == 1 and names[0] not in list(class_names):
        texts = [str(class_name) for class_name in class_names]
        frame = frame.assign(**{names[0]: [texts[code] for code in bunch.target]})
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for i, field in enumerate(table.schema):
        if pa.types.is_binary(field.type):
            table = table.set_column(i, field.name, table.column(i).cast(pa.string()))
    return table, names[0] if len(names) == 1 else None


@contextlib.contextmanager
def _stall_timeout() -> Iterator[None]:
    """Give up on a silent server: scikit-learn's loaders take no timeout."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_TIMEOUT_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
