"""A recipe's model for its data: encoder, trained layers and the model that is saved."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from kerasrecipes.backend import import_keras
from kerasrecipes.errors import KeyPath, RecipeError
from kerasrecipes.model.build import (
    build_model,
    check_batch,
    compile_model,
    needs_adapting,
    reporting_at,
)
from kerasrecipes.model.encoder import Encoder, fit_encoder
from kerasrecipes.model.serving import make_mask_reader, make_predictor, make_serving_model, seeding
from kerasrecipes.model.target import TargetCodec, fit_target
from kerasrecipes.recipe import Recipe
from kerasrecipes.recipe.rules import LossKind, find_directions, find_loss_kind
from kerasrecipes.rows import Dataset, Part
from kerasrecipes.rows.compatibility import check_ids
from kerasrecipes.rows.dataset import Weights, sample_rows, take_rows
from kerasrecipes.rows.disk import are_on_disk
from kerasrecipes.rows.words import count

_ROWS_ADAPTED = 1000
"""Of rows on a disk, a sample that layers such as Normalization are adapted to."""

_HIGHEST_TEMPERATURE = 20.0
"""Temperatures are searched between this and its inverse."""


@dataclass(frozen=True)
class Built:
    """A model ready to fit.

    Attributes:
        model: The layers to train, compiled: all, or those after a frozen pretrained model.
        network: All of the recipe's layers.
        serving: The model that is saved; it shares these layers.
        compute_features: From encoded rows to the inputs of ``model``, where these differ.
    """

    model: keras.Sequential
    serving: keras.Model
    encoder: Encoder
    codec: TargetCodec
    network: keras.Sequential
    compute_features: Callable[[Any], Any] | None = None

    def encode(self, dataset: Dataset, part: str) -> tuple[Any, ...]:
        """A part's rows as the model's own input and target, and their weights if there are any."""
        rows = dataset.parts[part]
        weights = () if rows.weights is None else (spread_weights(rows.weights, self.network),)
        inputs = self.encoder.encode(rows.inputs)
        if self.compute_features:
            inputs = self.compute_features(inputs)
        return inputs, self.codec.encode(rows.target), *weights

    def join(self, codec: TargetCodec) -> keras.Model:
        """The model that is saved, with another codec."""
        shape = self.serving.inputs[0].shape[1:]
        return make_serving_model(self.network, self.encoder, codec, shape)

    def describe(self, recipe: Recipe) -> dict[str, Any]:
        """Facts for run.json: layers, sizes, and how the model is trained."""
        weights = self.network.weights
        layers = describe_layers(recipe, self.network, self.encoder.model)
        multiply_adds = [layer["multiply_adds"] for layer in layers]
        return {
            "layers": layers,
            "parameters": self.network.count_params(),
            "parameters_bytes": sum(w.value.dtype.size * math.prod(w.shape) for w in weights),
            "multiply_adds": None if None in multiply_adds else sum(multiply_adds),
            "epochs": recipe.epochs,
            "batch_size": recipe.batch_size,
            "optimizer": recipe.optimizer.name,
            "loss": recipe.loss.name,
            "higher_is_better": find_directions(recipe.metrics),
        }


def build(recipe: Recipe, dataset: Dataset, *, computes_once: bool = True) -> Built:
    """Build and compile the recipe's model for its data.

    With ``computes_once``, the outputs of a frozen pretrained model may be computed once for all
    epochs. The model that callbacks get then takes these.
    """
    import_keras()
    with seeding(recipe.seed):
        train = dataset.parts["train"]
        takes_text = recipe.layers[0].name == "TextVectorization"
        place: KeyPath = ("layers", 0) if takes_text else ("dataset", "features")
        with reporting_at(recipe, place):
            encoder = fit_encoder(dataset, recipe.dataset)
        sees_all = any(map(needs_adapting, recipe.layers))
        seen: Any = slice(None if sees_all else 2)
        if sees_all and are_on_disk(train.inputs):
            seen = np.sort(sample_rows(len(train), _ROWS_ADAPTED))
        inputs = encoder.encode(take_rows(train.inputs, seen))
        words = encoder.model.layers[-1].get_vocabulary() if encoder.model and takes_text else ()
        network = model = build_model(recipe, inputs, words)
        _check_output(recipe, dataset, network)
        *steps, n_units = network.output_shape[1:]
        codec = fit_target(recipe, dataset, n_units, tuple(steps))
        _check_inner_ids(recipe, dataset, network, encoder)
        check_batch(recipe, network, inputs[:2], codec.encode(train.target[:2]))
        compute_features = None
        if computes_once and (n_frozen := _count_frozen(network)):
            first = keras.Input(inputs.shape[1:])
            frozen = keras.Sequential([first, *network.layers[:n_frozen]])
            compute_features = make_predictor(frozen, Encoder())
            rest = network.layers[n_frozen:]
            model = keras.Sequential([keras.Input(frozen.output_shape[1:]), *rest])
            model.dtype_policy = network.dtype_policy
        compile_model(recipe, model, is_weighted=train.weights is not None)
        serving = make_serving_model(network, encoder, codec, inputs.shape[1:])
        return Built(model, serving, encoder, codec, network, compute_features)


def _check_output(recipe: Recipe, dataset: Dataset, model: keras.Sequential) -> None:
    """Check that the outputs have a unit for each class or number, or the target's shape."""
    shape = model.output_shape[1:]
    n_classes, n_targets = dataset.n_classes, len(dataset.target_names)
    is_binary = find_loss_kind(recipe.loss) is LossKind.BINARY
    if dataset.target_shape:
        n_classes = 0 if is_binary else n_classes
        wanted = (*dataset.target_shape, *[n_classes] * bool(n_classes))
        allowed = [wanted, (*wanted, 1)]
        allowed += [wanted[:-1]] if not n_classes and wanted[-1] == 1 else []
        classes = f" of {n_classes} classes" if n_classes else ""
        what = f"a target of shape {dataset.target_shape}{classes}"
    else:
        wanted = (n_targets if is_binary else n_classes or n_targets,)
        allowed = [wanted, (n_classes or n_targets,)]
        if n_targets > 1 and not make_mask_reader(model):
            allowed.append((n_targets, 1))  # a target for each step
        what = f"{n_classes} classes" if n_classes else count(n_targets, "target")
    allowed += [(*wanted[:-1], 1)] if n_classes == 2 else []
    more_classes = dataset.has_class_numbers and shape[:-1] == wanted[:-1] and shape[-1] > n_classes
    if shape in allowed or more_classes:
        return
    message = (
        f"{dataset.name} has {what}: the last layer must give {wanted} for each row (received: an "
        f"output of {shape})."
    )
    if math.prod(shape) == math.prod(wanted):
        message += f" End with Reshape: {{target_shape: {list(wanted)}}}."
    elif len(shape) > len(wanted):
        message += " Put Flatten before it."
    elif shape[:-1] == wanted[:-1]:
        message += f" Give it {count(wanted[-1], 'unit')}."
    elif any(getattr(layer, "return_sequences", None) is False for layer in model.layers):
        message += " Write return_sequences: true in the recurrent layers."
    raise RecipeError([recipe.problem(("layers", len(recipe.layers) - 1), message)])


