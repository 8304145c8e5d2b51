"""Downloads, the folders of those of Keras, and Fashion-MNIST from the first source that has it."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kerasrecipes.errors import DataUnavailable

STALL_TIMEOUT_S = 15.0

Say = Callable[[str], None]
"""Receives one line about the current work, such as a download."""

URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
CACHE_FOLDER = Path("datasets", "fashion-mnist")
DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
# Of the uncompressed files: Debian's .gz files differ from the published ones in their headers.
SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
FILES = tuple(f"{name}.gz" for name in SHA256)
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

Loaded = tuple[Any, Path]
"""Pairs of images and classes, for training and for test; and the folder that they are from."""


def say_nothing(line: str) -> None:
    """A Say that ignores every line."""


def find_homes() -> tuple[Path, ...]:
    """Return the folders where Keras may have put downloads; it writes into the last one.

    The rule is Keras's own (``keras.utils.get_file``): ``$KERAS_HOME`` or ``~/.keras``, and
    ``/tmp/.keras`` where that is not writable.
    """
    home = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
    existing = next(folder for folder in (home, *home.parents) if os.path.exists(folder))
    if os.access(existing, os.W_OK):
        return (home,)
    return (home, Path("/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir(), ".keras"))


def name_stand_in(override: str) -> str:
    """Word the remedy that needs no network: an override such as dataset.name=digits."""
    return (
        f"to train without network, add {override} to the command: most layers work unchanged, "
        "because the input shape comes from the data"
    )


@contextlib.contextmanager
def downloading(
    name: str, source: str, remedies: Sequence[str], *errors: type[Exception]
) -> Iterator[None]:
    """Report a failed download; set a timeout, because the loaders have no timeout argument.

    ``errors`` of the loader are raised again as DataUnavailable; ``remedies`` are best first.
    """
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_TIMEOUT_S)
    try:
        yield
    except errors as error:
        raise DataUnavailable(name, [(source, str(error))], remedies) from error
    finally:
        socket.setdefaulttimeout(before)


def load_fashion_mnist(say: Say) -> Loaded:
    """Load Fashion-MNIST from a folder or by download; cheap sources are tried first.

    No file is used before its SHA-256 is checked, which Keras's own loader does not do.
    """
    caches = [home / CACHE_FOLDER for home in find_homes()]
    fill_cache = partial(_fill_cache, caches[-1], say)
    sources: dict[str, Callable[[], Loaded]] = {
        **{f"Keras's cache {cache}": partial(_read_folder, cache) for cache in caches},
        f"Debian's package in {DEBIAN_FOLDER}": partial(_read_folder, DEBIAN_FOLDER),
        f"download from {URL}": partial(fill_cache, from_debian=False),
        f"Debian's package {DEBIAN_PACKAGE} from apt-get": partial(fill_cache, from_debian=True),
    }
    attempts = []
    for source, load in sources.items():
        try:
            return load()
        except OSError as error:  # exceptions of requests, too
            say(f"fashion_mnist: {source}: {error}")
            attempts.append((source, str(error)))
    remedies = [
        f"on Debian or Ubuntu, run: sudo apt-get install {DEBIAN_PACKAGE}",
        f"copy {', '.join(FILES)} into {caches[-1]} (KERAS_HOME moves that folder)",
        name_stand_in("dataset.name=digits"),
    ]
    raise DataUnavailable("fashion_mnist", attempts, remedies)


def _read_folder(folder: Path) -> Loaded:
    """Read the four files; each must have its SHA-256."""
    arrays = []
    for file, sha256 in zip(FILES, SHA256.values(), strict=True):
        try:
            data = gzip.decompress((folder / file).read_bytes())
        except (gzip.BadGzipFile, EOFError, zlib.error):
            data = b""
        if hashlib.sha256(data).hexdigest() != sha256:
            raise OSError(f"{file} is corrupted (wrong SHA-256)")
        arrays.append(np.frombuffer(data, np.uint8))
    X_train, y_train, X_test, y_test = arrays
    # IDX files (http://yann.lecun.com/exdb/mnist/) have 4 bytes of type, and 4 for each dimension.
    train = X_train[16:].reshape(-1, 28, 28), y_train[8:]
    return (train, (X_test[16:].reshape(-1, 28, 28), y_test[8:])), folder


def _fill_cache(cache: Path, say: Say, *, from_debian: bool) -> Loaded:
    """Fetch the files into a folder of the cache, and move them up once they are checked."""
    import pooch

    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as work:
        folder = Path(work)
        if from_debian:
            _fetch_package(folder, say)
            folder /= DEBIAN_FOLDER.relative_to("/")
        else:
            say("fashion_mnist: downloading 31 MB")
            download = pooch.HTTPDownloader(timeout=STALL_TIMEOUT_S)
            for file in FILES:
                download(URL + file, str(folder / file), None)
        pairs, _ = _read_folder(folder)
        for file in FILES:
            (folder / file).replace(cache / file)
    return pairs, cache


def _fetch_package(work: Path, say: Say) -> None:
    """Fetch and unpack Debian's package without root."""
    if not shutil.which("apt-get"):
        raise OSError("this machine has no apt-get")
    say(f"fashion_mnist: fetching {DEBIAN_PACKAGE} with apt-get (31 MB)")
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
        # The first complaint is the cause: `apt-get update` exits with 0 even if it reaches no
        # server, and only `apt-get download` fails.
        raise OSError(done.stderr.splitlines()[0])
