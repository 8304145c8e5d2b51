"""Where the time of a fit goes, in one sentence."""

from __future__ import annotations

import time

from kerasrecipes.training.progress import FitClock


def test_every_second_of_a_fit_is_counted_once():
    clock = FitClock()
    clock.on_train_begin()
    started = time.perf_counter()
    for epoch in range(3):
        for batch in range(2):
            clock.on_train_batch_begin(batch)
            time.sleep(0.03 if epoch == batch == 0 else 0.01)
            clock.on_train_batch_end(batch)
        clock.on_test_begin()
        time.sleep(0.01)
        clock.on_test_end()
        time.sleep(0.005)
    clock.on_train_end()
    total = time.perf_counter() - started
    seconds = clock.seconds
    assert abs(sum(seconds.values()) - total) < 0.005
    assert seconds["training steps"] >= 0.05  # the first call traced
    assert seconds["validation"] >= 0.02
    assert seconds["tracing"] >= 0.04
    assert seconds["loop and callbacks"] >= 0.015


def test_the_sentence_begins_with_the_largest_share():
    clock = FitClock()
    clock.seconds = {
        "training steps": 6.0,
        "validation": 1.5,
        "tracing": 2.49,
        "loop and callbacks": 0.01,
    }
    assert clock.describe() == "Of 10.0 s in fit: 60% training steps, 25% tracing, 15% validation."
