"""Commands that need no TensorFlow answer at once: they import nothing heavy, in any way."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONFIGS = sorted(str(file) for file in ROOT.glob("configs/*.yaml") if file.stem != "imdb_texts")
"""imdb_texts reads a folder that is not everywhere."""
HEAVY = (
    "tensorflow",
    "keras",
    "seaborn",
    "sklearn",
    "matplotlib",
    "pandas",
    "scipy",
    "mlxtend",
    "optuna",
    "ray",
)
RUNNER = f"""
import atexit, sys
atexit.register(lambda: print("HEAVY", *[m for m in {HEAVY} if m in sys.modules], file=sys.stderr))
from kerasrecipes.cli.app import main
main()
"""
BAD = """\
dataset: {name: irys}
layers:
  - Dense: {unit: 3, activation: softmax}
optimizer: adm
loss: sparse_categorical_coressentropy
metrics: accuracy
epochs: 0
device: GPU
"""


def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", RUNNER, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def check_light(done: subprocess.CompletedProcess[str]) -> str:
    """Check that nothing heavy was imported, and return the rest of standard error."""
    said, _, heavy = done.stderr.rpartition("HEAVY")
    assert heavy.strip() == ""
    assert "Traceback" not in done.stderr + done.stdout
    return said


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    file = tmp_path / "bad.yaml"
    file.write_text(BAD)
    return file


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--help"], "validate"),
        (["train", "--help"], "--resume"),
        (["--version"], version("kerasrecipes")),
        (["validate", "boston"], "✓ boston"),
        (["validate", *CONFIGS], "✓"),
        (["ls"], "configs/boston.yaml"),
        (["ls", "datasets"], "fashion_mnist"),
        (["ls", "layers"], "Dense"),
        (["ls", "schedules"], "CosineDecay"),
        (["ls", "runs", "--output-dir", "nowhere"], "There are no runs in nowhere."),
    ],
)
def test_light_commands_import_nothing_heavy(arguments: list[str], said: str) -> None:
    done = run(*arguments)
    assert check_light(done) == ""
    assert done.returncode == 0
    assert said in done.stdout


@pytest.mark.parametrize("command", ["train", "show", "validate"])
def test_a_bad_recipe_is_told_before_anything_heavy(command: str, bad: Path) -> None:
    done = run(command, str(bad))
    said = check_light(done)
    assert done.returncode == 2
    assert [line.split("  ")[0] for line in said.splitlines() if line.startswith(str(bad))] == [
        f"{bad}:{place}" for place in ("1:17", "3:13", "4:12", "5:7", "6:10", "7:9", "8:9")
    ]
    assert not (bad.parent / "runs").exists()


def test_validate_tells_good_from_bad(bad: Path) -> None:
    done = run("validate", CONFIGS[0], str(bad))
    assert check_light(done).startswith(f"{bad}:1:17  dataset.name\n")
    assert done.returncode == 2
    assert done.stdout == f"✓ {CONFIGS[0]}\n✗ {bad}\n"


def test_validate_checks_the_file_and_its_columns(tmp_path: Path) -> None:
    (tmp_path / "houses.csv").write_text("rooms,price\n3,1\n4,2\n")
    files = {
        "good": "path: houses.csv\n  target: price",
        "missing": "path: hauses.csv\n  target: price",
        "misnamed": "path: houses.csv\n  target: prise\n  features: {room: float}",
        "unnamed": "path: houses.csv",
    }
    for name, keys in files.items():
        text = f"dataset:\n  {keys}\nlayers: [Dense: {{units: 1}}]\nloss: mse\n"
        (tmp_path / f"{name}.yaml").write_text(text)
    done = run("validate", *(f"{name}.yaml" for name in files), cwd=tmp_path)
    assert check_light(done).replace(str(tmp_path), "") == (
        "missing.yaml:2:9  dataset hauses.csv\n"
        "  path: there is no file /hauses.csv. Did you mean 'houses.csv'?\n"
        "misnamed.yaml:3:11  dataset houses.csv\n"
        "  target: no column 'prise'. Did you mean 'price'? The columns: rooms, price.\n"
        "misnamed.yaml:4:13  dataset houses.csv\n"
        "  features: no column 'room'. Did you mean 'rooms'? The columns: rooms, price.\n"
        "unnamed.yaml:2:3  dataset houses.csv\n"
        "  dataset needs target: which column is to be predicted. The columns: rooms, price.\n"
    )
    assert done.stdout.splitlines()[0] == "✓ good.yaml"
    assert done.returncode == 2


def test_a_bad_override_is_told_before_anything_heavy() -> None:
    done = run("train", CONFIGS[0], "epoch=3")
    assert check_light(done) == (
        "override epoch=3  epoch\n  There is no key 'epoch' here. Did you mean 'epochs'?\n"
    )
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_missing_rows_are_told_before_anything_heavy(command: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"status": "finished", "codec": {}}')
    (tmp_path / "model.keras").touch()
    done = run(command, ".", "--data", "houses.csv", cwd=tmp_path)
    assert "there is no file" in check_light(done)
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize(
    "arguments", [["tran"], ["ls", "lairs"], ["validate"], ["report", "runs/nowhere"]]
)
def test_wrong_usage_has_exit_code_2(arguments: list[str], tmp_path: Path) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert check_light(done)
    assert (done.returncode, done.stdout) == (2, "")


def test_both_ways_to_start_are_alike(bad: Path) -> None:
    script = str(Path(sys.executable).parent / "kerasrecipes")
    module = [sys.executable, "-m", "kerasrecipes"]
    first, second = (
        subprocess.run([*start, "validate", str(bad)], capture_output=True, text=True, check=False)
        for start in ([script], module)
    )
    assert (first.returncode, first.stdout, first.stderr) == (
        second.returncode,
        second.stdout,
        second.stderr,
    )
    assert first.returncode == 2
