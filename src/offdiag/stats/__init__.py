"""Statistics: intervals, paired tests, components, bootstraps, means, correlations and probes; NumPy and SciPy only."""

from offdiag.stats.bootstrap import (
    item_counts,
    percentile_ends,
    replicate_ends,
    seed_counts,
)
from offdiag.stats.intervals import (
    UNKNOWN,
    Estimate,
    FloatArray,
    Interval,
    independent_difference,
    median_interval,
    normal_quantile,
    wilson,
)
from offdiag.stats.means import crossed_mean
from offdiag.stats.paired import (
    PairedDifference,
    holm,
    mcnemar,
    minimum_detectable_difference,
    paired_difference,
    paired_from_counts,
)

__all__ = [
    "UNKNOWN",
    "Estimate",
    "FloatArray",
    "Interval",
    "PairedDifference",
    "crossed_mean",
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
