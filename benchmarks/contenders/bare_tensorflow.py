"""The floor: a whole epoch as one graph, with nothing of Keras's loop around it."""

from __future__ import annotations

from typing import Any

from benchmarks.contenders import child, networks


def contend(settings: dict[str, Any], stages: child.Stages) -> dict[str, Any]:
    """Fit, and score the test rows; ``jit_compile`` compiles the epoch with XLA."""
    with stages.measure("import"):
        import keras
        import tensorflow as tf
    networks.use_threads(settings)
    with stages.measure("data"):
        rows = child.load_rows(settings)
        inputs, target = tf.constant(rows["x_train"]), tf.constant(rows["y_train"])
    with stages.measure("build"):
        model = networks.build_keras(settings, rows["x_train"].shape[1:], is_scaled=False)
        model.optimizer.build(model.trainable_variables)
        loss_of = keras.losses.get(settings["loss"])
    n_rows, size = len(rows["x_train"]), settings["batch_size"]
    n_full = n_rows // size

    def take_step(order: Any, total: Any) -> Any:
        with tf.GradientTape() as tape:
            outputs = model(tf.gather(inputs, order), training=True)
            loss = tf.reduce_mean(loss_of(tf.gather(target, order), outputs))
        gradients = tape.gradient(loss, model.trainable_variables)
        model.optimizer.apply(gradients, model.trainable_variables)
        return total + loss * tf.cast(tf.size(order), tf.float32)

    @tf.function(jit_compile=settings["jit_compile"])
    def take_epoch(order: Any) -> Any:
        full = tf.reshape(order[: n_full * size], (n_full, size))
        total = tf.constant(0.0)
        for step in tf.range(n_full):
            total = take_step(full[step], total)
        if n_rows % size:
            total = take_step(order[n_full * size :], total)
        return total / n_rows

    @tf.function(jit_compile=settings["jit_compile"])
    def score(inputs: Any, target: Any) -> Any:
        return tf.reduce_mean(loss_of(target, model(inputs, training=False)))

    def score_part(part: str) -> float:
        x, y = rows[f"x_{part}"], rows[f"y_{part}"]
        sizes, losses = [], []
        for start in range(0, len(x), 1000):
            losses.append(float(score(x[start : start + 1000], y[start : start + 1000])))
            sizes.append(len(x[start : start + 1000]))
        return sum(a * b for a, b in zip(sizes, losses, strict=True)) / sum(sizes)

    with stages.measure("fit"):
        for epoch in range(settings["epochs"]):
            # Out here because XLA has no stateless_shuffle (TensorFlow 2.21).
            order = tf.random.experimental.stateless_shuffle(
                tf.range(n_rows), seed=[settings["seed"], epoch]
            )
            float(take_epoch(order))
            if "x_validation" in rows:
                score_part("validation")
    with stages.measure("evaluate"):
        loss = score_part("test")
    return {"test_loss": loss, "versions": child.find_versions("tensorflow", "keras")}


if __name__ == "__main__":
    child.run(contend)
