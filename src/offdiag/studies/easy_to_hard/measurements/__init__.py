"""Measurements of the study family easy to hard."""
