"""Drafts recipes for a user's own data; never imports TensorFlow."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kerasrecipes.drafting.findings import Findings, look_at
from kerasrecipes.drafting.plan import plan_recipe
from kerasrecipes.durable import write_file
from kerasrecipes.errors import DataError, InputError
from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.recipe.names import make_folder_name
from kerasrecipes.rows import Dataset, load_for

__all__ = ["Draft", "draft_recipe"]


@dataclass(frozen=True)
class Draft:
    """A written recipe, what was found in its data, and these as the first run will have them."""

    file: Path
    recipe: Recipe
    found: Findings
    dataset: Dataset


def draft_recipe(
    data: str, target: str | None = None, file: Path | None = None, changes: Sequence[str] = ()
) -> Draft:
    """Look at data, and write a commented recipe that trains on them unchanged.

    Args:
        data: A table's file, or a pattern of several; a file of arrays; a folder of images.
        target: The column to predict; None chooses it by its name or place.
        file: The recipe's file; None is named after the data, in the working folder.
        changes: How the file is read, such as "csv.skip_rows=2".

    Raises:
        InputError: The file is there already, or no recipe would train on the data; no file is
            left behind.
    """
    path = Path(os.path.expanduser(data)).absolute()
    if path.suffix.lower() in (".yaml", ".yml"):
        raise InputError(f"{data} is a recipe. Give its data, or: kerasrecipes train {data}")
    name = path.name if os.path.isdir(path) else Path(path.name.removesuffix(".gz")).stem
    if glob.has_magic(path.name) and not os.path.exists(path):
        name = path.parent.name
    file = file or Path(f"{make_folder_name(name)}.yaml")
    if os.path.lexists(file):
        raise InputError(f"{file} exists already and is not changed. Name another file with -o.")
    if not file.parent.is_dir():
        raise InputError(f"There is no folder {file.parent} for the recipe. Make it, or use -o.")
    found = look_at(path, target, changes)
    text = plan_recipe(found, file).write()
    write_file(file, text.encode("utf-8"))
    try:
        recipe = load_recipe(file)
        return Draft(file, recipe, found, load_for(recipe))
    except BaseException as error:
        file.unlink()
        if isinstance(error, DataError):  # without lines of that file
            raise DataError(error.dataset, error.problems) from error
        raise
