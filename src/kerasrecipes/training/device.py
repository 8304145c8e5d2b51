"""Which device trains."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tensorflow as tf

from kerasrecipes.errors import InputError


@dataclass(frozen=True)
class Device:
    """Where the model lives.

    Attributes:
        description: For a person: "CPU (2 cores)".
        strategy: How replicas share the work; TensorFlow's default strategy on one device.
        warning: Why a GPU that is there goes unused; empty where none is, or where it is used.
    """

    description: str
    strategy: tf.distribute.Strategy
    warning: str = ""


def choose_device(wanted: Literal["auto", "cpu", "gpu"], one_thread: bool = False) -> Device:
    """Choose where to train; must come before TensorFlow's first operation.

    "auto" takes every GPU that TensorFlow sees, several of them through ``MirroredStrategy``.

    Args:
        one_thread: Whether a CPU computes in one thread, which holds for the whole process.

    Raises:
        InputError: A GPU is demanded and TensorFlow can use none.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if wanted == "cpu":
        tf.config.set_visible_devices([], "GPU")
        return _prepare_cpu("", one_thread)
    if not gpus:
        reason = _explain_missing_gpu()
        if wanted == "gpu":
            raise InputError(
                f"device: gpu, but TensorFlow can use none. {reason or 'This machine has none.'}\n"
                "  To train on the CPU: device=auto"
            )
        return _prepare_cpu(reason, one_thread)
    tf.config.experimental.enable_op_determinism()  # CPUs are, without it
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    names = [
        tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus
    ]
    if len(gpus) == 1:
        return Device(f"GPU ({names[0]})", tf.distribute.get_strategy())
    return Device(f"{len(gpus)} GPUs ({', '.join(names)})", tf.distribute.MirroredStrategy())


def _prepare_cpu(warning: str, one_thread: bool) -> Device:
    if one_thread:
        try:
            tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        except RuntimeError:  # TensorFlow has computed before, and keeps the threads it has
            one_thread = False
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cores = f"{n_cores} core{'s' if n_cores != 1 else ''}{', 1 thread' if one_thread else ''}"
    return Device(f"CPU ({cores})", tf.distribute.get_strategy(), warning)


def _explain_missing_gpu() -> str:
    """Say why an NVIDIA GPU that the system knows of cannot be used; empty without one."""
    if not any(Path(sign).exists() for sign in ("/dev/nvidia0", "/proc/driver/nvidia/gpus")):
        return ""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return "There is a GPU, but the environment hides it: unset CUDA_VISIBLE_DEVICES."
    if not tf.sysconfig.get_build_info().get("is_cuda_build"):
        return "There is a GPU, but this TensorFlow was built without CUDA."
    return (
        "There is a GPU, but TensorFlow found no usable CUDA libraries or driver (log.txt says "
        "which). Install them with: pip install 'kerasrecipes[cuda]'"
    )
