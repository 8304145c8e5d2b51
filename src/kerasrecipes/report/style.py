"""The look that all pictures share."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours as seaborn's "colorblind" palette has them, and Tol's vibrant red.
COLORS = {"train": "#0173b2", "validation": "#d55e00", "test": "#029e73"}
INK, MUTED, FAINT, WRONG = "#1f2328", "#646c76", "#d9dde2", "#cc3311"

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
