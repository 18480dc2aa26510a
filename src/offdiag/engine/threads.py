"""Threads of the numeric libraries, set before torch is imported: it reads the environment when it loads."""

import os

from offdiag.runtime import Runtime


def limit_threads(runtime: Runtime) -> None:
    """Give this process its share of the cores, and let idle threads sleep after a moment.

    Threads that spin while they wait keep the cores from everybody else: a second busy process on the same cores
    makes both many times slower instead of half as fast. Some spins in between bridge the gap to the next layer.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(runtime.threads)
