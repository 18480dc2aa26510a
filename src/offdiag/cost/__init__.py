"""Cost: what a plan will take in tokens, operations and memory, before anything is loaded."""

from offdiag.cost.cost import Cost, Time
from offdiag.cost.estimate import check_contexts, estimate
from offdiag.cost.memory import Memory
from offdiag.cost.rates import Rates, rates_here
from offdiag.cost.served import Price, ServedCost, parse_prices
from offdiag.cost.shape import Shape
from offdiag.cost.sizes import Size, size_of
from offdiag.cost.throughput import Throughput, measured
from offdiag.cost.units import count, duration, flops, memory_size

__all__ = [
    "Cost",
    "Memory",
    "Price",
    "Rates",
    "ServedCost",
    "Shape",
    "Size",
    "Throughput",
    "Time",
    "check_contexts",
    "count",
    "duration",
    "estimate",
    "flops",
    "measured",
    "memory_size",
    "parse_prices",
    "rates_here",
    "size_of",
]
