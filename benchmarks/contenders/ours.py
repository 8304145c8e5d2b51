"""``kr.train``: everything that the command does, in a process that has TensorFlow already."""

from __future__ import annotations

import tempfile
from typing import Any

from benchmarks.contenders import child


def contend(settings: dict[str, Any], stages: child.Stages) -> dict[str, Any]:
    """Train the recipe; the stages are those that the run itself wrote down."""
    with stages.measure("import"):
        import tensorflow  # noqa: F401

        import kerasrecipes as kr
    with tempfile.TemporaryDirectory() as folder:
        with stages.measure("train"):
            run = kr.train(settings["recipe"], *settings["overrides"], output_dir=folder)
        seconds, scores = run.info["seconds"], run.metrics["test"]
    stages.seconds |= {stage: s for stage, s in seconds.items() if stage != "import"}
    return {
        "test_loss": scores["loss"],
        "versions": child.find_versions("tensorflow", "keras"),
    }


if __name__ == "__main__":
    child.run(contend)
