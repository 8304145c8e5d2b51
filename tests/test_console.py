"""Text on a console: no control characters but rich's own, and dropped where it may be."""

from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn
from rich.table import Table as RichTable
from rich.text import Text

from kerasrecipes.console import SafeConsole, dropping, echo
from kerasrecipes.recipe.names import make_printable
from kerasrecipes.report.tables import Table
from kerasrecipes.terminal import print_table

pytestmark = pytest.mark.reliability("fault")

BAD = "\x1b[31mred\x07\x9b\u202e\u2066\ufeff\ud800"
ESCAPED = "\\u001b[31mred\\u0007\\u009b\\u202e\\u2066\\ufeff\\ud800"


def make_screen() -> SafeConsole:
    return SafeConsole(file=io.StringIO(), width=200, force_terminal=True, color_system="standard")


def read(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_control_characters_are_escaped_and_scripts_are_not() -> None:
    assert make_printable(BAD) == ESCAPED
    assert make_printable("a\nb") == "a\\nb"
    for text in ("é 말 ✓ 👩\u200d👩\u200d👧", "می\u200cخواهم", "a\u3000b\tc"):
        assert make_printable(text) == text


def test_whatever_is_printed_is_escaped_and_styles_stay() -> None:
    grid = RichTable.grid()
    grid.add_row(BAD, Text(BAD))
    for shown in (BAD, Text(BAD, style="bold"), grid):
        screen = make_screen()
        screen.print(shown)
        text = Text.from_ansi(read(screen)).plain
        assert ESCAPED[:8] in text
        assert "\x1b[31m" not in read(screen)
    assert "\x1b[1m" in read_bold()


def read_bold() -> str:
    screen = make_screen()
    screen.print(Text("a", style="bold"))
    return read(screen)


def test_cells_are_escaped_before_their_width_is_measured() -> None:
    screen = make_screen()
    print_table(screen, Table({BAD: False, "b": False}, [[BAD, "1"], ["x", "2"]]))
    assert f"{ESCAPED}   1" in read(screen)


def test_live_lines_are_escaped() -> None:
    screen = make_screen()
    with Progress(TextColumn("{task.description}", markup=False), console=screen) as bar:
        bar.add_task(BAD)
    assert "\x1b[31m" not in read(screen)
    assert "\\u001b" in read(screen)


def test_json_stays_json(capsys: pytest.CaptureFixture[str]) -> None:
    echo('{"a": "\x7f\x9b"}')
    assert capsys.readouterr().out == '{"a": "\\u007f\\u009b"}\n'


class Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


class Gone(io.StringIO):
    def flush(self) -> None:
        raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.parametrize("stream", [Full(), Gone(), io.TextIOWrapper(io.BytesIO(), "ascii")])
def test_what_cannot_be_printed_is_dropped(stream: io.TextIOBase) -> None:
    console = Console(file=stream, force_terminal=True)
    if isinstance(stream, io.TextIOWrapper):
        stream.close()
    with dropping(console), console.status("✓"):
        console.print("✓")
    assert console.file is stream
    with pytest.raises((OSError, ValueError, SystemExit)):
        console.print("✓")


def test_a_console_follows_standard_output_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console()
    with dropping(console):
        pass
    other = io.StringIO()
    monkeypatch.setattr(sys, "stdout", other)
    console.print("here")
    assert other.getvalue() == "here\n"
