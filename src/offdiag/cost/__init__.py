"""Cost: what a plan will take in tokens, operations and memory, before anything is loaded."""

from offdiag.cost.cost import Cost
from offdiag.cost.estimate import check_contexts, estimate
from offdiag.cost.memory import Memory
from offdiag.cost.served import Price, ServedCost, parse_prices
from offdiag.cost.shape import Shape
from offdiag.cost.sizes import Size, size_of
from offdiag.cost.throughput import Throughput, measured
from offdiag.cost.units import count, duration, flops, memory_size

__all__ = [
    "Cost",
    "Memory",
    "Price",
    "ServedCost",
    "Shape",
    "Size",
    "Throughput",
    "check_contexts",
    "count",
    "duration",
    "estimate",
    "flops",
    "measured",
    "memory_size",
    "parse_prices",
    "size_of",
]
