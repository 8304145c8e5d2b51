"""The run folder: never reused, never half-written, never outside the output folder."""

from __future__ import annotations

import errno
import os
import re
import shutil
import threading
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from kerasrecipes.durable import replacing, write_file
from kerasrecipes.errors import InputError, RunNotFound
from kerasrecipes.recipe.names import make_folder_name
from kerasrecipes.runs import Run, RunWriter, create_run, find_run, list_runs, list_runs_of

NOON = datetime(2026, 1, 31, 12, 0, 0)


def start_run(folder: Path, name: str = "boston", when: datetime = NOON) -> Run:
    run = create_run(folder, name, when)
    run.update(status="running")
    return run


class TestCreateRun:
    def test_a_folder_is_named_by_recipe_and_time(self, tmp_path: Path):
        run = create_run(tmp_path / "deep" / "runs", "boston", NOON)
        assert run.path == tmp_path / "deep/runs/boston/20260131-120000"
        assert run.path.is_dir()

    def test_runs_of_the_same_second_get_folders_of_their_own(self, tmp_path: Path):
        names = [create_run(tmp_path, "boston", NOON).path.name for _ in range(3)]
        assert names == ["20260131-120000", "20260131-120000-2", "20260131-120000-3"]

    @pytest.mark.reliability("fault")
    def test_a_run_is_the_newest_although_the_clock_was_set_back(self, tmp_path: Path):
        """Also by an hour, as at the end of summer time, and with a gap in the numbers."""
        create_run(tmp_path, "boston", NOON.replace(hour=11))
        first, second, third = (start_run(tmp_path, when=NOON) for _ in range(3))
        shutil.rmtree(second.path)
        later = [start_run(tmp_path, when=NOON.replace(hour=hour)) for hour in (11, 12, 13)]
        names = [run.path.name for run in list_runs_of(tmp_path / "boston")]
        assert names == [
            *("20260131-120000", "20260131-120000-3", "20260131-120000-4", "20260131-120000-5"),
            "20260131-130000",
        ]
        assert names == [run.path.name for run in (first, third, *later)]
        assert find_run(tmp_path / "boston").path == later[-1].path

    def test_folders_of_other_names_do_not_count(self, tmp_path: Path):
        for name in ("99999999-backup", "best-run", "20991231"):
            (tmp_path / "boston" / name).mkdir(parents=True)
        assert start_run(tmp_path).path.name == "20260131-120000"

    def test_even_when_they_start_at_once(self, tmp_path: Path):
        paths: list[Path] = []

        def start() -> None:
            paths.append(create_run(tmp_path, "boston", NOON).path)

        threads = [threading.Thread(target=start) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(paths)) == 16

    @pytest.mark.parametrize(
        "words",
        ["../../x", "a/b", "/etc/passwd", "..", ".", "", "CON", "x" * 5000, "말" * 500, "a\0b\n"],
    )
    def test_no_name_leads_out_of_the_output_folder(self, tmp_path: Path, words: str):
        run = create_run(tmp_path / "runs", make_folder_name(words), NOON)
        assert run.path.resolve().parent.parent == (tmp_path / "runs").resolve()
        assert run.path.parent.name not in ("", ".", "..")

    @pytest.mark.reliability("fault")
    @pytest.mark.parametrize("year", [1969, 1979, 2108])
    def test_a_wrong_clock_is_found_before_training(self, tmp_path: Path, year: int):
        """Models are saved as ZIP files, whose dates lie between 1980 and 2107."""
        with pytest.raises(InputError, match=rf"clock says {year}-01-31.*\. Set the clock\."):
            create_run(tmp_path / "runs", "boston", NOON.replace(year=year))
        assert [*tmp_path.iterdir()] == []

    def test_words_stay_in_their_script(self, tmp_path: Path):
        run = create_run(tmp_path, make_folder_name("패션 MNIST 모델"), NOON)
        assert run.path.parent.name == "패션_MNIST_모델"


