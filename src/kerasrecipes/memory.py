"""How much memory is free, how many cores there are, and the message where memory ends."""

from __future__ import annotations

import math
import os
import re
import resource
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import RunFailed

_CGROUP = Path("/sys/fs/cgroup")


def check_fits(shape: Sequence[int | None], what: str, itemsize: int = 4) -> None:
    """Raise RunFailed if memory has no room for an array of the model and its gradient."""
    sizes = [size for size in shape if size is not None]
    needed, free = itemsize * math.prod(sizes), find_free_memory()
    if 2 * needed > free:
        raise RunFailed(
            f"It needs {write_bytes(needed)} for {what} of shape ({', '.join(map(str, sizes))}), "
            f"and as much for the gradient. {write_bytes(free)} of memory are free. Make this "
            "layer smaller, or the layers before it."
        )


@contextmanager
def explaining_memory() -> Iterator[None]:
    """Raise RunFailed where the process runs out of memory."""
    try:
        yield
    except Exception as error:
        tf = sys.modules.get("tensorflow")
        if not isinstance(error, (MemoryError, tf.errors.ResourceExhaustedError if tf else ())):
            raise
        raise RunFailed(
            f"Out of memory; {write_bytes(find_free_memory())} are free now. Lower batch_size, "
            "make the layers smaller, or end other programs."
        ) from error


def count_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def make_aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An empty array that begins where TensorFlow can use it without a copy."""
    n_bytes = int(np.prod(shape)) * dtype.itemsize
    block = np.empty(n_bytes + 64, np.uint8)
    start = -block.ctypes.data % 64
    return block[start : start + n_bytes].view(dtype).reshape(shape)


def find_free_memory() -> int:
    """The bytes that this process can still get, by the strictest of its limits."""
    free = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    free += [1024 * n for n in _read("/proc/meminfo", r"MemAvailable:\s+(\d+)")]
    used = sum(_read(_CGROUP / "memory.current"))
    free += [most - used for most in _read(_CGROUP / "memory.max")]
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most != resource.RLIM_INFINITY:
        free.append(most - 1024 * sum(_read("/proc/self/status", r"VmSize:\s+(\d+)")))
    return max(0, min(free))


def find_used_memory() -> int:
    """The bytes of memory that this process has now."""
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return 1024 * next(iter(_read("/proc/self/status", r"VmRSS:\s+(\d+)")), peak_kb)


def _read(file: str | Path, pattern: str = r"(\d+)") -> list[int]:
    """The number in a file of the system; empty without this file or number."""
    try:
        return [int(n) for n in re.findall(pattern, Path(file).read_text(encoding="ascii"))]
    except OSError:
        return []


def write_bytes(n_bytes: float) -> str:
    """Write a size in powers of 1,000: ``818 kB``."""
    units = {"PB": 1e15, "TB": 1e12, "GB": 1e9, "MB": 1e6, "kB": 1e3, "B": 1}
    unit = next((unit for unit, size in units.items() if n_bytes >= size), "B")
    number = n_bytes / units[unit]
    return f"{number:,.0f} {unit}" if number >= 100 else f"{number:.3g} {unit}"
