from __future__ import annotations

import gzip
import hashlib
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasrecipes.data import fashion_mnist, load_dataset
from kerasrecipes.data.fashion_mnist import CACHE_FOLDER, MD5, load_fashion_mnist, read_idx
from kerasrecipes.data.keras_cache import find_homes
from kerasrecipes.errors import DataError, DataUnavailable
from kerasrecipes.recipe.schema import DatasetSpec

from .conftest import FakeKeras

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = MD5


def write_idx(path: Path, array: np.ndarray) -> None:
    header = struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes(), mtime=0))


def write_files(folder: Path) -> Path:
    folder.mkdir(parents=True)
    write_idx(folder / TRAIN_IMAGES, np.arange(12, dtype=np.uint8).reshape(3, 2, 2))
    write_idx(folder / TRAIN_LABELS, np.array([9, 0, 1], np.uint8))
    write_idx(folder / TEST_IMAGES, np.arange(8, dtype=np.uint8).reshape(2, 2, 2))
    write_idx(folder / TEST_LABELS, np.array([2, 3], np.uint8))
    return folder


class Machine:
    """A machine with no data set, no network and no apt-get, until a test adds one."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cache = root / "keras" / CACHE_FOLDER
        self.installed = root / "share" / "fashion-mnist"
        self.programs = root / "bin"
        self.files = write_files(root / "true-files")
        self.said: list[str] = []
        self.programs.mkdir()
        sums = {file: (md5(self.files / file), "another sum") for file in MD5}
        monkeypatch.setattr(fashion_mnist, "MD5", sums)
        monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", self.installed)
        monkeypatch.setattr(fashion_mnist, "COMMAND_TIMEOUT_S", 60.0)
        monkeypatch.setenv("KERAS_HOME", str(root / "keras"))
        monkeypatch.setenv("PATH", str(self.programs))

    def load(self) -> Any:
        return load_fashion_mnist(self.said.append)

    def fail(self) -> DataUnavailable:
        with pytest.raises(DataUnavailable) as caught:
            self.load()
        return caught.value

    def add_program(self, name: str, script: str) -> None:
        path = self.programs / name
        path.write_text(f"#!/bin/bash\nPATH={os.defpath}\n{script}\n")
        path.chmod(0o755)

    def add_debian(self, update: str = "", download: str = "touch some_1.deb") -> None:
        unpacked = self.installed.relative_to("/")
        self.add_program(
            "apt-get",
            f'echo "$@" >> {self.programs}/calls; case "$*" in\n'
            f"*update*) {update or 'true'};;\n*download*) {download};;\nesac",
        )
        self.add_program("dpkg-deb", f'mkdir -p "$3/{unpacked}"; cp {self.files}/* "$3/{unpacked}"')

    def copy_files(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for file in MD5:
            (folder / file).write_bytes((self.files / file).read_bytes())


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def raise_no_route() -> Any:
    raise Exception("no route to host")


@pytest.fixture
def machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_keras: Callable[..., None]
) -> Machine:
    fake_keras(fashion_mnist=raise_no_route)
    return Machine(tmp_path, monkeypatch)


def test_the_cache_comes_first_and_its_bytes_are_not_changed(machine: Machine) -> None:
    machine.copy_files(machine.cache)
    machine.copy_files(machine.installed)
    source = machine.load()
    assert (source.origin, machine.said) == (str(machine.cache), [])
    np.testing.assert_array_equal(source.inputs, np.arange(12).reshape(3, 2, 2))
    np.testing.assert_array_equal(source.test_inputs, np.arange(8).reshape(2, 2, 2))
    assert source.inputs.dtype == source.test_inputs.dtype == np.uint8
    assert (source.target.tolist(), source.test_target.tolist()) == ([9, 0, 1], [2, 3])
    assert (source.class_names[0], source.class_names[9]) == ("T-shirt/top", "Ankle boot")


def test_the_installed_package_comes_second(machine: Machine) -> None:
    machine.copy_files(machine.installed)
    assert machine.load().origin == str(machine.installed)
    assert machine.said == [
        f"fashion_mnist: Keras's cache {machine.cache}: the files are not there"
    ]


def test_a_corrupted_file_in_the_cache_is_set_aside(machine: Machine) -> None:
    machine.copy_files(machine.cache)
    machine.copy_files(machine.installed)
    (machine.cache / TEST_LABELS).write_bytes(b"half a file")
    assert machine.load().origin == str(machine.installed)
    assert machine.said == [
        f"fashion_mnist: Keras's cache {machine.cache}: {TEST_LABELS} is corrupted (its MD5 is "
        f"{hashlib.md5(b'half a file').hexdigest()}, and should be "
        f"{md5(machine.files / TEST_LABELS)}), set aside as {TEST_LABELS}.corrupted"
    ]
    assert not (machine.cache / TEST_LABELS).exists()
    assert (machine.cache / f"{TEST_LABELS}.corrupted").read_bytes() == b"half a file"


def test_a_corrupted_installed_file_is_skipped_and_left_alone(machine: Machine) -> None:
    machine.copy_files(machine.installed)
    (machine.installed / TRAIN_LABELS).write_bytes(b"half a file")
    attempts = dict(machine.fail().attempts)
    assert f"{TRAIN_LABELS} is corrupted" in attempts[f"Debian's package in {machine.installed}"]
    assert (machine.installed / TRAIN_LABELS).read_bytes() == b"half a file"


def test_a_read_only_cache_is_used_and_nothing_is_renamed_in_it(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = (tmp_path / "keras", tmp_path / "fallback")
    monkeypatch.setattr(fashion_mnist, "find_homes", lambda: homes)
    machine.copy_files(machine.cache)
    assert machine.load().origin == str(machine.cache)
    (machine.cache / TRAIN_LABELS).write_bytes(b"half a file")
    machine.copy_files(homes[1] / CACHE_FOLDER)
    assert machine.load().origin == str(homes[1] / CACHE_FOLDER)
    assert (machine.cache / TRAIN_LABELS).exists()


def test_a_download_through_keras_comes_third(machine: Machine, fake_keras: FakeKeras) -> None:
    fake_keras(fashion_mnist=lambda: machine.copy_files(machine.cache))
    assert machine.load().origin == str(machine.cache)
    assert machine.said[-1] == "fashion_mnist: downloading through Keras (31 MB)"


def test_a_wrong_download_is_never_used(machine: Machine, fake_keras: FakeKeras) -> None:
    def download() -> None:
        machine.copy_files(machine.cache)
        (machine.cache / TRAIN_IMAGES).write_bytes(b"a login page")

    fake_keras(fashion_mnist=download)
    attempts = dict(machine.fail().attempts)
    assert f"{TRAIN_IMAGES} is corrupted" in attempts["download through Keras"]
    assert (machine.cache / f"{TRAIN_IMAGES}.corrupted").exists()


def test_debian_s_package_is_fetched_last_and_leaves_nothing_but_the_files(
    machine: Machine,
) -> None:
    machine.add_debian()
    assert machine.load().origin == str(machine.cache)
    assert sorted(path.name for path in machine.cache.iterdir()) == sorted(MD5)
    assert machine.said[-2:] == [
        "fashion_mnist: apt-get update, with state folders of its own",
        "fashion_mnist: apt-get download dataset-fashion-mnist (31 MB)",
    ]
    calls = (machine.programs / "calls").read_text().splitlines()
    assert len(calls) == 2
    for call in calls:
        for folder in ("State", "Cache", "Log"):
            assert f"-o Dir::{folder}={machine.cache}/" in call


@pytest.mark.parametrize(
    ("debian", "why"),
    [
        (
            {
                "update": "echo 'W: Failed to fetch http://deb.debian.org' >&2",
                "download": "echo 'E: Unable to locate package' >&2; exit 100",
            },
            "apt-get failed: W: Failed to fetch http://deb.debian.org",
        ),
        (
            {"download": "echo 'E: Unable to locate package' >&2; exit 100"},
            "apt-get failed: E: Unable to locate package",
        ),
        ({"update": "exit 7"}, "apt-get failed: exit code 7"),
    ],
)
def test_a_failed_fetch_tells_its_first_cause(
    machine: Machine, debian: dict[str, str], why: str
) -> None:
    machine.add_debian(**debian)
    assert machine.fail().attempts[-1] == ("Debian's package, fetched without root", why)
    assert list(machine.cache.iterdir()) == []


def test_a_fetch_that_hangs_is_ended(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion_mnist, "COMMAND_TIMEOUT_S", 1.0)
    machine.add_debian(update="exec sleep 60")
    assert machine.fail().attempts[-1][1] == "apt-get took over 1 s"


def test_when_no_rung_holds_the_error_says_what_was_tried_and_what_to_do(
    machine: Machine,
) -> None:
    assert str(machine.fail()) == (
        "dataset fashion_mnist could not be had. Tried:\n"
        f"  1. Keras's cache {machine.cache}: the files are not there\n"
        f"  2. Debian's package in {machine.installed}: the files are not there\n"
        "  3. download through Keras: no route to host\n"
        "  4. Debian's package, fetched without root: this machine has no apt-get and no "
        "dpkg-deb\n"
        "What you can do:\n"
        "  - on Debian or Ubuntu: sudo apt-get install dataset-fashion-mnist\n"
        f"  - put {TRAIN_IMAGES}, {TRAIN_LABELS}, {TEST_IMAGES}, {TEST_LABELS} into "
        f"{machine.cache} (KERAS_HOME moves that folder)\n"
        "  - train now, with no network, by adding dataset.name=digits to the command: the same "
        "layer stack trains, because input shapes come from the data"
    )


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "floats.gz"
    path.write_bytes(gzip.compress(b"\x00\x00\x0d\x01rest"))
    with pytest.raises(DataError, match=r"floats\.gz is no IDX file of bytes: .* 00000d01"):
        read_idx(path)


@pytest.fixture(scope="module")
def true_folder() -> Path:
    """The folder of the true files, if an offline rung has them; in CI one must."""
    folders = [*(home / CACHE_FOLDER for home in find_homes()), fashion_mnist.DEBIAN_FOLDER]
    for folder in folders:
        if all((folder / file).exists() for file in MD5):
            return folder
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must hold Fashion-MNIST in one of {folders}")
    pytest.skip("Fashion-MNIST is not on this machine")


def test_the_true_data_have_the_published_shapes(true_folder: Path) -> None:
    dataset = load_dataset(DatasetSpec(name="fashion_mnist", validation_split=0.2))
    shapes = {name: part.inputs.shape for name, part in dataset.parts.items()}
    assert shapes == {
        "train": (48000, 28, 28),
        "validation": (12000, 28, 28),
        "test": (10000, 28, 28),
    }
    assert np.bincount(dataset.parts["test"].target).tolist() == [1000] * 10
    assert dataset.fingerprint == FINGERPRINT


def test_debian_packs_the_published_bytes(true_folder: Path) -> None:
    """Give the gzip headers their names and times back: the sums are the published ones."""
    for file, (published, _) in MD5.items():
        data = (true_folder / file).read_bytes()
        if not data[3]:
            time_s = 1504176606 if file.startswith("train") else 1504176627
            header = data[:3] + b"\x08" + struct.pack("<I", time_s) + data[8:10]
            data = header + file.removesuffix(".gz").encode() + b"\x00" + data[10:]
        assert hashlib.md5(data).hexdigest() == published


FINGERPRINT = "1611fcc6a0dd712c585c5b597dc8d06b5a66ba85bed6d62d24029570895a5b21"
