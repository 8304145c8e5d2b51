"""Names and signatures of the installed Keras, read from its source with ``ast``.

Importing Keras takes seconds, since it imports TensorFlow; reading the few files that a recipe
names takes milliseconds. ``keras/layers/__init__.py`` and similar files consist of lines such as
``from keras.src.layers.core.dense import Dense as Dense``, which lead to the class.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import operator
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from kerasrecipes.errors import KerasRecipesError
from kerasrecipes.recipe.names import to_snake_case

_BASES = {
    "layers": "Layer",
    "optimizers": "Optimizer",
    "optimizers.schedules": "LearningRateSchedule",
    "losses": "Loss",
    "metrics": "Metric",
    "callbacks": "Callback",
    "initializers": "Initializer",
    "regularizers": "Regularizer",
    "constraints": "Constraint",
}
"""The base class of each category, which only code can use."""

CATEGORIES = (*_BASES, "activations")
COMPILE_METRICS = ("accuracy", "acc")
"""Words that ``compile`` turns into the metric that fits the loss.

Source: keras/src/trainers/compile_utils.py, ``get_metric``.
"""

Required = inspect.Parameter.empty
"""The default of an argument that has none."""

_NOT_COMPONENTS = {
    *("get", "serialize", "deserialize", "legacy", "schedules", "CallbackList", "InputSpec"),
    "OptimizerMap",
    *_BASES.values(),
}


@dataclass(frozen=True)
class Definition:
    """A class or function that a recipe can name.

    Attributes:
        category: Its category.
        name: The name under which Keras exports it.
        is_class: Whether it is a class, or makes a model; functions take no arguments in a recipe.
        arguments: Defaults by argument name; ``Required`` where there is none, and the
            default's source text where it is no literal.
        docstring: The class's docstring.
    """

    category: str
    name: str
    is_class: bool
    arguments: dict[str, Any]
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
    models = _imports("keras.applications").items()
    return {name: origin for name, origin in models if name[0].isupper()}


@cache
def list_aliases(category: str) -> dict[str, str]:
    """Short names that Keras accepts besides the public ones, such as ``mse``, and their meanings.

    Keras keeps them in ``ALL_OBJECTS_DICT.update({...})`` of ``keras/src/<category>``.
    """
    module = f"keras.src.{category}"
    aliases = {}
    for node in ast.walk(_parse(module)):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(value, ast.Name):
                    aliases[str(key.value)] = value.id
    return {alias: name for alias, name in aliases.items() if name in _imports(module)}


def find_canonical_name(category: str, name: str) -> str | None:
    """The spelling that Keras accepts for a name, or None where there is no such name.

    Keras reads optimizers' names in any case, and those of metrics' classes also in snake case,
    such as auc; all others must be spelt as they are.
    """
    if find_registered(category, name) is not None:
        return name
    names = list_names(category)
    if name in names or name in list_aliases(category):
        return name
    if category == "metrics" and name in COMPILE_METRICS:
        return name
    if category == "optimizers":
        return next((known for known in names if known.lower() == name.lower()), None)
    if category == "metrics":
        return next((known for known in names if to_snake_case(known) == name), None)
    return None


def find_registered(category: str, name: str) -> Any:
    """The object that the caller registered with Keras as "Package>Name", or None.

    Only a process that has imported Keras, as Python callers do, can have registered anything;
    see ``keras.saving.register_keras_serializable``.
    """
    keras = sys.modules.get("keras") if ">" in name else None
    found = keras.saving.get_registered_object(name) if keras else None
    if inspect.isclass(found):
        base = operator.attrgetter(f"{category}.{_BASES[category]}") if category in _BASES else None
        return found if base and issubclass(found, base(keras)) else None
    return found if category in ("losses", "metrics", "activations") else None


def list_classes(category: str, name: str) -> list[str]:
    """The class of Keras behind a name, or those that a registered class descends from."""
    registered = find_registered(category, name)
    if registered is None:
        return [list_aliases(category).get(name, name)]
    bases = getattr(registered, "__mro__", ())
    return [base.__name__ for base in bases if base.__module__.startswith("keras.")]


def find_definition(category: str, name: str) -> Definition:
    """Read the definition of a name that ``find_canonical_name`` has found."""
    found = find_registered(category, name)
    if found is None:
        return _read_definition(category, name)
    is_class = inspect.isclass(found)
    return Definition(category, name, is_class, _inspect_arguments(found) if is_class else {})


@cache
def _read_definition(category: str, name: str) -> Definition:
    if category == "metrics" and name in COMPILE_METRICS:
        return Definition(category, name, False, {})
    names = list_names(category)
    module, symbol = names[name] if name in names else names[list_aliases(category)[name]]
    found = _find_symbol(module, symbol)
    if found is None:
        raise KerasRecipesError(f"The installed Keras exports {category}.{name} from nowhere.")
    module, node = found
    docstring = ast.get_docstring(node) or ""
    if isinstance(node, ast.FunctionDef):
        arguments, is_base = _read_arguments(node)[0], name in list_bases()
        if is_base:
            scales = {} if "EfficientNetB" in name else {"include_preprocessing": False}
            arguments = {"trainable": True} | scales | arguments  # EfficientNetB0 always scales
            del arguments["input_shape"], arguments["input_tensor"]
        return Definition(category, name, is_base, arguments, docstring)
    return Definition(category, name, True, _collect_arguments(module, node), docstring)


def _inspect_arguments(cls: type) -> dict[str, Any]:
    """Arguments of a registered class, and those of its bases that it may pass on."""
    arguments: dict[str, Any] = {}
    for base in cls.__mro__:
        for name, parameter in inspect.signature(base.__init__).parameters.items():  # type: ignore[misc]
            is_variable = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
            is_passed_on = base is cls or parameter.default is not Required
            if name != "self" and is_passed_on and not is_variable:
                arguments.setdefault(name, parameter.default)
    return arguments


def find_choices(definition: Definition, argument: str) -> tuple[str, ...]:
    """The words that an argument's docstring offers, such as "valid" and "same".

    Only where there are several and the default is one of them: a docstring is prose, and this
    reads it sparingly.
    """
    default = definition.arguments.get(argument)
    if not isinstance(default, str):
        return ()
    paragraph = re.search(
        rf"^\s*{argument}:(.*?)(?=^\s*\w+:|\Z)", definition.docstring, re.MULTILINE | re.DOTALL
    )
    words = re.findall(r"`?[\"']([\w-]+)[\"']`?", paragraph.group(1)) if paragraph else []
    choices = tuple(dict.fromkeys(words))
    return choices if default in choices and len(choices) > 1 else ()


def _collect_arguments(module: str, node: ast.ClassDef) -> dict[str, Any]:
    """Arguments of ``__init__``, and of the base classes' as far as ``**kwargs`` passes on.

    Arguments that a base class requires are given by the class itself, as Conv2D gives rank=2.
    Bases outside Keras, and those chosen by backend, add no arguments of their own.
    """
    own: dict[str, Any] | None = None
    passes_on = True
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
            own, passes_on = _read_arguments(statement)
    arguments = own or {}
    for base in node.bases if passes_on else ():
        found = _find_base(module, base)
        inherited = _collect_arguments(*found) if found else {}
        for name, default in inherited.items():
            if own is None or default is not Required:
                arguments.setdefault(name, default)
    return arguments


def _read_arguments(node: ast.FunctionDef) -> tuple[dict[str, Any], bool]:
    """A function's arguments but ``self``, and whether it takes ``**kwargs``."""
    given = node.args
    positional = given.posonlyargs + given.args
    padding = [None] * (len(positional) - len(given.defaults))
    pairs = [
        *zip(positional, [*padding, *given.defaults], strict=True),
        *zip(given.kwonlyargs, given.kw_defaults, strict=True),
    ]
    arguments = {
        argument.arg: Required if default is None else _read_literal(default)
        for argument, default in pairs
        if argument.arg != "self"
    }
    return arguments, given.kwarg is not None


def _read_literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node)


def _find_base(module: str, base: ast.expr) -> tuple[str, ast.ClassDef] | None:
    """Follow a base class, written ``Layer`` or ``optimizer.Optimizer``, to its definition."""
    if isinstance(base, ast.Name):
        found = _find_symbol(module, base.id)
    elif isinstance(base, ast.Attribute) and isinstance(base.value, ast.Name):
        package, name = _imports(module).get(base.value.id, ("", ""))
        found = _find_symbol(f"{package}.{name}", base.attr)
    else:
        return None
    return (found[0], found[1]) if found and isinstance(found[1], ast.ClassDef) else None


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
