"""Peak rates of graphics cards from their makers' data sheets, and the share that is expected; loads no torch."""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class Peak(NamedTuple):
    """What a card does at most: products and sums of float32 and of 16-bit numbers (dense), and bytes of its memory."""

    float32: float
    bits_16: float
    bytes_per_second: float


def _peak(float32: float, bits_16: float, gigabytes: float) -> Peak:
    return Peak(float32 * 1e12, bits_16 * 1e12, gigabytes * 1e9)


# Tera-operations a second without sparsity and without TF32, which torch leaves off; gigabytes a second. Of cards in
# several forms the slower one is listed. A name is looked for as a word in that of the device: an RTX A4000 is no A40.
PEAKS: dict[str, Peak] = {
    "B200": _peak(75, 2250, 7700),
    "H200": _peak(67, 989, 4800),
    "H100": _peak(51, 756, 2000),
    "A100": _peak(19.5, 312, 1555),
    "L40S": _peak(91.6, 362, 864),
    "L40": _peak(90.5, 181, 864),
    "L4": _peak(30.3, 121, 300),
    "A40": _peak(37.4, 149.7, 696),
    "A10": _peak(31.2, 125, 600),
    "RTX A6000": _peak(38.7, 154.8, 768),
    "RTX 6000 Ada": _peak(91.1, 364, 960),
    "RTX 4090": _peak(82.6, 165.2, 1008),
    "RTX 3090": _peak(35.6, 71, 936),
    "V100": _peak(15.7, 125, 900),
    "T4": _peak(8.1, 65, 320),
}

# Shares of the peaks that are assumed, and were measured on none of these cards: 40 % of the products in a model of a
# thousand million weights, less in smaller ones, whose kernels are short (the root of their share), and 60 % of the
# bandwidth. Launching the kernels of one token takes as long as said here in a model of a thousand million weights,
# less in smaller ones, which have fewer layers (the fourth root of their share).
SHARE_OF_PRODUCTS, SHARE_OF_BANDWIDTH = 0.4, 0.6
LARGE = 1e9
LAUNCHES = 0.010
DRIVER = Path("/proc/driver/nvidia/gpus")


def peak_of(name: str) -> tuple[str, Peak] | None:
    """Return the entry of the table whose name is in that of a device, such as ``NVIDIA H100 80GB HBM3``."""
    found = (known for known in PEAKS if re.search(rf"\b{known}\b", name, re.IGNORECASE))
    return next(((known, PEAKS[known]) for known in found), None)


def gpu_names() -> list[str]:
    """Return the names of the NVIDIA cards of this machine, as its driver tells them."""
    return list(_told())


def _told() -> Iterator[str]:
    with suppress(OSError):
        for file in sorted(DRIVER.glob("*/information")):
            for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
                key, _, value = line.partition(":")
                if key.strip() == "Model":
                    yield value.strip()
