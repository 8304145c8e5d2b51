"""What every command that trains pays first: TensorFlow's import."""

from __future__ import annotations

from typing import Any

from benchmarks.contenders import child


def contend(settings: dict[str, Any], stages: child.Stages) -> dict[str, Any]:
    """Import TensorFlow and Keras, and nothing else."""
    del settings
    with stages.measure("import"):
        import keras  # noqa: F401
        import tensorflow  # noqa: F401
    return {}


if __name__ == "__main__":
    child.run(contend)
