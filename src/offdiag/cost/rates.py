"""How fast a device is: measured here once (``offdiag doctor --calibrate``), or by its maker's data sheet.

A model's speed depends on its size, so rates are points by the number of weights, with a straight line in logarithms
between them. The time of a step follows from its tokens:

    training            operations / rate
    reading             operations / rate
    writing an answer   passes x seconds of a pass  +  operations / rate of many rows

A pass makes the next token of all rows of a batch. It takes some time however few they are: kernels are launched, and
all weights come out of memory.
"""

import platform
import sys
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from math import exp, inf, log
from pathlib import Path
from typing import Any

from offdiag.cost.peaks import LARGE, LAUNCHES, PEAKS, SHARE_OF_BANDWIDTH, SHARE_OF_PRODUCTS, Peak, gpu_names, peak_of
from offdiag.durable import write_text
from offdiag.errors import UserError
from offdiag.models.folders import cache_folder
from offdiag.runtime import Runtime, runs_on_cpu
from offdiag.steps import CostLine
from offdiag.strict_json import dumps, loads

Points = tuple[tuple[float, float], ...]  # (weights of a model, value), by weights

# Factors by which a time may be off in either direction.
WITHIN_CALIBRATED, WITHIN_TABLE = 2.0, 4.0


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Rates in one number format.

    Attributes:
        trained, read, written: operations a second of a training, of prompts, and of the answers of many rows.
        passes: seconds of a pass that makes one token of one row.
    """

    trained: Points
    read: Points
    written: Points
    passes: Points


@dataclass(frozen=True, kw_only=True)
class Rates:
    """How fast one device is.

    Attributes:
        basis: where the rates come from, in words. within: a time may be off by this factor.
        speeds: by number format.
    """

    basis: str
    within: float
    speeds: Mapping[str, Speed]

    def seconds(self, line: CostLine, dtype: str) -> tuple[float, float] | None:
        """Return the seconds of a step, with answers as long as ideal ones and as long as they may get.

        None where the size of its model is not known.
        """
        if line.flops_expected is None or line.flops_most is None:
            return None
        alike = {"float16": "bfloat16", "bfloat16": "float16"}.get(dtype, dtype)  # the same units compute in both
        speed = self.speeds.get(dtype) or self.speeds.get(alike) or self.speeds["float32"]
        return (
            _seconds(speed, line, line.flops_expected, line.generated_expected, line.passes_expected),
            _seconds(speed, line, line.flops_most, line.generated_most, line.passes_most),
        )


def _seconds(speed: Speed, line: CostLine, flops: float, generated: float, passes: float) -> float:
    shares = {"trained": 6 * line.trained_tokens, "read": 2 * line.prefill_tokens, "written": 2 * generated}
    whole = sum(shares.values())
    if not whole:
        return 0.0
    weights = flops / whole  # a step has one model: an adapter's training takes a little less than six per weight
    seconds = sum(weights * share / at(getattr(speed, of), weights) for of, share in shares.items() if share)
    larger = max(1.0, weights / speed.passes[-1][0])  # than any that was timed: bound by its bytes
    return seconds + (passes * at(speed.passes, weights) * larger if passes else 0.0)


def at(points: Points, weights: float) -> float:
    """Return the value for a model of so many weights; beyond the points it is that of the nearest.

    >>> at(((1e4, 1.0), (1e6, 100.0)), 1e5)
    10.0
    """
    place = bisect_left(points, (weights, 0.0))
    if place in (0, len(points)):
        return points[min(place, len(points) - 1)][1]
    (low, first), (high, second) = points[place - 1], points[place]
    share = log(weights / low) / log(high / low)
    return round(exp(log(first) + share * log(second / first)), 12)


def rates_here(runtime: Runtime | None = None, device: str = "") -> Rates | None:
    """Return the rates of a device: measured ones, else those of the table; None where neither is known.

    Args:
        runtime: how a run would compute here. device: a name of the table, for another machine than this.

    Raises:
        UserError: the table has no such device.
    """
    if device:
        if (found := from_table(device)) is None:
            raise UserError(f"device {device!r}: its peak rates are not known; expected one of {', '.join(PEAKS)}")
        return found
    runtime = runtime or Runtime()
    if runs_on_cpu(runtime):
        return calibrated(cpu_label(runtime))
    if runtime.device == "mps" or sys.platform == "darwin":
        return calibrated("mps")
    names = gpu_names()
    found_here = (calibrated(name) or from_table(name) for name in names[:1])
    return next(found_here, None)


def cpu_label(runtime: Runtime) -> str:
    """Return the processor and the threads of a run, for which a calibration holds."""
    name = platform.processor() or platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {runtime.threads} thread{'s' if runtime.threads > 1 else ''}"


def from_table(name: str) -> Rates | None:
    """Return the rates that a card's data sheet lets one expect; None for one that is not in the table."""
    found = peak_of(name)
    if found is None:
        return None
    known, peak = found
    return Rates(
        basis=f"the data sheet of {known}, of which {SHARE_OF_PRODUCTS:.0%} of the operations in large models and "
        f"{SHARE_OF_BANDWIDTH:.0%} of the bandwidth are assumed, and nothing was measured",
        within=WITHIN_TABLE,
        speeds={
            "float32": _by_table(peak, peak.float32, 4),
            "bfloat16": _by_table(peak, peak.bits_16, 2),
            "float16": _by_table(peak, peak.bits_16, 2),
        },
    )


