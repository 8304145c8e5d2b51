"""Damaged run folders: an error or a warning that names the file, never a traceback."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

import kerasrecipes as kr
from kerasrecipes.cli import commands
from kerasrecipes.cli.app import main
from kerasrecipes.comparison.contenders import describe_run, read_contenders
from kerasrecipes.durable import replacing
from kerasrecipes.errors import InputError, KerasRecipesError, RunDamaged
from kerasrecipes.prediction import saved
from kerasrecipes.prediction.model_file import load_run_model
from kerasrecipes.report.page import render_page
from kerasrecipes.report.results import read_results
from kerasrecipes.runs import Run, RunWriter, create_run
from mutations import mutate
from prediction.saved_runs import train_runs

Call = Callable[..., tuple[object, str]]


def _replace_by_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _link_out(file: Path) -> None:
    outside = file.parents[1] / f"outside-{file.name}"
    shutil.move(file, outside)
    file.symlink_to(outside)


def _link_to_itself(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.name)


def _make_fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


CONTENTS = {
    "empty": b"",
    "an open bracket": b"{\n",
    "not UTF-8": b"\xff\xfe{\x00}\x00",
    "a list": b"[]",
    "null": b"null",
    "a list of lists": b'[[{"a": [1]}]]',
    "values of other types": b'{"status": 3, "dataset": [], "test": {"loss": "x"}, "name": []}',
    "deep": b"[" * 100_000,
    "deep mappings": b'{"a":' * 100_000,
    "a long number": b"1" * 5000,
    "zeros": b"\0" * 1000,
    "rows of unequal length": b"epoch,loss\n1\n",
    "text in place of numbers": b"epoch,loss,actual,predicted\n1,a,b,c\n",
    "a column twice": b"loss,loss\n1,2\n",
    "a long cell": b"epoch,loss\n" + b"x" * 200_000 + b",1\n",
}
DAMAGES: dict[str, Callable[[Path], object]] = {
    **{name: lambda file, c=content: file.write_bytes(c) for name, content in CONTENTS.items()},
    "cut": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "a folder": _replace_by_folder,
    "a link to a file elsewhere": _link_out,
    "a link to itself": _link_to_itself,
    "a link to a device": lambda file: (file.unlink(), file.symlink_to("/dev/zero")),
    "a FIFO": _make_fifo,
}
NEEDED = {
    "report": ["run.json"],
    "predict": ["run.json", "recipe.yaml", "model.keras"],
    "evaluate": ["run.json", "recipe.yaml", "model.keras"],
    "compare": ["run.json", "recipe.yaml", "history.csv", "metrics.json"],
}
"""The files without which a command ends with exit code 2."""

MAY_BE_WHOLE = {"history.csv": ["cut"], "predictions.csv": ["cut"]}
"""A table may end earlier."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with every file: its data are images."""
    return train_runs(tmp_path_factory.getbasetemp() / "saved_runs")["images"]


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    """A copy of the run that a test may damage."""
    folder = shutil.copytree(trained, tmp_path / "runs" / "images" / trained.name)
    RunWriter(folder).update(plots=[])
    shutil.copytree(trained, tmp_path / "runs" / "other" / trained.name)
    other = RunWriter(tmp_path / "runs" / "other" / trained.name)
    other.update(name="other")
    return folder


@pytest.fixture
def call(monkeypatch, capfd, trained: Path, folder: Path) -> Call:
    """Run a command on the run; return its exit code, and all that it printed."""
    data = trained.parents[2] / "images.npz"
    runs = folder.parents[1]
    arguments = {
        "report": ("report", folder),
        "ls": ("ls", "runs", "--output-dir", runs),
        "predict": ("predict", folder, "--data", data, "-o", runs / "answers.csv"),
        "evaluate": ("evaluate", folder, "--data", data),
        "compare": ("compare", folder, runs / "other", "--output-dir", runs),
    }

    def call_main(command: str) -> tuple[object, str]:
        monkeypatch.setattr(sys, "argv", ["kerasrecipes", *map(str, arguments[command])])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capfd.readouterr()
        return caught.value.code, captured.out + captured.err

    return call_main


