"""Small files that would fill the memory: each is refused, and the process stays below 1 GB."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import openpyxl
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

MB = 1 << 20
N_MB = 150
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": lambda data: gzip.compress(data, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}
CONTENTS = {
    "rows.csv": b"1,2\n" * (MB // 4),
    "one_line.csv": b"0" * MB,
    "blank.csv": b"\n" * MB,
    "rows.jsonl": b'{"a":1,"y":2}\n' * (MB // 14),
    "one_line.jsonl": b" " * MB,
    "brackets.json": b"[" * MB,
}
UNPACKS = "100 times or 128 MB are allowed."
LINE = "is longer than 16 MB. Write a line for each row."
CHILD = """
import json, sys
from pathlib import Path
from kerasrecipes.errors import InputError
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows import open_rows
messages = {}
for path in sys.argv[1:]:
    target = {} if path.endswith(("npz", "images")) else {"target": "y"}
    try:
        spec = DatasetSpec(path=path, **target)
        open_rows(None, spec).load(spec)
    except InputError as error:
        messages[path] = str(error)
# ru_maxrss would count the memory of the process that started this one.
status = Path("/proc/self/status").read_text()
messages["peak"] = int(status.partition("VmHWM:")[2].split()[0])
print(json.dumps(messages))
"""


def make_texts(folder: Path) -> Iterator[tuple[Path, str]]:
    """Text that is packed to a thousandth of its size, and text without end."""
    for ending, pack in PACKERS.items():
        for name, chunk in CONTENTS.items() if ending == "gz" else [*CONTENTS.items()][:2]:
            path = folder / f"{name}.{ending}"
            names = b"a,y\n" if name.endswith(".csv") else b""
            path.write_bytes(pack(names) + pack(chunk) * N_MB)
            yield path, LINE if name.startswith("one_line") else UNPACKS
    path = folder / "rows.csv.zip"
    zip_up(path, {"rows.csv": CONTENTS["rows.csv"] * N_MB})
    yield path, UNPACKS
    path = folder / "long.csv"
    path.write_bytes(b"x" * (100 * MB))
    yield path, LINE
    path = folder / "wide.csv"
    names = b",".join(b"c%d" % i for i in range(400_000))
    path.write_bytes(names + b",y\n" + b"1," * 400_000 + b"1\n")
    yield path, "a file of text may have at most 50,000 columns (received: 400,001)."
    path = folder / "names_of_each_row.jsonl"
    path.write_bytes(b"".join(b'{"name of row %d":1}\n' % i for i in range(200_000)))
    yield path, "Write what differs as values."


def make_others(folder: Path) -> Iterator[tuple[Path, str]]:
    path = folder / "rows.npz"
    header = io.BytesIO()
    facts = {"descr": "|u1", "fortran_order": False, "shape": (N_MB, MB)}
    np.lib.format.write_array_header_1_0(header, facts)
    zip_up(path, {"x.npy": header.getvalue() + bytes(N_MB * MB)})
    yield path, UNPACKS
    path = folder / "header.npz"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, facts | {"shape": (1 << 20, 1 << 20)})
    zip_up(path, {"x.npy": header.getvalue()})
    yield path, "cannot be read: "
    book = openpyxl.Workbook()
    for row in (["a", "y"], *([i, i] for i in range(20))):
        book.active.append(row)
    path = folder / "rows.xlsx"
    book.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    start, end = members["xl/worksheets/sheet1.xml"].split(b"</sheetData>")
    rows = b"<row><c><v>1</v></c><c><v>2</v></c></row>" * (N_MB * MB // 40)
    zip_up(path, members | {"xl/worksheets/sheet1.xml": start + rows + b"</sheetData>" + end})
    yield path, UNPACKS
    path = folder / "far.xlsx"
    book.active["XFD1048576"] = 1
    book.save(path)
    yield path, "Remove cells that are far from the table, or save it as CSV."
    zeros = pa.table({"a": np.zeros(MB), "y": np.zeros(MB)})
    path = folder / "rows.parquet"
    with parquet.ParquetWriter(path, zeros.schema) as written:
        for _ in range(N_MB // 16):
            written.write_table(zeros)
    yield path, UNPACKS
    path = folder / "rows.feather"
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(path, zeros.schema, options=options) as written:
        for _ in range(N_MB // 16):
            written.write_table(zeros)
    yield path, UNPACKS
    for size in (60_000, 9_000, 6_000):
        path = folder / f"{size} images"
        for name in ("a", "b"):
            (path / name).mkdir(parents=True)
            if size == 6_000:
                Image.new("1", (size, size)).save(path / name / "black.png")
            else:
                (path / name / "black.png").write_bytes(make_png_head(size, size))
        yield path, "images cannot be read: a/black.png ("


def zip_up(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def make_png_head(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    size = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(99)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + pixels + chunk(b"IEND", b"")


@pytest.mark.reliability("hostile")
@pytest.mark.parametrize("make", [make_texts, make_others])
def test_bombs(
    tmp_path: Path,
    make: Callable[[Path], Iterator[tuple[Path, str]]],
    record_property: Callable[[str, object], None],
) -> None:
    expected = {str(path): words for path, words in make(tmp_path)}
    record_property("cases", len(expected))
    command = [sys.executable, "-W", "ignore", "-c", CHILD, *expected]
    child = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    messages = json.loads(child.stdout)
    assert messages.pop("peak") < 1_000_000  # kB
    assert messages.keys() == expected.keys()
    for path, words in expected.items():
        assert words in messages[path], messages[path]


@pytest.mark.reliability("hostile")
def test_a_stream_of_zeros_without_end(tmp_path: Path) -> None:
    """Standard input is kept in a file; zeros are refused before they fill the disk."""
    code = (
        "import sys; from kerasrecipes.rows.files import open_stream\n"
        "from kerasrecipes.recipe.schema import DatasetSpec\n"
        "open_stream(sys.stdin.buffer, 'the stream', DatasetSpec())"
    )
    with Path(os.devnull).with_name("zero").open("rb") as zeros:
        child = subprocess.run(
            [sys.executable, "-c", code], stdin=zeros, capture_output=True, text=True, timeout=300
        )
    assert "the file must be text (received: a zero byte at byte 0)." in child.stderr
