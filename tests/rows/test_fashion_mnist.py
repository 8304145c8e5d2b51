from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import socket
import struct
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from kerasrecipes.errors import DataUnavailable
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows import downloads
from kerasrecipes.rows.builtin import load_builtin
from kerasrecipes.rows.dataset import Source
from kerasrecipes.rows.downloads import CACHE_FOLDER, FILES, SHA256, find_homes

from .specs import load_dataset

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = FILES
IMAGES = np.arange(3 * 28 * 28).reshape(3, 28, 28).astype(np.uint8)


def write_idx(path: Path, array: np.ndarray, time_s: int) -> None:
    header = struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes(), mtime=time_s))


def write_files(folder: Path, time_s: int) -> dict[str, str]:
    """Write four small files, and return the SHA-256 of what they hold, by name."""
    folder.mkdir(parents=True)
    write_idx(folder / TRAIN_IMAGES, IMAGES, time_s)
    write_idx(folder / TRAIN_LABELS, np.array([9, 0, 1], np.uint8), time_s)
    write_idx(folder / TEST_IMAGES, IMAGES[1:], time_s)
    write_idx(folder / TEST_LABELS, np.array([2, 3], np.uint8), time_s)
    return {
        file.removesuffix(".gz"): hashlib.sha256(
            gzip.decompress((folder / file).read_bytes())
        ).hexdigest()
        for file in FILES
    }


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


