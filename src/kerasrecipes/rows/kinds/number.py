"""Columns of numbers, plain or written with a unit, a decimal comma or thousands marks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self
from unicodedata import decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kerasrecipes.recipe.yaml_file import write_value
from kerasrecipes.rows.cells import Cells, Notation, is_text
from kerasrecipes.rows.kinds.base import Column, Finding, NumberCode
from kerasrecipes.rows.kinds.date_formats import find_format_of_numbers
from kerasrecipes.rows.words import SHOWN, write_use

FEW_NUMBERS = 20
"""Few distinct numbers among words may be categories, such as 0, 1, 2 and "3 or more"."""

_FEW_CODES = 100
_MOST_LOOKED_AT = 2_000
_RARE = 0.01
_FEWEST_BESIDE_SENTINEL, _FEWEST_BESIDE_ZERO, _MOST_EMPTY = 5, 20, 0.1
_FEWEST_BARE, _OTHER_SIZE = 3, 10
_LEAST_DATE = 1900

_FEWEST_GROUPED = 3
_GROUPED = re.compile(r"[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+")
_UNGROUPED = re.compile(r"[+-]?[0-9]{1,3}")

_NEGATIVES = ((r"^\(([^()+-]*)\)$", r"-\1"), (r"^([0-9][0-9.,' ]+)-$", r"-\1"))
"""Negative numbers as bookkeepers write them; 2- may be a grade."""
_PLAIN_FORMS = (
    ("[\u00a0\u2007\u2009\u202f]", " "), ("[\u2212\u2013]", "-"), ("’", "'"), ("/-$", ""),
    ("^'([0-9+-])", r"\1"), ("^([+-]) +", r"\1"), *_NEGATIVES,
)  # fmt: skip
"""Patterns of spaces, minus signs and so on, and what they are replaced by."""
_OTHER_FORMS = "[\uff01-\uff5e\u0660-\u0e59]"
_PLAIN_CHARACTERS = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_PLAIN_CHARACTERS |= {
    code: str(decimal(chr(code))) for code in range(0x660, 0xE5A) if chr(code).isdecimal()
}
_PLAIN_CHARACTERS |= {0x66A: "%", 0x66B: ".", 0x66C: ","}
"""Characters as wide as a Chinese one, and digits from Arabic to Thai, as plain ones."""
_PLAIN = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
_NUMBER = rf"^{_PLAIN}$|^[+-]?(inf|Infinity)$|^(nan|NaN)$"
_CODES = (
    "AED|ARS|AUD|BDT|BGN|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EGP|EUR|GBP|HKD|HUF|IDR|ILS|INR|JPY|KES|"
    "KRW|MXN|MYR|NGN|NOK|NZD|PEN|PHP|PKR|PLN|QAR|RMB|RON|RUB|SAR|SEK|SGD|THB|TRY|TWD|UAH|USD|VND|ZAR"
)
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
_NUMBER_INSIDE, _DIGIT = re.compile(r"[0-9]+(?:[.,][0-9]+)?"), re.compile("[0-9]")
_IN_EITHER_NOTATION = re.compile(r"[+-]?(0|[1-9][0-9]*)([.,][0-9]+)?")
_NO_UNITS = frozenset(
    [
        *("am", "pm", "st", "nd", "rd", "th", "e", "x", "k", "m", "bn"),
        *("plus", "over", "up", "under", "이상", "이하", "초과", "미만"),
    ]
)
"""Endings that change what a number means, or make it the name of a thing."""


@dataclass(frozen=True)
class NumberStyle:
    """How numbers are written.

    Attributes:
        unit: A currency or unit in front of the digits or behind them; None for none.
        decimal: The mark before the fraction.
        thousands: The mark between groups of three digits; None for none.
    """

    unit: str | None = None
    decimal: str = "."
    thousands: str | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of a feature whose numbers are written so; none for plain numbers."""
        return {key: getattr(self, key) for key in _STYLE_KEYS
                if getattr(self, key) != getattr(NumberStyle, key)}  # fmt: skip

    def describe(self) -> str:
        """Describe the text around the digits: "$, and ',' between thousands"."""
        marks = [f"'{self.unit}'"] if self.unit else []
        marks += ["a decimal comma"] if self.decimal == "," else []
        named = {" ": "spaces", ",": "commas", ".": "points"}
        between = named.get(self.thousands or "", f"{self.thousands}")
        marks += [f"{between} between thousands"] if self.thousands else []
        return " and ".join(marks)

    def parse(self, texts: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Texts as numbers, and which of them are not numbers; missing ones are NaN.

        Args:
            texts: Of text, or of another type that can be written as text.
        """
        texts = body = _tidy(texts)
        if self.unit:
            unit = re.escape(self.unit)
            if self.unit.isalpha() and len(self.unit) > 2:  # "1 day", "2 days"
                unit = f"{self.unit.removesuffix('s')}s?"
            for pattern, plain in (
                (rf"^{unit} *-$", "0"),  # as accountants write
                (rf"^([+-]?) *{unit} *([+-]?)", r"\1\2"),
                (rf" *{unit}$", ""),
                *_NEGATIVES,
            ):
                body = pc.replace_substring_regex(body, pattern, plain)
        # A unit leaves no doubt that 1,000 is a number, even if training had none so large.
        usual = {".": ",", ",": "."}[self.decimal] if self.unit else None
        thousands = self.thousands or usual
        fits = pc.match_substring_regex(body, replace(self, thousands=thousands).write_shape())
        if thousands:
            body = pc.replace_substring(body, thousands, "")
        body = pc.replace_substring(body, self.decimal, ".")
        body = pc.if_else(fits, body, texts)
        fits = pc.match_substring_regex(body, _NUMBER)
        numbers = pc.if_else(fits, body, pa.scalar(None, body.type)).cast(pa.float64())
        wrong = pc.and_(pc.invert(fits), pc.not_equal(texts, "")).fill_null(False)
        return (
            numbers.to_numpy(zero_copy_only=False).astype(np.float64),
            wrong.to_numpy(zero_copy_only=False),
        )

    def write_shape(self) -> str:
        """A regular expression, for Python and RE2, of such numbers without their unit."""
        point = re.escape(self.decimal)
        whole = "[0-9]+"
        if self.thousands:
            mark = re.escape(self.thousands)
            whole = rf"(?:[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+|[0-9]+)"
            if self.thousands == ",":  # 12,34,567, as India writes it
                whole = rf"(?:[1-9][0-9]?(?:,[0-9]{{2}})+,[0-9]{{3}}|{whole})"
        power = "(?:[eE][+-]?[0-9]+)?"  # which 1,234,567 never has
        plain = rf"(?:[0-9]+(?:{point}[0-9]*)?|{point}[0-9]+){power}"
        return rf"^[+-]?(?:{plain}|{whole}(?:{point}[0-9]*)?)$"


_STYLE_KEYS = tuple(field.name for field in fields(NumberStyle))


class NumberColumn(Column):
    """Numbers, as float32; NaN where a value is missing."""

    kind: ClassVar[str] = "number"
    words: ClassVar[Mapping[str, str]] = {
        "float": "number, as it is",
        "float_normalized": "number, standardised",
        "float_rescaled": "number, times {scale:g} plus {offset:g}",
        "float_discretized": "number, in {num_bins:,} bins",
    }

    @property
    def expected(self) -> str:
        marks = self.style.describe()
        return f"numbers, which may have {marks}" if marks else "numbers"

    @property
    def style(self) -> NumberStyle:
        """How its texts are written."""
        given = {key: self.arguments.get(key) for key in _STYLE_KEYS}
        return NumberStyle(**{key: value for key, value in given.items() if value is not None})

    @property
    def is_plain(self) -> bool:
        """Whether its texts are plain numbers, which a parser of CSV reads."""
        return not self.style.arguments

    @classmethod
    def recognise(cls, cells: Cells) -> Finding | None:
        """Recognise numbers by their type, or texts of which nearly all are numbers."""
        if cells.is_number and not cells.is_category:
            return Finding(cls(cells.name, "float_normalized", reason="number"))
        if not cells.is_text or cells.is_category or not len(cells.distinct):
            return None
        style = find_style(cells)
        numbers, wrong = style.parse(cells.distinct)
        texts = cells.distinct.filter(pa.array(~wrong))
        wrong &= ~cells.are_kept
        n_wrong = int(cells.counts[wrong].sum())
        if len(texts) < 2 or has_codes(_tidy(texts)) or 2 * n_wrong >= cells.n_values:
            return _hint_at_marks(cells)
        reason = f"number, written {f'with {style.describe()}' if style.arguments else 'as text'}"
        column = cls(cells.name, "float_normalized", style.arguments, reason=reason)
        words = cells.take_names(wrong)
        fix = "fix them" if len(words) > SHOWN else ""
        if style.unit and any(map(_WRITTEN.fullmatch, _tidy(pa.array(words)).to_pylist())):
            fix = f"write all in {style.unit}"
        finding = column.report_wrong(cells, wrong, fix)
        is_rare = n_wrong <= max(2, _RARE * cells.n_values)
        are_numbers = not n_wrong or is_rare or len(np.unique(numbers[~wrong])) > FEW_NUMBERS
        if are_numbers and _are_quantities(cells, style, texts):
            return finding
        whole = (
            "whole numbers, written as text; if they are amounts, write float_normalized, or "
            "task: regression for a target"
        )
        return Finding(None, hint=finding.hint or whole)

    @classmethod
    def take(cls, cells: Cells, feature: str, arguments: Mapping[str, Any]) -> Self:
        column = super().take(cells, feature, arguments)
        if not cells.is_text or {*_STYLE_KEYS} & {*arguments}:
            return column
        return replace(column, arguments={**column.arguments, **find_style(cells).arguments})

    def read(self, cells: Cells) -> tuple[list[NDArray[Any]], str]:
        if not cells.is_number:
            return super().read(cells)
        values = cells.values
        if pa.types.is_decimal(values.type):
            values = values.cast(pa.float64())
        return [values.cast(pa.float32(), safe=False).to_numpy()], ""

    def read_exact(self, cells: Cells) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Numbers in float64, of shape (n_rows,), NaN where missing; and which texts are wrong.

        Returns:
            The numbers, and a mask over ``cells.distinct``; an empty one where types say that all
            are numbers.
        """
        if cells.is_number:
            numbers = cells.values.cast(pa.float64(), safe=False).to_numpy()
            return numbers, np.zeros(0, dtype=bool)
        by_code, wrong = self._parse_distinct(cells)
        return np.append(by_code, np.nan)[cells.codes], wrong

    def read_distinct(self, cells: Cells) -> tuple[list[NDArray[Any]], NDArray[np.bool_]]:
        numbers, wrong = self._parse_distinct(cells)
        with np.errstate(over="ignore"):
            return [np.append(numbers, np.nan).astype(np.float32)], wrong

    def _parse_distinct(self, cells: Cells) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        if pa.types.is_boolean(cells.type) or pa.types.is_null(cells.type):
            numbers = np.array(cells.distinct.to_pylist(), np.float64)
            return numbers, np.zeros(len(numbers), dtype=bool)
        style = self.style
        if self.is_plain:  # the file's own marks, such as a decimal comma
            style = NumberStyle(None, cells.notation.decimal, cells.notation.thousands)
        numbers, wrong = style.parse(cells.distinct)
        wrong &= ~cells.are_kept
        # missing_values: [-999] means "-999.00" too, as it does where the file has types.
        is_missing = np.isin(numbers, cells.notation.missing.numbers)
        return np.where(is_missing, np.nan, numbers), wrong

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
        """What hardly belongs here: dates, another unit, or a value far from all others."""
        values = arrays[0][np.isfinite(arrays[0])]
        if not len(values):
            return ""
        if remark := self._compare_sizes(cells):
            return remark
        lowest, highest = values.min(), values.max()
        if lowest >= _LEAST_DATE and cells.is_number and self.feature == "float_normalized":
            exact = self.read_exact(cells)[0]
            if date_format := find_format_of_numbers(exact[np.isfinite(exact)]):
                use = write_use(self.name, {"date": {"format": date_format}})
                return f"{self.name}: the numbers look like dates. If they are, write {use}."
        for value, is_other in ((lowest, values > lowest), (highest, values < highest)):
            n = len(values) - int(is_other.sum())
            if 1 < n < len(values) and _is_far(value, n, values[is_other]):
                others = values[is_other]
                number = float(self.read_exact(cells)[0][arrays[0] == value][0])
                if number == float(value):
                    number = float(str(value))  # NumPy writes a float32's own digits, 0.1
                shown = int(number) if number.is_integer() and abs(number) < 1e15 else number
                # Other columns have zeros, too.
                remedy = (
                    f"write missing_values: [{shown}] and"
                    if shown
                    else "empty these cells and write"
                )
                return (
                    f"{self.name}: {shown} is far from all other values ({others.min():g} to "
                    f"{others.max():g}) and occurs in {n:,} rows. If it means missing, {remedy} "
                    "missing: median."
                )
        return ""

    def _compare_sizes(self, cells: Cells) -> str:
        """Numbers with the unit and without it that differ in size, such as 50% and 0.5."""
        unit = self.style.unit
        if not unit or not cells.is_text:
            return ""
        numbers = self._parse_distinct(cells)[0]
        has_unit = pc.match_substring(_tidy(cells.distinct), unit.removesuffix("s"))
        is_bare, is_known = ~has_unit.to_numpy(zero_copy_only=False), np.abs(numbers) > 0
        if min(np.count_nonzero(is_known & each) for each in (is_bare, ~is_bare)) < _FEWEST_BARE:
            return ""
        sizes = [np.median(np.abs(numbers[is_known & each])) for each in (is_bare, ~is_bare)]
        if max(sizes) < _OTHER_SIZE * min(sizes):
            return ""
        return (
            f"{self.name}: {cells.show_first(is_known & is_bare)} and others have no '{unit}' and "
            "differ in size from those that have it, but are read alike. Write all in the same way."
        )


def find_fill(values: NDArray[Any], strategy: str) -> float:
    """The number that replaces a missing one, in the words of scikit-learn's SimpleImputer.

    Args:
        values: Of training rows, of shape (n_rows,); NaN where one is missing.
        strategy: median, mean or most_frequent.
    """
    known = values[~np.isnan(values)].astype(np.float64)
    if not len(known):
        return 0.0
    if strategy == "most_frequent":
        distinct, counts = np.unique(known, return_counts=True)
        return float(distinct[counts.argmax()])
    return float(np.median(known) if strategy == "median" else known.mean())


def find_style(cells: Cells) -> NumberStyle:
    """How most texts of a column write numbers."""
    texts = _tidy(cells.distinct[:_MOST_LOOKED_AT]).to_pylist()
    found = [match for match in map(_WRITTEN.fullmatch, texts) if match]
    units = Counter(match["before"] or match["before2"] or match["after"] or "" for match in found)
    units = Counter({u: n for u, n in units.items() if u and u.lower() not in _NO_UNITS})
    unit = units.most_common(1)[0][0] if units else None
    if unit and " " in unit and 2 * units[unit] < len(found):
        unit = None  # "3 or more" next to 0, 1 and 2
    bodies = [match["body"] + (match["power"] or "") for match in found]
    decimal, thousands = _find_marks(bodies, cells.notation)
    return NumberStyle(unit, decimal, thousands)


def are_plain_numbers(texts: pa.Array) -> bool:
    """Whether all texts are numbers and none has leading zeros, as codes do."""
    if not len(texts) or not is_text(texts.type):
        return False
    return not NumberStyle().parse(texts)[1].any() and not has_codes(texts)


def are_grouped(texts: Sequence[str]) -> bool:
    """Whether points separate thousands: 12.480 and 1.034 next to 410, and no fractions."""
    pointed = [text for text in texts if "." in text]
    others = [text for text in texts if "." not in text]
    return (
        min(len({*pointed}), len({*others})) >= _FEWEST_GROUPED
        and all(map(_GROUPED.fullmatch, pointed))
        and all(map(_UNGROUPED.fullmatch, others))
    )


def has_codes(texts: pa.Array) -> bool:
    """Whether a text is a code rather than a number: 007, 0x1F."""
    return bool(pc.any(pc.match_substring_regex(texts, r"^\s*[+-]?0[0-9xX]")).as_py())


def _tidy(texts: pa.Array) -> pa.Array:
    """Texts with plain digits, spaces, apostrophes and minus signs, and -5 for (5) and 5-."""
    texts = pc.utf8_trim_whitespace(texts.cast(pa.large_string()))
    if pc.any(pc.match_substring_regex(texts, _OTHER_FORMS)).as_py():
        translated = [text and text.translate(_PLAIN_CHARACTERS) for text in texts.to_pylist()]
        texts = pa.array(translated, texts.type)
    if pc.any(pc.match_substring_regex(texts, r"^[(']|^[+-] |-$|[^ -~]")).as_py():
        for pattern, plain in _PLAIN_FORMS:
            texts = pc.replace_substring_regex(texts, pattern, plain)
    return texts


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
        shape = re.compile(NumberStyle(None, *marks).write_shape())
        return sum(map(bool, map(shape.match, marked)))

    return max(choices, key=count_fitting)


def _hint_at_marks(cells: Cells) -> Finding | None:
    """A hint on numbers that cannot be read: 3.5K and 200, ~12, 1.5 and 2,5; 120/80, 4.1 ± 0.2."""
    names = cells.names[:_MOST_LOOKED_AT]
    if len(names) <= FEW_NUMBERS:
        return None
    marked = [name for name in names if not _IN_EITHER_NOTATION.fullmatch(name)]
    if all(map(_MARKED.fullmatch, marked)):
        shown = " and ".join(write_value(name) for name in (marked or names)[:2])
        hint = f"numbers with marks, such as {shown}; write them as plain numbers to use them"
        return Finding(None, hint=hint)
    (shape, *others) = {_NUMBER_INSIDE.sub("0", name) for name in names}
    # Phone numbers and other codes have as many digits each; addresses and versions have points.
    are_alike = len({_DIGIT.sub("0", name) for name in names}) == 1 and "." not in names[0]
    is_code = are_alike or shape[0].isalpha() or not shape.strip("0.")
    if others or is_code or shape.count("0") not in (2, 3):
        return None
    hint = f"several numbers each, such as {write_value(names[0])}; write a column for each"
    return Finding(None, hint=f"{hint} to use them")


def _are_quantities(cells: Cells, style: NumberStyle, texts: pa.Array) -> bool:
    """Whether texts that are numbers count or measure; a few small whole ones may be codes."""
    if style.unit or style.thousands or not cells.notation.has_types:
        return True
    are_whole = all(text.lstrip("+-").isdigit() for text in texts.to_pylist())
    are_unlike = len(texts) > FEW_NUMBERS and 2 * len(texts) > cells.n_values
    return not are_whole or len(texts) > _FEW_CODES or are_unlike


def _is_far(value: float, n: int, others: NDArray[Any]) -> bool:
    """Whether a value that occurs n times is far from all others, as -999 is and 0 may be."""
    first, last = float(others.min()), float(others.max())
    gap, spread = max(first - value, value - last), last - first
    # Where all else is above zero, a number below that is the most frequent is not an amount.
    may_be_odd = value < 0 <= first and gap > 0.05 * spread
    # As a size or a weight, 0 is no amount where many others begin well above it; if it is
    # frequent, it means none.
    may_be_empty = value == 0 and gap > 0.2 * spread and n <= _MOST_EMPTY * len(others)
    if gap <= spread and not (may_be_odd or may_be_empty):
        return False
    counts = np.unique(others, return_counts=True)[1]
    if may_be_empty and len(counts) >= _FEWEST_BESIDE_ZERO:
        return True
    return len(counts) >= _FEWEST_BESIDE_SENTINEL and (gap > spread or n > 2 * int(counts.max()))
