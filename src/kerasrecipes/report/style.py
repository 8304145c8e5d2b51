"""The look that all plots share, and how they are drawn."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours as seaborn's "colorblind" palette has them, and Tol's vibrant red.
COLORS = {"train": "#0173b2", "validation": "#d55e00", "test": "#029e73"}
INK, MUTED, FAINT, WRONG = "#1f2328", "#646c76", "#d9dde2", "#cc3311"

CELL, ON_CELL = "#2b78b8", "#fcfcfc"
"""A full cell, and text on it; neither changes on a dark page."""

SERIES = (
    *("#0173b2", "#d55e00", "#029e73", "#cc78bc"),
    *("#de8f05", "#56b4e9", "#a5683c", "#7f868e"),
)
"""Colours of several lines, of the same palette; neighbours are easy to distinguish."""

_IN_THE_DARK = {
    "#ffffff": "#1c2025",
    INK: "#e7e9ec",
    MUTED: "#a0a8b2",
    FAINT: "#3a4149",
    "#9aa1aa": "#6b747e",
    "#eceef1": "#2b3138",
    WRONG: "#ff8a70",
    "#0173b2": "#4aa3df",
    "#d55e00": "#ef7f30",
    "#029e73": "#2bbd93",
    "#56b4e9": "#9fd6f7",
    "#a5683c": "#c98d62",
}
"""Colours of SVG drawings on a dark page; other colours are used in both modes."""

_SETTINGS = {
    "axes.facecolor": "none",
    "axes.edgecolor": "#9aa1aa",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "figure.dpi": 220,
    "figure.facecolor": "white",
    "font.size": 10,
    "grid.color": "#eceef1",
    "legend.frameon": False,
    "text.color": INK,
    "text.parse_math": False,  # "$5 to $10" is a class name, not mathematics
    "xtick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.color": MUTED,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
}


@dataclass(frozen=True)
class PageFigure:
    """A plot on a page, with its title and texts.

    Attributes:
        title: Its title.
        caption: How to read it.
        alt: Alternative text for readers who cannot see it; empty means the title.
        name: As in the recipe's ``report`` key, with a number if there are several targets.
        panels: SVG drawings, side by side where there is room.
        width: Of a panel, in CSS pixels.
        narrow: The same as one drawing for a narrow screen; empty if ``panels`` serve there too.
        scrolls: Whether a narrow screen scrolls it sideways, so that its text stays readable.
        png: All panels as one PNG file's bytes, for the run folder.
    """

    title: str
    caption: str
    alt: str = ""
    name: str = ""
    panels: tuple[bytes, ...] = ()
    width: int = 0
    narrow: bytes = b""
    scrolls: bool = False
    png: bytes = b""


@contextmanager
def use_style(families: Sequence[str] = ("DejaVu Sans",)) -> Iterator[None]:
    """Draw in the report's style, with these font families, until the block ends."""
    import matplotlib as mpl

    with mpl.rc_context({**_SETTINGS, "font.family": list(families)}):
        yield


def new_figure(width: float, height: float) -> Figure:
    """Make a figure of a size in inches, outside pyplot's global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


def render_png(panels: Sequence[Figure]) -> bytes:
    """Draw figures of one size below each other, as one PNG file's bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    images = []
    for figure in panels:
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        images.append(np.asarray(canvas.buffer_rgba())[..., :3])
    file = io.BytesIO()
    Image.fromarray(np.vstack(images)).save(file, "PNG")
    return file.getvalue()


def render_svg(figure: Figure) -> bytes:
    """Draw a figure as an SVG file's bytes, with colours that follow the reader's dark mode.

    Letters are drawn as outlines, so that no script depends on the reader's fonts. The background
    is transparent.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    figure.patch.set_visible(False)
    file = io.BytesIO()
    undated = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": "kerasrecipes"}):
        FigureCanvasSVG(figure).print_svg(file, metadata=undated)
    drawing = file.getvalue().decode("utf-8")
    drawing = drawing[drawing.index("<svg") :]  # without XML declaration and document type
    return _follow_page(drawing).encode("utf-8")


def _follow_page(drawing: str) -> str:
    """Replace colours that have a dark counterpart by variables, and define these in a style."""

    def name(color: str) -> str:
        return f"--c{color[1:]}"

    light, dark = (
        "".join(f"{name(color)}:{value};" for color, value in colors.items())
        for colors in ({color: color for color in _IN_THE_DARK}, _IN_THE_DARK)
    )
    style = f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    known = "|".join(_IN_THE_DARK)
    drawing = re.sub(f"(fill|stroke): ({known})", lambda m: f"{m[1]}: var({name(m[2])})", drawing)
    return drawing.replace(">", f"><style>{style}</style>", 1)
