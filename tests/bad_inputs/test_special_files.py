"""What is no regular file, cannot be opened, leads in a circle, or changes while it is read."""

from __future__ import annotations

import os
import pickle
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kerasrecipes.drafting.findings import look_at
from kerasrecipes.errors import DataError
from kerasrecipes.recipe import Component
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows import open_rows
from kerasrecipes.rows.files import open_table_file
from rows.specs import load_dataset

pytestmark = pytest.mark.reliability("hostile")
CSV = "a,y\n" + "".join(f"{i * 7 % 5}.5,{i}\n" for i in range(20))
ENDINGS = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".feather", ".xlsx", ".npz", ".npy")
TEXT = {"text": Component("features", "text")}
NO_FILE = (
    "is a device, a pipe or a socket, and not a file. Write its rows into a file, or pipe them to "
    "--data -."
)


def find_problems(path: Path | str, **keys: object) -> list[str]:
    """The problems of a file, as train and predict have them; init has the same."""
    spec = DatasetSpec.model_validate({"path": str(path)} | keys)
    with pytest.raises(DataError) as caught:
        load_dataset(spec)
    with pytest.raises(DataError) as looked:
        look_at(Path(path), None)
    assert keys or looked.value.problems == caught.value.problems
    return list(caught.value.problems)


