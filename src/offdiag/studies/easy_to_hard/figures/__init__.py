"""Figures of the study family easy to hard."""
