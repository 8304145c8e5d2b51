"""Several workers train as one does: each trains alone first, then together with the others."""

from __future__ import annotations

import numpy as np
import pytest
from tests.distributed.workers import run_workers

TOGETHER = """
import json, sys
import numpy as np
from kerasrecipes.distributed import join_team

team = join_team(None)
team.connect("")
import keras
from keras import layers
from kerasrecipes.training.fit import Scorer, fit_model
from kerasrecipes.training.team import Team

rng = np.random.default_rng(0)
X = rng.normal(size=(73, 4)).astype(np.float32)  # with batches of 9, the last one has one row
y = (X[:, :1] + 0.5 * rng.normal(size=(73, 1)) > 0).astype(np.float32)
ids = rng.integers(0, 9, (73, 3)).astype(np.int32)
weights = rng.uniform(0.2, 2, 73).astype(np.float32)


def make(optimizer="adam", loss="binary_crossentropy", like=X, first=(), weighted=False):
    keras.utils.set_random_seed(1)
    stack = [*first, layers.Dense(6, "relu", kernel_regularizer="l2"), layers.Dense(1, "sigmoid")]
    model = keras.Sequential([keras.Input(like.shape[1:]), *stack])
    metrics = ["accuracy", keras.metrics.AUC(name="auc")]
    model.compile(optimizer, loss, **{"weighted_metrics" if weighted else "metrics": metrics})
    return model


def fit(team, model, rows, batch_size=9, epochs=3, callbacks=()):
    scorer = Scorer(model, rows, batch_size, team)
    history = fit_model(
        model, rows, rows, epochs=epochs, batch_size=batch_size, seed=1, scorer=scorer,
        callbacks=callbacks,
    )
    variables = [np.ravel(v).tolist() for v in model.weights]
    return {"history": history, "scores": scorer(rows), "weights": variables}


def compare(make_it, rows, **options):
    return [fit(each, make_it(), rows, **options) for each in (Team(), team)]

CASES
json.dump(results, open(sys.argv[1], "w"))
"""

QUICK = """
results = {"odd batches, the last of one row": compare(make, (X, y))}
"""

MORE = """
from keras.optimizers import SGD, Adam

def embed():
    return make(like=ids, first=[layers.Embedding(9, 5), layers.Flatten()])

def stop_early():
    return [keras.callbacks.EarlyStopping("val_loss", patience=1, start_from_epoch=4,
            restore_best_weights=True), keras.callbacks.ReduceLROnPlateau("loss", patience=1)]

results = {
    "even batches": compare(make, (X, y), batch_size=8),
    "fewer rows than a batch": compare(make, (X, y), batch_size=100),
    "momentum": compare(lambda: make(SGD(0.1, momentum=0.9, nesterov=True)), (X, y)),
    "clipped": compare(lambda: make(SGD(0.5, clipnorm=0.05)), (X, y)),
    "clipped together": compare(lambda: make(Adam(0.1, global_clipnorm=0.05)), (X, y)),
    "averaged": compare(lambda: make(Adam(use_ema=True, ema_overwrite_frequency=5)), (X, y)),
    "accumulated": compare(lambda: make(Adam(gradient_accumulation_steps=2)), (X, y)),
    "loss scaled": compare(
        lambda: make(keras.optimizers.LossScaleOptimizer(Adam(), initial_scale=8.0)), (X, y)
    ),
    "sample_weight": compare(lambda: make(weighted=True), (X, y, weights)),
    "embedding": compare(embed, (ids, y)),
    "dice": [fit(Team(), make(loss="dice"), (X, y), epochs=0) for _ in range(2)],
    "callbacks": [
        fit(each, make(SGD(2.0)), (X, y), epochs=30, callbacks=stop_early())
        for each in (Team(), team)
    ],
}
results["dice"][1] = fit(team, make(loss="dice"), (X, y), epochs=0)
"""

ONLY_TOGETHER = """
norm = [layers.Dense(3), layers.BatchNormalization(), layers.Dropout(0.5)]
results = {
    "norm": fit(team, make(first=norm), (X, y)),
    "even": fit(team, make(first=norm[:2]), (X, y), batch_size=8),
}
"""


def check_equal(alone, together, what):
    assert alone["history"].keys() == together["history"].keys()
    for name, values in alone["history"].items():
        np.testing.assert_allclose(
            together["history"][name], values, rtol=1e-5, atol=1e-6, err_msg=f"{what}: {name}"
        )
    assert together["scores"] == pytest.approx(alone["scores"], rel=1e-5, abs=1e-6), what
    for ours, theirs in zip(together["weights"], alone["weights"], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5, err_msg=what)


def test_two_workers_train_as_one_does(tmp_path):
    first, second = run_workers(tmp_path, TOGETHER.replace("CASES", QUICK))
    for what, (alone, together) in first.items():
        assert second[what][1] == together
        check_equal(alone, together, what)


@pytest.mark.slow
def test_optimizers_losses_and_callbacks_as_with_one_worker(tmp_path):
    first, second = run_workers(tmp_path, TOGETHER.replace("CASES", MORE))
    for what, (alone, together) in first.items():
        assert second[what][1] == together
        check_equal(alone, together, what)
    assert 4 < len(first["callbacks"][1]["history"]["loss"]) < 30


@pytest.mark.slow
def test_three_workers_train_as_one_does(tmp_path):
    results = run_workers(tmp_path, TOGETHER.replace("CASES", QUICK), n_workers=3)
    for what, (alone, together) in results[0].items():
        assert all(result[what][1] == together for result in results)
        check_equal(alone, together, what)


@pytest.mark.slow
def test_workers_keep_equal_weights_where_each_has_its_own_statistics_and_dropout(tmp_path):
    first, second = run_workers(tmp_path, TOGETHER.replace("CASES", ONLY_TOGETHER))
    assert first == second
