"""Jinja as all pages use it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import ChainableUndefined, ChoiceLoader, Environment, PackageLoader

from kerasrecipes.report import words


@cache
def get_environment(package: str = "kerasrecipes.report") -> Environment:
    """Jinja with a package's templates, those that all pages share, and filters; escapes all."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("kerasrecipes.report")]),
        autoescape=True,
        undefined=ChainableUndefined,  # an interrupted run lacks facts that a finished one has
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": words.write_count,
        "data_uri": _to_data_uri,
        "duration": words.write_seconds,
        "number": words.write_number,
        "shape": _write_shape,
        "size": words.write_bytes,
    }
    return environment


def _to_data_uri(image: bytes) -> str:
    kind = "svg+xml" if image.startswith(b"<svg") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(image).decode('ascii')}"


def _write_shape(shape: Sequence[Any]) -> str:
    return " × ".join("any" if size is None else str(size) for size in shape)
