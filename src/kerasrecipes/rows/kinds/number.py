"""Columns of numbers, plain or written with a unit, a decimal comma or thousands marks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kerasrecipes.recipe.schema import FEATURES
from kerasrecipes.recipe.yaml_file import write_value
from kerasrecipes.rows.cells import Cells, Notation, is_text, is_usable
from kerasrecipes.rows.kinds.base import Column, Finding, Kind, NumberCode, describe_share
from kerasrecipes.rows.kinds.date_formats import find_format_of_numbers
from kerasrecipes.rows.words import SHOWN, write_use

FEW_NUMBERS = 20
"""Few distinct numbers beside words may be categories, such as 0, 1, 2 and "3 or more"."""

_FEW_CODES = 100
_MOST_LOOKED_AT = 2_000
_RARE = 0.01
_FEWEST_BESIDE_SENTINEL = 5

_FEWEST_GROUPED = 3
_GROUPED = re.compile(r"[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+")
_UNGROUPED = re.compile(r"[+-]?[0-9]{1,3}")

_SPACES = "\u00a0\u2007\u2009\u202f"
_MINUS = "[\u2212\u2013]"
_IN_BRACKETS = r"^\(([^()+-]*)\)$"
"""How bookkeepers write what is below zero."""
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
    r"(?=.*[^\d\s.,'+-])[^\w+(-]{0,3}[+-]?[0-9]+(?:[.,'][0-9]+)*\s*[^\d:/,-]{0,5}[23]?"
)
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
    def is_plain(self) -> bool:
        """Whether numbers are written as Python writes them."""
        return self == NumberStyle()

    def describe(self) -> str:
        """What is written beside the digits, in words: "$, and ',' between thousands"."""
        marks = [f"'{self.unit}'"] if self.unit else []
        marks += ["a decimal comma"] if self.decimal == "," else []
        named = {" ": "spaces", ",": "commas", ".": "points"}
        between = named.get(self.thousands or "", f"{self.thousands}")
        marks += [f"{between} between thousands"] if self.thousands else []
        return " and ".join(marks)


class NumberColumn(Column):
    """Numbers, as float32; NaN where a value is missing."""

    kind: ClassVar[Kind] = "number"
    expected: ClassVar[str] = "numbers"
    words: ClassVar[tuple[str, ...]] = tuple(word for word in FEATURES if word.startswith("float"))

    @property
    def style(self) -> NumberStyle:
        """How its texts are written."""
        return NumberStyle(**{key: self.arguments[key] for key in asdict(NumberStyle())
                              if self.arguments.get(key) is not None})  # fmt: skip

    @property
    def is_plain(self) -> bool:
        """Whether its texts are plain numbers, which a parser of CSV reads."""
        return self.style.is_plain

    @classmethod
    def recognise(cls, cells: Cells) -> Finding | None:
        """Recognise numbers by their type, or texts of which nearly all are numbers."""
        if cells.is_number and not cells.is_category:
            return Finding(cls(cells.name, "float_normalized", reason="number"))
        if not cells.is_text or cells.is_category or not len(cells.distinct):
            return None
        style = find_style(cells)
        numbers, wrong = parse_numbers(cells.distinct, style)
        texts = cells.distinct.filter(pa.array(~wrong))
        wrong &= ~cells.are_kept
        if len(texts) < 2 or has_codes(texts):
            return _hint_at_marks(cells)
        column = cls(cells.name, "float_normalized", _write_style(style), reason=_explain(style))
        finding = column._judge_words(cells, numbers, wrong) if wrong.any() else Finding(column)
        if finding is None or _are_quantities(cells, style, texts):
            return finding
        return Finding(None, hint=finding.hint)

    @classmethod
    def take(cls, cells: Cells, feature: str, arguments: Mapping[str, Any]) -> Self:
        column = super().take(cells, feature, arguments)
        if not cells.is_text or {*asdict(NumberStyle())} & {*arguments}:
            return column
        style = find_style(cells)
        return replace(column, arguments={**column.arguments, **_write_style(style)})

    def accepts(self, kind: pa.DataType) -> bool:
        return is_usable(kind) and not pa.types.is_temporal(kind)

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
        if style.is_plain:  # the file's own marks, such as a decimal comma
            style = NumberStyle(None, cells.notation.decimal, cells.notation.thousands)
        numbers, wrong = parse_numbers(cells.distinct, style)
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

    def describe_wrong(self, cells: Cells, wrong: NDArray[np.bool_]) -> str:
        marks = self.style.describe()
        text = super().describe_wrong(cells, wrong)
        return text.replace("numbers", f"numbers, which may have {marks}", 1) if marks else text

    def remark(self, cells: Cells) -> str:
        """Numbers that look like dates; or a value that recurs far from all others, as -999."""
        numbers, _ = self.read_exact(cells)
        if (date_format := find_format_of_numbers(numbers)) and not self.arguments:
            use = write_use(self.name, {"date": {"format": date_format}})
            return f"{self.name}: the numbers look like dates. If they are, write {use}."
        values, counts = np.unique(numbers[np.isfinite(numbers)], return_counts=True)
        if len(values) <= _FEWEST_BESIDE_SENTINEL:
            return ""
        for i, nearest, others in ((0, 1, values[1:]), (-1, -2, values[:-1])):
            gap, spread = abs(values[i] - values[nearest]), others[-1] - others[0]
            # Where all else is above zero, a number below that is the most frequent is no amount.
            is_odd = i == 0 and values[0] < 0 <= values[1] and counts[0] > 2 * counts[1:].max()
            if counts[i] > 1 and (gap > spread or (is_odd and gap > 0.05 * spread)):
                number = values[i].item()
                is_short = number.is_integer() and abs(number) < 1e15
                value = int(number) if is_short else number
                return (
                    f"{self.name}: {value} is far from all other values ({others[0]:g} to "
                    f"{others[-1]:g}) and occurs in {counts[i]:,} rows. If it means missing, write "
                    f"missing_values: [{value}] and missing: median."
                )
        return ""

    def _judge_words(
        self, cells: Cells, numbers: NDArray[np.float64], wrong: NDArray[np.bool_]
    ) -> Finding | None:
        """Whether a column of numbers and words is one of numbers with a few wrong cells."""
        n_wrong, n_values = int(cells.counts[wrong].sum()), cells.n_values
        if 2 * n_wrong >= n_values:
            return _hint_at_marks(cells)
        words = [cells.names[i] for i in np.flatnonzero(wrong)]
        n_numbers = len(np.unique(numbers[~wrong]))
        unit = self.style.unit
        has_units = unit is not None and any(_WRITTEN.fullmatch(_tidy(word)) for word in words)
        are_few = len(words) <= SHOWN and not has_units
        is_rare = n_wrong <= max(2, _RARE * n_values)
        shown = f"{describe_share(n_wrong, n_values)} not {'a ' * (n_wrong == 1)}number"
        shown = shown if n_wrong == 1 else f"{shown}s"
        remedy = f"write all in {unit}" if has_units else "fix them"
        remedy = f"write missing_values: {write_value(words, 200)}" if are_few else remedy
        hint = f"{shown}, such as {cells.show_first(wrong)}; to have numbers: {remedy}"
        if not are_few or not (is_rare or n_numbers > FEW_NUMBERS):
            return Finding(None, hint=hint)
        use = write_use(self.name, "string_categorical")
        problem = (
            f"column {self.name} holds numbers, but {shown}: {cells.show(wrong)}. "
            f"{remedy[0].upper()}{remedy[1:]} and missing: median to fill "
            f"{'it' if n_wrong == 1 else 'them'} in, or {use} to use categories."
        )
        return Finding(self, hint=hint, wrong=tuple(words), problem=problem)


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
    notation = cells.notation
    texts = [_tidy(text) for text in cells.names[:_MOST_LOOKED_AT]]
    found = [match for match in map(_WRITTEN.fullmatch, texts) if match]
    units: Counter[str] = Counter()
    for match in found:
        unit = match["before"] or match["before2"] or match["after"] or ""
        if unit and unit.lower() not in _NO_UNITS:
            units[unit] += 1
    unit = units.most_common(1)[0][0] if units else None
    if unit and " " in unit and 2 * units[unit] < len(found):
        unit = None  # "3 or more" beside 0, 1 and 2
    decimal, thousands = _find_marks([match["body"] for match in found], notation)
    return NumberStyle(unit, decimal, thousands)


def parse_numbers(
    texts: pa.Array, style: NumberStyle
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Texts as numbers, and which of them are none; missing ones are NaN.

    Args:
        texts: Of text, or of another type that can be written as text.
        style: How numbers may be written, beside the plain way.
    """
    texts = texts.cast(pa.large_string())
    texts = pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, _MINUS, "-"))
    texts = pc.replace_substring_regex(texts, _IN_BRACKETS, r"-\1")
    plain = texts
    if not style.is_plain:
        body = pc.replace_substring_regex(texts, f"[{_SPACES}]", " ")
        body = pc.replace_substring(body, "’", "'")
        if style.unit:
            unit = _write_unit(style.unit)
            body = pc.replace_substring_regex(body, rf"^{unit} *-$", "0")  # as accountants write
            body = pc.replace_substring_regex(body, rf"^([+-]?) *{unit} *([+-]?)", r"\1\2")
            body = pc.replace_substring_regex(body, rf" *{unit}$", "")
            body = pc.replace_substring_regex(body, _IN_BRACKETS, r"-\1")
        # A unit leaves no doubt that 1,000 is a number, even if training had none so large.
        usual = {".": ",", ",": "."}[style.decimal] if style.unit else None
        thousands = style.thousands or usual
        shape = _write_shape(replace(style, thousands=thousands))
        fits = pc.match_substring_regex(body, shape)
        if thousands:
            body = pc.if_else(fits, pc.replace_substring(body, thousands, ""), body)
        body = pc.replace_substring(body, style.decimal, ".")
        plain = pc.if_else(fits, body, texts)
    fits = pc.match_substring_regex(plain, _NUMBER)
    numbers = pc.if_else(fits, plain, pa.scalar(None, pa.large_string())).cast(pa.float64())
    wrong = pc.and_(pc.invert(fits), pc.not_equal(texts, "")).fill_null(False)
    return (
        numbers.to_numpy(zero_copy_only=False).astype(np.float64),
        wrong.to_numpy(zero_copy_only=False),
    )


