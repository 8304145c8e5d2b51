"""Names and signatures of the installed Keras, read from its source with ``ast``.

Importing Keras takes seconds, reading the few files that a recipe names milliseconds. Lines such
as ``from keras.src.layers.core.dense import Dense as Dense`` lead to a class.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import operator
import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from kerasrecipes.errors import KerasRecipesError
from kerasrecipes.recipe.names import to_snake_case

CATEGORIES = {
    "layers": ("layer", "Layer", "{Dense: {units: 10}}"),
    "optimizers": ("optimizer", "Optimizer", "{Adam: {learning_rate: 0.01}}"),
    "optimizers.schedules": ("schedule", "LearningRateSchedule", "{ExponentialDecay: {...}}"),
    "losses": ("loss", "Loss", "{Huber: {delta: 1.0}}"),
    "metrics": ("metric", "Metric", "{AUC: {curve: PR}}"),
    "callbacks": ("callback", "Callback", "{EarlyStopping: {patience: 5}}"),
    "initializers": ("initializer", "Initializer", "{RandomNormal: {stddev: 0.01}}"),
    "regularizers": ("regularizer", "Regularizer", "{L2: {l2: 0.01}}"),
    "constraints": ("constraint", "Constraint", "{MaxNorm: {max_value: 2}}"),
    "activations": ("activation", "", "{LeakyReLU: {negative_slope: 0.1}}"),
}
"""What one of a category is called, its base class, which only code can use, and an example."""

COMPILE_METRICS = ("accuracy", "acc")
"""Words that ``compile`` turns into the metric that fits the loss (Keras's ``get_metric``)."""

Required = inspect.Parameter.empty
"""The default of an argument that has none."""

_NOT_COMPONENTS = {
    *("get", "serialize", "deserialize", "legacy", "schedules", "CallbackList", "InputSpec"),
    "OptimizerMap",
    *(base for _, base, _ in CATEGORIES.values()),
}


@dataclass(frozen=True)
class Definition:
    """A class or function that a recipe can name."""

    category: str
    name: str
    is_class: bool  # or makes a model; functions take no arguments in a recipe
    arguments: dict[str, Any]  # their defaults, as source text where they are no literals
    docstring: str = ""


@cache
def keras_folder() -> Path:
    """The installed Keras's folder, found without importing it."""
    spec = importlib.util.find_spec("keras")
    return Path(spec.origin).parent if spec and spec.origin else Path()


@cache
def list_names(category: str) -> dict[str, tuple[str, str]]:
    """The public names of a category, each with the module and symbol it comes from."""
    bases = list_bases() if category == "layers" else {}
    return bases | {
        name: origin
        for name, origin in _imports(f"keras.{category}").items()
        if name not in _NOT_COMPONENTS
        and not name.startswith("_")
        and (category != "layers" or name[0].isupper())  # functions join several inputs
    }


@cache
def list_bases() -> dict[str, tuple[str, str]]:
    """The models of ``keras.applications``, which are layers of a recipe."""
    models = _imports("keras.applications")
    return {name: models[name] for name in models if name[0].isupper()}


@cache
def list_aliases(category: str) -> dict[str, str]:
    """Short names such as ``mse`` and their meanings, from ``ALL_OBJECTS_DICT.update({...})``."""
    module = f"keras.src.{category}"
    known, aliases = _imports(module), {}
    for node in ast.walk(_parse(module)):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and ast.unparse(value) in known:
                    aliases[str(key.value)] = ast.unparse(value)
    return aliases


def find_canonical_name(category: str, name: str) -> str | None:
    """A name as Keras accepts it: optimizers in any case, metrics' classes also in snake case."""
    names = list_names(category)
    is_known = name in names or name in list_aliases(category)
    is_word = category == "metrics" and name in COMPILE_METRICS
    if is_known or is_word or find_registered(category, name) is not None:
        return name
    if category == "optimizers":
        return next((known for known in names if known.lower() == name.lower()), None)
    if category == "metrics":
        return next((known for known in names if to_snake_case(known) == name), None)
    return None


def find_registered(category: str, name: str) -> Any:
    """The object that a caller from Python registered with Keras as "Package>Name", or None."""
    keras = sys.modules.get("keras") if ">" in name else None
    found = keras.saving.get_registered_object(name) if keras else None
    base = CATEGORIES.get(category, ("", "", ""))[1]
    if inspect.isclass(found):
        find_base = operator.attrgetter(f"{category}.{base}")
        return found if base and issubclass(found, find_base(keras)) else None
    return found if category in ("losses", "metrics", "activations") else None


def list_classes(category: str, name: str) -> list[str]:
    """The class of Keras behind a name, or those that a registered class descends from."""
    registered = find_registered(category, name)
    if registered is None:
        return [list_aliases(category).get(name, name)]
    bases = getattr(registered, "__mro__", ())
    return [base.__name__ for base in bases if base.__module__.startswith("keras.")]


def find_definition(category: str, name: str) -> Definition:
    """Read a definition; a registered class has the arguments that it may pass on to its bases."""
    found = find_registered(category, name)
    if found is None:
        return _read_definition(category, find_canonical_name(category, name) or name)
    arguments: dict[str, Any] = {}
    for cls in found.__mro__ if inspect.isclass(found) else ():
        signature = inspect.signature(cls.__init__)  # type: ignore[misc]
        for argument, parameter in signature.parameters.items():
            is_variable = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
            is_passed_on = cls is found or parameter.default is not Required
            if argument != "self" and is_passed_on and not is_variable:
                arguments.setdefault(argument, parameter.default)
    return Definition(category, name, inspect.isclass(found), arguments)


@cache
def _read_definition(category: str, name: str) -> Definition:
    if category == "metrics" and name in COMPILE_METRICS:
        return Definition(category, name, False, {})
    names = list_names(category)
    module, symbol = names[name] if name in names else names[list_aliases(category)[name]]
    found = _find_symbol(module, symbol)
    if found is None:
        raise KerasRecipesError(f"No file of the installed Keras defines {category}.{name}.")
    module, node = found
    docstring = ast.get_docstring(node) or ""
    if isinstance(node, ast.FunctionDef):
        arguments, is_base = _read_arguments(node.args), name in list_bases()
        if is_base:
            scales = {} if "EfficientNetB" in name else {"include_preprocessing": False}
            arguments = {"trainable": True} | scales | arguments  # EfficientNetB0 always scales
            del arguments["input_shape"], arguments["input_tensor"]
        return Definition(category, name, is_base, arguments, docstring)
    return Definition(category, name, True, _collect_arguments(module, node), docstring)


def find_choices(definition: Definition, argument: str) -> tuple[str, ...]:
    """The words that an argument's docstring offers, if its default is one of several."""
    paragraph = rf"(?ms)^\s*{argument}:(.*?)(?=^\s*\w+:|\Z)"
    text = "".join(re.findall(paragraph, definition.docstring)[:1])
    choices = tuple(dict.fromkeys(re.findall(r"[\"']([\w-]+)[\"']", text)))
    is_default_among_them = definition.arguments.get(argument) in choices
    return choices if is_default_among_them and len(choices) > 1 else ()


def _collect_arguments(module: str, node: ast.ClassDef) -> dict[str, Any]:
    """Arguments of ``__init__``, and of the base classes' as far as ``**kwargs`` passes on.

    Arguments that a base class requires are given by the class itself, as Conv2D gives rank=2.
    Bases outside Keras, and those chosen by backend, add no arguments of their own.
    """
    own: dict[str, Any] | None = None
    passes_on = True
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
            own, passes_on = _read_arguments(statement.args), statement.args.kwarg is not None
    arguments = own or {}
    for base in node.bases if passes_on else ():
        # Written Layer or optimizer.Optimizer.
        package, _, name = ast.unparse(base).rpartition(".")
        origin = ".".join(_imports(module).get(package, ("",))) if package else module
        found_in, found = _find_symbol(origin, name) or ("", None)
        inherited = _collect_arguments(found_in, found) if isinstance(found, ast.ClassDef) else {}
        for argument, default in inherited.items():
            if own is None or default is not Required:
                arguments.setdefault(argument, default)
    return arguments


def _read_arguments(given: ast.arguments) -> dict[str, Any]:
    """A function's arguments but ``self``, with their defaults."""
    positional = given.posonlyargs + given.args
    padding = [None] * (len(positional) - len(given.defaults))
    pairs = [
        *zip(positional, [*padding, *given.defaults], strict=True),
        *zip(given.kwonlyargs, given.kw_defaults, strict=True),
    ]
    arguments: dict[str, Any] = {}
    for argument, default in pairs:
        arguments[argument.arg] = Required
        if default is not None:
            arguments[argument.arg] = ast.unparse(default)
            with suppress(ValueError):
                arguments[argument.arg] = ast.literal_eval(default)
    arguments.pop("self", None)
    return arguments


@cache
def _find_symbol(module: str, symbol: str) -> tuple[str, ast.ClassDef | ast.FunctionDef] | None:
    """Find where a symbol is defined, following imports inside Keras."""
    if not module.startswith("keras"):
        return None
    for node in _parse(module).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == symbol:
            return module, node
    origin = _imports(module).get(symbol)
    return _find_symbol(*origin) if origin else None


@cache
def _imports(module: str) -> dict[str, tuple[str, str]]:
    """Names that a module imports, the first import of each counting."""
    found: dict[str, tuple[str, str]] = {}
    for node in ast.walk(_parse(module)):
        if isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                found.setdefault(name.asname or name.name, (node.module, name.name))
    return found


@cache
def _parse(module: str) -> ast.Module:
    path = keras_folder().joinpath(*module.split(".")[1:])
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8") if file.is_file() else "")
