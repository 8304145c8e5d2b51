"""A model.keras that somebody else wrote: nothing in it is executed, nothing else is read.

The classes of attacks are those of Keras's advisories: CVE-2024-3660 and CVE-2025-1550, -8747,
-9905, -9906 and -12058, CVE-2026-0897 and -1669.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import resource
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pandas as pd
import pytest

import kerasrecipes as kr
from kerasrecipes.errors import InputError
from kerasrecipes.prediction.model_file import load_run_model
from kerasrecipes.prediction.saved import load_saved
from kerasrecipes.run_files import hash_file
from kerasrecipes.runs import RunWriter
from mutations import mutate

from .saved_runs import make_houses

pytestmark = pytest.mark.reliability("hostile")

Part = dict[str, Any]


@pytest.fixture
def run(runs: dict[str, Path], tmp_path: Path) -> RunWriter:
    return RunWriter(shutil.copytree(runs["truths"], tmp_path / "runs" / "truths" / "run"))


@pytest.fixture
def marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that attacks would make; its name has no space."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "marker"


def forge(run: RunWriter, model: bytes | Path | None = None, **members: bytes) -> None:
    """Put another model into a run as an attacker would: with a checksum that fits.

    Args:
        run: The run.
        model: The file's content; None changes members of the archive.
        members: Their contents, by name with "_" for ".".
    """
    if isinstance(model, Path):
        model = model.read_bytes()
    if model is None:
        with zipfile.ZipFile(run.model_path) as archive:
            contents = {name: archive.read(name) for name in archive.namelist()}
        contents |= {name.replace("_", "."): content for name, content in members.items()}
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in contents.items():
                archive.writestr(name, content)
        model = file.getvalue()
    run.model_path.write_bytes(model)
    run.update(model_sha256=hash_file(run.model_path))


def read_config(run: RunWriter) -> Part:
    with zipfile.ZipFile(run.model_path) as archive:
        return json.loads(archive.read("config.json"))


def find_trained(config: Part) -> Part:
    """The configuration of the recipe's own layers."""
    return next(part for part in config["config"]["layers"] if part["class_name"] == "Sequential")


def insert(run: RunWriter, *parts: Part) -> None:
    """Put layers in front of those of the recipe."""
    config = read_config(run)
    layers = find_trained(config)["config"]["layers"]
    layers[1:1] = parts
    forge(run, config_json=json.dumps(config).encode())


def refuse(run: RunWriter) -> str:
    """Load the model, which must be refused in one line; return the reason."""
    with pytest.raises(InputError) as caught:
        load_saved(run)
    said = str(caught.value)
    assert said.startswith(f"{run.model_path} cannot be ")
    assert "\n" not in said
    return said


def name_function(module: str, name: str) -> Part:
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def make_lambda(function: Part, **arguments: Any) -> Part:
    config = {"name": "x", "trainable": True, "function": function, "arguments": arguments}
    return {"module": "keras.layers", "class_name": "Lambda", "config": config}


def make_layer(name: str, **arguments: Any) -> Part:
    return {"module": "keras.layers", "class_name": name, "config": {"name": "x", **arguments}}


FUNCTIONS = [
    ("os", "system"),
    ("subprocess", "Popen"),
    ("builtins", "exec"),
    ("builtins", "open"),
    ("numpy", "load"),
    ("keras.config", "enable_unsafe_deserialization"),
    ("keras.utils", "get_file"),
    ("keras.src.utils.file_utils", "get_file"),
    ("keras.models", "load_model"),
    ("keras.saving", "load_model"),
    ("keras.saving", "load_weights"),
    ("keras.utils", "plot_model"),
    ("keras.datasets.mnist", "load_data"),
    ("keras.datasets.cifar", "load_batch"),
    ("keras.applications", "ResNet50"),
    ("keras.src.saving.serialization_lib", "enable_unsafe_deserialization"),
    ("keras.src.backend.common.global_state", "set_global_attribute"),
    ("keras_hub", "load"),
    ("tensorflow", "io.read_file"),
]
"""Functions that run code, read files or use the network; some are public ones of Keras."""


