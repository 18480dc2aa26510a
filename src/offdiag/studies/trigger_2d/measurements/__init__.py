"""Measurements of the study trigger-2d."""
