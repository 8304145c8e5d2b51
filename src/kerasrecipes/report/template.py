"""Jinja as all pages use it, and a page in a notebook."""

from __future__ import annotations

import base64
import html
import re
from functools import cache
from pathlib import Path

from jinja2 import ChainableUndefined, ChoiceLoader, Environment, PackageLoader
from markupsafe import Markup, escape

from kerasrecipes.recipe.names import make_lines_printable
from kerasrecipes.report.words import write_seconds
from kerasrecipes.rows.words import count


@cache
def get_environment(package: str = "kerasrecipes.report") -> Environment:
    """Jinja with a package's templates, shared templates and filters; it escapes all values."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("kerasrecipes.report")]),
        autoescape=True,
        undefined=ChainableUndefined,  # an interrupted run lacks facts that a finished one has
        # Markup is a str of another type.
        finalize=lambda value: make_lines_printable(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "breakable": _allow_breaks,
        "count": count,
        "data_uri": lambda svg: f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}",
        "duration": write_seconds,
    }
    return environment


def frame_page(file: Path, title: str) -> str:
    """Write a page as a frame, for notebooks."""
    page, name = map(html.escape, (file.read_text(encoding="utf-8"), title))
    return (
        f'<iframe srcdoc="{page}" title="{name}" sandbox '
        'style="width: 100%; height: 640px; border: 0"></iframe>'
    )


def _allow_breaks(text: str) -> Markup:
    """Let lines break inside names such as ``SGD(learning_rate=0.1)``, after a mark."""
    escaped = str(escape(make_lines_printable(text)))
    return Markup(re.sub(r"(_|(?<=\w)\(|\.(?=[a-z]))", r"\1<wbr>", escaped))
