"""Which run continues, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kerasrecipes import pipeline
from kerasrecipes.errors import InputError
from kerasrecipes.recipe import load_recipe
from kerasrecipes.resuming import plan_resumption
from kerasrecipes.runs import Run, RunWriter, list_runs

RECIPE = """
name: points
dataset: {path: FOLDER/points.csv, target: y, test_split: 0.3}
layers: [Dense: {units: 4, activation: relu}, Dense: {units: 1}]
loss: mse
epochs: 3
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A folder with a recipe, its data, and runs/ with a finished run."""
    folder = tmp_path_factory.mktemp("trained")
    rows = "".join(f"{x * x % 17},{7 * x % 5},{3 * x % 11}\n" for x in range(40))
    (folder / "points.csv").write_text(f"a,b,y\n{rows}", encoding="utf-8")
    (folder / "r.yaml").write_text(RECIPE.replace("FOLDER", str(folder)), encoding="utf-8")
    pipeline.train(load_recipe(folder / "r.yaml"), folder / "runs")
    return folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    """A copy of the folder, in which tests may change all but the data."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def run(folder: Path) -> RunWriter:
    return RunWriter(list_runs(folder / "runs")[0].path)


def refusal(*arguments, **options) -> str:
    with pytest.raises(InputError) as error:
        plan_resumption(*arguments, **options)
    return str(error.value)


def test_the_newest_unfinished_run_of_a_recipe_is_meant(folder: Path, run: RunWriter):
    for name, status in (("20200101-000000", "interrupted"), ("20200102-000000", "failed")):
        shutil.copytree(run.path, run.path.with_name(name))
        RunWriter(run.path.with_name(name)).update(status=status)
    for source in (folder / "r.yaml", run.path.parent):
        plan = plan_resumption(source, (), folder / "runs")
        assert plan.run.path.name == "20200102-000000"
        longer = plan_resumption(source, ["epochs=9"], folder / "runs")
        assert longer.run.path == run.path
        assert plan.changed == ()
    older = run.path.with_name("20200101-000000")
    assert plan_resumption(older, (), folder / "runs").run.path == older


def test_a_finished_run_needs_more_epochs(folder: Path, run: Run):
    said = refusal(folder / "r.yaml", ["epochs=3"], folder / "runs")
    assert said == (
        f"{run.path} is finished, and has trained all 3 epochs: give more, such as epochs=6. To "
        f"begin a new run with its weights: --from {run.path} (in Python, weights_from)"
    )
    assert plan_resumption(run.path, ["epochs=6"], folder / "runs").changed == ("epochs",)


def test_keys_in_python_are_changes_that_are_meant(folder: Path, run: Run):
    plan = plan_resumption(folder / "r.yaml", (), folder / "runs", epochs=6, batch_size=8)
    assert (plan.run.path, set(plan.changed)) == (run.path, {"epochs", "batch_size"})
    assert plan.recipe.epochs == 6


def test_a_run_that_a_callback_stopped_needs_other_callbacks(folder: Path, run: RunWriter):
    run.update(stopped_by="EarlyStopping")
    said = refusal(run.path, ["epochs=6"], folder / "runs")
    assert said.startswith(f"{run.path} is finished, and EarlyStopping would stop it again: ")
    plan = plan_resumption(run.path, ["epochs=6", "callbacks=[TerminateOnNaN]"], folder / "runs")
    assert plan.changed == ("epochs", "callbacks")


def test_a_finished_run_with_averaged_weights_is_not_trained_longer(folder: Path):
    changes = [
        "callbacks=[SwapEMAWeights: {swap_on_epoch: true}]",
        "optimizer={SGD: {learning_rate: 0.01, use_ema: true}}",
    ]
    run = pipeline.train(load_recipe(folder / "r.yaml", changes), folder / "runs")
    said = refusal(run.path, ["epochs=6"], folder / "runs")
    assert said.startswith(f"{run.path} is finished, and SwapEMAWeights has replaced its weights")
    RunWriter(run.path).update(status="interrupted")
    assert plan_resumption(run.path, ["epochs=6"], folder / "runs").changed == ("epochs",)


def test_a_changed_recipe_is_refused_unless_told(folder: Path, run: RunWriter):
    run.update(status="interrupted")
    text = (folder / "r.yaml").read_text(encoding="utf-8")
    (folder / "r.yaml").write_text(text + "batch_size: 8\n", encoding="utf-8")
    said = refusal(folder / "r.yaml", ["optimizer=sgd"], folder / "runs")
    assert said.startswith(f"The recipe has changed since {run.path} began: batch_size. ")
    plan = plan_resumption(
        folder / "r.yaml", ["optimizer=sgd"], folder / "runs", allow_changes=True
    )
    assert set(plan.changed) == {"optimizer", "batch_size"}
    assert plan_resumption(run.path, ["batch_size=8"], folder / "runs").changed == ("batch_size",)


def test_without_runs_there_is_nothing_to_resume(folder: Path):
    assert "is not a run" in refusal(folder / "r.yaml", [], folder / "elsewhere")


def test_other_data_are_refused_unless_told(folder: Path, run: RunWriter):
    run.update(status="interrupted")
    with open(folder / "points.csv", "a", encoding="utf-8") as file:
        file.write("9,1,8\n")
    changes = [f"dataset.path={folder / 'points.csv'}"]
    plan = plan_resumption(run.path, changes, folder / "runs")
    with pytest.raises(InputError, match="its data have changed since"):
        pipeline.train(plan.recipe, folder / "runs", resumption=plan)
    plan = plan_resumption(run.path, changes, folder / "runs", allow_changes=True)
    continued = pipeline.train(plan.recipe, folder / "runs", resumption=plan)
    assert continued.path != run.path
    assert continued.status == "finished"