def are_plain_numbers(texts: pa.Array) -> bool:
    """Whether all texts are numbers and none has leading zeros, as codes do."""
    if not len(texts) or not is_text(texts.type):
        return False
    return not parse_numbers(texts, NumberStyle())[1].any() and not has_codes(texts)


def are_grouped(texts: Sequence[str]) -> bool:
    """Whether points stand between thousands: 12.480 and 1.034 beside 410, and no fractions."""
    pointed = [text for text in texts if "." in text]
    others = [text for text in texts if "." not in text]
    return (
        min(len({*pointed}), len({*others})) >= _FEWEST_GROUPED
        and all(map(_GROUPED.fullmatch, pointed))
        and all(map(_UNGROUPED.fullmatch, others))
    )


def has_codes(texts: pa.Array) -> bool:
    """Whether a text is written as no number is: 007, 0x1F."""
    return bool(pc.any(pc.match_substring_regex(texts, r"^\s*[+-]?0[0-9xX]")).as_py())


def _hint_at_marks(cells: Cells) -> Finding | None:
    """A hint where many texts are numbers with marks that cannot be read: 3.5K and 2M, ~12."""
    names = cells.names[:_MOST_LOOKED_AT]
    if len(names) <= FEW_NUMBERS or not all(map(_MARKED.fullmatch, names)):
        return None
    shown = " and ".join(write_value(name) for name in names[:2])
    return Finding(
        None, hint=f"numbers with marks, such as {shown}; write them as plain numbers to use them"
    )


