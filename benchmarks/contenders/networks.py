"""A recipe's network, as settings name it, in Keras and in PyTorch."""

from __future__ import annotations

from typing import Any


def use_threads(settings: dict[str, Any]) -> None:
    """Tell TensorFlow how many threads an operation may use; None leaves it to TensorFlow."""
    import tensorflow as tf

    if settings.get("threads"):
        tf.config.threading.set_intra_op_parallelism_threads(settings["threads"])


def build_keras(settings: dict[str, Any], input_shape: tuple[int, ...], is_scaled: bool) -> Any:
    """A compiled Sequential; without its Rescaling layer where the rows are scaled already."""
    import keras

    keras.utils.set_random_seed(settings["seed"])
    layers = [
        getattr(keras.layers, name)(**arguments)
        for name, arguments in settings["layers"]
        if not (is_scaled and name == "Rescaling")
    ]
    model = keras.Sequential([keras.Input(input_shape), *layers])
    name, arguments = settings["optimizer"]
    model.compile(
        optimizer=getattr(keras.optimizers, name)(**arguments),
        loss=settings["loss"],
        metrics=settings["metrics"],
    )
    return model


def build_torch(settings: dict[str, Any], input_shape: tuple[int, ...]) -> tuple[Any, Any, Any]:
    """A network, its loss and its optimizer; weights begin as Keras's do.

    Args:
        input_shape: Of one row, channels first.
    """
    import torch
    from torch import nn

    torch.manual_seed(settings["seed"])
    parts: list[nn.Module] = []
    shape = torch.zeros(1, *input_shape)
    if settings["layers"][0][0] == "Embedding":
        shape = shape.long()
    for name, arguments in settings["layers"]:
        layer = _make_torch_layer(name, arguments, shape)
        if layer is None:
            continue
        parts.append(layer)
        if isinstance(layer, nn.Embedding):
            nn.init.uniform_(layer.weight, -0.05, 0.05)
        elif hasattr(layer, "weight"):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        if arguments.get("activation") == "relu":
            parts.append(nn.ReLU())
        with torch.no_grad():
            shape = layer(shape)
    network = nn.Sequential(*parts)
    # The softmax of the last layer is inside PyTorch's loss.
    loss = nn.MSELoss() if settings["loss"] == "mse" else nn.CrossEntropyLoss()
    name, arguments = settings["optimizer"]
    optimizer = getattr(torch.optim, name)(network.parameters(), lr=arguments["learning_rate"])
    return network, loss, optimizer


def _make_torch_layer(name: str, arguments: dict[str, Any], rows: Any) -> Any:
    from torch import nn

    if name == "Dense":
        return nn.Linear(rows.shape[-1], arguments["units"])
    if name == "Conv2D":
        return nn.Conv2d(rows.shape[1], arguments["filters"], arguments["kernel_size"])
    if name == "MaxPooling2D":
        return nn.MaxPool2d(2)
    if name == "Flatten":
        return nn.Flatten()
    if name == "Embedding":
        return nn.Embedding(arguments["input_dim"], arguments["output_dim"])
    if name == "LSTM":
        return _make_last_of_lstm(rows.shape[-1], arguments["units"])
    if name in ("Rescaling", "Reshape"):
        return None  # done to the rows, once
    raise ValueError(f"No PyTorch layer stands for {name}.")


def _make_last_of_lstm(n_inputs: int, units: int) -> Any:
    """An LSTM that gives its last step's output, as Keras's does."""
    from torch import nn

    class LastOfLSTM(nn.LSTM):
        def forward(self, rows: Any) -> Any:
            return super().forward(rows)[0][:, -1]

    return LastOfLSTM(n_inputs, units, batch_first=True)


def make_tensors(settings: dict[str, Any], rows: dict[str, Any], part: str) -> tuple[Any, Any]:
    """A part's rows as PyTorch's layers want them: scaled, channels first."""
    import torch

    inputs = torch.from_numpy(rows[f"x_{part}"]).float()
    if settings["layers"][0][0] == "Embedding":
        inputs = inputs.long()
    for name, arguments in settings["layers"]:
        if name == "Rescaling":
            inputs *= arguments["scale"]
        elif name == "Reshape":
            inputs = inputs.reshape(len(inputs), 1, *inputs.shape[1:])
    target = torch.from_numpy(rows[f"y_{part}"])
    return inputs, target if settings["loss"] == "mse" else target.ravel().long()
