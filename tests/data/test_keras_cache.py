from __future__ import annotations

import socket
from pathlib import Path
from urllib.request import urlopen

import pytest

from kerasrecipes.data import keras_cache
from kerasrecipes.data.keras_cache import AttemptFailed, call_loader, find_homes

from .conftest import FakeKeras


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


def test_a_loader_is_called_quietly(
    fake_keras: FakeKeras, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_keras(mnist=lambda path: print("Downloading") or path)
    assert call_loader("mnist", path="here") == "here"
    assert capsys.readouterr().out == ""


def test_a_silent_server_is_given_up(
    fake_keras: FakeKeras, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras_cache, "STALL_TIMEOUT_S", 0.1)
    monkeypatch.setenv("no_proxy", "*")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        fake_keras(mnist=lambda: urlopen(address))
        with pytest.raises(AttemptFailed, match="timed out"):
            call_loader("mnist")
    assert socket.getdefaulttimeout() is None
