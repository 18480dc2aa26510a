"""Study family base addition: base-addition, base-thresholds."""
