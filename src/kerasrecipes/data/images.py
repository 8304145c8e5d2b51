"""Images from files: a folder of class sub-folders for training, any files for prediction."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.data.dataset import Source
from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec

if TYPE_CHECKING:
    from PIL import Image

ColorMode = Literal["rgb", "grayscale"]
Pixels = NDArray[np.uint8]

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")

_NAMES_SHOWN = 5
_PARTS = {"train", "training", "test", "testing", "val", "valid", "validation"}


def load_image_folder(path: str, spec: DatasetSpec) -> Source:
    """Load a folder of sub-folders, each of which holds the images of one class.

    Classes and files are in the order of ``keras.utils.image_dataset_from_directory``: classes by
    name, and files by name within them.

    Args:
        path: The folder.
        spec: The recipe's ``dataset``: ``image_size``, ``color_mode``, ``task``.

    Returns:
        Pixels of shape (n_images, height, width) where they are gray, else (n_images, height,
        width, 3), as uint8; the class of each.

    Raises:
        DataError: There are no images, some cannot be read, or their sizes differ.
    """
    folder = Path(path)
    classes = _find_classes(folder)
    if spec.task == "regression":
        problem = (
            "task: the folders of images are classes (received: task=regression). Write task: "
            "classification."
        )
        raise DataError(folder.name, [problem])
    files = [file for images in classes.values() for file in images]
    counts = [len(images) for images in classes.values()]
    return Source(
        inputs=_read(files, folder, spec.image_size, spec.color_mode),
        target=np.repeat(np.arange(len(counts), dtype=np.int64), counts),
        task="classification",
        target_names=("class",),
        class_names=tuple(classes),
        origin=f"images in {folder}",
    )


def stream_images(
    path: str | Path | Sequence[str | Path],
    image_size: Sequence[int] | None,
    color_mode: ColorMode,
    n_at_once: int,
) -> Iterator[tuple[Pixels, list[str]]]:
    """Read images without classes, some at once.

    Args:
        path: An image, several images, or a folder, whose images are read in the order of their
            names, those of sub-folders too.
        image_size: Height and width to bring them to; None means that they have one size.
        color_mode: Channels.
        n_at_once: How many to read at once, at most.

    Yields:
        Pixels as in ``load_image_folder``; and the files' names, within the folder if it is one.

    Raises:
        DataError: As in ``load_image_folder``.
    """
    several = [path] if isinstance(path, str | Path) else path
    folder = Path(several[0]) if len(several) == 1 and Path(several[0]).is_dir() else None
    files = _find_images(folder) if folder else [Path(file) for file in several]
    name = Path(several[0]).name if several else "images"
    if not files:
        raise DataError(name, [f"there are no images in {folder}. {_list_suffixes()}"])
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise DataError(name, [f"there is no file {_list(missing)}. Check the path."])
    names = [str(file.relative_to(folder)) if folder else file.name for file in files]
    for start in range(0, len(files), n_at_once):
        some = slice(start, start + n_at_once)
        pixels = _read(files[some], folder or files[0].parent, image_size, color_mode, name)
        yield pixels, names[some]


def _find_classes(folder: Path) -> dict[str, list[Path]]:
    names = sorted(
        entry.name for entry in folder.iterdir() if entry.is_dir() and not _is_hidden(entry.name)
    )
    if not names:
        flat = "images, but no" if _find_images(folder) else "no"
        problem = (
            f"a folder of images must have a sub-folder for each class (received: {folder} with "
            f"{flat} sub-folders). Sort the images into sub-folders that are named as the classes."
        )
        raise DataError(folder.name, [problem])
    classes = {name: _find_images(folder / name) for name in names}
    nested = [name for name in names if _holds_folders_only(folder / name, classes[name])]
    if nested and (len(names) == 1 or {name.lower() for name in names} <= _PARTS):
        problem = (
            f"the sub-folders must be classes (received: {_list(names)}, with sub-folders of "
            f"images). Write path: {folder / nested[0]}."
        )
        raise DataError(folder.name, [problem])
    empty = [name for name, files in classes.items() if not files]
    if len(empty) == len(names):
        raise DataError(
            folder.name, [f"there are no images in {folder} and below. {_list_suffixes()}"]
        )
    if empty:
        problem = (
            f"each sub-folder is a class and must hold images (received: none in {_list(empty)}). "
            f"Add some, or remove these folders. {_list_suffixes()}"
        )
        raise DataError(folder.name, [problem])
    return classes


def _holds_folders_only(folder: Path, images: Sequence[Path]) -> bool:
    return bool(images) and all(image.parent != folder for image in images)


def _find_images(folder: Path) -> list[Path]:
    """The images of a folder and below, folder by folder, in the order of their names."""
    found = []
    for root, folders, names in sorted(os.walk(folder, followlinks=True), key=lambda step: step[0]):
        inner = Path(root).relative_to(folder).parts
        if any(map(_is_hidden, inner)):
            continue
        del folders
        found += [
            Path(root, name)
            for name in sorted(names)
            if name.lower().endswith(SUFFIXES) and not _is_hidden(name)
        ]
    return found


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _read(
    files: Sequence[Path],
    folder: Path,
    image_size: Sequence[int] | None,
    color_mode: ColorMode,
    dataset: str | None = None,
) -> Pixels:
    """Read files of one size, or brought to one, in little more memory than their pixels take."""
    dataset = dataset or folder.name
    unreadable: list[str] = []
    size: tuple[int, ...] = tuple(image_size or ())
    first = other = ""
    pixels: Pixels | None = None

    def read(file: Path) -> Pixels | str:
        return _read_image(file, image_size, color_mode)

    with ThreadPoolExecutor() as pool:
        for i, (file, image) in enumerate(zip(files, pool.map(read, files), strict=True)):
            name = str(file.relative_to(folder) if file.is_relative_to(folder) else file)
            if isinstance(image, str):
                unreadable.append(f"{name} ({image})")
                continue
            if pixels is None:
                pixels = np.empty((len(files), *image.shape), np.uint8)
                size, first = image.shape[:2], name
            if image.shape[:2] == size:
                pixels[i] = image
            elif not other:
                other = f"{name} with {_write_size(image.shape)}"
    problems = []
    if unreadable:
        problems.append(f"images cannot be read: {_list(unreadable)}. Mend or remove them.")
    if other:
        problems.append(
            f"images must have one size (received: {first} with {_write_size(size)}, {other}, as "
            "height × width). Bring them to one with image_size: "
            f"[{', '.join(str(length) for length in size)}]."
        )
    if problems or pixels is None:
        raise DataError(dataset, problems)
    return pixels


def _read_image(
    file: Path, image_size: Sequence[int] | None, color_mode: ColorMode
) -> Pixels | str:
    """An image's pixels, or why it cannot be read."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(file) as opened:
            image: Image.Image = ImageOps.exif_transpose(opened)
            image = _convert(image, color_mode)
    except UnidentifiedImageError:
        return "no image"
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return str(error).rstrip(".")
    if image_size:
        height, width = image_size
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image)


def _convert(image: Image.Image, color_mode: ColorMode) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode == "I":
        from PIL import Image

        # Pillow would cut 16 bits off at 255.
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
    return image.convert("L" if color_mode == "grayscale" else "RGB")


def _write_size(shape: Sequence[int]) -> str:
    return f"{shape[0]} × {shape[1]}"


def _list(names: Sequence[Any]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN:,} more" if len(names) > _NAMES_SHOWN else ""
    return f"{', '.join(map(str, names[:_NAMES_SHOWN]))}{more}"


def _list_suffixes() -> str:
    return f"Images end in {', '.join(SUFFIXES)}."
