"""The look that all plots share: colours, fonts, scales, legends, and how figures are drawn."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# It would report every family without a bold face, although it then takes another.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

SMALL = 9  # points of the smallest text: at least 9 CSS pixels on a phone
_LOG_FROM = 8  # a curve that falls by this factor is drawn on a logarithmic scale

_PREFERRED = ("Inter", "Source Sans 3", "Helvetica Neue", "Arial", "Liberation Sans")
_ALWAYS_THERE = "DejaVu Sans"  # matplotlib ships it
_NOT_FOR_WORDS = re.compile(r"Last Resort|^STIX|^cm[a-z]+\d+$|Emoji")
_SECOND_CHOICE = re.compile(r"Mono|Coding|Serif|Myeongjo|Mincho|Condensed|Narrow|Display")

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
    "svg.hashsalt": "kerasrecipes",  # the same drawing has the same bytes
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
    """A plot on a page; its panels are side by side where there is room."""

    title: str
    caption: str
    alt: str = ""  # for readers who cannot see it; empty means the title
    name: str = ""  # as in the recipe's ``report``, with a number if there are several targets
    panels: tuple[bytes, ...] = ()  # SVG drawings
    width: int = 0  # of a panel, in CSS pixels
    narrow: bytes = b""  # one drawing for a narrow screen; empty if ``panels`` serve there too
    scrolls: bool = False  # sideways on a narrow screen, so that its text stays readable
    png: bytes = b""  # all panels as one file


@dataclass(frozen=True)
class Fonts:
    """Installed families in the order in which matplotlib looks for a glyph, and what they lack."""

    families: tuple[str, ...]
    missing: frozenset[str]

    def spell(self, text: str, instead: str) -> str:
        """Give the text on one line, or ``instead`` if a glyph is missing."""
        line = _on_one_line(text)
        return instead if self.missing & set(line) else line

    def list_warnings(self) -> list[str]:
        """Name characters that no installed font has, if there are any."""
        some = " ".join(sorted(self.missing)[:5])
        warning = (
            f"No installed font can draw {some}. The plots show plain names instead; the page "
            "shows the words. To draw them, install a font for that script, such as Noto Sans."
        )
        return [warning] if some else []


def choose_fonts(texts: Iterable[str]) -> Fonts:
    """Choose as few installed families as have the glyphs of all texts."""
    from matplotlib import font_manager

    installed = set(font_manager.get_font_names())
    base = next((name for name in _PREFERRED if name in installed), _ALWAYS_THERE)
    families = list(dict.fromkeys((base, _ALWAYS_THERE)))
    missing = set(_on_one_line("".join(texts))).difference(*map(_list_characters, families))
    if missing:  # matplotlib lists fonts only once: some may be newer
        known = {entry.fname for entry in font_manager.fontManager.ttflist}
        for file in set(font_manager.findSystemFonts()) - known:
            with suppress(OSError, RuntimeError):  # damaged, or of bitmaps
                font_manager.fontManager.addfont(file)
        installed = set(font_manager.get_font_names())
    words = [name for name in installed - {*families} if not _NOT_FOR_WORDS.search(name)]
    for family in sorted(words, key=lambda name: (bool(_SECOND_CHOICE.search(name)), name)):
        if not missing:
            break
        if found := missing & _list_characters(family):
            families.append(family)
            missing -= found
    return Fonts(tuple(families), frozenset(missing))


@cache
def _list_characters(family: str) -> frozenset[str]:
    from matplotlib.font_manager import FontProperties, findfont
    from matplotlib.ft2font import FT2Font

    font = FT2Font(findfont(FontProperties(family=family)))
    return frozenset(map(chr, font.get_charmap()))


def _on_one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text).strip()


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

    Letters are outlines, so that no script depends on the reader's fonts; the background is none.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    figure.patch.set_visible(False)
    file = io.BytesIO()
    undated = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    FigureCanvasSVG(figure).print_svg(file, metadata=undated)
    drawing = file.getvalue().decode("utf-8")
    drawing = drawing[drawing.index("<svg") :]  # without XML declaration and document type
    light = "".join(f"--c{color[1:]}:{color};" for color in _IN_THE_DARK)
    dark = "".join(f"--c{color[1:]}:{shown};" for color, shown in _IN_THE_DARK.items())
    style = f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    known = "|".join(_IN_THE_DARK)
    drawing = re.sub(f"(fill|stroke): ({known})", lambda m: f"{m[1]}: var(--c{m[2][1:]})", drawing)
    return drawing.replace(">", f"><style>{style}</style>", 1).encode("utf-8")


def write_facts(ax: Axes, facts: str) -> None:
    """Write facts about the data between the Axes and its title."""
    ax.set_title(ax.get_title("left"), pad=8 + 1.4 * SMALL * len(facts.splitlines()))
    ax.text(0, 1.02, facts, transform=ax.transAxes, va="bottom", size=SMALL, color=MUTED)


def write_legend(ax: Axes, n_columns: int = 2) -> None:
    """Write a legend below the Axes, where it covers no data."""
    place = {"loc": "outside lower center", "ncols": n_columns}
    ax.figure.legend(handles=ax.get_legend_handles_labels()[0], fontsize=SMALL, **place)


def write_ticks(ax: Axes) -> None:
    """Write few numbers on both axes, with thousands set apart, so that labels stay apart."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(4))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.12g}".replace("-", "−")))
    if max(map(abs, ax.get_xlim())) >= 1e6:  # numbers too long to stand side by side
        ax.tick_params("x", rotation=30)


def scale_curves(ax: Axes, curves: Iterable[NDArray[np.float64]]) -> None:
    """Count epochs in whole numbers, and use a logarithmic scale for values that fall far.

    Curves have shape (n_epochs,), and NaN after a run has ended or diverged.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

    falls = [values[np.isfinite(values)] for values in curves]
    is_positive = all((values > 0).all() for values in falls)
    if is_positive and any(len(v) and v[0] > _LOG_FROM * v[-1] for v in falls):
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter("")
    ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    ax.set(xlabel="Epoch")
