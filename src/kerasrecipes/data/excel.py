"""Excel sheets, through pandas."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from kerasrecipes.data.frames import read_series
from kerasrecipes.data.missing import list_tokens
from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec

if TYPE_CHECKING:
    import pyarrow as pa

_ENGINES = {
    ".xlsx": ("openpyxl", "Install it with: pip install 'kerasrecipes[excel]'"),
    ".xls": ("xlrd", "Save the file as .xlsx, or install it with: pip install xlrd"),
}


def read_excel(file: Path, spec: DatasetSpec) -> pa.Table:
    """Read a file's first sheet, whose first line names the columns.

    Raises:
        DataError: The file is no sheet, or the package that reads it is not installed.
    """
    import pandas as pd
    import pyarrow as pa

    engine, remedy = _ENGINES[file.suffix.lower()]
    try:
        sheet = pd.read_excel(file, header=None, na_values=list_tokens(spec))
    except ImportError as error:
        problem = f"path: Excel files are read with {engine}, which is not installed. {remedy}."
        raise DataError(file.name, [problem]) from error
    except (ValueError, KeyError, OSError, BadZipFile) as error:
        reason = str(error).rstrip(".")
        problem = f"path: {file} is no Excel file that can be read: {reason}. Save it anew."
        raise DataError(file.name, [problem]) from error
    if not len(sheet):
        raise DataError(file.name, ["the first sheet is empty. Move the table there."])
    names = [_name(value, i) for i, value in enumerate(sheet.iloc[0])]
    rows = sheet.iloc[1:].infer_objects()
    return pa.table([read_series(rows.iloc[:, i]) for i in range(len(names))], names=names)


def _name(value: Any, place: int) -> str:
    """A column's name; pandas's for one without."""
    is_blank = value is None or value != value or not str(value).strip()
    return f"Unnamed: {place}" if is_blank else str(value).strip()
