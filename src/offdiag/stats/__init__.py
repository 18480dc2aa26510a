"""Statistics: intervals, paired tests, bootstraps, means, correlations and probes; NumPy and SciPy only."""

from offdiag.stats.bootstrap import (
    BootstrapMean,
    hierarchical_bootstrap,
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
from offdiag.stats.means import CrossedMean, crossed_mean
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
