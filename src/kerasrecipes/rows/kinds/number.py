"""Columns of numbers, plain or written with a unit, a decimal comma or thousands marks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kerasrecipes.recipe.yaml_file import write_value
from kerasrecipes.rows.cells import Cells, Notation
from kerasrecipes.rows.kinds.base import Column, Finding, NumberCode, Parsed
from kerasrecipes.rows.words import write_use

_FEW_NUMBERS = 20
"""Few distinct numbers among words may be categories, such as 0, 1, 2 and "3 or more"."""

_MOST_LOOKED_AT = 2_000
_RARE = 0.01
_FEWEST_BESIDE_SENTINEL = 5
_COARSE = 1e-3
"""Where float32's steps are less of the standard deviation, they hardly affect a network."""
_FLOAT64_NOISE = 1e-12
"""Float64 numbers whose range is less of their size are one number and its rounding errors."""

POINT_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+")
"""A number with points between thousands, or a fraction of three digits."""

_FEWEST_GROUPED = 3
_UNGROUPED = re.compile(r"[+-]?[0-9]{1,3}")

_PLAIN_STYLE = {"unit": None, "decimal": ".", "thousands": None}
"""How plain numbers are written: what a unit is, in front of the digits or behind them, and the
marks before the fraction and between groups of three digits."""

_NEGATIVE = (r"^\(([^()+-]*)\)$", r"-\1")
"""A negative number as bookkeepers write it, such as (5)."""
_PLAIN_FORMS = (
    *(("[\u00a0\u2007\u2009\u202f]", " "), ("[\u2212\u2013]", "-"), ("’", "'")),
    _NEGATIVE,
)
"""Patterns of spaces, minus signs and so on, and what they are replaced by."""
_PLAIN = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
_NUMBER = rf"^{_PLAIN}$|^[+-]?(inf|Infinity)$|^(nan|NaN)$"
_CODES = "AUD|BRL|CAD|CHF|CNY|EUR|GBP|HKD|INR|JPY|KRW|MXN|NZD|RUB|SEK|SGD|TRY|USD"
_CURRENCY = rf"(?:[A-Z]{{0,3}}[$€£¥₩₹₽₺฿₫₴₪¢]|{_CODES}|Rs\.?|kr\.?|Fr\.?|zł)"
_LETTERS = r"[^\W\d_](?:[^\d+\-,;:]{0,14}[^\d+\-.,;:\s])?"
_SIGN = r"[\"″%‰°$€£¥₩₹₽₺℃℉\u3380-\u33df][^\d+\-.,;:\s]{0,7}"  # up to ㏟: ㎏, ㎡, ㏄
_UNIT = rf"(?:[^\W\d_][^\d+\-,;:]{{0,12}})?(?:m|ft)[23]|{_LETTERS}|{_SIGN}"
_WRITTEN = re.compile(
    rf"(?P<before>{_CURRENCY})?\s*(?P<sign>[+-]?)\s*(?P<before2>{_CURRENCY})?\s*"
    rf"(?P<body>[0-9]+(?:[.,' ][0-9]+)*[.,]?|[.,][0-9]+)(?P<power>[eE][+-]?[0-9]+)?"
    rf"\s*(?P<after>{_UNIT})?"
)
_MARKED = re.compile(
    r"(?=.*[^\d\s.,'+-])[^\w+(-]{0,3}[+-]?[0-9]+(?:[.,'][0-9]+)*\s*[^\d:/,-]{0,8}[23]?"
)
_IN_EITHER_NOTATION = re.compile(r"[+-]?(0|[1-9][0-9]*)([.,][0-9]+)?")
_NO_UNITS = frozenset(
    [
        *("am", "pm", "st", "nd", "rd", "th", "e", "x", "k", "m", "bn"),
        *("plus", "over", "up", "under", "이상", "이하", "초과", "미만"),
    ]
)
"""Endings that change what a number means, or make it the name of a thing."""

