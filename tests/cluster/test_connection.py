"""What is said where there is no cluster to train on, and that nothing imports Ray without one."""

from __future__ import annotations

import io
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from kerasrecipes.comparison.engine import Trainer
from kerasrecipes.errors import InputError

WITHOUT_RAY = """
import sys
sys.modules["ray"] = None
from kerasrecipes.cli.app import main
main()
"""
RECIPE = """
dataset: {name: iris, validation_split: 0.3}
layers: [Dense: {units: 3, activation: softmax}]
loss: sparse_categorical_crossentropy
"""


def test_without_ray_the_extra_is_named(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    arguments = ["compare", "recipe.yaml", "epochs=1", "epochs=2", "--address", "auto"]
    command = [sys.executable, "-c", WITHOUT_RAY, *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "--address needs Ray: pip install 'kerasrecipes[ray]'\n"


def test_a_crew_of_this_machine_does_not_import_ray() -> None:
    program = """
import sys
from pathlib import Path
from rich.console import Console
from kerasrecipes.comparison.engine import Trainer
with Trainer(Path("runs"), Console()).make_crew([], 1):
    print("ray" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1:{port}", "[Errno 111] Connection refused"),
        ("ray://127.0.0.1:{port}", "[Errno 111] Connection refused"),
        ("here", "invalid literal for int() with base 10: 'here'"),
    ],
)
def test_an_address_without_a_cluster_is_refused_at_once(address: str, reason: str) -> None:
    pytest.importorskip("ray", reason="needs the extra 'ray'")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = address.format(port=unused.getsockname()[1])
    trainer = Trainer(Path("runs"), Console(file=io.StringIO()), address=address)
    with pytest.raises(InputError) as caught:
        trainer.make_crew([], 1)
    assert str(caught.value) == (
        f"There is no Ray cluster at --address {address}: {reason}. Give auto or HOST:PORT on a "
        "machine of the cluster, and ray://HOST:PORT elsewhere."
    )


def test_a_port_that_is_not_rays_is_given_up(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs the extra 'ray'")
    program = """
import sys
from kerasrecipes.cluster import crew
from kerasrecipes.cli.app import main
crew._TIMEOUT_S = 2
main()
"""
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        arguments = ["compare", "recipe.yaml", "epochs=1", "epochs=2", "--address", address]
        command = [sys.executable, "-c", program, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"at --address {address}: no answer within 2 s. Give auto" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--address", "auto"], "--address needs the number of workers, such as --workers 2, "),
        (
            ["--address", "auto", "--workers", "2", "--profile"],
            "and cannot be combined with --from, --profile or",
        ),
    ],
)
def test_what_a_shared_training_on_a_cluster_needs(options: list[str], said: str) -> None:
    command = [sys.executable, "-m", "kerasrecipes", "train", "boston", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_place_of_its_own_and_a_cluster_cannot_be_combined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {}}')
    command = [sys.executable, "-m", "kerasrecipes", "train", "boston", "--address=auto"]
    done = subprocess.run([*command, "--workers=2"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert (
        "cannot be combined with --from, --profile or the environment variable TF_CONFIG."
        in done.stderr
    )
