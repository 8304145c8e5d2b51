"""What native libraries write to standard error goes to a file, and only while asked to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import os, sys
from pathlib import Path
from kerasrecipes.console import redirect_stderr

log = Path(sys.argv[1])
os.write(2, b"before\\n")
try:
    with redirect_stderr(log):
        os.write(2, "native 말\\n".encode())
        print("python", file=sys.stderr)
        print("stdout")
        if len(sys.argv) > 2:
            raise RuntimeError("failed inside")
finally:
    os.write(2, b"after\\n")
"""


def run(log: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, str(log), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_native_and_python_messages_go_to_the_log_alone(tmp_path: Path):
    done = run(tmp_path / "log.txt")
    assert done.stderr == "before\nafter\n"
    assert done.stdout == "stdout\n"
    assert (tmp_path / "log.txt").read_text(encoding="utf-8") == "native 말\npython\n"


def test_the_log_grows(tmp_path: Path):
    (tmp_path / "log.txt").write_text("earlier\n")
    run(tmp_path / "log.txt")
    assert (tmp_path / "log.txt").read_text(encoding="utf-8").startswith("earlier\nnative")


def test_standard_error_comes_back_after_an_exception(tmp_path: Path):
    done = run(tmp_path / "log.txt", "fail")
    assert done.returncode == 1
    assert done.stderr.startswith("before\nafter\nTraceback")
    assert "failed inside" in done.stderr
