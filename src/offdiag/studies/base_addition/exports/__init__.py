"""Exports of the study family base addition: files that other programs read."""
