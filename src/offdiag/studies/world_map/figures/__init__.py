"""Figures of the study family world map."""
