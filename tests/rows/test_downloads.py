from __future__ import annotations

import socket
from pathlib import Path
from urllib.request import urlopen

import pytest

from kerasrecipes.errors import DataUnavailable
from kerasrecipes.rows import downloads
from kerasrecipes.rows.downloads import downloading, find_homes


def test_the_cache_is_where_keras_home_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "not" / "yet"))
    assert find_homes() == (tmp_path / "not" / "yet",)


def test_the_cache_is_in_the_home_folder_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_homes() == (tmp_path / ".keras",)


def test_a_read_only_cache_is_read_and_downloads_go_where_keras_puts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("os.access", lambda folder, mode: False)
    assert find_homes() == (tmp_path, Path("/tmp/.keras"))


def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "STALL_TIMEOUT_S", 0.1)
    monkeypatch.setenv("no_proxy", "*")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        with (
            pytest.raises(DataUnavailable) as caught,
            downloading("mnist", "download", ["wait"], OSError),
        ):
            urlopen(address)
    assert str(caught.value) == (
        "dataset mnist is not available. Tried:\n"
        "  1. download: timed out\n"
        "What you can do:\n"
        "  - wait"
    )
    assert socket.getdefaulttimeout() is None


def test_other_errors_are_not_taken_for_a_failed_download() -> None:
    with pytest.raises(ZeroDivisionError), downloading("mnist", "download", [], OSError):
        raise ZeroDivisionError