def _by_table(peak: Peak, products: float, size: int) -> Speed:
    sizes = [10.0**power for power in range(4, 13)]
    rate = tuple((n, products * SHARE_OF_PRODUCTS * min(1.0, (n / LARGE) ** 0.5)) for n in sizes)
    passes = tuple(
        (n, LAUNCHES * (n / LARGE) ** 0.25 + n * size / (peak.bytes_per_second * SHARE_OF_BANDWIDTH)) for n in sizes
    )
    return Speed(trained=rate, read=rate, written=rate, passes=passes)


@dataclass(frozen=True, kw_only=True)
class MeasuredRates:
    """Rates that were measured on a device.

    Attributes:
        device: its name, with the threads of a processor. day: when. speeds: by number format.
    """

    device: str
    day: str
    speeds: Mapping[str, Speed]

    def keep(self) -> Path:
        """Write it into the user's cache, in the place of an earlier one of the same device; returns the file."""
        path = _file()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, dumps({**_kept(path), self.device: asdict(self)}, indent=1) + "\n")
        return path


def calibrated(device: str) -> Rates | None:
    """Return the rates that were measured on a device; None where none were."""
    found = _kept(_file()).get(device)
    try:
        speeds = {dtype: _speed(speed) for dtype, speed in found["speeds"].items()}  # type: ignore[index]
        day = str(found["day"])  # type: ignore[index]
    except (TypeError, KeyError, ValueError, OverflowError, AttributeError):
        return None  # none, or no file of ours: it is as if none were there
    basis = f"steps that were timed on {device} on {day} (offdiag doctor --calibrate)"
    return Rates(basis=basis, within=WITHIN_CALIBRATED, speeds=speeds) if "float32" in speeds else None


def _speed(found: Mapping[str, Sequence[Sequence[float]]]) -> Speed:
    points = {of: tuple((float(n), float(value)) for n, value in found[of]) for of in Speed.__dataclass_fields__}
    for several in points.values():
        sizes = [n for n, _ in several]
        if not several or sizes != sorted(set(sizes)) or not all(0 < number < inf for n in several for number in n):
            raise ValueError("no points in the order of sizes, all above 0")
    return Speed(**points)


def _file() -> Path:
    return cache_folder("calibration") / "rates.json"


def _kept(path: Path) -> dict[str, Any]:
    try:
        found = loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
