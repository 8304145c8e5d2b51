"""Sizes and colours of images, read from their first bytes."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import numpy as np

from kerasrecipes.recipe.endings import IMAGES
from kerasrecipes.rows.images import find_size

_GRAY_MODES = ("1", "L", "LA", "I", "I;16", "F")
_LARGEST_SIDE = 160
_STEP = 8
_MOST_LOOKED_AT = 2_000


def look_at_images(folder: Path) -> dict[str, Any]:
    """Look at the heads of up to 2,000 images, spread evenly over a folder's sub-folders.

    Returns:
        The keys of ``dataset`` that bring all of them to one size, unless they have one, and to
        the same channels.
    """
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
    keys: dict[str, Any] = {"color_mode": "grayscale"} if is_gray and found else {}
    sizes = np.array(found or [(0, 0)])
    are_alike = bool((sizes == sizes[0]).all()) and len(files) <= _MOST_LOOKED_AT
    if not are_alike or sizes.max() > _LARGEST_SIDE:
        middle = np.median(sizes, axis=0)
        size = middle * min(1.0, _LARGEST_SIDE / float(middle.max()))
        keys["image_size"] = [max(_STEP, round(side / _STEP) * _STEP) for side in size.tolist()]
    return keys