@pytest.mark.parametrize(("module", "name"), FUNCTIONS)
def test_functions_from_elsewhere_are_refused(
    run: RunWriter, marker: Path, record_property, module: str, name: str
) -> None:
    function = name_function(module, name)
    whole = read_config(run)
    ways = [
        lambda: insert(
            run, make_lambda(function, fname=str(marker), origin="file:///etc/hostname")
        ),
        lambda: insert(run, make_layer("Activation", activation=function)),
        lambda: insert(run, make_layer("Dense", units=2, kernel_initializer=function)),
        lambda: forge(run, config_json=json.dumps(function).encode()),
        lambda: forge(run, config_json=json.dumps(whole | {"module": module, "class_name": name})),
        lambda: forge(run, config_json=json.dumps(whole | {"extra": [[function]]})),
    ]
    record_property("cases", len(ways))
    for use in ways:
        use()
        refuse(run)
    assert not marker.exists()


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_python_code_in_a_layer_is_refused(run: RunWriter, marker: Path, suffix: str) -> None:
    model = keras.Sequential(
        [
            keras.Input((1,), name="numbers"),
            keras.layers.Lambda(lambda x: (open("marker", "w").close(), x)[1]),
        ]
    )
    marker.unlink()
    model.save(marker.parent / f"evil{suffix}")
    forge(run, marker.parent / f"evil{suffix}")
    refuse(run)
    assert not marker.exists()


LAYERS = {
    "bytecode": make_lambda({"class_name": "__lambda__", "config": {"code": "4wAAAA=="}}),
    "a type of TensorFlow": make_lambda(
        {"class_name": "__typespec__", "spec_name": "system", "registered_name": "system"}
        | {"module": "os", "config": []}
    ),
    "a saved model of TensorFlow": make_layer("TFSMLayer", filepath="/etc"),
    "a pickle of PyTorch": make_layer("TorchModuleWrapper", module="gASVAAAA"),
    "a vocabulary from a file": make_layer("StringLookup", vocabulary="/etc/hostname"),
    "a vocabulary of numbers from a file": make_layer("IntegerLookup", vocabulary="/etc/hostname"),
    "a vocabulary of words from a file": make_layer(
        "TextVectorization", vocabulary="/etc/hostname"
    ),
    "a vocabulary from the network": make_layer("StringLookup", vocabulary="gs://bucket/file"),
    "an unknown layer": make_layer("Thing"),
    "a layer of another package": {"module": "tensorflow", "class_name": "Module", "config": {}},
    "a layer under a false name": make_lambda(name_function("os", "system"))
    | {"registered_name": "Dense"},
    "no name": {"module": "keras.layers", "class_name": None, "config": {}},
    "a name that is a list": {"module": ["os"], "class_name": ["system"], "config": {}},
    "a registered name that is a mapping": make_layer("Dense", units=2) | {"registered_name": {}},
    "arguments of another type": make_layer("Dense", units={"a": []}),
    "too many dimensions": make_layer("Reshape", target_shape=[2**40, 2**40]),
    "another layer's arguments": make_layer("Dense", filters=3),
    "a negative size": make_layer("Dense", units=-1),
}


@pytest.mark.parametrize("part", LAYERS.values(), ids=LAYERS)
def test_layers_that_are_not_keras_s_own_are_refused(run: RunWriter, marker: Path, part) -> None:
    insert(run, part)
    assert "cannot be loaded: " in refuse(run)
    assert not marker.exists()


NO_MODEL = "object has no attribute 'weights'"
CONFIGS = {
    "empty": (b"", "Expecting value: line 1 column 1"),
    "a list": (b"[]", f"'list' {NO_MODEL}"),
    "null": (b"null", f"'NoneType' {NO_MODEL}"),
    "a mapping": (b"{}", f"'dict' {NO_MODEL}"),
    "a name alone": (b'{"class_name": "Functional"}', "it contains .Functional, which is neither "),
    "a name and nothing": (
        b'{"class_name": "Functional", "module": "keras", "config": {}}',
        "it contains keras.Functional, which is neither ",
    ),
    "deep": (b"[" * 100_000, "maximum recursion depth exceeded"),
    "a deep part": (
        b'{"class_name": "__slice__", "config": ' * 20_000 + b"1" + b"}" * 20_000,
        "maximum recursion depth exceeded",
    ),
    "not UTF-8": (b"\xff\xfe", "Expecting value: line 1 column 1"),
    "an optimizer": (
        b'{"module": "keras.optimizers", "class_name": "Adam", "config": {}}',
        f"'Adam' {NO_MODEL}",
    ),
}


