"""Start-up: how long a command takes to answer that need not train."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import measure
from benchmarks.measure import ROOT, Figures


def prepare(folder: Path, is_quick: bool) -> dict[str, Callable[[], Figures]]:
    """The commands, by the words that call them."""
    del folder, is_quick
    recipes = sorted(str(file) for file in (ROOT / "configs").glob("*.yaml"))
    recipes = [file for file in recipes if "imdb_texts" not in file]  # its folder may be missing
    return {
        "import": lambda: measure.run_contender("importing", {}),
        "--help": partial(measure.run_command, ["--help"]),
        "train --help": partial(measure.run_command, ["train", "--help"]),
        "validate": partial(measure.run_command, ["validate", *recipes]),
        "ls datasets": partial(measure.run_command, ["ls", "datasets"]),
        "ls layers": partial(measure.run_command, ["ls", "layers"]),
    }


LABELS = {"import": "importing TensorFlow, for comparison", "validate": "validate configs/*.yaml"}
