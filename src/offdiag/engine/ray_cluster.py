"""The Ray cluster that a run uses: reached or started, and what its machines have."""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from offdiag.engine.placing import Machine, Room
from offdiag.errors import UserError

ANSWER_S = 5.0  # how long a cluster has to answer
GPU_S = 60.0  # how long a GPU of the cluster has to say how large it is


@contextmanager
def connected(address: str | None) -> Iterator[bool]:
    """Be connected to a cluster; yield whether it was started for that, so that it has this machine alone.

    Raises:
        UserError: it does not take this process.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if ray.is_initialized():  # by who calls this from Python
        yield False
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    own = address == "local"
    try:
        if not own:
            try:
                ray.init(address or "auto", **quiet)
            except ConnectionError:
                if address is not None:
                    raise
                own = True
        if own:
            ray.init("local", include_dashboard=False, **quiet)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        at = f"at {address} " if address else ""
        raise UserError(f"the Ray cluster {at}does not take this process: {' '.join(str(error).split())}") from error
    with suppress(AttributeError):  # what raylets say of lost workers goes to standard output otherwise
        ray._private.worker.print_to_stdstream = lambda *told, **how: None
    try:
        yield own
    finally:
        ray.shutdown()


def knock(address: str) -> None:
    """Make sure that something at an address speaks Ray's protocol (HTTP/2): Ray itself would try for minutes.

    Raises:
        UserError: it does not.
    """
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdigit():
        raise UserError(f"--address {address}: expected HOST:PORT of the head of a Ray cluster, such as 10.0.0.1:6379")
    remedy = "start a cluster with `ray start --head`, or leave --address out"
    try:
        with socket.create_connection((host.strip("[]"), int(port)), ANSWER_S) as knocking:
            knocking.settimeout(ANSWER_S)
            knocking.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5))
            frame = knocking.recv(9)
    except OSError as error:
        raise UserError(f"no Ray cluster answers at {address} ({error.strerror or error}): {remedy}") from error
    if frame[3:4] != b"\x04" and not os.environ.get("RAY_USE_TLS"):
        raise UserError(f"what answers at {address} is no Ray cluster: {remedy}")


def nodes() -> list[dict[str, Any]]:
    """Return what Ray says of each machine, gone ones included."""
    import ray

    asked: Any = ray.nodes
    found: list[dict[str, Any]] = asked()
    return found


def machines_of_cluster() -> list[Machine]:
    """Return what each machine of the cluster that is there has in all."""
    has = [node["Resources"] for node in nodes() if node["Alive"]]
    return [Machine(has.get("CPU", 0), has.get("GPU", 0), has.get("memory", 0)) for has in has]


def in_words(machines: Sequence[Machine]) -> str:
    """Return what machines have, each kind once."""
    rooms = {str(Room(int(m.cores), m.gpus, int(m.memory))) for m in machines}
    return "; ".join(sorted(rooms)) or "nothing"


def gpu_memory() -> int | None:
    """Return the bytes of a GPU of the cluster; None if none has a moment's room, or says."""
    import ray
    from ray.exceptions import RayError

    asked = ray.remote(_memory_of_this_gpu).options(num_gpus=0.01, num_cpus=0).remote()
    try:
        found: int | None = ray.get(asked, timeout=GPU_S)
    except RayError:
        ray.cancel(asked, force=True)
        return None
    return found


def _memory_of_this_gpu() -> int | None:
    import torch

    return int(torch.cuda.get_device_properties(0).total_memory) if torch.cuda.is_available() else None
