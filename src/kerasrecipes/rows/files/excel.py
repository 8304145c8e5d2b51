"""Excel sheets, through pandas."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from zipfile import ZipFile, is_zipfile

import pyarrow as pa

from kerasrecipes.errors import DataError
from kerasrecipes.rows.cells import name_value
from kerasrecipes.rows.files import layout, raw
from kerasrecipes.rows.files.base import FileOnDisk, Names, read_series
from kerasrecipes.rows.limits import check_unpacked
from kerasrecipes.rows.words import ask_meant, count, list_some

if TYPE_CHECKING:
    import pandas as pd
_OLD = b"\xd0\xcf\x11\xe0"
_INSTALL = {
    "openpyxl": "an Excel file; to read it, pip install 'kerasrecipes[excel]'",
    "xlrd": "an old .xls file; save it as .xlsx, or pip install xlrd",
}
_MOST_COMPARED = 500
_FAR_CELLS = "Remove cells that are far from the table, or save it as CSV"
_FILLED = re.compile(rb'<c r="([A-Z]{1,3})([0-9]{1,7})"[^<>]*><')


class ExcelFile(FileOnDisk):
    """A sheet of an Excel file: the one that the recipe names, or the first that has a table."""

    def read(self, as_text: Names = ()) -> pa.Table:
        """Read every row below the line of column names."""
        self.notes = []  # with stream: true, it is read more than once
        sheet = self._choose_sheet(self._read_sheets())
        first = sheet.head(_MOST_COMPARED).values
        cells = [[name_value(value).strip() for value in row] for row in first]
        place = self.spec.excel.header_row or layout.find_header(cells) + 1
        if place > len(cells):
            problem = f"row {place} of the sheet must name the columns, and there are {len(sheet)}."
            raise DataError(self.name, [f"{problem} Add rows, or correct excel.header_row."])
        # A cell may be text that is a number, or a number in a column of text.
        self.notation = replace(self.notation, first_row=place + 1, has_types=False)
        names, rows = cells[place - 1], sheet.iloc[place:].infer_objects()
        if not self.spec.excel.header_row:
            if place > 1:
                note = f"the column names are in row {place}; what is above is skipped"
                self.notes.append(note)
            if not layout.list_known(self.spec, self.wanted) & {*names} and layout.is_row(
                names, cells[place:]
            ):
                problem = (
                    f"row {place} must name the columns, and it looks like a row (received: "
                    f"{list_some(names)}). Insert a row of names above it, or write "
                    f"dataset.excel.header_row: {place} if these are their names."
                )
                raise DataError(self.name, [problem])
        columns = [read_series(rows.iloc[:, i]) for i in range(len(names))]
        filled, note = layout.fill_names(names)
        self.notes += [note] if note else []
        return pa.Table.from_arrays(columns, names=[*filled])

    def _read_sheets(self) -> dict[str, pd.DataFrame]:
        import pandas as pd

        engine = "xlrd" if raw.read_start(self.path).startswith(_OLD) else "openpyxl"
        try:
            if is_zipfile(self.path):
                self._check_size()
            return pd.read_excel(
                self.path, sheet_name=None, header=None, engine=engine, keep_default_na=False,
                na_values=[""],
            )  # fmt: skip
        except ImportError as error:
            problem = f"path: {self.path.name} is {_INSTALL[engine]}."
            raise DataError(self.name, [problem]) from error
        except (*raw.ARCHIVE_ERRORS, LookupError, TypeError, AttributeError, SyntaxError) as error:
            found = raw.describe_format(self.path)
            reason = (str(error) or type(error).__name__).rstrip(".")
            what = f"it is {found}" if found else f"{reason}. Save it again."
            problem = f"path: {self.path} is no Excel file that can be read: {what}"
            raise DataError(self.name, [problem]) from error

    def _check_size(self) -> None:
        """Check how much memory the sheets take, where empty cells count too."""
        from openpyxl.utils import column_index_from_string

        size = self.path.stat().st_size
        with ZipFile(self.path) as archive:
            raw.check_archive(archive, size, self.name)
            for member in archive.namelist():
                if member.startswith("xl/worksheets/"):
                    cells = _FILLED.findall(archive.read(member))
                    columns = {column.decode() for column, _ in cells} or {"A"}
                    height = max((int(row) for _, row in cells), default=0)
                    n_bytes = 8 * height * max(map(column_index_from_string, columns))
                    check_unpacked(n_bytes, size, self.name, _FAR_CELLS)

    def _choose_sheet(self, sheets: dict[str, pd.DataFrame]) -> pd.DataFrame:
        names = [*sheets]
        tables = [name for name in names if len(sheets[name]) > 1]
        wide = [name for name in tables if sheets[name].shape[1] > 1]
        chosen = self.spec.excel.sheet or [*wide, *tables, *names][0]
        if isinstance(chosen, int) and 1 <= chosen <= len(names):
            chosen = names[chosen - 1]
        if chosen not in sheets:
            problem = (
                f"excel.sheet: there is no sheet {chosen!r}.{ask_meant(str(chosen), names)} The "
                f"sheets: {list_some(names)}."
            )
            raise DataError(self.name, [problem])
        if len(sheets) > 1:
            others = [other for other in sheets if other != chosen]
            self.notes.append(
                f"sheet '{chosen}' is read, of {count(len(sheets), 'sheet')} ({list_some(others)} "
                f"not); another: excel: {{sheet: {others[0]}}}"
            )
        return sheets[str(chosen)]
