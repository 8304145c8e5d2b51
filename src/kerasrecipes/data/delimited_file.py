"""A delimited file, read with types or as text, and what is wrong with its lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from kerasrecipes.data.encoding import Utf8Reader, find_encoding
from kerasrecipes.data.layout import SAMPLE_BYTES, find_layout
from kerasrecipes.data.missing import list_tokens, mark_texts
from kerasrecipes.data.text_types import parse_texts, widen_type
from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec

if TYPE_CHECKING:
    import pyarrow as pa

Types = Mapping[str, "pa.DataType"]
"""By column name as it stands in the file."""

_BLOCK_BYTES = 2 << 20
_LINES_SHOWN = 5
_NAMES_SHOWN = 5


class DelimitedFile:
    """A delimited file, or a stream that can be read once.

    Args:
        source: A path, or an open binary file.
        spec: The recipe's ``dataset``.
        dataset: The data set's name, for messages.
        wanted: The columns that will be read; None means all.

    Raises:
        DataError: The file is empty, is not text, or does not open with column names.
    """

    def __init__(
        self,
        source: Path | BinaryIO,
        spec: DatasetSpec,
        dataset: str,
        wanted: Collection[str] | None = None,
    ) -> None:
        self._source, self._spec, self._dataset = source, spec, dataset
        head = self._read_head()
        self._encoding = find_encoding(head, spec.csv.encoding, dataset)
        is_whole = len(head) < SAMPLE_BYTES
        text = io.BufferedReader(self._decode(io.BytesIO(head), is_whole=is_whole)).read().decode()
        # The last line may be cut.
        end = len(text) if is_whole else max(text.rfind("\n"), text.rfind("\r")) + 1
        self._sample = text[:end] or text
        target = [spec.target] if isinstance(spec.target, str) else spec.target
        self._layout = find_layout(self._sample, spec.csv, dataset, wanted, target or ())
        self.decimal = self._layout.decimal
        self._has_one_column = len(self._layout.names) == 1
        self.names = dict(zip(self._layout.raw_names, self._layout.names, strict=True))

    @property
    def is_rereadable(self) -> bool:
        """Whether the file can be read from its start again."""
        return isinstance(self._source, Path)

    def check_rows(self, n_rows: int) -> None:
        """Raise DataError if there are no rows."""
        if not n_rows:
            names = ", ".join([*self.names.values()][:_NAMES_SHOWN])
            more = ", …" if len(self.names) > _NAMES_SHOWN else ""
            problem = f"the file has column names ({names}{more}) and no rows. Add rows."
            raise DataError(self._dataset, [problem])

    def check_quotes(self) -> None:
        """Raise DataError if a quotation mark is never closed: all that follows is one value."""
        start = 1
        with io.TextIOWrapper(self._open_checked(), encoding="utf-8", newline="") as text:
            reader = csv.reader(text, delimiter=self._layout.delimiter, strict=True)
            try:
                for _ in reader:
                    start = reader.line_num + 1
            except csv.Error as error:
                if "unexpected end" not in str(error):
                    return
                problem = (
                    f"a quotation mark that is opened in line {start} is never closed. Close it, "
                    "or remove it."
                )
                raise DataError(self._dataset, [problem]) from None

    def infer_sample_types(self) -> dict[str, pa.DataType]:
        """Infer column types from the file's start."""
        from pyarrow import csv as arrow_csv

        head = self._sample.encode()
        table = arrow_csv.read_csv(
            io.BytesIO(head),
            parse_options=self._write_parse_options(lambda row: "skip"),
            convert_options=self._write_convert_options({}),
            read_options=self._write_read_options(len(head) + 1, use_threads=False),
        )
        return dict(zip(table.column_names, table.schema.types, strict=True))

    def read_typed(self, types: Types) -> pa.Table:
        """Read the whole file; ArrowInvalid where a value is not of its column's type."""
        from pyarrow import csv as arrow_csv

        options = self._write_parse_options()
        with self._open() as file:
            # Where pyarrow must look for them, it takes a third more time and memory.
            options.newlines_in_values = _has_quoted_newlines(file)
        with self._open() as file:
            return arrow_csv.read_csv(
                file,
                parse_options=options,
                convert_options=self._write_convert_options(types),
                read_options=self._write_read_options(),
            )

    def read_twice(self, types: Types) -> pa.Table:
        """Read the whole file; types that are not given are found in a first pass.

        Raises:
            DataError: As ``iterate_texts``.
        """
        import pyarrow as pa

        found = dict.fromkeys(self.names, pa.null()) | dict(types)
        tokens = list_tokens(self._spec)
        for batch in self.iterate_texts([*found]):
            for name, texts in zip(found, batch.columns, strict=True):
                if not pa.types.is_string(found[name]):
                    texts = mark_texts(texts, tokens)
                    found[name] = widen_type(texts, found[name], self.decimal)
        try:
            return self.read_typed(found)
        except pa.ArrowInvalid:  # There is white space that pyarrow leaves on.
            return self._parse_texts(pa.schema(found))

    def _parse_texts(self, schema: pa.Schema) -> pa.Table:
        import pyarrow as pa

        tokens = list_tokens(self._spec)
        batches = []
        for batch in self.iterate_texts(schema.names):
            columns = [
                texts
                if pa.types.is_string(kind)
                else parse_texts(mark_texts(texts, tokens), kind, self.decimal)
                for texts, kind in zip(batch.columns, schema.types, strict=True)
            ]
            batches.append(pa.record_batch(columns, schema=schema))
        return pa.Table.from_batches(batches, schema=schema)

    def iterate_typed(self, types: Types) -> Iterator[pa.RecordBatch]:
        """Read these columns block by block; ArrowInvalid as in ``read_typed``."""
        from pyarrow import csv as arrow_csv

        with self._open() as file:
            yield from arrow_csv.open_csv(
                file,
                parse_options=self._write_parse_options(),
                convert_options=self._write_convert_options(types, only=True),
                read_options=self._write_read_options(),
            )

    def iterate_texts(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read these columns as text, block by block.

        Raises:
            DataError: A byte is not of the encoding, or lines have too many or too few values.
        """
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        ragged: list[Any] = []

        def note_row(row: Any) -> str:
            ragged.append(row)
            return "skip"

        types = dict.fromkeys(names, pa.string())
        try:
            with self._open_checked() as file:
                for batch in arrow_csv.open_csv(
                    file,
                    parse_options=self._write_parse_options(note_row),
                    convert_options=self._write_convert_options(types, only=True),
                    # Rows have numbers only where a single thread reads them.
                    read_options=self._write_read_options(use_threads=False),
                ):
                    if ragged:
                        break
                    yield batch
        except pa.ArrowInvalid as error:
            problems = [*self._explain_lines()] or [f"the file cannot be read: {error}."]
            raise DataError(self._dataset, problems) from error
        if ragged:
            # The header is pyarrow's row 1.
            rows = [(f"row {row.number - 2}", row.actual_columns) for row in ragged]
            problems = [*self._explain_lines()] or [self._describe_ragged(rows)]
            raise DataError(self._dataset, problems)

    def _read_head(self) -> bytes:
        """The first bytes, which a stream will give once more."""
        if isinstance(self._source, Path):
            with self._open_raw() as file:
                return bytes(file.read(SAMPLE_BYTES))
        head = self._source.read(SAMPLE_BYTES)
        self._source = io.BufferedReader(_Rejoined(head, self._source))
        return head

    def _open_raw(self) -> Any:
        import pyarrow as pa

        if isinstance(self._source, Path):
            return pa.input_stream(str(self._source), compression="detect")
        return self._source

    def _open(self) -> Any:
        return self._open_raw() if self._encoding == "utf-8" else self._open_checked()

    def _open_checked(self) -> io.BufferedReader:
        return io.BufferedReader(self._decode(self._open_raw()))

    def _decode(self, file: Any, *, is_whole: bool = True) -> Utf8Reader:
        told = self._spec.csv.encoding is not None
        return Utf8Reader(file, self._encoding, told=told, dataset=self._dataset, is_whole=is_whole)

    def _write_read_options(
        self, block_size: int = _BLOCK_BYTES, *, use_threads: bool = True
    ) -> Any:
        from pyarrow import csv as arrow_csv

        n_before = len(self._sample) - len(self._sample.lstrip("\r\n"))
        n_empty = len(self._sample[:n_before].splitlines()) if self._has_one_column else 0
        return arrow_csv.ReadOptions(
            block_size=block_size, use_threads=use_threads, skip_rows=n_empty
        )

    def _write_parse_options(self, handle_row: Callable[[Any], str] | None = None) -> Any:
        from pyarrow import csv as arrow_csv

        return arrow_csv.ParseOptions(
            delimiter=self._layout.delimiter,
            newlines_in_values=True,
            # In a file of one column, it is how a row without a value is written.
            ignore_empty_lines=not self._has_one_column,
            invalid_row_handler=handle_row,
        )

    def _write_convert_options(self, types: Types, *, only: bool = False) -> Any:
        from pyarrow import csv as arrow_csv

        tokens = list_tokens(self._spec)
        # pyarrow takes white space off numbers, but not off what stands for a missing one.
        padded = [form for token in tokens for form in (f" {token}", f"{token} ")]
        return arrow_csv.ConvertOptions(
            column_types=dict(types),
            include_columns=[*types] if only else None,
            null_values=[*tokens, *padded],
            decimal_point=self.decimal,
        )

    def _explain_lines(self) -> Iterator[str]:
        """Find the lines at fault; Python's reader is slow, but counts lines as editors do."""
        if not self.is_rereadable:
            return
        ragged: list[tuple[str, int]] = []
        start = 1
        with io.TextIOWrapper(self._open_checked(), encoding="utf-8", newline="") as text:
            reader = csv.reader(text, delimiter=self._layout.delimiter)
            try:
                for values in reader:
                    if values and len(values) != len(self._layout.names):
                        ragged.append((f"line {start}", len(values)))
                    if len(ragged) > _LINES_SHOWN:
                        break
                    start = reader.line_num + 1
            except csv.Error as error:
                yield (
                    f"line {start} cannot be read: {error}. Close the quotation mark that is "
                    "opened there."
                )
        if ragged:
            yield self._describe_ragged(ragged)

    def _describe_ragged(self, rows: Sequence[tuple[str, int]]) -> str:
        n_names = len(self._layout.names)
        shown = ", ".join(f"{place} has {n}" for place, n in rows[:_LINES_SHOWN])
        more = " and more" if len(rows) > _LINES_SHOWN else ""
        mark = "a tab" if self._layout.delimiter == "\t" else f"'{self._layout.delimiter}'"
        return (
            f"every line must have {n_names} values, one for each column name (received: {shown}"
            f"{more}). Mend these lines; a value that holds {mark} stands in quotation marks."
        )


def _has_quoted_newlines(file: BinaryIO) -> bool:
    """Whether a line ends within quotation marks, or may do so."""
    is_quoted = False
    while block := file.read(SAMPLE_BYTES):
        parts = block.split(b'"')
        quoted = b"".join(parts[not is_quoted :: 2])
        if b"\n" in quoted or b"\r" in quoted:
            return True
        is_quoted ^= len(parts) % 2 == 0
    return False


class _Rejoined(io.RawIOBase):
    """A stream of which the head has been read already."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._head[: len(buffer)] or self._rest.read(len(buffer))
        self._head = self._head[len(data) :]
        buffer[: len(data)] = data
        return len(data)
