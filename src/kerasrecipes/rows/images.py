"""Images from files: a folder of class sub-folders for training, any files for prediction."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import DataError
from kerasrecipes.memory import count_cores, find_free_memory, make_aligned
from kerasrecipes.recipe.endings import IMAGES, TABLES, find_ending
from kerasrecipes.recipe.rules import LossKind
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.dataset import PART_NAMES, PARTS, Piece, Rows, Schema, Source, check_keys
from kerasrecipes.rows.disk import DiskRows, describe_stream
from kerasrecipes.rows.files import expand
from kerasrecipes.rows.files.raw import explain_damage, is_hidden, walk
from kerasrecipes.rows.limits import MOST_PIXELS, MOST_PIXELS_KEPT
from kerasrecipes.rows.words import list_some

if TYPE_CHECKING:
    from PIL import Image

Pixels = NDArray[np.uint8]

_VALUES_AT_ONCE = 1 << 26
_FILES_AT_ONCE = 8
_LARGE_IMAGE = Lock()  # several at once take much memory
_ORIENTATION = 0x0112  # a tag of EXIF; above 4, height and width are exchanged
_ENDINGS = f"Images end in {', '.join(IMAGES)}."


class Images(Rows):
    """Images: a folder with a sub-folder for each class, or any images to predict.

    Classes and files are in the order of ``keras.utils.image_dataset_from_directory``: classes by
    name, and files by name within them. ``files`` is one folder, or the images themselves.
    """

    def __init__(self, files: Sequence[Path], name: str) -> None:
        self._files, self.name = files, name

    def load(self, spec: DatasetSpec, hint: LossKind | None = None) -> Source:
        """Read every image as uint8 pixels, of shape (n_images, height, width) or (…, 3)."""
        check_keys(spec, self.name, "images", "a folder of images")
        if spec.task == "regression":
            problem = "task: the folders of images are classes. Write task: classification."
            raise DataError(self.name, [problem])
        folder = self._files[0]
        with explain_damage(self.name):
            inner = _find_parts(folder)
            by_part = {part: _find_classes(inner[part]) for part in PARTS if part in inner}
        classes = by_part["train"]
        for part, found in by_part.items():
            if differ := sorted({*found} ^ {*classes}):
                rule = f"{part} must have train's classes (only in one: {list_some(differ)})"
                raise DataError(self.name, [f"{rule}. Add images, or remove these folders."])
        files = {part: [file for name in classes for file in found[name]]
                 for part, found in by_part.items()}  # fmt: skip
        reader = _Reader(folder, self.name, spec.image_size, spec.color_mode)
        shape, free = reader.find_shape([*chain(*files.values())]), find_free_memory()
        needed = 2 * sum(map(len, files.values())) * math.prod(shape)  # parts are copies
        stays_on_disk = needed > free if spec.stream is None else spec.stream
        if stays_on_disk:
            reader.open_all([*chain(*files.values())])  # for their sizes, by their headers
        is_unasked = stays_on_disk and not spec.stream
        read = reader.leave if stays_on_disk else reader.read
        numbers = np.arange(len(classes))
        return Source.join(
            {
                part: (read(files[part]), np.repeat(numbers, [len(found[n]) for n in classes]))
                for part, found in by_part.items()
            },
            task="classification",
            target_names=("class",),
            class_names=tuple(classes),
            origin=f"images in {folder}",
            warnings=(describe_stream("Images", needed, free),) if is_unasked else (),
        )

    def iterate(
        self, schema: Schema, ids: Sequence[str] = (), *, with_target: bool = False
    ) -> Iterator[Piece]:
        """Read images, brought to the size that the model takes; and the files' names."""
        height, width, color_mode = schema.image_form
        if schema.columns or not height:
            problem = f"this run takes {schema.takes} (received: images). Give a file of these."
            raise DataError(self.name, [problem])
        folder, values = self._files[0], None
        with explain_damage(self.name):
            if with_target:
                parts, found = _find_parts(folder), dict[str, list[Path]]()
                for part in [parts["test"]] if "test" in parts else parts.values():
                    for name, images in _find_classes(part).items():
                        found.setdefault(name, []).extend(images)
                names = schema.target.class_names
                if unknown := [name for name in found if name not in names]:
                    problem = f"{list_some(unknown)}: no class that the model was trained on."
                    raise DataError(self.name, [f"{problem} The classes: {list_some(names, 20)}."])
                files = [*chain(*found.values())]
                numbers = [names.index(name) for name in found]
                values = np.repeat(numbers, [*map(len, found.values())])
            elif folder.is_dir():
                files = _find_images(folder, {})
            else:
                files, folder = list(self._files), folder.parent
        if not files:
            raise DataError(self.name, [f"there are no images in {folder}. {_ENDINGS}"])
        reader = _Reader(folder, self.name, (height, width), color_mode)
        n_at_once = max(1, _VALUES_AT_ONCE // int(np.prod(schema.shape)))
        for start in range(0, len(files), n_at_once):
            some = slice(start, start + n_at_once)
            pixels = reader.read(files[some])
            inputs = pixels.reshape(len(pixels), *schema.shape)
            file_names = np.array([reader.name_file(file) for file in files[some]])
            beside = {} if with_target else {"file": file_names}
            rows = np.arange(start, start + len(pixels))
            yield Piece(inputs, rows, None if values is None else values[some], beside)


def find_images(path: str) -> list[Path]:
    """Find the folder or the images of a path or pattern; empty if there are none."""
    file, found = Path(path), expand(path)
    if file.is_dir() or (file.is_file() and file.name.lower().endswith(IMAGES)):
        return [file]
    return found if found != [file] and all(f.name.lower().endswith(IMAGES) for f in found) else []


def _list_folders(folder: Path) -> list[str]:
    inner = [e for e in folder.iterdir() if e.is_dir()] if folder.is_dir() else []
    # The folder of all runs may stand beside the classes.
    return sorted(e.name for e in inner if not is_hidden(e.name) and not [*e.glob("*/*/run.json")])


def _find_parts(folder: Path) -> dict[str, Path]:
    """The folders of the parts; a folder with others than these is the one of all rows, train."""
    names = _list_folders(folder)
    inner = {PART_NAMES[n.lower()]: folder / n for n in names if n.lower() in PART_NAMES}
    has_parts = "train" in inner and len(inner) >= max(2, len(names))
    return inner if has_parts else {"train": folder}


def _find_classes(folder: Path) -> dict[str, list[Path]]:
    """The images of each class by its name."""
    names = _list_folders(folder)
    reached = {os.path.realpath(folder): folder}
    classes = {name: _find_images(folder / name, reached) for name in names}
    wrong = [name for name, images in classes.items() if not images]
    if len(names) == 1 or len(PART_NAMES.keys() & {name.lower() for name in names}) > 1:
        # Images that are all deeper than their class's folder: it may contain the classes itself.
        wrong += [name for name, images in classes.items()
                  if images and all(image.parent != folder / name for image in images)]  # fmt: skip
    if wrong or not names:
        problem = (
            "images must be in sub-folders, one for each class, or in such folders named train, "
            f"validation and test (received: {folder} with the sub-folders "
            f"{list_some(names) or 'none'}; without images of their own: "
            f"{list_some(wrong) or 'none'})."
        )
        tables = {*map(find_ending, folder.glob("*"))} & {*TABLES}
        hint = f"For the tables, write {folder}/*{min(tables)}." if tables else "Texts end in .txt."
        raise DataError(folder.name, [f"{problem} {_ENDINGS} {hint}"])
    return classes


def _find_images(folder: Path, reached: dict[str, Path]) -> list[Path]:
    """The images of a folder and below, folder by folder, in the order of their names."""
    found = {}
    for root, _, names in walk(folder, reached):
        images = [name for name in names if name.lower().endswith(IMAGES)]
        found[root] = [Path(root, name) for name in sorted(images)]
    return [file for root in sorted(found) for file in found[root]]


class _Reader:
    """Reads images of one size, or brings them to ``image_size``."""

    def __init__(
        self, folder: Path, dataset: str, image_size: Sequence[int] | None, color_mode: str
    ) -> None:
        self._folder, self._dataset, self._color_mode = folder, dataset, color_mode
        self._size: tuple[int, int] | None = (image_size[0], image_size[1]) if image_size else None
        self._resizes = self._size is not None
        if self._size and math.prod(self._size) > MOST_PIXELS_KEPT:
            rule = f"image_size: a network takes images of {MOST_PIXELS_KEPT:,} pixels at most"
            raise DataError(dataset, [f"{rule} (received: {image_size}). Choose a smaller size."])

    def name_file(self, file: Path) -> str:
        """Its path in the folder."""
        return str(file.relative_to(self._folder) if self._folder in file.parents else file.name)

    def find_shape(self, files: Sequence[Path]) -> tuple[int, ...]:
        """The shape of an image's pixels; without ``image_size``, the first one's size."""
        if self._size is None:
            self.open_all(files[:1])
        size = self._size or ()
        return size if self._color_mode == "grayscale" else (*size, 3)

    def read(self, files: Sequence[Path]) -> Pixels:
        """Read pixels, in little more memory than they take."""
        pixels = make_aligned((len(files), *self.find_shape(files)), np.dtype(np.uint8))
        self.open_all(files, pixels)
        return pixels

    def leave(self, files: Sequence[Path]) -> DiskRows:
        """The pixels, which are read when they are taken."""
        shape = (len(files), *self.find_shape(files))
        return DiskRows(
            lambda rows: self.read([files[row] for row in rows]),
            shape,
            np.dtype(np.uint8),
            is_decoded=True,
        )

    def open_all(self, files: Sequence[Path], pixels: Pixels | None = None) -> None:
        """Open images in threads, into ``pixels`` if given; raise DataError with all bad ones."""
        from PIL import Image

        errors = (OSError, SyntaxError, ValueError, EOFError, struct.error)
        reasons: dict[int, str] = {}

        def open_some(start: int) -> None:
            for i, file in enumerate(files[start : start + _FILES_AT_ONCE], start):
                try:
                    if not file.is_file():
                        raise ValueError("not a file")
                    with Image.open(file) as opened:
                        self._check(opened)
                        if pixels is not None:
                            pixels[i] = self._read_pixels(opened)
                except (*errors, Image.DecompressionBombError) as error:
                    reasons[i] = (getattr(error, "strerror", "") or str(error)).rstrip(".")

        with ThreadPoolExecutor(count_cores()) as pool:
            list(pool.map(open_some, range(0, len(files), _FILES_AT_ONCE)))
        if reasons:
            shown = list_some(
                [f"{self.name_file(files[i])} ({reasons[i]})" for i in sorted(reasons)]
            )
            problem = f"images cannot be read: {shown}. Correct or remove them."
            raise DataError(self._dataset, [problem])

    def _check(self, opened: Image.Image) -> None:
        """Raise ValueError unless an image has few pixels, and the size of the others."""
        n_pixels = opened.width * opened.height
        if n_pixels > (MOST_PIXELS if self._resizes else MOST_PIXELS_KEPT):
            rule = f"at most {MOST_PIXELS_KEPT:,} are allowed, or {MOST_PIXELS:,} with image_size"
            raise ValueError(f"{n_pixels:,} pixels; {rule}, such as [224, 224]")
        if self._resizes:
            return
        size = find_size(opened)
        self._size = self._size or size
        if size != self._size:
            rule = f"height × width {size}, and the first has {self._size}"
            raise ValueError(f"{rule}; to resize all images, write image_size: {[*self._size]}")

    def _read_pixels(self, opened: Image.Image) -> Pixels:
        from PIL import Image, ImageOps

        is_large = opened.width * opened.height > MOST_PIXELS_KEPT
        with _LARGE_IMAGE if is_large else nullcontext():
            ImageOps.exif_transpose(opened, in_place=True)
            image = opened
            if image.mode.startswith("I;16") or image.mode == "I":
                # Pillow would cut 16 bits off at 255.
                high = np.asarray(image).astype(np.uint32) >> 8
                image = Image.fromarray(high.astype(np.uint8))
            mode = "L" if self._color_mode == "grayscale" else "RGB"
            image = image if image.mode == mode else image.convert(mode)
            height, width = self._size or (image.height, image.width)
            if (image.height, image.width) != (height, width):
                image = image.resize((width, height), Image.Resampling.BILINEAR)
            return np.asarray(image)


def find_size(opened: Image.Image) -> tuple[int, int]:
    """The height and width of an image by its header."""
    is_turned = opened.getexif().get(_ORIENTATION, 1) > 4
    return (opened.width, opened.height) if is_turned else (opened.height, opened.width)
