"""Fashion-MNIST, from the first source that has it; no file is used before its SHA-256 is checked.

Keras's own loader is not used, because it checks no checksum and imports TensorFlow.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import DataUnavailable
from kerasrecipes.rows.keras_cache import STALL_TIMEOUT_S, Say, find_homes, name_stand_in

URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
CACHE_FOLDER = Path("datasets", "fashion-mnist")
DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
# Of the files whose MD5 stand in the README of zalandoresearch/fashion-mnist.
PUBLISHED_SHA256 = (
    "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
)
# Debian's files differ in the gzip header alone: it has no name and no time.
DEBIAN_SHA256 = (
    "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7",
    "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056",
    "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa",
    "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05",
)

# apt-get keeps its lists in the working folder. Root's apt-get would download as the user _apt,
# who has no access to that folder.
FETCH_PACKAGE = f"""
apt_get() {{
  timeout --foreground 300 apt-get -oDir::State="$PWD" -oDir::Cache="$PWD" \\
    -oAcquire::http::Timeout={STALL_TIMEOUT_S:.0f} -oAcquire::Retries=1 \\
    -oAcquire::Languages=none -oAPT::Sandbox::User=root "$@"
}}
mkdir -p lists/partial &&
  apt_get update &&
  apt_get download {DEBIAN_PACKAGE} &&
  dpkg-deb -x {DEBIAN_PACKAGE}_*.deb . ||
  {{ echo "apt-get or dpkg-deb failed, or took over 300 s" >&2; exit 1; }}
"""

Arrays = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""Images and labels, as Keras's loaders return them."""


class SourceFailed(Exception):
    """One source does not have the files; the message gives the reason."""


def find_folder(say: Say) -> Path:
    """Return a folder that holds the four files, each checked; cheap sources are tried first.

    Args:
        say: Receives one line for each source that fails, and for each download.

    Raises:
        DataUnavailable: Every source failed; it lists why.
    """
    caches = [home / CACHE_FOLDER for home in find_homes()]
    sources: dict[str, Callable[[], Path]] = {
        **{f"Keras's cache {cache}": partial(check_folder, cache) for cache in caches},
        f"Debian's package in {DEBIAN_FOLDER}": partial(check_folder, DEBIAN_FOLDER),
        f"download from {URL}": partial(download_files, caches[-1], say),
        f"Debian's package {DEBIAN_PACKAGE} from apt-get": partial(fetch_package, caches[-1], say),
    }
    attempts = []
    for source, get_folder in sources.items():
        try:
            return get_folder()
        except (SourceFailed, OSError) as error:
            say(f"fashion_mnist: {source}: {error}")
            attempts.append((source, str(error)))
    remedies = [
        f"on Debian or Ubuntu, run: sudo apt-get install {DEBIAN_PACKAGE}",
        f"copy {', '.join(FILES)} into {caches[-1]} (KERAS_HOME moves that folder)",
        name_stand_in("dataset.name=digits"),
    ]
    raise DataUnavailable("fashion_mnist", attempts, remedies)


def check_folder(folder: Path) -> Path:
    """Return the folder if it holds the four files, each with a known SHA-256."""
    import pooch

    if not folder.is_dir():
        raise SourceFailed("the folder does not exist")
    faults = []
    for file, *known in zip(FILES, PUBLISHED_SHA256, DEBIAN_SHA256, strict=True):
        if not (folder / file).exists():
            faults.append(f"{file} is missing")
        elif pooch.file_hash(str(folder / file)) not in known:
            faults.append(f"{file} is corrupted (wrong SHA-256)")
    if faults:
        raise SourceFailed("; ".join(faults))
    return folder


def download_files(cache: Path, say: Say) -> Path:
    """Download the files from where Keras publishes them."""
    import pooch

    say("fashion_mnist: downloading 31 MB")
    return fill_cache(cache, PUBLISHED_SHA256, pooch.HTTPDownloader(timeout=STALL_TIMEOUT_S))


def fetch_package(cache: Path, say: Say) -> Path:
    """Fetch Debian's package without root, and copy its files into the cache."""
    if not shutil.which("apt-get"):
        raise SourceFailed("this machine has no apt-get")
    say(f"fashion_mnist: fetching {DEBIAN_PACKAGE} with apt-get (31 MB)")
    with tempfile.TemporaryDirectory() as work:
        done = subprocess.run(
            ["sh", "-c", FETCH_PACKAGE],
            cwd=work,
            env=os.environ | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            # The first complaint is the cause: `apt-get update` exits with 0 even if it reaches
            # no server, and only `apt-get download` fails.
            raise SourceFailed(done.stderr.splitlines()[0])
        unpacked = Path(work) / DEBIAN_FOLDER.relative_to("/")

        def copy_file(url: str, target: str, _: Any) -> None:
            shutil.copy(unpacked / url.removeprefix(URL), target)

        return fill_cache(cache, DEBIAN_SHA256, copy_file)


def fill_cache(cache: Path, sums: Sequence[str], download: Callable[..., Any]) -> Path:
    """Fill the cache through pooch, which checks each file before it appears there.

    Args:
        cache: The folder, which need not exist.
        sums: The SHA-256 of each of ``FILES``.
        download: Writes the file of a URL to a path; pooch's ``downloader``.
    """
    import pooch

    pooch.get_logger().setLevel("WARNING")
    for file, sha256 in zip(FILES, sums, strict=True):
        try:
            path = pooch.retrieve(URL + file, sha256, file, cache, downloader=download)
        except (ValueError, OSError) as error:
            # A ConnectionError of requests names its reason inside a much longer text.
            reason = getattr(error.args[0], "reason", error) if error.args else error
            raise SourceFailed(str(reason)) from error
        os.chmod(path, 0o644)  # pooch leaves it readable by its owner alone
    return cache


def read_arrays(folder: Path) -> tuple[Arrays, Arrays]:
    """Read the four files: images of shape (n_samples, 28, 28) and labels, both uint8."""
    X_train, y_train, X_test, y_test = (
        np.frombuffer(gzip.decompress((folder / file).read_bytes()), np.uint8) for file in FILES
    )
    # IDX files (http://yann.lecun.com/exdb/mnist/) have 4 bytes of type, and 4 for each dimension.
    return (
        (X_train[16:].reshape(-1, 28, 28), y_train[8:]),
        (X_test[16:].reshape(-1, 28, 28), y_test[8:]),
    )