_FEWEST_NUMBERED = 10
_LEAST_ID, _FIRST_YEAR, _LAST_YEAR = 1000, 1500, 2100
"""Rows are counted from 0, from 1, or from a large number that is no year."""
_ID_NAMES = re.compile(
    r"(?:.*[\W_])?(?i:id|ids|uid|uuid|guid|key|index|idx|rownum|phone|mobile|tel|isbn|ean|ssn)|"
    r"(?:.*[\W_])?(?i:no\.?|nr\.?|serial|s/n)|(?i:account)|"
    r"(?i:.*(?:user|client|customer|order|person|patient|member|product|item|transaction)id)|"
    r".*[a-z](?:I[Dd]|N[or])|(?i:.*nummer)|.*(?:번호|아이디|식별자)|"
    r"Unnamed: \d+|level_\d+|rownames|"
)
"""Names of identifiers, and those of an index without one."""


class NumberColumn(Column):
    """Numbers, as float32; NaN where a value is missing."""

    kind = "number"
    words: ClassVar[Mapping[str, str]] = {
        "float": "number, as it is",
        "float_normalized": "number, standardised",
        "float_rescaled": "number, times {scale:g} plus {offset:g}",
        "float_discretized": "number, in {num_bins:,} bins",
    }

    @property
    def expected(self) -> str:
        return "numbers" if self.is_plain else f"numbers with {self.marks}"

    @property
    def marks(self) -> str:
        """What its texts have beside the digits: "unit '$', thousands ','"; empty for nothing."""
        return ", ".join(f"{key} '{mark}'" for key, mark in _pick_style(self.arguments).items())

    @property
    def is_plain(self) -> bool:
        """Whether its texts are plain numbers, which a parser of CSV reads."""
        return not _pick_style(self.arguments)

    @classmethod
    def recognise(cls, cells: Cells) -> Finding | None:
        """Recognise numbers by their type, or texts of which nearly all are numbers."""
        if cells.is_number:
            return Finding(cls(cells.name, "float_normalized", reason="number"))
        if not cells.is_text or not len(cells.distinct):
            return None
        column = cls(cells.name, "float_normalized", _find_style(cells))
        marks = "" if column.is_plain else f" with {column.marks}"
        numbers, wrong = parse_numbers(cells.distinct, **column.arguments)
        texts = cells.distinct.filter(pa.array(~wrong))
        numbers = np.unique(numbers[~wrong])
        wrong &= ~cells.are_kept
        n_wrong = int(cells.counts[wrong].sum())
        are_words = 2 * n_wrong >= cells.n_values
        are_words &= wrong.sum() > 1 or len(numbers) <= _FEW_NUMBERS  # else one word for missing
        if len(texts) < 2 or has_codes(_tidy(texts)) or are_words:
            return _hint_at_marks(cells)
        column = replace(column, reason=f"number, written{marks or ' as text'}")
        finding = column.report_wrong(cells, wrong, marks)
        # A file with types would have a type for numbers, so a few whole ones may be codes.
        are_codes = cells.notation.has_types and column.is_plain
        are_codes &= bool((np.trunc(numbers) == numbers).all())
        is_rare = n_wrong <= max(2, _RARE * cells.n_values)
        if len(numbers) > _FEW_NUMBERS or (is_rare and not are_codes):
            return finding
        whole = (
            "whole numbers, written as text; if they are amounts, write float_normalized, or "
            "task: regression for a target"
        )
        return Finding(None, hint=finding.hint or whole)

    @classmethod
    def take(cls, cells: Cells, feature: str, arguments: Mapping[str, Any]) -> Self:
        column = super().take(cells, feature, arguments)
        if not cells.is_text or {*_PLAIN_STYLE} & {*arguments}:
            return column
        return replace(column, arguments={**column.arguments, **_find_style(cells)})

    def read_exact(self, cells: Cells) -> Parsed:
        """Numbers in float64, of shape (n_rows,), NaN where missing; and which texts are wrong."""
        if not cells.is_number or self.arguments.get("unit") == "%":
            return super().read_exact(cells)
        numbers = cells.values.cast(pa.float64(), safe=False).to_numpy()
        return numbers, np.zeros(0, dtype=bool)

    def split(self, values: NDArray[Any]) -> list[NDArray[Any]]:
        with np.errstate(over="ignore"):
            return [values.astype(np.float32)]

    def parse(self, cells: Cells) -> Parsed:
        """The distinct values as numbers and, last, NaN; and which of them are not numbers."""
        style, texts = _pick_style(self.arguments), cells.distinct
        if pa.types.is_boolean(cells.type):
            texts = texts.cast(pa.int8())
        decimal, thousands = cells.notation.decimal, cells.notation.thousands
        has_mark = pc.any(pc.match_substring(texts.cast(pa.large_string()), decimal)).as_py()
        if not style and (thousands or has_mark):  # the file's own marks, such as a decimal comma
            style = {"decimal": decimal, "thousands": thousands}
        numbers, wrong = parse_numbers(texts, **style)
        # missing_values: [-999] means "-999.00" too, as it does where the file has types.
        is_missing = np.isin(numbers, cells.notation.missing.numbers)
        return np.append(np.where(is_missing, np.nan, numbers), np.nan), wrong

    def fit_numbers(self, values: NDArray[Any]) -> NumberCode:
        """Learn from training rows how numbers are encoded, as the column's feature says."""
        if self.feature == "float":
            return NumberCode()
        if self.feature == "float_rescaled":
            return NumberCode(factor=self.arguments["scale"], offset=self.arguments["offset"])
        if self.feature != "float_discretized":
            return super().fit_numbers(values)
        known = values[np.isfinite(values)]
        quantiles = np.linspace(0, 1, self.arguments["num_bins"] + 1)[1:-1]
        bounds = np.unique(np.quantile(known, quantiles)) if len(known) else np.zeros(1)
        # Below the least value no training row would ever fall.
        return NumberCode(bounds=tuple(map(float, bounds[bounds > known.min(initial=np.inf)])))

    def remark(self, cells: Cells, arrays: list[NDArray[Any]]) -> str:
        """A value far from all others, or differences that are too fine."""
        values = arrays[0][np.isfinite(arrays[0])]
        if not len(values):
            return ""
        for value in (values.min(), values.max()):
            others = values[values != value]
            n_rows = len(values) - len(others)
            if n_rows > 1 and len(others) and _is_far(value, n_rows, others):
                exact = self.read_exact(cells)[0][arrays[0] == value][0]
                return self.remark_far([int(exact) if exact.is_integer() else float(exact)], n_rows)
        # Few columns are so coarse that their exact numbers are needed.
        if np.spacing(np.abs(values).max()) <= _COARSE * values.std(dtype=np.float64):
            return ""
        exact = self.read_exact(cells)[0]
        exact = exact[np.isfinite(exact)]
        is_noise = np.ptp(exact) <= _FLOAT64_NOISE * np.abs(exact).max()
        is_noise &= not pa.types.is_integer(cells.type)
        if is_noise or len(np.unique(self.split(exact)[0])) == len(np.unique(exact)):
            return ""
        return (
            f"{self.name}: float32, in which networks compute, cannot distinguish numbers so large "
            "and so close together. Subtract a fixed number from each, here and in rows to predict "
            "alike."
        )


