"""Delimited text such as CSV, whole or block by block: numbers with their type, all else as text.

Column types are inferred from the file's start. Where these do not hold, the file is read once
more, as text: only then is it worth knowing which line is at fault.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.cells import Missing, Notation
from kerasrecipes.rows.files.base import TableFile
from kerasrecipes.rows.files.encoding import ChunkReader, Utf8Reader, find_encoding
from kerasrecipes.rows.files.layout import SAMPLE_BYTES, WHITESPACE, find_layout
from kerasrecipes.rows.files.raw import explain_damage, open_decompressed
from kerasrecipes.rows.kinds.number import are_grouped
from kerasrecipes.rows.words import SHOWN, count, list_some

Types = Mapping[str, "pa.DataType"]
"""By column key: the column's place, as text, since names may be blank or come twice."""

_BLOCK_BYTES = 2 << 20
_COMMA_NUMBER = r"^([+-]?[0-9]*),([0-9]+(?:[eE][+-]?[0-9]+)?)$"
_MOST_JUDGED = 2_000
_CODE = r"^\s*[+-]?0[0-9xX]"
"""A text that a parser would take for a whole number, and that is none: 007, 0x1F."""


class DelimitedFile(TableFile):
    """A delimited file, or a stream that can be read once.

    Args:
        source: A path, or an open binary file.
        spec: The recipe's ``dataset``.
        name: For messages.
        wanted: The columns that will be read; None means all.

    Raises:
        DataError: The file is empty, is not text, or does not open with column names.
    """

    def __init__(
        self,
        source: Path | BinaryIO,
        spec: DatasetSpec,
        name: str,
        wanted: Collection[str] | None = None,
    ) -> None:
        self._source: Path | bytes | BinaryIO = source
        self._spec, self.name = spec, name
        head = self._read_head()
        self._encoding = find_encoding(head, spec.csv.encoding, name)
        is_whole = len(head) < SAMPLE_BYTES
        text = io.BufferedReader(self._decode(io.BytesIO(head), is_whole=is_whole)).read().decode()
        # The last line may be cut.
        end = len(text) if is_whole else max(text.rfind("\n"), text.rfind("\r")) + 1
        sample = text[:end] or text
        if spec.csv.comment is not None:
            comments = _LineFilter("", spec.csv.comment, has_spaces=False)
            lines = [comments.apply(line) for line in sample.encode().splitlines(keepends=True)]
            sample = b"".join(lines).decode()
        self._sample = sample
        targets = [spec.target] if isinstance(spec.target, str) else spec.target or []
        known = {*targets, *spec.features, *spec.drop}
        self._layout = find_layout(self._sample, spec.csv, name, wanted, known)
        self.names = list(self._layout.names)
        self.notes = [self._layout.note] if self._layout.note else []
        delimiter, has_spaces = self._layout.delimiter, self._layout.has_spaces
        is_filtered = delimiter == WHITESPACE or has_spaces or spec.csv.comment is not None
        self._filter = (
            _LineFilter(delimiter, spec.csv.comment, has_spaces=has_spaces) if is_filtered else None
        )
        missing = Missing.read(spec)
        self._tokens = sorted(missing.texts | missing.kept_words)
        self._first_line: int | None = None if is_filtered else self._layout.n_lines_above + 1
        self._facts: _LineFacts | None = None
        self._repeated: list[int] = []
        """The rows, counted from 0, that repeat the column names and are not reported yet."""
        self._is_shifted = False
        decimal, thousands = self._layout.decimal, spec.csv.thousands
        self._notation = Notation(missing, decimal, thousands, None, has_types=False)

    @property
    def notation(self) -> Notation:  # type: ignore[override]
        """How values are written; lines are known where each row has one, and none is left out."""
        first_line = None if self._is_shifted else self._find_first_line()
        return replace(self._notation, first_line=first_line)

    def read(self, as_text: Collection[str] = ()) -> pa.Table:
        """Read every row; a column whose values are not all numbers is text.

        pyarrow's own inference keeps the text of the whole file: 1.1 GB for a million rows of 50
        numbers, which take 0.4 GB. So types are inferred from the start, and from a pass over the
        file where they turn out wrong.
        """
        with explain_damage(self.name):
            if not isinstance(self._source, Path | bytes):
                self._source = self._source.read()  # It is read more than once.
            keys = [*map(str, range(len(self.names)))]
            told = {key for key, name in zip(keys, self.names, strict=True) if name in as_text}
            types = _keep_words_once(self._infer() | dict.fromkeys(told, pa.string()))
            self._facts = facts = self._scan(pa.int64() in types.values())
            try:
                if facts.has_codes:
                    raise pa.ArrowInvalid("codes such as 007 among numbers")
                table = self._leave_out_names(self._read_typed(types))
            except pa.ArrowInvalid:
                table = self._read_twice(told)
        self._note_repeated()
        self._check_rows(table.num_rows)
        self._check_quotes()
        return table.rename_columns(self.names)

    def iterate(
        self, wanted: Sequence[str], numbers: Collection[str], n_rows: int
    ) -> Iterator[pa.Table]:
        """Read columns block by block: numbers as float64, all else as text.

        From the first block on whose numbers are not all ones, numbers are text too.
        """
        names = {str(i): name for i, name in enumerate(self.names) if name in wanted}
        if not {*wanted} <= {*names.values()}:
            names = {str(i): name for i, name in enumerate(self.names)}
        types = {k: pa.float64() if name in numbers else pa.string() for k, name in names.items()}
        # A text may be its column's name; in all columns at once, the names are repeated.
        named = {name for name in names.values() if not name.startswith("Unnamed: ")}
        others = [] if {*numbers} & named else [*map(str, range(len(self.names)))]
        types |= {key: pa.string() for key in others if key not in types}

        def finish(batch: pa.RecordBatch) -> pa.Table:
            self._note_repeated()
            table = pa.Table.from_batches([batch]).select([*names])
            return table.rename_columns([*names.values()])

        n_done = 0
        with explain_damage(self.name):
            if isinstance(self._source, Path):
                self._facts = self._scan(False)
                try:
                    for batch in self._iterate_typed(types):
                        yield finish(batch)
                        n_done += len(batch)
                except pa.ArrowInvalid:
                    pass
                else:
                    self._check_rows(n_done)
                    self._check_quotes()
                    return
            n_read = 0
            for batch in self._iterate_texts([*types]):
                rest = batch[max(n_done - n_read, 0) :]
                n_read += len(batch)
                if len(rest):
                    yield finish(rest)
            self._check_rows(n_read)
            self._check_quotes()

    def _check_rows(self, n_rows: int) -> None:
        if not n_rows:
            problem = f"the file has column names ({list_some(self.names)}) and no rows. Add rows."
            raise DataError(self.name, [problem])

    def _check_quotes(self) -> None:
        """Raise DataError if a quotation mark is never closed: all that follows is one value."""
        if self._facts is None or not self._facts.may_end_quoted:
            return
        start = 1
        with io.TextIOWrapper(self._open_checked(), encoding="utf-8", newline="") as text:
            reader = csv.reader(text, delimiter=self._delimiter, strict=True)
            try:
                for _ in reader:
                    start = reader.line_num + 1
            except csv.Error as error:
                if not any(words in str(error) for words in ("unexpected end", "field limit")):
                    return
                problem = (
                    f"a quotation mark that is opened in line {start} is never closed. Close it, "
                    "or remove it."
                )
                raise DataError(self.name, [problem]) from None

    def _infer(self) -> dict[str, pa.DataType]:
        """Column types by the file's start."""
        head = io.BufferedReader(self._filter_lines(io.BytesIO(self._sample.encode()))).read()
        keys = [*map(str, range(len(self.names)))]
        if len(self._sample.splitlines()) <= self._layout.n_lines_above:
            return dict.fromkeys(keys, pa.null())
        table = arrow_csv.read_csv(
            io.BytesIO(head),
            parse_options=self._write_parse_options(lambda row: "skip"),
            convert_options=self._write_convert_options(dict.fromkeys(keys, pa.string())),
            read_options=self._write_read_options(len(head) + 1, use_threads=False),
        )
        table = self._leave_out_names(table)
        self._repeated.clear()
        columns = zip(table.column_names, table.columns, strict=True)
        return {key: self._widen(column, pa.null()) for key, column in columns}

    def _widen(self, texts: pa.ChunkedArray, kind: pa.DataType) -> pa.DataType:
        """The narrowest type that holds a column's values so far (of type ``kind``) and these."""
        trimmed = pc.utf8_trim_whitespace(texts)
        texts = trimmed.filter(pc.invert(pc.is_in(trimmed, pa.array(self._tokens, texts.type))))
        if not len(texts) and pa.types.is_null(kind):
            kept = pa.array(sorted(self._notation.missing.kept_words), trimmed.type)
            return pa.string() if pc.any(pc.is_in(trimmed, kept)).as_py() else kind
        if not len(texts) or kind == pa.string():
            return kind
        if pc.any(pc.match_substring_regex(texts, _CODE)).as_py():
            return pa.string()
        # 12.480 beside 410 may be thousands, which the kind of the column decides.
        is_open = pa.types.is_null(kind) and self._spec.csv.decimal is None
        if is_open and are_grouped(texts.slice(0, _MOST_JUDGED).to_pylist()):
            return pa.string()
        for wider in (pa.float64(),) if kind == pa.float64() else (pa.int64(), pa.float64()):
            try:
                self._parse(texts, wider)
            except pa.ArrowInvalid:
                continue
            return wider
        return pa.string()

    def _parse(self, texts: Any, kind: pa.DataType) -> Any:
        """Texts as values of a type; ArrowInvalid where one is none."""
        if pa.types.is_floating(kind) and self._layout.decimal != ".":
            # 1.034 is no fraction here; what it is, the kind of the column decides.
            texts = pc.replace_substring(texts, ".", "_")
            texts = pc.replace_substring_regex(texts, _COMMA_NUMBER, r"\1.\2")
        # Arrow 26 casts no text to null.
        return pa.nulls(len(texts)) if pa.types.is_null(kind) else texts.cast(kind)

    def _read_typed(self, types: Types) -> pa.Table:
        """Read the whole file; ArrowInvalid where a value is not of its column's type."""
        options = self._write_parse_options()
        # Where pyarrow must look for them, it takes a third more time and memory.
        options.newlines_in_values = self._facts is None or self._facts.has_quoted_newlines
        with self._open() as file:
            return arrow_csv.read_csv(
                file,
                parse_options=options,
                convert_options=self._write_convert_options(types),
                read_options=self._write_read_options(),
            )

    def _read_twice(self, told: Collection[str]) -> pa.Table:
        """Read the whole file as text to find the types of all columns but some, and once more.

        Raises:
            DataError: As ``_iterate_texts``.
        """
        keys = [*map(str, range(len(self.names)))]
        found = {key: pa.string() if key in told else pa.null() for key in keys}
        for batch in self._iterate_texts(keys):
            for key, texts in zip(keys, batch.columns, strict=True):
                found[key] = self._widen(texts, found[key])
        typed = _keep_words_once(found)
        try:
            if not self._repeated:  # else there are rows to leave out
                return self._read_typed(typed)
        except pa.ArrowInvalid:  # There is white space that pyarrow leaves on.
            pass
        self._repeated.clear()
        return self._parse_all(pa.schema(typed))

    def _parse_all(self, schema: pa.Schema) -> pa.Table:
        batches = []
        for batch in self._iterate_texts(schema.names):
            columns = []
            for texts, kind in zip(batch.columns, schema.types, strict=True):
                if not pa.types.is_dictionary(kind):
                    texts = pc.utf8_trim_whitespace(texts)
                    is_missing = pc.is_in(texts, pa.array(self._tokens, texts.type))
                    texts = self._parse(pc.if_else(is_missing, None, texts), kind)
                columns.append(texts)
            batches.append(pa.record_batch(columns, schema=schema))
        return pa.Table.from_batches(batches, schema=schema)

    def _iterate_typed(self, types: Types) -> Iterator[pa.RecordBatch]:
        n_rows = 0
        with self._open() as file:
            for batch in arrow_csv.open_csv(
                file,
                parse_options=self._write_parse_options(),
                convert_options=self._write_convert_options(types, only=True),
                read_options=self._write_read_options(),
            ):
                yield self._leave_out_names(batch, n_rows)
                n_rows += len(batch)

    def _iterate_texts(self, keys: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read columns as text, block by block; a repeated line of column names is left out.

        Raises:
            DataError: A byte is not of the encoding, or lines have too many or too few values.
        """
        ragged: list[Any] = []

        def note_row(row: Any) -> str:
            ragged.append(row)
            return "skip"

        types = dict.fromkeys(keys, pa.string())
        n_rows = 0
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
                    yield self._leave_out_names(batch, n_rows)
                    n_rows += len(batch)
        except pa.ArrowInvalid as error:
            if _is_empty(error):
                return
            problems = [*self._explain_lines()] or [f"the file cannot be read: {error}."]
            raise DataError(self.name, problems) from error
        if ragged:
            self._check_quotes()
            n_before = self._layout.n_lines_above + 1  # pyarrow counts the skipped lines too
            rows = [(f"row {row.number - n_before}", row.actual_columns) for row in ragged]
            problems = [*self._explain_lines()] or [self._describe_ragged(rows)]
            raise DataError(self.name, problems)

    def _leave_out_names(self, rows: Any, n_before: int = 0) -> Any:
        """Leave out rows that repeat the column names, as files put together have them.

        Args:
            rows: A table or batch whose columns are named by their keys.
            n_before: How many rows were read before these.
        """
        is_repeated = None
        for key, column in zip(rows.schema.names, rows.columns, strict=True):
            name = self.names[int(key)]
            if name.startswith("Unnamed: "):
                continue
            if not (pa.types.is_string(column.type) or pa.types.is_dictionary(column.type)):
                return rows
            same = pc.equal(pc.utf8_trim_whitespace(column.cast(pa.string())), name)
            is_repeated = same if is_repeated is None else pc.and_(is_repeated, same)
            if not pc.any(is_repeated).as_py():
                return rows
        if is_repeated is None:
            return rows
        places = np.flatnonzero(is_repeated.to_numpy(zero_copy_only=False)) + n_before
        self._repeated += places.tolist()
        return rows.filter(pc.invert(is_repeated))

    def _note_repeated(self) -> None:
        """Report the rows that repeat the column names."""
        n = len(self._repeated)
        if not n:
            return
        first_line = self._find_first_line()
        place = (
            f"line {self._repeated[0] + first_line}" if first_line else f"row {self._repeated[0]}"
        )
        more = f" and {n - 1} more" if n > 1 else ""
        are = "row is" if n == 1 else "rows are"
        self.notes.append(f"{n:,} {are} left out: the column names are repeated in {place}{more}")
        self._repeated.clear()
        self._is_shifted = True

    def _find_first_line(self) -> int | None:
        """The file's line of the first row, where each row has one."""
        is_known = self._facts is not None and not self._facts.has_gaps
        return self._first_line if is_known else None

    def _read_head(self) -> bytes:
        """The first bytes, which a stream will give once more."""
        if isinstance(self._source, Path):
            with explain_damage(self.name), self._open_raw() as file:
                return bytes(file.read(SAMPLE_BYTES))
        stream: Any = self._source
        with explain_damage(self.name):
            head: bytes = stream.read(SAMPLE_BYTES)
        rest = iter(partial(stream.read, 1 << 16), b"")
        self._source = io.BufferedReader(ChunkReader(chain([head], rest)))
        return head

    def _open_raw(self) -> Any:
        if isinstance(self._source, Path):
            return open_decompressed(self._source)
        return io.BytesIO(self._source) if isinstance(self._source, bytes) else self._source

    def _open(self) -> Any:
        if self._encoding == "utf-8" and self._filter is None:
            return self._open_raw()
        return self._open_checked()

    def _open_checked(self) -> io.BufferedReader[Any]:
        checked = self._decode(self._open_raw())
        return io.BufferedReader(self._filter_lines(checked))

    def _filter_lines(self, file: Any) -> Any:
        return ChunkReader(_filter_lines(file, self._filter)) if self._filter else file

    def _decode(self, file: Any, *, is_whole: bool = True) -> Utf8Reader:
        told = self._spec.csv.encoding is not None
        return Utf8Reader(file, self._encoding, told=told, dataset=self.name, is_whole=is_whole)

    @property
    def _delimiter(self) -> str:
        return "\t" if self._layout.delimiter == WHITESPACE else self._layout.delimiter

    def _write_read_options(
        self, block_size: int | None = None, *, use_threads: bool = True
    ) -> Any:
        return arrow_csv.ReadOptions(
            block_size=block_size or _BLOCK_BYTES,
            use_threads=use_threads,
            skip_rows=self._layout.n_lines_above,
            column_names=[*map(str, range(len(self.names)))],
        )

    def _write_parse_options(self, handle_row: Callable[[Any], str] | None = None) -> Any:
        return arrow_csv.ParseOptions(
            delimiter=self._delimiter,
            newlines_in_values=True,
            # In a file of one column, it is how a row without a value is written.
            ignore_empty_lines=len(self.names) > 1,
            invalid_row_handler=handle_row,
        )

    def _write_convert_options(self, types: Types, *, only: bool = False) -> Any:
        # pyarrow takes white space off numbers, but not off what stands for a missing one.
        padded = [form for token in self._tokens for form in (f" {token}", f"{token} ")]
        return arrow_csv.ConvertOptions(
            column_types=dict(types),
            include_columns=[*types] if only else None,
            null_values=[*self._tokens, *padded],
            decimal_point=self._layout.decimal,
        )

    def _scan(self, has_integers: bool) -> _LineFacts:
        """What is to know of all lines before types are applied to them."""
        with self._open() as file:
            return _scan_lines(file, self._delimiter if has_integers else None)

    def _explain_lines(self) -> Iterator[str]:
        """Find the lines at fault; Python's reader is slow, but counts lines as editors do."""
        if not isinstance(self._source, Path | bytes):
            return
        ragged: list[tuple[str, int]] = []
        start = 1
        with io.TextIOWrapper(self._open_checked(), encoding="utf-8", newline="") as text:
            reader = csv.reader(text, delimiter=self._delimiter)
            try:
                for values in reader:
                    is_row = reader.line_num > self._layout.n_lines_above
                    if is_row and values and len(values) != len(self.names):
                        ragged.append((f"line {start}", len(values)))
                    if len(ragged) > SHOWN:
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
        shown = ", ".join(f"{place} has {n}" for place, n in rows[:SHOWN])
        more = " and more" if len(rows) > SHOWN else ""
        named = {"\t": "a tab", " ": "a space"}
        mark = named.get(self._delimiter, f"'{self._delimiter}'")
        return (
            f"every line must have {count(len(self.names), 'value')}, one for each column name "
            f"(received: {shown}{more}). Fix these lines; put a value that contains {mark} in "
            "quotation marks."
        )


def _is_empty(error: Exception) -> bool:
    """Whether pyarrow found no row."""
    return "Empty CSV" in str(error) or "Could not skip" in str(error)


def _keep_words_once(types: Types) -> dict[str, pa.DataType]:
    """The same types, but text as a dictionary: columns of few words take little memory so."""
    words = pa.dictionary(pa.int32(), pa.string())
    return {key: words if kind == pa.string() else kind for key, kind in types.items()}


class _LineFacts:
    """What was seen of a file's lines.

    Attributes:
        has_quoted_newlines: Whether a line ends within quotation marks, or may do so.
        has_blank_lines: Whether two line ends follow each other.
        may_end_quoted: Whether the number of quotation marks is odd.
        has_codes: Whether a value begins with 0 and goes on with digits, as 007 does.
    """

    has_quoted_newlines = False
    has_blank_lines = False
    may_end_quoted = False
    has_codes = False

    @property
    def has_gaps(self) -> bool:
        """Whether some row is not one line."""
        return self.has_quoted_newlines or self.has_blank_lines


def _scan_lines(file: Any, delimiter: str | None) -> _LineFacts:
    """Look at all lines; codes are looked for where there is a delimiter."""
    facts = _LineFacts()
    is_quoted = False
    marks = re.escape(delimiter.encode()) if delimiter else b""
    opening = rb"[\n\"%b]" % marks
    # What stands before it comes second: a search for one character is the fastest.
    code = re.compile(
        rb"0(?:(?<=%b0)|(?<=%b[ +-]0))[0-9xX][0-9a-fA-F]*(?=[\r\n\" %b]|\Z)"
        % (opening, opening, marks)
    )
    rest = b""
    while block := file.read(SAMPLE_BYTES):
        parts = block.split(b'"')
        if len(parts) > 1 or is_quoted:
            quoted = b"".join(parts[not is_quoted :: 2])
            facts.has_quoted_newlines |= b"\n" in quoted or b"\r" in quoted
            is_quoted ^= len(parts) % 2 == 0
        joined = rest + block
        if not facts.has_blank_lines:
            ends = (b"\n\n", b"\n\r\n", b"\r\r") if b"\r" in block else (b"\n\n",)
            facts.has_blank_lines = any(end in joined for end in ends)
        if delimiter and not facts.has_codes:
            facts.has_codes = code.search(joined) is not None
        rest = block[-64:]
    facts.may_end_quoted = is_quoted
    return facts


class _LineFilter:
    """What is taken off lines that pyarrow's parser has no option for."""

    def __init__(self, delimiter: str, comment: str | None, *, has_spaces: bool) -> None:
        self._is_whitespace = delimiter == WHITESPACE
        mark = delimiter.encode()
        self._spaced, self._quote = re.compile(re.escape(mark) + b' +"'), mark + b'"'
        self._has_spaces = has_spaces
        self._comment = comment.encode() if comment else None

    def apply(self, line: bytes) -> bytes:
        """A line as the parser takes it; a comment becomes an empty one."""
        if self._comment is not None:
            place = line.find(self._comment)
            while line.count(b'"', 0, max(place, 0)) % 2:  # it stands within quotation marks
                place = line.find(self._comment, place + 1)
            line = line if place < 0 else line[:place].rstrip() + b"\n"
        if self._has_spaces:
            line = self._spaced.sub(self._quote, line)
        return b"\t".join(line.split()) + b"\n" if self._is_whitespace else line


def _filter_lines(file: Any, line_filter: _LineFilter) -> Iterator[bytes]:
    rest = b""
    while block := file.read(1 << 16):
        *lines, rest = (rest + block).split(b"\n")
        yield b"".join(line_filter.apply(line + b"\n") for line in lines)
    if rest:
        yield line_filter.apply(rest + b"\n")
