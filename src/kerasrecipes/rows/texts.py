"""Texts from files: a folder of class sub-folders for training, any .txt files for prediction."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.endings import ARRAYS, IMAGES, TABLES, find_ending
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.dataset import PART_NAMES
from kerasrecipes.rows.files import expand
from kerasrecipes.rows.files.frames import TableInMemory
from kerasrecipes.rows.files.raw import explain_damage
from kerasrecipes.rows.rows import Piece, Schema
from kerasrecipes.rows.table import Table
from kerasrecipes.rows.words import list_some


class Texts(Table):
    """Files of a folder as a table of the columns text and class, and file for predictions.

    Classes and files are in the order of ``keras.utils.text_dataset_from_directory``: by name.
    """

    def __init__(self, files: Sequence[Path], folder: Path) -> None:
        super().__init__(self._read, folder.name, f"texts in {folder}", "class")
        self._files, self._folder = files, folder

    def iterate(
        self, schema: Schema, ids: Sequence[str] = (), *, with_target: bool = False
    ) -> Iterator[Piece]:
        ids = ids if with_target else ("file", *ids)
        return super().iterate(schema, ids, with_target=with_target)

    def _read(self, spec: DatasetSpec, wanted: Sequence[str] | None) -> TableInMemory:
        names = {file: file.relative_to(self._folder) for file in self._files}
        if wanted is None or "class" in wanted:  # files beside the folders have no class
            names = {file: name for file, name in names.items() if len(name.parts) > 1}
        classes = [name.parts[0] for name in names.values()]
        if (wanted is None or "class" in wanted) and {*map(str.lower, classes)} <= PART_NAMES:
            problem = (
                "a folder of texts must have a sub-folder for each class (received: "
                f"{list_some([*dict.fromkeys(classes)]) or 'none'}). Give the path of such a one."
            )
            raise DataError(self.name, [problem])
        texts = {}
        with explain_damage(self.name):
            for file, name in names.items():
                try:
                    texts[str(name)] = file.read_text("utf-8-sig")
                except UnicodeDecodeError as error:
                    problem = f"texts must be UTF-8 (received: {name}, {error}). Save it as UTF-8."
                    raise DataError(self.name, [problem]) from error
        columns = {"text": [*texts.values()], "class": classes}
        columns |= {"file": [*texts]} if wanted else {}
        return TableInMemory(pa.table(columns), spec, self.name)


def find_texts(path: Path, trained_on: str | None = None) -> Texts | None:
    """Find the texts of a folder without images, or of .txt files for a run on such a folder.

    Args:
        path: A folder, a file or a pattern.
        trained_on: The path of the training rows; only a folder's has no ending.
    """
    files, folder = list[Path](), path
    for root, inner, names in os.walk(path) if os.path.isdir(path) else ():
        inner[:] = [name for name in inner if not name.startswith(".")]
        if "run.json" in names:  # the folder of all runs may stand beside the classes
            inner.clear()
            continue
        if any(name.lower().endswith(IMAGES) for name in names):
            return None
        files += map(Path(root).joinpath, names)
    if not files and trained_on and find_ending(Path(trained_on)) not in (*TABLES, *ARRAYS):
        files = expand(str(path))
        folder = Path(os.path.commonpath([file.parent for file in files] or [path]))
    files = [file for file in sorted(files) if not file.name.startswith(".") and file.is_file()]
    texts = [file for file in files if file.suffix.lower() == ".txt"]
    return Texts(texts, folder) if texts else None