def draw(folder: Path, n: int = 6) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        pixels = np.random.default_rng(i).integers(0, 255, (4, 4), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        draw(tmp_path / "images" / name)
    return tmp_path / "images"


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Give up the rights of root, who may open every file."""
    is_root = not os.geteuid()
    os.seteuid(65534 if is_root else os.geteuid())
    try:
        yield
    finally:
        os.seteuid(0 if is_root else os.geteuid())


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that every user may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_regular_files(tmp_path: Path, ending: str) -> None:
    pipe, device, folder = (tmp_path / f"{name}{ending}" for name in ("pipe", "device", "folder"))
    os.mkfifo(pipe)
    device.symlink_to("/dev/zero")
    folder.mkdir()
    assert find_problems(pipe) == [f"path: {pipe} {NO_FILE}"]
    assert find_problems(device) == [f"path: {device} {NO_FILE}"]
    assert "images must be in sub-folders" in find_problems(folder)[0]
    assert len(find_problems(f"{tmp_path}/*{ending}")) == 2


def test_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind("rows.csv")
        assert find_problems(tmp_path / "rows.csv") == [f"path: {tmp_path}/rows.csv {NO_FILE}"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_links_to_nothing_and_in_a_circle(tmp_path: Path, ending: str) -> None:
    for name, target in (("gone", "nowhere"), ("circle", f"circle{ending}")):
        link = tmp_path / f"{name}{ending}"
        link.symlink_to(target)
        assert find_problems(link) == [
            f"path: {link} is a link to {target}, which is not there. Correct it."
        ]


def test_a_link_to_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(CSV)
    (tmp_path / "link.csv").symlink_to("rows.csv")
    spec = DatasetSpec(path=str(tmp_path / "link.csv"), target="y")
    assert len(load_dataset(spec).parts["train"]) == 16


@pytest.mark.parametrize("name", ["x" * 5_000 + ".csv", "a\0b.csv", "한" * 200 + ".csv", "\0"])
def test_names_that_no_file_has(tmp_path: Path, name: str) -> None:
    (problem,) = find_problems(tmp_path / name)
    assert problem in (
        f"path: there is no file {tmp_path / name}. Check the path.",
        f"path: {tmp_path / name} cannot be read: File name too long.",
        "the file cannot be read: File name too long.",
    )
    assert "the file cannot be read: File name too long." in find_problems(
        tmp_path / ("d" * 5_000) / "x.csv"
    )


def test_a_path_of_5000_letters(tmp_path: Path) -> None:
    path = tmp_path.joinpath(*["folder"] * 800) / "rows.csv"
    assert find_problems(path) == ["the file cannot be read: File name too long."]


@pytest.mark.parametrize("name", ["\x1b[31mred.csv", "a\nb.csv", "..csv", " .csv", "ü\u202e.csv"])
def test_odd_names_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(CSV)
    spec = DatasetSpec(path=str(tmp_path / name), target="y")
    assert len(load_dataset(spec).parts["train"]) == 16


def test_the_home_of_nobody(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file .*~nobody-here"):
        open_rows("~nobody-here/rows.csv", DatasetSpec())


def test_a_pattern_does_not_follow_links(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "inner"
    folder.mkdir(parents=True)
    (folder / "rows.csv").write_text(CSV)
    (folder / ".hidden.csv").write_text("no table")
    for name in "xyz":
        (folder / name).symlink_to(".")
    spec = DatasetSpec(path=f"{tmp_path}/data/**/*.csv", target="y")
    assert sum(map(len, load_dataset(spec).parts.values())) == 20
    assert find_problems(f"{tmp_path}/**/*.tsv") == [
        f"path: there is no file {tmp_path}/**/*.tsv. Check the path."
    ]


@pytest.mark.parametrize("ending", ENDINGS)
def test_files_without_permission(shared: Path, ending: str) -> None:
    file = shared / f"rows{ending}"
    file.write_text(CSV)
    file.chmod(0)
    with ordinary_user():
        assert find_problems(file) == [f"path: {file} cannot be read: Permission denied."]


@pytest.mark.parametrize("name", ["rows.csv", "rows.npz", "*.csv", "0.png", ""])
def test_folders_without_permission(shared: Path, name: str) -> None:
    for folder in ("a", "b"):
        draw(shared / "images" / folder)
    (shared / "images" / "a").chmod(0)
    with ordinary_user():
        path = shared / "images" / "a" / name if name else shared / "images"
        (problem,) = find_problems(path)
    assert problem in (
        f"path: {path} cannot be read: Permission denied.",
        f"path: {shared}/images/a cannot be read: Permission denied.",
    )
    (shared / "images" / "a").chmod(0o755)


def test_an_image_without_permission(shared: Path) -> None:
    for folder in ("a", "b"):
        draw(shared / folder)
    (shared / "a" / "3.png").chmod(0)
    with ordinary_user():
        assert find_problems(shared) == [
            "images cannot be read: a/3.png (Permission denied). Correct or remove them."
        ]


@pytest.mark.parametrize(
    ("place", "target"),
    [
        ("a/loop", ".."),
        ("a/loop", "."),
        ("a/other", "../b"),
        ("c", "a"),
        ("a/deep/er/loop", "../../.."),
    ],
)
def test_links_among_images(images: Path, place: str, target: str) -> None:
    link = images / place
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)
    (problem,) = find_problems(images, color_mode="rgb")
    assert problem.startswith("no folder may have two paths (received: ")
    assert problem.endswith(" are the same folder). Remove the link.")
    assert str(link) in problem or str(images / "b") in problem


def test_links_to_images_elsewhere_are_read(images: Path, tmp_path: Path) -> None:
    draw(tmp_path / "elsewhere")
    (images / "c").symlink_to(tmp_path / "elsewhere")
    (images / "a" / "6.png").symlink_to(tmp_path / "elsewhere" / "0.png")
    assert load_dataset(DatasetSpec(path=str(images))).class_names == ("a", "b", "c")


def test_what_is_no_file_among_images(images: Path) -> None:
    os.mkfifo(images / "a" / "pipe.png")
    (images / "a" / "zero.png").symlink_to("/dev/zero")
    (images / "b" / "gone.png").symlink_to("nowhere.png")
    (images / "b" / "folder.png").mkdir()
    assert find_problems(images, color_mode="rgb") == [
        "images cannot be read: a/pipe.png (not a file), a/zero.png (not a file), b/gone.png (not "
        "a file). Correct or remove them."
    ]


@pytest.mark.parametrize("change", ["append", "replace", "remove"])
def test_a_file_that_changes_while_it_is_read(tmp_path: Path, change: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(CSV)
    for read in ("read", "iterate"):
        path.write_text(CSV)
        file = open_table_file(str(path), DatasetSpec())
        if change == "append":
            path.write_text(f"{CSV}1,2\n")
        elif change == "replace":
            moment_ns = path.stat().st_mtime_ns
            path.write_text(CSV.replace(",", ";"))
            os.utime(path, ns=(moment_ns, moment_ns + 1))  # of the same size, in the same second
        else:
            path.unlink()
        with pytest.raises(DataError) as caught:
            file.read() if read == "read" else list(file.iterate(["a"], ["a"], 9))
        assert caught.value.problems == (
            f"path: {path} cannot be read: No such file or directory."
            if change == "remove"
            else "the file changed while it was read. Wait until it is complete.",
        )


class Evil:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["rows.npy", "rows.npz", "in.npz", "rows.csv", "rows.parquet"])
def test_pickled_objects_are_not_loaded(tmp_path: Path, name: str) -> None:
    traces, file = tmp_path / "traces", tmp_path / name
    objects = np.array([Evil(traces)], dtype=object)
    if name == "rows.npy":
        np.save(file, objects, allow_pickle=True)
    elif name == "in.npz":
        np.savez(file, x=objects, y=np.ones(1))
    else:
        file.write_bytes(pickle.dumps(Evil(traces), protocol=4))
    (problem,) = find_problems(file, target="y")
    assert not traces.exists()
    if name in ("rows.npy", "in.npz"):
        assert "Object arrays cannot be loaded when allow_pickle=False." in problem


def write_texts(folder: Path, names: tuple[str, ...] = ("a", "b")) -> Path:
    for name in names:
        (folder / name).mkdir(parents=True)
        for i in range(6):
            (folder / name / f"{i}.txt").write_text(f"film {i} was {name}")
    return folder


def test_what_is_no_file_among_texts(tmp_path: Path) -> None:
    folder = write_texts(tmp_path / "texts")
    os.mkfifo(folder / "a" / "pipe.txt")
    (folder / "a" / "zero.txt").symlink_to("/dev/zero")
    (folder / "b" / "gone.txt").symlink_to("nowhere.txt")
    assert find_problems(folder) == [
        "texts cannot be read: a/pipe.txt (not a file), a/zero.txt (not a file), b/gone.txt (not "
        "a file). Correct or remove them."
    ]


def test_a_text_of_many_gigabytes(tmp_path: Path) -> None:
    folder = write_texts(tmp_path / "texts")
    (folder / "a" / "log.txt").touch()
    os.truncate(folder / "a" / "log.txt", 1 << 40)  # a hole, which takes no disk
    assert find_problems(folder) == [
        "texts cannot be read: a/log.txt (over 16 MB). Correct or remove them."
    ]


def test_texts_that_memory_has_no_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kerasrecipes.rows.limits.find_free_memory", lambda: 1000)
    (problem,) = find_problems(write_texts(tmp_path / "texts"))
    assert problem.startswith("texts and series must fit into memory (about")
    assert problem.endswith("GB). Give fewer rows.")


@pytest.mark.parametrize(("place", "target"), [("a/loop", ".."), ("c", "a"), ("a/other", "../b")])
def test_links_among_texts(tmp_path: Path, place: str, target: str) -> None:
    folder = write_texts(tmp_path / "texts")
    (folder / place).symlink_to(target)
    (problem,) = find_problems(folder)
    assert problem.startswith("no folder may have two paths (received: ")
    assert problem.endswith(" are the same folder). Remove the link.")


def test_links_to_texts_elsewhere_are_read(tmp_path: Path) -> None:
    folder = write_texts(tmp_path / "texts")
    (folder / "c").symlink_to(write_texts(tmp_path / "elsewhere", ("d",)) / "d")
    assert load_dataset(DatasetSpec(path=str(folder), features=TEXT)).class_names == (*"abc",)


def test_a_folder_of_texts_without_permission(shared: Path) -> None:
    folder = write_texts(shared / "texts")
    (folder / "a").chmod(0)
    with ordinary_user():
        assert find_problems(folder) == [f"path: {folder}/a cannot be read: Permission denied."]
    (folder / "a").chmod(0o755)
