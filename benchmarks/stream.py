"""Rows that stay on disk: memory, and rows a second beside the same rows in memory.

    python -m benchmarks.stream tables [--gigabytes 6] [--folder DIR]
    python -m benchmarks.stream images [--images 50000] [--folder DIR]

The table is a folder of Parquet files of 100 columns of random float32, which do not compress. A
tenth of it is trained on in memory, too. The JPEGs are 256 × 256 pixels; the network is so small
that decoding takes most of the time; the reader and Pillow alone decode them with as many threads.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

N_COLUMNS = 100
ROWS_OF_FILE = 250_000
TABLE = """
name: table
dataset: {path: "FILES", target: y, validation_split: 0.1, test_split: 0.01, stream: STREAM}
layers:
  - Dense: {units: 32, activation: relu}
  - Dense: {units: 1}
loss: mse
optimizer: adam
epochs: 2
batch_size: 512
report: []
"""
IMAGES = """
name: images
dataset: {path: "FILES", test_split: 0.01, stream: STREAM}
layers:
  - Rescaling: {scale: 1/255}
  - AveragePooling2D: {pool_size: 32}
  - Flatten
  - Dense: {units: 10, activation: softmax}
loss: sparse_categorical_crossentropy
optimizer: adam
epochs: 1
batch_size: 32
report: []
"""


def run(recipe: str, files: Path, stream: bool, folder: Path) -> dict[str, float]:
    """Train in a process of its own; give its seconds, rows and most memory, in GB."""
    text = recipe.replace("FILES", str(files)).replace("STREAM", str(stream).lower())
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "kerasrecipes", "train", str(path), "--quiet"]
    memory_gb = measure_memory([*command, "--output-dir", str(folder / "runs")])
    newest = max((folder / "runs").glob("*/*/run.json"), key=lambda file: file.stat().st_mtime)
    info = json.loads(newest.read_text(encoding="utf-8"))
    n_rows = info["dataset"]["rows"]["train"] * info["epochs"]
    return info["seconds"] | {"rows_s": n_rows / info["seconds"]["fit"], "memory_gb": memory_gb}


def measure_memory(command: list[str]) -> float:
    """The most resident memory of a command, in GB."""
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_maxrss * 1024 / 1e9


def write_table(folder: Path, n_files: int) -> None:
    """Write Parquet files whose target depends on some columns."""
    import pyarrow as pa
    from pyarrow import parquet

    folder.mkdir(parents=True, exist_ok=True)
    for i in range(len([*folder.glob("*.parquet")]), n_files):
        values = np.random.default_rng(i).normal(size=(ROWS_OF_FILE, N_COLUMNS)).astype("f4")
        target = values[:, 0] + values[:, 1] * values[:, 2]
        columns = {f"x{j}": column for j, column in enumerate(values.T)} | {"y": target}
        parquet.write_table(pa.table(columns), folder / f"{i:04}.parquet")


def write_images(folder: Path, n_images: int) -> None:
    """Write JPEGs of smooth random patterns, of ten classes."""
    from PIL import Image

    for i in range(n_images):
        file = folder / str(i % 10) / f"{i:06}.jpg"
        if file.exists():
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(i).integers(0, 256, (32, 32, 3), np.uint8)
        image = Image.fromarray(pixels).resize((256, 256), Image.Resampling.BICUBIC)
        image.save(file, quality=85)


def decode_all(folder: Path) -> float:
    """Images that Pillow alone decodes in a second, with a thread for each core."""
    from PIL import Image

    files = [*folder.glob("*/*.jpg")]
    started_s = time.perf_counter()
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for _ in pool.map(lambda file: np.asarray(Image.open(file)).shape, files):
            pass
    return len(files) / (time.perf_counter() - started_s)


def read_all(folder: Path) -> float:
    """Images that reach the network in a second, if it computes nothing."""
    from kerasrecipes.recipe.schema import DatasetSpec
    from kerasrecipes.rows import open_rows
    from kerasrecipes.rows.disk import DiskRows

    spec = DatasetSpec(path=str(folder), stream=True)
    inputs = open_rows(None, spec).load(spec).inputs
    assert isinstance(inputs, DiskRows)
    started_s = time.perf_counter()
    n_images = sum(map(len, inputs.iterate()))
    return n_images / (time.perf_counter() - started_s)


def main() -> None:
    """Print memory and rows a second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("tables", "images"))
    parser.add_argument("--gigabytes", type=float, default=6)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder or "/var/tmp") as temporary:
        folder = options.folder or Path(temporary)
        if options.what == "images":
            files = folder / "images"
            write_images(files, options.images)
            decode_all(files)  # brings the files into the system's cache
            decoded, read = decode_all(files), read_all(files)
            found = run(IMAGES, files, True, Path(temporary))
            print(f"images a second: Pillow alone {decoded:,.0f}, reader {read:,.0f}")
            print(f"in fit {found['rows_s']:,.0f}, memory {found['memory_gb']:.2f} GB")
            return
        n_files = max(1, round(options.gigabytes * 1e9 / (4 * N_COLUMNS * ROWS_OF_FILE)))
        write_table(folder / "all", n_files)
        write_table(folder / "tenth", max(1, n_files // 10))
        imported = measure_memory([sys.executable, "-c", "import tensorflow"])
        runs = {
            "on disk": run(TABLE, folder / "all" / "*.parquet", True, Path(temporary)),
            "in memory, a tenth": run(
                TABLE, folder / "tenth" / "*.parquet", False, Path(temporary)
            ),
        }
        for name, found in runs.items():
            above = found["memory_gb"] - imported
            print(
                f"{name}: {found['rows_s']:,.0f} rows a second in fit, data {found['data']:.0f} s"
            )
            print(f"  {above:.2f} GB above TensorFlow's import of {imported:.2f} GB")


if __name__ == "__main__":
    main()
