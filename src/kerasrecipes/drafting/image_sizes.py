"""What images are like, read off their first bytes: sizes and colours."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from kerasrecipes.recipe.endings import IMAGES

_GRAY_MODES = ("1", "L", "LA", "I", "I;16", "F")
_LARGEST_SIDE = 160
_STEP = 8
_MOST_LOOKED_AT = 2_000
# EXIF's tag, and the first of its values that mean a quarter turn.
_ORIENTATION, _FIRST_ON_ITS_SIDE = 0x0112, 5


@dataclass(frozen=True)
class ImageFacts:
    """What the images of a folder are like.

    Attributes:
        image_size: The height and width to bring them to; None where they are alike and small.
        size_reason: Why.
        color_mode: Whether any has colours.
    """

    image_size: tuple[int, int] | None
    size_reason: str
    color_mode: Literal["rgb", "grayscale"]


def look_at_images(folder: Path) -> ImageFacts:
    """Look at the heads of up to 2,000 images, spread evenly over a folder's sub-folders."""
    from PIL import Image, UnidentifiedImageError

    files = sorted(file for file in folder.glob("*/**/*") if file.suffix.lower() in IMAGES)
    sizes: Counter[tuple[int, int]] = Counter()
    is_gray = True
    for file in files[:: max(1, -(-len(files) // _MOST_LOOKED_AT))]:
        try:
            with Image.open(file) as image:
                is_on_its_side = image.getexif().get(_ORIENTATION, 1) >= _FIRST_ON_ITS_SIDE
                size = image.size if is_on_its_side else image.size[::-1]
                sizes[size[0], size[1]] += 1
                is_gray &= image.mode in _GRAY_MODES
        except (OSError, UnidentifiedImageError):
            continue  # The loader, which opens them all, says which file is no image.
    mode: Literal["rgb", "grayscale"] = "grayscale" if is_gray and sizes else "rgb"
    if not sizes:
        return ImageFacts(None, "", mode)
    sides = np.array([*sizes.elements()])
    height, width = (float(side) for side in np.median(sides, axis=0))
    if len(sizes) == 1 and max(height, width) <= _LARGEST_SIDE:
        if len(files) <= _MOST_LOOKED_AT:
            return ImageFacts(None, "", mode)
        size = (int(height), int(width))
        return ImageFacts(size, f"the {_MOST_LOOKED_AT:,} that were looked at are", mode)
    shrink = min(1.0, _LARGEST_SIDE / max(height, width))
    image_size = (_round_side(height * shrink), _round_side(width * shrink))
    low, high = sides.min(axis=0), sides.max(axis=0)
    reason = f"the images are {high[0]}×{high[1]}"
    if len(sizes) > 1:
        reason = f"the images are {low[0]} to {high[0]} high and {low[1]} to {high[1]} wide"
    return ImageFacts(image_size, reason, mode)


def _round_side(side: float) -> int:
    return max(_STEP, round(side / _STEP) * _STEP)
