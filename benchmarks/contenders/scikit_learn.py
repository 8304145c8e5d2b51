"""scikit-learn's multilayer perceptron, set to train as long as the others."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from benchmarks.contenders import child


def contend(settings: dict[str, Any], stages: child.Stages) -> dict[str, Any]:
    """Fit, and score the test rows; it scores no validation rows in between."""
    with stages.measure("import"):
        from sklearn.metrics import log_loss, mean_squared_error
        from sklearn.neural_network import MLPClassifier, MLPRegressor
    warnings.simplefilter("ignore")  # it warns of every fit that ends by its number of epochs
    with stages.measure("data"):
        rows = child.load_rows(settings)
        scale = np.float32(dict(settings["layers"]).get("Rescaling", {}).get("scale", 1.0))
        x = {
            part: rows[f"x_{part}"].reshape(len(rows[f"x_{part}"]), -1).astype(np.float32) * scale
            for part in ("train", "test")
        }
    is_regression = settings["loss"] == "mse"
    units = [arguments["units"] for name, arguments in settings["layers"] if name == "Dense"]
    name, arguments = settings["optimizer"]
    with stages.measure("fit"):
        model = (MLPRegressor if is_regression else MLPClassifier)(
            hidden_layer_sizes=units[:-1],
            solver=name.lower(),
            learning_rate_init=arguments["learning_rate"],
            momentum=0.0,
            alpha=0.0,
            batch_size=settings["batch_size"],
            max_iter=settings["epochs"],
            n_iter_no_change=settings["epochs"] + 1,
            random_state=settings["seed"],
        ).fit(x["train"], rows["y_train"].ravel())
    with stages.measure("evaluate"):
        target = rows["y_test"].ravel()
        if is_regression:
            loss = mean_squared_error(target, model.predict(x["test"]))
        else:
            loss = log_loss(target, model.predict_proba(x["test"]))
    return {"test_loss": float(loss), "versions": child.find_versions("scikit-learn")}


if __name__ == "__main__":
    child.run(contend)
