"""Files that were good until bytes, lines or cells of them were changed: read, or refused.

Whatever arrives, the reader returns rows or raises InputError. A crash of a native library ends the
test process.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pyarrow import feather, parquet

from kerasrecipes.errors import InputError
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows import Schema, open_rows
from kerasrecipes.rows.dataset import count_rows
from kerasrecipes.rows.target import Target
from rows.specs import load_dataset

N_QUICK, N_SLOW = 30, 650
CELLS = (
    *(
        "",
        "NA",
        "-999",
        "1e999",
        "9" * 400,
        "1,5",
        "1.234,5",
        '"',
        "'",
        "\0",
        "\ufeff",
        "\r",
        "a b",
    ),
    *(
        "true",
        "2020-01-31",
        "31/12/99",
        "12:61",
        "007",
        "0x1F",
        "€5",
        "5%",
        "∞",
        "null",
        "[]",
        "{}",
    ),
    *("=1+1", "#REF!", "\x1b[31m", "-", "--1", "1_000", "٣", "ｎａｎ", "inf", "{", "[" * 2_000),
)


def make_frame() -> pd.DataFrame:
    n = 40
    numbers = np.random.default_rng(0).normal(size=n).round(3)
    return pd.DataFrame(
        {
            "a": numbers,
            "b": np.arange(n) % 7,
            "c": ["red", "blue, dark", "green", "x"] * (n // 4),
            "d": [f"2024-{1 + i % 12:02d}-{1 + i % 28:02d}" for i in range(n)],
            "y": np.arange(n) % 2,
        }
    )


def save(write: Callable[[io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def zip_text(text: bytes) -> bytes:
    def write(file: io.BytesIO) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo("data.csv"), text)  # without the time

    return save(write)


@cache
def make_files() -> dict[str, bytes]:
    """A good file of each format, by its name."""
    frame = make_frame()
    table = pa.Table.from_pandas(frame)
    text = frame.to_csv(index=False).encode()
    x, y = frame[["a", "b"]].to_numpy(), frame["y"].to_numpy()
    pixels = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
    return {
        "comma.csv": text,
        "semicolon.csv": frame.to_csv(index=False, sep=";", decimal=",").encode("cp1252"),
        "tab.tsv": frame.to_csv(index=False, sep="\t").encode("utf-16"),
        "data.csv.gz": gzip.compress(text, mtime=0),
        "data.csv.bz2": bz2.compress(text),
        "data.csv.xz": lzma.compress(text),
        "data.csv.zst": pa.compress(text, codec="zstd", asbytes=True),
        "data.csv.zip": zip_text(text),
        "lines.jsonl": frame.to_json(orient="records", lines=True).encode(),
        "array.json": frame.to_json(orient="records", indent=1).encode(),
        "data.parquet": save(lambda file: parquet.write_table(table, file)),
        "data.feather": save(lambda file: feather.write_feather(table, file)),
        "data.xlsx": Path(__file__).with_name("data").joinpath("csv/excel.csv").read_bytes(),
        "data.npz": save(lambda file: np.savez(file, x=x, y=y)),
        "packed.npz": save(lambda file: np.savez_compressed(file, x=x, y=y)),
        "data.npy": save(lambda file: np.save(file, frame.iloc[:, [0, 1, 4]].to_numpy())),
        "images/a/0.png": save(lambda file: pixels.save(file, "png")),
        "images/a/0.jpg": save(lambda file: pixels.save(file, "jpeg")),
        "images/a/0.gif": save(lambda file: pixels.save(file, "gif")),
        "images/a/0.bmp": save(lambda file: pixels.save(file, "bmp")),
        "images/a/0.webp": save(lambda file: pixels.save(file, "webp")),
    }


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Change one to four places of a file."""
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        length = chance.choice((1, 2, 8, 100))
        rest = data[at + length :]
        lines = data.split(b"\n")
        row = chance.randrange(len(lines))
        cell = chance.choice(CELLS).encode()
        match chance.randrange(8):
            case 0:
                data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
            case 1:
                data = data[:at] + chance.randbytes(length) + rest
            case 2:
                data = data[:at]
            case 3:
                data = data[:at] + rest
            case 4:
                data = data[:at] + data[at : at + length] * chance.choice((2, 50)) + rest
            case 5:
                data = b"\n".join([*lines[:row], *lines[row : row + 1] * 3, *lines[row + 1 :]])
            case 6:
                data = data[:at] + cell + rest
            case _:
                parts = chance.choice((b",", b";", b"\t", b":")), lines[row]
                cells = parts[1].split(parts[0])
                cells[chance.randrange(len(cells))] = cell
                lines[row] = parts[0].join(cells)
                data = b"\n".join(lines)
    return data


@cache
def make_schema() -> Schema:
    """What a model takes that was trained on the good tables."""
    found = load_dataset(DatasetSpec(target="y"), data=make_frame())
    target = Target(found.target_columns, found.task, found.class_names, found.class_type)
    return Schema(found.columns, target, (), DatasetSpec(target="y"))


def check(folder: Path, name: str, content: bytes, seed: int) -> set[str]:
    """Read a file for training and for a trained model: "read", "refused" or both.

    What is read has all of its parts, and a refusal names the data and a reason.
    """
    outcomes = set()

    @contextmanager
    def refusing() -> Iterator[None]:
        try:
            yield
            outcomes.add("read")
        except InputError as error:
            head, _, reason = str(error).partition("\n  ")
            assert head.startswith("dataset ")
            assert reason
            assert reason.endswith((".", "…"))
            outcomes.add("refused")

    file = folder / name
    file.write_bytes(content)
    keys: dict[str, object] = {"path": str(file), "target": "y", "missing": "median"}
    if name.startswith("images"):
        keys = {"path": str(folder / "images"), "image_size": [8, 8]}
    elif name.endswith((".npz", ".npy")):
        keys = {"path": str(file), "target": "2" if name.endswith(".npy") else None}
    with refusing():
        parts = load_dataset(DatasetSpec.model_validate(keys)).parts
        assert parts["train"].target.size
        for part in parts.values():
            assert count_rows(part.inputs) == len(part.target) == len(part.rows)
    if keys.get("target") == "y":
        with refusing():
            rows = open_rows(file, DatasetSpec())
            for piece in rows.iterate(make_schema(), with_target=bool(seed % 2)):
                assert count_rows(piece.inputs) == len(piece.rows)
                assert (piece.values is not None) == bool(seed % 2)
    return outcomes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        (tmp_path / "images" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "images" / name / "1.png")
    return tmp_path


def fuzz(folder: Path, name: str, n: int) -> Counter[str]:
    """Check a file changed in so many ways; how often it was read, and how often refused."""
    outcomes: Counter[str] = Counter()

    @settings(
        max_examples=n,
        derandomize=True,
        database=None,
        deadline=timedelta(seconds=5),
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(st.integers(0, 2**32))
    def run(seed: int) -> None:
        content = mutate(make_files()[name], random.Random(seed))
        outcomes.update(check(folder, name, content, seed))

    run()
    return outcomes


@pytest.mark.reliability("fuzz")
@pytest.mark.parametrize("n_cases", [N_QUICK, pytest.param(N_SLOW, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", make_files())
def test_changed_files_are_read_or_refused(
    folder: Path, name: str, n_cases: int, record_property: Callable[[str, object], None]
) -> None:
    record_property("cases", n_cases)
    outcomes = fuzz(folder, name, n_cases)
    assert outcomes["refused"]
    assert outcomes.total() >= n_cases
    assert "read" in check(folder, name, make_files()[name], 0)  # the unchanged file
