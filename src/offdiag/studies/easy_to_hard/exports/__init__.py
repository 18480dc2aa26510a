"""Exports of the study family easy to hard: files that other programs read."""
