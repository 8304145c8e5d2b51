"""Sizes and colours of images, read from their first bytes."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from kerasrecipes.recipe.endings import IMAGES
from kerasrecipes.rows.images import find_size

_GRAY_MODES = ("1", "L", "LA", "I", "I;16", "F")
_LARGEST_SIDE = 160
_STEP = 8
_MOST_LOOKED_AT = 2_000


@dataclass(frozen=True)
class ImageFacts:
    """Sizes and channels of the images of a folder.

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
    from PIL import Image

    found_files = (file for file in folder.glob("*/**/*") if file.suffix.lower() in IMAGES)
    files = sorted(file for file in found_files if os.path.isfile(file))
    found: list[tuple[int, int]] = []
    is_gray = True
    for file in files[:: max(1, -(-len(files) // _MOST_LOOKED_AT))]:
        try:
            with Image.open(file) as image:
                found.append(find_size(image))
                is_gray &= image.mode in _GRAY_MODES
        except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError):
            continue  # The loader opens all files and reports those that are not images.
    mode: Literal["rgb", "grayscale"] = "grayscale" if is_gray and found else "rgb"
    sizes = np.array(found or [(0, 0)])
    low, high, middle = sizes.min(axis=0), sizes.max(axis=0), np.median(sizes, axis=0)
    if (low == high).all() and high.max() <= _LARGEST_SIDE and len(files) <= _MOST_LOOKED_AT:
        return ImageFacts(None, "", mode)
    shrink = min(1.0, _LARGEST_SIDE / float(middle.max()))
    reason = f"the images are {low[0]} to {high[0]} high and {low[1]} to {high[1]} wide"
    image_size = (_round_side(middle[0] * shrink), _round_side(middle[1] * shrink))
    return ImageFacts(image_size, reason, mode)


def _round_side(side: float) -> int:
    return max(_STEP, round(side / _STEP) * _STEP)
