"""Delimited text such as CSV: numbers with their type, all else as text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.files import raw
from kerasrecipes.rows.files.base import MEMORY_OF_VALUE, FileOnDisk, Names
from kerasrecipes.rows.files.layout import NUMBER, LineForm, find_layout
from kerasrecipes.rows.kinds.number import are_grouped, has_codes
from kerasrecipes.rows.limits import LONGEST_LINE, check_columns, check_line
from kerasrecipes.rows.words import SHOWN, count, list_some

Types = dict[str, "pa.DataType"]

SAMPLE_BYTES, _BLOCK_BYTES = 1 << 20, 2 << 20
_WORDS = pa.dictionary(pa.int32(), pa.string())
"""The type of text: columns of few words take little memory so."""

_BLANK = " \t\v\f\r\n\x1a\xa0"
"""Characters of lines that contain nothing; DOS ends a file with \\x1a."""

_COMMA_NUMBER = r"^([+-]?[0-9]*),([0-9]+(?:[eE][+-]?[0-9]+)?)$"
_MOST_CHECKED, _FEWEST_ENDS, _WIDEST_BLANK = 2_000, 20, 40


class DelimitedFile(FileOnDisk):
    """A delimited file; it raises DataError if it does not open with column names."""

    def __init__(self, path: Path, spec: DatasetSpec, name: str, wanted: Names | None) -> None:
        super().__init__(path, spec, name, wanted)
        with raw.explain_damage(name), raw.open_decompressed(path, name) as file:
            self._stamp = _read_stamp(path)
            head = bytes(file.read(SAMPLE_BYTES))
            if len(re.findall(rb"[\r\n]", head)) < _FEWEST_ENDS:  # names of many columns
                head += file.read(LONGEST_LINE - SAMPLE_BYTES)
        self._encoding = raw.find_encoding(head, spec.csv.encoding, name)
        self._form = LineForm(comment=spec.csv.comment or "")
        is_whole = len(head) not in (SAMPLE_BYTES, LONGEST_LINE)
        text = self._clean(io.BytesIO(head), is_whole=is_whole).read().decode()
        # The last line may be cut.
        end = len(text) if is_whole else max(text.rfind("\n"), text.rfind("\r")) + 1
        check_line(0 if end else len(head) + 1, 1, name)
        self._layout = layout = find_layout(text[:end], spec, name, wanted)
        self._form, self._delimiter = layout.form, layout.form.parsed
        check_columns(len(layout.names), name)
        # Few rows of many columns would take long to convert.
        self._block_bytes = _BLOCK_BYTES * min(max(len(layout.names) // 256, 1), 16)
        self.names = [*layout.names]
        self.notes += [layout.note] if layout.note else []
        self.notation = replace(
            self.notation, decimal=layout.decimal, thousands=spec.csv.thousands, has_types=False,
            first_row=layout.n_lines_above + 1,
        )  # fmt: skip
        self._n_lines = self._first_repeated = 0
        self._has_quoted_newlines = self._may_end_quoted = False
        self._names_line = b""
        # Rows may be equal to numbers, or to a single word, that are names.
        are_words = len(self.names) > 1 and not any(map(NUMBER.fullmatch, self.names))
        if layout.n_lines_above and are_words:
            lines = b"".join(self._form.rewrite_all([text[:end].encode()])).splitlines()
            last = lines[layout.n_lines_above - 1]
            self._names_line = last if last.count(b'"') % 2 == 0 else b""  # names of two lines

    def list_names(self) -> list[str]:
        return self.names

    def read(self, as_text: Names = ()) -> pa.Table:
        """Read every row; a column whose values are not all numbers is text.

        Each block is converted once it is read, since the text of a million rows of 50 numbers
        takes 1.1 GB, and the numbers 0.4 GB. Columns that turn out to be text late are read again.
        """
        kinds = {name: _WORDS if name in as_text else pa.null() for name in self.names}
        with self._reading():
            self._scan()
            columns = self._read_columns(kinds, self.names)
            texts = [name for name, kind in kinds.items() if kind == _WORDS]
            late = [name for name in texts if any(part.type != _WORDS for part in columns[name])]
            columns |= self._read_columns(kinds, late) if late else {}
        for name, kind in kinds.items():
            parts = columns[name]
            if kind != _WORDS:  # blocks without a value are text
                empty = (part.type == _WORDS for part in parts)
                parts = [pa.nulls(len(part), kind) if is_empty else part.cast(kind, safe=False)
                         for part, is_empty in zip(parts, empty, strict=True)]  # fmt: skip
            columns[name] = pa.chunked_array(parts, kind)
        table = pa.table(columns)
        self._check_end(table.num_rows)
        return table

    def iterate(self, wanted: Names, numbers: Names, n_rows: int) -> Iterator[pa.Table]:
        """Read columns block by block: numbers as float64, if all of a block are, else as text."""
        names = self.names
        if wanted and {*wanted} <= {*names}:
            names = [name for name in names if name in wanted]
        n_given = 0
        with self._reading():
            self._scan()
            for batch in self._iterate_numbers(names, {*numbers} & {*names}):
                columns = batch.columns
                for i, name in enumerate(names):
                    if name in numbers and columns[i].type == pa.string():
                        values = self._cast(self._find_known(columns[i]), pa.float64())
                        columns[i] = columns[i] if values is None else values
                yield pa.Table.from_arrays(columns, names=names)
                n_given += len(batch)
            self._check_end(n_given)

    def infer_types(self) -> Types:
        kinds = dict.fromkeys(self.names, pa.null())
        with self._reading():
            self._read_columns(kinds, self.names, 1)
        return kinds

    def estimate_memory(self) -> int:
        return MEMORY_OF_VALUE // 6 * self.path.stat().st_size  # six characters are a value

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Explain damage, and check that the file is the same to the end: it is read twice."""
        with raw.explain_damage(self.name):
            try:
                yield
            except pa.ArrowInvalid as error:
                raise DataError(self.name, [f"the file cannot be read: {error}."]) from error
            finally:
                if _read_stamp(self.path) != self._stamp:
                    problem = "the file changed while it was read. Wait until it is complete."
                    raise DataError(self.name, [problem])

    def _check_end(self, n_rows: int) -> None:
        """Raise DataError if there are no rows, or if a quotation mark is never closed."""
        if self._may_end_quoted:  # then all that follows was read as one value
            self._describe_faults()
        if not n_rows:
            problem = f"the file has column names ({list_some(self.names)}) and no rows. Add rows."
            raise DataError(self.name, [problem])

    def _read_columns(
        self, kinds: Types, names: Sequence[str], n_blocks: int | None = None
    ) -> dict[str, Any]:
        """Some columns' blocks; ``kinds``, the least types of columns, become those of all."""
        columns: dict[str, Any] = {name: [] for name in names}
        for batch in islice(self._iterate_blocks(names), n_blocks):
            for name, texts in zip(names, batch.columns, strict=True):
                values, kinds[name] = self._convert(texts, kinds[name])
                columns[name].append(values)
        return columns

    def _convert(self, texts: pa.Array, kind: pa.DataType) -> tuple[pa.Array, pa.DataType]:
        """A block's values by the narrowest type for them and those before, of type ``kind``."""
        if kind == _WORDS:
            return texts.dictionary_encode(), kind
        known, is_new = self._find_known(texts), pa.types.is_null(kind)
        if known.null_count == len(known):
            kept = pa.array(sorted(self.notation.missing.kept_words), pa.string())
            is_kept = is_new and pc.any(pc.is_in(pc.utf8_trim(texts, " \t"), kept)).as_py()
            return texts.dictionary_encode(), _WORDS if is_kept else kind
        numbers = [pa.float64()] if kind == pa.float64() else [pa.int64(), pa.float64()]
        # 12.480 next to 410 may be thousands, which the kind of the column decides.
        is_open = is_new and self.spec.csv.decimal is None
        is_grouped = is_open and are_grouped(known.drop_null()[:_MOST_CHECKED].to_pylist())
        if is_grouped or (kind != pa.float64() and has_codes(known)):
            numbers = []
        for number in numbers:
            if (values := self._cast(known, number)) is not None:
                return values, number
        return texts.dictionary_encode(), _WORDS

    @cached_property
    def _words_for_missing(self) -> pa.Array:
        words = self.notation.missing.texts | self.notation.missing.kept_words
        padded = [f" {word}" for word in words] + [" " * n for n in range(_WIDEST_BLANK)]
        return pa.array(sorted({*words, *padded}))

    def _find_known(self, texts: pa.Array) -> pa.Array:
        """A block's values without white space around them, null where they are missing."""
        is_missing = pc.is_in(texts, self._words_for_missing)
        return pc.utf8_trim(pc.if_else(is_missing, pa.scalar(None, pa.string()), texts), " \t")

    def _cast(self, known: pa.Array, number: pa.DataType) -> pa.Array | None:
        """Values as numbers; None if not all of them are."""
        if self._layout.decimal != "." and number == pa.float64():  # 1.034 is no fraction here
            known = pc.replace_substring(known, ".", "_")
            known = pc.replace_substring_regex(known, _COMMA_NUMBER, r"\1.\2")
        with suppress(pa.ArrowInvalid):
            return known.cast(number)
        return None

    def _iterate_numbers(self, names: Sequence[str], numbers: Names) -> Iterator[pa.RecordBatch]:
        """Read numbers as float64 up to the first that pyarrow's reader cannot take, then text."""
        n_given = 0
        if self._layout.decimal == ".":
            with suppress(pa.ArrowInvalid):
                for batch in self._iterate_blocks(names, numbers):
                    yield batch
                    n_given += len(batch)
                return
        for batch in self._iterate_blocks(names):
            yield batch.slice(min(n_given, len(batch)))
            n_given = max(0, n_given - len(batch))

    def _iterate_blocks(
        self, names: Sequence[str], numbers: Names = ()
    ) -> Iterator[pa.RecordBatch]:
        """Read columns as text, block by block; lines are at fault where that fails.

        Columns ``numbers`` are read as float64, and pa.ArrowInvalid is raised where one is not.
        """
        read = arrow_csv.ReadOptions(
            block_size=self._block_bytes,
            skip_rows=self._layout.n_lines_above,
            column_names=self.names,
        )
        parse = arrow_csv.ParseOptions(
            delimiter=self._delimiter,
            # Where pyarrow must look for them, it takes a third more time and memory.
            newlines_in_values=self._has_quoted_newlines or not self._n_lines,
            # In a file of one column, it is how a row without a value is written.
            ignore_empty_lines=len(self.names) > 1,
            invalid_row_handler=self._judge_row,
        )
        convert = arrow_csv.ConvertOptions(
            column_types={name: pa.float64() if name in numbers else pa.string() for name in names},
            include_columns=[*names],
            null_values=self._words_for_missing.to_pylist(),
        )
        try:
            with self._open() as file:
                for batch in arrow_csv.open_csv(file, read, parse, convert):
                    self._note_swallowed(batch)
                    yield batch
        except pa.ArrowInvalid as error:
            if numbers:
                raise
            if problem := self._describe_faults():
                raise DataError(self.name, [problem]) from error
            if "Empty CSV" in str(error) or "Could not skip" in str(error):
                self._check_end(0)
            raise

    def _note_swallowed(self, rows: Any) -> None:
        """Note the first value that contains rows, as its quotation mark is not closed."""
        is_noted = any(note.startswith("a value of ") for note in self.notes)
        if is_noted or not self._has_quoted_newlines or len(self.names) < 2:
            return
        texts = rows.select([each.name for each in rows.schema if each.type == pa.string()])
        for name, column in zip(texts.schema.names, texts.columns, strict=True):
            for text in pc.unique(column.filter(pc.match_substring(column, "\n"))).to_pylist():
                first, *more = text.split("\n")
                is_even = text.count(self._delimiter) == len(more) * (len(self.names) - 1)
                cells = text.replace("\n", self._delimiter).split(self._delimiter)
                has_number = any(map(NUMBER.fullmatch, cells))
                if is_even and has_number and (len(self.names) > 2 or '\\"' in text):
                    self.notes.append(
                        f"a value of {name} looks like {len(more) + 1} rows ({first[:20]!r}…): if "
                        "the quotation mark in front of it is not meant, remove it"
                    )
                    return

    def _open(self, *, is_checked: bool = False) -> Any:
        """Open the file as UTF-8; pyarrow's own check of UTF-8 names no line."""
        file = raw.open_decompressed(self.path, self.name)
        is_clean = self._encoding == "utf-8" and self._form.is_plain
        return file if is_clean and not is_checked else self._clean(file)

    def _clean(self, file: Any, *, is_whole: bool = True) -> io.BufferedReader[Any]:
        """A file as UTF-8, each byte checked, without what pyarrow's parser has no option for."""
        chunks = raw.decode(file, self.name, self._encoding, is_whole=is_whole)
        if not self._form.is_plain:
            chunks = self._form.rewrite_all(chunks)
        return io.BufferedReader(raw.ChunkReader(chunks))

    def _judge_row(self, row: Any) -> str:
        """Skip a line of another number of values if it is blank."""
        if row.text.strip(_BLANK):
            return "error"
        self.notation = replace(self.notation, first_line=None)
        return "skip"

    def _scan(self) -> None:
        """Look at all lines: for quoted line breaks, blank lines, and names that are repeated."""
        names = self._names_line
        repeated = re.compile(rb"\n(?:\xef\xbb\xbf)?%b\r?(?=\n|\Z)" % re.escape(names))
        rest, n_lines, length = b"", 1, 0
        has_blank_lines = is_quoted = False
        with self._open() as file:
            while block := file.read(SAMPLE_BYTES):
                end = max(block.rfind(b"\n"), block.rfind(b"\r"))
                length = len(block) - 1 - end if end >= 0 else length + len(block)
                n_lines += block.count(b"\n")
                check_line(length, n_lines, self.name)
                parts = block.split(b'"')
                if len(parts) > 1 or is_quoted:
                    quoted = b"".join(parts[not is_quoted :: 2])
                    self._has_quoted_newlines |= b"\n" in quoted or b"\r" in quoted
                    is_quoted ^= len(parts) % 2 == 0
                joined = rest + block
                ends = (b"\n\n", b"\n\r\n", b"\r\r") if b"\r" in block else (b"\n\n",)
                has_blank_lines = has_blank_lines or any(end in joined for end in ends)
                if names and not self._first_repeated and names in joined:
                    lines = [n_lines - joined.count(b"\n", found.end())
                             for found in repeated.finditer(joined)]  # fmt: skip
                    below = [line for line in lines if line >= self.notation.first_row]
                    self._first_repeated = below[0] if below else 0
                rest = block[-8 - len(names) :]
        self._n_lines, self._may_end_quoted = n_lines, is_quoted
        if self._first_repeated and not self._form.names:
            note = "rows that repeat the column names are left out, the first in line"
            self.notes.append(f"{note} {self._first_repeated}")
            self._form = replace(self._form, names=names)
        has_gaps = self._has_quoted_newlines or has_blank_lines or self._first_repeated
        first_line = None if has_gaps else self.notation.first_row
        self.notation = replace(self.notation, first_line=first_line)

    def _describe_faults(self) -> str:
        """Find lines with too many or too few values; DataError for a mark that is never closed.

        Python's reader is slow, but counts lines as editors do.
        """
        if not self._n_lines:
            self._scan()
        ragged: list[str] = []
        start, remedy = 1, "Fix these lines"
        with io.TextIOWrapper(self._open(is_checked=True), encoding="utf-8", newline="") as text:
            reader = csv.reader(text, delimiter=self._delimiter, strict=True)
            while len(ragged) <= SHOWN:
                try:
                    values = next(reader, None)
                except csv.Error as error:
                    if re.search("unexpected end|field limit", str(error)):
                        problem = (
                            f"a quotation mark that is opened in line {start} is never closed, or "
                            f"after more than {self._block_bytes >> 20} MB. Close it, or remove it."
                        )
                        raise DataError(self.name, [problem]) from None
                    values = []  # a mark within a value, which pyarrow takes as it is
                if values is None:
                    break
                is_row = reader.line_num > self._layout.n_lines_above
                is_blank = not self._delimiter.join(values).strip(_BLANK)  # see _judge_row
                if is_row and not is_blank and len(values) != len(self.names):
                    ragged.append(f"line {start} has {len(values)}")
                    if values[0].startswith("#"):
                        remedy = "Remove these lines, or write csv: {comment: '#'}"
                start = reader.line_num + 1
        if not ragged:
            return ""
        received = ", ".join(ragged[:SHOWN]) + " and more" * (len(ragged) > SHOWN)
        return (
            f"every line must have {count(len(self.names), 'value')}, one for each column name "
            f"(received: {received}). {remedy}; put a value that contains "
            f"{self._form.delimiter!r} in quotation marks."
        )


def _read_stamp(file: Path) -> tuple[int, int]:
    """A file's size and time, which change when it is written."""
    status = file.stat()
    return status.st_size, status.st_mtime_ns