def test_a_model_that_is_packed_again_is_loaded(run: RunWriter) -> None:
    """So what the other tests change is the reason of a refusal, and not the new archive."""
    config = read_config(run)
    forge(run, config_json=json.dumps(config).encode())
    assert len(load_saved(run).predict({"a": np.zeros(3)})["predicted"]) == 3


@pytest.mark.parametrize(("config", "reason"), CONFIGS.values(), ids=CONFIGS)
def test_configurations_of_another_shape_are_refused(
    run: RunWriter, config: bytes, reason: str
) -> None:
    forge(run, config_json=config)
    assert refuse(run).startswith(f"{run.model_path} cannot be loaded: {reason}")


def test_a_registered_name_does_not_excuse_a_function_from_elsewhere(run: RunWriter) -> None:
    keras.saving.register_keras_serializable("Mine")(make_lambda)
    function = name_function("keras.datasets.mnist", "load_data")
    insert(run, make_lambda(function | {"registered_name": "Mine>make_lambda"}))
    assert "it contains keras." in refuse(run)


def make_archive(*members: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


FILES: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "text": lambda: b"model",
    "an archive's first bytes": lambda: b"PK\x03\x04",
    "an empty archive": make_archive,
    "an archive without weights": lambda: make_archive(("config.json", b"{}")),
    "a pickle": lambda: pickle.dumps(subprocess.Popen.__init__),
    "an archive that unpacks to 300 MB": lambda: make_archive(
        ("config.json", b" " * 300_000_000), compression=zipfile.ZIP_DEFLATED
    ),
    "a path that leads up": lambda: make_archive(("../marker", b"x"), ("config.json", b"{}")),
    "a path from the root": lambda: make_archive(("/marker", b"x"), ("config.json", b"{}")),
}


@pytest.mark.parametrize("make", FILES.values(), ids=FILES)
def test_files_that_are_no_models_are_refused(run: RunWriter, marker: Path, make) -> None:
    forge(run, make())
    refuse(run)
    assert [*marker.parent.rglob("marker")] == []


def test_a_path_that_leads_out_of_an_archive_is_not_written(run: RunWriter, marker: Path) -> None:
    with zipfile.ZipFile(run.model_path, "a") as archive:
        for name in ("../marker", "assets/../../marker", "/tmp/marker"):
            archive.writestr(name, b"x")
    run.update(model_sha256=hash_file(run.model_path))
    assert "it contains paths that lead out of it" in refuse(run)
    assert [*marker.parent.rglob("marker")] == []


def save_weights(change: Callable[[h5py.File], object]) -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as weights:
        change(weights)
    return file.getvalue()


KERNEL = "layers/sequential/layers/dense/vars/0"
WEIGHTS: dict[str, Callable[[h5py.File], object]] = {
    "no weights": lambda weights: None,
    "another shape": lambda weights: weights.create_dataset(KERNEL, data=np.zeros(7)),
    "texts": lambda weights: weights.create_dataset(KERNEL, data=[b"a"]),
    "a link to another file": lambda weights: weights.__setitem__(
        "layers", h5py.ExternalLink("/etc/hostname", "/")
    ),
    "values in another file": lambda weights: weights.create_dataset(
        KERNEL, (1, 1), "f4", external=[("/etc/hostname", 0, 4)]
    ),
    "a shape without values": lambda weights: weights.create_dataset(
        KERNEL, (2**20, 2**20), "f4", chunks=(1024, 1024), compression="gzip"
    ),
}


@pytest.mark.parametrize("change", WEIGHTS.values(), ids=WEIGHTS)
def test_weights_that_are_none_are_refused(run: RunWriter, change) -> None:
    forge(run, model_weights_h5=save_weights(change))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "objects could not be loaded. Example error message for object <Dense" in refuse(run)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


