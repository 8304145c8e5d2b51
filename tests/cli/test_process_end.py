"""The process of a command ends at once, and yet completely."""

from __future__ import annotations

import subprocess
import sys

import pytest

START = """
import atexit, sys, threading, time
import kerasrecipes.cli.app
from kerasrecipes.__main__ import main

class Slow:
    def __del__(self):
        print("freed", flush=True)

def work():
    time.sleep(0.2)
    print("thread")

def run():
    global kept
    kept = Slow()
    atexit.register(print, "handler")
    threading.Thread(target=work).start()
    {end}

kerasrecipes.cli.app.main = run
main()
"""


def run(end: str) -> tuple[int, list[str], str]:
    done = subprocess.run(
        [sys.executable, "-c", START.format(end=end)], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.split(), done.stderr


@pytest.mark.parametrize("code", [0, 3])
def test_threads_and_exit_handlers_end_and_objects_are_not_freed(code: int) -> None:
    assert run(f"sys.exit({code})") == (code, ["thread", "handler"], "")


def test_a_message_as_exit_code_is_printed() -> None:
    code, out, err = run("sys.exit('No folder.')")
    assert (code, out, err) == (1, ["thread", "handler", "freed"], "No folder.\n")


def test_an_exception_is_shown() -> None:
    code, _, err = run("raise ValueError('a bug')")
    assert code == 1
    assert err.endswith("ValueError: a bug\n")


def test_ctrl_c_before_the_command_line_has_begun() -> None:
    start = (
        "import sys, types\n"
        "from kerasrecipes.__main__ import main\n"
        "def find_spec(name, path=None, target=None):\n"
        "    if name == 'typer':\n"
        "        raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, types.SimpleNamespace(find_spec=find_spec))\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", start], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
