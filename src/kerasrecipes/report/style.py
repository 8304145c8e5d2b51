"""The look that all pictures share."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours as seaborn's "colorblind" palette has them, and Tol's vibrant red.
COLORS = {"train": "#0173b2", "validation": "#d55e00", "test": "#029e73"}
INK, MUTED, FAINT, WRONG = "#1f2328", "#646c76", "#d9dde2", "#cc3311"

SERIES = (
    *("#0173b2", "#d55e00", "#029e73", "#cc78bc"),
    *("#de8f05", "#56b4e9", "#a5683c", "#7f868e"),
)
"""Colours of several lines, the same palette's; neighbours are easy to tell apart."""

_IN_THE_DARK = {
    "#ffffff": "#1c2025",
    INK: "#e7e9ec",
    MUTED: "#a0a8b2",
    FAINT: "#3a4149",
    "#9aa1aa": "#6b747e",
    "#eceef1": "#2b3138",
    "#0173b2": "#4aa3df",
    "#d55e00": "#ef7f30",
    "#029e73": "#2bbd93",
    "#56b4e9": "#9fd6f7",
    "#a5683c": "#c98d62",
}
"""What a colour of a vector drawing becomes on a dark page; the others serve both."""

_SETTINGS = {
    "axes.edgecolor": "#9aa1aa",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelcolor": INK,
    "axes.labelpad": 6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "figure.constrained_layout.h_pad": 0.1,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.1,
    "figure.dpi": 180,
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


def render_png(figure: Figure) -> bytes:
    """Draw a figure as a PNG file's bytes, once; ``savefig`` would draw it twice."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    file = io.BytesIO()
    FigureCanvasAgg(figure).print_png(file)
    return file.getvalue()


def render_svg(figure: Figure) -> bytes:
    """Draw a figure as an SVG file's bytes, whose colours follow the page into the dark.

    Letters are drawn as outlines: no script depends on the reader's fonts.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    file = io.BytesIO()
    undated = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": "kerasrecipes"}):
        FigureCanvasSVG(figure).print_svg(file, metadata=undated)
    drawing = file.getvalue().decode("utf-8")
    drawing = drawing[drawing.index("<svg") :]  # the XML declaration and document type serve nobody
    return _follow_page(drawing).encode("utf-8")


def _follow_page(drawing: str) -> str:
    """Replace the colours that have a dark counterpart by variables, and set these in a style."""

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
