"""The device for training."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tensorflow as tf

from kerasrecipes.errors import InputError
from kerasrecipes.memory import count_cores


@dataclass(frozen=True)
class Device:
    """Where the model is trained.

    Attributes:
        description: In words: "CPU (2 cores)".
        strategy: How replicas share the work; TensorFlow's default strategy on one device.
        warnings: Reasons why training is slower than necessary, such as a GPU that is not used.
    """

    description: str
    strategy: tf.distribute.Strategy
    warnings: tuple[str, ...] = ()


def choose_device(
    wanted: Literal["auto", "cpu", "gpu"],
    *,
    is_small: bool = False,
    owns_process: bool = True,
    takes_all: bool = True,
) -> Device:
    """Choose where to train.

    "auto" takes every GPU that TensorFlow sees, several of them through ``MirroredStrategy``.

    Args:
        is_small: Whether one thread computes the model at least as fast as several. Then TensorFlow
            gets one thread in this process, unless it has computed before.
        owns_process: Whether settings of the whole process may be changed. If so, this must come
            before TensorFlow's first operation.
        takes_all: Whether to take every GPU, or the first alone.

    Raises:
        InputError: A GPU is required but TensorFlow cannot use one.
    """
    gpus = tf.config.list_physical_devices("GPU")[: None if takes_all else 1]
    if wanted == "cpu" or not gpus:
        reason = "" if wanted == "cpu" else _explain_missing_gpu()
        if wanted == "gpu":
            raise InputError(
                f"device: gpu, but TensorFlow can use none. {reason or 'This machine has none.'}\n"
                "  To train on the CPU: device=auto"
            )
        strategy = tf.distribute.get_strategy()
        if gpus and owns_process:
            tf.config.set_visible_devices([], "GPU")
        elif gpus:  # stay visible to the rest of the process
            strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
        return _describe_cpu(strategy, reason, is_small)
    if owns_process:
        tf.config.experimental.enable_op_determinism()  # on CPUs they are without this setting
        tf.config.set_visible_devices(gpus, "GPU")
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
    names = [
        tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus
    ]
    if len(gpus) == 1:
        return Device(f"GPU ({names[0]})", tf.distribute.get_strategy())
    return Device(f"{len(gpus)} GPUs ({', '.join(names)})", tf.distribute.MirroredStrategy())


def _describe_cpu(strategy: tf.distribute.Strategy, reason: str, is_small: bool) -> Device:
    threading = tf.config.threading
    if is_small:
        try:
            threading.set_intra_op_parallelism_threads(1)
            threading.set_inter_op_parallelism_threads(1)
        except RuntimeError:  # TensorFlow has computed before, and keeps its threads
            pass
    warnings = [reason] if reason else []
    has_one_thread = threading.get_intra_op_parallelism_threads() == 1
    n_cores = count_cores()
    if has_one_thread and not is_small and n_cores != 1:
        warnings.append(
            "TensorFlow computes in one thread in this process, because the first model trained "
            "here was small. To train this one in all threads, restart Python."
        )
    cores = f"{n_cores} core{'s' if n_cores != 1 else ''}{', 1 thread' if has_one_thread else ''}"
    return Device(f"CPU ({cores})", strategy, tuple(warnings))


def _explain_missing_gpu() -> str:
    """Say why an NVIDIA GPU that the system reports cannot be used; empty without one."""
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
