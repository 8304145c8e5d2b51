"""A large mixed table by hand: pandas, scikit-learn's ColumnTransformer, ``model.fit``."""

from __future__ import annotations

from typing import Any

from benchmarks.contenders import child


def contend(settings: dict[str, Any], stages: child.Stages) -> dict[str, Any]:
    """Read, split, encode by the training rows, fit, and score the test rows."""
    with stages.measure("import"):
        import keras
        import pandas as pd
        from sklearn.compose import make_column_selector, make_column_transformer
        from sklearn.model_selection import train_test_split
        from sklearn.preprocessing import OneHotEncoder, StandardScaler
    with stages.measure("data"):
        table = pd.read_csv(settings["file"], parse_dates=["day"])
        y = table.pop("y")
        day = table.pop("day").dt
        table = table.assign(year=day.year, month=day.month, weekday=day.weekday)
        parts = train_test_split(table, y, test_size=0.2, random_state=42)
        x_train, x_test, y_train, y_test = parts
    with stages.measure("build"):
        encoder = make_column_transformer(
            (
                OneHotEncoder(sparse_output=False, handle_unknown="ignore"),
                make_column_selector(pattern="^word"),
            ),
            remainder=StandardScaler(),
        )
        x_train, x_test = encoder.fit_transform(x_train), encoder.transform(x_test)
        keras.utils.set_random_seed(42)
        layers = [keras.layers.Dense(units, activation="relu") for units in settings["units"]]
        model = keras.Sequential([*layers, keras.layers.Dense(1)])
        model.compile(optimizer="adam", loss="mse")
    with stages.measure("fit"):
        model.fit(
            x_train,
            y_train.to_numpy(),
            epochs=settings["epochs"],
            batch_size=settings["batch_size"],
            verbose=0,
        )
    with stages.measure("evaluate"):
        loss = float(model.evaluate(x_test, y_test.to_numpy(), verbose=0))
    return {"test_loss": loss, "versions": child.find_versions("pandas", "scikit-learn")}


if __name__ == "__main__":
    child.run(contend)
