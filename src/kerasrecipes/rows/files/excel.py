"""Excel sheets, through pandas."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile, is_zipfile

import numpy as np
import pyarrow as pa

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.cells import name_value
from kerasrecipes.rows.files.base import TableFile
from kerasrecipes.rows.files.frames import read_series
from kerasrecipes.rows.files.layout import is_row
from kerasrecipes.rows.files.raw import ARCHIVE_ERRORS, check_archive, describe_format, read_start
from kerasrecipes.rows.limits import check_unpacked
from kerasrecipes.rows.words import ask_meant, count, describe_repeated, list_some

if TYPE_CHECKING:
    import pandas as pd
_OLD = b"\xd0\xcf\x11\xe0"
_INSTALL = {
    "openpyxl": "Install it with: pip install 'kerasrecipes[excel]'.",
    "xlrd": "Save the file as .xlsx, or install xlrd with: pip install xlrd.",
}
_MOST_ABOVE, _MOST_COMPARED = 20, 500
_FAR_CELLS = "Remove cells that are far from the table, or save it as CSV"
_FILLED = re.compile(rb'<c r="([A-Z]{1,3})([0-9]{1,7})"[^<>]*><')


class ExcelFile(TableFile):
    """A sheet of an Excel file: the one that the recipe names, or the first that contains a table.

    Args:
        file: Its path.
        spec: The recipe's ``dataset``.
        wanted: The columns that will be read; None means all.
    """

    def __init__(
        self, file: Path, spec: DatasetSpec, wanted: Collection[str] | None = None
    ) -> None:
        super().__init__(file.name, spec)
        self._file, self._excel = file, spec.excel
        self._has_names = wanted is not None or spec.excel.header_row is not None
        targets = [spec.target] if isinstance(spec.target, str) else spec.target or []
        self._known = {*(wanted or [*targets, *spec.features, *spec.drop])}
        # A cell may be text that is a number, or a number in a column of text.
        self.notation = replace(self.notation, has_types=False)

    def read(self, as_text: Collection[str] = ()) -> pa.Table:
        """Read every row below the line of column names."""
        sheets = self._read_sheets()
        name, sheet = self._choose_sheet(sheets)
        names_at = self._find_names(sheet)
        self.notation = replace(self.notation, first_row=names_at + 2)
        if len(sheets) > 1:
            others = [other for other in sheets if other != name]
            self.notes.append(
                f"sheet '{name}' is read, of {count(len(sheets), 'sheet')} ({list_some(others)} "
                f"not); another: excel: {{sheet: {others[0]}}}"
            )
        if names_at and self._excel.header_row is None:
            self.notes.append(
                f"the column names are in row {names_at + 1}; the rows above are skipped"
            )
        names = [_name(value, i) for i, value in enumerate(sheet.iloc[names_at])]
        rows = sheet.iloc[names_at + 1 :]
        self._check_names(names, rows, names_at + 1)
        is_repeated = (rows == sheet.iloc[names_at]).sum(axis=1) == sheet.iloc[names_at].count()
        if is_repeated.any():
            first, n = int(np.flatnonzero(is_repeated)[0]), int(is_repeated.sum())
            self.notes.append(describe_repeated(n, f"row {first + names_at + 2}"))
            rows = rows[~is_repeated]
        rows = rows.infer_objects()
        columns = [read_series(rows.iloc[:, i]) for i in range(len(names))]
        return pa.Table.from_arrays(columns, names=names)

    def _check_names(self, names: list[str], rows: pd.DataFrame, place: int) -> None:
        """Raise DataError where the names look like a row."""
        texts = [[name_value(value) for value in row] for row in rows.head(_MOST_COMPARED).values]
        has_names = self._has_names or self._known & {*names}
        if not has_names and is_row(names, texts):
            problem = (
                f"row {place} must name the columns, and it looks like a row of values (received: "
                f"{list_some(names)}). Insert a row of names above it, or write "
                f"dataset.excel.header_row: {place} if these are their names."
            )
            raise DataError(self.name, [problem])

    def _read_sheets(self) -> dict[str, pd.DataFrame]:
        import pandas as pd

        engine = "xlrd" if read_start(self._file).startswith(_OLD) else "openpyxl"
        try:
            if is_zipfile(self._file):
                self._check_size()
            return pd.read_excel(
                self._file, sheet_name=None, header=None, engine=engine, keep_default_na=False,
                na_values=[""],
            )  # fmt: skip
        except ImportError as error:
            what = "an old .xls file" if engine == "xlrd" else "an Excel file"
            problem = (
                f"path: {self._file.name} is {what}, which is read with {engine}, and {engine} is "
                f"not installed. {_INSTALL[engine]}"
            )
            raise DataError(self.name, [problem]) from error
        except (*ARCHIVE_ERRORS, LookupError, TypeError, AttributeError, SyntaxError) as error:
            found = describe_format(self._file)
            reason = (str(error) or type(error).__name__).rstrip(".")
            what = f"it is {found}" if found else f"{reason}. Save it again."
            problem = f"path: {self._file} is no Excel file that can be read: {what}"
            raise DataError(self.name, [problem]) from error

    def _check_size(self) -> None:
        """Check how much memory the sheets take, where empty cells count too."""
        from openpyxl.utils import column_index_from_string

        size = self._file.stat().st_size
        with ZipFile(self._file) as archive:
            check_archive(archive, size, self.name)
            for member in archive.namelist():
                if member.startswith("xl/worksheets/"):
                    cells = _FILLED.findall(archive.read(member))
                    columns = {column.decode() for column, _ in cells} or {"A"}
                    height = max((int(row) for _, row in cells), default=0)
                    n_bytes = 8 * height * max(map(column_index_from_string, columns))
                    check_unpacked(n_bytes, size, self.name, _FAR_CELLS)

    def _choose_sheet(self, sheets: dict[str, pd.DataFrame]) -> tuple[str, pd.DataFrame]:
        names = [*sheets]
        chosen = self._excel.sheet
        if isinstance(chosen, int) and 1 <= chosen <= len(names):
            chosen = names[chosen - 1]
        if chosen is not None and chosen not in sheets:
            problem = (
                f"excel.sheet: there is no sheet {chosen!r}.{ask_meant(str(chosen), names)} The "
                f"sheets: {list_some(names)}."
            )
            raise DataError(self.name, [problem])
        if chosen is None:
            tables = {name: sheet for name, sheet in sheets.items() if len(sheet) > 1}
            wide = [name for name, sheet in tables.items() if sheet.shape[1] > 1]
            found = {name: self._find_known(sheet) for name, sheet in tables.items()}
            places = {name: place for name, place in found.items() if place is not None}
            # A sheet that explains the columns names them, too, but further below.
            named = sorted(places, key=lambda name: places[name])
            chosen = next(iter([*named, *wide, *tables]), None)
        if chosen is None:
            problem = f"no sheet contains a table ({list_some(names)}). Add column names and rows."
            raise DataError(self.name, [problem])
        return str(chosen), sheets[str(chosen)]

    def _find_known(self, sheet: pd.DataFrame) -> int | None:
        """The first line of a sheet that names most of the columns that the recipe names."""
        for i, row in enumerate(sheet.head(_MOST_ABOVE).values):
            names = {_name(value, 0) for value in row}
            named = names & self._known
            if 2 * len(named) > len(self._known) and len(names) > 1:
                # A class that is given in place of its column recurs below.
                return None if sheet.iloc[i + 1 :].isin(named).any(axis=None) else i
        return None

    def _find_names(self, sheet: pd.DataFrame) -> int:
        """Which line of a sheet names the columns, counted from 0."""
        if (place := self._excel.header_row) is not None:
            if place > len(sheet):
                problem = f"excel.header_row: the sheet has {len(sheet)} rows (received: {place})."
                raise DataError(self.name, [f"{problem} Correct it."])
            return place - 1
        if (known := self._find_known(sheet)) is not None:
            return known
        n_filled = [
            sum(not _is_blank(value) for value in row) for row in sheet.head(_MOST_ABOVE).values
        ]
        fullest = max(n_filled)
        first = next((i for i, n in enumerate(n_filled) if n), 0)
        # A column without a name is common; titles fill few cells.
        if 2 * n_filled[first] > fullest or fullest <= 2:
            return first
        return next(i for i, n in enumerate(n_filled) if n >= fullest - 1)


def _is_blank(value: Any) -> bool:
    return value is None or value != value or not str(value).strip()


def _name(value: Any, place: int) -> str:
    """A column's name; pandas's for one without."""
    return f"Unnamed: {place}" if _is_blank(value) else name_value(value).strip()