def find_row_number(cells: Cells) -> str:
    """Why a column only numbers or names its rows, and how to use it; empty if it does not."""
    n_rows = len(cells)
    if not pa.types.is_integer(cells.type) or cells.is_category or n_rows < _FEWEST_NUMBERED:
        return ""
    start, end = pc.min_max(cells.values).as_py().values()
    is_counted = start in (0, 1) or (start >= _LEAST_ID and not _FIRST_YEAR <= end <= _LAST_YEAR)
    is_counted &= end == start + n_rows - 1
    is_named = bool(_ID_NAMES.fullmatch(cells.name))
    if not (is_counted or is_named) or len(cells.distinct) < n_rows:
        return ""
    how = "by its name" if is_named else f"counted from {start}"
    what = f"{n_rows:,} distinct numbers in {n_rows:,} rows: an identifier {how}"
    if is_counted and start in (0, 1):
        what = f"a row number, counted from {start}"
    return f"{what}; to use it: {write_use(cells.name, 'float_normalized')}"


def find_fill(values: NDArray[Any], strategy: str) -> float:
    """The number that replaces a missing one (NaN) of training rows: as scikit-learn's imputer."""
    known = values[~np.isnan(values)].astype(np.float64)
    if not len(known):
        return 0.0
    if strategy == "most_frequent":
        distinct, counts = np.unique(known, return_counts=True)
        return float(distinct[counts.argmax()])
    return float(np.median(known) if strategy == "median" else known.mean())