class Machine:
    """A machine with no data set, no network and no apt-get, until a test adds one."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cache = root / "keras" / CACHE_FOLDER
        self.installed = root / "share" / "fashion-mnist"
        self.programs = root / "bin"
        self.published = root / "published"
        self.debian = root / "debian"
        self.said: list[str] = []
        self._patch = partial(monkeypatch.setattr, downloads)
        self._patch("SHA256", write_files(self.published, time_s=1))
        write_files(self.debian, time_s=0)
        self._patch("DEBIAN_FOLDER", self.installed)
        self._patch("URL", "http://127.0.0.1:1/")
        self.programs.mkdir()
        for program in ("sh", "mkdir", "timeout"):
            (self.programs / program).symlink_to(str(shutil.which(program)))
        monkeypatch.setenv("KERAS_HOME", str(root / "keras"))
        monkeypatch.setenv("PATH", str(self.programs))
        monkeypatch.setenv("no_proxy", "*")

    def load(self) -> Source:
        return load_builtin(DatasetSpec(name="fashion_mnist"), self.said.append)

    def fail(self) -> DataUnavailable:
        with pytest.raises(DataUnavailable) as caught:
            self.load()
        return caught.value

    def list_cache(self) -> list[str]:
        return sorted(path.name for path in self.cache.iterdir())

    def add_server(self, port: int) -> None:
        self._patch("URL", f"http://127.0.0.1:{port}/")

    def add_program(self, name: str, script: str) -> None:
        path = self.programs / name
        path.write_text(f"#!/bin/sh\nPATH={os.defpath}\n{script}\n")
        path.chmod(0o755)

    def add_debian(self, update: str = "true", download: str = "true") -> None:
        self.add_program(
            "apt-get",
            f'echo "$@" >> {self.programs}/calls; case "$*" in\n'
            f"*update*) {update};;\n"
            f"*download*) touch dataset-fashion-mnist_1.deb; {download};;\nesac",
        )
        unpacked = self.installed.relative_to("/")
        self.add_program(
            "dpkg-deb", f'mkdir -p "$3/{unpacked}"; cp {self.debian}/* "$3/{unpacked}"'
        )


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


@pytest.fixture
def server(machine: Machine) -> Iterator[ThreadingHTTPServer]:
    """A server of the published files."""
    handler = partial(QuietHandler, directory=str(machine.published))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        machine.add_server(running.server_port)
        yield running
        running.shutdown()


def test_the_cache_comes_first(machine: Machine) -> None:
    shutil.copytree(machine.published, machine.cache)
    shutil.copytree(machine.debian, machine.installed)
    source = machine.load()
    assert (source.origin, machine.said) == (str(machine.cache), [])
    np.testing.assert_array_equal(source.inputs, IMAGES)
    np.testing.assert_array_equal(source.own_parts["test"].inputs, IMAGES[1:])
    assert source.inputs.dtype == source.own_parts["test"].inputs.dtype == np.uint8
    assert (source.target.tolist(), source.own_parts["test"].target.tolist()) == ([9, 0, 1], [2, 3])
    assert source.target.dtype == source.own_parts["test"].target.dtype == np.int64
    assert (source.class_names[0], source.class_names[9]) == ("T-shirt/top", "Ankle boot")


def test_debian_s_files_are_accepted_in_the_cache(machine: Machine) -> None:
    shutil.copytree(machine.debian, machine.cache)
    assert machine.load().origin == str(machine.cache)


def test_the_installed_package_comes_second(machine: Machine) -> None:
    shutil.copytree(machine.debian, machine.installed)
    assert machine.load().origin == str(machine.installed)
    (said,) = machine.said
    assert said.startswith(f"fashion_mnist: Keras's cache {machine.cache}: [Errno 2] No such file")


@pytest.mark.parametrize("folder", ["cache", "installed"])
def test_a_corrupted_file_is_named_and_never_used(machine: Machine, folder: str) -> None:
    path = getattr(machine, folder)
    shutil.copytree(machine.published, path)
    (path / TRAIN_LABELS).write_bytes(b"half a file")
    attempts = machine.fail().attempts
    assert [why for what, why in attempts if str(path) in what] == [
        f"{TRAIN_LABELS} is corrupted (wrong SHA-256)"
    ]
    assert (path / TRAIN_LABELS).read_bytes() == b"half a file"


def test_a_read_only_cache_is_used(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = (tmp_path / "keras", tmp_path / "fallback")
    monkeypatch.setattr(downloads, "find_homes", lambda: homes)
    shutil.copytree(machine.published, machine.cache)
    assert machine.load().origin == str(machine.cache)
    (machine.cache / TRAIN_LABELS).write_bytes(b"half a file")
    shutil.copytree(machine.published, homes[1] / CACHE_FOLDER)
    assert machine.load().origin == str(homes[1] / CACHE_FOLDER)


def test_a_download_comes_third(
    machine: Machine, server: ThreadingHTTPServer, capfd: pytest.CaptureFixture[str]
) -> None:
    assert machine.load().origin == str(machine.cache)
    assert machine.said[-1] == "fashion_mnist: downloading 31 MB"
    assert machine.list_cache() == sorted(FILES)
    assert all(os.access(machine.cache / file, os.R_OK) for file in FILES)
    assert capfd.readouterr() == ("", "")


def test_a_download_replaces_a_corrupted_file_of_the_cache(
    machine: Machine, server: ThreadingHTTPServer
) -> None:
    shutil.copytree(machine.published, machine.cache)
    (machine.cache / TEST_LABELS).write_bytes(b"half a file")
    assert machine.load().origin == str(machine.cache)
    assert machine.list_cache() == sorted(FILES)


def test_a_wrong_download_is_never_used_or_kept(
    machine: Machine, server: ThreadingHTTPServer
) -> None:
    (machine.published / TRAIN_IMAGES).write_bytes(b"a login page")
    attempts = machine.fail().attempts
    assert attempts[2][1] == f"{TRAIN_IMAGES} is corrupted (wrong SHA-256)"
    assert machine.list_cache() == []


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
def test_a_silent_server_is_given_up(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    monkeypatch.setattr(downloads, "STALL_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            connections.append(server.accept()[0])
            connections[0].sendall(answer)

        connections: list[socket.socket] = []
        thread = threading.Thread(target=accept)
        thread.start()
        machine.add_server(server.getsockname()[1])
        assert "Read timed out" in machine.fail().attempts[2][1]
        thread.join()
        connections[0].close()
    assert machine.list_cache() == []


def test_debian_s_package_is_fetched_last_and_leaves_nothing_but_the_files(
    machine: Machine,
) -> None:
    machine.add_debian()
    assert machine.load().origin == str(machine.cache)
    assert machine.list_cache() == sorted(FILES)
    assert machine.said[-1] == "fashion_mnist: fetching dataset-fashion-mnist with apt-get (31 MB)"
    calls = (machine.programs / "calls").read_text().splitlines()
    assert [call.split()[-1] for call in calls] == ["update", "dataset-fashion-mnist"]
    for call in calls:
        assert f"-oDir::State={machine.cache}/" in call
        assert f"-oDir::Cache={machine.cache}/" in call


def test_wrong_files_of_a_package_are_never_used_or_kept(machine: Machine) -> None:
    (machine.debian / TRAIN_IMAGES).write_bytes(b"others")
    machine.add_debian()
    assert machine.fail().attempts[-1][1] == f"{TRAIN_IMAGES} is corrupted (wrong SHA-256)"
    assert machine.list_cache() == []


NOT_FOUND = "echo 'E: Unable to locate package' >&2; exit 100"


@pytest.mark.parametrize(
    ("update", "download", "why"),
    [
        ("echo 'W: Failed to fetch http://deb.debian.org' >&2", NOT_FOUND, "W: Failed to fetch"),
        ("true", NOT_FOUND, "E: Unable to locate package"),
        ("exit 7", "true", "apt-get or dpkg-deb failed, or took over"),
        ("exec sleep 60", "true", "apt-get or dpkg-deb failed, or took over 1 s"),
    ],
)
def test_a_failed_fetch_gives_its_first_cause(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, update: str, download: str, why: str
) -> None:
    script = downloads.FETCH_PACKAGE.replace("300", "1")
    monkeypatch.setattr(downloads, "FETCH_PACKAGE", script)
    machine.add_debian(update, download)
    source, reason = machine.fail().attempts[-1]
    assert source == "Debian's package dataset-fashion-mnist from apt-get"
    assert reason.startswith(why)


def test_if_every_source_fails_the_error_lists_them_and_the_remedies(machine: Machine) -> None:
    error = machine.fail()
    cache, package, download = (why for _, why in error.attempts[:3])
    assert "Connection refused" in download
    assert cache == f"[Errno 2] No such file or directory: '{machine.cache / TRAIN_IMAGES}'"
    assert str(error) == (
        "dataset fashion_mnist is not available. Tried:\n"
        f"  1. Keras's cache {machine.cache}: {cache}\n"
        f"  2. Debian's package in {machine.installed}: {package}\n"
        f"  3. download from http://127.0.0.1:1/: {download}\n"
        "  4. Debian's package dataset-fashion-mnist from apt-get: this machine has no apt-get\n"
        "What you can do:\n"
        "  - on Debian or Ubuntu, run: sudo apt-get install dataset-fashion-mnist\n"
        f"  - copy {TRAIN_IMAGES}, {TRAIN_LABELS}, {TEST_IMAGES}, {TEST_LABELS} into "
        f"{machine.cache} (KERAS_HOME moves that folder)\n"
        "  - to train without network, add dataset.name=digits to the command: most layers "
        "work unchanged, because the input shape comes from the data"
    )


@pytest.fixture(scope="module")
def true_folder() -> Path:
    """The folder of the true files, if an offline rung has them; in CI one must."""
    folders = [*(home / CACHE_FOLDER for home in find_homes()), downloads.DEBIAN_FOLDER]
    for folder in folders:
        if all((folder / file).exists() for file in FILES):
            return folder
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must contain Fashion-MNIST in one of {folders}")
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


# From the README of https://github.com/zalandoresearch/fashion-mnist.
PUBLISHED_MD5 = (
    "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "25c81989df183df01b3e8a0aad5dffbe",
    "bef4ecab320f06d8554ea6380940ec79",
    "bb300cfdad3c16e7a12a480ee83cd310",
)


def test_the_known_sums_are_those_of_the_published_files(true_folder: Path) -> None:
    """With names and times in the gzip headers, Debian's files have the published sums."""
    for (name, sha256), md5 in zip(SHA256.items(), PUBLISHED_MD5, strict=True):
        data = (true_folder / f"{name}.gz").read_bytes()
        assert hashlib.sha256(gzip.decompress(data)).hexdigest() == sha256
        if not data[3]:
            time_s = 1504176606 if name.startswith("train") else 1504176627
            header = data[:3] + b"\x08" + struct.pack("<I", time_s) + data[8:10]
            data = header + name.encode() + b"\x00" + data[10:]
        assert hashlib.md5(data).hexdigest() == md5


FINGERPRINT = "1611fcc6a0dd712c585c5b597dc8d06b5a66ba85bed6d62d24029570895a5b21"
