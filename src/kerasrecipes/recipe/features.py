"""Feature types of columns: the words of ``dataset.features`` and their arguments."""

from __future__ import annotations

import math
import re
from typing import Any

_NUMBER_STYLE = {"unit": None, "decimal": None, "thousands": None}

FEATURES: dict[str, dict[str, Any]] = {
    "float": {**_NUMBER_STYLE},
    "float_normalized": {**_NUMBER_STYLE},
    "float_rescaled": {"scale": 1.0, "offset": 0.0, **_NUMBER_STYLE},
    "float_discretized": {"num_bins": 10, **_NUMBER_STYLE},
    "string_categorical": {"max_tokens": 100},
    "string_hashed": {"num_bins": 32},
    "integer_categorical": {"max_tokens": 100},
    "integer_hashed": {"num_bins": 32},
    "boolean": {},
    "date": {"format": None},
    "text": {
        "max_tokens": 1000,
        "output_mode": "tf_idf",
        "ngrams": None,
        "output_sequence_length": None,
        "split": "whitespace",
        "standardize": "lower_and_strip_punctuation",
    },
}
"""Feature types, with the arguments that each word takes and their defaults: those of
``keras.utils.FeatureSpace``, ``TextVectorization``'s for text, and two of ours, boolean and date.
Numbers may be texts with a unit, such as "$", a decimal comma, or marks between thousands."""

DATE_DIRECTIVES = "YyqmdbBaAHIMSfpzZ"
"""Those of ``strptime`` in the format of a date, and q for a quarter."""

_TEXTS = {"format": "%d/%m/%Y", "unit": "kg"}
_OUTPUT_MODES = ("tf_idf", "count", "multi_hot", "int")


def find_rule(arguments: dict[str, Any], argument: str) -> str:
    """The rule that the value of one of a feature's arguments breaks, or ""."""
    value = arguments[argument]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    directives = re.findall("%(.?)", str(value))
    n_known = len({*directives} & {*DATE_DIRECTIVES})  # each once
    match argument:
        case "format" | "unit" if not isinstance(value, str):
            return f"must be text such as '{_TEXTS[argument]}'"
        case "format" if not 0 < len(directives) == n_known:
            return f"must have directives of strptime, each once: %{', %'.join(DATE_DIRECTIVES)}"
        case "output_mode" if value not in _OUTPUT_MODES:
            return f"must be {' or '.join(_OUTPUT_MODES)}"
        case "decimal" if value not in (".", ","):
            return "must be '.' or ','"
        case "thousands" if not (isinstance(value, str) and len(value) == 1):
            return "must be one character, such as ','"
        case "thousands" if value == arguments.get("decimal", "."):
            return "must differ from decimal"
        case "num_bins" | "max_tokens" if not (type(value) is int and value >= 2):
            return "must be a whole number of 2 or more"
        case "scale" | "offset" if not (is_number and math.isfinite(value)):
            return "must be a finite number"
        case "scale" if not value:
            return "must not be 0, since every value would become the same"
    return ""
