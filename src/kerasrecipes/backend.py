"""The Keras that recipes run on: on TensorFlow, with Keras's own settings."""

from __future__ import annotations

import gc
import os
import sys

from kerasrecipes.errors import InputError, KerasRecipesError

_SETTINGS = {
    "floatx": "float32",
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
    "max_epochs": None,
    "max_steps_per_epoch": None,
}
"""Settings in ``keras.config`` that change results, and their defaults."""


def import_keras() -> None:
    """Import Keras, whatever KERAS_BACKEND and keras.json say; they must not change a result.

    InputError is raised if the caller has imported it on another backend or with other settings.
    """
    is_ours = "keras" not in sys.modules
    wanted, collects_garbage = os.environ.get("KERAS_BACKEND"), gc.isenabled()
    os.environ["KERAS_BACKEND"] = "tensorflow"
    gc.disable()  # it would find nothing, and take a third of the import's time
    try:
        import keras
        import tensorflow as tf  # noqa: F401
    except ImportError as error:
        raise KerasRecipesError(f"TensorFlow and Keras cannot be imported: {error}") from error
    except (ValueError, AttributeError, OSError) as error:
        message = f"Keras cannot read its settings: {error} Remove ~/.keras/keras.json."
        raise InputError(message) from error
    finally:
        if collects_garbage:
            gc.enable()
        os.environ.pop("KERAS_BACKEND")
        os.environ |= {"KERAS_BACKEND": wanted} if wanted is not None else {}
    config = keras.config
    for name, default in _SETTINGS.items() if is_ours else ():
        getattr(config, f"set_{name}")(default)
    for name, needed in (_SETTINGS | {"backend": "tensorflow", "dtype_policy": "float32"}).items():
        value = getattr(config, name)()
        received = getattr(value, "name", value)  # a policy has a name
        if received != needed:
            raise InputError(
                f"Recipes need {needed!r} as keras.config.{name}() (received: {received!r}). Call "
                f"keras.config.set_{name}({needed!r}) first, or for a backend start Python with "
                "KERAS_BACKEND=tensorflow."
            )