def damage(folder: Path, trained: Path, name: str, change: Callable[[Path], object]) -> None:
    """Damage one file of a run whose other files are those of training."""
    file = folder / name
    if file.is_dir() and not file.is_symlink():
        file.rmdir()
    file.unlink(missing_ok=True)
    shutil.copy(trained / name, file)
    change(file)


@pytest.mark.reliability("fault")
@pytest.mark.parametrize(
    ("command", "name"), [(command, name) for command in NEEDED for name in NEEDED[command]]
)
def test_a_file_that_a_command_needs_is_named(
    call: Call, folder: Path, trained: Path, record_property, command: str, name: str
) -> None:
    record_property("cases", len(DAMAGES))
    for kind, change in DAMAGES.items():
        damage(folder, trained, name, change)
        code, said = call(command)
        if kind in MAY_BE_WHOLE.get(name, ()):
            assert code in (0, 2), (kind, said)
        else:
            assert (code, str(folder / name) in said) == (2, True), (kind, said)
        assert "Traceback" not in said


@pytest.mark.reliability("fault")
@pytest.mark.parametrize("name", ["history.csv", "metrics.json", "predictions.csv", "samples.npz"])
def test_a_report_is_written_without_a_damaged_file(
    call: Call, folder: Path, trained: Path, record_property, name: str
) -> None:
    record_property("cases", len(DAMAGES))
    for kind, change in DAMAGES.items():
        damage(folder, trained, name, change)
        (folder / "report.html").unlink(missing_ok=True)
        code, said = call("report")
        assert (code, "Traceback" in said) == (0, False), (kind, said)
        page = (folder / "report.html").read_text(encoding="utf-8")
        if kind not in MAY_BE_WHOLE.get(name, ()):
            assert f"warning  {folder / name} cannot be used: " in said, (kind, said)
            assert f"{name} cannot be used: " in page


@pytest.mark.reliability("fault")
@pytest.mark.parametrize("name", ["run.json", "metrics.json"])
def test_a_damaged_run_is_listed_and_hides_no_other(
    call: Call, folder: Path, trained: Path, record_property, name: str
) -> None:
    record_property("cases", len(DAMAGES))
    for kind, change in DAMAGES.items():
        damage(folder, trained, name, change)
        code, said = call("ls")
        damaged, other = (line.split() for line in said.splitlines()[-2:])
        assert (code, damaged) == (0, [str(folder), "damaged", name]), (kind, said)
        assert other[1:3] == ["finished", "images.npz"]


@pytest.mark.reliability("fault")
def test_a_damaged_run_is_passed_over_by_its_name(folder: Path) -> None:
    newest = shutil.copytree(folder, folder.with_name("29990101-000000"))
    (newest / "run.json").write_text("{", encoding="utf-8")
    with pytest.warns(UserWarning, match=f"{newest} has no model; using {folder}"):
        run = kr.load_run(folder.parent)
    assert run.path == folder
    with pytest.raises(RunDamaged, match=r"run\.json cannot be used: Expecting property name"):
        kr.load_run(newest)
    assert repr(kr.TrainedRun(newest)) == f"TrainedRun({str(newest)!r}, status='damaged')"


@pytest.mark.reliability("fault")
def test_a_damaged_run_is_not_reused_and_hides_no_other(folder: Path) -> None:
    from kerasrecipes.comparison.engine import Trainer
    from kerasrecipes.console import SafeConsole
    from kerasrecipes.recipe import load_recipe

    output_dir = folder.parents[1]
    (output_dir / "other" / folder.name / "run.json").write_text("{", encoding="utf-8")
    run = RunWriter(folder)
    recipe = load_recipe(run.recipe_path, needs_source=False)
    fingerprints = {recipe.name: run.info["dataset"]["fingerprint"]}
    trainer = Trainer(output_dir, SafeConsole(), fingerprints=fingerprints)
    found = trainer.find_same(recipe, "finished")
    assert found is not None
    assert found.path == folder
    for name in ("history.csv", "metrics.json", "recipe.yaml"):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(b"\xff")
        assert trainer.find_same(recipe, "finished") is None
        (folder / name).write_bytes(whole)
    (folder / "metrics.json").unlink()
    assert trainer.find_same(recipe, "finished") is None


