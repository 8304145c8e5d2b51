"""Fonts that have a glyph for every character that a plot shows."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

# It would report every family without a bold face, although it then takes another.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

_PREFERRED = ("Inter", "Source Sans 3", "Helvetica Neue", "Arial", "Liberation Sans")
_ALWAYS_THERE = "DejaVu Sans"  # matplotlib ships it
_NOT_FOR_WORDS = re.compile(r"Last Resort|^STIX|^cm[a-z]+\d+$|Emoji")
_SECOND_CHOICE = re.compile(r"Mono|Coding|Serif|Myeongjo|Mincho|Condensed|Narrow|Display")


@dataclass(frozen=True)
class Fonts:
    """Families to draw with, in the order in which matplotlib looks for a glyph.

    Attributes:
        families: Names of installed families.
        missing: Characters that no installed family has.
    """

    families: tuple[str, ...]
    missing: frozenset[str]

    def spell(self, text: str, instead: str) -> str:
        """Give the text on one line, or ``instead`` if a glyph is missing."""
        line = _on_one_line(text)
        return instead if self.missing & set(line) else line

    def list_warnings(self) -> list[str]:
        """Name characters that no installed font has, if there are any."""
        if not self.missing:
            return []
        some = " ".join(sorted(self.missing)[:5])
        return [
            f"No installed font can draw {some}. The plots show plain names instead; the page "
            "shows the words. To draw them, install a font for that script, such as Noto Sans."
        ]


def choose_fonts(texts: Iterable[str]) -> Fonts:
    """Choose as few installed families as have the glyphs of all texts."""
    from matplotlib import font_manager

    installed = set(font_manager.get_font_names())
    base = next((name for name in _PREFERRED if name in installed), _ALWAYS_THERE)
    families = list(dict.fromkeys((base, _ALWAYS_THERE)))
    missing = set(_on_one_line("".join(texts))).difference(*map(_characters, families))
    words = [name for name in installed - {*families} if not _NOT_FOR_WORDS.search(name)]
    for family in sorted(words, key=lambda name: (bool(_SECOND_CHOICE.search(name)), name)):
        if not missing:
            break
        if found := missing & _characters(family):
            families.append(family)
            missing -= found
    return Fonts(tuple(families), frozenset(missing))


@cache
def _characters(family: str) -> frozenset[str]:
    from matplotlib.font_manager import FontProperties, findfont
    from matplotlib.ft2font import FT2Font

    font = FT2Font(findfont(FontProperties(family=family)))
    return frozenset(map(chr, font.get_charmap()))


def _on_one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text).strip()
