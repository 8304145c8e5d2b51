"""A picture and the words that go with it."""

from __future__ import annotations

from dataclasses import dataclass

from kerasrecipes.report.fonts import Fonts


@dataclass(frozen=True)
class Picture:
    """A picture and its words.

    Attributes:
        name: As in the recipe's ``report`` key, with the target's behind it if there are several.
        title: What it is.
        alt: What is in it, for those who cannot see it.
        caption: How to read it.
        is_wide: Whether its details are lost on a narrow screen, so that it scrolls there.
        width: In CSS pixels, 96 an inch.
        image: The file's bytes, PNG or SVG.
        narrow_image: The same, drawn for a narrow screen; empty where ``image`` serves there too.
    """

    name: str
    title: str
    alt: str
    caption: str
    is_wide: bool = False
    width: int = 0
    image: bytes = b""
    narrow_image: bytes = b""

    @property
    def is_svg(self) -> bool:
        """Whether it is a vector drawing, whose colours follow the page's."""
        return self.image.startswith(b"<svg")


def warn_of_missing_glyphs(fonts: Fonts) -> list[str]:
    """Say which characters no installed font has, if any."""
    if not fonts.missing:
        return []
    some = " ".join(sorted(fonts.missing)[:5])
    return [
        f"No installed font can draw {some}: the pictures show plain names instead, the page shows "
        "the words. A font such as Noto Sans for that script, once installed, cures it."
    ]
