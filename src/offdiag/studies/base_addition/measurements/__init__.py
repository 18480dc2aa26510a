"""Measurements of the study family base addition."""
