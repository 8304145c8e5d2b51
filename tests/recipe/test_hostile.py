"""Recipes that are bombs, devices, endless or no text at all: refused at once, in little memory."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kerasrecipes.errors import RecipeError
from kerasrecipes.recipe import load_recipe

pytestmark = pytest.mark.reliability("bad input")

GOOD = """\
dataset: {name: iris}
layers:
  - Dense: {units: 3, activation: softmax}
loss: sparse_categorical_crossentropy
"""
TOO_LARGE = (
    "A recipe has at most 1,000,000 characters, 20,000 keys and values, and 50 lists or mappings "
    "within each other."
)
LAUGHS = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 30)]
)
KEYS = "\n".join(
    ["a0: &a0 {a: 1, b: 1, c: 1}"]
    + [f"a{i}: &a{i} {{a: *a{i - 1}, b: *a{i - 1}, c: *a{i - 1}}}" for i in range(1, 30)]
)
DEEP_ALIASES = "\n".join(
    ["a0: &a0 [x]"] + [f"a{i}: &a{i} [[[[[[*a{i - 1}]]]]]]" for i in range(1, 900)]
)


def add_layers(lines: str) -> str:
    return GOOD.replace("layers:\n", f"layers:\n{lines}")


BOMBS: dict[str, tuple[str | Callable[[], str], str]] = {
    "billion laughs": (LAUGHS, TOO_LARGE),
    "billion laughs of mappings": (KEYS, TOO_LARGE),
    "aliases that nest": (DEEP_ALIASES, TOO_LARGE),
    "100,000 brackets": ("[" * 100_000, TOO_LARGE),
    "100,000 braces": ("{a: " * 100_000, TOO_LARGE),
    "100,000 dashes": ("- " * 100_000, TOO_LARGE),
    "100,000 question marks": ("? " * 100_000, TOO_LARGE),
    "100 MB": (lambda: GOOD + "#" * 100_000_000, TOO_LARGE),
    "100 MB of values": (lambda: f"{GOOD}report: [{'a, ' * 35_000_000}", TOO_LARGE),
    "90,000 keys": ("".join(f"k{i}: 1\n" for i in range(90_000)), TOO_LARGE),
    "300,000 values": (f"{GOOD}report: [{'a, ' * 300_000}]", TOO_LARGE),
    "9,000 misspelt layers": (
        add_layers("".join(f"  - Flattn{i}\n" for i in range(9000))),
        "There are more than 100 problems. Fix these first.",
    ),
    "9,000 wrong columns": (
        GOOD.replace("name: iris", f"path: a.csv, target: a, drop: [{'1.5, ' * 9000}]"),
        "There are more than 100 problems. Fix these first.",
    ),
    "9,000 unknown keys": (
        GOOD + "".join(f"k{i}: 1\n" for i in range(9000)),
        "There are more than 100 problems. Fix these first.",
    ),
    "a name of 900,000 letters": (add_layers(f"  - {'D' * 900_000}\n"), "DDD"),
    "a number of 900,000 digits": (f"{GOOD}epochs: {'9' * 900_000}", "(received: .inf)."),
    "a tag of 900,000 letters": (f"{GOOD}name: !{'a' * 900_000} b", "aaa"),
    "900,000 quotes": (
        "'" * 900_001,
        "while scanning a quoted scalar, found unexpected end of stream",
    ),
    "900,000 tabs": ("\t" * 900_000, "This line is indented with a tab. Indent with spaces."),
    "200,000 documents": ("---\n" * 200_000, "but found another document"),
}


@pytest.mark.parametrize(("text", "message"), BOMBS.values(), ids=BOMBS)
def test_bombs_are_refused_at_once(
    tmp_path: Path, text: str | Callable[[], str], message: str
) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(text if isinstance(text, str) else text())
    began_s, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(RecipeError) as caught:
        load_recipe(file)
    assert time.process_time() - began_s < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kB
    assert message in str(caught.value)[-3000:]
    assert len(str(caught.value)) < 100_000


def write(content: bytes) -> Callable[[Path], None]:
    return lambda file: file.write_bytes(content)  # type: ignore[return-value]


DEVICE = "This is a pipe or a device. Give a file."
FOLDER = "This is a folder. Give a file, or continue a run: --resume (resume=True)."
UTF_8 = "is not UTF-8 text. Save the file with the encoding UTF-8."
FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a FIFO": (os.mkfifo, DEVICE),
    "a link to an endless device": (lambda file: file.symlink_to("/dev/zero"), DEVICE),
    "a link to random bytes": (lambda file: file.symlink_to("/dev/urandom"), DEVICE),
    "a link to a terminal": (lambda file: file.symlink_to("/dev/tty"), ""),
    "a link to itself": (lambda file: file.symlink_to(file), "Too many levels of symbolic links."),
    "a link to nothing": (lambda file: file.symlink_to("nothing"), "There is no such file."),
    "a folder": (Path.mkdir, FOLDER),
    "UTF-16": (write(GOOD.encode("utf-16")), f"Line 1 {UTF_8}"),
    "UTF-16 without a mark": (write(GOOD.encode("utf-16-le")), "Remove it."),
    "UTF-32": (write(GOOD.encode("utf-32")), f"Line 1 {UTF_8}"),
    "Latin-1": (write(f"{GOOD}name: café\n".encode("latin-1")), f"Line 5 {UTF_8}"),
    "nulls": (
        write(GOOD.encode() + b"\0"),
        "The character '\\x00' is not allowed here. Remove it.",
    ),
    "an archive": (write(b"PK\x03\x04\xff\xfe"), UTF_8),
    "a program": (write(Path(sys.executable).read_bytes()[:100_000]), UTF_8),
    "bytes that are no text": (write(bytes(range(256)) * 9), UTF_8),
    "surrogates": (write(b"name: \xed\xa0\x80"), UTF_8),
}


@pytest.mark.parametrize(("make", "message"), FILES.values(), ids=FILES)
def test_files_that_are_no_recipes(
    tmp_path: Path, make: Callable[[Path], object], message: str
) -> None:
    make(tmp_path / "r.yaml")
    for source in (tmp_path / "r.yaml", _extend(tmp_path)):
        began_s = time.process_time()
        with pytest.raises(RecipeError) as caught:
            load_recipe(source)
        assert time.process_time() - began_s < 5
        is_base = source.name == "child.yaml" and not (tmp_path / "r.yaml").is_file()
        assert message in str(caught.value) or (
            is_base and "There is no recipe" in str(caught.value)
        )


def _extend(folder: Path) -> Path:
    file = folder / "child.yaml"
    file.write_text("extends: r.yaml\n")
    return file


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "y/" * 3000, "\ud800.yaml", "", "/", "~"])
def test_names_that_no_file_has(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecipeError):
        load_recipe(name)
    with pytest.raises(RecipeError):
        load_recipe({"extends": name})
    with pytest.raises(RecipeError):
        load_recipe(GOOD, [f"extends={name}"])


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(GOOD, encoding="utf-8-sig")
    assert load_recipe(tmp_path / "r.yaml").name == "r"


def test_bases_in_a_long_chain_or_circle(tmp_path: Path) -> None:
    for i in range(300):
        (tmp_path / f"{i}.yaml").write_text(f"extends: {(i + 1) % 300}.yaml\n")
    with pytest.raises(RecipeError, match="may extend at most 50 others"):
        load_recipe(tmp_path / "0.yaml")
    (tmp_path / "link.yaml").symlink_to("self.yaml")
    (tmp_path / "self.yaml").write_text("extends: link.yaml\n")
    with pytest.raises(RecipeError, match=r"in a circle: self.yaml → self.yaml"):
        load_recipe(tmp_path / "self.yaml")


def test_a_link_to_nothing_is_not_suggested(tmp_path: Path) -> None:
    (tmp_path / "link.yaml").symlink_to("link.yaml")
    (tmp_path / "lost.yaml").symlink_to("nowhere.yaml")
    for name in ("link", "lost"):
        (tmp_path / "child.yaml").write_text(f"extends: {name}.yaml\n")
        with pytest.raises(RecipeError, match=rf"There is no recipe '{name}.yaml'.$"):
            load_recipe(tmp_path / "child.yaml")
    with pytest.raises(RecipeError, match=r"There is no such file. Choose from: child.yaml.$"):
        load_recipe(tmp_path / "lost.yaml")


@pytest.mark.parametrize(
    "override",
    [
        *("layers.0.Dense.²=1", "layers.٣.Dense.units=1", f"layers.{'9' * 5000}=1", "layers.-1=1"),
        *(f"optimizer={{SGD: {{learning_rate: 0x{'9' * 5000}}}}}", f"epochs={'9' * 5000}"),
        *(f"{'a.' * 50_000}b=1", f"report={'[' * 100_000}", "name=\x1b[31m", "name=\ud800"),
        *("=", "", "..=1", "[]=1", "[0]=1", "layers=*a", "layers=!!python/name:os.system", "a\0=1"),
        *("layers.0.Dense.units.x=1", "layers.0.0.0=1", "dataset.name.x=1", "extends.x=1"),
        *("layers[99]=1", "layers[]=1", "loss.0=1", "metrics.0=accuracy", "dataset=", "layers="),
    ],
)
def test_overrides_of_every_form(tmp_path: Path, override: str) -> None:
    (tmp_path / "r.yaml").write_text(GOOD)
    began_s = time.process_time()
    with pytest.raises(RecipeError):
        load_recipe(tmp_path / "r.yaml", [override])
    assert time.process_time() - began_s < 5


def test_values_from_python_that_contain_themselves() -> None:
    loop: list[object] = []
    loop.append(loop)
    wide: object = "x"
    for _ in range(12):
        wide = [wide] * 10
    for value in (loop, wide):
        with pytest.raises(RecipeError, match=TOO_LARGE):
            load_recipe({"layers": value})
        with pytest.raises(RecipeError, match=TOO_LARGE):
            load_recipe({"dataset": {"name": "iris"}}, layers=value)


def test_no_tag_runs_code(tmp_path: Path) -> None:
    """PyYAML's unsafe loader runs each of these."""
    mark = tmp_path / "mark"
    for text in (
        f"!!python/object/apply:os.mkdir ['{mark}']",
        f"!!python/object/new:os.mkdir ['{mark}']",
        f"!!python/object/apply:subprocess.check_call [[mkdir, '{mark}']]",
        "!!python/object/apply:builtins.exec ['import os; os._exit(1)']",
        f"!!python/object/new:type {{args: [a, !!python/tuple [], {{}}], state: '{mark}'}}",
        "!!python/module:antigravity",
        *("!!python/dict {}", "!!python/str a", "!!int x"),
    ):
        for recipe in (text, f"{GOOD}name: {text}", f"? {text}\n: 1\n", f"a: &a {text}\nb: *a\n"):
            (tmp_path / "r.yaml").write_text(recipe)
            with pytest.raises(RecipeError):
                load_recipe(tmp_path / "r.yaml")
            with pytest.raises(RecipeError):
                load_recipe({"dataset": {"name": "iris"}}, [f"name={text}"])
    assert not mark.exists()


def test_the_command_refuses_a_device_in_little_memory(tmp_path: Path) -> None:
    limit = 1_000_000_000

    def set_limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    for file in ("/dev/zero", "/dev/urandom", "/dev/full"):
        done = subprocess.run(
            [sys.executable, "-m", "kerasrecipes", "validate", file],
            preexec_fn=set_limit,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (2, f"{file}\n  {DEVICE}\n")
