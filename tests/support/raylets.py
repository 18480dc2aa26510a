"""A Ray cluster of several raylets on this machine; no test needs another one, nor a GPU."""

import os
from importlib.util import find_spec
from typing import Any


def lacking() -> str:
    """Why there can be no Ray here; empty where there can."""
    return "" if find_spec("ray") else 'Ray is not installed: pip install "offdiag[ray]"'


class Raylets:
    """A head without cores, and machines that are added and killed as a test wants."""

    def __init__(self) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        from ray.cluster_utils import Cluster

        self.cluster: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        self.address = str(self.cluster.address)
        self.machines: list[Any] = []

    def add(self, cores: int = 1, gpus: int = 0, **environment: str) -> Any:
        """Add a machine; it may say that it has GPUs, and its processes find variables in their environment."""
        self.machines.append(self.cluster.add_node(num_cpus=cores, num_gpus=gpus, env_vars=environment))
        return self.machines[-1]

    def kill(self, machine: Any) -> None:
        """Let a machine die, with all that runs on it."""
        self.machines.remove(machine)
        self.cluster.remove_node(machine, allow_graceful=False)

    def stop(self) -> None:
        """End all of it."""
        self.cluster.shutdown()