class TestFindRun:
    def test_a_run_is_found_by_its_own_folder(self, tmp_path: Path):
        run = start_run(tmp_path)
        assert find_run(run.path).path == run.path

    def test_a_name_alone_means_its_newest_run(self, tmp_path: Path):
        for when in (datetime(2025, 12, 31), datetime(2026, 1, 31, 12, 0, 1), datetime(2026, 2, 1)):
            newest = start_run(tmp_path, when=when)
        os.utime(tmp_path / "boston" / "20251231-000000")  # not by the time of a change
        assert find_run(tmp_path / "boston").path == newest.path

    def test_ten_comes_after_nine(self, tmp_path: Path):
        runs = [start_run(tmp_path) for _ in range(11)]
        assert find_run(tmp_path / "boston").path == runs[-1].path
        assert [run.path for run in list_runs(tmp_path)] == [run.path for run in runs]

    def test_folders_that_are_no_runs_are_passed_over(self, tmp_path: Path):
        run = start_run(tmp_path)
        (tmp_path / "boston" / "zzz").mkdir()
        (tmp_path / "boston" / "note.txt").touch()
        assert find_run(tmp_path / "boston").path == run.path

    @pytest.mark.parametrize("name", ["missing", "empty", "empty/file"])
    def test_what_is_no_run_is_refused_with_a_remedy(self, tmp_path: Path, name: str):
        (tmp_path / "empty").mkdir()
        (tmp_path / "empty" / "file").touch()
        with pytest.raises(RunNotFound) as caught:
            find_run(tmp_path / name)
        said = str(caught.value)
        assert said.startswith(f"{tmp_path / name} is not a run. A run is a folder such as ")
        assert "kerasrecipes ls runs" in said

    @pytest.mark.parametrize(
        ("given", "meant"),
        [
            ("boston", "runs/boston"),
            ("boston.yaml", "runs/boston"),
            ("runs/bosten", "runs/boston"),
            ("runs/boston/20260131-120000/model.keras", "runs/boston/20260131-120000"),
        ],
    )
    def test_what_is_almost_a_run_gets_its_path(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, meant: str
    ):
        monkeypatch.chdir(tmp_path)
        create_run(Path("runs"), "boston", NOON).update(status="finished")
        with pytest.raises(RunNotFound, match=f"Did you mean '{meant}'?"):
            find_run(Path(given))

    def test_runs_are_listed_by_name_then_oldest_first(self, tmp_path: Path):
        for name, day in (("b", 1), ("a", 3), ("b", 2)):
            start_run(tmp_path, name, datetime(2026, 1, day))
        found = [str(run.path.relative_to(tmp_path)) for run in list_runs(tmp_path)]
        assert found == ["a/20260103-000000", "b/20260101-000000", "b/20260102-000000"]
        assert list_runs(tmp_path / "missing") == []


