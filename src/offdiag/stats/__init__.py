"""Intervals, paired tests, bootstraps, multiplicity and power; NumPy and SciPy only."""

from offdiag.stats.bootstrap import (
    BootstrapMean,
    hierarchical_bootstrap,
    item_counts,
    percentile_ends,
    replicate_ends,
    seed_counts,
)
from offdiag.stats.crossed import CrossedMean, crossed_mean
from offdiag.stats.independent import independent_difference
from offdiag.stats.intervals import UNKNOWN, Estimate, FloatArray, Interval, median_interval, normal_quantile, wilson
from offdiag.stats.multiplicity import holm
from offdiag.stats.paired import PairedDifference, mcnemar, paired_difference, paired_from_counts
from offdiag.stats.power import minimum_detectable_difference

__all__ = [
    "UNKNOWN",
    "BootstrapMean",
    "CrossedMean",
    "Estimate",
    "FloatArray",
    "Interval",
    "PairedDifference",
    "crossed_mean",
    "hierarchical_bootstrap",
    "holm",
    "independent_difference",
    "item_counts",
    "mcnemar",
    "median_interval",
    "minimum_detectable_difference",
    "normal_quantile",
    "paired_difference",
    "paired_from_counts",
    "percentile_ends",
    "replicate_ends",
    "seed_counts",
    "wilson",
]