def _check_inner_ids(
    recipe: Recipe, dataset: Dataset, network: keras.Sequential, encoder: Encoder
) -> None:
    """Check the ids that layers get from those before them."""
    for i, layer in enumerate(network.layers[1:], len(recipe.layers) - len(network.layers) + 1):
        if recipe.layers[i].name in ("Embedding", "CategoryEncoding"):
            compute = make_predictor(keras.Model(network.inputs, layer.input), Encoder())
            rest = recipe.model_copy(update={"layers": recipe.layers[i:]})
            for part in dataset.parts.values():
                ids = replace(part, inputs=compute(encoder.encode(part.inputs)))
                for (*_, name), problem in check_ids(rest, [ids], ()):
                    raise RecipeError([recipe.problem(("layers", i, name), problem)])


def _count_frozen(network: keras.Sequential) -> int:
    """How many of the first layers give a row the same outputs in every epoch.

    0 without a pretrained model, since other layers cost little, or if these outputs are larger
    than the inputs.
    """
    frozen: list[keras.Layer] = []
    for layer in network.layers[:-1]:
        is_random = len(layer.variables) > len(layer.weights)  # these have no states of seeds
        has_statistics = layer.trainable and layer.weights and not hasattr(layer, "adapt")
        if is_random or has_statistics or layer.trainable_weights:
            break
        frozen.append(layer)
    if not any(hasattr(layer, "inputs") for layer in frozen):
        return 0
    is_small = math.prod(frozen[-1].output.shape[1:]) <= math.prod(network.input_shape[1:])
    return len(frozen) if is_small else 0


