"""Texts from files: a folder of class sub-folders for training, any .txt files for prediction."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.endings import ARRAYS, IMAGES, TABLES, find_ending
from kerasrecipes.recipe.rules import LossKind
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.dataset import PART_NAMES, Piece, Schema, Source
from kerasrecipes.rows.files import expand
from kerasrecipes.rows.files.base import TableInMemory
from kerasrecipes.rows.files.raw import explain_damage, walk
from kerasrecipes.rows.limits import LONGEST_TEXT, check_memory
from kerasrecipes.rows.table import Table
from kerasrecipes.rows.words import list_some

_TOO_LONG = f"over {LONGEST_TEXT >> 20} MB"
_MEMORY_OF_BYTE = 12
"""Bytes of memory that reading takes for a byte of text, measured: 9 to 16."""


class Texts(Table):
    """Files of a folder as a table of the columns text and class, and file for predictions.

    Classes and files are in the order of ``keras.utils.text_dataset_from_directory``: by name.
    Folders of the classes may stand in folders of the parts, train, validation and test.
    """

    def __init__(self, files: Sequence[Path], folder: Path) -> None:
        super().__init__(self._read, folder.name, f"texts in {folder}", "class")
        self._names = {file: file.relative_to(folder) for file in files}
        inner = [name.parts for name in self._names.values() if len(name.parts) > 2]
        self._has_parts = bool(inner) and {each[0].lower() for each in inner} <= PART_NAMES.keys()

    def iterate(
        self, schema: Schema, ids: Sequence[str] = (), *, with_target: bool = False
    ) -> Iterator[Piece]:
        ids = ids if with_target else ("file", *ids)
        return super().iterate(schema, ids, with_target=with_target)

    def load(self, spec: DatasetSpec, hint: LossKind | None = None) -> Source:
        return super().load(self.add_parts(spec), hint)

    def add_parts(self, spec: DatasetSpec) -> DatasetSpec:
        """The recipe's ``dataset`` with the parts of the folder, if it has some."""
        return spec.model_copy(update={"split": "part"}) if self._has_parts else spec

    def _read(self, spec: DatasetSpec, wanted: Sequence[str] | None) -> TableInMemory:
        names, depth = self._names, int(self._has_parts)
        with_class = wanted is None or "class" in wanted
        if with_class:  # files beside the folders have no class
            names = {file: name for file, name in names.items() if len(name.parts) > depth + 1}
        if with_class and wanted and self._has_parts:  # to evaluate
            test = {file: name for file, name in names.items()
                    if PART_NAMES[name.parts[0].lower()] == "test"}  # fmt: skip
            names = test or names
        folders = [name.parts[:-1] for name in names.values()]
        classes = [each[depth] if len(each) > depth else "" for each in folders]
        if with_class and {*map(str.lower, classes)} <= PART_NAMES.keys():
            received = f"received: {list_some([*dict.fromkeys(classes)]) or 'none'}"
            problem = f"a folder of texts must have a sub-folder for each class ({received})."
            raise DataError(self.name, [f"{problem} Give the path of such a folder, or a file."])
        columns = {"text": self._read_files(names), "class": classes}
        columns |= {"part": [each[0] for each in folders]} if spec.split else {}
        columns |= {"file": [*map(str, names.values())]} if wanted else {}
        return TableInMemory(pa.table(columns), spec, self.name)

    def _read_files(self, names: Mapping[Path, Path]) -> list[str]:
        """Read files, after a check that they are files and fit into memory."""
        texts = []
        with explain_damage(self.name):
            sizes = {file: file.stat().st_size if file.is_file() else -1 for file in names}
            wrong = {file: size for file, size in sizes.items() if not 0 <= size <= LONGEST_TEXT}
            reasons = [f"{names[file]} ({'not a file' if size < 0 else _TOO_LONG})"
                       for file, size in wrong.items()]  # fmt: skip
            if reasons:
                problem = f"texts cannot be read: {list_some(reasons)}. Correct or remove them."
                raise DataError(self.name, [problem])
            check_memory(_MEMORY_OF_BYTE * sum(sizes.values()), self.name)
            for file, name in names.items():
                try:
                    texts.append(file.read_text("utf-8-sig"))
                except UnicodeDecodeError as error:
                    problem = f"texts must be UTF-8 (received: {name}, {error}). Save it as UTF-8."
                    raise DataError(self.name, [problem]) from error
        return texts


def find_texts(path: Path, trained_on: str | None = None) -> Texts | None:
    """Find the texts of a folder without images, or of .txt files for a run on such a folder.

    ``path`` may be a pattern; of the training rows' paths, only a folder's has no ending.
    """
    files, folder = list[Path](), path
    for root, inner, names in walk(path, {}) if os.path.isdir(path) else ():
        if "run.json" in names:  # the folder of all runs may stand beside the classes
            inner.clear()
            continue
        if any(name.lower().endswith(IMAGES) for name in names):
            return None
        files += map(Path(root).joinpath, names)
    if not files and trained_on and find_ending(Path(trained_on)) not in (*TABLES, *ARRAYS):
        files = expand(str(path))
        folder = Path(os.path.commonpath([file.parent for file in files] or [path]))
    files = [file for file in sorted(files) if os.path.lexists(file) and not file.is_dir()]
    texts = [file for file in files if file.suffix.lower() == ".txt"]
    return Texts(texts, folder) if texts else None