class TestFiles:
    def test_facts_are_merged(self, tmp_path: Path):
        run = start_run(tmp_path)
        run.update(seed=1, name="패션")
        run.update(status="finished")
        assert run.info == {"status": "finished", "seed": 1, "name": "패션"}
        assert "패션" in (run.path / "run.json").read_text(encoding="utf-8")
        assert "finished" in repr(run)

    def test_history_has_a_row_an_epoch_counted_from_one(self, tmp_path: Path):
        run = start_run(tmp_path)
        run.write_history({"loss": [0.1 + 0.2, 1e-9], "val_loss": [2.0, float("nan")]})
        text = (run.path / "history.csv").read_text(encoding="utf-8")
        assert text == "epoch,loss,val_loss\n1,0.30000000000000004,2.0\n2,1e-09,nan\n"
        assert run.history["epoch"] == [1, 2]
        assert run.history["loss"] == [0.1 + 0.2, 1e-9]

    def test_a_history_of_no_epochs_can_be_read(self, tmp_path: Path):
        run = start_run(tmp_path)
        run.write_history({})
        assert run.history == {"epoch": []}

    def test_metrics_predictions_recipe_and_samples_come_back(self, tmp_path: Path):
        run = start_run(tmp_path)
        run.write_metrics({"test": {"loss": 0.5}})
        run.write_predictions(
            {"row": [3, 1], "actual": ['a,"b"', "말"], "predicted": ["x", "y\nz"]}
        )
        run.write_recipe("name: 패션\n")
        assert run.samples is None
        run.write_samples(images=np.ones((1, 2, 2)), positions=np.array([4]))
        assert run.metrics == {"test": {"loss": 0.5}}
        assert run.predictions == {
            "row": ["3", "1"],
            "actual": ['a,"b"', "말"],
            "predicted": ["x", "y\nz"],
        }
        assert run.recipe_text == "name: 패션\n"
        assert run.samples is not None
        assert run.samples["positions"].tolist() == [4]

    def test_what_is_not_written_yet_is_empty(self, tmp_path: Path):
        run = start_run(tmp_path)
        assert (run.history, run.metrics, run.predictions, run.samples) == ({}, {}, {}, None)
        assert run.recipe_text == ""

    def test_columns_of_unequal_length_are_a_bug_and_leave_no_file(self, tmp_path: Path):
        run = start_run(tmp_path)
        with pytest.raises(ValueError, match="shorter"):
            run.write_predictions({"row": [1, 2], "actual": [1]})
        assert not (run.path / "predictions.csv").exists()

    def test_plots_are_listed_by_name(self, tmp_path: Path):
        run = start_run(tmp_path)
        assert run.plots() == {}
        run.write_plot("b", b"2")
        run.write_plot("a", b"1")
        assert [(name, file.read_bytes()) for name, file in run.plots().items()] == [
            ("a", b"1"),
            ("b", b"2"),
        ]

    def test_a_write_that_dies_leaves_the_old_file(self, tmp_path: Path):
        run = start_run(tmp_path)
        run.write_report("old")

        def die() -> None:
            with replacing(run.report_path) as partial:
                partial.write_text("half")
                assert run.report_path.read_text() == "old"
                raise OSError("disk full")

        with pytest.raises(OSError, match="disk full"):
            die()
        assert run.report_path.read_text() == "old"
        assert sorted(file.name for file in run.path.iterdir()) == ["report.html", "run.json"]

    def test_a_write_that_fails_names_the_file_and_not_its_partial_name(self, tmp_path: Path):
        file = tmp_path / "nowhere" / "report.html"
        with pytest.raises(FileNotFoundError) as caught:
            write_file(file, b"new")
        assert caught.value.filename == str(file)

    def test_a_write_to_a_read_only_disk_names_the_file(self, tmp_path: Path, monkeypatch):
        def refuse(file: Path, missing_ok: bool = False) -> None:
            raise OSError(errno.EROFS, "Read-only file system", str(file))

        monkeypatch.setattr(Path, "unlink", refuse)
        monkeypatch.setattr(Path, "write_bytes", lambda file, content: refuse(file))
        with pytest.raises(OSError, match=r"Read-only file system: '\S+/report.html'"):
            write_file(tmp_path / "report.html", b"new")

    def test_a_partial_file_keeps_the_suffix_that_keras_looks_at(self, tmp_path: Path):
        run = start_run(tmp_path)
        with replacing(run.model_path) as partial:
            assert partial.suffix == ".keras"
            partial.write_bytes(b"whole")
        assert run.model_path.read_bytes() == b"whole"

    def test_the_docstring_names_every_file(self, tmp_path: Path):
        import kerasrecipes.runs

        listed = re.findall(r"^ {8}(\S+\.\w+) ", kerasrecipes.runs.__doc__ or "", re.MULTILINE)
        assert {"run.json", "history.csv", "model.keras", "report.html", "log.txt"} <= set(listed)

    def test_a_discarded_run_leaves_nothing_and_other_runs_alone(self, tmp_path: Path):
        first, second = start_run(tmp_path), start_run(tmp_path)
        second.discard()
        assert first.path.is_dir()
        first.discard()
        assert list(tmp_path.iterdir()) == []


def test_a_run_whose_process_has_ended_is_killed(tmp_path: Path):
    run = create_run(tmp_path, "iris", NOON)
    with run.holding():
        run.begin(epochs=9)
        assert Run(run.path).status == "running"
    assert Run(run.path).status == "killed"
    run.update(process={"host": "another", "pid": 1})
    assert Run(run.path).status == "running"  # which nobody here can know
    run.update(status="failed")
    assert Run(run.path).status == "failed"


def test_a_run_that_is_held_is_not_held_twice(tmp_path: Path):
    run = create_run(tmp_path, "iris", NOON)
    with run.holding():
        run.begin(epochs=9)
        with pytest.raises(InputError, match=f"is in training, by process {os.getpid()} on "):
            RunWriter(run.path).holding().__enter__()
    with RunWriter(run.path).holding():
        pass


def test_the_epochs_of_a_killed_run_are_those_of_its_checkpoints(tmp_path: Path):
    run = create_run(tmp_path, "iris", NOON)
    run.begin(epochs=99)
    assert run.epochs_run == 0
    run.checkpoints_path.mkdir()
    for name in ("000007-00000000-a.npz", "000012-00000003-b.npz", "notes.npz"):
        (run.checkpoints_path / name).touch()
    assert run.epochs_run == 12


def test_files_that_a_killed_process_left_are_removed(tmp_path: Path):
    run = create_run(tmp_path, "iris", NOON)
    run.begin(epochs=9)
    with replacing(run.report_path) as partial:
        partial.write_text("half", encoding="utf-8")
        left = shutil.copy(partial, run.path / f"{partial.name}2")
    run.begin()
    assert not left.exists()
    assert run.report_path.exists()
