"""CSV files and their kin, whole or block by block.

Files are read with types that were inferred from their start. Where these do not hold, they are
read once more, as text: only then is it worth knowing which line is at fault.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from kerasrecipes.data.dataset import Kind
from kerasrecipes.data.delimited_file import DelimitedFile
from kerasrecipes.data.missing import list_tokens, mark_texts
from kerasrecipes.data.text_types import point_numbers
from kerasrecipes.recipe.schema import DatasetSpec

if TYPE_CHECKING:
    import pyarrow as pa


def read_delimited(path: Path, spec: DatasetSpec, as_text: Collection[str] = ()) -> pa.Table:
    """Read a whole file; column types are inferred from all its rows.

    pyarrow's own inference keeps the text of the whole file: 1.1 GB for a million rows of 50
    numbers, which take 0.4 GB. So types are inferred from the start, and from a pass over the file
    where they turn out wrong.

    Args:
        path: The file.
        spec: The recipe's ``dataset``.
        as_text: Columns that are not to be inferred.

    Raises:
        DataError: The file is empty, has rows of unequal length, or is not of its encoding.
    """
    import pyarrow as pa

    file = DelimitedFile(path, spec, path.name)
    types = dict(file.infer_sample_types())
    for raw, name in file.names.items():
        if name in as_text or _is_text(name, spec):
            types[raw] = pa.string()
    try:
        table = file.read_typed(types)
    except pa.ArrowInvalid:
        table = file.read_twice({name: kind for name, kind in types.items() if kind == pa.string()})
    file.check_rows(table.num_rows)
    last = table.column(table.num_columns - 1)[-1].as_py()
    if isinstance(last, str) and "\n" in last:
        file.check_quotes()
    return table.rename_columns([file.names[raw] for raw in table.column_names])


def stream_delimited(
    source: Path | BinaryIO,
    spec: DatasetSpec,
    column_kinds: Mapping[str, Kind],
    also: Sequence[str],
    dataset: str,
) -> Iterator[pa.Table]:
    """Read columns block by block: numbers as float64, whole ones as int64, all else as text.

    From the first block on whose numbers are not all ones, columns of numbers are text too, with
    decimal points; ``columns.read_columns`` reads these, or says which values are none.
    """
    import pyarrow as pa

    wanted = dict.fromkeys([*column_kinds, *also])
    file = DelimitedFile(source, spec, dataset, wanted)
    names = {raw: name for raw, name in file.names.items() if name in wanted}
    if not {*wanted} <= {*names.values()}:
        names = file.names  # for the caller to see what there is in place of the columns it wants
    # A float64 would take two large whole numbers, such as two ids, for one.
    numbers = {
        name: pa.int64() if _is_integer(name, spec) else pa.float64()
        for name, kind in column_kinds.items()
        if name not in also and (kind == "number" or _is_integer(name, spec))
    }
    types = {raw: numbers.get(name, pa.string()) for raw, name in names.items()}
    n_done = 0
    if file.is_rereadable:
        try:
            for batch in file.iterate_typed(types):
                yield pa.Table.from_batches([batch]).rename_columns([*names.values()])
                n_done += len(batch)
        except pa.ArrowInvalid:
            pass
        else:
            file.check_rows(n_done)
            return
    n_rows = 0
    for batch in file.iterate_texts([*names]):
        rest = batch[max(n_done - n_rows, 0) :]
        n_rows += len(batch)
        if len(rest):
            table = pa.Table.from_batches([rest]).rename_columns([*names.values()])
            yield _read_numbers(table, numbers, spec, file.decimal)
    file.check_rows(n_rows)


def _is_text(name: str, spec: DatasetSpec) -> bool:
    """Whether the recipe takes a column in a way in which 007 is not 7."""
    component = spec.features.get(name)
    if component is None:
        return False
    return component.name.startswith("string_") or bool(component.arguments.get("format"))


def _is_integer(name: str, spec: DatasetSpec) -> bool:
    return name in spec.features and spec.features[name].name.startswith("integer_")


def _read_numbers(
    table: pa.Table, numbers: Mapping[str, pa.DataType], spec: DatasetSpec, decimal: str
) -> pa.Table:
    import pyarrow as pa

    tokens = list_tokens(spec)
    for i, name in enumerate(table.column_names):
        if name not in numbers:
            continue
        texts = point_numbers(mark_texts(table.column(i), tokens), decimal)
        table = table.set_column(i, name, _cast(texts, (numbers[name], pa.float64())))
    return table


def _cast(texts: pa.ChunkedArray, types: Sequence[pa.DataType]) -> pa.ChunkedArray:
    """Texts as values of the first type that takes them all, or as they are."""
    import pyarrow as pa

    for kind in types:
        try:
            return texts.cast(kind)
        except pa.ArrowInvalid:
            continue
    return texts
