"""``model.fit`` on arrays: as the study notes write it, and as a careful person would."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.contenders import child, networks


def contend(settings: dict[str, Any], stages: child.Stages) -> dict[str, Any]:
    """Fit, and score the test rows.

    Settings of its own: ``as_notes`` divides pixels by 255 beforehand, which makes float64 rows,
    and keeps table rows in float64; ``validates`` hands ``fit`` the validation rows.
    """
    with stages.measure("import"):
        import tensorflow  # noqa: F401
    networks.use_threads(settings)
    with stages.measure("data"):
        rows = child.load_rows(settings)
        if settings["as_notes"]:
            rows = scale_as_the_notes_do(settings, rows)
    with stages.measure("build"):
        shape = rows["x_train"].shape[1:]
        model = networks.build_keras(settings, shape, is_scaled=settings["as_notes"])
    validation = None
    if settings["validates"] and "x_validation" in rows:
        validation = (rows["x_validation"], rows["y_validation"])
    with stages.measure("fit"):
        model.fit(
            rows["x_train"],
            rows["y_train"],
            epochs=settings["epochs"],
            batch_size=settings["batch_size"],
            validation_data=validation,
            verbose=0,
        )
    with stages.measure("evaluate"):
        scores = model.evaluate(rows["x_test"], rows["y_test"], verbose=0, return_dict=True)
    return {"test_loss": scores["loss"], "versions": child.find_versions("tensorflow", "keras")}


def scale_as_the_notes_do(
    settings: dict[str, Any], rows: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Divide all pixels at once, then take the parts out of the float64 rows."""
    names = [name for name, _ in settings["layers"]]
    if "Rescaling" not in names:
        return {name: part.astype(np.float64) for name, part in rows.items()}
    known = np.concatenate([rows["x_train"], rows["x_validation"]])
    scaled, test = known / 255.0, rows["x_test"] / 255.0
    n_train = len(rows["x_train"])
    # train_test_split copies what it gives, and the notes keep every array by a name.
    parts = {"x_train": scaled[:n_train].copy(), "x_validation": scaled[n_train:].copy()}
    return rows | parts | {"x_known": scaled, "x_test": test}


if __name__ == "__main__":
    child.run(contend)
