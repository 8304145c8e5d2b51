"""What arrives from the workers of a Ray cluster, without a cluster."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("ray", reason="needs the extra 'ray'")

from kerasrecipes.cluster import trainer
from kerasrecipes.cluster.crew import Result, read_run
from kerasrecipes.errors import InputError, RunFailed
from kerasrecipes.interrupts import Interrupted, Interrupts
from kerasrecipes.pipeline import Listener
from kerasrecipes.runs import Run, RunWriter, create_run
from kerasrecipes.workers import Job

FACTS = {"name": "points", "epochs": 3, "warnings": []}
FILES = {"run.json": json.dumps(FACTS | {"status": "finished"}).encode()}
CHECKPOINT = {
    "run.json": json.dumps(FACTS | {"status": "running"}).encode(),
    "checkpoints/000001-00000000-0.npz": b"",
}
Ending = Result | Exception | None


@pytest.fixture
def run(tmp_path: Path) -> RunWriter:
    return create_run(tmp_path, "points", datetime.now())


class FakeRay:
    """Actors that have ended, one way in each start; None has not."""

    exceptions = trainer.ray.exceptions

    def __init__(self, messages: Sequence[Any], starts: Sequence[Sequence[Ending]]) -> None:
        self.messages, self.starts = messages, iter(starts)
        self.jobs: list[Job] = []
        self.endings: list[Ending] = []

    def remote(self, kind: type) -> Any:
        return SimpleNamespace(options=lambda **options: SimpleNamespace(remote=self.make_seat))

    def make_seat(self, *arguments: Any) -> Any:
        self.endings = self.endings or [*next(self.starts)]
        reference = SimpleNamespace(value=self.endings.pop(0))
        return SimpleNamespace(
            find_address=SimpleNamespace(remote=lambda: "127.0.0.1:1"),
            start=SimpleNamespace(remote=lambda job, *rest: self.jobs.append(job)),
            wait_for_end=SimpleNamespace(remote=lambda: FakeReference(reference.value)),
            collect=SimpleNamespace(remote=lambda: self.messages),
            interrupt=SimpleNamespace(remote=lambda: None),
        )

    def get(self, answer: Any) -> Any:
        value = answer.value if isinstance(answer, FakeReference) else answer
        if isinstance(value, Exception):
            raise value
        return value

    def wait(self, answers: Sequence[Any], **options: Any) -> tuple[list[Any], list[Any]]:
        waiting = [each for each in answers if getattr(each, "value", "") is None]
        return [each for each in answers if each not in waiting], waiting

    def kill(self, seat: Any) -> None:
        pass


class FakeReference:
    def __init__(self, value: Ending) -> None:
        self.value = value


@pytest.fixture
def train(run: RunWriter, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeRay]:
    """Trains with two workers, the leader first, which end so in each start."""
    monkeypatch.setattr(trainer, "_END_S", 0)

    def train(*starts: Sequence[Ending], messages: Sequence[Any] = (), number: int = 0) -> FakeRay:
        ray = FakeRay(messages, starts)
        monkeypatch.setattr(trainer, "ray", ray)
        interrupts = Interrupts(owns_process=False)
        interrupts.number = number
        job: Any = Job(SimpleNamespace(name="points"), run.path)  # type: ignore[arg-type]
        trainer._Training(
            *(job, None, 2, {"num_cpus": 1}, run, True, Listener(), interrupts, "auto")
        ).train()
        return ray

    return train


FINISHED = Result(FILES, "", None)
KILLED = Result({}, "It ended.", was_killed=True)


def test_the_leader_s_run_is_that_of_the_training(train: Any, run: Run) -> None:
    train([FINISHED, Result({}, "", None)])
    assert [run.status, run.info["address"]] == ["finished", "auto"]


def test_workers_that_wait_for_room_can_be_stopped(
    train: Any, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeRay, "wait", lambda self, answers, **options: ([], answers))
    with pytest.raises(Interrupted):
        train([None, None], number=signal.SIGINT)
    assert not run.path.exists()


def test_a_worker_that_ends_again_and_again_ends_the_run(train: Any, run: RunWriter) -> None:
    run.begin(**FACTS)
    with pytest.raises(RunFailed, match=r"^It ended\.$"):
        train(*[[None, KILLED]] * 4)
    assert [run.status, run.info["error"]] == ["failed", "It ended."]


def test_an_error_found_before_training_leaves_no_run(train: Any, run: Run) -> None:
    with pytest.raises(InputError, match="other shapes"):
        train([None, Result({}, "other shapes", None)], messages=[FILES])
    assert not run.path.exists()


def test_a_lost_cluster_ends_the_run(train: Any, run: RunWriter) -> None:
    run.begin(**FACTS)
    with pytest.raises(RunFailed, match=r"^The connection to the cluster was lost\.$"):
        train([trainer.ray.exceptions.RaySystemError("raylet"), None])
    assert run.status == "failed"


@pytest.mark.parametrize("lost", [KILLED, trainer.ray.exceptions.ActorDiedError()])
def test_workers_begin_again_from_a_checkpoint(train: Any, run: Run, lost: Ending) -> None:
    ray = train([None, lost], [FINISHED, None], messages=[CHECKPOINT])
    assert [bool(job.resumption) for job in ray.jobs] == [False, False, True, True]
    assert [(job.team.size, job.team.number) for job in ray.jobs] == [(2, 0), (2, 1)] * 2


def test_without_a_checkpoint_workers_begin_anew(train: Any) -> None:
    ray = train([None, KILLED], [FINISHED, None])
    assert [job.resumption for job in ray.jobs] == [None] * 4


def test_a_file_that_is_half_written_is_not_sent(run: RunWriter) -> None:
    (run.path / "history.csv").touch()
    (run.path / ".partial-0-model.keras").touch()
    assert [*read_run(run.path)] == ["history.csv"]
