"""A large CSV through ``pandas.read_csv`` and ``model.predict``, both as they come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.contenders import child


def contend(settings: dict[str, Any], stages: child.Stages) -> dict[str, Any]:
    """Predict every row of a table, and write the answers; the weights do not matter."""
    with stages.measure("import"):
        import keras
        import pandas as pd
    with stages.measure("build"):
        model = keras.Sequential(
            [
                keras.Input((settings["n_columns"],)),
                keras.layers.Normalization(mean=0.0, variance=1.0),
                *(keras.layers.Dense(units, activation="relu") for units in settings["units"]),
                keras.layers.Dense(1),
            ]
        )
    with stages.measure("read"):
        table = pd.read_csv(settings["file"])
    with stages.measure("predict"):
        answers = model.predict(table.to_numpy(), verbose=0)
    with stages.measure("write"):
        pd.DataFrame({"predicted": answers[:, 0]}).to_csv(
            Path(settings["folder"]) / "plain.csv", index=False
        )
    return {"versions": child.find_versions("tensorflow", "keras", "pandas")}


if __name__ == "__main__":
    child.run(contend)