def spread_weights(weights: Weights, network: keras.Sequential) -> Weights:
    """The weights of rows, for every step or pixel: shape (n_samples, ...), without units.

    Keras would take weights of shape (n_samples,) for those of the last axis.
    """
    shape = network.output_shape[1:-1]
    each = weights.reshape(-1, *[1] * len(shape))
    return np.broadcast_to(each, (len(weights), *shape))


def weigh_classes(recipe: Recipe, dataset: Dataset) -> Weights | None:
    """The weight of each class, of shape (n_classes,); None without class_weight.

    "balanced" is scikit-learn's: n_samples / (n_classes * rows of the class), so that classes
    count equally and the weights are 1 on average.
    """
    if recipe.class_weight is None:
        return None
    target = dataset.parts["train"].target.astype(np.int64)
    if recipe.class_weight == "balanced":
        counts = np.bincount(target, minlength=dataset.n_classes)
        by_class = len(target) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    else:
        given = {str(name): weight for name, weight in recipe.class_weight.items()}
        by_class = np.array([given.get(name, 1.0) for name in dataset.class_names])
    return by_class.astype(np.float32)


def weigh_rows(recipe: Recipe, dataset: Dataset) -> Weights | None:
    """The weight of each training row by its class, times its own; None without class_weight."""
    train, by_class = dataset.parts["train"], weigh_classes(recipe, dataset)
    if by_class is None:
        return None
    return by_class[train.target.astype(np.int64)] * (1 if train.weights is None else train.weights)


def calibrate(recipe: Recipe, dataset: Dataset, built: Built) -> tuple[Built, list[str]]:
    """Fit the temperature, then choose the thresholds; warn of each that cannot be chosen."""
    codec, part, warnings = built.codec, dataset.parts.get("validation"), []
    if recipe.calibrate and part:
        raw = make_predictor(built.join(replace(codec, from_logits=False)), built.encoder)
        codec = replace(codec, temperature=fit_temperature(codec, raw(part.inputs), part))
        built = replace(built, serving=built.join(codec), codec=codec)
        if codec.temperature == 1:
            warnings.append(
                "calibrate: no temperature from 0.05 to 20 minimises the log loss of the "
                "validation rows. The probabilities are not calibrated."
            )
        if recipe.class_weight:
            warnings.append(
                "calibrate: a temperature does not correct the probabilities for class_weight, "
                "which shifts them between classes. Remove class_weight to calibrate them."
            )
    names = codec.names if codec.is_multilabel else codec.class_names[1:]
    aim, reason = recipe.threshold, "set in the recipe"
    thresholds: list[Any] = [aim] * len(names)
    if isinstance(aim, dict) and part:
        words = " ".join(f"{key} {value}" for key, value in aim.items()).replace("_", " ")
        reason = f"chosen on {len(part):,} validation rows ({words})"
        chances = make_predictor(built.serving, built.encoder)(part.inputs)[:, -len(names) :]
        labels = part.target.reshape(len(part), -1) == 1
        for i, name in enumerate(names):
            found = choose_threshold(labels[:, i], chances[:, i], aim, part.weights)
            thresholds[i] = 0.5 if found is None else found
            if found is None:
                warnings.append(f"threshold: no threshold for {name} can be {reason}. It is 0.5.")
    if aim is not None:
        codec = replace(codec, thresholds=tuple(map(float, thresholds)), threshold_reason=reason)
    return replace(built, codec=codec), warnings


