"""Bad data files, and what is said of them: the place, the rule, what was received, what to do.

``data/expected.txt`` has an entry for each file or folder of images in ``data``: its path, the keys
of the recipe beside ``path``, and the message.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kerasrecipes.errors import InputError
from kerasrecipes.recipe import load_recipe
from kerasrecipes.rows import load_for

DATA = Path(__file__).with_name("data")
RECIPE = """\
dataset: {{{keys}path: "{path}"}}
layers: [{layers}]
loss: {loss}
"""
CASES = [
    re.fullmatch(r"(.*)\n(.*)\n--- says\n(.*?\n)\s*", case, re.DOTALL).groups()  # type: ignore[union-attr]
    for case in DATA.joinpath("expected.txt").read_text("utf-8").split("\n=== ")[1:]
]
"""Path, keys of dataset and message of each."""
JARGON = re.compile(r"Traceback|<class|NoneType|\bNone\b|Errno|pyarrow|Error\b|object at 0x")


def write_recipe(folder: Path, path: Path, keys: str) -> Path:
    """A recipe of one layer: a regression where its keys do not name a loss."""
    keys, _, loss = keys.partition("loss: ")
    layers = "Flatten, Dense: {units: 2, activation: softmax}" if loss else "Dense: {units: 1}"
    file = folder / "recipe.yaml"
    keys = f"{keys.rstrip(', ')}, " if keys else ""
    text = RECIPE.format(path=path, keys=keys, layers=layers, loss=loss or "mse")
    file.write_text(text, encoding="utf-8")
    return file


def complain(folder: Path, path: Path, keys: str) -> str:
    """What training would say of a file, without its folder; bad files are found at once."""
    with pytest.raises(InputError) as caught:
        load_for(load_recipe(write_recipe(folder, path, keys)))
    assert caught.value.exit_code == 2
    return f"{caught.value}\n".replace(f"{folder}/", "").replace(f"{path.parent}/", "")


@pytest.mark.reliability("bad input")
@pytest.mark.parametrize(("path", "keys", "message"), CASES, ids=[case[0] for case in CASES])
def test_bad_files(tmp_path: Path, path: str, keys: str, message: str) -> None:
    assert complain(tmp_path, DATA / path, keys) == message


def test_every_file_has_a_message() -> None:
    files = {file for file in DATA.rglob("*") if file.is_file() and file.name != "expected.txt"}
    paths = [DATA / case[0] for case in CASES]
    assert len(paths) == len({*paths}) >= 300
    assert files == {file for path in paths for file in (path, *path.rglob("*")) if file.is_file()}
    assert all(file.stat().st_size < 50_000 for file in files)


def test_every_message_is_for_people() -> None:
    for path, _, message in CASES:
        assert not JARGON.search(message), path
        assert message.startswith("recipe.yaml:"), path
        assert max(map(len, message.splitlines())) < 1_000, path