@pytest.mark.reliability("fault")
@pytest.mark.parametrize("name", ["plots", "report.html", "evaluations"])
def test_what_is_in_the_place_of_an_output_is_named(call: Call, folder: Path, name: str) -> None:
    RunWriter(folder).update(plots=["learning_curves"])
    shutil.rmtree(folder / "plots", ignore_errors=True)
    (folder / "report.html").unlink()
    shutil.rmtree(folder / "evaluations", ignore_errors=True)
    outside = folder.parents[1] / "outside"
    outside.mkdir()
    (folder / name).symlink_to(outside)
    command = "evaluate" if name == "evaluations" else "report"
    code, said = call(command)
    if name == "report.html":
        assert (code, (folder / name).is_symlink()) == (0, False)
    else:
        assert (code, f"{folder / name} cannot be used: it is a link" in said) == (2, True)
    assert [*outside.iterdir()] == []
    (folder / name).unlink()
    (folder / name).mkdir() if name == "report.html" else (folder / name).touch()
    code, said = call(command)
    assert (code, str(folder / name) in said, "Traceback" in said) == (2, True, False)


@pytest.mark.reliability("fault")
def test_a_link_to_nothing_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "boston").symlink_to(tmp_path / "nothing")
    with pytest.raises(InputError, match=r"No folder can be made in .*boston: File exists\."):
        create_run(tmp_path, "boston", datetime(2026, 1, 31))


@pytest.mark.reliability("hostile")
def test_a_link_in_the_place_of_a_partial_file_is_not_followed(folder: Path) -> None:
    victim = folder.parents[1] / "victim"
    victim.write_text("mine", encoding="utf-8")
    for name in ("run.json", "report.html", "metrics.json"):
        (folder / f".partial-{name}").symlink_to(victim)
    run = RunWriter(folder)
    run.update(name="x")
    run.write_report("page")
    run.write_metrics({})
    assert victim.read_text(encoding="utf-8") == "mine"
    with replacing(folder / "answers.csv") as partial:
        assert not os.path.lexists(partial)
        partial.touch()


STEPS: tuple[Callable[[Run], object], ...] = (
    lambda run: render_page(read_results(run)),
    lambda run: saved.load_saved(run),
    describe_run,
    lambda run: read_contenders([run.path, run.path.parent]),
    lambda run: commands._print_runs(run.path.parents[1]),
    lambda run: kr.TrainedRun(run.path)._repr_html_(),
)
N_MUTANTS = [pytest.param(60), pytest.param(1000, marks=pytest.mark.slow)]


@pytest.mark.reliability("fuzz")
@pytest.mark.parametrize("n", N_MUTANTS)
def test_mutants_of_run_json_give_a_report_or_an_error(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property, n: int
) -> None:
    """Anything but our own errors would be a traceback for the user."""
    record_property("cases", 3 * n)
    for name in ("images", "houses", "classes"):
        source = next((trained.parents[1] / name).iterdir())
        model = load_run_model(Run(source))
        monkeypatch.setattr(saved, "load_run_model", lambda run, model=model: model)
        run = Run(shutil.copytree(source, tmp_path / f"{name}{n}" / "run"))
        facts = json.loads((run.path / "run.json").read_text(encoding="utf-8"))
        for kind, mutant in mutate(facts, n, seed=n):
            (run.path / "run.json").write_text(json.dumps(mutant), encoding="utf-8")
            for step in STEPS:
                try:
                    step(run)
                except KerasRecipesError:
                    continue
                except Exception as error:
                    error.add_note(f"{name}: {kind}")
                    raise