def _tidy(text: str) -> str:
    for space in _SPACES:
        text = text.replace(space, " ")
    return re.sub(_IN_BRACKETS, r"-\1", re.sub(_MINUS, "-", text.replace("’", "'")))


def _find_marks(bodies: Sequence[str], notation: Notation) -> tuple[str, str | None]:
    """The decimal and the thousands mark that most of some numbers have."""
    told = (notation.decimal, notation.thousands)
    if told == (".", None) and are_grouped(bodies):
        return ",", "."
    marked = [body for body in bodies if not body.isdigit()]
    # Where two fit equally, the file's own decimal mark decides what 1,234 means.
    other = "," if notation.decimal == "." else "."
    choices = [told, (notation.decimal, other), (other, None), (other, notation.decimal)]
    choices += [(decimal, mark) for decimal in (notation.decimal, other) for mark in (" ", "'")]
    best, n_best = told, -1
    for decimal, thousands in choices:
        shape = re.compile(_write_shape(NumberStyle(None, decimal, thousands)))
        n_fitting = sum(bool(shape.match(body)) for body in marked)
        if n_fitting > n_best:
            best, n_best = (decimal, thousands), n_fitting
    return best


def _write_unit(unit: str) -> str:
    """A regular expression, for RE2, of a unit; of a word both numbers: "1 day", "2 days"."""
    if unit.isalpha() and len(unit) > 2:
        return f"{unit.removesuffix('s')}s?"
    return re.escape(unit)


def _write_shape(style: NumberStyle) -> str:
    """A regular expression, for Python and RE2, of numbers in a style but for their unit."""
    point = re.escape(style.decimal)
    whole = "[0-9]+"
    if style.thousands:
        mark = re.escape(style.thousands)
        whole = rf"(?:[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+|[0-9]+)"
        if style.thousands == ",":  # 12,34,567, as India writes it
            whole = rf"(?:[1-9][0-9]?(?:,[0-9]{{2}})+,[0-9]{{3}}|{whole})"
    return rf"^[+-]?(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?$"


def _write_style(style: NumberStyle) -> dict[str, Any]:
    """The arguments of a feature whose numbers are written in a style."""
    if style.is_plain:
        return {}
    usual = NumberStyle()
    return {key: value for key, value in asdict(style).items() if value != getattr(usual, key)}


def _explain(style: NumberStyle) -> str:
    marks = style.describe()
    return f"number, written with {marks}" if marks else "number, written as text"


def _are_quantities(cells: Cells, style: NumberStyle, texts: pa.Array) -> bool:
    """Whether texts that are numbers count or measure; a few small whole ones may be codes."""
    if style.unit or style.thousands or not cells.notation.has_types:
        return True
    are_whole = all(text.lstrip("+-").isdigit() for text in texts.to_pylist())
    return not are_whole or len(texts) > _FEW_CODES
