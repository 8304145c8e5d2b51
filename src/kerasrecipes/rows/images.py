"""Images from files: a folder of class sub-folders for training, any files for prediction."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import DataError, InputError, raise_problems
from kerasrecipes.memory import count_cores, find_free_memory, make_aligned
from kerasrecipes.recipe.endings import IMAGES
from kerasrecipes.recipe.rules import LossKind
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.dataset import PART_NAMES, PARTS, Source, check_keys, choose_rows
from kerasrecipes.rows.disk import DiskRows, describe_stream
from kerasrecipes.rows.files import expand
from kerasrecipes.rows.files.raw import explain_damage, is_hidden, walk
from kerasrecipes.rows.limits import MOST_PIXELS, MOST_PIXELS_KEPT
from kerasrecipes.rows.rows import ColorMode, Piece, Rows, Schema
from kerasrecipes.rows.words import list_some

if TYPE_CHECKING:
    from PIL import Image

Pixels = NDArray[np.uint8]
Found = TypeVar("Found")

_VALUES_AT_ONCE = 1 << 26
_FILES_AT_ONCE = 8
_LARGE = f"a network takes images of {MOST_PIXELS_KEPT:,} pixels at most"
_ORIENTATION = 0x0112  # a tag of EXIF; above 4, height and width are exchanged
_ENDINGS = f"Images end in {', '.join(IMAGES)}."


class Images(Rows):
    """Images: a folder with a sub-folder for each class, or any images to predict.

    Classes and files are in the order of ``keras.utils.image_dataset_from_directory``: classes by
    name, and files by name within them.

    Args:
        files: One folder, or the images themselves.
        name: For messages.
    """

    def __init__(self, files: Sequence[Path], name: str) -> None:
        self._files, self.name = files, name
        self._notes: tuple[str, ...] = ()

    def load(self, spec: DatasetSpec, hint: LossKind | None = None) -> Source:
        """Read every image, with its folder as its class.

        Returns:
            Pixels of shape (n_images, height, width) where they are gray, else (n_images, height,
            width, 3), as uint8; the class of each.
        """
        check_keys(spec, self.name, "images", "a folder of images")
        if spec.task == "regression":
            problem = (
                "task: the folders of images are classes (received: task=regression). Write task: "
                "classification."
            )
            raise DataError(self.name, [problem])
        folder = self._files[0]
        with explain_damage(self.name):
            own = find_parts(folder)
            by_part = {part: _find_classes(inner) for part, inner in own.items()}
        classes = by_part["train"]
        for part, found in by_part.items():
            if differ := sorted({*found} ^ {*classes}):
                rule = f"{part} must have train's classes (only in one: {list_some(differ)})"
                raise DataError(self.name, [f"{rule}. Add images, or remove these folders."])
        files = [f for found in by_part.values() for name in classes for f in found[name]]
        pixels = self._read_all(files, folder, spec)
        counts = [[len(found[name]) for name in classes] for found in by_part.values()]
        target = [np.repeat(np.arange(len(classes)), n_images) for n_images in counts]
        ends = np.cumsum([0, *map(len, target)])
        split = [choose_rows(pixels, slice(*pair)) for pair in pairwise(ends)]
        parts = zip(split, target, strict=True)
        return Source.join(
            dict(zip(own, parts, strict=True)),
            task="classification",
            target_names=("class",),
            class_names=tuple(classes),
            origin=f"images in {folder}",
            warnings=self._notes,
        )

    def _read_all(self, files: Sequence[Path], folder: Path, spec: DatasetSpec) -> Any:
        """Read every image, or only their sizes if the pixels are read in training."""
        needed, free = 0, find_free_memory()
        if spec.stream is None and isinstance(size := _read_size(files[0], spec.image_size), tuple):
            n_channels = 1 if spec.color_mode == "grayscale" else 3
            needed = 2 * len(files) * math.prod(size) * n_channels  # parts are copies
        if not spec.stream and needed <= free:
            return _read(files, folder, spec.image_size, spec.color_mode)
        if not spec.stream:
            self._notes = (describe_stream("Images", needed, free),)
        with ThreadPoolExecutor(count_cores()) as pool:  # by their headers
            sizes = [*pool.map(partial(_read_size, image_size=spec.image_size), files)]
        height, width = _check_images(zip(files, sizes, strict=True), folder, folder.name)
        shape = (height, width) if spec.color_mode == "grayscale" else (height, width, 3)

        def read(rows: NDArray[np.int64]) -> Pixels:
            return _read([files[row] for row in rows], folder, (height, width), spec.color_mode)

        return DiskRows(read, (len(files), *shape), np.uint8, is_decoded=True)

    def iterate(
        self, schema: Schema, ids: Sequence[str] = (), *, with_target: bool = False
    ) -> Iterator[Piece]:
        """Read images, brought to the size that the model takes; and the files' names."""
        height, width, color_mode = schema.image_form
        if schema.is_table or not height:
            problem = f"this run takes {schema.takes} (received: images). Give a file of these."
            raise DataError(self.name, [problem])
        if ids:
            raise InputError("--id names columns of a table, and images have none. Remove it.")
        with explain_damage(self.name):
            files, folder, values = self._list(schema, with_target)
        n_at_once = max(1, _VALUES_AT_ONCE // int(np.prod(schema.shape)))
        for start in range(0, len(files), n_at_once):
            some = slice(start, start + n_at_once)
            pixels = _read(files[some], folder, (height, width), color_mode, self.name)
            rows = np.arange(start, start + len(pixels))
            names = [str(f.relative_to(folder) if f.is_relative_to(folder) else f.name)
                     for f in files[some]]  # fmt: skip
            inputs = pixels.reshape(len(pixels), *schema.shape)
            beside = {} if with_target else {"file": np.array(names)}
            yield Piece(inputs, rows, None if values is None else values[some], beside)

    def _list(
        self, schema: Schema, with_target: bool
    ) -> tuple[list[Path], Path, NDArray[np.int64] | None]:
        """The images, the folder that they are in, and their classes if required."""
        folder = self._files[0]
        if with_target:
            classes = _find_classes(folder)
            names = schema.target.class_names
            if unknown := [name for name in classes if name not in names]:
                problem = (
                    f"{list_some(unknown)}: no class that the model was trained on. The classes: "
                    f"{list_some(names, 20)}."
                )
                raise DataError(self.name, [problem])
            pairs = [(f, names.index(name)) for name, found in classes.items() for f in found]
            return [f for f, _ in pairs], folder, np.array([i for _, i in pairs], np.int64)
        if not folder.is_dir():
            return list(self._files), folder.parent, None
        files = _find_images(folder, {})
        if not files:
            raise DataError(self.name, [f"there are no images in {folder}. {_ENDINGS}"])
        return files, folder, None


def find_images(path: str) -> list[Path]:
    """Find the folder or the images of a path or pattern; empty if there are none."""
    file, found = Path(path), expand(path)
    if file.is_dir() or (file.is_file() and file.name.lower().endswith(IMAGES)):
        return [file]
    return found if found != [file] and all(f.name.lower().endswith(IMAGES) for f in found) else []


def find_parts(folder: Path) -> dict[str, Path]:
    """The folders of the parts, "train" first; the folder itself unless it contains only parts."""
    names = _list_folders(folder)
    found = {PART_NAMES[n.lower()]: folder / n for n in names if n.lower() in PART_NAMES}
    if len(found) < max(2, len(names)) or "train" not in found:
        return {"train": folder}
    return {part: found[part] for part in PARTS if part in found}


def _list_folders(folder: Path) -> list[str]:
    inner = [e for e in folder.iterdir() if e.is_dir()] if folder.is_dir() else []
    # The folder of all runs may stand beside the classes.
    return sorted(e.name for e in inner if not is_hidden(e.name) and not [*e.glob("*/*/run.json")])


def _find_classes(folder: Path) -> dict[str, list[Path]]:
    """The images of each class by its name."""
    if not folder.is_dir():
        problem = (
            "images with answers must be in a folder with a sub-folder for each class "
            f"(received: {folder.name}). Give such a folder."
        )
        raise DataError(folder.name, [problem])
    names = _list_folders(folder)
    reached = {os.path.realpath(folder): folder}
    classes = {name: _find_images(folder / name, reached) for name in names}
    # Images that are all deeper than their class's folder: it may contain the classes itself.
    nested = [name for name, images in classes.items()
              if images and all(image.parent != folder / name for image in images)]  # fmt: skip
    nested.sort(key=lambda name: name.lower() not in PARTS["train"])
    empty = [name for name, images in classes.items() if not images]
    problem = ""
    if not names:
        flat = "images, but no" if _find_images(folder, {}) else "no"
        problem = (
            f"a folder of images must have a sub-folder for each class (received: {folder} with "
            f"{flat} sub-folders). Sort the images into sub-folders that are named as the classes."
        )
    elif nested and (len(names) == 1 or len(PART_NAMES.keys() & {n.lower() for n in names}) > 1):
        problem = (
            "the sub-folders must be classes, or parts named train, validation and test (received: "
            f"{list_some(names)}, with sub-folders of images). Write path: {folder / nested[0]}."
        )
    elif len(empty) == len(names):
        problem = f"there are no images in {folder} and below. {_ENDINGS}"
    elif empty:
        problem = (
            "each sub-folder is a class and must contain images (received: none in "
            f"{list_some(empty)}). Add some, or remove these folders. {_ENDINGS}"
        )
    if problem:
        raise DataError(folder.name, [problem])
    return classes


def _find_images(folder: Path, reached: dict[str, Path]) -> list[Path]:
    """The images of a folder and below, folder by folder, in the order of their names."""
    found = {}
    for root, _, names in walk(folder, reached):
        images = [name for name in names if name.lower().endswith(IMAGES)]
        found[root] = [Path(root, name) for name in sorted(images)]
    return [file for root in sorted(found) for file in found[root]]


def _read(
    files: Sequence[Path],
    folder: Path,
    image_size: Sequence[int] | None,
    color_mode: ColorMode,
    dataset: str | None = None,
) -> Pixels:
    """Read files of one size, or brought to one, in little more memory than their pixels take."""
    dataset = dataset or folder.name
    if image_size and np.prod(image_size) > MOST_PIXELS_KEPT:
        problem = f"image_size: {_LARGE} (received: {list(image_size)}). Choose a smaller size."
        raise DataError(dataset, [problem])
    known = (size for file in files if isinstance(size := _read_size(file, image_size), tuple))
    size = next(known, (0, 0))
    shape = size if color_mode == "grayscale" else (*size, 3)
    pixels = make_aligned((len(files), *shape), np.dtype(np.uint8))

    def read(i: int, *, accepts_large: bool = False) -> tuple[int, ...] | str:
        image = _read_image(files[i], image_size, color_mode, accepts_large)
        if isinstance(image, str):
            return image
        if image.shape == shape:
            pixels[i] = image
        return image.shape[:2]

    def read_some(start: int) -> list[tuple[int, ...] | str]:
        return [read(i) for i in range(start, min(start + _FILES_AT_ONCE, len(files)))]

    with ThreadPoolExecutor(count_cores()) as pool:
        pieces = pool.map(read_some, range(0, len(files), _FILES_AT_ONCE))
        found = [size for piece in pieces for size in piece]
    for i in [i for i, size in enumerate(found) if size == ""]:
        found[i] = read(i, accepts_large=True)  # several at once take much memory
    _check_images(zip(files, found, strict=True), folder, dataset)
    return pixels


def _check_images(
    found: Iterable[tuple[Path, tuple[int, ...] | str]], folder: Path, dataset: str
) -> tuple[int, int]:
    """Check that images can be read and have one size, which is returned.

    Args:
        found: By file, the image's height and width, or why it cannot be read.
    """
    unreadable: list[str] = []
    size: tuple[int, ...] = ()
    first = other = ""

    def name(file: Path) -> str:
        return str(file.relative_to(folder) if file.is_relative_to(folder) else file)

    for file, image in found:
        if isinstance(image, str):
            unreadable.append(f"{name(file)} ({image})")
        elif not size:
            size, first = image, name(file)
        elif image != size and not other:
            other = f"{name(file)} with {image[0]} × {image[1]}"
    problems = []
    if unreadable:
        problems.append(f"images cannot be read: {list_some(unreadable)}. Correct or remove them.")
    if other:
        problems.append(
            f"images must have one size (received: {first} with {size[0]} × {size[1]}, {other}, as "
            f"height × width). Bring them to one with image_size: [{size[0]}, {size[1]}]."
        )
    raise_problems(dataset, problems)
    height, width = size
    return height, width


def _read_size(file: Path, image_size: Sequence[int] | None) -> tuple[int, ...] | str:
    """The height and width of an image by its header, or why it cannot be read."""
    return _open_image(file, image_size, lambda opened: tuple(image_size or find_size(opened)))


def find_size(opened: Image.Image) -> tuple[int, int]:
    """The height and width of an image by its header."""
    is_turned = opened.getexif().get(_ORIENTATION, 1) > 4
    return (opened.width, opened.height) if is_turned else (opened.height, opened.width)


def _read_image(
    file: Path, image_size: Sequence[int] | None, color_mode: ColorMode, accepts_large: bool
) -> Pixels | str:
    """An image's pixels, or why it cannot be read; "" where it is large and that is for later."""
    from PIL import Image, ImageOps

    def read(opened: Image.Image) -> Pixels | str:
        if opened.width * opened.height > MOST_PIXELS_KEPT and not accepts_large:
            return ""
        ImageOps.exif_transpose(opened, in_place=True)
        image = _convert(opened, color_mode)
        height, width = image_size or (image.height, image.width)
        if (image.height, image.width) != (height, width):
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(image)

    return _open_image(file, image_size, read)


def _open_image(
    file: Path, image_size: Sequence[int] | None, read: Callable[[Image.Image], Found]
) -> Found | str:
    """What ``read`` finds in an opened image, or why it cannot be read."""
    from PIL import Image, UnidentifiedImageError

    if not file.is_file():
        return "not a file"
    try:
        with Image.open(file) as opened:
            n_pixels = opened.width * opened.height
            if n_pixels > MOST_PIXELS:
                return f"over {MOST_PIXELS:,} pixels"
            if n_pixels > MOST_PIXELS_KEPT and not image_size:
                return f"{n_pixels:,} pixels; {_LARGE}: set image_size, such as [224, 224]"
            return read(opened)
    except UnidentifiedImageError:
        return "no image"
    except Image.DecompressionBombError:
        return f"over {MOST_PIXELS:,} pixels"
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        return getattr(error, "strerror", None) or str(error).rstrip(".")


def _convert(image: Image.Image, color_mode: ColorMode) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode == "I":
        from PIL import Image

        # Pillow would cut 16 bits off at 255.
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
    mode = "L" if color_mode == "grayscale" else "RGB"
    return image if image.mode == mode else image.convert(mode)