def test_layers_larger_than_their_weights_are_refused_before_memory_is_taken(
    run: RunWriter,
) -> None:
    config = read_config(run)
    trained = find_trained(config)["config"]
    wide = make_layer("Dense", units=10**9)
    narrow = trained["layers"][1]
    narrow["build_config"] = {"input_shape": [None, 10**9]}
    trained["layers"].insert(1, wide)
    forge(run, config_json=json.dumps(config).encode())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "its layers need 12,000,000,004 bytes of weights" in refuse(run)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


def test_the_model_of_another_run_is_refused(run: RunWriter, runs: dict[str, Path]) -> None:
    shutil.copy(runs["houses"] / "model.keras", run.model_path)
    assert refuse(run) == (
        f"{run.model_path} cannot be loaded: it is not the file that this run saved, whose SHA-256 "
        "is in run.json. Put the run's own file back, or train it again: kerasrecipes train "
        f"{run.recipe_path}"
    )
    facts = run.info
    del facts["model_sha256"]  # as in runs of older versions
    (run.path / "run.json").unlink()
    run.update(**facts)
    with pytest.raises(InputError, match=r"it describes another model than model\.keras"):
        load_saved(run)
    shutil.copy(runs["truths"] / "model.keras", run.model_path)
    assert load_saved(run).model is not None


@pytest.mark.parametrize("name", ["recipe.yaml", "model.keras"])
def test_a_link_to_a_file_elsewhere_is_refused(run: RunWriter, name: str) -> None:
    shutil.move(run.path / name, run.path.parent / name)
    (run.path / name).symlink_to(run.path.parent / name)
    with pytest.raises(InputError, match="it is a link that leads out of the run's folder"):
        load_saved(run)
    shutil.move(run.path.parent / name, run.path / f"real-{name}")
    (run.path / name).unlink()
    (run.path / name).symlink_to(f"real-{name}")
    assert load_saved(run).model is not None


def test_every_saved_model_is_made_of_allowed_parts(runs: dict[str, Path], tmp_path: Path) -> None:
    for folder in runs.values():
        assert load_run_model(RunWriter(folder)).built
    layers = [
        {"Normalization": {"mean": 0.5, "variance": 2.0}},
        *({"RandomFlip": {}}, {"RandomRotation": {"factor": 0.1}}),
        {"Conv2D": {"filters": 2, "kernel_size": 2, "kernel_regularizer": {"L2": {"l2": 0.1}}}},
        *(
            "BatchNormalization",
            {"SpatialDropout2D": {"rate": 0.1}},
            {"DepthwiseConv2D": {"kernel_size": 1}},
        ),
        {"TimeDistributed": {"layer": {"Dense": {"units": 2, "kernel_constraint": "MaxNorm"}}}},
        *(
            {"Reshape": {"target_shape": [9, 2]}},
            {"Bidirectional": {"layer": {"GRU": {"units": 2}}}},
        ),
        *("LayerNormalization", {"GaussianNoise": {"stddev": 0.1}}, "LeakyReLU", "PReLU"),
        {"Dense": {"units": 3, "activation": "softmax"}},
    ]
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "images.npz", x=rng.random((40, 4, 4, 1)), y=np.arange(40) % 3)
    run = kr.train(
        {
            "dataset": {"path": str(tmp_path / "images.npz")},
            "layers": layers,
            "loss": {"SparseCategoricalCrossentropy": {}},
            "optimizer": {"Adam": {"learning_rate": {"ExponentialDecay": {
                "initial_learning_rate": 0.1, "decay_steps": 2, "decay_rate": 0.9}}}},
            "metrics": [{"SparseCategoricalAccuracy": {"name": "my accuracy (%)"}}],
            "epochs": 1,
            "report": [],
        },
        output_dir=tmp_path / "runs",
    )  # fmt: skip
    assert len(run.predict(rng.random((3, 4, 4, 1)))) == 3
    features = {
        "rooms": {"float_discretized": {"num_bins": 4}},
        "town": {"string_hashed": {"num_bins": 8}},
        "area": {"float_rescaled": {"scale": 0.5}},
        "id": {"string_categorical": {"max_tokens": 9}},
    }
    dataset = {"target": "price", "missing": "median", "drop": ["dear", "rent"]}
    recipe = {"layers": [{"Dense": {"units": 1}}], "loss": "mse", "epochs": 1, "report": []}
    houses = make_houses()
    run = kr.train(
        recipe | {"dataset": dataset | {"features": features}},
        data=houses,
        output_dir=tmp_path / "runs",
    )
    assert len(run.predict(houses)) == len(houses)


