"""Fashion-MNIST, from wherever this machine can have it.

A ladder of four rungs, the cheap ones first: Keras's cache, Debian's package where it is
installed, a download through Keras, and Debian's package fetched into the cache without root.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.data.dataset import Source
from kerasrecipes.data.keras_cache import (
    STALL_TIMEOUT_S,
    AttemptFailed,
    Say,
    call_loader,
    find_homes,
    name_stand_in,
    say_nothing,
)
from kerasrecipes.errors import DataError, DataUnavailable

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
CACHE_FOLDER = Path("datasets", "fashion-mnist")
DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
COMMAND_TIMEOUT_S = 300.0

# Each file as published (README of zalandoresearch/fashion-mnist), and as Debian packs it: the
# same compressed bytes, with the file's name and time left out of the gzip header.
MD5 = {
    "train-images-idx3-ubyte.gz": (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "cf8536b0aa1a6ac5fa3f23001093305c",
    ),
    "train-labels-idx1-ubyte.gz": (
        "25c81989df183df01b3e8a0aad5dffbe",
        "10bea18fdb374794d4bb42e356e600c9",
    ),
    "t10k-images-idx3-ubyte.gz": (
        "bef4ecab320f06d8554ea6380940ec79",
        "f78720b4224f21cce2f2ccf2d7a94c9a",
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "bb300cfdad3c16e7a12a480ee83cd310",
        "0d30e22e447f3c33dab9ed536400ac01",
    ),
}


def load_fashion_mnist(say: Say = say_nothing) -> Source:
    """Load Fashion-MNIST.

    Args:
        say: Told what is being tried, line by line.

    Returns:
        Grey images of shape (60000, 28, 28), uint8 in 0 to 255, and a test part of its own of
        shape (10000, 28, 28); ten classes, 6,000 training images of each.

    Raises:
        DataUnavailable: No rung of the ladder held; it lists why each did not.
    """
    folder = find_files(say)
    X_train, y_train, X_test, y_test = (read_idx(folder / file) for file in MD5)
    return Source(
        inputs=X_train,
        target=y_train.astype(np.int64),
        task="classification",
        target_names=("class",),
        class_names=CLASS_NAMES,
        test_inputs=X_test,
        test_target=y_test.astype(np.int64),
        origin=str(folder),
    )


def find_files(say: Say = say_nothing) -> Path:
    """Climb the ladder to a folder that holds the four files, each with the right MD5.

    Raises:
        DataUnavailable: No rung held.
    """
    homes = find_homes()
    cache = homes[-1] / CACHE_FOLDER
    read_only = [home / CACHE_FOLDER for home in homes[:-1]]
    rungs = [
        *((f"read-only cache {folder}", partial(check_folder, folder)) for folder in read_only),
        (f"Keras's cache {cache}", partial(check_folder, cache, set_aside=True)),
        (f"Debian's package in {DEBIAN_FOLDER}", partial(check_folder, DEBIAN_FOLDER)),
        ("download through Keras", partial(download_with_keras, cache, say)),
        ("Debian's package, fetched without root", partial(fetch_package, cache, say)),
    ]
    attempts = []
    for what, climb in rungs:
        try:
            return climb()
        except (AttemptFailed, OSError) as failure:
            say(f"fashion_mnist: {what}: {failure}")
            attempts.append((what, str(failure)))
    raise DataUnavailable("fashion_mnist", attempts, _list_remedies(cache))


def check_folder(folder: Path, *, set_aside: bool = False) -> Path:
    """Return the folder if it holds the four files, each with a known MD5.

    Args:
        folder: Where the files should be.
        set_aside: Rename a corrupted file to ``<name>.corrupted``, so that nothing uses it and
            a fresh one can take its place.

    Raises:
        AttemptFailed: Files are missing or corrupted; the message names them all.
    """
    if not any((folder / file).exists() for file in MD5):
        raise AttemptFailed("the files are not there")
    faults = []
    for file, sums in MD5.items():
        path = folder / file
        if not path.exists():
            faults.append(f"{file} is missing")
        elif (md5 := _compute_md5(path)) not in sums:
            fault = f"{file} is corrupted (its MD5 is {md5}, and should be {sums[0]})"
            if set_aside:
                path.replace(path.with_name(f"{file}.corrupted"))
                fault += f", set aside as {file}.corrupted"
            faults.append(fault)
    if faults:
        raise AttemptFailed("; ".join(faults))
    return folder


def download_with_keras(cache: Path, say: Say = say_nothing) -> Path:
    """Let Keras download the files into its cache.

    Raises:
        AttemptFailed: The download failed, or a file that came is not the published one.
    """
    say("fashion_mnist: downloading through Keras (31 MB)")
    call_loader("fashion_mnist")
    return check_folder(cache, set_aside=True)


def fetch_package(cache: Path, say: Say = say_nothing) -> Path:
    """Fetch Debian's package and move its files into the cache; an ordinary user may do it.

    apt-get keeps the system's sources and trusted keys, so what it brings is signed; its
    state, cache and log stand in a temporary folder inside the cache, from where files can be
    moved into place atomically.

    Raises:
        AttemptFailed: This is no Debian, or its registry could not be reached.
    """
    missing = [program for program in ("apt-get", "dpkg-deb") if shutil.which(program) is None]
    if missing:
        raise AttemptFailed(f"this machine has no {' and no '.join(missing)}")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as name:
        work = Path(name)
        say("fashion_mnist: apt-get update, with state folders of its own")
        complaints = _run([*_make_apt_get(work), "update"], work)
        say(f"fashion_mnist: apt-get download {DEBIAN_PACKAGE} (31 MB)")
        _run([*_make_apt_get(work), "download", DEBIAN_PACKAGE], work, complaints)
        (package,) = work.glob("*.deb")
        _run(["dpkg-deb", "-x", package.name, "unpacked"], work)
        unpacked = check_folder(work / "unpacked" / DEBIAN_FOLDER.relative_to("/"))
        for file in MD5:
            (unpacked / file).replace(cache / file)
    return cache


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read a gzipped IDX file of bytes.

    The format (http://yann.lecun.com/exdb/mnist/): two zero bytes, the type (8 is uint8), the
    number of dimensions, each dimension as a big-endian 32-bit integer, then the values.

    Raises:
        DataError: The file is not of this format.
    """
    data = gzip.decompress(path.read_bytes())
    if data[:3] != b"\x00\x00\x08":
        raise DataError(
            "fashion_mnist", [f"{path} is no IDX file of bytes: it begins with {data[:4].hex()}"]
        )
    n_dimensions = data[3]
    shape = np.frombuffer(data, ">u4", count=n_dimensions, offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * n_dimensions).reshape(shape)


