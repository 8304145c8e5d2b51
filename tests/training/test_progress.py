"""What a person sees while a model trains: a live line in a terminal, plain lines in a pipe."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from kerasrecipes.training import progress as progress_module
from kerasrecipes.training.progress import ProgressLine

LOGS = {"accuracy": 0.9, "loss": 0.25, "val_accuracy": 0.8, "val_loss": 0.5}


def run(monkeypatch, *, terminal: bool, epochs: int, epoch_s: float, logs=LOGS) -> str:
    """Train nothing for so many epochs of so many seconds, and return what was written."""
    now_s = 0.0
    monkeypatch.setattr(progress_module.time, "perf_counter", lambda: now_s)
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=80, highlight=False)
    progress = ProgressLine(console, epochs, 10)
    progress.on_train_begin()
    for epoch in range(epochs):
        for last in (3, 7, 11):  # Keras counts past the end where groups do not divide it
            progress.on_train_batch_end(last)
        now_s += epoch_s
        progress.on_epoch_end(epoch, logs)
        if terminal:
            progress._bar.refresh()
    progress.stop()
    return out.getvalue()


def test_a_pipe_gets_the_first_and_the_last_epoch_and_one_line_a_second(monkeypatch):
    lines = run(monkeypatch, terminal=False, epochs=30, epoch_s=0.125).splitlines()
    assert [line.split("/")[0].split()[-1] for line in lines] == [
        "1", "9", "17", "25", "30",
    ]  # fmt: skip


def test_a_pipe_gets_no_control_characters(monkeypatch):
    text = run(monkeypatch, terminal=False, epochs=2, epoch_s=5)
    assert "\x1b" not in text
    assert "\r" not in text
    assert text == (
        "epoch 1/2  accuracy 0.9000  loss 0.2500  val_accuracy 0.8000  val_loss 0.5000"
        "  5.0 s/epoch\n"
        "epoch 2/2  accuracy 0.9000  loss 0.2500  val_accuracy 0.8000  val_loss 0.5000"
        "  5.0 s/epoch\n"
    )


@pytest.mark.parametrize("logs", [{"loss": 0.25}, LOGS, LOGS | {"another_long_metric": 123456.0}])
def test_a_terminal_gets_one_line_that_fits(monkeypatch, logs):
    text = run(monkeypatch, terminal=True, epochs=3, epoch_s=5, logs=logs)
    frames = [frame for frame in text.replace("\r", "\n").split("\n") if "epoch" in frame]
    assert frames
    for frame in frames:
        shown = Text.from_ansi(frame).plain
        assert len(shown) <= 80
        assert "/3 ━" in shown
        assert "…" not in shown
    assert "loss 0.2500  " in Text.from_ansi(frames[-1]).plain or len(logs) == 1


def test_scores_stand_beside_their_own_epoch(monkeypatch):
    text = run(monkeypatch, terminal=True, epochs=3, epoch_s=5)
    frames = [Text.from_ansi(frame).plain for frame in text.replace("\r", "\n").split("\n")]
    scored = [frame.split("/")[0] for frame in frames if "loss 0.2500" in frame]
    assert [*dict.fromkeys(scored)] == ["epoch 1", "epoch 2", "epoch 3"]


def test_the_live_line_leaves_nothing_behind(monkeypatch):
    text = run(monkeypatch, terminal=True, epochs=2, epoch_s=1)
    assert text.rstrip("\n").endswith(("\x1b[2K", "\x1b[?25h"))


@pytest.mark.parametrize(
    ("epoch_s", "speed"), [(0.01, "100.0 epochs/s"), (0.5, "2.0 epochs/s"), (90, "90.0 s/epoch")]
)
def test_speed_is_said_the_way_round_that_people_read(monkeypatch, epoch_s, speed):
    assert run(monkeypatch, terminal=False, epochs=1, epoch_s=epoch_s).endswith(f"  {speed}\n")


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.12345, "0.1235"), (0.0, "0.0000"), (3.2e-7, "3.20e-07"), (2.5e8, "2.50e+08")],
)
def test_scores_keep_their_digits(monkeypatch, value, written):
    text = run(monkeypatch, terminal=False, epochs=1, epoch_s=1, logs={"loss": value})
    assert f"loss {written}  " in text
