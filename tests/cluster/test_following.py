"""What arrives from the workers of a Ray cluster, without a cluster."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

pytest.importorskip("ray", reason="needs the extra 'ray'")

from kerasrecipes.cluster import trainer
from kerasrecipes.cluster.seat import Result, read_run
from kerasrecipes.cluster.trainer import _BEGUN, Relay
from kerasrecipes.errors import InputError, RunFailed
from kerasrecipes.interrupts import Interrupted, Interrupts
from kerasrecipes.pipeline import Listener
from kerasrecipes.runs import Run, RunWriter, create_run

FACTS = {"name": "points", "epochs": 3, "warnings": []}
FILES = {"run.json": json.dumps(FACTS | {"status": "finished"}).encode()}


@pytest.fixture
def run(tmp_path: Path) -> RunWriter:
    return create_run(tmp_path, "points", datetime.now())


@pytest.fixture
def follow(run: RunWriter, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Follows a training from which messages arrive; ``fit`` is that of Ray Train."""

    def get(answer: object) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(trainer.ray, "get", get)

    def follow(messages: object, fit: Callable[[], object], number: int = 0) -> Run:
        interrupts = Interrupts(owns_process=False)
        interrupts.number = number
        relay = SimpleNamespace(receive=SimpleNamespace(remote=lambda should_stop: messages))
        follower = trainer._Follower(run, True, Listener(), interrupts, "auto", 0)
        return follower.follow(SimpleNamespace(fit=fit), relay)

    return follow


def test_a_result_is_received_although_ray_train_has_ended(follow: Callable[..., Run]) -> None:
    run = follow([_BEGUN, Result(FILES, "", None)], fit=lambda: None)
    assert [run.status, run.info["address"]] == ["finished", "auto"]


def test_workers_that_wait_for_room_can_be_stopped(
    follow: Callable[..., Run], run: RunWriter
) -> None:
    begun = threading.Event()
    with pytest.raises(Interrupted):
        follow([], fit=begun.wait, number=signal.SIGINT)
    begun.set()
    assert not run.path.exists()


def test_what_ended_the_workers_is_said_without_a_traceback(
    follow: Callable[..., Run], run: RunWriter
) -> None:
    error = trainer.ray.train.WorkerGroupError("Traceback", {1: RuntimeError("It ended.")})
    run.begin(**FACTS)
    with pytest.raises(RunFailed, match=r"^It ended\.$"):
        follow([_BEGUN], fit=Mock(side_effect=error))
    assert [run.status, run.info["error"]] == ["failed", "It ended."]


def test_an_error_found_before_training_leaves_no_run(
    follow: Callable[..., Run], run: RunWriter
) -> None:
    with pytest.raises(InputError, match="other shapes"):
        follow([_BEGUN, FILES, Result({}, "other shapes", None)], fit=lambda: None)
    assert not run.path.exists()


def test_a_lost_cluster_ends_the_run(follow: Callable[..., Run], run: RunWriter) -> None:
    run.begin(**FACTS)
    with pytest.raises(RunFailed, match=r"^The connection to the cluster was lost\.$"):
        follow(trainer.ray.exceptions.RaySystemError("raylet"), fit=lambda: None)
    assert run.status == "failed"


def test_workers_begin_again_from_a_checkpoint_only() -> None:
    relay, files = Relay(), {"run.json": b"{}"}
    relay.send([files])
    assert relay.begin(is_leader=True) is None
    files = {**files, "checkpoints/000001-00000000-0.npz": b""}
    relay.send([files])
    assert relay.begin(is_leader=True) == files


def test_a_file_that_is_half_written_is_not_sent(run: RunWriter) -> None:
    (run.path / "history.csv").touch()
    (run.path / ".partial-0-model.keras").touch()
    assert [*read_run(run.path)] == ["history.csv"]