def test_other_versions_are_refused_unless_told(folder: Path, run: RunWriter):
    run.update(status="interrupted", versions=run.info["versions"] | {"keras": "3.0.1"})
    plan = plan_resumption(run.path, (), folder / "runs")
    with pytest.raises(InputError, match=r"it was trained with keras 3\.0\.1, and this is"):
        pipeline.train(plan.recipe, folder / "runs", resumption=plan)
    assert run.status == "interrupted"
    plan = plan_resumption(run.path, (), folder / "runs", allow_changes=True)
    assert pipeline.train(plan.recipe, folder / "runs", resumption=plan).path == run.path
    assert run.status == "finished"


def test_other_layers_are_refused(folder: Path, run: Run):
    plan = plan_resumption(run.path, ["epochs=6", "layers.0.Dense.units=5"], folder / "runs")
    with pytest.raises(InputError, match="its layers have other shapes than those of this recipe"):
        pipeline.train(plan.recipe, folder / "runs", resumption=plan)
    assert [each.path for each in list_runs(folder / "runs")] == [run.path]
    assert run.status == "finished"


def test_other_metrics_and_callbacks_leave_a_history_of_what_all_epochs_have(
    folder: Path, run: RunWriter
):
    changes = ["metrics=[mae]", "epochs=5"]
    plan = plan_resumption(run.path, changes, folder / "runs")
    continued = pipeline.train(plan.recipe, folder / "runs", resumption=plan)
    assert continued.status == "finished"
    assert list(continued.history) == ["epoch", "loss"]
    assert len(continued.history["loss"]) == 5


def test_an_adapted_layer_keeps_its_own_statistics(folder: Path):
    recipe = load_recipe(
        folder / "r.yaml",
        ["layers=[Normalization, {Dense: {units: 1}}]", "dataset.features={'*': float}"],
    )
    source = pipeline.train(recipe, folder / "runs")
    tuned = pipeline.train(recipe, folder / "runs", weights_from=source)
    first, second = tuned.info["weights_from"]["layers"]
    assert first == "normalization: new: adapted to these rows"
    assert second.endswith("copied")


def test_a_run_stopped_before_its_first_checkpoint_begins_with_the_same_weights(
    folder: Path, run: Run
):
    still = load_recipe(folder / "r.yaml", ["optimizer={SGD: {learning_rate: 0.0}}"])
    again = RunWriter(pipeline.train(still, folder / "runs", weights_from=run).path)
    again.update(status="interrupted")
    shutil.rmtree(again.checkpoints_path)
    plan = plan_resumption(again.path, (), folder / "runs")
    assert pipeline.train(plan.recipe, resumption=plan).predictions == run.predictions


def test_a_continued_run_stopped_before_its_first_checkpoint_keeps_what_was_trained(
    folder: Path, run: Run
):
    from keras.callbacks import LambdaCallback

    changes = ["optimizer={SGD: {learning_rate: 0.0}}", "epochs=5"]
    plan = plan_resumption(run.path, changes, folder / "runs")
    callback = LambdaCallback(on_epoch_end=lambda epoch, logs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        pipeline.train(plan.recipe, folder / "runs", resumption=plan, callbacks=[callback])
    stopped = list_runs(folder / "runs")[-1]
    plan = plan_resumption(stopped.path, (), folder / "runs")
    continued = pipeline.train(plan.recipe, resumption=plan)
    assert continued.path == stopped.path
    assert continued.predictions == run.predictions


def test_fewer_epochs_than_were_trained_are_refused(folder: Path, run: RunWriter):
    run.update(status="interrupted")
    plan = plan_resumption(run.path, ["epochs=2"], folder / "runs")
    with pytest.raises(InputError, match="it has trained 3 epochs already"):
        pipeline.train(plan.recipe, folder / "runs", resumption=plan)
    assert [each.path for each in list_runs(folder / "runs")] == [run.path]


def test_without_a_checkpoint_training_begins_with_the_first_epoch(folder: Path, run: RunWriter):
    run.update(status="interrupted")
    shutil.rmtree(run.checkpoints_path)
    before = run.history
    plan = plan_resumption(run.path, (), folder / "runs")
    assert pipeline.train(plan.recipe, folder / "runs", resumption=plan).history == before


def test_a_run_begins_with_the_weights_of_another(folder: Path, run: Run):
    recipe = load_recipe(folder / "r.yaml", ["layers.1={Dense: {units: 1, name: head}}"])
    tuned = pipeline.train(recipe, folder / "runs", weights_from=run)
    assert tuned.info["weights_from"] == {
        "run": str(run.path),
        "layers": ["dense: copied", "head: new: not in that model"],
    }
    recipe = load_recipe(folder / "r.yaml", ["layers.0.Dense.units=5"])
    with pytest.raises(
        InputError,
        match=r"dense: new: shapes \[\(2, 5\), \(5,\)\] here, \[\(2, 4\), \(4,\)\] there",
    ):
        pipeline.train(recipe, folder / "runs", weights_from=run)
    assert len(list_runs(folder / "runs")) == 2


def test_weights_that_are_copied_are_those_of_the_run(folder: Path, run: Run):
    """With steps of size zero, the new model answers as the old one."""
    still = load_recipe(folder / "r.yaml", ["optimizer={SGD: {learning_rate: 0.0}}"])
    again = pipeline.train(still, folder / "runs", weights_from=run)
    assert again.predictions == run.predictions