def parse_numbers(
    texts: pa.Array, unit: str | None = None, decimal: str = ".", thousands: str | None = None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Texts as numbers, and which of them are not numbers; missing ones are NaN."""
    texts = body = _tidy(texts)
    if unit:
        pattern = re.escape(unit)
        if unit.isalpha() and len(unit) > 2:  # "1 day", "2 days"
            pattern = f"{unit.removesuffix('s')}s?"
        beside = rf"^([+-]?) *{pattern} *([+-]?)| *{pattern}$"
        for form, plain in ((beside, r"\1\2"), _NEGATIVE):
            body = pc.replace_substring_regex(body, form, plain)
        # A unit leaves no doubt that 1,000 is a number, even if training had none so large.
        thousands = thousands or {".": ",", ",": "."}[decimal]
    fits = pc.match_substring_regex(body, _write_shape(decimal, thousands))
    if thousands:
        body = pc.replace_substring(body, thousands, "")
    body = pc.replace_substring(body, decimal, ".")
    body = pc.if_else(fits, body, texts)
    fits = pc.match_substring_regex(body, _NUMBER)
    if unit == "%" or (decimal == "," and not thousands):
        # 0.24 may be 24%, and 1.034 beside 1,5 may be 1034.
        unsure = r"[+-]?0?[.,]0*[1-9][0-9]*" if unit == "%" else POINT_THOUSANDS.pattern
        fits = pc.and_(fits, pc.invert(pc.match_substring_regex(texts, f"^{unsure}$")))
    numbers = pc.if_else(fits, body, pa.scalar(None, body.type)).cast(pa.float64())
    wrong = pc.and_(pc.invert(fits), pc.not_equal(texts, "")).fill_null(False)
    return (
        numbers.to_numpy(zero_copy_only=False).astype(np.float64),
        wrong.to_numpy(zero_copy_only=False),
    )


def are_plain_numbers(texts: pa.Array) -> bool:
    """Whether all texts are numbers and none has leading zeros, as codes do."""
    return bool(len(texts)) and not (has_codes(texts) or parse_numbers(texts)[1].any())


def are_grouped(texts: Sequence[str]) -> bool:
    """Whether points separate thousands: 12.480 and 1.034 next to 410, and no fractions."""
    pointed = [text for text in texts if "." in text]
    others = [text for text in texts if "." not in text]
    return (
        min(len({*pointed}), len({*others})) >= _FEWEST_GROUPED
        and all(map(POINT_THOUSANDS.fullmatch, pointed))
        and all(map(_UNGROUPED.fullmatch, others))
    )


def has_codes(texts: pa.Array) -> bool:
    """Whether a text is a code rather than a number: 007, 0x1F."""
    return bool(pc.any(pc.match_substring_regex(texts, r"^\s*[+-]?0[0-9xX]")).as_py())


def _pick_style(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What ``parse_numbers`` needs to read numbers that are not plain."""
    given = {key: arguments.get(key) for key in _PLAIN_STYLE}
    return {key: mark for key, mark in given.items() if mark and mark != _PLAIN_STYLE[key]}


def _find_style(cells: Cells) -> dict[str, Any]:
    """How most texts of a column write numbers; empty for plain ones."""
    texts = _tidy(cells.distinct[:_MOST_LOOKED_AT]).to_pylist()
    found = [match for match in map(_WRITTEN.fullmatch, texts) if match]
    units = Counter(match["before"] or match["before2"] or match["after"] or "" for match in found)
    units = Counter({u: n for u, n in units.items() if u and u.lower() not in _NO_UNITS})
    unit = units.most_common(1)[0][0] if units else None
    if unit and " " in unit and 2 * units[unit] < len(found):
        unit = None  # "3 or more" next to 0, 1 and 2
    bodies = [match["body"] + (match["power"] or "") for match in found]
    decimal, thousands = _find_marks(bodies, cells.notation)
    return _pick_style({"unit": unit, "decimal": decimal, "thousands": thousands})


def _find_marks(bodies: Sequence[str], notation: Notation) -> tuple[str, str | None]:
    """The decimal and the thousands mark that most of some numbers have."""
    usual = (notation.decimal, notation.thousands)
    if usual == (".", None) and are_grouped(bodies):
        return ",", "."
    marked = [body for body in bodies if not body.isdigit()]
    # Where two fit equally, the file's own decimal mark decides what 1,234 means.
    other = "," if notation.decimal == "." else "."
    choices = [usual, (notation.decimal, other), (other, None), (other, notation.decimal)]
    choices += [(decimal, mark) for decimal in (notation.decimal, other) for mark in (" ", "'")]

    def count_fitting(marks: tuple[str, str | None]) -> int:
        shape = re.compile(_write_shape(*marks))
        return sum(map(bool, map(shape.match, marked)))

    return max(choices, key=count_fitting)


def _write_shape(decimal: str, thousands: str | None) -> str:
    """A regular expression, for Python and RE2, of numbers with these marks."""
    point = re.escape(decimal)
    whole = "[0-9]+"
    if thousands:
        mark = re.escape(thousands)
        whole = rf"(?:[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+|[0-9]+)"
        if thousands == ",":  # 12,34,567, as India writes it
            whole = rf"(?:[1-9][0-9]?(?:,[0-9]{{2}})+,[0-9]{{3}}|{whole})"
    power = "(?:[eE][+-]?[0-9]+)?"  # which 1,234,567 never has
    plain = rf"(?:[0-9]+(?:{point}[0-9]*)?|{point}[0-9]+){power}"
    return rf"^[+-]?(?:{plain}|{whole}(?:{point}[0-9]*)?)$"


def _tidy(texts: pa.Array) -> pa.Array:
    """Texts with plain spaces, apostrophes and minus signs, and -5 for (5)."""
    texts = pc.utf8_trim_whitespace(texts.cast(pa.large_string()))
    if pc.any(pc.match_substring_regex(texts, r"^\(|[^ -~]")).as_py():
        for pattern, plain in _PLAIN_FORMS:
            texts = pc.replace_substring_regex(texts, pattern, plain)
    return texts


def _hint_at_marks(cells: Cells) -> Finding | None:
    """A hint on numbers that cannot be read, such as 3.5K and 200, ~12, or 1.5 and 2,5."""
    names = cells.names[:_MOST_LOOKED_AT]
    marked = [name for name in names if not _IN_EITHER_NOTATION.fullmatch(name)]
    if len(names) <= _FEW_NUMBERS or not all(map(_MARKED.fullmatch, marked)):
        return None
    shown = " and ".join(write_value(name) for name in (marked or names)[:2])
    hint = f"numbers with marks, such as {shown}; write them as plain numbers to use them"
    return Finding(None, hint=hint)


def _is_far(value: float, n_rows: int, others: NDArray[Any]) -> bool:
    """Whether a value that occurs in several rows is far from all others, as -999 is."""
    first, last = float(others.min()), float(others.max())
    gap, spread = max(first - value, value - last), last - first
    # Where all else is above zero, a number below that is the most frequent is not an amount.
    may_be_odd = value < 0 <= first and gap > 0.05 * spread
    if gap <= spread and not may_be_odd:
        return False
    counts = np.unique(others, return_counts=True)[1]
    is_far = gap > spread or n_rows > 2 * int(counts.max())
    return is_far and len(counts) >= _FEWEST_BESIDE_SENTINEL
