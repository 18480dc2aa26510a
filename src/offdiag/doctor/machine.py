"""Examine the machine: versions, device and threads."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec

from packaging.requirements import Requirement

from offdiag import __version__
from offdiag.doctor.finding import Finding
from offdiag.errors import OffdiagError
from offdiag.runtime import Runtime, available_cores

OLDEST_PYTHON = (3, 11)


def machine(runtime: Runtime) -> list[Finding]:
    """Return findings on Python, offdiag and what it requires, the device and the threads."""
    return [_python(), *_packages(), _device(runtime), _threads(runtime)]


def _python() -> Finding:
    ok = sys.version_info[:2] >= OLDEST_PYTHON
    remedy = "" if ok else f"use Python {'.'.join(map(str, OLDEST_PYTHON))} or newer"
    return Finding("python", ok, f"{platform.python_version()} on {platform.system()} {platform.machine()}", remedy)


def _packages() -> list[Finding]:
    """Return this package and what it requires; of the extras only the GPU's, which may be missing."""
    findings = [Finding("offdiag", True, __version__)]
    for text in requires("offdiag") or []:
        requirement = Requirement(text)
        required = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if required or (requirement.marker and requirement.marker.evaluate({"extra": "gpu"})):
            findings.append(_package(requirement, optional=not required))
    return findings


def _package(requirement: Requirement, *, optional: bool) -> Finding:
    wanted = f"{requirement.name}{requirement.specifier}"
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return Finding(requirement.name, None if optional else False, "not installed", f'type: pip install "{wanted}"')
    ok = requirement.specifier.contains(found, prereleases=True)
    remedy = "" if ok else f'expected {requirement.specifier}; type: pip install "{wanted}"'
    return Finding(requirement.name, ok, found, remedy)


def _device(runtime: Runtime) -> Finding:
    if find_spec("torch") is None:
        return Finding("device", False, "torch is not installed", "type: pip install torch")
    import torch

    from offdiag.models.loading import device_of

    try:
        device = device_of(runtime)
    except OffdiagError as error:
        return Finding("device", False, str(error), "choose another device")
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        name = torch.cuda.get_device_name(device)
        return Finding("device", True, f"cuda: {name}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free")
    if device.type == "mps":
        return Finding("device", True, "mps")
    return Finding("device", True, f"cpu: {torch.backends.cpu.get_cpu_capability()}")


def _threads(runtime: Runtime) -> Finding:
    cores = available_cores()
    ok = runtime.threads <= cores
    remedy = "" if ok else f"use at most {cores} threads: more of them wait for one another"
    return Finding("threads", ok, f"{runtime.threads} threads on {cores} cores", remedy)
