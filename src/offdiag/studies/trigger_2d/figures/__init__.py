"""Figures of the study family trigger 2d."""