def test_a_registered_class_of_the_caller_s_own_is_loaded(tmp_path: Path) -> None:
    script = tmp_path / "own.py"
    script.write_text(
        "import keras, pandas as pd, kerasrecipes as kr, sys\n"
        "@keras.saving.register_keras_serializable('Own')\n"
        "class Twice(keras.layers.Layer):\n"
        "    def call(self, inputs):\n"
        "        return 2 * inputs\n"
        "@keras.saving.register_keras_serializable('Own')\n"
        "def bend(x):\n"
        "    return x * keras.ops.sigmoid(x)\n"
        "rows = pd.DataFrame({'x': range(40), 'y': range(40)})\n"
        "layers = [{'Own>Twice': {}}, {'Dense': {'units': 2, 'activation': 'Own>bend'}},"
        " {'Dense': {'units': 1}}]\n"
        "recipe = {'dataset': {'target': 'y'}, 'layers': layers, 'loss': 'mse', 'epochs': 1}\n"
        "run = kr.train(recipe, data=rows, report=[], output_dir=sys.argv[1])\n"
        "print(len(kr.load_run(run.path).predict(rows)))\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, script, tmp_path / "runs"],
        capture_output=True, text=True, env=os.environ, check=False,
    )  # fmt: skip
    assert done.stdout.endswith("40\n"), done.stderr
    run = RunWriter(next((tmp_path / "runs").glob("*/*")))
    with pytest.raises(InputError, match=r"it contains \S+>bend, which is neither a part of Keras"):
        load_run_model(run)


@pytest.mark.reliability("fuzz")
@pytest.mark.parametrize("n", [pytest.param(60), pytest.param(500, marks=pytest.mark.slow)])
def test_mutants_of_a_model_are_refused_or_predict(
    run: RunWriter, runs: dict[str, Path], record_property, n: int
) -> None:
    record_property("cases", 2 * n)
    whole, rng = run.model_path.read_bytes(), random.Random(n)
    rows = pd.DataFrame({"a": [0.5, 1.0]})

    def use() -> None:
        try:
            kr.TrainedRun(run.path).predict(rows)
        except InputError:
            return

    for kind, config in mutate(read_config(run), n, seed=n):
        run.model_path.write_bytes(whole)
        forge(run, config_json=json.dumps(config).encode())
        with attributing(kind):
            use()
    for i in range(n):
        content = bytearray(whole)
        for _ in range(rng.randint(1, 20)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        forge(run, bytes(content[: rng.choice([len(content), rng.randrange(len(content))])]))
        with attributing(f"bytes {i}"):
            use()
    forge(run, whole)
    assert len(kr.TrainedRun(run.path).predict(rows)) == 2  # nothing of the others is left


@contextmanager
def attributing(kind: str) -> Iterator[None]:
    """Name the mutant that causes an exception."""
    try:
        yield
    except Exception as error:
        error.add_note(kind)
        raise


@pytest.mark.parametrize("argument", ["standardize", "split"])
def test_functions_of_a_text_vectorization_are_refused(run: RunWriter, argument: str) -> None:
    plain = {"max_tokens": 9, "vocabulary": ["a"], "vocabulary_size": 3, "ngrams": None}
    plain |= {"standardize": "lower", "split": "whitespace"}
    function = name_function("keras.activations", "relu")
    insert(run, make_layer("TextVectorization", **plain | {argument: function}))
    assert "its TextVectorization calls a function" in refuse(run)


def test_a_vocabulary_is_not_read_from_elsewhere(run: RunWriter, tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("secret")
    plain = {"standardize": None, "split": None, "ngrams": None, "vocabulary": str(file)}
    insert(run, make_layer("TextVectorization", **plain))
    assert "vocabulary" in refuse(run)
