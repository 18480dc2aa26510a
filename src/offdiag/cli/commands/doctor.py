"""``offdiag doctor``: check machine, store and model; the exit code is 1 if anything is wrong."""

from typing import TYPE_CHECKING, Annotated, get_args

import typer

from offdiag.cli.options import AsJson, DeviceName, StoreFolder
from offdiag.cli.tables import say, show_json, show_table
from offdiag.errors import UserError

if TYPE_CHECKING:
    from offdiag.models import ModelSpec


def doctor(
    model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Model to try [the embedded one, if it is installed].")
    ] = None,
    dtype: Annotated[
        str | None,
        typer.Option(
            metavar="DTYPE", help="float32, bfloat16 or float16 [float32; bfloat16 for more than 2.1 billion weights]."
        ),
    ] = None,
    quantization: Annotated[
        str, typer.Option(metavar="NAME", help="How its weights are quantised: none, nf4 or int8.")
    ] = "none",
    no_model: Annotated[bool, typer.Option("--no-model", help="Try no model: machine and store alone.")] = False,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Time steps on this device, so that plans can tell how long they take.")
    ] = False,
    store: StoreFolder = None,
    device: DeviceName = "auto",
    as_json: AsJson = False,
) -> int:
    """Check this machine, the store and a model.

    It looks at versions, device, disk and store, and tests that answers do not depend on the batch or the cache.
    """
    from offdiag.api import open_store
    from offdiag.doctor import doctor as examine
    from offdiag.engine.execute import limit_threads
    from offdiag.runtime import Runtime

    runtime, place = Runtime(device=device), open_store(store)
    limit_threads(runtime)
    if no_model and (model is not None or dtype is not None):
        raise UserError("--no-model tries none: leave --model and --dtype out")
    findings = examine(runtime, _spec(model, dtype, quantization), place, tried=not no_model, timed=calibrate)
    wrong = sum(finding.ok is False for finding in findings)
    if as_json:
        show_json([finding.to_json() for finding in findings])
        return int(wrong > 0)
    rows = [[f.mark, f.name, f.detail + (f" → {f.remedy}" if f.remedy else "")] for f in findings]
    show_table("offdiag doctor", ["", "what", "found"], rows, prose=["found"])
    say("", f"{wrong} of {len(findings)} not as they should be." if wrong else "All is as it should be.")
    return int(wrong > 0)


def _spec(model: str | None, dtype: str | None, quantization: str) -> "ModelSpec | None":
    from offdiag.doctor.examine import EMBEDDED
    from offdiag.models import ModelSpec
    from offdiag.models.spec import Dtype, Quantization

    if dtype not in (None, *get_args(Dtype)):
        raise UserError(f"--dtype {dtype}: expected one of {', '.join(get_args(Dtype))}")
    if quantization not in get_args(Quantization):
        raise UserError(f"--quantization {quantization}: expected one of {', '.join(get_args(Quantization))}")
    if model is None and dtype in (None, "float32") and quantization == "none":
        return None
    given = {"source": model or EMBEDDED.source, "dtype": dtype, "quantization": quantization}
    return ModelSpec.model_validate({name: value for name, value in given.items() if value is not None})
