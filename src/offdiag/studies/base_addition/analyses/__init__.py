"""Analyses of the study family base addition."""
