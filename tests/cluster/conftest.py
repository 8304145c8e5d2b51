"""A real cluster of two nodes on this machine; all addresses are loopback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

NODE = {"num_cpus": 1, "object_store_memory": 100_000_000}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """One node."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_health_check_period_ms", "500")  # a lost node is found out soon
        patch.setenv("RAY_health_check_initial_delay_ms", "0")
        from ray.cluster_utils import Cluster

        patch.setattr("ray._private.ray_constants.ENABLE_RAY_CLUSTER", False)
        found = Cluster()
        found.add_node(**NODE, include_dashboard=False)
        yield found
        found.shutdown()


@pytest.fixture
def second(cluster: Any) -> Iterator[Any]:
    """A node that may be lost."""
    node = cluster.add_node(**NODE)
    yield node
    if node in cluster.list_all_nodes():
        cluster.remove_node(node)