def fit_temperature(codec: TargetCodec, outputs: NDArray[Any], part: Part) -> float:
    """Fit the number that logits are divided by to minimise the log loss, arXiv:1706.04599.

    ``outputs`` are those of the recipe's layers, of shape (n_samples, n_units). The result is 1 if
    the log loss has no minimum within the limits.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    if not codec.from_logits and (outputs.min() < 0 or outputs.max() > 1):
        return 1.0  # these are not probabilities
    logits = np.asarray(codec.find_logits(outputs), np.float64)
    if codec.is_binary:  # logits of each unit's two classes
        logits = np.stack([np.zeros_like(logits), logits], axis=-1).reshape(-1, 2)
    y_true = part.target.astype(np.int64).reshape(-1, 1)
    weights = None if part.weights is None else np.repeat(part.weights, len(y_true) // len(part))

    def find_log_loss(log_temperature: float) -> float:
        chances = log_softmax(logits / np.exp(log_temperature), axis=-1)
        return -np.average(np.take_along_axis(chances, y_true, axis=1)[:, 0], weights=weights)

    limit = np.log(_HIGHEST_TEMPERATURE)
    found = minimize_scalar(find_log_loss, bounds=(-limit, limit), method="bounded").x
    return float(np.exp(found)) if abs(found) < 0.99 * limit else 1.0


def choose_threshold(
    y_true: NDArray[np.bool_],
    y_prob: NDArray[np.float32],
    aim: Mapping[Any, Any],
    weights: NDArray[np.float32] | None = None,
) -> float | None:
    """Choose the least probability at which true is predicted, so that an aim is reached.

    A recall is reached by the highest such threshold, a precision by the one with the highest
    recall. The result lies in the middle between two probabilities. It is None if no threshold
    reaches the aim, or if the rows are all true or all false. Arrays have shape (n_samples,).
    """
    from sklearn.metrics import precision_recall_curve, roc_curve

    if y_true.all() or not y_true.any():
        return None
    ((key, wanted),) = aim.items()
    precision, recall, thresholds = precision_recall_curve(y_true, y_prob, sample_weight=weights)
    precision, recall = precision[:-1], recall[:-1]
    if key == "recall":
        scores = np.where(recall >= wanted - 1e-9, thresholds, -1)
    elif key == "precision":
        scores = np.where(precision >= wanted - 1e-9, recall, -1)
    elif wanted == "f1":
        scores = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    else:
        fpr, tpr, thresholds = roc_curve(y_true, y_prob, sample_weight=weights)
        scores = (tpr - fpr)[1:]
        thresholds = thresholds[1:]  # the first is infinite
    best = int(np.argmax(scores))
    if scores[best] < 0:
        return None
    high = float(thresholds[best])
    low = y_prob[y_prob < high].max(initial=0)
    middle = (low + high) / 2
    return float(middle) if np.float32(middle) > low else high


def describe_layers(
    recipe: Recipe, model: keras.Sequential, encoder: keras.Model | None = None
) -> list[dict[str, Any]]:
    """One row per layer, for the report's table; TextVectorization is the encoder's last one."""
    layers = [*(encoder.layers[-1:] if encoder else ()), *model.layers][-len(recipe.layers) :]
    rows = []
    for component, layer in zip(recipe.layers, layers, strict=True):
        has_base = hasattr(getattr(layer, "layer", layer), "inputs")  # also in TimeDistributed
        weights = () if has_base else layer.weights  # hundreds
        rows.append({
            "type": component.name,
            "name": str(component.arguments.get("name", layer.name)),
            "output_shape": list(layer.output.shape[1:]),
            "parameters": layer.count_params(),
            "arithmetic": "+".join("×".join(map(str, w.shape)) or "1" for w in weights),
            "trainable": sum(int(np.prod(w.shape)) for w in layer.trainable_weights),
            "multiply_adds": count_multiply_adds(layer),
        })  # fmt: skip
    return rows


def count_multiply_adds(layer: keras.Layer) -> int | None:
    """Multiplications with a weight for one row, or None if they cannot be counted.

    A kernel is applied once for each place of a convolution or step of a sequence. Biases,
    activations and normalisation are not counted.
    """
    if hasattr(layer, "inputs"):  # a pretrained model
        counts = [count_multiply_adds(each) for each in layer.layers]
        return None if None in counts else sum(filter(None, counts))
    size = sum(int(np.prod(w.shape)) for w in layer.weights if "kernel" in w.name)
    kind = type(layer).__name__
    if not size:
        return 0 if type(layer).__module__.startswith("keras.") else None
    if isinstance(layer, keras.layers.Dense):
        return size * int(np.prod(layer.output.shape[1:-1]))
    if "Conv" in kind and "LSTM" not in kind:
        shape = layer.input.shape if "Transpose" in kind else layer.output.shape
        places = shape[2:] if layer.data_format == "channels_first" else shape[1:-1]
        return size * int(np.prod(places))
    inner = getattr(layer, "forward_layer", layer)  # Bidirectional's
    inner = layer.layer if kind == "TimeDistributed" else inner
    is_matrix = isinstance(inner, (keras.layers.RNN, keras.layers.Dense))
    n_steps = keras.tree.flatten(layer.input)[0].shape[1]  # a mask is another input
    return size * n_steps if is_matrix and "Conv" not in type(inner).__name__ and n_steps else None
