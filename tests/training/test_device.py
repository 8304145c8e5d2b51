"""Which device trains, on machines that we do not have."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import tensorflow as tf

from kerasrecipes.errors import InputError
from kerasrecipes.training import device as device_module
from kerasrecipes.training.device import choose_device


@pytest.fixture
def machine(monkeypatch):
    """Pretend that TensorFlow sees so many GPUs, and tell what it was asked to do."""
    asked = SimpleNamespace(hidden=False, grown=[], is_deterministic=False, threads=[])

    def install(n_gpus: int, has_driver: bool = False, is_cuda_build: bool = True) -> None:
        gpus = [SimpleNamespace(name=f"gpu:{i}") for i in range(n_gpus)]
        config = SimpleNamespace(
            list_physical_devices=lambda kind: gpus,
            threading=SimpleNamespace(
                set_intra_op_parallelism_threads=lambda n: asked.threads.append(("intra", n)),
                get_intra_op_parallelism_threads=lambda: dict(asked.threads).get("intra", 0),
                set_inter_op_parallelism_threads=lambda n: asked.threads.append(("inter", n)),
            ),
            set_visible_devices=lambda devices, kind: setattr(asked, "hidden", devices == []),
            experimental=SimpleNamespace(
                enable_op_determinism=lambda: setattr(asked, "is_deterministic", True),
                set_memory_growth=lambda gpu, on: asked.grown.append((gpu.name, on)),
                get_device_details=lambda gpu: {"device_name": "RTX"} if gpu is gpus[0] else {},
            ),
        )
        fake = SimpleNamespace(
            config=config,
            distribute=SimpleNamespace(
                get_strategy=tf.distribute.get_strategy,
                MirroredStrategy=lambda: "mirrored",
                OneDeviceStrategy=lambda device: f"only {device}",
            ),
            sysconfig=SimpleNamespace(get_build_info=lambda: {"is_cuda_build": is_cuda_build}),
        )
        monkeypatch.setattr(device_module, "tf", fake)
        monkeypatch.setattr("os.path.exists", lambda path: has_driver)

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1}, raising=False)
    asked.install = install
    return asked


def test_a_machine_without_gpu_trains_on_the_cpu_without_a_word(machine):
    machine.install(0)
    description, _, reason = choose_device("auto")
    assert (description, reason) == ("CPU (2 cores)", "")


def test_a_small_model_gets_one_thread_of_the_cpu(machine):
    machine.install(0)
    assert choose_device("auto", is_small=True)[0] == "CPU (2 cores, 1 thread)"
    assert machine.threads == [("intra", 1), ("inter", 1)]


def test_a_gpu_leaves_the_threads_alone(machine):
    machine.install(1)
    choose_device("auto", is_small=True)
    assert machine.threads == []


def test_threads_stay_as_they_are_once_tensorflow_has_computed():
    tf.constant(1) + tf.constant(1)
    threads = tf.config.threading.get_intra_op_parallelism_threads()  # an earlier test may set 1
    description = choose_device("auto", is_small=True)[0]
    assert tf.config.threading.get_intra_op_parallelism_threads() == threads
    assert ("1 thread" in description) == (threads == 1)


@pytest.mark.parametrize("n_gpus", [1, 2])
def test_cpu_hides_every_gpu(machine, n_gpus: int):
    machine.install(n_gpus)
    assert choose_device("cpu")[0] == "CPU (2 cores)"
    assert machine.hidden


def test_a_caller_s_gpus_stay_as_they_are(machine):
    machine.install(1)
    assert choose_device("cpu", owns_process=False)[1] == "only /cpu:0"
    assert choose_device("auto", owns_process=False)[0] == "GPU (RTX)"
    assert (machine.hidden, machine.grown, machine.is_deterministic) == (False, [], False)


@pytest.mark.parametrize("wanted", ["auto", "gpu"])
def test_one_gpu_is_taken_and_takes_memory_as_it_needs_it(machine, wanted):
    machine.install(1)
    assert choose_device(wanted)[0] == "GPU (RTX)"
    assert machine.is_deterministic
    assert machine.grown == [("gpu:0", True)]


def test_several_gpus_share_the_work(machine):
    machine.install(2)
    assert choose_device("auto") == ("2 GPUs (RTX, gpu:1)", "mirrored", "")
    assert len(machine.grown) == 2


@pytest.mark.parametrize(
    ("hidden", "is_cuda_build", "why"),
    [
        ("-1", True, "unset CUDA_VISIBLE_DEVICES"),
        (None, False, "built without CUDA"),
        (None, True, "pip install 'kerasrecipes[cuda]'"),
    ],
)
def test_a_gpu_that_cannot_be_used_is_explained(machine, monkeypatch, hidden, is_cuda_build, why):
    machine.install(0, has_driver=True, is_cuda_build=is_cuda_build)
    if hidden:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert why in choose_device("auto")[2]
    assert choose_device("cpu")[2] == ""
    with pytest.raises(InputError) as caught:
        choose_device("gpu")
    assert why in str(caught.value)
    assert "To train on the CPU: device=auto" in str(caught.value)


def test_demanding_a_gpu_that_is_not_there(machine):
    machine.install(0)
    with pytest.raises(InputError, match=r"(?s)finds none\..*To train on the CPU: device=auto"):
        choose_device("gpu")
