"""What the terminal says when init has written a recipe, or could not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kerasrecipes.cli.app import main
from kerasrecipes.recipe import load_recipe

HEAD = "id,colour,size,kind\n"
ROWS = "".join(
    f"{i},{'red' if i % 2 else ''},{i * 7 % 11},{'big' if i % 3 else 'small'}\n" for i in range(60)
)

SAID = "\nTrain it, or change it first:  kerasrecipes train things.yaml\n"


@pytest.fixture
def call(monkeypatch, capsys, tmp_path: Path):
    """Call init in a folder with a small table; return exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "things.csv").write_text(HEAD + ROWS)

    def call_main(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["kerasrecipes", "init", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        lines = [line.rstrip() for line in captured.out.splitlines()]
        return caught.value.code, "".join(f"{line}\n" for line in lines), captured.err

    return call_main


def test_it_prints_the_recipe_and_what_comes_next(call, tmp_path: Path):
    code, out, err = call("things.csv")
    assert (code, out, err) == (0, (tmp_path / "things.yaml").read_text() + SAID, "")
    assert out.startswith("# kerasrecipes train things.yaml\n")


def test_faults_of_the_data_are_warned_of(call, tmp_path: Path):
    rows = [f"{i / 7},{i / 3},{(i * i) % 7 + i / 9}\n" for i in range(60)]
    (tmp_path / "twice.csv").write_text("size,floor,rent\n" + "".join(2 * rows))
    code, out, err = call("twice.csv")
    assert (code, err) == (0, "")
    assert "\nwarning  " in out


def test_faults_of_the_split_are_warned_of(call, tmp_path: Path):
    series = np.sin(np.arange(69) / 3)
    windows = np.lib.stride_tricks.sliding_window_view(series[:-1], 9)
    np.savez(tmp_path / "windows.npz", x=windows, y=series[9:])
    code, out, err = call("windows.npz")
    assert (code, err) == (0, "")
    assert "warning  Each row shares steps with the next 8, as windows of a series do." in " ".join(
        out.split("\n")
    )


def test_target_and_file_can_be_given(call, tmp_path: Path):
    code, out, err = call("things.csv", "--target", "size", "-o", "my recipe.yaml")
    assert (code, err) == (0, "")
    assert "\n  target: size  " in out
    assert out.endswith("  kerasrecipes train 'my recipe.yaml'\n")
    assert (tmp_path / "my recipe.yaml").exists()


def test_a_recipe_is_never_overwritten(call, tmp_path: Path):
    (tmp_path / "things.yaml").write_text("mine")
    code, out, err = call("things.csv")
    assert (code, out) == (2, "")
    assert err == "things.yaml exists already and is not changed. Name another file with -o.\n"
    assert (tmp_path / "things.yaml").read_text() == "mine"


def test_a_recipe_is_no_data(call, tmp_path: Path):
    (tmp_path / "things.yaml").write_text("mine")
    says = "things.yaml is a recipe. Give its data, or: kerasrecipes train things.yaml\n"
    assert call("things.yaml") == (2, "", says)


def test_an_unknown_target_is_reported_with_the_one_that_was_meant(call, tmp_path: Path):
    code, out, err = call("things.csv", "--target", "knid")
    assert (code, out) == (2, "")
    assert err == (
        "dataset things.csv\n  --target: no column 'knid'. Did you mean 'kind'? "
        "The columns: id, colour, size, kind.\n"
    )
    assert not (tmp_path / "things.yaml").exists()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--target", "rent"], "--target: no column 'rent'."),
        ([], "a recipe needs a column to predict, and at least one to learn from."),
    ],
)
def test_a_table_of_one_column_may_have_another_delimiter(call, tmp_path: Path, options, problem):
    (tmp_path / "lines.txt").write_text("size   rent\n" + "5 big  7\n6      8\n" * 20)
    code, out, err = call("lines.txt", *options)
    assert (code, out) == (2, "")
    assert err == (
        f"dataset lines.txt\n  {problem} The columns: size   rent. The file is read as one column: "
        "write a comma between the values, or name the character that divides them, such as "
        "csv.delimiter=whitespace.\n"
    )


def test_a_target_with_a_line_break_is_named_on_one_line(call, tmp_path: Path):
    (tmp_path / "flats.csv").write_text('size,"rent\n(EUR)"\n' + "1,2.5\n2,3.5\n" * 20)
    assert call("flats.csv", "--target", "rent (EUR)")[0] == 0
    assert load_recipe(tmp_path / "flats.yaml").dataset.target == "rent\n(EUR)"


def test_names_cannot_break_the_screen(call, tmp_path: Path):
    (tmp_path / "odd.csv").write_text('"a\nb",[red]c\n' + "1,2.5\n2,3.5\n" * 20)
    code, out, err = call("odd.csv")
    assert (code, err) == (0, "")
    assert "  target: '[red]c'  " in out
    assert '    "a\\nb": float_normalized  ' in out


LIGHT = """
import sys
from kerasrecipes.cli.app import main
sys.argv = ["kerasrecipes", "init", "things.csv"]
try:
    main()
finally:
    assert not {"tensorflow", "keras"} & sys.modules.keys()
"""


def test_tensorflow_is_not_imported(call, tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", LIGHT], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