def _compute_md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest()


def _make_apt_get(work: Path) -> list[str]:
    """Begin an apt-get command that writes nothing outside the work folder."""
    for subfolder in ("state/lists/partial", "cache/archives/partial", "log"):
        (work / subfolder).mkdir(parents=True, exist_ok=True)
    options = [
        f"Dir::State={work}/state",
        f"Dir::Cache={work}/cache",
        f"Dir::Log={work}/log",
        f"Acquire::http::Timeout={STALL_TIMEOUT_S:.0f}",
        f"Acquire::https::Timeout={STALL_TIMEOUT_S:.0f}",
        "Acquire::Retries=1",
        "Acquire::Languages=none",
        # As root, apt-get would download as the user _apt, who cannot enter the work folder.
        "APT::Sandbox::User=root",
    ]
    return ["apt-get", "--quiet", *(word for option in options for word in ("-o", option))]


def _run(command: list[str], folder: Path, earlier: Sequence[str] = ()) -> list[str]:
    """Run a command to its end, and return its complaints.

    Args:
        command: The program and its arguments.
        folder: Where it runs.
        earlier: Complaints of the command before it. ``apt-get update`` exits with 0 although
            it reached nothing, and only ``download`` fails: the first complaint is the cause.
    """
    try:
        finished = subprocess.run(
            command,
            cwd=folder,
            env=os.environ | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as expired:
        raise AttemptFailed(f"{command[0]} took over {expired.timeout:.0f} s") from expired
    complaints = [line.strip() for line in finished.stderr.splitlines() if line.strip()]
    if finished.returncode:
        cause = [*earlier, *complaints, f"exit code {finished.returncode}"][0]
        raise AttemptFailed(f"{command[0]} failed: {cause}")
    return complaints


def _list_remedies(cache: Path) -> list[str]:
    return [
        f"on Debian or Ubuntu: sudo apt-get install {DEBIAN_PACKAGE}",
        f"put {', '.join(MD5)} into {cache} (KERAS_HOME moves that folder)",
        name_stand_in("digits"),
    ]
