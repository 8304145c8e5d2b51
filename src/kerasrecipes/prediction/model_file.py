"""Loads model.keras, which may come from someone else: nothing in it is executed.

Keras's safe mode refuses Python code in a model, but allows layers of any size, and every public
function of Keras that is not on a list. So a file is checked before Keras loads it.
"""

from __future__ import annotations

import json
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasrecipes.errors import InputError
from kerasrecipes.model.serving import load_model, seeding
from kerasrecipes.run_files import check_file, hash_file
from kerasrecipes.runs import Run

_PARTS = re.compile(
    r"keras\.(layers|initializers|regularizers|constraints|activations|losses|metrics"
    r"|optimizers(\.schedules)?|src\.models\.functional|src\.ops\.(core|numpy))\.\w+"
    r"|keras\.src\.applications\.\w+\.(LayerScale|CustomScaleLayer)"
    r"|keras\.(Sequential|DTypePolicy|Variable)"
    r"|\.__(keras_tensor|numpy|slice|tensor|bytes|ellipsis)__"
)
"""Modules and names of what models consist of; their values have no module."""

_NAME = re.compile(r"[\w.\\/>-]*", re.ASCII)
_CALLED = ("standardize", "split")  # arguments of TextVectorization
_NEVER = {"Lambda", "TFSMLayer", "JaxLayer", "FlaxLayer", "TorchModuleWrapper"}
_SLACK_BYTES = 2**20
_RAISED = (
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError),
    *(RuntimeError, ImportError, MemoryError, OSError, EOFError),
    *(zipfile.BadZipFile, zlib.error, struct.error, tf.errors.OpError),
)
"""What zipfile, h5py, Keras and TensorFlow raise for files that Keras did not write."""


def load_run_model(run: Run) -> keras.Model:
    """Load a run's model; raises InputError for another file, or one that cannot be loaded."""
    file = run.model_path
    check_file(file)
    saved = run.info.get("model_sha256")
    try:
        if saved and saved != hash_file(file):  # old versions did not record it
            raise ValueError("it is not the file that this run saved, whose SHA-256 is in run.json")
        _check_archive(file)
        return load_model(file)
    except _RAISED as error:
        reason = str(error).strip().partition("\n")[0][:300].rstrip(".") or type(error).__name__
        remedy = f"train it again: kerasrecipes train {run.recipe_path}"
        problem = f"{file} cannot be loaded: {reason}. Put the run's own file back, or {remedy}"
        raise InputError(problem) from error


def _check_archive(file: Path) -> None:
    """Raise ValueError unless a file is an archive as Keras writes it, with a model in it."""
    with zipfile.ZipFile(file) as archive:
        members = {member.filename: member.file_size for member in archive.infolist()}
        if sum(members.values()) > file.stat().st_size:  # Keras does not compress
            raise ValueError("it unpacks to more than its own size")
        if any(name.startswith("/") or ".." in name.split("/") for name in members):
            raise ValueError("it contains paths that lead out of it")
        config = json.loads(archive.read("config.json"))
    parts = [*_find_parts(config)]
    if any(isinstance(part["config"].get(name), dict) for part in parts for name in _CALLED
           if part["class_name"] == "TextVectorization"):  # fmt: skip
        raise ValueError("its TextVectorization calls a function")
    if [part for part in parts if _is_own(part)]:  # which may not work in a graph
        return
    for part in parts:
        part.pop("compile_config", None)  # metrics have names that a graph refuses
    for part in _find_parts(config):
        arguments = part["config"] if isinstance(part["config"], dict) else {}
        if isinstance(arguments.get("vocabulary"), list):
            arguments |= {"vocabulary": None, "idf_weights": None}  # a graph has no sizes
        if not _NAME.fullmatch(str(arguments.get("name"))):  # Keras would keep it as a scope
            raise ValueError(f"it contains the name {arguments['name']!r}")
    # A graph counts weights without taking their memory.
    with tf.Graph().as_default(), seeding(0):
        model = keras.saving.deserialize_keras_object(config, safe_mode=True)
    needed = sum(int(np.prod(w.shape)) * tf.as_dtype(w.dtype).size for w in model.weights)
    if needed > (stored := members["model.weights.h5"]) + _SLACK_BYTES:
        raise ValueError(f"its layers need {needed:,} bytes of weights, and it has {stored:,}")


def _find_parts(config: Any) -> Iterator[dict[str, Any]]:
    """Find every mapping that names a class or function, at any depth."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
            if "class_name" in value:
                yield value
        elif isinstance(value, list):
            waiting += value


def _is_own(part: dict[str, Any]) -> bool:
    """Whether a class or function is registered by the caller; others must be Keras's."""
    is_function = part["class_name"] == "function"
    name = part["config" if is_function else "class_name"]
    registered = name if is_function else part.get("registered_name", name)  # as Keras does
    if keras.saving.get_registered_object(registered) is not None:
        return True
    full_name = f"{part.get('module') or ''}.{name}"
    if name in _NEVER or not _PARTS.fullmatch(full_name):
        rule = "neither a part of Keras models nor registered here with register_keras_serializable"
        raise ValueError(f"it contains {full_name}, which is {rule}")
    return False
