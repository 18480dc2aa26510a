"""Analyses of the study family world map."""
