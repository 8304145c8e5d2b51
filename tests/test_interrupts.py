"""Signals that ask a process to stop."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from kerasrecipes.interrupts import Interrupted, catching_signals

STOPPING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", STOPPING)
def test_a_signal_raises_at_once(number: signal.Signals):
    before = signal.getsignal(number)
    with (
        pytest.raises(Interrupted, match=number.name) as caught,
        catching_signals(owns_process=True),
    ):
        signal.raise_signal(number)
    assert caught.value.exit_code == 128 + number
    assert signal.getsignal(number) is before


def test_a_deferred_signal_waits_for_the_check():
    with catching_signals(owns_process=True) as interrupts:
        with interrupts.deferring():
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Interrupted, match="SIGTERM"):
            interrupts.check()


def test_a_second_signal_raises_although_the_first_is_deferred():
    with catching_signals(owns_process=False) as interrupts, interrupts.deferring():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGINT)


def test_a_second_signal_ends_a_process_of_our_own():
    code = (
        "import signal, time\n"
        "from kerasrecipes.interrupts import catching_signals\n"
        "with catching_signals(owns_process=True) as interrupts, interrupts.deferring():\n"
        "    signal.raise_signal(signal.SIGTERM)\n"
        "    print('first', flush=True)\n"
        "    signal.raise_signal(signal.SIGTERM)\n"
        "    print('second', flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGTERM, "first\n", "")


def test_the_callers_process_keeps_its_other_handlers():
    with catching_signals(owns_process=False):
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler

    def handle(number: int, frame: object) -> None:
        pytest.fail("not called")

    before = signal.signal(signal.SIGINT, handle)
    try:
        with catching_signals(owns_process=False):
            assert signal.getsignal(signal.SIGINT) is handle
    finally:
        signal.signal(signal.SIGINT, before)


def test_ignored_signals_stay_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with catching_signals(owns_process=True) as interrupts:
            signal.raise_signal(signal.SIGHUP)
            interrupts.check()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_threads_catch_nothing():
    caught = []

    def catch() -> None:
        with catching_signals(owns_process=True):
            caught.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=catch)
    thread.start()
    thread.join()
    assert caught == [signal.SIG_DFL]
