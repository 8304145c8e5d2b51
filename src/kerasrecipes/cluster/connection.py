"""The connection to a Ray cluster whose nodes have our versions."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from kerasrecipes.errors import InputError
from kerasrecipes.run_facts import find_versions

_TIMEOUT_S = 30


@contextmanager
def connecting(address: str) -> Iterator[None]:
    """Connect to a cluster while the block lasts; a connection that exists is used and kept.

    Args:
        address: As ``ray.init`` takes it.

    Raises:
        InputError: There is no cluster, or one of its nodes has other versions than this machine.
    """
    was_connected, reasons = ray.is_initialized(), [f"no answer within {_TIMEOUT_S} s"]

    def connect() -> None:
        host, _, port = address.removeprefix("ray://").rpartition(":")
        try:
            if address != "auto":
                socket.create_connection((host.strip("[]"), int(port)), _TIMEOUT_S).close()
            if not was_connected:
                ray.init(address, log_to_driver=False, logging_level="CRITICAL")
            reasons.clear()
        except (OSError, RuntimeError, ValueError, OverflowError, SystemExit) as error:
            reasons[:] = [str(error).partition(".")[0]]

    # Ray itself tries for minutes; in the main thread it would also replace the signal handlers.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(_TIMEOUT_S)
    if reasons:
        raise InputError(
            f"There is no Ray cluster at --address {address}: {reasons[0]}. Give auto or HOST:PORT "
            "on a machine of the cluster, and ray://HOST:PORT elsewhere."
        )
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))  # Ray would abort
    try:
        _check_versions()
        yield
    finally:
        if not was_connected:
            ray.shutdown()


def _check_versions() -> None:
    """Check that every node has the versions of this machine."""
    find, ours = ray.remote(num_cpus=0, max_retries=0)(find_versions), find_versions()
    nodes = [each for each in ray.nodes() if each["Alive"] and each["Resources"].get("CPU")]
    there = [NodeAffinitySchedulingStrategy(each["NodeID"], soft=False) for each in nodes]
    answers = [find.options(scheduling_strategy=each).remote() for each in there]
    for node, answer in zip(nodes, answers, strict=True):
        try:
            theirs = ray.get(answer)
        except ray.exceptions.RayTaskError:  # the package cannot be imported there
            theirs = {}
        except ray.exceptions.RayError:  # the node was lost a moment ago
            continue
        if theirs != ours:
            wanted, found = (
                ", ".join(f"{name} {version}" for name, version in versions.items())
                for versions in (ours, theirs)
            )
            raise InputError(
                f"Every node must have the versions of this machine: {wanted} (received from "
                f"{node['NodeManagerAddress']}: {found or 'no kerasrecipes'}). Install them there."
            )
