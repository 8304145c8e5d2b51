"""The device for training, and how many threads it gets."""

from __future__ import annotations

import os
from typing import Literal

import numpy as np
import tensorflow as tf

from kerasrecipes.errors import InputError
from kerasrecipes.memory import count_cores
from kerasrecipes.recipe import Recipe
from kerasrecipes.rows import Dataset

_LIKE_ITS_INPUT = {
    *("Activation", "BatchNormalization", "Dropout", "Flatten", "GaussianNoise"),
    *("LayerNormalization", "LeakyReLU", "Normalization", "ReLU", "Rescaling", "Reshape"),
}
"""Layers whose output has as many numbers as their input, and that multiply no matrices."""

_WORTH_SHARING = 50e6
"""Multiply-adds of a batch above which a second thread saves time.

Measured on 2 quiet cores with networks of Dense layers: with 2.5 million one thread took 0.6 of the
time of all, with 42 million the same, and with 230 million 1.5 times as long.
"""

_CATEGORIES = 10  # numbers that an encoded category is estimated to have


def choose_device(
    wanted: Literal["auto", "cpu", "gpu"],
    *,
    is_small: bool = False,
    owns_process: bool = True,
    takes_all: bool = True,
) -> tuple[str, tf.distribute.Strategy, str]:
    """Choose where to train; "auto" takes every GPU that TensorFlow sees, or the first alone.

    A small model gets one thread in this process, unless TensorFlow has computed before. Settings
    of a process of our own are changed, so this must come before TensorFlow's first operation.

    Returns:
        The device in words, such as "CPU (2 cores)", how replicas share the work, and why a GPU
        that is there is not used. InputError is raised if a GPU is required.
    """
    gpus = tf.config.list_physical_devices("GPU")[: None if takes_all else 1]
    reason = "" if gpus or wanted == "cpu" else _explain_missing_gpu()
    if wanted == "gpu" and not gpus:
        why = reason or "This machine has none."
        raise InputError(
            f"device: gpu, but TensorFlow finds none. {why}\n  To train on the CPU: device=auto"
        )
    strategy = tf.distribute.get_strategy()
    if wanted == "cpu" or not gpus:
        if gpus and owns_process:
            tf.config.set_visible_devices([], "GPU")
        elif gpus:  # stay visible to the rest of the process
            strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
        return f"CPU ({_set_threads(is_small)})", strategy, reason
    if owns_process:
        tf.config.experimental.enable_op_determinism()  # on CPUs they are without this setting
        tf.config.set_visible_devices(gpus, "GPU")
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
    get_details = tf.config.experimental.get_device_details
    names = ", ".join(get_details(gpu).get("device_name", gpu.name) for gpu in gpus)
    if len(gpus) == 1:
        return f"GPU ({names})", strategy, ""
    return f"{len(gpus)} GPUs ({names})", tf.distribute.MirroredStrategy(), ""


def _explain_missing_gpu() -> str:
    """Say why an NVIDIA GPU that the system reports cannot be used; empty without one."""
    if not any(map(os.path.exists, ("/dev/nvidia0", "/proc/driver/nvidia/gpus"))):
        return ""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return "There is a GPU, but the environment hides it: unset CUDA_VISIBLE_DEVICES."
    if not tf.sysconfig.get_build_info().get("is_cuda_build"):
        return "There is a GPU, but this TensorFlow was built without CUDA."
    return (
        "There is a GPU, but TensorFlow found no usable CUDA libraries or driver (log.txt says "
        "which). Install them with: pip install 'kerasrecipes[cuda]'"
    )


def _set_threads(is_small: bool) -> str:
    threading = tf.config.threading
    if is_small:
        try:
            threading.set_intra_op_parallelism_threads(1)
            threading.set_inter_op_parallelism_threads(1)
        except RuntimeError:  # TensorFlow has computed before, and keeps its threads
            pass
    one_thread = ", 1 thread" if threading.get_intra_op_parallelism_threads() == 1 else ""
    n_cores = count_cores()
    return f"{n_cores} core{'s' if n_cores != 1 else ''}{one_thread}"


def needs_one_thread(recipe: Recipe, dataset: Dataset) -> bool:
    """Whether one thread trains a recipe at least as fast as all; estimated before it is built."""
    inputs = dataset.parts["train"].inputs
    if isinstance(inputs, dict):
        width = sum(_CATEGORIES if column.dtype == object else 1 for column in inputs.values())
    else:
        width = int(np.prod(inputs.shape[1:]))
    multiply_adds = 0
    for layer in recipe.layers:
        if layer.name == "Dense":
            units = int(layer.arguments["units"])
            multiply_adds += width * units
            width = units
        elif layer.name not in _LIKE_ITS_INPUT:
            return False  # convolutions and similar layers use every core
    batch_size = min(recipe.batch_size, len(dataset.parts["train"]))
    return multiply_adds * batch_size < _WORTH_SHARING
