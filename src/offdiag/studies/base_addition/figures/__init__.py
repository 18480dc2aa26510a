"""Figures of the study family base addition."""
