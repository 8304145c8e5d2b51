"""Trainings on a Ray cluster; without ``--address``, nothing here is imported."""

from kerasrecipes.errors import InputError

try:
    import ray as ray
except ModuleNotFoundError:
    raise InputError("--address needs Ray: pip install 'kerasrecipes[ray]'") from None
